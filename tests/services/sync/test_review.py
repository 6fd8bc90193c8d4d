"""What must not happen while looking at Xero: hammering, and touching money of somebody else's."""

import asyncio
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

import pytest

from services.connect.checklists import overview_of
from services.export.drafts import PreviewStep
from services.lifecycle import connection as lifecycle
from services.mapping.case import ExportChoice
from services.model.connection import ConnectionState
from services.model.invoice import InvoiceState
from services.model.jobs import Job
from services.model.people import Role
from services.store import exports
from services.store.tables import Connection
from tests.services.bridge import ANNA, Bridge
from tests.services.fixtures import bridge_of, exported, paid, void_all

DAY = date(2026, 11, 20)


bridge = bridge_of(exported(1, spare=3))


def invoice_id(bridge: Bridge) -> str:
    """Return the exported invoice's id in Xero."""
    return next(iter(bridge.xero.invoices))


@pytest.mark.parametrize("status", [429, 503])
async def test_a_payment_that_waits_does_not_hammer_a_xero_that_asked_us_to_wait(
    bridge: Bridge, status: int
) -> None:
    """What is due in Paymo moves no look at Xero forward when Xero could not be read."""
    bridge.paymo.faults.add(path="/api/", status=503, times=50)
    bridge.xero.books.pay(invoice_id(bridge), Decimal(40), date=DAY)
    await bridge.look()
    bridge.paymo.faults.clear()
    bridge.xero.faults.add(
        path="api.xro", status=status, headers={"Retry-After": "3600"}, times=1000
    )
    await bridge.look()
    bridge.xero.faults.clear()
    await bridge.wait(hours=2)
    assert paid(bridge) == [Decimal(40)]


ANOTHER = "00000000-0000-4000-8000-000000000001"


async def test_a_copy_from_another_organisation_is_asked_about_before_its_invoice_goes(
    bridge: Bridge,
) -> None:
    """The invoice was exported there, too, and its client has paid that one."""
    company = bridge.paymo.company
    invoice = company.numbered("INV-1")
    company.pay(invoice.id, "20", notes=f"Xero payment {ANOTHER}")
    bridge.xero.books.void(invoice_id(bridge))
    await bridge.look()
    kind, facts = (await bridge.notices())[-1]
    assert (kind, facts["in_paymo"], facts["hand_typed"]) == ("invoice_voided", "asked", "20")
    assert invoice.status != "void"


async def test_a_copy_whose_answer_was_lost_is_not_taken_for_money_that_somebody_typed(
    bridge: Bridge,
) -> None:
    """Paymo refuses to delete it, and its invoice is void in Xero."""
    books, faults = bridge.xero.books, bridge.paymo.faults
    payment = books.pay(invoice_id(bridge), Decimal(40), date=DAY)
    faults.add(method="POST", path="/invoicepayments$", hang_up="after")
    body = '{"message": "This payment is locked"}'
    faults.add(method="DELETE", path="/invoicepayments/", status=400, body=body, times=99)
    await bridge.look()
    books.remove_payment(payment.payment_id)
    books.void(invoice_id(bridge))
    for _ in range(2):
        await bridge.look()
    kind, facts = (await bridge.notices())[-1]
    assert (kind, facts["in_paymo"], facts["hand_typed"]) == ("invoice_voided", "void", "")


async def test_a_payment_stays_while_xero_answers_about_another_one(bridge: Bridge) -> None:
    payment = bridge.xero.books.pay(invoice_id(bridge), Decimal(40), date=DAY)
    await bridge.look()
    bridge.xero.books.remove_payment(payment.payment_id)
    wrong = {"Payments/0/PaymentID": ANOTHER}
    bridge.xero.faults.add(path=f"/Payments/{payment.payment_id}", alter=wrong, times=9)
    await bridge.look()
    assert paid(bridge) == [Decimal(40)]
    bridge.xero.faults.clear()
    bridge.clock.turn(hours=1)
    await bridge.look()
    assert paid(bridge) == []


async def test_a_payment_that_paymo_leaves_out_of_an_invoice_is_not_called_deleted(
    bridge: Bridge,
) -> None:
    bridge.xero.books.pay(invoice_id(bridge), Decimal(40), date=DAY)
    await bridge.look()
    left_out: dict[str, object] = {"invoices/0/invoicepayments": []}
    bridge.paymo.faults.add(method="GET", path="/api/invoices", alter=left_out, times=999)
    for _ in range(3):
        bridge.clock.turn(hours=1)
        await bridge.look()
    bridge.paymo.faults.clear()
    assert "payment_removed" not in [kind for kind, _ in await bridge.notices()]
    assert bridge.paymo.calls("GET", "/invoicepayments/")

    [copy] = bridge.paymo.company.payments
    bridge.paymo.company.delete_payment(copy)
    for _ in range(3):
        bridge.clock.turn(hours=1)
        await bridge.look()
    assert [kind for kind, _ in await bridge.notices()][-1] == "payment_removed"


async def test_nothing_is_deleted_while_a_system_answers_about_another_invoice(
    bridge: Bridge,
) -> None:
    await bridge.change(void_means="delete")
    bridge.xero.books.void(invoice_id(bridge))
    wrong: dict[str, object] = {"Invoices/0/InvoiceID": ANOTHER}
    bridge.xero.faults.add(path=f"/Invoices/{invoice_id(bridge)}", alter=wrong, times=9)
    await bridge.look()
    bridge.xero.faults.clear()
    wrong = {"invoices/0/id": 1}
    bridge.paymo.faults.add(method="GET", path=r"/invoices/\d", alter=wrong, times=9)
    bridge.clock.turn(hours=1)
    await bridge.look()
    assert not bridge.paymo.calls("DELETE", "/api/invoices/")
    bridge.paymo.faults.clear()
    bridge.clock.turn(hours=1)
    await bridge.look()
    assert len(bridge.paymo.calls("DELETE", "/api/invoices/")) == 1


@pytest.mark.parametrize(
    "notes", ["Xero payment by card", "See Xero payment 12", "Xero payment {}, the other half"]
)
async def test_words_like_our_marker_do_not_make_a_typed_payment_ours(
    bridge: Bridge, notes: str
) -> None:
    """It is no copy, and would vanish with the invoice, so a person is asked."""
    company, books = bridge.paymo.company, bridge.xero.books
    payment_id = books.pay(invoice_id(bridge), Decimal(40), date=DAY).payment_id
    company.pay(company.numbered("INV-1").id, "20", notes=notes.format(payment_id))
    await bridge.look()
    assert paid(bridge) == [Decimal(20), Decimal(40)]
    books.remove_payment(payment_id)
    await bridge.look()
    await bridge.change(void_means="delete")
    books.void(invoice_id(bridge))
    await bridge.look()
    (export,) = await bridge.exports()
    assert export.invoice_state is InvoiceState.ASKED
    assert paid(bridge) == [Decimal(20)]


async def test_e45_one_payment_that_paymo_refuses_keeps_no_other_waiting(bridge: Bridge) -> None:
    """It waits by itself, and that it does is said where people look."""
    refused = bridge.xero.books.pay(invoice_id(bridge), Decimal(40), date=DAY)
    await bridge.look()
    said = '{"message": "This payment is locked"}'
    bridge.paymo.faults.add(
        method="DELETE", path="invoicepayments", status=400, body=said, times=99
    )
    bridge.xero.books.remove_payment(refused.payment_id)
    bridge.xero.books.pay(invoice_id(bridge), Decimal(15), date=DAY)
    await bridge.look()
    assert paid(bridge) == [Decimal(40), Decimal(15)]
    assert "locked" in (await bridge.schedule(Job.SWEEP)).problem
    bridge.paymo.faults.clear()
    await bridge.look()
    await bridge.look()
    assert paid(bridge) == [Decimal(15)]


async def test_the_snapshot_shows_the_invoice_as_it_was_before_we_voided_it(
    bridge: Bridge,
) -> None:
    """Also when the answer to our voiding got lost, and it is done again."""
    bridge.paymo.faults.add(method="PUT", path="/invoices/", hang_up="after", times=3)
    bridge.xero.books.void(invoice_id(bridge))
    await bridge.look()
    await bridge.look()
    (export,) = await bridge.exports()
    assert (export.invoice_state, (export.snapshot or {})["status"]) == (
        InvoiceState.VOIDED,
        "draft",
    )


async def test_of_two_who_decide_at_once_one_does(bridge: Bridge) -> None:
    """Both presses answer, and nothing is decided both ways."""
    async with bridge.database.sessions.begin() as session:
        export = await exports.get(session, 1)
        export.invoice_state, export.xero_seen_status = InvoiceState.HELD, "VOIDED"
    said = await asyncio.gather(
        bridge.sync.apply_breaker(ANNA, bridge.connection_id),
        bridge.sync.keep_breaker(ANNA, bridge.connection_id),
    )
    assert sum(" already chose to " in each.said for each in said) == 1


@dataclass(slots=True)
class Meddling:
    """A mirror during whose reading the person chooses another invoice."""

    bridge: Bridge
    draft_id: int = 0
    choices: list[ExportChoice] = field(default_factory=list)

    async def refresh_ledger(
        self, connection: Connection, *, at_most_old: timedelta, of_copied: bool = False
    ) -> None:
        """Let the person choose."""
        await self.bridge.mirror.refresh_ledger(connection, at_most_old=at_most_old)
        if self.choices:
            await self.bridge.forms.choose(self.draft_id, ANNA, self.choices.pop())

    async def refresh_contacts(self, connection: Connection) -> None:
        """Copy them."""
        await self.bridge.mirror.refresh_contacts(connection)

    async def refresh_invoices(self, connection: Connection) -> None:
        """Copy them."""
        await self.bridge.mirror.refresh_invoices(connection)


async def test_the_invoice_chosen_last_is_the_one_that_is_shown(bridge: Bridge) -> None:
    """A reading that was under way when another one was chosen does not undo the choice."""
    wanted = bridge.paymo.company.numbered("INV-2").id
    form = await bridge.forms.open(ANNA, "INV-1")
    meddling = Meddling(bridge, form.draft_id, [ExportChoice(invoice_id=wanted)])
    contacts = bridge.export_step.preparer.contacts
    told = (contacts, bridge.screen, bridge.export_step.recorder, bridge.clock)
    reading = PreviewStep(bridge.database, bridge.paymos, meddling, *told)
    await bridge.runner.run(reading, form.draft_id)
    await bridge.run()
    shown = await bridge.forms.form(form.draft_id, ANNA)
    assert shown.invoice is not None
    assert (shown.invoice.value, shown.is_reading) == (str(wanted), False)


async def test_what_is_drawn_last_shows_the_last_choice_whatever_was_read_before(
    bridge: Bridge,
) -> None:
    """Slack keeps no order between what a job draws and what a press draws."""
    form = await bridge.forms.open(ANNA, "INV-1")
    await bridge.forms.attach_view(ANNA, form.draft_id, "V1")
    choice = ExportChoice(invoice_id=bridge.paymo.company.numbered("INV-1").id, xero_status="DRAFT")
    bridge.screen.meanwhile.append(bridge.forms.choose(form.draft_id, ANNA, choice))
    await bridge.run()

    assert [each.xero_status for each in bridge.screen.forms[-2:]] == ["AUTHORISED", "DRAFT"]


@pytest.mark.parametrize("edited", [1, 2])
@pytest.mark.parametrize("status", [429, 503])
async def test_an_edited_payment_waits_until_its_former_copy_is_gone(
    bridge: Bridge, status: int, edited: int
) -> None:
    """Xero lists the new one, but doesn't say yet what became of the old one: nobody is asked."""
    books, xero_id = bridge.xero.books, invoice_id(bridge)
    olds = [books.pay(xero_id, Decimal(each), date=DAY) for each in ("100", "15")]
    await bridge.look()
    bridge.xero.faults.add(
        method="GET", path="/Payments/", status=status, headers={"Retry-After": "30"}, times=99
    )
    for each in olds[:edited]:
        books.remove_payment(each.payment_id)
        books.pay(xero_id, each.amount, date=DAY + timedelta(days=1))
    await bridge.look()
    assert paid(bridge) == [Decimal(100), Decimal(15)]
    bridge.xero.faults.clear()
    await bridge.wait(minutes=1)
    assert sorted(paid(bridge)) == [Decimal(15), Decimal(100)]
    company = bridge.paymo.company
    assert company.numbered("INV-1").status == "paid"
    days = {each.paid_on for each in company.payments_of(company.numbered("INV-1").id)}
    assert DAY + timedelta(days=1) in days
    assert not [facts for _, facts in await bridge.notices() if facts.get("asked")]


@pytest.mark.parametrize(
    ("before", "after"), [(["115"], "0.01"), (["114.99"], "0.02"), (["100", "14.99"], "0.02")]
)
async def test_an_edit_to_a_cent_waits_for_its_former_copy_and_loses_nothing(
    bridge: Bridge, before: list[str], after: str
) -> None:
    """One cent too much is let go of otherwise; another invoice has several added at once."""
    books, xero_id = bridge.xero.books, invoice_id(bridge)
    second = await bridge.export_it("INV-2")
    olds = [books.pay(xero_id, Decimal(each), date=DAY) for each in before]
    await bridge.look()
    bridge.paymo.faults.add(method="DELETE", path="/invoicepayments/", status=503, times=9)
    for each in olds:
        books.remove_payment(each.payment_id)
    books.pay(xero_id, Decimal(after), date=DAY)
    books.pay(second.xero_invoice_id, Decimal(1), date=DAY)
    await bridge.look()
    assert paid(bridge) == [Decimal(each) for each in before]
    bridge.paymo.faults.clear()
    await bridge.look()
    assert paid(bridge) == [Decimal(after)]
    assert not [facts for _, facts in await bridge.notices() if facts.get("asked")]


async def test_deletions_that_wait_for_a_decision_are_asked_about_again_after_a_reconnection(
    bridge: Bridge,
) -> None:
    """Ending the connection took the buttons from the messages."""
    for number in range(2, 5):
        await bridge.export_it(f"INV-{number}")
    await void_all(bridge)
    await bridge.change(state=ConnectionState.ENDED)
    async with bridge.database.sessions.begin() as session:
        await lifecycle.resume(session, await session.get_one(Connection, bridge.connection_id))
    async with bridge.database.sessions() as session:
        overview = await overview_of(session, await bridge.connection(), Role.OWNER)
    assert overview.is_paused
    released = await bridge.sync.apply_breaker(ANNA, bridge.connection_id, overview.held)
    assert released.is_over
    await bridge.look()
    assert {each.status for each in bridge.paymo.company.invoices.values()} == {"void"}
