"""Reading what Xero answers."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import httpx
import msgspec
import xero_python.accounting
from xero_python.api_client import ApiClient, ModelFinder
from xero_python.api_client.configuration import Configuration

from bench.measuring import Benchmark
from services.clients.http import Answer
from services.clients.xero.transport import INVOICES, rows_of
from services.model import wording

MANY = 1000


@asynccontextmanager
async def prepare(_folder: Path) -> AsyncIterator[list[Benchmark]]:
    """Prepare `parse`; what other benchmarks left is no garbage to search for any of the three."""
    body = msgspec.json.encode({"Invoices": [_invoice(at) for at in range(MANY)]})
    gc.collect()
    gc.freeze()
    yield [_parse(body)]
    gc.unfreeze()


class _Line(msgspec.Struct, rename="pascal"):
    description: str
    quantity: Decimal
    unit_amount: Decimal
    line_amount: Decimal
    tax_amount: Decimal
    tax_type: str
    account_code: str


class _Paid(msgspec.Struct):
    PaymentID: str
    Date: str
    Amount: Decimal


class _Contact(msgspec.Struct):
    ContactID: str
    Name: str


class _Needed(msgspec.Struct):
    InvoiceID: str
    InvoiceNumber: str
    Status: str
    LineAmountTypes: str
    CurrencyCode: str
    DateString: datetime
    DueDateString: datetime
    UpdatedDateUTC: str
    SubTotal: Decimal
    TotalTax: Decimal
    Total: Decimal
    AmountDue: Decimal
    Contact: _Contact
    LineItems: list[_Line]
    Payments: list[_Paid]


class _Page(msgspec.Struct):
    Invoices: list[_Needed]


def _parse(body: bytes) -> Benchmark:
    """From the bytes of an answer to the rows that are compared, cleaned and checked."""
    needed = msgspec.json.Decoder(_Page)
    sdk, models = ApiClient(Configuration()), ModelFinder(xero_python.accounting)
    answered = SimpleNamespace(text=body.decode())

    async def ours() -> None:
        rows_of(Answer("Xero", 200, httpx.Headers(), wording.clean_json(body)), INVOICES)

    async def limit() -> None:
        needed.decode(body)

    async def peer() -> None:
        sdk.deserialize(answered, "Invoices", models)

    what, limit_is = "1,000 changed invoices, bytes to rows to compare", "msgspec, needed fields"
    return Benchmark(
        *("parse", what, ours, limit, limit_is, peer, "xero-python"),
        reach=1.5,
        ahead=20,
        by_cpu=True,
    )


def _line(at: int) -> dict[str, Any]:
    return {
        "Description": f"Design of the website, part {at}",
        "UnitAmount": 50.0,
        "TaxType": "OUTPUT2",
        "TaxAmount": 15.0,
        "LineAmount": 100.0,
        "AccountCode": "200",
        "Tracking": [],
        "Quantity": 2.0,
        "LineItemID": _id(at),
        "AccountID": _id(200),
        "ValidationErrors": [],
    }


def _paid(at: int) -> dict[str, Any]:
    return {
        "PaymentID": _id(at),
        "Date": "/Date(1795564800000+0000)/",
        "Amount": 115.0,
        "Reference": "",
        "CurrencyRate": 1.0,
        "HasAccount": False,
        "HasValidationErrors": False,
    }


def _contact(at: int) -> dict[str, Any]:
    lists = ("Addresses", "Phones", "ContactGroups", "ContactPersons")
    return {
        "ContactID": _id(at),
        "Name": "Acme Ltd",
        **{each: [] for each in lists},
        "HasValidationErrors": False,
    }


def _invoice(at: int) -> dict[str, Any]:
    """Every field that Xero's lists have, in Xero's order."""
    return {
        "Type": "ACCREC",
        "InvoiceID": _id(at),
        "InvoiceNumber": f"INV-{at}",
        "Reference": "PO 4711",
        "Url": f"https://app.paymoapp.com/#invoices/{at}",
        "Payments": [_paid(at)],
        "CreditNotes": [],
        "Prepayments": [],
        "Overpayments": [],
        "AmountDue": 230.0,
        "AmountPaid": 115.0,
        "AmountCredited": 0.0,
        "SentToContact": True,
        "CurrencyRate": 1.0,
        "IsDiscounted": False,
        "HasAttachments": False,
        "InvoiceAddresses": [],
        "HasErrors": False,
        "InvoicePaymentServices": [],
        "Contact": _contact(at % 50),
        "DateString": "2026-11-25T00:00:00",
        "Date": "/Date(1795564800000+0000)/",
        "DueDateString": "2026-12-25T00:00:00",
        "DueDate": "/Date(1798156800000+0000)/",
        "BrandingThemeID": _id(7),
        "Status": "AUTHORISED",
        "LineAmountTypes": "Exclusive",
        "LineItems": [_line(each) for each in range(3)],
        "SubTotal": 300.0,
        "TotalTax": 45.0,
        "Total": 345.0,
        "UpdatedDateUTC": "/Date(1795564800000+0000)/",
        "CurrencyCode": "NZD",
    }


def _id(number: int) -> str:
    return str(uuid5(NAMESPACE_OID, str(number)))
