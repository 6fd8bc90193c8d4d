"""Both systems compared: what differs, what somebody decided, and what is never concluded."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from handlers.blocks import render_plain
from sandbox.xero.model import new_id
from services.compare import Mismatch
from services.errors import ServiceError
from services.model.actions import Action
from services.model.invoice import InvoiceState
from services.reconcile.report import Outcome, Report, Row, month_of
from services.store.tables import Export
from tests.databases import BOTH_DATABASES, SQLITE_ALONE
from tests.services.bridge import ANNA, Bridge, reply_to
from tests.services.fixtures import bridge_of, exported, in_paymo, in_xero

pytestmark = SQLITE_ALONE

TODAY = date(2026, 11, 25)
LINES = [("Work", "", 1, "100")]
LONG = "INV-2026-11-25-00000001"  # 23 characters


bridge = bridge_of(exported(2, spare=2))


async def compared(bridge: Bridge, text: str = "") -> Report:
    """Have a month compared, and return what Anna reads."""
    await bridge.reconcile.ask(ANNA, text, reply_to())
    await bridge.run()
    assert bridge.screen.said == []
    return bridge.screen.reports[-1]


def row_of(report: Report, number: str = "INV-1") -> Row:
    """Return one invoice's row."""
    return next(row for row in report.rows if row.number == number)


def only(row: Row) -> Mismatch:
    """Return the one thing that differs, as it is read."""
    (found,) = row.findings
    here, there, note = map(render_plain, (found.in_paymo, found.in_xero, found.note))
    return replace(found, in_paymo=here, in_xero=there, note=note)


@BOTH_DATABASES
async def test_everything_agrees_and_costs_one_call_on_each_side(bridge: Bridge) -> None:
    """Drafts are not owed, draft against approved is no difference."""
    bridge.paymo.requests.clear()
    bridge.xero.requests.clear()

    report = await compared(bridge)

    assert (report.compared, report.agreeing, report.is_fine) == (2, 2, True)
    assert {row.outcome for row in report.rows} == {Outcome.AGREES}
    assert (report.label, report.at) == ("November 2026", bridge.clock())
    assert len(bridge.paymo.calls("GET", "/invoices")) == 1
    assert len(bridge.xero.calls("GET", "/Invoices")) == 1


async def _copies(bridge: Bridge, count: int) -> None:
    """Have that many more invoices on both sides, each exported as the first one was."""
    mine, theirs = in_paymo(bridge), in_xero(bridge)
    client = bridge.paymo.company.clients[mine.client_id]
    (row, *_) = await bridge.exports()
    kept = {column.name: getattr(row, column.name) for column in Export.__table__.columns}
    async with bridge.database.sessions.begin() as session:
        for nth in range(count):
            number = f"MANY-{nth}"
            copy = bridge.paymo.company.add_invoice(number, client, LINES, tax=15)
            other = replace(theirs, invoice_id=new_id(), number=number, history=[])
            bridge.xero.books.invoices[other.invoice_id] = other
            changed = {
                "id": None,
                "paymo_invoice_id": copy.id,
                "xero_invoice_id": other.invoice_id,
                "number": number,
                "xero_number": number,
            }
            session.add(Export(**(kept | changed)))


@pytest.mark.parametrize("typed", ["", "all"])
async def test_a_hundred_of_paymos_cost_one_call_and_a_thousand_of_xeros(
    bridge: Bridge, typed: str
) -> None:
    await _copies(bridge, 141)
    bridge.paymo.requests.clear()
    bridge.xero.requests.clear()

    report = await compared(bridge, typed)

    assert (report.compared, report.is_fine) == (143, True)
    assert len(bridge.paymo.calls("GET", "/invoices")) == 2
    assert len(bridge.xero.calls("GET", "/Invoices")) == 1


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        ("number", "INV-1-b", "number"),
        ("currency", "USD", "currency"),
        ("issued", date(2026, 11, 20), "date"),
        ("due", date(2026, 12, 1), "due date"),
        ("tax", Decimal(20), "total"),
    ],
)
async def test_an_edit_in_paymo_is_found(
    bridge: Bridge, field: str, value: object, name: str
) -> None:
    bridge.clock.turn(minutes=5)
    bridge.paymo.company.edit(in_paymo(bridge).id, **{field: value})

    report = await compared(bridge)
    row = next(row for row in report.rows if row.outcome is Outcome.DIFFERS)

    assert name in {each.name for each in row.findings}
    # Another currency needs another invoice.
    follows = (Action.OPEN_XERO, "") if name == "currency" else (Action.UPDATE_IN_XERO, "1")
    assert (row.help, row.help_value) == follows
    assert (report.compared, report.agreeing, report.is_fine) == (2, 1, False)


async def test_another_client_in_paymo_or_another_contact_in_xero_is_found(bridge: Bridge) -> None:
    other = bridge.paymo.company.add_client("Birch Farm")
    bridge.paymo.company.edit(in_paymo(bridge).id, client_id=other.id)
    in_xero(bridge, "INV-2").contact_id = bridge.xero.books.add_contact("Cedar Mill").contact_id

    report = await compared(bridge)

    assert only(row_of(report)).name == "contact"
    assert "has another client" in only(row_of(report)).note
    second = only(row_of(report, "INV-2"))
    assert (second.in_paymo, second.in_xero) == ("Acme Ltd", "Cedar Mill")


async def test_an_edit_of_something_paid_or_locked_is_only_shown(bridge: Bridge) -> None:
    bridge.xero.books.pay(in_xero(bridge).invoice_id, Decimal(40), date=TODAY)
    await bridge.look()
    for number in ("INV-1", "INV-2"):
        bridge.paymo.company.edit(in_paymo(bridge, number).id, due=date(2026, 12, 1))
    await bridge.change(period_lock_on=TODAY)

    report = await compared(bridge)

    assert [row.help for row in report.rows] == [Action.OPEN_XERO, Action.OPEN_XERO]
    assert row_of(report).xero_url.endswith(in_xero(bridge).invoice_id)


async def test_a_number_that_was_too_long_is_told_as_decided(bridge: Bridge) -> None:
    client = next(iter(bridge.paymo.company.clients.values()))
    bridge.paymo.company.add_invoice(LONG, client, LINES, tax=15)
    await bridge.wait(hours=2)
    await bridge.export_it(LONG)

    row = row_of(await compared(bridge), LONG)

    assert row.outcome is Outcome.DECIDED
    assert "too long" in only(row).note


async def test_a_difference_that_was_accepted_is_told_as_decided(bridge: Bridge) -> None:
    bridge.paymo.company.edit(in_paymo(bridge).id, tax=Decimal("15.01"))
    async with bridge.database.sessions.begin() as session:
        from_bridge = (await bridge.exports())[0]
        from_bridge.accepted_difference = Decimal("-0.01")
        await session.merge(from_bridge)

    row = row_of(await compared(bridge))

    assert (row.outcome, only(row).name) == (Outcome.DECIDED, "total")


@pytest.mark.parametrize("has_moved_since", [False, True])
async def test_a_date_that_was_chosen_is_told_as_decided(
    bridge: Bridge, *, has_moved_since: bool
) -> None:
    """As long as Xero still has what was sent."""
    in_xero(bridge).day = date(2026, 11, 30 if has_moved_since else 27)
    (row, *_) = await bridge.exports()
    async with bridge.database.sessions.begin() as session:
        row.issue_on, row.sent = date(2026, 11, 27), {**(row.sent or {}), "Date": "2026-11-27"}
        await session.merge(row)

    found = row_of(await compared(bridge))

    assert only(found).name == "date"
    assert (found.outcome is Outcome.DECIDED) is not has_moved_since


async def test_void_on_both_sides_agrees_and_on_one_side_does_not(bridge: Bridge) -> None:
    bridge.xero.books.void(in_xero(bridge).invoice_id)
    early = row_of(await compared(bridge))
    await bridge.look()

    late = row_of(await compared(bridge))

    assert (early.outcome, only(early).in_xero) == (Outcome.DIFFERS, "voided")
    assert in_paymo(bridge).status == "void"
    assert late.outcome is Outcome.AGREES


async def test_what_was_deleted_on_both_sides_can_be_restored(bridge: Bridge) -> None:
    invoice_id = in_paymo(bridge).id
    await bridge.change(void_means="delete")
    bridge.xero.books.void(in_xero(bridge).invoice_id)
    await bridge.look()
    assert invoice_id not in bridge.paymo.company.invoices

    report = await compared(bridge)

    row = row_of(report)
    assert (row.outcome, row.help, row.help_value) == (Outcome.GONE, Action.RESTORE, "1")
    assert report.is_fine
    client = next(iter(bridge.paymo.company.clients.values()))
    bridge.paymo.company.add_invoice("INV-1", client, LINES, tax=15)
    assert {row.help for row in (await compared(bridge)).rows} == {None}


async def test_what_was_exported_again_is_no_longer_listed_as_deleted(bridge: Bridge) -> None:
    """Made again in Paymo under its number; what was deleted before needs nobody any more."""
    await bridge.export_it("INV-3", xero_status="DRAFT")
    bridge.xero.books.delete(in_xero(bridge, "INV-3").invoice_id)
    await bridge.look()
    before = [each.outcome for each in (await compared(bridge)).rows if each.number == "INV-3"]
    client = next(iter(bridge.paymo.company.clients.values()))
    bridge.paymo.company.add_invoice("INV-3", client, LINES, tax=15)
    await bridge.wait(hours=2)
    await bridge.export_it("INV-3")
    after = [each.outcome for each in (await compared(bridge)).rows if each.number == "INV-3"]

    assert (before, after) == ([Outcome.GONE], [Outcome.AGREES])


async def test_a_payment_deleted_in_paymo_can_be_brought_back(bridge: Bridge) -> None:
    bridge.xero.books.pay(in_xero(bridge).invoice_id, Decimal(40), date=TODAY)
    await bridge.look()
    assert row_of(await compared(bridge)).outcome is Outcome.AGREES
    (copy,) = bridge.paymo.company.payments_of(in_paymo(bridge).id)
    bridge.paymo.company.delete_payment(copy.id)
    await bridge.look()

    row = row_of(await compared(bridge))

    (payment,) = await bridge.payments()
    assert (row.outcome, row.help) == (Outcome.DECIDED, Action.BRING_BACK)
    assert row.help_value == str(payment.id)
    assert only(row).note == "Payment of $40.00 was deleted in Paymo."


async def test_credits_that_are_only_told_are_told_as_decided(bridge: Bridge) -> None:
    await bridge.change(credits="notify")
    bridge.xero.books.apply_credit(in_xero(bridge).invoice_id, Decimal(15))
    await bridge.look()

    row = row_of(await compared(bridge))

    assert (row.outcome, only(row).name) == (Outcome.DECIDED, "paid")
    assert "only sends a notification" in only(row).note


async def test_payments_that_are_on_one_side_alone_are_named(bridge: Bridge) -> None:
    bridge.paymo.company.pay(in_paymo(bridge).id, Decimal(40))
    bridge.xero.books.pay(in_xero(bridge, "INV-2").invoice_id, Decimal(115), date=TODAY)

    report = await compared(bridge)

    first, second = only(row_of(report)), only(row_of(report, "INV-2"))
    assert (first.in_paymo, first.in_xero) == ("$40.00", "$0.00")
    assert "Paid in Paymo only: $40.00" in first.note
    assert (second.in_paymo, second.in_xero) == ("$0.00", "$115.00")
    assert "The next sync will bring $115.00" in second.note
    assert not first.is_decided
    assert not second.is_decided


async def test_set_to_paid_by_hand_is_found(bridge: Bridge) -> None:
    bridge.paymo.company.set_status(in_paymo(bridge).id, "paid")

    found = only(row_of(await compared(bridge)))

    assert (found.name, found.in_paymo, found.in_xero) == ("status", "paid", "approved")


async def test_what_was_sent_and_not_exported_can_be_exported(bridge: Bridge) -> None:
    for number in ("INV-3", "INV-4"):
        bridge.paymo.company.set_status(in_paymo(bridge, number).id, "sent")
    bridge.foreign_invoice()
    next(each for each in bridge.xero.invoices.values() if each.number == "HAND-1").number = "INV-4"

    report = await compared(bridge)

    row = row_of(report, "INV-3")
    assert (row.outcome, row.help, row.help_value) == (Outcome.ONLY_PAYMO, Action.EXPORT, "INV-3")
    assert "another invoice with this number" in only(row_of(report, "INV-4")).note
    assert report.others == 1


async def test_deleted_in_paymo_it_is_only_in_xero(bridge: Bridge) -> None:
    """Whether the sync has noticed or not."""
    bridge.paymo.company.delete_invoice(in_paymo(bridge).id)
    early = row_of(await compared(bridge))
    await bridge.look()
    assert (await bridge.exports())[0].invoice_state is InvoiceState.GONE

    late = row_of(await compared(bridge))

    assert {early.outcome, late.outcome} == {Outcome.ONLY_XERO}
    assert {early.help, late.help} == {Action.OPEN_XERO}


async def test_an_invoice_that_moved_to_another_month_is_still_compared(bridge: Bridge) -> None:
    bridge.paymo.company.edit(in_paymo(bridge).id, issued=date(2026, 10, 31))
    in_xero(bridge, "INV-2").day = date(2026, 10, 31)

    november, october = await compared(bridge), await compared(bridge, "october")

    for report in (november, october):
        assert {row.number for row in report.rows} == {"INV-1", "INV-2"}
        assert {only(row).name for row in report.rows} == {"date"}


@BOTH_DATABASES
async def test_all_months_are_compared_at_once(bridge: Bridge) -> None:
    bridge.foreign_invoice()
    bridge.paymo.company.set_status(in_paymo(bridge, "INV-3").id, "sent")

    report = await compared(bridge, "all")

    assert (report.month, report.compared, report.others) == ("all", 2, None)
    assert row_of(report, "INV-3").outcome is Outcome.ONLY_PAYMO


@pytest.mark.parametrize(
    ("typed", "month"),
    [
        ("", "2026-11"),
        ("This", "2026-11"),
        ("last", "2026-10"),
        ("november", "2026-11"),
        ("Dec", "2025-12"),
        ("december 2024", "2024-12"),
        ("2026-02", "2026-02"),
        ("2026/2", "2026-02"),
        ("02.2026", "2026-02"),
        ("ALL", "all"),
    ],
)
def test_a_month_is_understood_as_people_type_it(typed: str, month: str) -> None:
    assert month_of(typed, TODAY).key == month


@pytest.mark.parametrize("typed", ["2026-13", "ju", "smarch", "2027-01", "november 2027", "7"])
def test_what_is_no_month_is_refused_with_examples(typed: str) -> None:
    with pytest.raises(ServiceError, match="Type 2026-11, november, last or all"):
        month_of(typed, TODAY)


def test_december_ends_with_the_year() -> None:
    december = month_of("december", date(2026, 12, 31))

    assert (december.first, december.after) == (date(2026, 12, 1), date(2027, 1, 1))
    assert month_of("last", date(2027, 1, 1)) == december
    assert december.after is not None
    assert december.after - timedelta(days=1) == date(2026, 12, 31)
