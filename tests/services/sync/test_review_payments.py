"""Payments that do not simply fit: a cent too much, typed by hand already, or nowhere to go."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update

from handlers.notices.text import text_of
from handlers.notices.views import notice_blocks
from services.model.actions import Action
from services.model.invoice import PaymentState
from services.model.notice import NoticeKind
from services.notices.delivery import Message
from services.store import worklists
from services.store.tables import Notice
from tests.days import day
from tests.services.bridge import ANNA, Bridge, reply_to
from tests.services.fixtures import bridge_of, exported, paid

DAY = date(2026, 11, 20)


bridge = bridge_of(exported(1))


async def pay(bridge: Bridge, amount: str) -> None:
    """Pay the invoice in Xero, whatever is left there, and look."""
    (xero_id,) = bridge.xero.invoices
    bridge.xero.books.pay(xero_id, Decimal(amount), date=DAY)
    await bridge.look()


async def told(bridge: Bridge) -> dict[str, Any]:
    """Return the facts of the last notice, which is about a payment."""
    kind, facts = (await bridge.notices())[-1]
    assert kind == "payment_received"
    return facts


async def ask_about_one(bridge: Bridge) -> Message:
    """Have a person asked about a payment, and return the message as it was posted."""
    company = bridge.paymo.company
    company.pay(company.numbered("INV-1").id, "40", paid_on=DAY)
    await pay(bridge, "40")
    facts = await told(bridge)
    assert facts["asked"]
    async with bridge.database.sessions.begin() as session:
        await session.execute(update(Notice).values(ts="1.0", due_at=None))
    return Message(1, "C1", NoticeKind.PAYMENT_RECEIVED, facts, {})


@pytest.mark.parametrize(("typed", "is_taken"), [("0.01", True), ("0.02", False)])
async def test_a_cent_above_what_is_left_is_taken_as_what_is_left(
    bridge: Bridge, typed: str, *, is_taken: bool
) -> None:
    """The client has paid, so Paymo must not dun; from two cents on a person decides."""
    company = bridge.paymo.company
    company.pay(company.numbered("INV-1").id, typed)
    await pay(bridge, "115")
    facts = await told(bridge)
    (row,) = await bridge.payments()
    if is_taken:
        assert paid(bridge) == [Decimal("0.01"), Decimal("114.99")]
        assert company.numbered("INV-1").status == "paid"
        assert facts["short_by"] == "0.01"
    else:
        assert paid(bridge) == [Decimal("0.02")]
        assert row.state is PaymentState.ASKED
        assert "114.98" in str(facts["asked"])


async def test_a_yen_is_the_cent_of_an_invoice_in_yen(bridge: Bridge) -> None:
    company, books = bridge.paymo.company, bridge.xero.books
    books.add_currency("JPY")
    acme = next(iter(company.clients.values()))
    made = company.add_invoice("INV-2", acme, [("Work", "", 1, "100")], tax=15, currency="JPY")
    await bridge.wait(hours=2)
    result = await bridge.export_it("INV-2")
    company.pay(made.id, "1")
    books.pay(result.xero_invoice_id, Decimal(115), date=DAY)
    await bridge.look()

    assert paid(bridge, "INV-2") == [Decimal(1), Decimal(114)]


async def test_an_edit_says_what_paymo_recorded_less_as_well(bridge: Bridge) -> None:
    company = bridge.paymo.company
    company.pay(company.numbered("INV-1").id, "0.01")
    await pay(bridge, "115")
    (invoice,) = bridge.xero.invoices.values()
    bridge.xero.books.remove_payment(invoice.payments[0].payment_id)
    bridge.xero.books.pay(invoice.invoice_id, Decimal(115), date=DAY + timedelta(days=1))
    await bridge.look()

    said = text_of(Message(1, "C1", NoticeKind.PAYMENT_RECEIVED, await told(bridge), {}))
    assert "changed in Xero" in said
    assert "Paymo recorded $0.01 less" in said


async def edit(bridge: Bridge, amount: str) -> None:
    """Edit the invoice's only payment in Xero, which deletes it and adds another."""
    (invoice,) = bridge.xero.invoices.values()
    bridge.xero.books.remove_payment(invoice.payments[-1].payment_id)
    await pay(bridge, amount)


async def test_an_edit_is_told_once_though_paymo_keeps_the_former_payment_for_a_while(
    bridge: Bridge,
) -> None:
    await pay(bridge, "40")
    bridge.paymo.faults.add(method="DELETE", path="/api/invoicepayments", status=500)
    await edit(bridge, "50")
    assert paid(bridge) == [Decimal(40), Decimal(50)]
    facts = await told(bridge)
    assert (facts["changed_from"], facts["amount"], facts["paid"]) == ("40", "50", "50")
    before = len(await bridge.notices())
    bridge.clock.turn(minutes=5)
    await bridge.look()

    assert paid(bridge) == [Decimal(50)]
    assert len(await bridge.notices()) == before


async def test_the_former_payment_of_an_edit_that_paymo_does_not_record_goes_heard(
    bridge: Bridge,
) -> None:
    await pay(bridge, "40")
    bridge.paymo.faults.add(method="DELETE", path="/api/invoicepayments", status=500)
    bridge.paymo.faults.add(method="POST", path="/api/invoicepayments", status=400)
    await edit(bridge, "50")
    facts = await told(bridge)
    assert facts["asked"]
    assert not facts["changed_from"]
    bridge.clock.turn(minutes=5)
    await bridge.look()

    assert paid(bridge) == []
    assert "payment_removed" in [kind for kind, _ in await bridge.notices()]


async def test_an_edit_that_paymo_does_not_record_says_that_the_former_one_is_gone(
    bridge: Bridge,
) -> None:
    company = bridge.paymo.company
    await pay(bridge, "40")
    company.pay(company.numbered("INV-1").id, "70")
    await edit(bridge, "60")
    assert paid(bridge) == [Decimal(70)]

    said = text_of(Message(1, "C1", NoticeKind.PAYMENT_RECEIVED, await told(bridge), {}))
    assert "Changed in Xero from $40.00 to $60.00" in said
    assert "The earlier payment is gone from Paymo, too." in said


async def test_e38_the_same_payment_typed_in_paymo_is_asked_about(bridge: Bridge) -> None:
    """Counted twice, it would call the invoice paid; a person may insist."""
    company = bridge.paymo.company
    company.pay(company.numbered("INV-1").id, "40", paid_on=DAY)
    await pay(bridge, "40")
    assert paid(bridge) == [Decimal(40)]
    assert "somebody added there" in str((await told(bridge))["asked"])
    (row,) = await bridge.payments()
    await bridge.sync.bring_back(ANNA, row.id)
    await bridge.run()
    assert paid(bridge) == [Decimal(40), Decimal(40)]


async def test_e38_of_another_day_it_is_another_payment(bridge: Bridge) -> None:
    company = bridge.paymo.company
    company.pay(company.numbered("INV-1").id, "40", paid_on=DAY - timedelta(days=1))
    await pay(bridge, "40")
    assert paid(bridge) == [Decimal(40), Decimal(40)]


async def test_an_edited_payment_that_is_brought_back_is_told_as_received(bridge: Bridge) -> None:
    """Its edit was told before; what happens now is that Paymo gets it again."""
    await pay(bridge, "40")
    (invoice,) = bridge.xero.invoices.values()
    bridge.xero.books.remove_payment(invoice.payments[0].payment_id)
    await pay(bridge, "50")
    assert (await told(bridge))["changed_from"] == "40"
    company = bridge.paymo.company
    (copy,) = company.payments_of(company.numbered("INV-1").id)
    company.delete_payment(copy.id)
    await bridge.look()
    await bridge.sync.bring_back(ANNA, (await bridge.payments())[-1].id)
    await bridge.run()

    facts = await told(bridge)
    assert (facts["amount"], facts["changed_from"]) == ("50", "")
    assert "dated_before" not in facts


async def test_a_payment_that_was_asked_about_and_is_deleted_in_xero_asks_nobody_any_more(
    bridge: Bridge,
) -> None:
    """Paymo never had it, so there is no news of its end."""
    asked = await ask_about_one(bridge)
    assert "Record in Paymo" in str(notice_blocks(asked))
    (invoice,) = bridge.xero.invoices.values()
    bridge.xero.books.remove_payment(invoice.payments[0].payment_id)
    await bridge.look()

    over = replace(asked, facts=await told(bridge))
    assert "The app found it deleted in Xero" in text_of(over)
    assert "Record in Paymo" not in str(notice_blocks(over))
    assert paid(bridge) == [Decimal(40)]
    (row,) = await bridge.payments()
    assert row.state is PaymentState.REMOVED


async def test_nobody_is_asked_about_a_payment_once_its_invoice_is_deleted_in_paymo(
    bridge: Bridge,
) -> None:
    """Neither in the channel nor on Home, though Xero still has the payment."""
    asked = await ask_about_one(bridge)
    async with bridge.database.sessions() as session:
        assert await worklists.list_asking(session, await bridge.connection())
    bridge.paymo.company.delete_invoice(bridge.paymo.company.numbered("INV-1").id)
    await bridge.look()

    (facts,) = [each for kind, each in await bridge.notices() if kind == asked.kind]
    assert "The app found the invoice deleted" in text_of(replace(asked, facts=facts))
    assert "Record in Paymo" not in str(notice_blocks(replace(asked, facts=facts)))
    async with bridge.database.sessions() as session:
        assert not await worklists.list_asking(session, await bridge.connection())


@pytest.mark.parametrize("is_noticed", [True, False])
async def test_e46_a_payment_on_an_invoice_deleted_in_paymo_makes_nothing_anew(
    bridge: Bridge, *, is_noticed: bool
) -> None:
    """It is told, whether or not the deletion was, and Paymo stays as people left it."""
    bridge.paymo.company.delete_invoice(bridge.paymo.company.numbered("INV-1").id)
    if is_noticed:
        await bridge.look()
    await pay(bridge, "40")
    kinds = dict(await bridge.notices())
    facts = kinds["payment_received"]
    assert facts["gone"] is True
    message = Message(1, "C1", NoticeKind.PAYMENT_RECEIVED, facts, {})
    assert "Record in Paymo" not in str(notice_blocks(message))  # it would be refused
    assert not bridge.paymo.calls("POST")
    assert not bridge.paymo.company.invoices
    (row,) = await bridge.payments()
    assert row.state is PaymentState.PARKED


async def test_what_was_exported_again_after_a_deletion_is_another_request(bridge: Bridge) -> None:
    """Xero would answer the old key with the old invoice; that one keeps its number, too."""
    await bridge.change(void_means="void")
    (xero_id,) = bridge.xero.invoices
    bridge.xero.books.void(xero_id)
    await bridge.look()
    company = bridge.paymo.company
    company.set_status(company.numbered("INV-1").id, "sent")
    await bridge.wait(hours=1)
    refused = await bridge.export_it("INV-1")
    assert "void" in refused.reason
    await bridge.requests.act(ANNA, refused.export_id, reply_to(), Action.LINK_EXISTING)
    await bridge.run()
    assert "without_number" in bridge.screen.results[-1].actions
    await bridge.requests.act(ANNA, refused.export_id, reply_to(), Action.WITHOUT_NUMBER)
    await bridge.run()
    first, second = await bridge.exports()
    assert second.reason == ""
    assert (first.generation, second.generation) == (1, 2)
    assert first.idempotency_key != second.idempotency_key
    assert second.xero_invoice_id not in {None, first.xero_invoice_id}


def reminder(bridge: Bridge) -> str:
    """Return the day of Paymo's next reminder, as it is shown."""
    [invoice] = bridge.xero.invoices.values()
    company = bridge.paymo.company
    after = [int(each) for each in company.reminders if int(each)]
    due = [(invoice.due or DAY) + timedelta(days=each) for each in after]
    return day(min(due).isoformat()) if due else ""


@pytest.mark.parametrize(
    ("reminders", "typed", "warns"),
    [
        (("7", "0", "0"), "1", True),
        (("0", "0", "14"), "1", True),
        (("0", "0", "0"), "1", False),  # Paymo reminds nobody
        (("7", "0", "0"), "115", False),  # nothing is left to remind of
    ],
)
async def test_d18_while_paymo_lacks_a_payment_it_may_remind_the_client(
    bridge: Bridge, reminders: tuple[str, str, str], typed: str, *, warns: bool
) -> None:
    company = bridge.paymo.company
    invoice_id = company.numbered("INV-1").id
    company.reminders = reminders
    company.pay(invoice_id, typed)
    company.set_status(invoice_id, "sent" if typed == "1" else "paid")
    await pay(bridge, "115")

    facts = await told(bridge)
    assert facts["asked"]
    assert facts["may_remind"] is warns
    said = text_of(Message(1, "C1", NoticeKind.PAYMENT_RECEIVED, facts, {}))
    when = f"may still remind the client about this invoice on {reminder(bridge)}."
    assert (when in said) is warns


@pytest.mark.parametrize(("reminders", "warns"), [(("7", "0", "0"), 1), (("0", "0", "0"), 0)])
@pytest.mark.parametrize("is_down", [True, False])
async def test_d18_what_paymo_takes_late_is_told_once_while_it_may_remind(
    bridge: Bridge, reminders: tuple[str, str, str], warns: int, *, is_down: bool
) -> None:
    """Whether Paymo is down, or takes no payments; where it can't be asked, it may remind."""
    bridge.paymo.company.reminders = reminders
    for path in ("/invoices", "/company") if is_down else ("/invoicepayments$",):
        bridge.paymo.faults.add(path=path, status=500, times=10_000)
    await pay(bridge, "40")
    before = await waiting(bridge)
    for sweep in range(8):
        await bridge.wait(minutes=20)
        if sweep == 2:
            asked = len(bridge.paymo.calls("GET", "/company"))

    assert is_down or len(bridge.paymo.calls("GET", "/company")) == asked
    found = await waiting(bridge)
    assert (before, len(found)) == ([], 1 if is_down else warns)
    assert all("Paymo hasn't recorded it yet" in each for each in found)
    when = ", due " if is_down else f" on {reminder(bridge)}."
    assert all(f"may still remind the client about this invoice{when}" in each for each in found)
    bridge.paymo.faults.clear()
    await bridge.wait(hours=2)
    assert paid(bridge) == [Decimal(40)]
    assert "waits" not in await told(bridge)
    assert await waiting(bridge) == found


async def waiting(bridge: Bridge) -> list[str]:
    """Return what was said of payments that Paymo has not taken yet."""
    return [
        text_of(Message(1, "C1", NoticeKind.PAYMENT_RECEIVED, facts, {}))
        for kind, facts in await bridge.notices()
        if kind == "payment_received" and facts.get("waits")
    ]


async def test_d18_a_credit_that_paymo_does_not_get_warns_too(bridge: Bridge) -> None:
    company = bridge.paymo.company
    company.reminders = ("7", "0", "0")
    company.set_status(company.numbered("INV-1").id, "sent")
    await bridge.change(credits="notify")
    (xero_id,) = bridge.xero.invoices
    bridge.xero.books.apply_credit(xero_id, Decimal(40))
    await bridge.look()

    facts = await told(bridge)
    said = text_of(Message(1, "C1", NoticeKind.PAYMENT_RECEIVED, facts, {}))
    assert "Paymo doesn't record it, and may still remind the client about this invoice" in said


@pytest.mark.parametrize("status", ["DELETED", "AUTHORISED"])
async def test_a_removed_payment_that_is_listed_again_comes_back_only_if_it_did(
    bridge: Bridge, status: str
) -> None:
    """A list may be older than the one before; the payment itself tells."""
    await pay(bridge, "40")
    books = bridge.xero.books
    (payment_id,) = books.payments
    removed = books.remove_payment(payment_id)
    await bridge.look()
    assert paid(bridge) == []

    removed.status = status
    books.invoices[removed.invoice_id].payments.append(removed)
    for _ in range(2):
        await bridge.look()
    is_back = status == "AUTHORISED"
    assert paid(bridge) == [Decimal(40)] * is_back
    assert len(await bridge.notices()) == 3 + is_back
