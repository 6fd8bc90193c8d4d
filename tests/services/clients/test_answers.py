"""Odd rows in lists, and a yes that is none: what the clients make of such answers."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from services.clients.rows import NO_ID
from services.clients.xero import NewContact
from services.errors import Rejected, ServiceError, Unavailable, Unreadable
from tests.services.clients_bench import PaymoBench, XeroBench, paymo_bench, xero_bench
from tests.xero_stand import invoice_body

EMAIL = "Email address must be valid."
FAULTY = {"HasErrors": True, "Contact": {"ValidationErrors": [{"Message": EMAIL}]}}
LINES = [("Design", "Logo", 3, "33.335"), ("Stamps", "", 1, "20", False)]


@pytest.fixture
async def xero() -> AsyncIterator[XeroBench]:
    async with xero_bench() as bench:
        yield bench


@pytest.fixture
async def paymo() -> AsyncIterator[PaymoBench]:
    async with paymo_bench() as bench:
        yield bench


async def put(xero: XeroBench, number: str) -> str:
    answer = await xero.stand.put_invoice(InvoiceNumber=number)
    found: str = answer.json()["Invoices"][0]["InvoiceID"]
    return found


def add_invoice(paymo: PaymoBench, number: str) -> int:
    company = paymo.world.company
    client = company.add_client("Acme", email="pay@acme.example")
    return company.add_invoice(number, client, LINES, tax=15, status="sent").id


# ---- odd rows in Xero's lists


@pytest.mark.parametrize(
    "alter",
    [
        {"Invoices/0/Reference": None, "Invoices/0/Contact": None, "Invoices/0/LineItems": None},
        {"Invoices/0/Status": "SPENT", "Invoices/0/New": [{}]},
        {"Invoices/0/Total": "115.00", "Invoices/0/AmountDue": " 115.0000 "},
        {"Invoices/0/Payments": None, "Invoices/0/CreditNotes": None},
        {"Invoices/0/Date": "2026-11-20T00:00:00.0000000", "Invoices/0/UpdatedDateUTC": "soon"},
    ],
)
async def test_an_odd_row_that_says_what_counts_is_read_like_others(
    xero: XeroBench, alter: dict[str, Any]
) -> None:
    await put(xero, "N-1")
    await put(xero, "N-2")
    xero.stand.world.faults.add(path="Invoices", alter=alter)
    client = xero.client
    found = await client.own_invoices()

    assert [each.total for each in found] == [Decimal(115), Decimal(115)]
    assert client.left_out == []


@pytest.mark.parametrize(
    "alter",
    [
        {"Invoices/*/Total": None},
        {"Invoices/*/AmountDue": "much"},
        {"Invoices/*/Status": None},
        {"Invoices/*/Payments": [{"PaymentID": "p1", "Date": "2026-11-22", "Amount": None}]},
        {"Invoices/*/Payments": [{"PaymentID": None, "Date": "2026-11-22", "Amount": 5}]},
        {"Invoices/*/CreditNotes": [{"CreditNoteID": NO_ID, "AppliedAmount": 5}]},
    ],
)
async def test_a_row_that_leaves_money_open_is_left_out_and_named(
    xero: XeroBench, alter: dict[str, Any]
) -> None:
    ids = [await put(xero, "N-1"), await put(xero, "N-2")]
    client = xero.client
    since = datetime(2026, 1, 1, tzinfo=UTC)
    xero.stand.world.faults.add(path="Invoices", times=9, alter=alter)
    pages = [page async for page in client.invoices_since(since)]

    assert pages == [[]]
    assert sorted(each.key for each in client.left_out) == sorted(ids)
    assert {each.name for each in client.left_out} == {"N-1", "N-2"}
    assert list(await client.invoices_by_id(ids)) == []
    with pytest.raises(Unreadable, match=r"invoice N-\d in Xero"):
        await client.invoice(ids[0])


async def test_what_is_looked_up_never_seems_not_to_be_there(xero: XeroBench) -> None:
    invoice_id = await put(xero, "N-1")
    xero.stand.world.faults.add(path="Invoices", alter={"Invoices/0/Total": None})
    [found] = await xero.client.find_by_number("N-1")
    xero.stand.world.faults.add(path="Invoices", alter={"Invoices/0/InvoiceID": None})
    with pytest.raises(Unavailable):
        await xero.client.find_by_number("N-1")

    assert (found.invoice_id, found.lacks) == (invoice_id, ("Total",))


async def test_a_contact_account_or_rate_that_cannot_be_read_takes_none_along(
    xero: XeroBench,
) -> None:
    xero.stand.books.add_contact("Second Ltd")
    client = xero.client
    whole = [len(await client.accounts()), len(await client.tax_rates())]
    for path, field in (("Contacts", "Name"), ("Accounts", "AccountID"), ("TaxRates", "TaxType")):
        xero.stand.world.faults.add(path=path, alter={f"{path}/0/{field}": {"is": "odd"}})
    names = [each.name for each in await client.contacts()]

    assert len(names) == 1
    assert len(await client.accounts()) == whole[0] - 1
    assert len(await client.tax_rates()) == whole[1] - 1
    assert [each.what for each in client.left_out] == ["contact", "account", "tax rate"]


async def test_a_connection_that_cannot_be_read_hides_no_other(xero: XeroBench) -> None:
    listed = json.dumps(
        [
            {"id": None, "tenantId": None, "tenantType": None},
            {"id": "c1", "tenantId": "t1", "tenantType": "ORGANISATION", "tenantName": None},
        ]
    )
    xero.stand.world.faults.add(path="connections", status=200, body=listed)

    assert [each.tenant_id for each in await xero.clients.tenants(1)] == ["t1"]


# ---- a yes of Xero's that is none


@pytest.mark.parametrize(
    "element",
    [
        {
            "ContactID": NO_ID,
            "HasValidationErrors": True,
            "ValidationErrors": [{"Message": EMAIL}],
        },
        {"ContactID": "c1", "Name": "A", "HasValidationErrors": True, "ValidationErrors": None},
        {"ContactID": "c1", "Name": "A", "Addresses": [], "StatusAttributeString": "ERROR"},
        {"ContactID": NO_ID, "Name": "A"},
    ],
)
async def test_a_contact_that_was_not_made_is_refused(
    xero: XeroBench, element: dict[str, Any]
) -> None:
    body = json.dumps({"Status": "OK", "Contacts": [element]})
    xero.stand.world.faults.add(method="PUT", path="Contacts", status=200, body=body)
    with pytest.raises(Rejected) as refusal:
        await xero.client.add_contact(NewContact("Bright", "paymo:5"), key="k")

    assert refusal.value.messages == ((EMAIL,) if element.get("ValidationErrors") else ())


@pytest.mark.parametrize(
    ("element", "says"),
    [
        ({"InvoiceID": NO_ID, **FAULTY}, EMAIL),
        ({"InvoiceID": NO_ID}, "no reason"),
        ({"InvoiceID": "i1", "StatusAttributeString": "ERROR"}, "no reason"),
        ({"InvoiceID": "i1", "ValidationErrors": [{"Message": EMAIL}]}, EMAIL),
    ],
)
async def test_an_invoice_that_was_not_written_is_refused(
    xero: XeroBench, element: dict[str, Any], says: str
) -> None:
    body = json.dumps({"Invoices": [element]})
    xero.stand.world.faults.add(path="Invoices", times=2, status=200, body=body)
    with pytest.raises(Rejected, match=says):
        await xero.client.create_invoice(invoice_body(xero.stand.books), key="k")
    with pytest.raises(Rejected, match=says):
        await xero.client.update_invoice("i1", {"Status": "VOIDED"}, key="k")
    xero.stand.world.faults.add(path="Invoices", status=200, body=body)
    [created] = await xero.client.create_invoices([invoice_body(xero.stand.books)], key="k")

    assert created.is_refused
    assert (says == EMAIL) is (created.said == (EMAIL,))


async def test_a_status_that_xero_did_not_take_over_is_refused(xero: XeroBench) -> None:
    invoice_id = await put(xero, "N-1")
    stays = {"Invoices/0/Status": "AUTHORISED"}
    xero.stand.world.faults.add(method="POST", path="Invoices", alter=stays)
    with pytest.raises(Rejected, match=r"left the invoice as it was \(approved\)"):
        await xero.client.update_invoice(invoice_id, {"Status": "VOIDED"}, key="k")


@pytest.mark.parametrize(
    "alter",
    [{"Invoices/0/Total": None}, {"Invoices/0/Status": []}, {"Invoices/0/AmountDue": "?"}],
)
async def test_what_was_written_is_read_again_where_the_answer_is_odd(
    xero: XeroBench, alter: dict[str, Any]
) -> None:
    xero.stand.world.faults.add(method="PUT", path="Invoices", alter=alter)
    made = await xero.client.create_invoice(invoice_body(xero.stand.books), key="k")

    assert made.invoice_id in xero.stand.books.invoices
    assert (made.total, made.status, made.lacks) == (Decimal(115), "AUTHORISED", ())


@pytest.mark.parametrize("key", ["HistoryRecords", "Attachments"])
async def test_a_note_or_file_that_was_not_taken_is_refused(xero: XeroBench, key: str) -> None:
    body = json.dumps({key: [{"ValidationErrors": [{"Message": "Too long"}]}]})
    xero.stand.world.faults.add(method="PUT", path="Invoices", status=200, body=body)
    note = xero.client.add_note("i1", "Exported", key="k")
    file = xero.client.attach_pdf("i1", "INV.pdf", b"%PDF")
    asked, unasked = (file, note) if key == "Attachments" else (note, file)
    unasked.close()
    with pytest.raises(Rejected, match="Too long"):
        await asked


# ---- Paymo


@pytest.mark.parametrize(
    "alter",
    [
        {"invoices/*/due_date": "", "invoices/*/tax": None},
        {"invoices/*/total": "135.01", "invoices/*/client_id": "7", "invoices/*/number": 2041},
        {"invoices/*/status": "spent", "invoices/*/new": {}},
        {"invoices/*/updated_on": "2026-11-25 09:00:00"},
    ],
)
async def test_paymos_odd_rows_are_read_like_others(
    paymo: PaymoBench, alter: dict[str, Any]
) -> None:
    add_invoice(paymo, "#INV-1")
    paymo.world.faults.add(path="invoices", alter=alter)
    client = paymo.client
    [found] = await client.headers()

    assert found.total == Decimal("135.01")
    assert client.left_out == []


async def test_paymos_unreadable_rows_are_left_out_and_named(paymo: PaymoBench) -> None:
    ids = [add_invoice(paymo, f"#INV-{number}") for number in (1, 2)]
    client = paymo.client
    paymo.world.faults.add(path="invoices", alter={"invoices/0/total": None})
    paymo.world.faults.add(path="invoices", alter={"invoices/0/invoiceitems/0/price_unit": None})
    heads = await client.headers()
    whole = await client.invoices_with_items(ids)

    assert [each.id for each in heads] == [each.id for each in whole] == ids[1:]
    assert [str(each) for each in client.left_out] == [
        "invoice #INV-1 in Paymo (total)",
        "invoice #INV-1 in Paymo (invoiceitems: price_unit)",
    ]


async def test_a_line_without_its_tax_mark_is_untaxed_and_one_without_a_price_is_no_line(
    paymo: PaymoBench,
) -> None:
    invoice_id = add_invoice(paymo, "#INV-1")
    paymo.world.faults.add(path="invoices", alter={"invoices/0/invoiceitems/0/apply_tax": None})
    found = await paymo.client.invoice(invoice_id)
    paymo.world.faults.add(path="invoices", alter={"invoices/0/invoiceitems/0/price_unit": None})
    with pytest.raises(Unreadable, match="#INV-1 in Paymo"):
        await paymo.client.invoice(invoice_id)

    assert [each.apply_tax for each in found.items] == [False, False]


async def test_a_float_with_a_tail_is_the_amount_that_was_meant(paymo: PaymoBench) -> None:
    invoice_id = add_invoice(paymo, "#INV-1")
    alter = {"invoices/0/subtotal": 0.30000000000000004, "invoices/0/total": 135.01000000000002}
    paymo.world.faults.add(path="invoices", alter=alter)
    found = await paymo.client.invoice(invoice_id)

    assert (found.subtotal, found.total) == (Decimal("0.3"), Decimal("135.01"))


@pytest.mark.parametrize(
    ("alter", "kind"),
    [
        ({"invoicepayments/0/id": 0}, Rejected),
        ({"invoicepayments/0/id": None}, Rejected),
        ({"invoicepayments/0/amount": 4}, Rejected),
        ({"invoicepayments/0/invoice_id": 1}, Rejected),
        ({"invoicepayments": []}, Unavailable),
        ({"invoicepayments": None, "message": "No such invoice"}, Rejected),
    ],
)
async def test_a_payment_that_paymo_did_not_record_as_asked_is_no_yes(
    paymo: PaymoBench, alter: dict[str, Any], kind: type[ServiceError]
) -> None:
    invoice_id = add_invoice(paymo, "#INV-1")
    paymo.world.faults.add(method="POST", path="invoicepayments", alter=alter)
    with pytest.raises(ServiceError) as refusal:
        await paymo.client.add_payment(
            invoice_id, amount=Decimal(5), paid_on=date(2026, 11, 22), notes="p1"
        )

    assert type(refusal.value) is kind


@pytest.mark.parametrize(
    "alter",
    [{"invoicepayments/0/amount": "5.0000000000000001"}, {"invoicepayments/0/date": None}],
)
async def test_a_recorded_payment_with_an_odd_field_is_recorded(
    paymo: PaymoBench, alter: dict[str, Any]
) -> None:
    invoice_id = add_invoice(paymo, "#INV-1")
    paymo.world.faults.add(method="POST", path="invoicepayments", alter=alter)
    made = await paymo.client.add_payment(
        invoice_id, amount=Decimal(5), paid_on=date(2026, 11, 22), notes="p1"
    )

    assert made.id in paymo.world.company.payments
    assert (made.amount, made.paid_on) == (Decimal(5), date(2026, 11, 22))


async def test_other_yeses_of_paymos_that_are_none_are_refused(paymo: PaymoBench) -> None:
    invoice_id = add_invoice(paymo, "#INV-1")
    client, faults = paymo.client, paymo.world.faults
    faults.add(method="PUT", alter={"invoices/0/status": "sent"})
    with pytest.raises(Rejected, match="another status"):
        await client.set_status(invoice_id, "void")
    faults.add(method="PUT", times=3, status=200, body='{"invoices": []}')
    with pytest.raises(Unavailable, match="no object"):
        await client.set_status(invoice_id, "void")
    faults.clear()
    faults.add(method="DELETE", status=200, body='{"message": "It is locked"}')
    with pytest.raises(Rejected, match="It is locked"):
        await client.delete_invoice(invoice_id)
    faults.add(method="POST", path="hooks", alter={"hooks/0/id": 0})
    with pytest.raises(Rejected, match="made nothing"):
        await client.add_hook("https://bot.example/t", "*.Invoice", "secret")
    former = await client.invoice(invoice_id)
    paymo.world.company.delete_invoice(invoice_id)
    faults.add(method="POST", path="invoices", alter={"invoices/0/id": 0})
    with pytest.raises(Rejected, match="made nothing"):
        await client.create_invoice(former)
