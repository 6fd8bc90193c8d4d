"""Taking an export back: the legal way, or a refusal that changes nothing."""

from datetime import date
from decimal import Decimal

import pytest

from sandbox.xero.model import Invoice as XeroInvoice
from services.errors import AlreadyRequested, NotAllowed, NotFound
from services.model.connection import ConnectionState
from services.model.export import ExportState
from services.model.invoice import InvoiceState
from services.model.wording import Member, Moment
from services.store.engine import Database
from services.store.tables import Export
from tests.databases import BOTH_DATABASES, SQLITE_ALONE
from tests.services.bridge import ANNA, BEN, Bridge, built_once, reply_to
from tests.services.fixtures import audited, bridge_of
from tests.services.undoing import undo_number

pytestmark = SQLITE_ALONE

DAY = date(2026, 11, 20)


@built_once
async def pair(database: Database) -> Bridge:
    """A connected pair with an approved invoice and a draft in Xero."""
    made = await Bridge.with_acme(database, "INV-1", "INV-2")
    await made.export_it("INV-1")
    await made.export_it("INV-2", xero_status="DRAFT")
    return made


bridge = bridge_of(pair)


async def row(bridge: Bridge, number: str = "INV-1") -> Export:
    """Return the newest export of this invoice."""
    return [each for each in await bridge.exports() if each.number == number][-1]


def in_xero(bridge: Bridge, export: Export) -> XeroInvoice:
    """Return the invoice as it stands in Xero."""
    return bridge.xero.invoices[export.xero_invoice_id or ""]


async def undo(bridge: Bridge, number: str = "INV-1") -> Export:
    """Take an invoice back, and do what is due."""
    await undo_number(bridge, ANNA, number)
    await bridge.run()
    return await row(bridge, number)


@BOTH_DATABASES
@pytest.mark.parametrize(("number", "status"), [("INV-1", "VOIDED"), ("INV-2", "DELETED")])
async def test_the_legal_way_is_chosen(bridge: Bridge, number: str, status: str) -> None:
    export = await undo(bridge, number)

    assert (export.invoice_state, in_xero(bridge, export).status) == (InvoiceState.UNDONE, status)
    assert bridge.paymo.company.numbered(number).status == "draft"
    assert bridge.screen.sayings[-1].is_well
    kinds = [kind for kind, _ in await bridge.notices()]
    assert kinds == ["invoice_exported", "invoice_exported", "invoice_undone"]


async def test_nobody_exports_what_is_being_undone(bridge: Bridge) -> None:
    await undo(bridge)
    form = await bridge.form_for("INV-1")
    await bridge.export_it("INV-1")
    await undo_number(bridge, ANNA, "INV-1")

    said = "Somebody is undoing the export of invoice INV-1 right now."
    with pytest.raises(AlreadyRequested, match=f"^{said}$"):
        await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form), reply_to())


@pytest.mark.parametrize("number", ["INV-1", "INV-2"])
async def test_e54_our_own_undo_is_no_deletion(bridge: Bridge, number: str) -> None:
    await undo(bridge, number)
    for _ in range(3):
        await bridge.look()
    await bridge.wait(hours=25)

    assert bridge.paymo.company.numbered(number).status == "draft"
    assert (await row(bridge, number)).invoice_state is InvoiceState.UNDONE
    assert "invoice_deleted" not in [kind for kind, _ in await bridge.notices()]
    assert "invoice_voided" not in [kind for kind, _ in await bridge.notices()]


@BOTH_DATABASES
@pytest.mark.parametrize("hang_up", ["before", "after"])
@pytest.mark.parametrize("nth", [1, 2])
async def test_e54_a_look_between_our_writing_and_our_noting_deletes_nothing(
    bridge: Bridge, hang_up: str, nth: int
) -> None:
    """The renaming, or the voiding, loses its answer; Xero is looked at before we try again."""
    path = "/api.xro/2.0/Invoices/"
    if nth > 1:
        bridge.xero.faults.add(method="POST", path=path, delay=0)
    bridge.xero.faults.add(method="POST", path=path, hang_up=hang_up)
    await undo_number(bridge, ANNA, "INV-1")
    for _ in range(4):
        await bridge.look()

    export = await row(bridge)
    assert (export.invoice_state, in_xero(bridge, export).status) == (InvoiceState.UNDONE, "VOIDED")
    assert bridge.paymo.company.numbered("INV-1").status == "draft"


@BOTH_DATABASES
async def test_e55_what_was_taken_back_is_exported_again_under_its_number(bridge: Bridge) -> None:
    """The void one was renamed first, since Xero never frees the number of a void invoice."""
    former = await undo(bridge)
    result = await bridge.export_it("INV-1")
    again = await row(bridge)

    assert (result.state, result.xero_number) == (ExportState.EXPORTED, "INV-1")
    assert (again.generation, again.xero_invoice_id != former.xero_invoice_id) == (2, True)
    assert in_xero(bridge, former).number.startswith("INV-1 undone")


@pytest.mark.parametrize(
    "settled", ["payment", "part", "unlisted", "credit_note", "overpayment", "prepayment"]
)
async def test_e44_what_has_payments_or_credits_stays(bridge: Bridge, settled: str) -> None:
    export, books = await row(bridge), bridge.xero.books
    xero_id = export.xero_invoice_id or ""
    if settled in {"payment", "part", "unlisted"}:
        books.pay(xero_id, Decimal(40 if settled == "part" else 115), date=DAY)
    else:
        books.apply(books.give_credit(xero_id, Decimal(10), kind=settled), xero_id, Decimal(10))
    if settled == "unlisted":
        unlisted: dict[str, object] = {"Invoices/0/Payments": []}
        bridge.xero.faults.add(method="GET", path=f"/Invoices/{xero_id}", alter=unlisted)
    before = in_xero(bridge, export).number

    export = await undo(bridge)

    assert (export.invoice_state, in_xero(bridge, export).number) == (InvoiceState.LIVE, before)
    said = bridge.screen.sayings[-1]
    assert (said.is_well, "payments or credits" in said.text) == (False, True)
    await bridge.look()
    assert [each.export_id for each in await bridge.payments()] == [export.id]


async def test_an_approved_invoice_in_a_locked_period_stays(bridge: Bridge) -> None:
    await bridge.change(period_lock_on=in_xero(bridge, await row(bridge)).day)

    approved, draft = await undo(bridge), await undo(bridge, "INV-2")

    assert (approved.invoice_state, draft.invoice_state) == (InvoiceState.LIVE, InvoiceState.UNDONE)
    assert any("locked up to" in each.text for each in bridge.screen.sayings)


@pytest.mark.parametrize("is_begun", [False, True])
async def test_what_a_person_voids_meanwhile_is_followed_as_usual(
    bridge: Bridge, *, is_begun: bool
) -> None:
    """Also where we have only sent the new name."""
    await undo_number(bridge, ANNA, "INV-1")
    if is_begun:
        bridge.xero.faults.add(method="POST", path="/Invoices/", hang_up="after")
        await bridge.run()
    bridge.xero.books.void((await row(bridge)).xero_invoice_id or "")
    await bridge.look()
    await bridge.look()

    assert (await row(bridge)).invoice_state is InvoiceState.VOIDED
    assert bridge.paymo.company.numbered("INV-1").status == "void"


@BOTH_DATABASES
async def test_two_presses_are_one_undo_and_the_second_reads_whose_that_was(
    bridge: Bridge,
) -> None:
    await bridge.change(exporters=["U2"])
    await undo_number(bridge, ANNA, "INV-1")
    at = Moment(bridge.clock())
    with pytest.raises(AlreadyRequested, match="already being undone") as under_way:
        await undo_number(bridge, BEN, "INV-1")
    await bridge.run()
    with pytest.raises(AlreadyRequested, match="no longer in Xero") as over:
        await undo_number(bridge, BEN, "INV-1")

    assert str(under_way.value).endswith(f" {Member('U1')} asked for it at {at}.")
    assert str(over.value).endswith(f" {Member('U1')} already undid it at {at}.")


async def test_xeros_refusal_is_said_in_its_own_words(bridge: Bridge) -> None:
    said = '{"ErrorNumber": 10, "Type": "ValidationException", "Elements": [{"ValidationErrors": '
    said += '[{"Message": "The bank rule says no"}]}]}'
    bridge.xero.faults.add(method="POST", path="/Invoices/", status=400, body=said)

    export = await undo(bridge, "INV-2")

    assert export.invoice_state is InvoiceState.LIVE
    assert "The bank rule says no" in bridge.screen.sayings[-1].text


async def test_an_undo_that_xero_fails_goes_under_another_key(bridge: Bridge) -> None:
    """For minutes Xero answers a key as before, a failure too."""
    bridge.xero.faults.add(method="POST", path="/Invoices/", status=500)
    await undo(bridge)
    await bridge.wait(minutes=1)

    assert (await row(bridge)).invoice_state is InvoiceState.UNDONE


async def test_a_payment_made_while_an_undo_is_refused_still_arrives(bridge: Bridge) -> None:
    await undo_number(bridge, ANNA, "INV-1")
    bridge.xero.books.pay((await row(bridge)).xero_invoice_id or "", Decimal(40), date=DAY)
    await bridge.look()
    await bridge.look()

    invoice = bridge.paymo.company.numbered("INV-1")
    assert [each.amount for each in bridge.paymo.company.payments_of(invoice.id)] == [Decimal(40)]


async def test_only_exporters_undo_and_only_what_was_exported(bridge: Bridge) -> None:
    with pytest.raises(NotAllowed):
        await undo_number(bridge, BEN, "INV-1")
    with pytest.raises(NotFound, match="INV-9"):
        await undo_number(bridge, ANNA, "INV-9")


@pytest.mark.parametrize("refusals", [1, 2])
async def test_a_refused_voiding_leaves_the_number_or_says_what_it_is(
    bridge: Bridge, refusals: int
) -> None:
    said = '{"Type": "ValidationException", "Message": "No"}'
    bridge.xero.faults.add(method="POST", path="/Invoices/", delay=0)
    bridge.xero.faults.add(method="POST", path="/Invoices/", status=400, body=said, times=refusals)

    export = await undo(bridge)

    number = in_xero(bridge, export).number
    told = bridge.screen.sayings[-1].text
    assert export.invoice_state is InvoiceState.LIVE
    assert (number == "INV-1", "Change it back to" in told) == (refusals == 1, refusals == 2)
    assert number in told


async def test_a_number_that_xero_kept_is_not_to_be_changed_back(bridge: Bridge) -> None:
    said = '{"Type": "ValidationException", "Message": "It has a payment"}'
    bridge.xero.faults.add(method="POST", path="/Invoices/", status=400, body=said, times=2)

    export = await undo(bridge)

    told = bridge.screen.sayings[-1].text
    assert in_xero(bridge, export).number == "INV-1"
    assert ("It has a payment" in told, "Change it back" in told) == (True, False)


@BOTH_DATABASES
async def test_a_copy_of_what_was_removed_before_it_does_not_stay_in_paymo(bridge: Bridge) -> None:
    """Nothing of an undone invoice is looked at any more, and exported again it would ask."""
    company = bridge.paymo.company
    number = company.numbered("INV-1").id
    company.set_status(number, "sent")
    payment = bridge.xero.books.pay(
        (await row(bridge)).xero_invoice_id or "", Decimal(40), date=DAY
    )
    await bridge.look()
    assert [each.amount for each in company.payments_of(number)] == [Decimal(40)]

    bridge.xero.books.remove_payment(payment.payment_id)
    export = await undo(bridge)
    await bridge.look()

    assert export.invoice_state is InvoiceState.UNDONE
    assert company.payments_of(number) == []


async def test_an_undo_that_never_left_ends_with_the_connection_and_says_so(bridge: Bridge) -> None:
    await undo_number(bridge, ANNA, "INV-1")
    await bridge.change(state=ConnectionState.ENDED)
    await bridge.run()
    await bridge.change(state=ConnectionState.ACTIVE)
    await bridge.wait(hours=2)

    export = await row(bridge)
    left = export.invoice_state, in_xero(bridge, export).status
    assert left == (InvoiceState.LIVE, "AUTHORISED")
    assert "before anything was sent" in bridge.screen.sayings[-1].text
    assert await audited(bridge, "undo_refused")


async def test_an_undo_whose_answer_was_lost_before_the_end_is_no_deletion_later(
    bridge: Bridge,
) -> None:
    path = "/api.xro/2.0/Invoices/"
    bridge.xero.faults.add(method="POST", path=path, delay=0)
    bridge.xero.faults.add(method="POST", path=path, hang_up="after")
    await undo_number(bridge, ANNA, "INV-1")
    await bridge.run()
    await bridge.change(state=ConnectionState.ENDED)
    await bridge.wait(hours=2)
    said = bridge.screen.sayings[-1].text
    await bridge.change(state=ConnectionState.ACTIVE)
    await bridge.look()
    await bridge.wait(hours=2)

    export = await row(bridge)
    assert (export.invoice_state, in_xero(bridge, export).status) == (InvoiceState.UNDONE, "VOIDED")
    assert bridge.paymo.company.numbered("INV-1").status == "draft"
    assert "once the same two are connected again" in said
