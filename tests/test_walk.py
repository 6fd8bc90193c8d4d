"""The whole product from outside: commands and modals in, both ledgers and the channel out."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from tests.walk import Walk, text_in, walking


def record(lines: str) -> None:
    """Keep what went over Slack's wire where `make check-slack` wants it."""
    if kept := os.environ.get("RECORD"):
        with Path(kept).open("a", encoding="utf-8") as file:
            file.write(lines)


@pytest.fixture
async def walk(database_url: str) -> AsyncIterator[Walk]:
    """Everything up, nothing connected yet; at the end nothing was refused by Slack."""
    async with up(database_url) as made:
        yield made


@pytest.fixture
async def quick_walk(sqlite_url: str) -> AsyncIterator[Walk]:
    """The same on SQLite alone, for what does not touch the ledgers."""
    async with up(sqlite_url) as made:
        yield made


@asynccontextmanager
async def up(database_url: str) -> AsyncIterator[Walk]:
    """Serve everything, and look at the end what Slack refused."""
    async with walking(database_url) as made:
        yield made
        record(made.town.slack.wire.lines())
        assert made.town.slack.failures == []
        assert made.refused() == []


async def test_from_connect_to_a_paid_invoice_and_back(walk: Walk) -> None:
    """Exported to the cent, paid in two parts in Xero, told, and one part removed."""
    await walk.connect()
    done = await walk.export("INV-1")
    made = walk.in_xero("INV-1")
    assert made.invoice_id in done
    assert made.total == walk.in_paymo("INV-1").total == Decimal("1413.33")
    card = await walk.notice("invoice_exported")
    assert (card.metadata or {})["event_payload"]["xero_invoice_id"] == made.invoice_id

    payment_id = walk.pay("INV-1", "413.33")
    received = await walk.notice("payment_received")
    assert received.thread_ts == card.ts
    assert walk.in_paymo("INV-1").status == "sent"
    walk.pay("INV-1", "1000.00")
    settled = await walk.notice("payment_received", 2)
    assert (received.broadcast, settled.broadcast) == (False, True)  # everybody reads the last
    assert walk.in_paymo("INV-1").status == "paid"

    walk.books.remove_payment(payment_id)
    await walk.notice("payment_removed")
    assert walk.in_paymo("INV-1").status == "viewed"
    for text in ("INV-1", "show #inv-1"):
        await walk.type(text)
        await walk.ephemeral(", $413.33 left")
    await walk.type("show INV-2")
    await walk.modal("export")  # it is not in Xero yet


async def test_voided_and_deleted_invoices_follow_in_paymo(walk: Walk) -> None:
    """And disconnecting ends it on both sides."""
    await walk.connect()
    await walk.export("INV-2")
    walk.books.void(walk.in_xero("INV-2").invoice_id)
    await walk.notice("invoice_voided")
    assert walk.in_paymo("INV-2").status == "void"

    await walk.export("INV-3", xero_status="DRAFT")
    walk.books.delete(walk.in_xero("INV-3").invoice_id)
    await walk.notice("invoice_deleted")
    assert all(each.number != "INV-3" for each in walk.company.invoices.values())

    await walk.disconnect()
    assert walk.town.xero.authority.connections == {}
    told = await walk.notice("connection_ended")
    assert "disconnected Maple Studio and Maple Books" in told.text


async def test_reconnecting_the_same_two_exports_nothing_twice(walk: Walk) -> None:
    """What was exported is still known, and payments made meanwhile arrive."""
    await walk.connect()
    await walk.export("INV-1")
    await walk.disconnect()
    walk.pay("INV-1", "13.33")
    await walk.connect()
    await walk.notice("payment_received")
    await walk.type("export INV-1")
    card = await walk.ephemeral("13.33")
    assert "INV-1" in card.text
    assert len(walk.books.invoices) == 1


async def test_e67_a_new_contact_and_hostile_names(walk: Walk) -> None:
    """A client called like a mention pings nobody and arrives in Xero under its name."""
    await walk.connect()
    kiwi = next(each for each in walk.company.clients.values() if "Kiwi" in each.name)
    walk.company.add_invoice("#K-1", kiwi, [("Seeds", "<b>5 kg</b>", 3, "19.99")], tax=15)
    await walk.export("#K-1", contact="new", account="Sales (200)")
    assert walk.in_xero("#K-1").total == walk.in_paymo("#K-1").total
    names = [each.name for each in walk.books.contacts.values()]
    assert names.count("Kiwi !channel Farm") == 1  # Xero takes no angle brackets
    await walk.notice("invoice_exported")
    assert "<!channel>" not in str([each.blocks for each in walk.town.slack.messages("invoices")])


async def test_e66_a_double_submit_is_one_invoice(walk: Walk) -> None:
    """Slack's retry, or an impatient finger."""
    await walk.connect()
    form = await walk.form("INV-1")
    first = await walk.town.slack.submit("Anna", form.id)
    again = await walk.town.slack.resend(first)
    assert first.ok
    assert again.status == 200
    await walk.notice("invoice_exported")
    assert len(walk.books.invoices) == 1


async def test_e70_only_who_connected_exports_until_others_are_chosen(quick_walk: Walk) -> None:
    """Everybody else is told whom to ask."""
    walk = quick_walk
    await walk.connect()
    await walk.type("export INV-1", user="Ben")
    await walk.ephemeral(f"<@{walk.town.anna.id}>", "Ben")
    await walk.add_exporter("Ben")
    await walk.type("export INV-1", user="Ben")
    await walk.modal("export", "Ben")


async def test_e65_a_killed_channel_pauses_and_tells_who_subscribed_it(quick_walk: Walk) -> None:
    """Nothing is lost: the notice comes to that person instead."""
    walk = quick_walk
    await walk.connect()
    await walk.town.slack.archive("invoices", "Anna")
    await walk.export("INV-1")
    direct = walk.town.slack.direct("Anna")
    await walk.notice("invoice_exported", channel=direct.id)
    paused = await walk.notice("channel_paused", channel=direct.id)
    assert "paused" in paused.text
    assert walk.refused() == ["is_archived"]
    walk.town.slack.wire.entries.clear()


async def test_everything_else_that_can_be_typed(quick_walk: Walk) -> None:
    """Each verb answers, before and after connecting."""
    walk = quick_walk
    for text, words in (
        ("", "aren't connected"),
        ("status", "aren't connected"),
        ("help", "brings payments and deletions back"),
        ("exprot", "Did you mean"),
        ("export INV-1", "aren't connected"),
    ):
        await walk.type(text)
        await walk.ephemeral(words)
    await walk.type("sync")
    await walk.modal_saying("connected yet")
    await walk.connect(subscribe=False)
    for text, words in (
        ("", "Connected"),
        ("status", "*Sync:*"),
        ("subscribe paymnets", "Did you mean payments"),
        ("subscribe payments", "private"),
        ("unsubscribe", "subscribed"),
        ("history", "connected Xero"),
    ):
        await walk.type(text)
        await walk.ephemeral(words)
    await walk.type("sync")
    await walk.modal_saying("Maple Books")
    await walk.form("INV-1")  # once it is drawn, Xero's lists were read
    await walk.close()
    await walk.read_clients()
    await walk.type("match")
    view = await walk.modal("match")
    await walk.town.slack.choose("Anna", view.id, "contact", "Acme Ltd")
    await walk.town.slack.choose("Anna", view.id, "account", "Sales (200)")
    await walk.submit(view)
    await walk.modal_saying("Kiwi")
    await asyncio.wait_for(walk.town.slack.open_home("Ben"), 60)
    await walk.town.slack.wait_for(lambda: walk.town.slack.home("Ben"))


async def test_e07_ended_in_xero_alone_it_says_what_is_left_to_do(quick_walk: Walk) -> None:
    """In the channel and to the person, with the button that ends the other side."""
    walk = quick_walk
    await walk.connect()
    walk.town.xero.disconnect(walk.books.tenant_id)
    told = await walk.notice("connection_broken")
    await walk.notice("connection_broken", channel=walk.town.slack.direct("Anna").id)
    assert "disconnect it here too" in text_in(told.blocks)
    await walk.town.slack.press("Anna", told.ts, "disconnect")
    view = await walk.modal("disconnect")
    await walk.town.slack.submit("Anna", view.id)
    await walk.modal_saying("The API key of Maple Studio is deleted here")
