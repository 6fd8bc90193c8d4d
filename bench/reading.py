"""Reading what Xero answers."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec

from bench.measuring import Benchmark
from services.clients.http import Answer
from services.clients.xero.transport import INVOICES, rows_of
from services.model import wording

MANY = 1000


@asynccontextmanager
async def prepare(_folder: Path) -> AsyncIterator[list[Benchmark]]:
    """Prepare `parse`."""
    body = json.dumps({"Invoices": [_invoice(at) for at in range(MANY)]}).encode()
    yield [_parse(body)]


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

    async def ours() -> None:
        rows_of(Answer("Xero", 200, httpx.Headers(), wording.clean_json(body)), INVOICES)

    async def limit() -> None:
        needed.decode(body)

    async def peer() -> None:
        for each in json.loads(body, parse_float=Decimal)["Invoices"]:
            datetime.fromisoformat(each["DateString"])

    what, limit_is = "1,000 changed invoices, bytes to rows to compare", "msgspec, needed fields"
    return Benchmark(
        "parse", what, ours, limit, limit_is, peer, "json alone", reach=1.5, by_cpu=True
    )


def _invoice(at: int) -> dict[str, Any]:
    line = {
        "LineItemID": "l1",
        "Description": "Design",
        "Quantity": 2.0,
        "UnitAmount": 50.0,
        "LineAmount": 100.0,
        "TaxAmount": 15.0,
        "TaxType": "OUTPUT2",
        "AccountCode": "200",
    }
    paid = {"PaymentID": f"p{at}", "Date": "/Date(1795564800000+0000)/", "Amount": 115.0}
    return {
        "InvoiceID": f"i{at}",
        "InvoiceNumber": f"INV-{at}",
        "Type": "ACCREC",
        "Status": "AUTHORISED",
        "LineAmountTypes": "Exclusive",
        "CurrencyCode": "NZD",
        "DateString": "2026-11-25T00:00:00",
        "Date": "/Date(1795564800000+0000)/",
        "DueDateString": "2026-12-25T00:00:00",
        "UpdatedDateUTC": "/Date(1795564800000+0000)/",
        "SubTotal": 300.0,
        "TotalTax": 45.0,
        "Total": 345.0,
        "AmountDue": 230.0,
        "AmountPaid": 115.0,
        "Contact": {"ContactID": "c1", "Name": "Acme Ltd"},
        "LineItems": [line, line, line],
        "Payments": [paid],
    }
