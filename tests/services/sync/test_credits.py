"""Credits that settle an invoice: how much of each, and of which day."""

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.blocks import render_plain
from handlers.notices.text import text_of
from services.clients.xero import XeroInvoice, applied_credits
from services.model.invoice import PaymentState
from services.model.notice import NoticeKind
from tests.databases import SQLITE_ALONE
from tests.handlers import samples
from tests.services.bridge import ANNA, Bridge, reply_to
from tests.services.drifting import reprice
from tests.services.fixtures import bridge_of, exported

pytestmark = SQLITE_ALONE

BEFORE = date(2026, 9, 17)
TODAY = date(2026, 11, 25)


bridge = bridge_of(exported(1))


def ticks(day: str) -> str:
    """Write a day as Xero does."""
    return f"/Date({int((date.fromisoformat(day) - date(1970, 1, 1)).total_seconds())}000+0000)/"


def stated(**fields: Any) -> XeroInvoice:
    """Decode an invoice of 500.00 of March, on which nothing is due."""
    usual = {"InvoiceID": "i1", "Total": 500.0, "AmountDue": 0, "Date": ticks("2026-03-01")}
    always = {"Status": "PAID", "SubTotal": 500, "TotalTax": 0, "AmountPaid": 0}
    raw = msgspec.json.encode(usual | always | {"CurrencyCode": "GBP"} | fields)
    return msgspec.json.decode(raw, type=XeroInvoice)


def whole(name: str, total: str, day: str = "2026-01-17", **fields: Any) -> dict[str, Any]:
    """Return a prepayment as Xero lists it: whole."""
    return {"PrepaymentID": name, "Total": Decimal(total), "Date": ticks(day)} | fields


def to_invoice(amount: str, day: str, invoice: str = "i1", **fields: Any) -> dict[str, Any]:
    """Return an allocation."""
    target = {"InvoiceID": invoice}
    return {"Amount": Decimal(amount), "Date": ticks(day), "Invoice": target} | fields


def amounts(invoice: XeroInvoice) -> dict[str, str]:
    """Return what is applied of each credit."""
    return {each.id: f"{each.amount:.2f}" for each in applied_credits(invoice)}


def words(kind: str, facts: Any) -> str:
    """Return what a channel reads."""
    return text_of(samples.message(NoticeKind(kind), **facts))


def test_of_a_credit_that_is_listed_whole_the_applied_part_counts() -> None:
    (found,) = applied_credits(stated(AmountCredited=500.0, Prepayments=[whole("p1", "2000.00")]))

    assert (found.amount, found.applied_on) == (Decimal(500), date(2026, 3, 1))


def test_a_credit_that_is_younger_than_the_invoice_keeps_its_day() -> None:
    (found,) = applied_credits(
        stated(AmountCredited=500.0, Prepayments=[whole("p1", "2000.00", day="2026-03-09")])
    )

    assert found.applied_on == date(2026, 3, 9)


def test_allocations_say_how_much_and_when() -> None:
    parts = [
        to_invoice("120", "2026-03-05", AllocationID="a1"),
        to_invoice("80", "2026-03-07", AllocationID="a2"),
        to_invoice("900", "2026-03-09", invoice="i2"),
        to_invoice("70", "2026-03-09", IsDeleted=True),
    ]
    twice = [whole("p1", "2000", Allocations=parts)] * 2

    (found,) = applied_credits(stated(AmountCredited=200.0, AmountDue=300.0, Prepayments=twice))

    assert (found.amount, found.applied_on) == (Decimal(200), date(2026, 3, 7))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        # Two allocations of one credit note.
        (
            {
                "AmountCredited": 300.0,
                "CreditNotes": [
                    {"CreditNoteID": "c1", "AppliedAmount": 100.0, "Total": 300.0},
                    {"CreditNoteID": "c1", "AppliedAmount": 200.0, "Total": 300.0},
                ],
            },
            {"c1": "300.00"},
        ),
        # What one says of itself is not the other's.
        (
            {
                "AmountCredited": 150.0,
                "CreditNotes": [{"CreditNoteID": "c1", "AppliedAmount": 50.0, "Total": 300.0}],
                "Overpayments": [{"OverpaymentID": "o1", "Total": 900.0}],
            },
            {"c1": "50.00", "o1": "100.00"},
        ),
        # Credits that were used up.
        (
            {"AmountCredited": 130.0, "Prepayments": [whole("p1", "100"), whole("p2", "30")]},
            {"p1": "100.00", "p2": "30.00"},
        ),
        # The sum alone is known.
        (
            {"AmountCredited": 100.0, "Prepayments": [whole("p1", "200"), whole("p2", "100")]},
            {"p1": "66.67", "p2": "33.33"},
        ),
        # More is said to be applied than the invoice has.
        (
            {
                "AmountCredited": 40.0,
                "CreditNotes": [{"CreditNoteID": "c1", "AppliedAmount": 90.0, "Total": 90.0}],
            },
            {"c1": "40.00"},
        ),
        # The sum is left out, as recorded answers do.
        ({"AmountDue": 380.0, "Prepayments": [whole("p1", "2000")]}, {"p1": "120.00"}),
        # Nothing of it is applied any more.
        ({"AmountDue": 500.0, "Prepayments": [whole("p1", "2000")]}, {}),
    ],
)
def test_what_of_each_credit_stands_on_the_invoice(
    fields: dict[str, Any], expected: dict[str, str]
) -> None:
    assert amounts(stated(**fields)) == expected


@given(
    totals=st.lists(st.integers(1, 10**7), min_size=1, max_size=5),
    part=st.fractions(min_value=0, max_value=1),
    currency=st.sampled_from(["GBP", "JPY", "KWD"]),
)
def test_all_credits_come_to_what_is_credited_and_none_to_more_than_itself(
    totals: list[int], part: Any, currency: str
) -> None:
    step = {"GBP": 2, "JPY": 0, "KWD": 3}[currency]
    credited = Decimal(max(1, int(sum(totals) * part))).scaleb(-step)
    rows = [whole(f"p{nth}", str(Decimal(total).scaleb(-step))) for nth, total in enumerate(totals)]

    found = applied_credits(
        stated(AmountCredited=credited, CurrencyCode=currency, Prepayments=rows)
    )

    assert sum(each.amount for each in found) == credited
    of_each = {row["PrepaymentID"]: row["Total"] for row in rows}
    assert all(0 < each.amount <= of_each[each.id] for each in found)


@pytest.mark.parametrize("kind", ["prepayment", "overpayment", "credit_note"])
async def test_a_part_of_a_larger_credit_is_recorded_on_the_invoices_day(
    bridge: Bridge, kind: str
) -> None:
    books = bridge.xero.books
    (invoice,) = bridge.xero.invoices.values()
    credit = books.give_credit(invoice.invoice_id, Decimal(2000), kind=kind, day=BEFORE)
    books.apply(credit, invoice.invoice_id, Decimal(60))
    await bridge.look()

    (copy,) = bridge.paymo.company.payments.values()
    assert (copy.amount, copy.paid_on) == (Decimal(60), TODAY)

    books.apply(credit, invoice.invoice_id, Decimal(55))
    await bridge.look()

    (copy,) = bridge.paymo.company.payments.values()
    assert (copy.amount, bridge.paymo.company.numbered("INV-1").status) == (Decimal(115), "paid")
    assert copy.notes.startswith(kind.replace("_", " ").capitalize())


async def test_a_credit_that_was_asked_about_is_judged_again_once_another_part_of_it_is_applied(
    bridge: Bridge,
) -> None:
    books, company = bridge.xero.books, bridge.paymo.company
    (invoice,) = bridge.xero.invoices.values()
    company.pay(company.numbered("INV-1").id, "50", notes="cash")
    credit = books.give_credit(invoice.invoice_id, Decimal(200), kind="credit_note")
    applied = books.apply(credit, invoice.invoice_id, Decimal(100))
    await bridge.look()
    assert (await bridge.notices())[-1][1]["asked"]

    books.remove_credit(applied.allocation_id)
    books.apply(credit, invoice.invoice_id, Decimal(60))
    await bridge.look()

    assert [each.amount for each in company.payments.values()] == [Decimal(50), Decimal(60)]
    assert not (await bridge.notices())[-1][1]["asked"]


@pytest.mark.parametrize("recorded_first", [True, False])
async def test_a_credit_that_grows_is_told_with_all_that_is_applied_where_credits_are_only_told(
    bridge: Bridge, *, recorded_first: bool
) -> None:
    """Neither with what Paymo had of it before, nor not at all."""
    books, company = bridge.xero.books, bridge.paymo.company
    (invoice,) = bridge.xero.invoices.values()
    await bridge.change(credits="record" if recorded_first else "notify")
    credit = books.give_credit(invoice.invoice_id, Decimal(200), kind="credit_note")
    books.apply(credit, invoice.invoice_id, Decimal(40))
    await bridge.look()
    await bridge.change(credits="notify")
    books.apply(credit, invoice.invoice_id, Decimal(35))
    for _ in range(3):
        await bridge.look()

    told = [facts for kind, facts in await bridge.notices() if kind == "payment_received"]
    assert [each["amount"] for each in told] == ["40", "75"]
    assert (company.payments, told[-1]["left"]) == ({}, "115")


@pytest.mark.parametrize("hang_up", ["after", "before"])
async def test_a_credit_whose_answer_was_lost_is_recorded_only_where_paymo_has_it(
    bridge: Bridge, hang_up: str
) -> None:
    """From then on credits are only told."""
    (xero_id,), company = bridge.xero.invoices, bridge.paymo.company
    bridge.paymo.faults.add(method="POST", path="/invoicepayments$", hang_up=hang_up)
    bridge.xero.books.apply_credit(xero_id, Decimal(40))
    await bridge.look()
    await bridge.change(credits="notify")
    for _ in range(2):
        await bridge.look()

    (row,), is_there = await bridge.payments(), hang_up == "after"
    assert len(company.payments) == is_there
    assert row.state is (PaymentState.RECORDED if is_there else PaymentState.PARKED)


async def test_a_recorded_credit_that_grows_beyond_what_is_left_is_asked_about_with_its_new_amount(
    bridge: Bridge,
) -> None:
    books, company = bridge.xero.books, bridge.paymo.company
    (invoice,) = bridge.xero.invoices.values()
    credit = books.give_credit(invoice.invoice_id, Decimal(200), kind="credit_note")
    books.apply(credit, invoice.invoice_id, Decimal(40))
    await bridge.look()
    company.pay(company.numbered("INV-1").id, "50", notes="cash")
    books.apply(credit, invoice.invoice_id, Decimal(60))
    await bridge.look()

    told = (await bridge.notices())[-1][1]
    assert (told["amount"], bool(told["asked"])) == ("100", True)


async def test_nothing_is_left_to_pay_where_paymo_has_more_payments_than_its_total(
    bridge: Bridge,
) -> None:
    company, books = bridge.paymo.company, bridge.xero.books
    (invoice,) = bridge.xero.invoices.values()
    made = company.numbered("INV-1")
    company.pay(made.id, "60", notes="cash")
    reprice(bridge, "40")
    books.pay(invoice.invoice_id, Decimal(40), date=TODAY)
    await bridge.look()

    asked = [facts["asked"] for kind, facts in await bridge.notices() if kind == "payment_received"]
    assert "left to pay in Paymo ($0.00)" in render_plain(str(asked[-1]))


async def test_two_credits_of_which_the_sum_is_known_settle_the_invoice_together(
    bridge: Bridge,
) -> None:
    books = bridge.xero.books
    (invoice,) = bridge.xero.invoices.values()
    for total, part in (("400", "15"), ("200", "100")):
        credit = books.give_credit(invoice.invoice_id, Decimal(total), kind="prepayment")
        books.apply(credit, invoice.invoice_id, Decimal(part))
    await bridge.look()

    copies = bridge.paymo.company.payments.values()
    assert (len(copies), sum(each.amount for each in copies)) == (2, Decimal(115))


@pytest.mark.parametrize(("rounding", "written"), [("0.05", "$0.05"), ("-0.05", "-$0.05")])
async def test_what_somebody_rounds_in_xero_is_named_and_taken(
    bridge: Bridge, rounding: str, written: str
) -> None:
    books = bridge.xero.books
    (invoice,) = bridge.xero.invoices.values()
    books.round_to(invoice.invoice_id, Decimal(rounding))
    await bridge.look()
    books.pay(invoice.invoice_id, Decimal(115) + Decimal(rounding), date=TODAY)
    await bridge.look()

    (copy,) = bridge.paymo.company.payments.values()
    assert (copy.amount, bridge.paymo.company.numbered("INV-1").status) == (Decimal(115), "paid")
    told = [words(*each) for each in await bridge.notices()]
    assert f"rounded by {written} in Maple Books" in told[1]
    assert "still records payments" in told[1]
    assert "difference of $0.05 is Xero's rounding" in told[2]
    assert len(told) == 3

    await bridge.reconcile.ask(ANNA, "", reply_to())
    await bridge.run()
    report = bridge.screen.reports[-1]
    assert (report.is_fine, report.agreeing) == (True, 1)
    notes = [render_plain(each.note) for row in report.rows for each in row.findings]
    assert any(f"Xero rounds the invoice by {written}" in each for each in notes)
