"""What counts as edited after the export: all that Xero would show, and nothing else."""

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from handlers.blocks import render_plain
from services import compare
from services.clients.paymo import Client, Invoice, Payment
from services.clients.xero import XeroInvoice
from services.model.export import DUE_BY_TERMS, DUE_ON_DATE
from services.store.tables import Export
from tests.days import day
from tests.services.cases import invoice, item

WORK, TRAIN = item(id=1, seq=1), item("20", id=2, seq=2, item="Train", apply_tax=False)
LONG = "Design of the new pages, all of them, with two rounds of corrections. " * 3
DAY = date(2026, 11, 20)
SENT: dict[str, Any] = {
    "Date": "2026-11-20",
    "DueDate": "2026-12-20",
    "LineItems": [
        {"Description": "Design", "Quantity": "1", "UnitAmount": "100", "TaxAmount": "15"},
        {"Description": "Train", "Quantity": "1", "UnitAmount": "20", "TaxAmount": "0"},
    ],
}


def paymo(**fields: Any) -> Invoice:
    """Return the invoice as it went out, with what is named instead."""
    usual: dict[str, Any] = {
        "items": (WORK, TRAIN),
        "subtotal": Decimal(120),
        "total": Decimal(135),
    }
    return invoice(**{**usual, **fields})


def stated(**fields: Any) -> XeroInvoice:
    """Return what Xero made of it, with what is named instead."""
    usual: dict[str, Any] = {
        "InvoiceID": "x1",
        "Status": "AUTHORISED",
        "InvoiceNumber": "INV-7",
        "Contact": {"ContactID": "c1", "Name": "Acme Ltd"},
        "CurrencyCode": "NZD",
        "Date": "2026-11-20T00:00:00",
        "DueDate": "2026-12-20T00:00:00",
        "SubTotal": 120,
        "TotalTax": 15,
        "Total": 135,
        "AmountDue": 135,
        "AmountPaid": 0,
        "LineItems": [
            {"Description": "Design", "Quantity": 1, "LineAmount": 100},
            {"Description": "Train", "Quantity": 1, "LineAmount": 20},
        ],
    }
    return msgspec.convert({**usual, **fields}, XeroInvoice)


def exported(**fields: Any) -> Export:
    """Return the row of the export."""
    usual: dict[str, Any] = {
        "number": "INV-7",
        "client_id": 5,
        "client_name": "Acme",
        "contact_id": "c1",
        "contact_name": "Acme Ltd",
        "currency": "NZD",
        "total": Decimal(135),
        "xero_number": "INV-7",
        "xero_total": Decimal(135),
        "leave_out_number": False,
        "is_linked": False,
        "drift": "",
        "issue_on": None,
        "due_rule": "",
        "compared": compare.agreed(paymo(), stated()).as_json(),
        "sent": SENT,
    }
    return Export(**{**usual, **fields})


def edits(now: Invoice, **row: Any) -> dict[str, tuple[str, str]]:
    """Return what is told of this edit in Paymo."""
    contact_id = "c1" if now.client_id == 5 else ""
    found = compare.standing_now(exported(**row), now, contact_id, stated()).in_paymo
    return {each.name: (render_plain(each.was), render_plain(each.now)) for each in found}


def with_line(**fields: Any) -> Invoice:
    """Return the invoice with its first line edited."""
    return paymo(items=(msgspec.structs.replace(WORK, **fields), TRAIN))


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (paymo(number="INV-9"), {"number": ("INV-7", "INV-9")}),
        (paymo(client_id=6, client=Client(id=6, name="Beta")), {"client": ("Acme", "Beta")}),
        (paymo(currency="US$"), {"currency": ("NZD", "USD")}),
        (paymo(issued_on=date(2026, 11, 21)), {"date": (day("2026-11-20"), day("2026-11-21"))}),
        (paymo(due_on=date(2026, 12, 1)), {"due date": (day("2026-12-20"), day("2026-12-01"))}),
        (paymo(due_on=None), {"due date": (day("2026-12-20"), "")}),
        (with_line(item="Drafts"), {"line 1, text": ("Design", "Drafts")}),
        (with_line(description="In May"), {"line 1, text": ("Design", "Design\nIn May")}),
        (
            with_line(quantity=Decimal(4), price_unit=Decimal("25.00")),
            {"line 1, quantity": ("1", "4"), "line 1, price": ("100", "25")},
        ),
        (with_line(apply_tax=False), {"line 1, taxed": ("yes", "no")}),
        (
            paymo(items=(WORK, TRAIN, item("0", id=3, seq=3, item="Free"))),
            {"line 3 added": ("", "Free · 1 × 0")},
        ),
        (
            paymo(items=(WORK,), subtotal=Decimal(100), total=Decimal(115)),
            {"line 2 removed": ("Train · 1 × 20", ""), "total": ("NZ$135.00", "NZ$115.00")},
        ),
        (
            paymo(items=(item("20", id=9, seq=1, item="Train", apply_tax=False),)),
            {"line 1 removed": ("Design · 1 × 100", "")},
        ),
        (
            paymo(items=(item(id=1, seq=2), item("20", id=2, seq=1, item="Train"))),
            {"line 1, taxed": ("no", "yes"), "order of the lines": ("1, 2", "2, 1")},
        ),
        (
            paymo(discount_amount=Decimal(5), total=Decimal(130)),
            {"discount": ("NZ$0.00", "NZ$5.00"), "total": ("NZ$135.00", "NZ$130.00")},
        ),
        (
            paymo(tax_amount=Decimal(16), total=Decimal(136)),
            {"tax": ("NZ$15.00", "NZ$16.00"), "total": ("NZ$135.00", "NZ$136.00")},
        ),
        (paymo(status="void"), {"status": ("not void", "void")}),
    ],
)
def test_whatever_xero_would_show_is_named_before_and_after(
    now: Invoice, told: dict[str, tuple[str, str]]
) -> None:
    assert edits(now) == told


@pytest.mark.parametrize(
    "now",
    [
        paymo(status="paid", payments=(Payment(id=1, amount=Decimal(135), paid_on=DAY),)),
        paymo(notes="Call them", footer="Thanks", title="RECHNUNG", bill_to="Acme, Wien"),
        paymo(template_id=3, pay_online=True, delivery_date=DAY, tax_text="MwSt"),
        paymo(client=Client(id=5, name="Acme Limited", email="acme@acme.example")),
        with_line(item="<b>Design</b>", description="<p>Design</p>", quantity=Decimal("1.00")),
        paymo(items=(item(id=11, seq=0), item("20", id=12, seq=4, item="Train", apply_tax=False))),
        paymo(items=(TRAIN, WORK)),
        paymo(tax_amount=Decimal(10), tax2_amount=Decimal(5), tax=Decimal(10), tax2=Decimal(5)),
    ],
    ids=["paid", "texts", "layout", "client", "html", "renewed", "order of reading", "two taxes"],
)
def test_what_xero_never_saw_is_no_edit(now: Invoice) -> None:
    assert edits(now) == {}


@pytest.mark.parametrize(
    ("row", "now"),
    [
        ({"issue_on": date(2026, 12, 1)}, paymo(issued_on=date(2026, 11, 21))),
        ({"due_rule": DUE_BY_TERMS}, paymo(due_on=date(2027, 1, 1))),
        ({"due_rule": DUE_ON_DATE}, paymo(due_on=date(2027, 1, 1))),
        ({"issue_on": date(2026, 12, 30)}, paymo(due_on=date(2026, 12, 24))),
    ],
)
def test_what_somebody_decided_for_the_export_is_no_edit(row: dict[str, Any], now: Invoice) -> None:
    assert edits(now, **row) == {}


def test_long_texts_are_cut_to_where_they_part() -> None:
    former = with_line(description=f"{LONG}Three days.")
    export = exported(compared=compare.agreed(former, stated()).as_json())
    (found,) = compare.edits_in_paymo(export, former, with_line(description=f"{LONG}Four days."))

    assert found.was == "…nds of corrections. Three days."
    assert found.now == "…nds of corrections. Four days."
    (other,) = compare.edits_in_paymo(
        export, former, with_line(description=f"{LONG}Four days. " + LONG)
    )
    assert found.mark != other.mark
    assert len(other.now) <= 122


DRAFTS: dict[str, Any] = {"Description": "Drafts", "Quantity": 1, "LineAmount": 100}
TRAINS: dict[str, Any] = {"Description": "Train", "Quantity": 1, "LineAmount": 20}
OTHER = {"ContactID": "c2", "Name": "Beta Ltd"}


@pytest.mark.parametrize(
    ("now", "there", "left"),
    [
        (paymo(number="INV-9"), {"InvoiceNumber": "INV-9"}, ([], [])),
        (paymo(number="INV-9"), {"InvoiceNumber": "INV-8"}, (["number"], ["number"])),
        (paymo(due_on=date(2026, 12, 1)), {"DueDate": "2026-12-01T00:00:00"}, ([], [])),
        (paymo(client_id=6, client=Client(id=6, name="Beta")), {"Contact": OTHER}, ([], [])),
        (with_line(item="Drafts"), {"LineItems": [DRAFTS, TRAINS]}, ([], [])),
        (with_line(item="Drafts"), {"LineItems": [DRAFTS]}, (["line 1, text"], [])),
        (with_line(item="Drafts"), {"InvoiceNumber": "A"}, (["line 1, text"], ["number"])),
        (paymo(), {"InvoiceNumber": "A", "Total": 140}, ([], ["number", "total"])),
        (paymo(), {"DueDate": ""}, ([], [])),
        (paymo(), {"TotalTax": 14, "SubTotal": 121}, ([], ["tax"])),
    ],
)
def test_the_same_change_on_both_sides_is_no_difference(
    now: Invoice, there: dict[str, Any], left: tuple[list[str], list[str]]
) -> None:
    contact_id = "c2" if now.client_id == 6 else "c1"
    found = compare.standing_now(exported(), now, contact_id, stated(**there))

    assert ([e.name for e in found.in_paymo], [e.name for e in found.in_xero]) == left
    assert found.has_own_lines is (there.get("LineItems") == [DRAFTS])


def test_a_linked_invoice_is_compared_with_paymos_own_as_it_was_linked() -> None:
    foreign = stated(InvoiceNumber="INV-7", LineItems=[{"Description": "All of it"}])
    row = exported(is_linked=True, compared=compare.agreed(paymo(), foreign).as_json())
    text = with_line(item="Drafts")
    more = paymo(tax_amount=Decimal(20), total=Decimal(140))
    raised = stated(TotalTax=20, Total=140, LineItems=[])

    assert not compare.standing_now(row, paymo(), "c1", foreign).in_paymo
    assert [e.name for e in compare.standing_now(row, text, "c1", foreign).in_paymo] == [
        "line 1, text"
    ]
    assert not compare.standing_now(row, more, "c1", raised).in_paymo
    moved = compare.standing_now(row, paymo(), "c1", stated(Date="2026-11-22T00:00:00"))
    assert [e.name for e in moved.in_xero] == ["date"]


@pytest.mark.parametrize(
    ("now", "names"),
    [
        (paymo(), set()),
        (paymo(number="INV-9"), {"number"}),
        (paymo(due_on=date(2026, 12, 1)), {"due date"}),
        (paymo(subtotal=Decimal(220), total=Decimal(235)), {"sum of the lines", "total"}),
        (paymo(tax_amount=Decimal(16), total=Decimal(136)), {"tax", "total"}),
    ],
)
def test_what_an_earlier_version_exported_is_compared_with_what_was_sent(
    now: Invoice, names: set[str]
) -> None:
    row = exported(compared=None)
    seen = compare.checked(row, compare.compared_of(row), invoice=now, contact_id="c1")

    assert {each.name for each in compare.standing(row, seen).in_paymo} == names
    # From the first look on that finds nothing, it is kept whole.
    assert (seen.invoice is not None) == (not names)


def test_a_list_without_lines_says_nothing_of_them() -> None:
    assert edits(paymo(items=())) == {}
    assert edits(paymo(items=(), number="INV-9")).keys() == {"number"}


def test_what_is_kept_survives_the_database() -> None:
    row = exported()
    known = compare.checked(
        row, compare.compared_of(row), invoice=paymo(number="A"), contact_id="c1"
    )
    kept = msgspec.json.decode(msgspec.json.encode(known.as_json()))

    again = exported(compared=kept)
    assert compare.standing(again, compare.compared_of(again)) == compare.standing(row, known)
