"""Invoices: listed, created, changed, ended."""

from dataclasses import replace

from aiohttp import web

from sandbox.serving import Json
from sandbox.xero import query
from sandbox.xero.http import APP, ledger_of
from sandbox.xero.ledger import NOT_MODIFIABLE, Ledger
from sandbox.xero.model import Invoice
from sandbox.xero.render import invoice_head, invoice_json, invoice_lines
from sandbox.xero.settings import BASE
from sandbox.xero.validation import Entry
from sandbox.xero.wire import (
    NOBODY,
    Commit,
    Invalid,
    answer,
    bad_query,
    elements,
    not_found,
    write_each,
)

_EDITED = "This document cannot be edited as it has a payment or credit note allocated to it."
_NAMES = {"InvoiceID", "InvoiceNumber", "Type", "Status"}
_QUIET = {"DueDate", "SentToContact"}
_TEXTS = _QUIET | {"Reference", "Url", "ExpectedPaymentDate", "PlannedPaymentDate"}
_FILTERS = ("where", "searchTerm", "IDs", "InvoiceNumbers", "ContactIDs")
_ENDS = {"VOIDED", "DELETED"}


def unit_places(request: web.Request) -> int:
    """Two decimals for unit amounts unless four are opted into."""
    return 4 if request.query.get("unitdp") == "4" else 2


def find(ledger: Ledger, name: str) -> Invoice | None:
    """The invoice with this id or number."""
    return ledger.invoices.get(name.lower()) or ledger.invoice_numbered(name)


def named(request: web.Request) -> Invoice:
    """The invoice in the path."""
    invoice = find(ledger_of(request), request.match_info["id"])
    if invoice is None:
        raise not_found()
    return invoice


async def list_invoices(request: web.Request) -> web.Response:
    """Filter and page through the invoices; only pages carry lines."""
    ledger, summary = ledger_of(request), query.truthy(request, "summaryOnly")
    rows = [invoice_head(ledger, found, summary=summary) for found in _filtered(request)]
    rows = query.chosen(request, rows)
    if term := request.query.get("searchTerm", "").casefold():
        rows = [row for row in rows if _mentions(row, term)]
    if not (summary or "page" in request.query or "Statuses" in request.query):
        return answer(request, "Invoices", rows)
    rows, about = query.page(request, rows)
    if not summary:
        for row in rows:
            invoice = ledger.invoices[row["InvoiceID"]]
            row.update(invoice_lines(ledger, invoice, unit_places(request)))
    return answer(request, "Invoices", rows, **about)


def _mentions(row: Json, term: str) -> bool:
    return term in row["InvoiceNumber"].casefold() or term in row["Reference"].casefold()


def _filtered(request: web.Request) -> list[Invoice]:
    since = query.since(request)
    _check_filters(request)
    mine = request[APP] if query.truthy(request, "createdByMyApp") else ""
    wanted = {
        name: query.listed(request, name)
        for name in ("IDs", "InvoiceNumbers", "ContactIDs", "Statuses")
    }

    def fits(invoice: Invoice) -> bool:
        values = {
            "IDs": invoice.invoice_id,
            "InvoiceNumbers": invoice.number.lower(),
            "ContactIDs": invoice.contact_id,
            "Statuses": invoice.status.lower(),
        }
        return (
            (since is None or invoice.updated >= since)
            and mine in {"", invoice.created_by}
            and all(not chosen or values[name] in chosen for name, chosen in wanted.items())
        )

    return [invoice for invoice in ledger_of(request).invoices.values() if fits(invoice)]


def _check_filters(request: web.Request) -> None:
    asked = {name for name in _FILTERS if request.query.get(name)}
    if "\\" in request.query.get("where", "") + request.query.get("InvoiceNumbers", ""):
        raise bad_query("Unrecognized escape sequence")
    is_mine = query.truthy(request, "createdByMyApp")
    if asked and is_mine and not ledger_of(request).combines_filters:
        raise bad_query("createdByMyApp cannot be used with other filters")


async def get_invoice(request: web.Request) -> web.Response:
    """One invoice, dead ones too."""
    body = invoice_json(ledger_of(request), named(request), unit_places=unit_places(request))
    return answer(request, "Invoices", [body])


async def create(request: web.Request) -> web.Response:
    """Create invoices; nothing that exists is touched."""

    def check(element: Json) -> Commit:
        element["InvoiceID"] = NOBODY
        return _creation(request, element)

    return write_each(request, "Invoices", await elements(request, "Invoices"), check)


async def update_or_create(request: web.Request) -> web.Response:
    """Create invoices, or overwrite those of the same id or number."""
    ledger = ledger_of(request)

    def check(element: Json) -> Commit:
        said_id = str(element.get("InvoiceID", "")).lower()
        known = ledger.invoices.get(said_id)
        if said_id and said_id != NOBODY and known is None:
            raise not_found()
        known = known or ledger.invoice_numbered(str(element.get("InvoiceNumber", "")))
        return _change(request, known, element) if known else _creation(request, element)

    return write_each(request, "Invoices", await elements(request, "Invoices"), check)


async def update(request: web.Request) -> web.Response:
    """Change one invoice, or move it to another status."""
    invoice = named(request)

    def check(element: Json) -> Commit:
        return _change(request, invoice, element)

    return write_each(request, "Invoices", (await elements(request, "Invoices"))[:1], check)


def _creation(request: web.Request, element: Json) -> Commit:
    ledger = ledger_of(request)
    entry = Entry(ledger, element, unit_places(request), request[APP])
    entry.drafted()

    def commit() -> Json:
        # Checked again, for an element before this one may have taken its number.
        invoice = entry.drafted()
        entry.settle_contact(invoice)
        invoice.number = invoice.number or ledger.next_number()
        ledger.add_invoice(invoice)
        return invoice_json(ledger, invoice, unit_places=entry.unit_places)

    return commit


def _change(request: web.Request, invoice: Invoice, element: Json) -> Commit:
    ledger = ledger_of(request)
    status = element.get("Status", invoice.status)
    if status in _ENDS:
        if "LineItems" in element:
            raise Invalid(NOT_MODIFIABLE)
        ledger.advance(replace(invoice), status)
        return lambda: _moved(request, invoice, status)
    _check_edit(invoice, set(element) - _NAMES)
    ledger.advance(replace(invoice), status)
    entry = Entry(ledger, element, unit_places(request), request[APP])
    entry.write_over(replace(invoice), status)

    def commit() -> Json:
        entry.settle_contact(invoice)
        before = invoice.status
        entry.write_over(invoice, status)
        ledger.settle(invoice, invoice.day)
        quiet = invoice.is_touched and set(element) - _NAMES <= _QUIET and before == status
        ledger.note(invoice, "Edited")
        if not quiet:
            ledger.touch(invoice)
        return invoice_json(ledger, invoice, unit_places=entry.unit_places)

    return commit


def _moved(request: web.Request, invoice: Invoice, status: str) -> Json:
    ledger = ledger_of(request)
    ledger.advance(invoice, status)
    ledger.note(invoice, status.capitalize())
    ledger.touch(invoice)
    return invoice_json(ledger, invoice, unit_places=unit_places(request))


def _check_edit(invoice: Invoice, fields: set[str]) -> None:
    if invoice.status in _ENDS:
        raise Invalid(NOT_MODIFIABLE)
    if invoice.is_touched and not fields <= _TEXTS:
        raise Invalid(_EDITED)
    if invoice.status == "PAID" and not fields <= _TEXTS:
        raise Invalid(NOT_MODIFIABLE)


ROUTES = [
    web.get(f"{BASE}/Invoices", list_invoices),
    web.put(f"{BASE}/Invoices", create),
    web.post(f"{BASE}/Invoices", update_or_create),
    web.get(f"{BASE}/Invoices/{{id}}", get_invoice),
    web.post(f"{BASE}/Invoices/{{id}}", update),
]
