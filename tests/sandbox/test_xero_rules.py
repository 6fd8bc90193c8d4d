"""The rules of Xero on which money depends: numbers, totals, tax, endings."""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sandbox.xero import TaxComponent
from tests.xero_stand import Stand, exact, line_body, messages, xero_stand


@pytest.fixture
async def xero() -> AsyncIterator[Stand]:
    async with xero_stand() as stand:
        yield stand


async def created(xero: Stand, **fields: Any) -> dict[str, Any]:
    answer = await xero.put_invoice(**fields)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = exact(answer)["Invoices"][0]
    return found


async def move(xero: Stand, invoice_id: str, status: str) -> Any:
    body = {"Invoices": [{"InvoiceID": invoice_id, "Status": status}]}
    return await xero.send("POST", f"Invoices/{invoice_id}", body)


async def test_a_number_is_used_once_and_put_never_overwrites(xero: Stand) -> None:
    first = await created(xero)
    again = await xero.put_invoice(LineItems=[line_body("5")])

    assert messages(again) == ["Invoice # must be unique."]
    assert [each.total for each in xero.books.invoices.values()] == [first["Total"]]


async def test_post_overwrites_the_draft_with_the_same_number(xero: Stand) -> None:
    draft = await created(xero, Status="DRAFT")
    body = {"Invoices": [{"InvoiceNumber": "INV-7", "LineItems": [line_body("5")]}]}
    await xero.send("POST", "Invoices", body)

    [kept] = xero.books.invoices.values()
    assert (kept.invoice_id, kept.sub_total) == (draft["InvoiceID"], Decimal(5))


async def test_an_invoice_without_a_number_gets_the_organisations_next_free_one(
    xero: Stand,
) -> None:
    await created(xero, InvoiceNumber="INV-0001")
    found = await created(xero, InvoiceNumber=None)

    assert found["InvoiceNumber"] == "INV-0002"


@pytest.mark.parametrize(
    ("status", "end", "is_free"), [("DRAFT", "DELETED", True), ("AUTHORISED", "VOIDED", False)]
)
async def test_a_deleted_draft_frees_its_number_and_a_void_invoice_keeps_it(
    xero: Stand, status: str, end: str, *, is_free: bool
) -> None:
    found = await created(xero, Status=status)
    assert (await move(xero, found["InvoiceID"], end)).status_code == 200

    again = await xero.put_invoice()
    assert (again.status_code == 200) is is_free
    assert (await xero.send("GET", f"Invoices/{found['InvoiceID']}")).json()["Invoices"][0][
        "Status"
    ] == end


async def test_tax_is_rounded_for_each_line_and_then_summed(xero: Stand) -> None:
    found = await created(xero, LineItems=[line_body(a) for a in ("25.06", "25.61", "25.63")])

    assert (found["SubTotal"], found["TotalTax"], found["Total"]) == (
        Decimal("76.30"),
        Decimal("11.44"),
        Decimal("87.74"),
    )


async def test_stated_tax_and_discount_decide_the_totals(xero: Stand) -> None:
    line = line_body("100", TaxAmount=Decimal("13.51"), DiscountAmount=Decimal(10))
    found = await created(xero, LineItems=[line])

    assert (found["SubTotal"], found["TotalTax"]) == (Decimal(90), Decimal("13.51"))
    assert found["AmountDue"] == Decimal("103.51")


async def test_unit_amounts_keep_four_decimals_only_when_asked(xero: Stand) -> None:
    body = {
        "Type": "ACCREC",
        "Contact": {"Name": "Acme Ltd"},
        "LineItems": [line_body("0.0375", Quantity=Decimal(1000))],
    }
    totals = []
    for params in ({}, {"unitdp": "4"}):
        answer = await xero.send("PUT", "Invoices", {"Invoices": [body]}, params=params)
        totals.append(exact(answer)["Invoices"][0]["SubTotal"])

    assert totals == [Decimal(40), Decimal("37.5")]


async def test_a_compound_rate_charges_tax_on_tax(xero: Stand) -> None:
    parts = (TaxComponent("GST", Decimal(5)), TaxComponent("PST", Decimal(8), compound=True))
    xero.books.add_tax_rate("TAX001", "GST and PST", Decimal(0), *parts)
    found = await created(xero, LineItems=[line_body("100", TaxType="TAX001")])

    assert found["TotalTax"] == Decimal("13.4")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"LineItems": [line_body(TaxType="INPUT2")]},
            "The TaxType code 'INPUT2' cannot be used with account code '200'",
        ),
        (
            {"LineItems": [line_body(TaxType="NOPE")]},
            (
                "The TaxType code 'NOPE' does not exist or cannot be used for this type of "
                "transaction."
            ),
        ),
        (
            {"LineItems": [line_body(AccountCode="999")]},
            "Account code '999' is not a valid code for this document.",
        ),
        ({"CurrencyCode": "EUR"}, "Organisation is not subscribed to currency EUR"),
        ({"DueDate": None}, "The Due Date must be specified"),
        ({"InvoiceNumber": "9" * 256}, "Invoice # cannot exceed 255 characters"),
        ({"Url": "https://XERO.example/"}, "Url must be a valid URL"),
        ({"Url": "not a link"}, "Url must be a valid URL"),
        ({"LineItems": []}, "One or more line items must be specified"),
    ],
)
async def test_what_cannot_be_booked_is_refused_with_a_text_and_changes_nothing(
    xero: Stand, fields: dict[str, Any], text: str
) -> None:
    answer = await xero.put_invoice(**fields)

    assert (answer.status_code, answer.json()["ErrorNumber"]) == (400, 10)
    assert messages(answer) == [text]
    assert xero.books.invoices == {}


async def test_a_locked_period_takes_drafts_and_nothing_approved(xero: Stand) -> None:
    xero.books.period_lock_date = date(2026, 11, 20)
    approved = await xero.put_invoice()
    draft = await created(xero, Status="DRAFT")
    approval = await move(xero, draft["InvoiceID"], "AUTHORISED")
    deletion = await move(xero, draft["InvoiceID"], "DELETED")

    text = "The document date cannot be before the period lock date, currently set at 20 November"
    assert [messages(each) for each in (approved, approval)] == [[f"{text} 2026"]] * 2
    assert deletion.status_code == 200


async def test_an_archived_contact_takes_no_invoice(xero: Stand) -> None:
    xero.books.archive_contact(next(iter(xero.books.contacts)))
    archived = await xero.put_invoice()

    assert messages(archived)[0].startswith("The contact with the specified contact details has")


@pytest.mark.parametrize(
    ("status", "is_paid", "end", "text"),
    [
        ("AUTHORISED", False, "DELETED", "Invoice not of valid status for modification"),
        ("DRAFT", False, "VOIDED", "Invoice not of valid status for modification"),
        (
            "AUTHORISED",
            True,
            "VOIDED",
            (
                "The status VOIDED cannot be applied to the invoice because it has payments or "
                "credit notes allocated to it."
            ),
        ),
    ],
)
async def test_only_drafts_are_deleted_and_only_unpaid_approved_ones_voided(
    xero: Stand, status: str, end: str, text: str, *, is_paid: bool
) -> None:
    found = await created(xero, Status=status)
    if is_paid:
        xero.books.pay(found["InvoiceID"], Decimal(5), date=date(2026, 11, 22))
    answer = await move(xero, found["InvoiceID"], end)

    assert messages(answer) == [text]
    assert xero.books.invoices[found["InvoiceID"]].status == status


async def test_payments_turn_an_invoice_paid_and_their_removal_turns_it_back(xero: Stand) -> None:
    found = await created(xero)
    invoice = xero.books.invoices[found["InvoiceID"]]
    xero.books.pay(invoice.invoice_id, Decimal(15), date=date(2026, 11, 22))
    rest = xero.books.pay(invoice.invoice_id, Decimal(100), date=date(2026, 11, 23))
    paid = exact(await xero.send("GET", f"Invoices/{invoice.invoice_id}"))["Invoices"][0]
    deletion = await xero.send("POST", f"Payments/{rest.payment_id}", {"Status": "DELETED"})

    assert (paid["Status"], paid["AmountDue"], len(paid["Payments"])) == ("PAID", 0, 2)
    assert deletion.json()["Payments"][0]["Status"] == "DELETED"
    assert (invoice.status, invoice.due_amount) == ("AUTHORISED", Decimal(100))


@pytest.mark.parametrize(
    ("status", "amount", "text"),
    [
        ("DRAFT", "5", "Payments can only be made against Authorised documents"),
        (
            "AUTHORISED",
            "115.01",
            "Payment amount exceeds the amount outstanding on this document",
        ),
    ],
)
async def test_money_is_taken_on_approved_invoices_up_to_what_is_due(
    xero: Stand, status: str, amount: str, text: str
) -> None:
    found = await created(xero, Status=status)
    bank = next(each for each in xero.books.accounts.values() if each.kind == "BANK")
    payment = {
        "Invoice": {"InvoiceID": found["InvoiceID"]},
        "Account": {"AccountID": bank.account_id},
        "Date": "2026-11-22",
        "Amount": Decimal(amount),
    }

    assert messages(await xero.send("PUT", "Payments", {"Payments": [payment]})) == [text]


@pytest.mark.parametrize(
    ("body", "act", "text"),
    [
        ({"Status": "DELETED", "Amount": 1}, "", "Only Status accepted for updates."),
        (
            {"Status": "DELETED"},
            "reconcile",
            "Payment cannot be deleted as it has been reconciled",
        ),
        ({"Status": "DELETED"}, "deposit", "Payments within a batch cannot be deleted"),
    ],
)
async def test_a_payment_is_deleted_by_its_status_alone(
    xero: Stand, body: dict[str, Any], act: str, text: str
) -> None:
    found = await created(xero)
    payment = xero.books.pay(found["InvoiceID"], Decimal(5), date=date(2026, 11, 22))
    if act:
        getattr(xero.books, act)(payment.payment_id)

    assert messages(await xero.send("POST", f"Payments/{payment.payment_id}", body)) == [text]
    assert payment.status == "AUTHORISED"


async def test_a_credit_settles_an_invoice_that_then_has_no_payment(xero: Stand) -> None:
    found = await created(xero)
    xero.books.apply_credit(found["InvoiceID"], Decimal(115))
    paid = exact(await xero.send("GET", f"Invoices/{found['InvoiceID']}"))["Invoices"][0]

    assert (paid["Status"], paid["AmountPaid"], paid["AmountCredited"]) == ("PAID", 0, 115)
    assert "Payments" not in paid
    assert paid["CreditNotes"][0]["AppliedAmount"] == 115


async def test_a_contacts_name_is_unique_among_active_ones(xero: Stand) -> None:
    body = {"Contacts": [{"Name": "ACME LTD"}]}
    taken = await xero.send("PUT", "Contacts", body)
    xero.books.archive_contact(next(iter(xero.books.contacts)))
    free = await xero.send("PUT", "Contacts", body)

    [text] = messages(taken)
    assert text.startswith("The contact name ACME LTD is already assigned to another contact.")
    assert free.status_code == 200


async def test_more_than_the_contacts_id_in_an_invoice_rewrites_the_contact(xero: Stand) -> None:
    contact = next(iter(xero.books.contacts.values()))
    said = {"ContactID": contact.contact_id, "Name": "Acme Limited"}
    await created(xero, Contact=said)

    assert contact.name == "Acme Limited"


NO_QUANTITY = "Quantity must be greater than zero where there is a unit amount."
TOO_MUCH = "Discount must not be greater than the line total."


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        (
            {"UnitAmount": -250, "DiscountAmount": 0},
            f"The discount rate '0.00' is invalid. {TOO_MUCH}",
        ),
        (
            {"UnitAmount": "27.82", "DiscountAmount": "27.826"},
            f"The discount rate '27.83' is invalid. {TOO_MUCH}",
        ),
        (
            {"Quantity": -1},
            "The quantity value '-1.0000' is invalid. Quantity must not be less than zero.",
        ),
        ({"Quantity": 0}, f"The quantity value '0.0000' is invalid. {NO_QUANTITY}"),
    ],
)
async def test_a_line_with_such_a_quantity_or_discount_is_refused(
    xero: Stand, line: dict[str, Any], refusal: str
) -> None:
    """The words are Xero's, but for the last ones."""
    numbers: dict[str, Any] = {name: Decimal(value) for name, value in line.items()}
    answer = await xero.put_invoice(Status="DRAFT", LineItems=[line_body(**numbers)])

    assert messages(answer) == [refusal]
    assert not xero.books.invoices


async def test_a_line_below_zero_and_one_that_is_given_away_are_taken(xero: Stand) -> None:
    free = line_body("795", DiscountAmount=Decimal(795))
    found = await created(xero, LineItems=[line_body("300"), line_body("-250"), free])

    assert found["SubTotal"] == Decimal(50)
