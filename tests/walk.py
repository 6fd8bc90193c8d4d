"""A person's way through the whole product: Slack, the pages in a browser, both ledgers."""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from sandbox.paymo import Company
from sandbox.paymo import Invoice as PaymoInvoice
from sandbox.slack import Message, View
from sandbox.xero.model import Invoice as XeroInvoice
from sandbox.xero.organisation import Organisation
from tests.bot.town import PAYMO_KEY, Town, press, town

Found = TypeVar("Found")

PATIENCE = 60
LINES = [("Design", "Home page", 10, "120.00"), ("Travel", "Train", 1, "33.33", False)]


@dataclass(frozen=True, slots=True)
class Walk:
    """Anna and Ben in a workspace, a Paymo company, a Xero organisation."""

    town: Town
    company: Company
    books: Organisation

    # In Slack.

    async def type(self, text: str, user: str = "Anna") -> None:
        """Type a command in the channel."""
        answer = await self.town.slack.command(user, "invoices", text)
        assert answer.ok, answer.failure

    async def modal(self, callback_id: str, user: str = "Anna") -> View:
        """Wait until this modal is on top."""

        def on_top() -> View | None:
            view = self.town.slack.top_view(user)
            return view if view and view.callback_id == callback_id else None

        return await self._until(on_top, callback_id, user)

    async def modal_saying(self, words: str, user: str = "Anna") -> View:
        """Wait until the modal on top says this."""

        def says() -> View | None:
            view = self.town.slack.top_view(user)
            return view if view and words in text_in(view.payload) else None

        return await self._until(says, words, user)

    async def notice(self, kind: str, nth: int = 1, channel: str = "invoices") -> Message:
        """Wait for the nth message whose metadata is of this kind."""

        def told() -> Message | None:
            found = [
                each
                for each in self.town.slack.messages(channel)
                if (each.metadata or {}).get("event_type") == kind
            ]
            return found[nth - 1] if len(found) >= nth else None

        return await self._until(told, kind, "Anna")

    async def rewritten(self, kind: str, words: str) -> Message:
        """Wait until the notice of this kind says something else."""

        def says() -> Message | None:
            found = self.town.slack.messages("invoices")
            fit = (each for each in found if (each.metadata or {}).get("event_type") == kind)
            return next((each for each in fit if words in text_in(each.blocks)), None)

        return await self._until(says, words, "Anna")

    async def without(self, action_id: str, told: Message) -> str:
        """Wait until Slack holds this message without that button; return what it says."""

        def over() -> str | None:
            held = self.town.slack.messages(told.channel_id)
            drawn = [each.blocks for each in held if each.ts == told.ts]
            is_there = not drawn or f"'action_id': '{action_id}'" in str(drawn)
            return None if is_there else text_in(drawn)

        return await self._until(over, f"the end of {action_id}", "Anna")

    def refused(self) -> list[str]:
        """Return what Slack refused, but for views that were closed or went on meanwhile."""
        answers = [json.loads(each["response"])["error"] for each in self.town.slack.refused]
        return [each for each in answers if each not in {"hash_conflict", "not_found"}]

    def kinds(self) -> list[str]:
        """Return the kinds of all notices in the channel, in order."""
        found = [each.metadata or {} for each in self.town.slack.messages("invoices")]
        return [each["event_type"] for each in found if each]

    async def ephemeral(self, words: str, user: str = "Anna") -> Message:
        """Wait for a message that only this person reads."""

        def told() -> Message | None:
            found = self.town.slack.ephemerals(user)
            return next((each for each in found if words in text_in(each.blocks) + each.text), None)

        return await self._until(told, words, user)

    async def _until(self, condition: Callable[[], Found | None], words: str, user: str) -> Found:
        """Wait, and when it is in vain say what this person saw instead."""
        try:
            return await self.town.slack.wait_for(condition, PATIENCE)
        except TimeoutError as error:
            view = self.town.slack.top_view(user)
            seen = text_in(view.payload) if view else "no modal"
            read = [each.text for each in self.town.slack.ephemerals(user)][-3:]
            raise AssertionError(f"{words!r} did not come; {seen[:900]!r}; {read}") from error

    async def press(self, where: View | Message, *button: str) -> None:
        """Press a button, of several like it the one in a block."""
        answer = await self.town.slack.press("Anna", where, *button)
        assert answer.ok, answer.failure

    async def submit(self, view: View, user: str = "Anna") -> None:
        """Send a modal that Slack and the app take."""
        answer = await self.town.slack.submit(user, view.id)
        assert answer.ok, (answer.failure, answer.errors)

    # The main job.

    async def connect(self, *, subscribe: bool = True) -> None:
        """Connect both sides as a person does: two pages, then a channel."""
        await self.type("connect")
        view = await self.modal("connect")
        await self.give_key(link_in(view, "connect_paymo"))
        view = await self.modal_saying(self.company.name)
        await self.consent(link_in(view, "connect_xero"))
        view = await self.modal_saying(self.books.name)
        channel = self.town.room.id if subscribe else None
        await self.town.slack.choose("Anna", view.id, "channel", channel)
        await self.submit(view)
        if subscribe:
            await self.town.slack.wait_for(lambda: self.town.slack.messages("invoices"), PATIENCE)
        await self.close()

    async def give_key(self, link: str, key: str = PAYMO_KEY) -> str:
        """Paste the API key on our own page."""
        done = await press(self.town.http, link, api_key=key)
        return str(done.text)

    async def consent(self, link: str) -> str:
        """Go on to Xero's consent, which is given at once, and back."""
        page = await press(self.town.http, link)
        return str(page.text)

    async def export(self, number: str, **chosen: str) -> str:
        """Export an invoice with what the form proposes, unless told; return what came of it."""
        form = await self.form(number)
        for name, value in chosen.items():
            await self.town.slack.choose("Anna", form.id, name, value)
        await self.submit(form)
        done = await self._until(self._outcome, "exported to", "Anna")
        await self.close()
        return done

    def _outcome(self) -> str | None:
        """Return what came of an export: over the form, or whispered when that is gone."""
        view = self.town.slack.top_view("Anna")
        told = [text_in(view.payload)] if view else []
        told += [text_in(each.blocks) for each in self.town.slack.ephemerals("Anna")]
        return next((each for each in told if "exported to" in each), None)

    async def close(self) -> None:
        """Close whatever is open."""
        if self.town.slack.top_view("Anna"):
            await self.town.slack.close_view("Anna", everything=True)

    async def form(self, number: str) -> View:
        """Open the form for an invoice and wait until it was read."""
        await self.type(f"export {number}")
        await self.modal("export")
        return await self.modal_saying("passed")

    async def read_clients(self) -> None:
        """Wait until Paymo's clients were read: an export copies the one of its invoice alone."""
        for _ in range(300):
            await self.type("match")
            view = await self.modal("match")
            await self.close()
            if "of 2 clients" in text_in(view.payload):
                return
        pytest.fail("Paymo's clients were never read")

    async def add_exporter(self, *names: str, **chosen: str) -> None:
        """Let others export, too, and choose what else the settings hold."""
        slack = self.town.slack
        await self.type("settings")
        view = await self.modal("settings")
        await slack.choose("Anna", view.id, "exporters", [slack.user(each).id for each in names])
        for field, value in chosen.items():
            await slack.choose("Anna", view.id, field, value)
        await self.submit(view)
        await self.modal_saying("The settings are saved")
        await self.close()

    async def disconnect(self) -> None:
        """End the connection on both sides."""
        await self.type("disconnect")
        view = await self.modal("disconnect")
        await self.town.slack.submit("Anna", view.id)
        await self.modal_saying("is disconnected")
        await self.close()

    # In the ledgers.

    def in_paymo(self, number: str) -> PaymoInvoice:
        """Return an invoice as it stands in Paymo."""
        return self.company.numbered(number)

    def in_xero(self, number: str) -> XeroInvoice:
        """Return an invoice as it stands in Xero."""
        return next(each for each in self.books.invoices.values() if each.number == number)

    def pay(self, number: str, amount: str) -> str:
        """Pay an invoice in Xero."""
        invoice = self.in_xero(number)
        return self.books.pay(
            invoice.invoice_id, Decimal(amount), date=self.books.moment().date()
        ).payment_id


@asynccontextmanager
async def walking(database_url: str, **settings: Any) -> AsyncIterator[Walk]:
    """Open the town with a small agency in it."""
    async with town(database_url, **{"sync_interval_seconds": 1, **settings}) as made:
        made.slack.add_user("Ben")
        company = made.paymo.add_company("Maple Studio", key=PAYMO_KEY)
        books = made.xero.add_organisation("Maple Books")
        books.add_usual_books()
        books.add_contact("Acme Ltd", email="pay@acme.example")
        acme = company.add_client("ACME Limited")
        company.add_client("Kiwi <!channel> Farm", email="farm@kiwi.example")
        for place in range(1, 7):
            company.add_invoice(f"INV-{place}", acme, LINES, tax=15)
        made.xero.consent.auto = True
        yield Walk(made, company, books)


def text_in(payload: Any) -> str:
    """Return all words that are shown."""
    if isinstance(payload, dict):
        own = payload["text"] if isinstance(payload.get("text"), str) else ""
        return own + " ".join(text_in(each) for each in payload.values())
    if isinstance(payload, list):
        return " ".join(text_in(each) for each in payload)
    return ""


def link_in(view: View, action_id: str) -> str:
    """Return the address behind a button."""
    found = re.findall(r"'action_id': '(\w+)'[^{}]*'url': '([^']+)'", str(view.blocks))
    return str(dict(found)[action_id])


def link_in_card(card: Message, action_id: str) -> str:
    """Return the address behind a button of a message."""
    rows = (each.get("elements", []) for each in card.blocks)
    return next(
        str(each["url"]) for row in rows for each in row if each.get("action_id") == action_id
    )
