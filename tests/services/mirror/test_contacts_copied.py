"""How often Xero's contacts are copied, what that costs of the day's calls, and what moves."""

import asyncio
from datetime import datetime, timedelta

import pytest

from sandbox.serving import Seen
from services.store import mirror
from services.store.engine import Database
from services.store.tables import Contact, InvoiceHeader
from tests.databases import SQLITE_ALONE
from tests.services.bridge import Bridge, built_once
from tests.services.fixtures import bridge_of

pytestmark = SQLITE_ALONE

MANY = 2050


@built_once
async def pair(database: Database) -> Bridge:
    """A connected pair whose organisation has many contacts, all of them copied."""
    made = await Bridge.with_acme(database)
    for nth in range(MANY):
        made.xero.books.add_contact(f"Client {nth}")
    await hour(made)
    return made


bridge = bridge_of(pair)


async def hour(bridge: Bridge, hours: int = 1) -> list[Seen]:
    """Let hours go by; return what was asked of contacts."""
    before = len(bridge.xero.requests)
    for _ in range(hours):
        await bridge.wait(minutes=61)
    return [each for each in bridge.xero.requests[before:] if each.path.endswith("/Contacts")]


async def known(bridge: Bridge, contact_id: str, *, follows: bool = False) -> tuple[str, bool]:
    """Return a contact's name, and whether it can be used, as far as the mirror knows."""
    async with bridge.database.sessions() as session:
        found = await mirror.find_contact(
            session, bridge.connection_id, contact_id, follows=follows
        )
    return ("", False) if found is None else (found.name, found.is_active)


async def test_every_hour_what_changed_is_one_call(bridge: Bridge) -> None:
    one, two, three, *_ = bridge.xero.books.contacts
    books = bridge.xero.books
    books.rename_contact(one, "Acme (UK) Ltd")
    books.archive_contact(two)
    books.merge_contact(three, into=one)
    added = books.add_contact("New Ltd").contact_id

    (asked,) = await hour(bridge)

    assert "If-Modified-Since" in asked.headers
    assert await known(bridge, one) == ("Acme (UK) Ltd", True)
    assert (await known(bridge, two))[1] is False
    assert await known(bridge, three, follows=True) == ("Acme (UK) Ltd", True)
    assert await known(bridge, added) == ("New Ltd", True)


@pytest.mark.thorough
async def test_a_night_brings_everything_once(bridge: Bridge) -> None:
    gone = next(iter(bridge.xero.books.contacts))
    del bridge.xero.books.contacts[gone]  # for good, as Xero's own people can
    await hour(bridge)
    assert (await known(bridge, gone))[0] == "Acme Ltd"

    asked = await hour(bridge, hours=24)

    whole = [each for each in asked if "If-Modified-Since" not in each.headers]
    assert len(whole) == 3 + 1  # a page for each thousand, and what is missing by its id
    assert len(asked) <= 4 + 24
    assert (await known(bridge, gone))[0] == ""


async def test_a_contact_that_moves_to_a_page_read_before_is_not_gone(bridge: Bridge) -> None:
    books, gate = bridge.xero.books, asyncio.Event()
    second = bridge.xero.faults.add(method="GET", path="/Contacts$", skip=1, gate=gate)
    bridge.clock.turn(hours=24)
    copying = asyncio.create_task(bridge.copy())
    await second.came.wait()
    first = next(iter(books.contacts))
    books.contacts[first] = books.contacts.pop(first)  # one of page 2 is on page 1 now
    gate.set()
    await copying

    assert len(bridge.xero.calls("GET", "/Contacts$")) >= 4
    async with bridge.database.sessions() as session:
        assert await mirror.list_ids(session, bridge.connection_id, Contact) == {*books.contacts}


async def test_an_invoice_that_moves_to_a_page_read_before_stays_in_the_menus(
    bridge: Bridge,
) -> None:
    company = bridge.paymo.company
    client = next(iter(company.clients.values()))
    ids = [company.add_invoice(f"N-{nth}", client, [("Work", "", 1, "1")]).id for nth in range(130)]
    await hour(bridge)
    gate = asyncio.Event()
    second = bridge.paymo.faults.add(method="GET", path="/invoices$", skip=1, gate=gate)
    bridge.clock.turn(minutes=61)
    copying = asyncio.create_task(bridge.copy())
    await second.came.wait()
    company.delete_invoice(ids[0])  # what comes first on page 2 is on page 1 now
    gate.set()
    await copying

    async with bridge.database.sessions() as session:
        held = await mirror.list_ids(session, bridge.connection_id, InvoiceHeader)
    assert held >= {*ids[1:]}


async def test_while_calls_are_short_nothing_is_copied(bridge: Bridge) -> None:
    used = bridge.xero.limits.usages[bridge.xero.books.tenant_id].day.used
    bridge.xero.limits.per_day = used + 100
    await bridge.look()
    renamed = next(iter(bridge.xero.books.contacts))
    bridge.xero.books.rename_contact(renamed, "Acme (UK) Ltd")

    assert await hour(bridge, hours=3) == []

    bridge.xero.limits.per_day = 5000
    await hour(bridge, hours=2)
    assert (await known(bridge, renamed))[0] == "Acme (UK) Ltd"


async def test_a_clock_that_is_ahead_of_xeros_loses_nothing(bridge: Bridge) -> None:
    at: datetime = bridge.clock.time
    contact = next(iter(bridge.xero.books.contacts.values()))
    contact.name, contact.updated = "Acme (UK) Ltd", at - timedelta(minutes=3)

    await hour(bridge)

    assert await known(bridge, contact.contact_id) == ("Acme (UK) Ltd", True)
