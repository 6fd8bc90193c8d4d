"""Credit notes, overpayments and prepayments, and what is allocated of them."""

from decimal import Decimal
from http import HTTPStatus
from typing import cast

from aiohttp import web

from sandbox.serving import Json
from sandbox.xero import query
from sandbox.xero.http import ledger_of
from sandbox.xero.invoices import find
from sandbox.xero.ledger import Ledger
from sandbox.xero.model import Allocation, Credit, CreditKind
from sandbox.xero.render import allocation_json, credit_json
from sandbox.xero.settings import BASE
from sandbox.xero.totals import cents
from sandbox.xero.wire import (
    Commit,
    Invalid,
    answer,
    elements,
    not_found,
    read_day,
    read_number,
    write_each,
)

_KINDS = {"CreditNotes": "CreditNote", "Overpayments": "Overpayment", "Prepayments": "Prepayment"}
_CREDITS = f"{BASE}/{{plural:{'|'.join(_KINDS)}}}"


def _kind(request: web.Request) -> CreditKind:
    return cast("CreditKind", _KINDS[request.match_info["plural"]])


def _named(request: web.Request) -> Credit:
    credit = ledger_of(request).credits.get(request.match_info["id"].lower())
    if credit is None or credit.kind != _kind(request):
        raise not_found()
    return credit


async def list_credits(request: web.Request) -> web.Response:
    """Filter and page through the credits of one kind."""
    ledger, since = ledger_of(request), query.since(request)
    rows = [
        credit_json(ledger, credit)
        for credit in ledger.credits.values()
        if credit.kind == _kind(request) and (since is None or credit.updated >= since)
    ]
    rows, about = query.page(request, query.chosen(request, rows))
    return answer(request, request.match_info["plural"], rows, **about)


async def get_credit(request: web.Request) -> web.Response:
    """One credit."""
    body = credit_json(ledger_of(request), _named(request))
    return answer(request, request.match_info["plural"], [body])


async def create_note(request: web.Request) -> web.Response:
    """Create credit notes; their tax is not worked out."""
    ledger = ledger_of(request)

    def check(element: Json) -> Commit:
        credit = _read_note(ledger, element)
        return lambda: _kept(ledger, credit)

    return write_each(request, "CreditNotes", await elements(request, "CreditNotes"), check)


def _kept(ledger: Ledger, credit: Credit) -> Json:
    credit.number = credit.number or f"CN-{len(ledger.credits) + 1:04}"
    ledger.credits[credit.credit_id] = credit
    ledger.tell_credit(credit, event="CREATE")
    return credit_json(ledger, credit)


def _read_note(ledger: Ledger, element: Json) -> Credit:
    contact_id = str((element.get("Contact") or {}).get("ContactID", "")).lower()
    if contact_id not in ledger.contacts:
        raise Invalid("A Contact must be specified for this type of transaction")
    total = sum(
        (
            cents(read_number(line.get("Quantity", 1)) * read_number(line.get("UnitAmount", 0)))
            for line in element.get("LineItems", [])
        ),
        Decimal(0),
    )
    now = ledger.moment()
    return Credit(
        "CreditNote",
        contact_id,
        total,
        read_day(element["Date"]) if element.get("Date") else now.date(),
        now,
        str(element.get("CurrencyCode") or ledger.currency),
        number=str(element.get("CreditNoteNumber", "")),
        reference=str(element.get("Reference", "")),
        status=str(element.get("Status", "DRAFT")),
    )


async def allocate(request: web.Request) -> web.Response:
    """Apply parts of a credit to invoices."""
    ledger, credit = ledger_of(request), _named(request)

    def check(element: Json) -> Commit:
        allocation = _read_allocation(ledger, credit, element)
        return lambda: _applied(ledger, allocation)

    return write_each(request, "Allocations", await elements(request, "Allocations"), check)


def _applied(ledger: Ledger, allocation: Allocation) -> Json:
    ledger.allocate(allocation)
    return allocation_json(ledger, allocation)


def _read_allocation(ledger: Ledger, credit: Credit, element: Json) -> Allocation:
    invoice = find(ledger, str((element.get("Invoice") or {}).get("InvoiceID", "")))
    if invoice is None:
        raise not_found()
    day = read_day(element["Date"]) if element.get("Date") else ledger.moment().date()
    return Allocation(credit, invoice.invoice_id, read_number(element.get("Amount", 0)), day)


async def release(request: web.Request) -> web.Response:
    """Take an allocation back."""
    wanted = request.match_info["allocation"].lower()
    found = [part for part in _named(request).allocations if part.allocation_id == wanted]
    if not found:
        raise not_found()
    ledger_of(request).release(found[0])
    return web.Response(status=HTTPStatus.NO_CONTENT)


ROUTES = [
    web.put(f"{BASE}/CreditNotes", create_note),
    web.get(_CREDITS, list_credits),
    web.get(f"{_CREDITS}/{{id}}", get_credit),
    web.put(f"{_CREDITS}/{{id}}/Allocations", allocate),
    web.delete(f"{_CREDITS}/{{id}}/Allocations/{{allocation}}", release),
]
