"""What comes back from Xero, and what never moves: the truth table, one test a row."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from handlers.notices.views import card_of
from services.errors import ServiceError
from services.model.invoice import InvoiceState, PaymentState
from services.model.notice import NoticeKind
from services.store.tables import Notice
from tests.services.bridge import ANNA, Bridge, reply_to
from tests.services.fixtures import bridge_of, exported, in_paymo, in_xero, paid, void_all

DAY = date(2026, 11, 20)


bridge = bridge_of(exported(1, spare=9))


async def pay(bridge: Bridge, amount: str, number: str = "INV-1") -> str:
    """Pay an invoice in Xero, and look; return the payment's id."""
    made = bridge.xero.books.pay(in_xero(bridge, number).invoice_id, Decimal(amount), date=DAY)
    await bridge.look()
    return made.payment_id


async def told(bridge: Bridge) -> list[str]:
    """Return the kinds of notices since the export."""
    return [kind for kind, _ in await bridge.notices()][1:]


async def test_e35_a_part_payment_and_then_the_rest(bridge: Bridge) -> None:
    """A draft becomes sent by itself, and paid when nothing is left."""
    assert in_paymo(bridge).status == "draft"
    await pay(bridge, "40")
    assert (paid(bridge), in_paymo(bridge).status) == ([Decimal(40)], "sent")
    await pay(bridge, "75")
    assert (sum(paid(bridge)), in_paymo(bridge).status) == (Decimal(115), "paid")
    assert await told(bridge) == ["payment_received", "payment_received"]
    facts = (await bridge.notices())[-1][1]
    assert Decimal(str(facts["left"])) == 0
    assert facts["is_paid"] is True
    (first, _) = bridge.paymo.company.payments_of(in_paymo(bridge).id)
    assert first.paid_on == DAY


async def test_e36_a_payment_seen_again_and_again_is_recorded_once(bridge: Bridge) -> None:
    """Hints, sweeps and manual syncs find the same row."""
    await pay(bridge, "40")
    await bridge.sync.request(ANNA, reply_to())
    await bridge.run()
    await bridge.hints.from_xero({bridge.xero.books.tenant_id: [in_xero(bridge).invoice_id]})
    await bridge.look()
    assert paid(bridge) == [Decimal(40)]
    assert await told(bridge) == ["payment_received"]


@pytest.mark.parametrize("hang_up", ["before", "after"])
async def test_e62_a_lost_answer_of_paymo_adds_no_second_payment(
    bridge: Bridge, hang_up: str
) -> None:
    """The marker in the notes is looked for first."""
    bridge.paymo.faults.add(method="POST", path="invoicepayments", hang_up=hang_up)
    await pay(bridge, "40")
    for _ in range(3):
        await bridge.look()
    assert paid(bridge) == [Decimal(40)]
    assert await told(bridge) == ["payment_received"]


async def test_e39_a_payment_removed_in_xero_is_removed_in_paymo(bridge: Bridge) -> None:
    """Only its own copy: what people typed stays."""
    company = bridge.paymo.company
    company.pay(in_paymo(bridge).id, "15", notes="cash")
    payment_id = await pay(bridge, "100")
    assert in_paymo(bridge).status == "paid"
    bridge.xero.books.remove_payment(payment_id)
    await bridge.look()
    assert (paid(bridge), in_paymo(bridge).status) == ([Decimal(15)], "viewed")
    assert await told(bridge) == ["payment_received", "payment_removed"]


async def test_e41_an_edited_payment_is_told_as_one_change(bridge: Bridge) -> None:
    """Xero edits by removing and adding."""
    payment_id = await pay(bridge, "40")
    bridge.xero.books.remove_payment(payment_id)
    await pay(bridge, "45")
    assert paid(bridge) == [Decimal(45)]
    assert await told(bridge) == ["payment_received", "payment_received"]
    facts = (await bridge.notices())[-1][1]
    assert facts["changed_from"] in {"40", "40.00"}
    assert facts["dated_before"] == facts["paid_on"]


async def test_a_payment_whose_date_is_edited_tells_both_days(bridge: Bridge) -> None:
    bridge.xero.books.remove_payment(await pay(bridge, "40"))
    day = DAY + timedelta(days=1)
    bridge.xero.books.pay(in_xero(bridge).invoice_id, Decimal(40), date=day)
    await bridge.look()
    facts = (await bridge.notices())[-1][1]
    assert facts["changed_from"] == facts["amount"]
    assert (facts["dated_before"], facts["paid_on"]) == (DAY.isoformat(), day.isoformat())


async def test_e40_a_payment_deleted_in_paymo_stays_deleted_until_asked_for(bridge: Bridge) -> None:
    """It is told once, nothing happens in Xero, and a press brings it back."""
    await pay(bridge, "40")
    company = bridge.paymo.company
    (copy,) = company.payments_of(in_paymo(bridge).id)
    company.delete_payment(copy.id)
    for _ in range(3):
        await bridge.look()
    assert paid(bridge) == []
    assert await told(bridge) == ["payment_received", "payment_removed"]
    assert in_xero(bridge).paid == Decimal(40)
    (row,) = await bridge.payments()
    assert row.state is PaymentState.TOMBSTONE
    await bridge.sync.bring_back(ANNA, row.id)
    await bridge.run()
    assert paid(bridge) == [Decimal(40)]
    await pay(bridge, "10")
    *_, other = await bridge.payments()
    said = {row.id: "U1.* already brought it back at", other.id: "already where it belongs"}
    for payment_id, words in said.items():  # each answers for itself
        with pytest.raises(ServiceError, match=words):
            await bridge.sync.bring_back(ANNA, payment_id)


async def pay_and_delete_in_paymo(bridge: Bridge) -> str:
    """Have a person asked about a payment; return its id in Xero."""
    payment_id = await pay(bridge, "40")
    company = bridge.paymo.company
    (copy,) = company.payments_of(in_paymo(bridge).id)
    company.delete_payment(copy.id)
    await bridge.look()
    assert (await bridge.notices())[-1][1]["by_person_in_paymo"]
    return payment_id


async def test_a_payment_deleted_in_paymo_and_then_in_xero_asks_nobody_any_more(
    bridge: Bridge,
) -> None:
    """Both agree again: there is no news of it, and a press says why."""
    bridge.xero.books.remove_payment(await pay_and_delete_in_paymo(bridge))
    await bridge.look()

    (row,) = await bridge.payments()
    assert (row.state, row.due_at) == (PaymentState.REMOVED, None)
    assert await told(bridge) == ["payment_received", "payment_removed"]
    assert "found it deleted in Xero" in str((await bridge.notices())[-1][1]["done"])
    with pytest.raises(ServiceError, match="deleted in Xero, too"):
        await bridge.sync.bring_back(ANNA, row.id)
    assert paid(bridge) == []


@pytest.mark.parametrize("is_left_out", [True, False])
async def test_a_payment_that_xero_no_longer_lists_but_did_not_delete_stays_as_it_is(
    bridge: Bridge, *, is_left_out: bool
) -> None:
    """Only what Xero says by its id counts, and "not found" isn't "deleted"."""
    books = bridge.xero.books
    payment_id = await (pay_and_delete_in_paymo(bridge) if is_left_out else pay(bridge, "40"))
    del books.payments[payment_id]
    in_xero(bridge).payments.clear()
    books.note(in_xero(bridge), "Edited")
    before = paid(bridge)
    await bridge.look()

    (row,) = await bridge.payments()
    state = PaymentState.TOMBSTONE if is_left_out else PaymentState.RECORDED
    assert (row.state, row.due_at, paid(bridge)) == (state, None, before)
    assert "done" not in (await bridge.notices())[-1][1]
    if is_left_out:
        await bridge.sync.bring_back(ANNA, row.id)


async def test_what_happens_in_paymo_stays_in_paymo(bridge: Bridge) -> None:
    """A payment typed there, an edit, a sending: Xero is not written to."""
    writes = len(bridge.xero.calls("PUT")) + len(bridge.xero.calls("POST", "api.xro"))
    company, invoice = bridge.paymo.company, in_paymo(bridge)
    company.pay(invoice.id, "20")
    company.set_status(invoice.id, "sent")
    company.edit(invoice.id, number="INV-1b")
    await bridge.look()
    assert len(bridge.xero.calls("PUT")) + len(bridge.xero.calls("POST", "api.xro")) == writes
    assert in_xero(bridge).paid == 0
    assert await told(bridge) == ["invoice_drifted"]


async def test_s17_an_invoice_deleted_in_paymo_stays_in_xero(bridge: Bridge) -> None:
    """That is told once."""
    bridge.paymo.company.delete_invoice(in_paymo(bridge).id)
    await bridge.look()
    await bridge.look()
    assert in_xero(bridge).status == "AUTHORISED"
    assert await told(bridge) == ["invoice_deleted"]
    assert (await bridge.notices())[-1][1]["in_paymo"] == "gone_in_paymo"


async def test_s18_sending_in_xero_changes_nothing(bridge: Bridge) -> None:
    """Neither a status nor a message."""
    bridge.xero.books.mark_sent(in_xero(bridge).invoice_id)
    await bridge.look()
    assert in_paymo(bridge).status == "draft"
    assert await told(bridge) == []


async def test_a_payment_on_a_foreign_invoice_is_left_alone(bridge: Bridge) -> None:
    """Only what went through the app takes part."""
    before = len(bridge.paymo.calls("POST"))
    books = bridge.xero.books
    foreign = bridge.foreign_invoice()
    books.pay(foreign, Decimal(10), date=DAY)
    await bridge.look()
    assert len(bridge.paymo.calls("POST")) == before
    assert await told(bridge) == []


async def test_a_deleted_draft_is_deleted_in_paymo_and_can_be_exported_again(
    bridge: Bridge,
) -> None:
    """As a new generation, by a person."""
    await bridge.export_it("INV-2", xero_status="DRAFT")
    bridge.xero.books.delete(in_xero(bridge, "INV-2").invoice_id)
    number_of_invoices = len(bridge.paymo.company.invoices)
    await bridge.look()
    assert len(bridge.paymo.company.invoices) == number_of_invoices - 1
    assert await told(bridge) == ["invoice_exported", "invoice_deleted"]
    export = (await bridge.exports())[-1]
    assert (export.invoice_state, (export.snapshot or {})["number"]) == (
        InvoiceState.DELETED,
        "INV-2",
    )


@pytest.mark.parametrize(("void_means", "status"), [("void", "void"), ("delete", "gone")])
async def test_e49_void_mirrors_void_unless_told_otherwise(
    bridge: Bridge, void_means: str, status: str
) -> None:
    """A setting makes voiding delete as well."""
    await bridge.change(void_means=void_means)
    invoice = in_paymo(bridge)
    bridge.xero.books.void(in_xero(bridge).invoice_id)
    await bridge.look()
    is_there = invoice.id in bridge.paymo.company.invoices
    assert (invoice.status if is_there else "gone") == status
    assert await told(bridge) == ["invoice_voided"]


async def test_a_voided_one_is_deleted_when_a_person_says_so(bridge: Bridge) -> None:
    """The button under the notice."""
    bridge.xero.books.void(in_xero(bridge).invoice_id)
    await bridge.look()
    invoice = in_paymo(bridge)
    (export,) = await bridge.exports()
    await bridge.sync.delete_in_paymo(ANNA, export.id)
    await bridge.run()
    assert invoice.id not in bridge.paymo.company.invoices


async def test_e50_a_deletion_that_was_begun_is_no_persons_deletion(bridge: Bridge) -> None:
    """Paymo deleted it and did not say so, and Xero does not find it with the next look."""
    await bridge.export_it("INV-2", xero_status="DRAFT")
    invoice, stated = in_paymo(bridge, "INV-2"), in_xero(bridge, "INV-2")
    bridge.xero.books.delete(stated.invoice_id)
    bridge.paymo.faults.add(method="DELETE", path=f"/api/invoices/{invoice.id}", hang_up="after")
    await bridge.look()
    assert invoice.id not in bridge.paymo.company.invoices
    bridge.xero.faults.add(
        method="GET", path=f"/Invoices/{stated.invoice_id}", times=3, status=404, body="{}"
    )
    await bridge.look()
    bridge.xero.faults.clear()
    await bridge.look()
    await bridge.look()
    _, export = await bridge.exports()

    assert (await told(bridge))[1:] == ["invoice_deleted"]
    assert (export.invoice_state, export.snapshot is not None) == (InvoiceState.DELETED, True)


async def test_e52_money_typed_by_hand_is_asked_about_first(bridge: Bridge) -> None:
    """It would vanish with the invoice."""
    invoice = in_paymo(bridge)
    bridge.paymo.company.pay(invoice.id, "20")
    bridge.xero.books.void(in_xero(bridge).invoice_id)
    await bridge.look()
    await bridge.look()
    assert invoice.status == "draft"
    assert await told(bridge) == ["invoice_voided"]
    facts = (await bridge.notices())[-1][1]
    assert (facts["in_paymo"], facts["hand_typed"]) == ("asked", "20")
    found = await bridge.forms.card(ANNA, invoice.number)
    assert found is not None
    said, drawn = card_of(found[0])
    assert "*Voided*" in said  # though Paymo has it still
    assert "undo" not in str(drawn)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 404, "body": "{}"},
        {"status": 403, "body": "{}"},
        {
            "status": 200,
            "body": '{"Invoices": []}',
            "headers": {"Content-Type": "application/json"},
        },
        {"status": 500},
        {"hang_up": "before"},
    ],
)
async def test_e50_no_answer_is_never_read_as_a_deletion(
    bridge: Bridge, fault: dict[str, object]
) -> None:
    """Not found, forbidden, empty, broken: nothing is deleted in Paymo."""
    await pay(bridge, "40")
    bridge.xero.faults.add(method="GET", path="api.xro", times=12, **fault)
    await bridge.look()
    assert paid(bridge) == [Decimal(40)]
    assert in_paymo(bridge).status == "sent"
    assert "invoice_deleted" not in await told(bridge)
    assert not bridge.paymo.calls("DELETE")


@pytest.mark.parametrize("is_applied", [True, False])
async def test_e51_ten_deletions_at_once_ask_a_person(bridge: Bridge, *, is_applied: bool) -> None:
    """Nothing is touched in Paymo before somebody decides."""
    for number in range(2, 11):
        await bridge.export_it(f"INV-{number}")
    invoices = [in_paymo(bridge, f"INV-{number}") for number in range(1, 11)]
    await void_all(bridge)
    assert {each.status for each in invoices} == {"draft"}
    assert (await told(bridge))[-2:] == ["sync_paused", "sync_paused"]  # channel and owner
    decide = bridge.sync.apply_breaker if is_applied else bridge.sync.keep_breaker
    await decide(ANNA, bridge.connection_id, range(1, 11))
    await bridge.run()
    await bridge.look()
    assert {each.status for each in invoices} == {"void" if is_applied else "draft"}
    assert not (await bridge.connection()).is_paused


@pytest.mark.parametrize("is_redrawn", [True, False])
async def test_a_button_from_before_it_named_invoices_decides_only_for_its_own_message(
    bridge: Bridge, *, is_redrawn: bool
) -> None:
    for number in range(2, 5):
        await bridge.export_it(f"INV-{number}")
    await void_all(bridge)
    if not is_redrawn:
        async with bridge.database.sessions.begin() as session:
            asked = select(Notice).where(Notice.kind == NoticeKind.SYNC_PAUSED)
            for each in await session.scalars(asked):
                each.facts = {name: each.facts[name] for name in each.facts if name != "export_ids"}
    released = await bridge.sync.keep_breaker(ANNA, bridge.connection_id)
    assert released.is_over is not is_redrawn
    assert ("Nothing decided. This button didn't cover INV-1" in released.said) is is_redrawn
    assert (await bridge.connection()).is_paused is is_redrawn


async def test_e34_a_credit_note_is_recorded_by_its_name(bridge: Bridge) -> None:
    """Never as cash, and gone again when it is taken off."""
    made = bridge.xero.books.apply_credit(in_xero(bridge).invoice_id, Decimal(30))
    await bridge.look()
    (copy,) = bridge.paymo.company.payments_of(in_paymo(bridge).id)
    assert copy.notes.startswith("Credit note CN-0001")
    assert (await bridge.notices())[-1][1]["kind"] == "credit_note"
    bridge.xero.books.remove_credit(made.allocation_id)
    await bridge.look()
    assert paid(bridge) == []


async def test_a_quiet_look_is_one_call(bridge: Bridge) -> None:
    """When nothing happened."""
    await bridge.look()
    before = len(bridge.xero.calls("GET", "api.xro"))
    await bridge.look()
    assert len(bridge.xero.calls("GET", "api.xro")) == before + 1


async def test_e45_paymo_out_of_reach_loses_nothing(bridge: Bridge) -> None:
    """The payment comes when Paymo is back."""
    bridge.paymo.faults.add(path="/api/", status=503, times=30)
    await pay(bridge, "40")
    bridge.paymo.faults.clear()
    await bridge.look()
    await bridge.look()
    assert paid(bridge) == [Decimal(40)]
