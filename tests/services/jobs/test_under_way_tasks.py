"""Undoing, updating, restoring, deleting and webhooks: what left is looked for, and waited for."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from sandbox.serving import Fault
from services.errors import AlreadyRequested
from services.lifecycle.export import accept_difference
from services.model.export import ExportState
from services.model.invoice import InvoiceState
from services.model.jobs import Job, TaskState
from services.store import exports, schedules
from services.store.engine import Database
from services.store.tables import Task
from tests.services.beside import beside, held, look_now, start_anew
from tests.services.bridge import ANNA, Bridge, reply_to
from tests.services.drifting import in_paymo, in_xero, open_bridge, reprice, writes
from tests.services.fixtures import row
from tests.services.undoing import undo_number

CHANGE = ("POST", "/Invoices/")


@pytest.fixture
async def bridge(database: Database) -> AsyncIterator[Bridge]:
    """A connected pair with one exported invoice of 115.00, INV-1."""
    made = await open_bridge(database)
    yield beside(made, database)
    await made.close()


async def task(bridge: Bridge, job: Job) -> Task:
    """Return the newest task of this kind."""
    async with bridge.database.sessions() as session:
        found = await schedules.list_tasks(session, 1)
    return next(each for each in found if each.job is job)


def change(bridge: Bridge) -> Fault:
    """Have the next change of an invoice held on its way to Xero."""
    return bridge.xero.faults.hold(*CHANGE)


async def test_an_undo_that_a_killed_worker_began_is_done_once(
    bridge: Bridge, other: Bridge
) -> None:
    """The new name arrives late; nothing is sent, and nothing is refused, before it can have."""
    await undo_number(bridge, ANNA, "INV-1")
    async with held(change(bridge), bridge.run()) as first:
        await first.kill()
        await start_anew(other)
        await other.run()
        assert len(writes(bridge)) == 1
        await first.arrive(lambda: in_xero(bridge).number != "INV-1")
        bridge.clock.turn(seconds=20)
        await other.run()
    assert (in_xero(bridge).status, (await row(other)).invoice_state) == (
        "VOIDED",
        InvoiceState.UNDONE,
    )
    assert len(writes(bridge)) == 2


async def test_an_invoice_that_is_paid_while_it_is_voided_keeps_its_name(
    bridge: Bridge, other: Bridge
) -> None:
    """Xero refuses then, whichever process hears of it."""
    await undo_number(bridge, ANNA, "INV-1")
    renaming = change(bridge)
    async with held(renaming, bridge.run()) as first:
        void = change(bridge)
        assert renaming.gate is not None
        renaming.gate.set()
        await void.came.wait()
        await first.kill()
        bridge.xero.books.pay(in_xero(bridge).invoice_id, Decimal(40), date=date(2026, 11, 20))
        await start_anew(other)
        assert (await task(other, Job.UNDO)).state is TaskState.WAITING
        assert void.gate is not None
        void.gate.set()
        bridge.clock.turn(seconds=20)
        await other.run()
    assert (in_xero(bridge).status, in_xero(bridge).number) == ("AUTHORISED", "INV-1")
    assert (await row(other)).invoice_state is InvoiceState.LIVE
    assert "payments" in (await task(other, Job.UNDO)).reason


async def test_an_update_is_not_called_needless_while_one_is_on_its_way(
    bridge: Bridge, other: Bridge
) -> None:
    """Paymo goes back to what it was; what arrives late is recorded, and differs again."""
    reprice(bridge, "200")
    await bridge.update.ask(ANNA, 1, reply_to())
    async with held(change(bridge), bridge.run()) as first:
        await first.kill()
        reprice(bridge, "100")
        await start_anew(other)
        await other.run()
        assert (await task(other, Job.UPDATE)).state is TaskState.WAITING
        await first.arrive(lambda: in_xero(bridge).total == Decimal(230))
        bridge.clock.turn(seconds=20)
        await other.run()
    assert (await row(other)).xero_total == Decimal(230)
    assert len(writes(bridge)) == 1


async def test_an_undo_waits_for_an_update_on_its_way(bridge: Bridge, other: Bridge) -> None:
    """What arrived late would give the void invoice its number back."""
    reprice(bridge, "200")
    await bridge.update.ask(ANNA, 1, reply_to())
    async with held(change(bridge), bridge.run()) as first:
        await first.kill()
        await undo_number(other, ANNA, "INV-1")
        await other.run()
        assert len(writes(bridge)) == 1
        await first.arrive(lambda: in_xero(bridge).total == Decimal(230))
        bridge.clock.turn(seconds=20)
        await other.run()
    assert in_xero(bridge).status == "VOIDED"
    assert in_xero(bridge).number.startswith("INV-1 undone")


async def test_a_difference_is_accepted_as_it_was_shown(bridge: Bridge) -> None:
    """An update that ends meanwhile leaves another one, which nobody has accepted."""
    async with bridge.database.sessions.begin() as session:
        shown = await exports.get(session, 1)
        shown.state, shown.xero_total = ExportState.DIFFERENT, Decimal(120)
    async with bridge.database.sessions.begin() as session:
        (await exports.get(session, 1)).xero_total = Decimal(130)
    async with bridge.database.sessions.begin() as session:
        assert not await accept_difference(session, shown, Decimal(5))
    assert await bridge.undo.accept(ANNA, 1)
    with pytest.raises(AlreadyRequested):
        await bridge.undo.accept(ANNA, 1)


@pytest.mark.parametrize(("means", "method"), [("delete", "DELETE"), ("void", "PUT")])
async def test_a_deletion_in_paymo_is_sent_once_and_told_once(
    bridge: Bridge, other: Bridge, means: str, method: str
) -> None:
    """While it may still arrive, the invoice that stands there says nothing."""
    await bridge.change(void_means=means)
    bridge.xero.books.void(in_xero(bridge).invoice_id)
    bridge.clock.turn(minutes=6)
    departure = bridge.paymo.faults.hold(method, "/invoices/")
    async with held(departure, bridge.run()) as first:
        await first.kill()
        await start_anew(other)
        assert len(bridge.paymo.calls(method, "/invoices/")) == 1
        await first.arrive(lambda: is_gone(bridge))
        bridge.clock.turn(seconds=20)
        await look_now(other)
    assert (await row(other)).invoice_state in {InvoiceState.DELETED, InvoiceState.VOIDED}
    kinds = [kind for kind, _ in await other.notices()]
    assert kinds.count("invoice_voided") == 1


def is_gone(bridge: Bridge) -> bool:
    """Say whether the invoice is void or deleted in Paymo."""
    return not bridge.paymo.company.invoices or in_paymo(bridge).status == "void"


@pytest.mark.parametrize("path", ["/invoices$", "/invoicepayments$"])
async def test_what_a_killed_worker_restored_stands_in_paymo_once(
    bridge: Bridge, other: Bridge, path: str
) -> None:
    """The invoice, and each of its payments."""
    await deleted(bridge)
    await bridge.restore.restore_number(ANNA, "INV-1", reply_to())
    async with held(bridge.paymo.faults.hold("POST", path), bridge.run()) as first:
        await first.kill()
        before = len(bridge.paymo.calls("POST", path))
        await start_anew(other)
        await other.run()
        assert len(bridge.paymo.calls("POST", path)) == before
        await first.arrive(lambda: has_come(bridge, path))
        bridge.clock.turn(seconds=20)
        await other.run()
    company = bridge.paymo.company
    assert len(company.invoices) == 1
    (payment,) = company.payments_of(in_paymo(bridge).id)
    assert payment.amount == Decimal(40)
    assert (await task(other, Job.RESTORE)).state is TaskState.DONE
    assert len(bridge.paymo.calls("POST", path)) == before


async def deleted(bridge: Bridge) -> None:
    """Have an invoice deleted in Paymo, with a payment that somebody had typed there."""
    await bridge.change(void_means="delete")
    bridge.paymo.company.set_status(in_paymo(bridge).id, "sent")
    bridge.paymo.company.pay(in_paymo(bridge).id, "40", paid_on=date(2026, 11, 20))
    bridge.xero.books.void(in_xero(bridge).invoice_id)
    await bridge.look()
    await bridge.sync.delete_in_paymo(ANNA, 1)
    await bridge.run()
    assert not bridge.paymo.company.invoices


def has_come(bridge: Bridge, path: str) -> bool:
    """Say whether what was held stands in Paymo."""
    company = bridge.paymo.company
    if path == "/invoices$":
        return bool(company.invoices)
    return bool(company.payments_of(in_paymo(bridge).id))


async def test_a_webhook_that_a_killed_worker_registered_is_there_once(
    bridge: Bridge, other: Bridge
) -> None:
    """Nothing is registered while one may still be added."""
    for each in (bridge, other):
        each.mirror = replace(each.mirror, webhook_address="https://bot.example/webhooks/paymo")
    bridge.clock.turn(minutes=6)
    departure = bridge.paymo.faults.hold("POST", "/hooks$")
    async with held(departure, bridge.copy()) as first:
        await first.kill()
        await start_anew(other)
        assert len(bridge.paymo.calls("POST", "/hooks$")) == 1
        await first.arrive(lambda: bridge.paymo.company.hooks)
        bridge.clock.turn(seconds=25)
        await other.run()
    patterns = sorted(each.event for each in bridge.paymo.company.hooks.values())
    assert patterns == ["*.Invoice", "*.InvoicePayment"]
