"""What people do in Slack, again and again until it goes, as people do where something is down."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from sandbox.slack import Message, View
from sandbox.slack.model import NotPossible
from tests.bot.town import press
from tests.chaos.stage import PAYMO_KEY, ROOM, Stage
from tests.walk import link_in, text_in

Found = TypeVar("Found")
GLANCE = 12  # seconds that somebody waits before typing or pressing again
PATIENCE = 240  # after which somebody gives up, and the campaign says that something is stuck


class Stuck(AssertionError):
    """Somebody gave up."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who works with the program."""

    stage: Stage
    name: str = "Anna"

    async def insist(
        self, words: str, act: Callable[[], Awaitable[object]], done: Callable[[], Found | None]
    ) -> Found:
        """Act until it is done; whatever fails is tried again."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(NotPossible, TimeoutError, httpx.HTTPError, StopIteration):
                await act()
            if (found := await self.glance(done)) is not None:
                return found
        raise Stuck(f"{self.name} gave up: {words}; {self.sees()}")

    async def glance(
        self, done: Callable[[], Found | None], seconds: float = GLANCE
    ) -> Found | None:
        """Wait a little for something to be there."""
        end = time.monotonic() + seconds
        while (found := done()) is None and time.monotonic() < end:
            await asyncio.sleep(0.1)
        return found

    def sees(self) -> str:
        """What this person reads at the moment."""
        slack = self.stage.slack
        view = slack.top_view(self.name)
        read = [each.text for each in slack.ephemerals(self.name)][-2:]
        return f"{text_in(view.payload)[:300] if view else 'no form'} … {read}"

    async def type(self, text: str) -> None:
        """Type a command in the channel."""
        await self.stage.slack.command(self.name, ROOM, text)

    async def open(self, text: str, callback_id: str, words: str) -> View | None:
        """Type a command and wait a little until its form says these words."""
        slack = self.stage.slack

        def shown() -> View | None:
            view = slack.top_view(self.name)
            fits = view and view.callback_id == callback_id and words in text_in(view.payload)
            return view if fits else None

        await self.close()
        await self.type(text)
        return await self.glance(shown)

    async def form(self, text: str, callback_id: str, words: str) -> View:
        """Type a command until its form says these words."""
        found: list[View] = []

        async def ask() -> None:
            found.extend(filter(None, [await self.open(text, callback_id, words)]))

        return (await self.insist(text, ask, lambda: found or None))[0]

    async def submit(self, view: View) -> bool:
        """Submit a form; say whether the program took it."""
        is_taken = (await self.stage.slack.submit(self.name, view.id)).ok
        if is_taken:
            self.stage.acted_at = time.monotonic()
        return is_taken

    async def close(self) -> None:
        """Close whatever is open."""
        if self.stage.slack.top_view(self.name):
            with contextlib.suppress(NotPossible):
                await self.stage.slack.close_view(self.name, everything=True)

    async def press(
        self, find: Callable[[], Message | None], button: str, done: Callable[[], bool]
    ) -> None:
        """Press a message's button until something is done."""

        taken: list[float] = []

        async def act() -> None:
            message = await self.glance(find, PATIENCE / 4)
            if message is None or done():
                return
            is_hers = message.channel_id == self.stage.slack.direct("Anna").id
            presser = "Anna" if is_hers else self.name
            if (await self.stage.slack.press(presser, message, button)).ok and not taken:
                taken.append(time.monotonic())
                self.stage.acted_at = taken[0]

        await self.insist(button, act, lambda: done() or None)

    def told(self, kind: str, paymo_id: int | None = None, after: str = "") -> Message | None:
        """Return the newest notification of a kind, about one invoice if it is named.

        While the channel is paused, it comes to Anna, who subscribed it.
        """
        slack = self.stage.slack
        for each in reversed([*slack.direct("Anna").messages, *slack.messages(ROOM)]):
            about: dict[str, Any] = each.metadata or {}
            payload = about.get("event_payload", {})
            is_it = paymo_id is None or payload.get("paymo_invoice_id") == paymo_id
            if about.get("event_type") == kind and is_it and each.ts > after:
                return each
        return None

    async def connect(self) -> None:
        """Go through the checklist and both pages, and begin anew where that does not go on."""
        is_done: list[bool] = []

        async def act() -> None:
            view = await self.open("connect", "connect", "Paymo")
            if view is None:
                return
            async with httpx.AsyncClient(timeout=20, trust_env=False) as browser:
                if self.stage.company.name not in text_in(view.payload):
                    await press(browser, link_in(view, "connect_paymo"), api_key=PAYMO_KEY)
                    view = await self._saying(self.stage.company.name)
                if self.stage.books.name not in text_in(view.payload):
                    await press(browser, link_in(view, "connect_xero"))
                    view = await self._saying(self.stage.books.name)
            room = self.stage.slack.channel(ROOM)
            await self.stage.slack.choose(self.name, view.id, "channel", room.id)
            if await self.submit(view):
                is_done.append(True)

        await self.insist("connect", act, lambda: is_done or None)
        await self.close()

    async def _saying(self, words: str) -> View:
        def shown() -> View | None:
            view = self.stage.slack.top_view(self.name)
            return view if view and words in text_in(view.payload) else None

        found = await self.glance(shown)
        if found is None:
            raise TimeoutError
        return found

    async def reconnect(self) -> None:
        """Give Xero's consent anew, from the checklist."""
        view = await self.form("connect", "connect", "Xero")
        async with httpx.AsyncClient(timeout=20, trust_env=False) as browser:
            await press(browser, link_in(view, "connect_xero"))
        await self.close()
