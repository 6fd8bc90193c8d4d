"""What was edited in Paymo since the export, as far as Xero would show it."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from services import money
from services.clients.paymo import Client, Invoice
from services.compare.lines import edited_lines
from services.compare.shapes import Difference, Part, code_of, difference
from services.model.export import DUE_BY_TERMS, DUE_ON_DATE
from services.store.tables import Export

_ZERO = Decimal(0)
_WIDEST = 255  # what the row keeps of a number
# What Xero is never sent, by Paymo's names: it is not kept, so that it cannot count.
_UNSEEN = frozenset(
    {"invoicepayments", "title", "tax_text", "tax2_text", "discount_text", "bill_to"}
    | {"company_info", "footer", "notes", "template_id", "delivery_date", "pay_online"}
)


def as_exported(invoice: Invoice) -> dict[str, Any]:
    """Return what is kept of the invoice as it went out, to compare it with later."""
    client = Client(id=invoice.client_id, name=invoice.client_name)
    kept = msgspec.structs.replace(invoice, client=client).as_json()
    return {
        name: value
        for name, value in kept.items()
        if name not in _UNSEEN and value not in (None, "")
    }


def in_paymo(export: Export, former: Invoice | None, invoice: Invoice) -> tuple[Difference, ...]:
    """Return what is not as it was exported; `former` is None where that was not kept whole."""
    pairs = _with_invoice(export, former, invoice) if former else _with_row(export, invoice)
    found = list(pairs)
    if invoice.status == "void":
        found.append(difference(Part.STATUS, "status", "not void", "void"))
    return tuple(found)


def due_in_xero(export: Export, invoice: Invoice) -> date | None:
    """Return the due date that Xero shows; None where it has none, or the terms decide."""
    issued_on, due_on = export.issue_on or invoice.issued_on, invoice.due_on
    if export.due_rule == DUE_ON_DATE:
        return issued_on
    if export.due_rule == DUE_BY_TERMS or due_on is None or due_on < invoice.issued_on:
        return None
    return max(due_on, issued_on)


def _with_invoice(export: Export, former: Invoice, invoice: Invoice) -> Iterator[Difference]:
    lines = list(edited_lines(former, invoice))
    yield from _said(Part.NUMBER, "number", former.number, invoice.number)
    if former.client_id != invoice.client_id:
        yield difference(Part.CONTACT, "client", former.client_name, invoice.client_name)
    yield from _said(Part.CURRENCY, "currency", code_of(former.currency), code_of(invoice.currency))
    if export.issue_on is None:
        yield from _said(
            Part.DATE, "date", former.issued_on.isoformat(), invoice.issued_on.isoformat()
        )
    due = (due_in_xero(export, each) for each in (former, invoice))
    yield from _said(Part.DUE_DATE, "due date", *(each.isoformat() if each else "" for each in due))
    yield from lines
    yield from _amounts(former, invoice, lines_are_told=bool(lines))


def _amounts(former: Invoice, invoice: Invoice, *, lines_are_told: bool) -> Iterator[Difference]:
    code = invoice.currency
    if not lines_are_told:
        was, now = former.subtotal, invoice.subtotal
        yield from _amount(Part.LINES, "sum of the lines", was, now, code)
    was, now = former.discount_amount or _ZERO, invoice.discount_amount or _ZERO
    yield from _amount(Part.LINES, "discount", was, now, code)
    was, now = _taxes(former), _taxes(invoice)
    yield from _amount(Part.TAX, "tax", was, now, code)
    yield from _amount(Part.TOTAL, "total", former.total, invoice.total, code)


def _with_row(export: Export, invoice: Invoice) -> Iterator[Difference]:
    """Compare with what was sent, and what the row says: all that earlier versions kept."""
    was = export.number
    if was:
        yield from _said(Part.NUMBER, "number", was, invoice.number[:_WIDEST])
    if export.client_id not in (None, invoice.client_id):
        yield difference(Part.CONTACT, "client", export.client_name, invoice.client_name)
    if export.currency:
        yield from _said(Part.CURRENCY, "currency", export.currency, code_of(invoice.currency))
    if export.total is not None:
        yield from _amount(Part.TOTAL, "total", export.total, invoice.total, invoice.currency)
    sent = sent_of(export)
    rows = sent.get("LineItems")
    if isinstance(rows, list):
        lines = sum((_of(row, "Quantity") * _of(row, "UnitAmount") for row in rows), _ZERO)
        tax = sum((_of(row, "TaxAmount") for row in rows), _ZERO)
        code = invoice.currency
        yield from _amount(Part.LINES, "sum of the lines", lines, invoice.subtotal, code)
        yield from _amount(Part.TAX, "tax", tax, _taxes(invoice), code)
    if "Date" in sent and export.issue_on is None:
        yield from _said(Part.DATE, "date", str(sent["Date"]), invoice.issued_on.isoformat())
    due_on = due_in_xero(export, invoice)
    if "DueDate" in sent and not export.due_rule and due_on is not None:
        yield from _said(Part.DUE_DATE, "due date", str(sent["DueDate"]), due_on.isoformat())


def sent_of(export: Export) -> Mapping[str, object]:
    """Return what was sent; a linked invoice was not written by us."""
    return {} if export.is_linked or export.sent is None else export.sent


def _of(row: Mapping[str, object], name: str) -> Decimal:
    return Decimal(str(row.get(name, 0)))


def _taxes(invoice: Invoice) -> Decimal:
    return (invoice.tax_amount or _ZERO) + (invoice.tax2_amount or _ZERO)


def _said(part: Part, name: str, was: str, now: str) -> Iterator[Difference]:
    if was != now:
        yield difference(part, name, was, now)


def _amount(part: Part, name: str, was: Decimal, now: Decimal, code: str) -> Iterator[Difference]:
    if was != now:
        amounts = (money.format_amount(each, code_of(code)) for each in (was, now))
        yield difference(part, name, *amounts)
