"""Payments of unusual kinds, what is gone already, and coming back after days."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from sandbox.paymo import Invoice
from services.model import days
from services.model.invoice import InvoiceState
from services.store import exports
from tests.databases import BOTH_DATABASES, SQLITE_ALONE
from tests.services.bridge import Bridge
from tests.services.fixtures import bridge_of, exported

pytestmark = SQLITE_ALONE

DAY = date(2026, 11, 20)


bridge = bridge_of(exported(1))


def in_paymo(bridge: Bridge) -> Invoice:
    return bridge.paymo.company.numbered("INV-1")


def xero_id(bridge: Bridge) -> str:
    (invoice_id,) = bridge.xero.invoices
    return invoice_id


def copies(bridge: Bridge) -> list[tuple[Decimal, date]]:
    company = bridge.paymo.company
    return [(each.amount, each.paid_on) for each in company.payments_of(in_paymo(bridge).id)]


async def test_e42_what_the_invoice_is_paid_counts_and_not_what_the_bank_got(
    bridge: Bridge,
) -> None:
    made = bridge.xero.books.pay(xero_id(bridge), Decimal(40), date=DAY)
    made.bank_amount = Decimal("21.37")
    await bridge.look()

    assert copies(bridge) == [(Decimal(40), DAY)]


@pytest.mark.parametrize("day", [date(2026, 1, 1), date(2026, 3, 29), date(2026, 12, 31)])
async def test_e43_a_payment_keeps_its_day(bridge: Bridge, day: date) -> None:
    bridge.xero.books.pay(xero_id(bridge), Decimal(40), date=day)
    await bridge.look()

    assert copies(bridge) == [(Decimal(40), day)]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("/Date(1767225600000+0000)/", date(2026, 1, 1)),
        ("/Date(1767225600000+1300)/", date(2026, 1, 1)),
        ("/Date(1774742399000)/", date(2026, 3, 28)),
        ("2026-12-31T00:00:00", date(2026, 12, 31)),
        ("", None),
    ],
)
def test_e43_a_date_is_read_without_a_shift(text: str, day: date | None) -> None:
    assert days.read_day(text) == day


@pytest.mark.parametrize(("before", "writes"), [("draft", 1), ("sent", 0), ("viewed", 0)])
async def test_e47_a_draft_is_sent_before_its_payment_and_nothing_is_downgraded(
    bridge: Bridge, before: str, writes: int
) -> None:
    bridge.paymo.company.set_status(in_paymo(bridge).id, before)
    bridge.paymo.record.requests.clear()
    bridge.xero.books.pay(xero_id(bridge), Decimal(40), date=DAY)
    await bridge.look()

    written = [each.path for each in bridge.paymo.calls() if each.method in {"PUT", "POST"}]
    assert len(written) == writes + 1
    assert written[-1].endswith("/invoicepayments")
    assert in_paymo(bridge).status == ("sent" if before == "draft" else before)


async def test_e53_what_is_gone_in_paymo_already_is_settled_quietly(bridge: Bridge) -> None:
    """That it was deleted there has been told; the end in Xero is no news."""
    bridge.paymo.company.delete_invoice(in_paymo(bridge).id)
    await bridge.look()
    told = len(await bridge.notices())
    bridge.xero.books.void(xero_id(bridge))
    await bridge.look()
    await bridge.look()

    (export,) = await bridge.exports()
    assert export.invoice_state is InvoiceState.GONE
    assert not bridge.paymo.calls("DELETE")
    assert len(await bridge.notices()) == told


@BOTH_DATABASES
async def test_e60_after_days_away_everything_comes_once_and_in_order(bridge: Bridge) -> None:
    days = [date(2026, 11, 21 + number) for number in range(4)]
    for day in days:
        bridge.xero.books.pay(xero_id(bridge), Decimal(10), date=day)
        bridge.clock.turn(days=1)
    await bridge.look()
    await bridge.look()

    assert copies(bridge) == [(Decimal(10), day) for day in days]
    kinds = [kind for kind, _ in await bridge.notices()]
    assert kinds.count("payment_received") == len(days)


@pytest.mark.parametrize(("payments", "is_summed_up"), [(10, False), (11, True)])
async def test_e60_very_much_at_once_is_also_told_in_one_line(
    bridge: Bridge, payments: int, *, is_summed_up: bool
) -> None:
    """Each keeps its own message, for programs that read them, in the thread of its invoice."""
    for _ in range(payments):
        bridge.xero.books.pay(xero_id(bridge), Decimal(10), date=date(2026, 11, 21))
    await bridge.wait(days=3)
    await bridge.look()

    kinds = [kind for kind, _ in await bridge.notices()]
    assert kinds.count("payment_received") == payments
    assert kinds.count("caught_up") == is_summed_up
    if is_summed_up:
        facts = dict(await bridge.notices())["caught_up"]
        assert (facts["payments"], facts["removals"], facts["deletions"]) == (11, 0, 0)


async def test_a_clock_that_is_ahead_of_xeros_passes_over_no_payment(bridge: Bridge) -> None:
    bridge.xero.books.now = lambda: bridge.clock() - timedelta(hours=1)
    await bridge.change(created_at=bridge.clock(), cursor=None)
    bridge.xero.books.pay(xero_id(bridge), Decimal(40), date=DAY)
    await bridge.look()

    assert copies(bridge) == [(Decimal(40), DAY)]


async def test_a_deletion_half_done_that_xero_forgets_asks_a_person(bridge: Bridge) -> None:
    """Xero's list is asked no more often than before, and nothing is tried for ever in silence."""
    await bridge.change(void_means="delete")
    bridge.xero.books.void(xero_id(bridge))
    bridge.paymo.faults.add(method="DELETE", path="/invoices/", status=500)
    await bridge.look()
    bridge.xero.faults.add(method="GET", path=xero_id(bridge), status=404, times=10_000)
    before = len(bridge.xero.calls("GET", xero_id(bridge)))
    for _ in range(6):
        await bridge.look()
    tried = len(bridge.xero.calls("GET", xero_id(bridge))) - before
    async with bridge.database.sessions.begin() as session:
        (await exports.get(session, 1)).tries = 287
    await bridge.look()

    [export] = await bridge.exports()
    assert (tried, export.invoice_state) == (6, InvoiceState.ASKED)
    assert in_paymo(bridge).number == "INV-1"
