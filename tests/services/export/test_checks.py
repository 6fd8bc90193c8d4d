"""Every check before an export: its colour, and a sentence that says what to do."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from handlers.blocks import render_plain
from services import money
from services.clients.paymo import Invoice
from services.errors import ServiceError
from services.mapping import checks
from services.mapping.case import Target, new_invoice, picture_of
from services.model.export import NEW_CONTACT, Colour
from services.store.tables import Contact, TaxRate
from tests.days import day
from tests.services.cases import (
    ACCOUNTS,
    AMBER,
    BOOKS,
    CHOICE,
    GREEN,
    RATES,
    RED,
    account,
    case,
    invoice,
    item,
    look,
    rate,
)


def test_an_invoice_that_fits_is_green_all_over() -> None:
    found = checks.examine(case())

    assert [(each.name, each.colour) for each in found] == [
        ("figures", GREEN),
        ("currency", GREEN),
        ("contact", GREEN),
        ("account", GREEN),
        ("tax", GREEN),
        ("number", GREEN),
        ("dates", GREEN),
    ]
    assert checks.reds(found) == ()
    assert render_plain(found[0].text) == "Lines, discount and tax add up to $115.00."
    assert found[4].text == "15% on both sides (15% GST)."


def test_every_red_is_named_and_the_first_one_decides() -> None:
    wrong = case(invoice(status="void", currency="GBP"), replace(CHOICE, account_id="nope"))
    red = [each.name for each in checks.examine(wrong) if each.colour is RED]
    first = checks.reds(checks.examine(wrong))[0]

    assert red == ["status", "currency", "account"]
    assert first.text == "This invoice is void in Paymo. Void invoices aren't exported."


def test_e21_another_tax_is_red_with_both_figures_and_the_accounts_that_fit() -> None:
    found = look("tax", case(choice=replace(CHOICE, account_id="260")))

    assert found.colour is RED
    assert found.text == (
        "Other Revenue (260) has 0% tax in Xero, and the invoice has 15% in Paymo. "
        "Sales (200) has 15%. Choose an account with 15%, or a tax rate for the invoice."
    )


def test_where_no_account_fits_the_rates_that_do_are_named() -> None:
    texas = invoice(tax=Decimal("6.25"), tax_amount=Decimal("6.25"), total=Decimal("106.25"))
    found = look("tax", case(texas))

    assert found.colour is RED
    assert "Sales (200) has 15% tax in Xero, and the invoice has 6.25% in Paymo." in found.text
    assert "No account has 6.25%, but the tax rate Texas does." in found.text


@pytest.mark.parametrize("per_cent", ["8", "9"])
def test_where_no_usable_rate_fits_it_says_how_to_make_one(per_cent: str) -> None:
    amount = Decimal(per_cent)
    found = look("tax", case(invoice(tax=amount, tax_amount=amount, total=100 + amount)))

    assert found.colour is RED
    assert f"Add a tax rate of {per_cent}% in Xero, then check again." in found.text


def test_an_account_without_a_known_rate_is_red() -> None:
    books = replace(BOOKS, accounts={"300": account("300", "Retainers", "GONE")})
    found = look("tax_rate", case(choice=replace(CHOICE, account_id="300"), books=books))

    assert found.colour is RED
    assert found.text.startswith(
        "Retainers (300) has no usable tax rate in Xero, and the invoice has 15%"
    )


def test_e23_two_taxes_agree_by_what_they_come_to() -> None:
    books = replace(BOOKS, tax_rates={"OUTPUT2": rate("OUTPUT2", "Both", "13.4")})
    both = invoice(
        tax=Decimal(5),
        tax_amount=Decimal(5),
        tax2=Decimal(8),
        tax2_amount=Decimal("8.40"),
        tax_on_tax=True,
        total=Decimal("113.40"),
    )

    assert look("tax", case(both, books=books)).colour is GREEN
    plain = msgspec.structs.replace(both, tax_on_tax=False)
    assert look("tax", case(plain, books=books)).colour is RED


@pytest.mark.parametrize(
    ("rates", "name", "colour", "text"),
    [
        (RATES[:3], "untaxed", GREEN, "Lines without tax get No Tax."),
        (RATES[:2], "untaxed", RED, "Harbour Studio has no 0% rate for sales."),
        (RATES, "untaxed_choice", RED, "several 0% rates: No Tax and Zero Rated. Choose"),
    ],
)
def test_e24_lines_without_tax_need_a_rate_of_zero(
    rates: tuple[TaxRate, ...], name: str, colour: Colour, text: str
) -> None:
    books = replace(BOOKS, tax_rates={each.tax_type: each for each in rates})
    mixed = invoice(
        items=(item(), item("20", item="Stamps", apply_tax=False)),
        subtotal=Decimal(120),
        total=Decimal(135),
    )
    found = look(name, case(mixed, books=books))

    assert (found.colour, text in found.text) == (colour, True)


@pytest.mark.parametrize(("length", "colour"), [(22, GREEN), (23, AMBER)])
def test_e13_a_number_of_23_characters_is_left_out_and_said(length: int, colour: Colour) -> None:
    number = "Ü" * length
    found = look("number", case(invoice(number=number)))

    assert found.colour is colour
    assert number in found.text
    assert ("Numbers over 22 characters aren't sent" in found.text) is (length == 23)


@pytest.mark.parametrize(
    ("currency", "colour", "text"),
    [
        ("EUR", GREEN, "Harbour Studio uses EUR."),
        ("GBP", RED, "Harbour Studio doesn't use GBP yet. Add GBP in Xero under Accounting →"),
    ],
)
def test_e28_a_currency_has_to_be_enabled(currency: str, colour: Colour, text: str) -> None:
    found = look("currency", case(invoice(currency=currency)))

    assert (found.colour, found.text.startswith(text)) == (colour, True)


@pytest.mark.parametrize(
    ("contact_id", "contact", "colour", "text"),
    [
        ("", None, RED, "Choose a contact in Xero for Acme."),
        (NEW_CONTACT, None, AMBER, "This export adds Acme to Xero as a new contact."),
        ("c2", None, RED, "no longer has this contact. Choose another"),
        ("c1", Contact(contact_id="c1", name="Acme Ltd", is_active=False), RED, "is archived in"),
        ("c1", BOOKS.contact, GREEN, "The invoice goes to Acme Ltd."),
    ],
)
def test_e14_the_contact_has_to_be_there_and_active(
    contact_id: str, contact: Contact | None, colour: Colour, text: str
) -> None:
    choice = replace(CHOICE, contact_id=contact_id)
    found = look("contact", case(choice=choice, books=replace(BOOKS, contact=contact)))

    assert (found.colour, text in found.text) == (colour, True)


@pytest.mark.parametrize(
    ("account_id", "colour", "text"),
    [
        ("", RED, "Choose the account for this invoice."),
        ("nope", RED, "Xero no longer has this account."),
        ("290", RED, "Closed (290) is archived in Xero"),
        ("200", GREEN, "All lines go to Sales (200)."),
    ],
)
def test_e18_the_account_has_to_take_sales(account_id: str, colour: Colour, text: str) -> None:
    found = look("account", case(choice=replace(CHOICE, account_id=account_id)))

    assert (found.colour, text in found.text) == (colour, True)


@pytest.mark.parametrize(
    ("issued", "due", "approved", "draft", "text"),
    [
        (
            date(2026, 11, 20),
            date(2026, 12, 20),
            GREEN,
            GREEN,
            f"Dated {day('2026-11-20')}",
        ),
        (date(2026, 11, 20), None, RED, AMBER, "The invoice has no due date."),
        (date(2026, 11, 20), date(2026, 11, 19), RED, AMBER, "is due before its invoice date."),
        (date(2026, 11, 1), date(2026, 11, 1), GREEN, GREEN, f"Dated {day('2026-11-01')}"),
    ],
)
def test_e31_an_approved_invoice_needs_a_due_date(
    issued: date, due: date | None, approved: Colour, draft: Colour, text: str
) -> None:
    dated = invoice(issued_on=issued, due_on=due)
    name = "dates" if approved is GREEN else "due"
    found = [
        look(name, case(dated, replace(CHOICE, xero_status=status)))
        for status in ("AUTHORISED", "DRAFT")
    ]

    assert [each.colour for each in found] == [approved, draft]
    assert text in render_plain(found[0].text)


def test_e30_a_locked_period_takes_no_approved_invoice() -> None:
    locked = invoice(issued_on=date(2026, 10, 31))
    found = look("locked", case(locked))

    assert look("dates", case(locked, replace(CHOICE, xero_status="DRAFT"))).colour is GREEN
    assert found.colour is RED
    assert render_plain(found.text) == (
        f"The invoice is dated {day('2026-10-31')}, and Harbour Studio is locked up to "
        f"{day('2026-10-31')}. Choose another date for Xero (Paymo keeps its own), or export it "
        "as a draft."
    )


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"total": Decimal("115.01")}, "They come to $115.00"),
        ({"items": (item("99"),)}, "The invoice's line comes to $99.00, but Paymo's subtotal is"),
        ({"items": (), "subtotal": Decimal(0), "tax_amount": None, "total": Decimal(0)}, "no line"),
    ],
)
def test_e33_figures_that_contradict_one_another_are_red_with_the_figures(
    fields: dict[str, Any], text: str
) -> None:
    found = look("figures", case(invoice(**fields)))

    assert (found.colour, text in render_plain(found.text)) == (RED, True)


def test_e29_a_line_without_words_is_red_with_its_place() -> None:
    silent = invoice(items=(item("60"), item("40", item=" ", description=None)))
    found = look("description", case(silent))

    assert found.colour is RED
    assert found.text.startswith("Line 2 has no description")


def target(paymo: Invoice, *, leave_out_number: bool = False) -> Any:
    where = Target("c1", ACCOUNTS[0], "AUTHORISED", leave_out_number, untaxed_type="NONE")
    return new_invoice(paymo, where)


def test_what_is_sent_has_the_totals_of_paymo_to_the_cent() -> None:
    lines = tuple(item(price) for price in ("33.33", "33.33", "33.34"))
    sent = target(
        invoice(
            items=(*lines, item("20", apply_tax=False)),
            subtotal=Decimal(120),
            discount=Decimal(10),
            discount_amount=Decimal(12),
            tax_amount=Decimal("13.50"),
            total=Decimal("121.50"),
        )
    ).lines

    assert [each.tax_type for each in sent] == ["OUTPUT2", "OUTPUT2", "OUTPUT2", "NONE"]
    assert sum(each.tax_amount for each in sent) == Decimal("13.50")
    assert sum(each.discount_amount for each in sent) == Decimal(12)
    assert sum(each.quantity * each.unit_amount for each in sent) == Decimal(120)


@pytest.mark.parametrize(
    ("number", "leave_out", "sent"),
    [
        ("INV-7", False, {"InvoiceNumber": "INV-7"}),
        ("INV-7", True, {"Reference": "INV-7"}),
        ("9" * 23, False, {"Reference": "9" * 23}),
    ],
)
def test_the_number_stands_in_one_place_alone(
    number: str, sent: dict[str, str], *, leave_out: bool
) -> None:
    body = target(invoice(number=number), leave_out_number=leave_out).body()

    assert {name: body[name] for name in ("InvoiceNumber", "Reference") if name in body} == sent


def test_the_picture_shows_what_xero_will_show() -> None:
    picture = picture_of(invoice(), "NZ")

    totals = (Decimal(100), Decimal(15), Decimal(115))
    assert (picture.sub_total, picture.tax_total, picture.total) == totals
    assert money.expected_totals(invoice().figures) == totals
    assert [(each.amount, each.tax) for each in picture.lines] == [(Decimal(100), Decimal(15))]


def test_there_is_no_picture_of_figures_that_do_not_add_up() -> None:
    with pytest.raises(ServiceError, match="don't add up"):
        picture_of(invoice(total=Decimal(1)), "NZ")
