"""Slack over a socket that the program keeps open and renews; each envelope is handled once.

Slack's own client holds on to an address that opens only once, and hangs up before it has another
connection. So this module does that client's work, on the same library.
"""

import asyncio
import contextlib
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError

from bot import http
from bot.slack_app import AfterAnswers, Departure, SlackAnswer, SlackDoor
from bot.slack_clients import SlackWeb
from bot.work import Tasks
from handlers.slack import TROUBLE, name_of, wait_of

log = structlog.get_logger(__name__)

_HEARTBEAT = timedelta(seconds=10)
_PAUSE = timedelta(seconds=1)
_DOUBLINGS = 5
_REMEMBERED = 1000
_SENT_AGAIN = timedelta(seconds=3)
_OK = 200
_TROUBLE = (*TROUBLE, ValueError)  # the last: an address that is none

Json = dict[str, Any]
Socket = aiohttp.ClientWebSocketResponse


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request to our handlers, and the departure of its answer."""

    answer: asyncio.Future[SlackAnswer]
    departure: Departure


@dataclass(slots=True)
class SlackSocket:
    """Socket Mode: Slack sends everything over the newest connection, and waits for each answer."""

    door: SlackDoor
    token: str = field(repr=False)
    web: SlackWeb
    tasks: Tasks
    after: AfterAnswers
    pause: timedelta = _PAUSE  # after the first failure; it doubles up to five times
    is_leaving: bool = False
    failures: int = 0
    newest: Socket | None = None
    keeping: asyncio.Task[None] | None = None
    listening: set[asyncio.Task[None]] = field(default_factory=set)
    # What was answered to the last envelopes, since Slack sends again what it saw no answer to.
    asked: OrderedDict[str, _Asked] = field(default_factory=OrderedDict)

    def start(self) -> None:
        """Open a connection, and keep one open from now on."""
        self.keeping = asyncio.create_task(self._keep_open(), name="slack socket")

    def leave(self) -> None:
        """Take nothing new; what was taken is still answered."""
        self.is_leaving = True

    async def close(self) -> None:
        """Hang up."""
        self.is_leaving = True
        ending = [*self.listening, *([self.keeping] if self.keeping else [])]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def _keep_open(self) -> None:
        while True:
            try:
                self.newest = await self._connect()
            except _TROUBLE as error:
                log.warning("slack_socket_refused", error=name_of(error))
                await asyncio.sleep(self._wait_after(error).total_seconds())
                continue
            over = asyncio.Event()
            task = asyncio.create_task(self._listen(self.newest, over.set), name="slack socket")
            self.listening.add(task)
            task.add_done_callback(self.listening.discard)
            await over.wait()

    async def _connect(self) -> Socket:
        answer = await self.web.client().apps_connections_open(app_token=self.token)
        heartbeat = _HEARTBEAT.total_seconds()
        address: Any = answer.get("url")
        if not isinstance(address, str):
            raise SlackClientError("no address")
        return await self.web.session.ws_connect(address, heartbeat=heartbeat)

    def _wait_after(self, error: Exception) -> timedelta:
        """Return how long to wait: what Slack asked for, else twice as long each time."""
        wait = self.pause * (1 << self.failures)
        self.failures = min(self.failures + 1, _DOUBLINGS)
        return max(wait, wait_of(error)) if isinstance(error, SlackApiError) else wait

    async def _listen(self, socket: Socket, over: Callable[[], None]) -> None:
        """Take what comes until Slack hangs up; `over` asks for another connection."""
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(socket, _decoded(message.data), over)
        finally:
            over()
            await socket.close()

    def _take(self, socket: Socket, message: Json, over: Callable[[], None]) -> None:
        kind = message.get("type")
        if kind == "hello":
            self.failures = 0
            log.info("slack_socket_open")
        elif kind == "disconnect":
            # Slack hangs up soon; until then it may still send and be answered here.
            log.info("slack_socket_renewed", reason=message.get("reason"))
            over()
        elif (
            "envelope_id" in message
            and isinstance(message.get("payload"), dict)
            and not self.is_leaving
        ):
            self.tasks.start(self._answer(socket, message), "slack envelope")

    async def _answer(self, socket: Socket, envelope: Json) -> None:
        asked = self._asked(envelope)
        is_lost = False
        try:
            answer = await asyncio.shield(asked.answer)
            if answer.status == _OK:
                is_lost = not await self._send(socket, _acknowledgement(envelope, answer))
            else:
                log.warning("slack_envelope_failed", status=answer.status)
            if is_lost and not self.is_leaving:
                # Slack sends it again soon, and is given the same answer then.
                log.info("slack_answer_lost")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_SENT_AGAIN.total_seconds()):
                        await asked.departure.gone.wait()
        finally:
            await asked.departure.leave()

    def _asked(self, envelope: Json) -> _Asked:
        """Ask our handlers, unless they were asked the same before."""
        envelope_id = str(envelope["envelope_id"])
        known = self.asked.get(envelope_id)
        if known is not None:
            return known
        departure = self.after.departure()
        with departure.awaited():
            answer = asyncio.ensure_future(self.door.answer(envelope["payload"]))
        asked = self.asked[envelope_id] = _Asked(answer, departure)
        if len(self.asked) > _REMEMBERED:
            self.asked.popitem(last=False)
        return asked

    async def _send(self, socket: Socket, text: str) -> bool:
        """Answer where it was asked, or on the newest connection; return whether it left."""
        for each in (socket, self.newest):
            if each is None or each.closed:
                continue
            try:
                await each.send_str(text)
            except (aiohttp.ClientError, ConnectionError):
                continue
            return True
        return False


def _decoded(text: str) -> Json:
    """Read a message; an unreadable one counts as empty."""
    try:
        return http.json_object(text)
    except http.BadBody:
        log.warning("slack_socket_unreadable")
        return {}


def _acknowledgement(envelope: Json, answer: SlackAnswer) -> str:
    acknowledgement: Json = {"envelope_id": envelope["envelope_id"]}
    if answer.body:
        acknowledgement["payload"] = answer.body
    return json.dumps(acknowledgement, ensure_ascii=False)
