"""A failure that does not pass: it ends, it is said, and nothing that arrives late is doubled."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from services.model.actions import Action
from services.model.export import ExportState, Wish
from services.model.invoice import InvoiceState, PaymentState
from services.model.jobs import Job
from services.store import exports
from services.store.tables import Task
from tests.databases import BOTH_DATABASES, SQLITE_ALONE
from tests.services.batching import confirmed, export_all, invoices
from tests.services.bridge import ANNA, Bridge, reply_to
from tests.services.fixtures import acme, bridge_of, row

pytestmark = [SQLITE_ALONE, pytest.mark.thorough]  # days go by

LONG = "INV-2026-11-25-00000001"  # too long for Xero to guard it as a number
PUT = ("PUT", "/Invoices$")
EMPTY = '{"Invoices": []}'
OFTEN = 10_000


bridge = bridge_of(acme(LONG))


async def order(bridge: Bridge) -> None:
    """Ask for the export, as a person does."""
    form = await bridge.form_for(LONG)
    await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form), reply_to())


async def hours(bridge: Bridge, count: int, *, every: int = 10) -> None:
    """Let hours pass, after the first minutes some at a time; syncs have their turn less often."""
    for _ in range(6):
        bridge.clock.turn(seconds=20)
        await bridge.run(but={Job.SWEEP, Job.MIRROR})
    for minutes in range(every, count * 60 + 1, every):
        bridge.clock.turn(minutes=every)
        later = {Job.SWEEP: minutes % 60, Job.MIRROR: minutes % (6 * 60)}
        await bridge.run(but={job for job, left in later.items() if left})


def fail(bridge: Bridge, method: str, path: str, status: int = 500, **more: object) -> None:
    """Have Xero fail from now on."""
    bridge.xero.faults.add(method=method, path=path, status=status, times=OFTEN, **more)


async def test_an_invoice_that_xero_never_takes_ends_as_failed(bridge: Bridge) -> None:
    """After a handful of tries, said once, with what can be done."""
    await order(bridge)
    fail(bridge, *PUT)
    await hours(bridge, 2)
    sent = len(bridge.xero.calls(*PUT))
    await hours(bridge, 24, every=60)

    export, told = await row(bridge), bridge.screen.results[-1]
    assert (export.state, len(bridge.xero.calls(*PUT))) == (ExportState.FAILED, sent)
    assert 2 < sent < 10
    assert told.actions == ("retry", "cancel")
    assert "doesn't have" in told.reason
    assert [kind for kind, _ in await bridge.notices()] == ["export_failed"]


@pytest.mark.parametrize("is_blind", [True, False])
async def test_what_xero_took_while_it_failed_is_linked_and_not_doubled(
    bridge: Bridge, *, is_blind: bool
) -> None:
    """Its list comes alive later; so the next try begins with a look."""
    # It is older than the invoice, which nobody can have exported before a database was lost.
    await bridge.change(created_at=bridge.clock() - timedelta(days=30))
    await order(bridge)
    bridge.xero.faults.add(method="PUT", path=PUT[1], status=500, is_done=True)
    fail(bridge, *PUT)
    if is_blind:
        fail(bridge, "GET", "/Invoices$", status=200, body=EMPTY)
    else:
        fail(bridge, "GET", "/Invoices$")
    await hours(bridge, 3)
    failed = await row(bridge)
    bridge.xero.faults.clear()
    await bridge.requests.act(ANNA, failed.id, reply_to(), Action.RETRY)
    await bridge.run()

    export = await row(bridge)
    assert (failed.state, export.state) == (ExportState.FAILED, ExportState.EXPORTED)
    assert ("may have this invoice" in failed.reason) is not is_blind
    assert list(bridge.xero.invoices) == [export.xero_invoice_id]


async def test_a_batch_looks_first_for_what_xero_took_while_it_failed(bridge: Bridge) -> None:
    """Whoever exports it next, and however."""
    company = bridge.paymo.company
    company.set_status(company.numbered(LONG).id, "sent")
    await bridge.wait(hours=2)
    await order(bridge)
    bridge.xero.faults.add(method="PUT", path=PUT[1], status=500, is_done=True)
    fail(bridge, *PUT)
    fail(bridge, "GET", "/Invoices$", status=200, body=EMPTY)
    await hours(bridge, 1)
    assert (await row(bridge)).state is ExportState.FAILED
    bridge.xero.faults.clear()
    await export_all(bridge)

    export = await row(bridge)
    assert export.state is ExportState.EXPORTED
    assert list(bridge.xero.invoices) == [export.xero_invoice_id]


async def test_what_never_left_ends_too_and_says_so(bridge: Bridge) -> None:
    """Paymo cannot be read, so there is nothing to send."""
    await order(bridge)
    bridge.paymo.faults.add(path="/invoices/", status=503, times=OFTEN)
    await hours(bridge, 3)
    asked = len(bridge.paymo.calls("GET", "/invoices/"))
    await hours(bridge, 3, every=60)

    export = await row(bridge)
    assert (export.state, export.refusals) == (ExportState.FAILED, ["no_answer"])
    assert "nothing was sent" in export.reason
    assert len(bridge.paymo.calls("GET", "/invoices/")) == asked
    assert not bridge.xero.calls(*PUT)


@BOTH_DATABASES
@pytest.mark.parametrize("is_there", [False, True])
async def test_an_export_of_unknown_outcome_can_be_cancelled(
    bridge: Bridge, *, is_there: bool
) -> None:
    """It ends once a look has found nothing; what is there stays exported, and is said to be."""
    await order(bridge)
    bridge.xero.faults.add(method="PUT", path=PUT[1], status=500, is_done=is_there)
    fail(bridge, *PUT)
    await bridge.run()
    assert bridge.screen.results[-1].actions == ("cancel",)
    said = await bridge.requests.cancel(ANNA, 1)
    await bridge.wait(seconds=20)
    await hours(bridge, 1)

    export = await row(bridge)
    assert "We'll cancel the export" in said
    assert len(bridge.xero.calls(*PUT)) == 1
    if is_there:
        assert (export.state, export.wish) == (ExportState.EXPORTED, Wish.NOTHING)
    else:
        assert (export.state, export.refusals) == (ExportState.FAILED, ["cancelled"])
        assert "doesn't have" in bridge.screen.results[-1].reason


async def test_a_limit_is_no_failure(bridge: Bridge) -> None:
    """However often Xero asks for a pause, the export goes when it is over."""
    await order(bridge)
    waits = {"Retry-After": "3600", "X-Rate-Limit-Problem": "day"}
    bridge.xero.faults.add(method="PUT", path=PUT[1], status=429, headers=waits, times=20)
    await hours(bridge, 22, every=30)

    assert (await row(bridge)).state is ExportState.EXPORTED


async def days(bridge: Bridge, count: int) -> None:
    """Let days pass, an hour at a time."""
    await hours(bridge, count * 24, every=60)


async def paid(bridge: Bridge) -> None:
    """Export the invoice, and have it paid in Xero."""
    await bridge.export_it(LONG)
    company = bridge.paymo.company
    company.set_status(company.numbered(LONG).id, "sent")
    bridge.xero.books.pay(next(iter(bridge.xero.invoices)), Decimal(40), date=date(2026, 11, 20))


def copies(bridge: Bridge) -> list[Decimal]:
    """Return the amounts of the payments in Paymo."""
    company = bridge.paymo.company
    return [each.amount for each in company.payments_of(company.numbered(LONG).id)]


async def test_a_payment_that_paymo_never_takes_asks_a_person(bridge: Bridge) -> None:
    """After a day; and the press records it once Paymo works again."""
    await paid(bridge)
    fault = bridge.paymo.faults.add(
        method="POST", path="/invoicepayments$", status=500, times=OFTEN
    )
    await hours(bridge, 30, every=60)
    (parked,) = await bridge.payments()
    sent = OFTEN - fault.times
    kind, facts = (await bridge.notices())[-1]
    bridge.paymo.faults.clear()
    await bridge.sync.bring_back(ANNA, parked.id)
    await bridge.run()

    assert (parked.state, kind) == (PaymentState.ASKED, "payment_received")
    assert sent < 40
    assert "for a day" in str(facts["asked"])
    assert copies(bridge) == [Decimal(40)]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_copy_that_paymo_never_lets_go_is_said(bridge: Bridge, method: str) -> None:
    """After a day; and it is taken up again in the night, when that helps by then."""
    await paid(bridge)
    await bridge.look()
    (invoice,) = bridge.xero.invoices.values()
    bridge.xero.books.remove_payment(invoice.payments[0].payment_id)
    if method == "GET":
        bridge.xero.faults.add(path="/Payments/", status=500, times=OFTEN)
    else:
        bridge.paymo.faults.add(method=method, path="payments/", status=500, times=OFTEN)
    await bridge.wait(minutes=6)
    assert "is waiting" in (await bridge.schedule(Job.SWEEP)).problem
    await hours(bridge, 30, every=60)
    told = [facts for kind, facts in await bridge.notices() if kind == "payment_removed"]
    stuck = copies(bridge)
    bridge.xero.faults.clear()
    bridge.paymo.faults.clear()
    await days(bridge, 1)
    (row,) = await bridge.payments()

    assert [facts["is_stuck"] for facts in told] == [True]
    assert (stuck, copies(bridge)) == ([Decimal(40)], [])
    assert row.state is PaymentState.REMOVED


async def test_a_deletion_that_paymo_never_takes_asks_a_person(bridge: Bridge) -> None:
    """The invoice stays until somebody decides, and then it is tried anew."""
    await bridge.change(void_means="delete")
    await bridge.export_it(LONG)
    bridge.xero.books.void(next(iter(bridge.xero.invoices)))
    bridge.paymo.faults.add(method="DELETE", path="/invoices/", status=500, times=OFTEN)
    await bridge.look()
    async with bridge.database.sessions.begin() as session:
        export = await exports.get(session, 1)
        assert (export.invoice_state, export.tries) == (InvoiceState.VOID_SEEN, 1)
        export.tries = 287
    for _ in range(2):
        await bridge.look()
    asked = await row(bridge)
    kind, facts = (await bridge.notices())[-1]
    bridge.paymo.faults.clear()
    await bridge.sync.delete_in_paymo(ANNA, 1)
    await bridge.run()

    assert (asked.invoice_state, kind, facts["in_paymo"]) == (
        InvoiceState.ASKED,
        "invoice_voided",
        "asked",
    )
    assert "for a day" in str(facts["why"])
    assert not bridge.paymo.company.invoices


async def test_an_undo_that_xero_never_does_is_refused(bridge: Bridge) -> None:
    """The invoice has its name again, and the press can be made again."""
    await bridge.export_it(LONG)
    (invoice,) = bridge.xero.invoices.values()
    await bridge.undo.undo(ANNA, 1, reply_to())
    bridge.xero.faults.add(method="POST", path="/Invoices/", status=500, times=OFTEN)
    await hours(bridge, 3)
    sent = len(bridge.xero.calls("POST", "/Invoices/"))
    await hours(bridge, 3, every=60)
    said = bridge.screen.sayings[-1]
    export = await row(bridge)
    bridge.xero.faults.clear()
    await bridge.undo.undo(ANNA, 1, reply_to())
    await bridge.run()

    assert (export.invoice_state, said.is_well) == (InvoiceState.LIVE, False)
    assert "Try again" in said.text
    assert len(bridge.xero.calls("POST", "/Invoices/")) == sent + 2
    assert invoice.status == "VOIDED"


async def test_an_undo_that_nobody_can_look_at_is_said_and_goes_on(bridge: Bridge) -> None:
    """What is half done is never left for a deletion of somebody else's."""
    await bridge.export_it(LONG)
    (invoice,) = bridge.xero.invoices.values()
    await bridge.undo.undo(ANNA, 1, reply_to())
    bridge.xero.faults.add(method="POST", path="/Invoices/")  # the new name goes well
    bridge.xero.faults.add(method="POST", path="/Invoices/", status=500, is_done=True)
    await bridge.run()
    bridge.xero.faults.add(path=invoice.invoice_id, status=500, times=OFTEN)
    await hours(bridge, 5)
    said = [each.text for each in bridge.screen.sayings if "every hour" in each.text]
    bridge.xero.faults.clear()
    await hours(bridge, 2)

    assert len(said) == 1
    assert (invoice.status, (await row(bridge)).invoice_state) == ("VOIDED", InvoiceState.UNDONE)


async def test_a_restore_that_paymo_never_takes_is_refused(bridge: Bridge) -> None:
    """Whoever pressed is told, and can press again."""
    await bridge.change(void_means="delete")
    await bridge.export_it(LONG)
    bridge.xero.books.void(next(iter(bridge.xero.invoices)))
    await bridge.look()
    await bridge.restore.restore_number(ANNA, LONG, reply_to())
    bridge.paymo.faults.add(method="POST", path="/invoices$", status=500, times=OFTEN)
    await hours(bridge, 3)
    said = bridge.screen.sayings[-1]
    bridge.paymo.faults.clear()
    await bridge.restore.restore_number(ANNA, LONG, reply_to())
    await bridge.run()

    assert not said.is_well
    assert "wasn't restored" in said.text
    assert len(bridge.paymo.company.invoices) == 1


async def test_a_batch_that_cannot_begin_ends_with_its_report(bridge: Bridge) -> None:
    """Every invoice says why, and none is on its way for ever."""
    invoices(bridge, 2)
    await bridge.wait(hours=2)
    await confirmed(bridge)
    bridge.xero.faults.add(path="/TaxRates", status=503, times=OFTEN)
    bridge.clock.turn(minutes=2)
    await hours(bridge, 3)

    assert len(bridge.screen.ended) == 1
    assert {tuple(each.refusals) for each in await bridge.exports()} == {("no_answer",)}


async def test_an_automatic_export_that_nobody_can_look_at_asks(bridge: Bridge) -> None:
    """After a day, in the channels, by what the list says of it."""
    now = bridge.clock()
    await bridge.change(auto_export=True, auto_export_since=now.replace(microsecond=0))
    company = bridge.paymo.company
    company.set_status(company.numbered(LONG).id, "sent")
    bridge.clock.turn(minutes=6)
    await bridge.copy()
    bridge.paymo.faults.add(path="/invoices/", status=503, times=OFTEN)
    await bridge.run()
    async with bridge.database.sessions.begin() as session:
        task = await session.get_one(Task, 1)
        assert task.tries == 1
        task.tries = 287
    await hours(bridge, 1)

    kind, facts = (await bridge.notices())[-1]
    assert (kind, facts["number"]) == ("export_asked", LONG)
    assert "for a day" in str(facts["reason"])


async def test_webhooks_that_paymo_never_takes_are_said_and_tried_less_often(
    bridge: Bridge,
) -> None:
    """Everything else is copied as before."""
    bridge.mirror = replace(bridge.mirror, webhook_address="https://bot.example/webhooks/paymo")
    bridge.paymo.faults.add(method="POST", path="/hooks$", status=500, times=OFTEN)
    for _ in range(36):
        bridge.clock.turn(minutes=10)
        await bridge.run(but={Job.SWEEP})
    asked = len(bridge.paymo.calls("POST", "/hooks$"))
    said = (await bridge.schedule(Job.MIRROR)).problem
    bridge.paymo.faults.clear()
    await hours(bridge, 6)

    assert asked < 12
    assert "Paymo" in said
    assert (await bridge.schedule(Job.MIRROR)).problem == ""
    assert len(bridge.paymo.company.hooks) == 2


async def test_a_sync_that_never_works_is_told_once(bridge: Bridge) -> None:
    """After a day, in the channel and to the owner, so that nobody waits for payments."""
    await bridge.look()
    fail(bridge, "GET", "/Invoices$")
    await days(bridge, 2)

    told = [facts for kind, facts in await bridge.notices() if kind == "sync_failing"]
    assert len(told) == 2
    assert "Xero" in str(told[0]["problem"])
