"""What is seen while a payment is on its way changes what is wanted, never whose turn it is."""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal

import pytest

from sandbox.serving import Fault
from services.lifecycle import payment
from services.model.invoice import InvoiceState, PaymentState, Settlement
from services.store import payments
from services.store.engine import Database
from tests.services.beside import beside, held, look_now, start_anew
from tests.services.bridge import ANNA, Bridge, built_once
from tests.services.fixtures import paid
from tests.services.undoing import undo_number

DAY = date(2026, 11, 20)
ADDITION = ("POST", "/invoicepayments$")


@built_once
async def pair(database: Database) -> Bridge:
    """A connected pair with one exported invoice of 115.00, paid with 40.00 in Xero."""
    made = await Bridge.with_acme(database, "INV-1")
    await made.export_it("INV-1")
    company = made.paymo.company
    company.set_status(company.numbered("INV-1").id, "sent")
    await made.look()
    made.xero.books.pay(next(iter(made.xero.invoices)), Decimal(40), date=DAY)
    made.clock.turn(minutes=6)
    return made


@pytest.fixture
async def bridge(database: Database) -> AsyncIterator[Bridge]:
    made = await pair(database)
    yield beside(made, database)
    await made.close()


def remove(bridge: Bridge) -> None:
    """Delete the payment in Xero."""
    (invoice,) = bridge.xero.invoices.values()
    (payment,) = invoice.payments
    bridge.xero.books.remove_payment(payment.payment_id)


async def state(bridge: Bridge) -> PaymentState:
    """Return how far the payment has come."""
    (row,) = await bridge.payments()
    return row.state


def addition(bridge: Bridge) -> Fault:
    """Have the next payment held on its way to Paymo."""
    return bridge.paymo.faults.hold(*ADDITION)


async def test_a_removal_never_overtakes_its_addition(bridge: Bridge, other: Bridge) -> None:
    """The copy is looked for again when the addition has ended, and taken away."""
    async with held(addition(bridge), bridge.run()) as first:
        remove(bridge)
        await look_now(other)
        assert await state(other) is not PaymentState.REMOVED
        await first.let_go()
    await look_now(other)
    assert await state(other) is PaymentState.REMOVED
    assert paid(bridge) == []
    assert len(bridge.paymo.calls(*ADDITION)) == 1


async def test_a_removal_does_not_overtake_what_a_killed_worker_sent(
    bridge: Bridge, other: Bridge
) -> None:
    """No answer will ever come, so it is looked for until the call's whole time is over."""
    async with held(addition(bridge), bridge.run()) as first:
        await first.kill()
        remove(bridge)
        await look_now(other)
        assert await state(other) is not PaymentState.REMOVED
        await first.arrive(lambda: paid(bridge))
    bridge.clock.turn(seconds=20)
    await other.run()
    assert await state(other) is PaymentState.REMOVED
    assert paid(bridge) == []


@pytest.mark.parametrize(("is_late", "minutes"), [(False, 0), (True, 0), (True, 4)])
async def test_what_a_killed_worker_sent_is_looked_up_at_once_and_not_sent_again(
    bridge: Bridge, other: Bridge, *, is_late: bool, minutes: int
) -> None:
    """A start frees what was taken, and sends nothing either before the call's time is over.

    If the clock was slow, and is set right between two processes, the call seems long over. Nor is
    anybody asked about one that looks like it.
    """
    company = bridge.paymo.company
    async with held(addition(bridge), bridge.run()) as first:
        await first.kill()
        if is_late:
            company.pay(company.numbered("INV-1").id, "40", paid_on=DAY)
        else:
            await first.arrive(lambda: paid(bridge))
        bridge.clock.turn(minutes=minutes)
        await start_anew(other)
        assert await state(other) is (PaymentState.ADDING if is_late else PaymentState.RECORDED)
        await first.arrive(lambda: len(paid(bridge)) > is_late)
        bridge.clock.turn(seconds=20)
        await other.run()
    assert await state(other) is PaymentState.RECORDED
    assert paid(bridge) == [Decimal(40)] * (1 + is_late)
    assert len(bridge.paymo.calls(*ADDITION)) == 1


async def test_what_never_took_effect_is_sent_again_when_its_time_is_over(
    bridge: Bridge, other: Bridge
) -> None:
    """A request that was lost on its way is not waited for any longer."""
    bridge.paymo.faults.add(method="POST", path="/invoicepayments$", hang_up="before")
    await bridge.run()
    assert paid(bridge) == []
    bridge.clock.turn(seconds=16)
    await other.run()
    assert paid(bridge) == []
    bridge.clock.turn(seconds=5)
    await other.run()
    assert await state(other) is PaymentState.RECORDED
    assert paid(bridge) == [Decimal(40)]


async def test_a_payment_waits_for_the_status_that_makes_room_for_it(
    bridge: Bridge, other: Bridge
) -> None:
    """A draft is made sent first; what is void by then takes no payment, and stays void."""
    company = bridge.paymo.company
    invoice_id = company.numbered("INV-1").id
    company.set_status(invoice_id, "draft")
    async with held(bridge.paymo.faults.hold("PUT", "/invoices/"), bridge.run()) as first:
        await first.kill()
        await start_anew(other)
        assert not bridge.paymo.calls(*ADDITION)
        await first.arrive(lambda: company.numbered("INV-1").status == "sent")
        company.set_status(invoice_id, "void")
        bridge.clock.turn(seconds=20)
        await look_now(other)
    assert await state(other) is PaymentState.ASKED
    assert (company.numbered("INV-1").status, paid(bridge)) == ("void", [])


async def test_an_invoice_is_not_voided_under_a_payment_on_its_way(
    bridge: Bridge, other: Bridge
) -> None:
    """The payment arrives, is taken away, and only then Paymo follows."""
    async with held(addition(bridge), bridge.run()) as first:
        await first.kill()
        remove(bridge)
        bridge.xero.books.void(next(iter(bridge.xero.invoices)))
        await look_now(other)
        company = bridge.paymo.company
        assert company.numbered("INV-1").status == "sent"
        await first.arrive(lambda: paid(bridge))
        bridge.clock.turn(seconds=20)
        await look_now(other)
        bridge.clock.turn(seconds=20)
        await look_now(other)
    assert company.numbered("INV-1").status == "void"
    assert paid(bridge) == []


async def test_a_credit_that_grows_before_it_is_sent_is_added_as_it_is_now(bridge: Bridge) -> None:
    """Whoever was about to send what it was has lost it."""
    await bridge.run()
    (xero_id,), books = bridge.xero.invoices, bridge.xero.books
    credit = books.give_credit(xero_id, Decimal(200), kind="credit_note")
    books.apply(credit, xero_id, Decimal(20))
    bridge.clock.turn(minutes=6)
    async with held(bridge.paymo.faults.hold("GET", r"/invoices/\d+$"), bridge.run()) as first:
        books.apply(credit, xero_id, Decimal(15))
        async with bridge.database.sessions.begin() as session:
            *_, row = await payments.hold(session, [1])
            stated = (row.xero_payment_id, row.kind, row.label, Decimal(35), row.paid_on)
            assert await payment.restart(session, row, Settlement(*stated), bridge.clock())
        await first.let_go()
    await bridge.look()
    assert paid(bridge) == [Decimal(40), Decimal(35)]


@pytest.mark.parametrize("is_killed", [False, True])
async def test_an_undo_does_not_leave_behind_what_was_on_its_way(
    bridge: Bridge, other: Bridge, *, is_killed: bool
) -> None:
    """No look at Xero follows an invoice that was taken back, so its copies are looked at then."""
    async with held(addition(bridge), bridge.run()) as first:
        if is_killed:
            await first.kill()
        remove(bridge)
        await undo_number(other, ANNA, "INV-1")
        await look_now(other)
        (export,) = await other.exports()
        assert export.invoice_state is InvoiceState.UNDONE
        await first.arrive(lambda: paid(bridge))
    bridge.clock.turn(seconds=20)
    await look_now(other)
    assert await state(other) is PaymentState.REMOVED
    assert paid(bridge) == []


async def test_a_deletion_that_is_lost_on_its_way_ends_once(bridge: Bridge, other: Bridge) -> None:
    """A copy that is still listed may be on its way out, so nothing is sent or said until then."""
    await bridge.run()
    remove(bridge)
    bridge.clock.turn(minutes=6)
    departure = bridge.paymo.faults.hold("DELETE", "/invoicepayments/")
    async with held(departure, bridge.run()) as first:
        await first.kill()
        await start_anew(other)
        assert len(bridge.paymo.calls("DELETE", "/invoicepayments/")) == 1
        await first.arrive(lambda: not paid(bridge))
        bridge.clock.turn(seconds=20)
        await look_now(other)
    assert await state(other) is PaymentState.REMOVED
    assert len(bridge.paymo.calls("DELETE", "/invoicepayments/")) == 1
    kinds = [kind for kind, _ in await other.notices()]
    assert kinds.count("payment_removed") == 1
