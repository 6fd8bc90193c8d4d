"""What Xero tells by itself hastens a look where it concerns us, and never shortens a pause."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from handlers.connect.text import asked_text
from services.model.jobs import Job
from services.store.engine import Database
from tests.databases import SQLITE_ALONE
from tests.services.bridge import ANNA, Bridge, built_once, reply_to
from tests.services.fixtures import bridge_of

pytestmark = SQLITE_ALONE

DAY = date(2026, 11, 25)
LONG = timedelta(hours=6)


@built_once
async def pair(database: Database) -> Bridge:
    """A connected pair with one exported invoice, on which a payment and a credit stand."""
    made = await Bridge.with_acme(database, "INV-1")
    await made.export_it("INV-1")
    books, (invoice,) = made.xero.books, made.xero.invoices.values()
    books.pay(invoice.invoice_id, Decimal(20), date=DAY)
    books.apply_credit(invoice.invoice_id, Decimal(10), kind="prepayment")
    await made.look()
    return made


bridge = bridge_of(pair)


def of_invoice(bridge: Bridge) -> str:
    """Return the exported invoice's id."""
    return next(iter(bridge.xero.invoices))


def of_payment(bridge: Bridge) -> str:
    """Return the id of the payment."""
    return next(iter(bridge.xero.books.payments))


def of_credit(bridge: Bridge) -> str:
    """Return the id of the prepayment."""
    return next(iter(bridge.xero.books.credits))


def of_another(bridge: Bridge) -> str:
    """Return the id of an invoice that somebody wrote by hand."""
    return bridge.foreign_invoice()


async def hint(bridge: Bridge, named: str) -> timedelta:
    """Have Xero tell of this; return how far off the next look is then."""
    await bridge.change(sweep_due_at=bridge.clock() + LONG)
    await bridge.hints.from_xero({bridge.xero.books.tenant_id: [named]})
    due_at = (await bridge.schedule(Job.SWEEP)).due_at
    assert due_at is not None
    return due_at - bridge.clock()


@pytest.mark.parametrize("named", [of_invoice, of_payment, of_credit])
async def test_what_is_ours_is_looked_at_soon(
    bridge: Bridge, named: Callable[[Bridge], str]
) -> None:
    assert await hint(bridge, named(bridge)) <= timedelta(seconds=2)


async def test_hints_that_go_on_coming_bring_looks_two_seconds_apart(bridge: Bridge) -> None:
    bridge.clock.turn(minutes=1)
    first = await hint(bridge, of_invoice(bridge))
    await bridge.look()
    then = await hint(bridge, of_invoice(bridge))

    assert (first, then) == (timedelta(milliseconds=200), timedelta(seconds=2))


async def test_a_hint_has_the_organisation_looked_at_without_the_clock(bridge: Bridge) -> None:
    woken: list[tuple[Job, int, timedelta]] = []

    def wake(job: Job, key: int, after: timedelta) -> None:
        woken.append((job, key, after))

    bridge.clock.turn(minutes=1)
    hints = replace(bridge.hints, wake=wake)
    await hints.from_xero({bridge.xero.books.tenant_id: [of_invoice(bridge), "another"]})

    [(job, key, after)] = woken
    assert (job, key) == (Job.SWEEP, bridge.connection_id)
    assert after <= timedelta(milliseconds=300)


async def test_what_is_not_ours_has_nothing_looked_at(bridge: Bridge) -> None:
    before = len(bridge.xero.requests)

    assert await hint(bridge, of_another(bridge)) == LONG
    assert await hint(bridge, "11111111-1111-1111-1111-111111111111") == LONG
    await bridge.wait(minutes=5)
    assert len([each for each in bridge.xero.requests[before:] if "Invoices" in each.path]) == 0


async def test_a_pause_for_a_limit_is_shortened_by_nobody(bridge: Bridge) -> None:
    headers = {"Retry-After": str(int(LONG.total_seconds())), "X-Rate-Limit-Problem": "day"}
    bridge.xero.faults.add(path="/Invoices", status=429, headers=headers)
    await bridge.look()
    asked = len(bridge.xero.calls("GET", "/Invoices"))

    await bridge.hints.from_xero({bridge.xero.books.tenant_id: [of_invoice(bridge)]})
    answer = await bridge.sync.request(ANNA, reply_to())
    for _ in range(5):
        await bridge.wait(hours=1)

    assert len(bridge.xero.calls("GET", "/Invoices")) == asked
    assert "The next sync is at" in asked_text(answer)
    await bridge.wait(hours=1, minutes=1)
    assert len(bridge.xero.calls("GET", "/Invoices")) > asked
    assert len(bridge.screen.swept) == 1  # whoever typed it is told when it is done


async def test_with_few_calls_left_asking_brings_no_look_before_its_hour(bridge: Bridge) -> None:
    used = bridge.xero.limits.usages[bridge.xero.books.tenant_id].day.used
    bridge.xero.limits.per_day = used + 60
    await bridge.look()
    assert (await bridge.schedule(Job.SWEEP)).held_until is not None
    asked = len(bridge.xero.calls("GET", "/Invoices"))

    bridge.clock.turn(minutes=2)
    await bridge.sync.request(ANNA, reply_to())
    await bridge.look()
    assert len(bridge.xero.calls("GET", "/Invoices")) == asked

    await bridge.wait(hours=1)
    assert len(bridge.xero.calls("GET", "/Invoices")) > asked


async def test_the_copying_waits_as_long_as_it_was_told_to(bridge: Bridge) -> None:
    headers = {"Retry-After": str(int(LONG.total_seconds())), "X-Rate-Limit-Problem": "day"}
    await bridge.change(xero_mirrored_at=None, mirror_due_at=bridge.clock())
    bridge.xero.faults.add(path="/Accounts", status=429, headers=headers)
    await bridge.run()
    asked = len(bridge.xero.calls("GET", "/Accounts"))

    bridge.clock.turn(minutes=2)
    await bridge.sync.request(ANNA, reply_to())
    await bridge.wait(hours=5)

    assert len(bridge.xero.calls("GET", "/Accounts")) == asked


async def test_a_sync_waits_as_long_as_it_was_told_to_and_no_longer(bridge: Bridge) -> None:
    headers = {"Retry-After": "12", "X-Rate-Limit-Problem": "minute"}
    bridge.xero.faults.add(path="/Invoices", status=429, headers=headers)
    await bridge.look()
    asked = len(bridge.xero.calls("GET", "/Invoices"))
    await bridge.wait(seconds=11)
    assert len(bridge.xero.calls("GET", "/Invoices")) == asked

    await bridge.wait(seconds=1)
    assert len(bridge.xero.calls("GET", "/Invoices")) > asked
