"""What hangs on an invoice: its history, its page for the client, its e-mail."""

from http import HTTPStatus
from uuid import NAMESPACE_URL, uuid5

from aiohttp import web

from sandbox.serving import Json
from sandbox.xero.http import APP, ledger_of
from sandbox.xero.invoices import named
from sandbox.xero.model import Note
from sandbox.xero.settings import BASE
from sandbox.xero.wire import Invalid, answer, elements, invalid, ms_moment

_LONGEST_NOTE = 2500


async def history(request: web.Request) -> web.Response:
    """Who did what, newest first."""
    return answer(
        request, "HistoryRecords", [_json(note) for note in reversed(named(request).history)]
    )


async def add_note(request: web.Request) -> web.Response:
    """Add notes to the history."""
    invoice, ledger = named(request), ledger_of(request)
    sent = await elements(request, "HistoryRecords")
    if any(not 0 < len(str(item.get("Details", ""))) <= _LONGEST_NOTE for item in sent):
        message = f"Details must have between 1 and {_LONGEST_NOTE} characters"
        raise invalid([item | {"ValidationErrors": [{"Message": message}]} for item in sent])
    for item in sent:
        ledger.note(invoice, "Note", str(item["Details"]), request[APP])
    added = invoice.history[-len(sent) :]
    return answer(request, "HistoryRecords", [_json(note) for note in added])


def _json(note: Note) -> Json:
    return {
        "Changes": note.changes,
        "DateUTCString": f"{note.moment:%Y-%m-%dT%H:%M:%S}",
        "DateUTC": ms_moment(note.moment),
        "User": note.user,
        "Details": note.details,
    }


async def attach(request: web.Request) -> web.Response:
    """Keep a file with an invoice; one of the same name is replaced."""
    invoice, name = named(request), request.match_info["name"]
    content = await request.read()
    if not content:
        raise invalid([{"ValidationErrors": [{"Message": "The attachment is empty"}]}])
    invoice.files[name] = content
    ledger_of(request).note(invoice, "Attached a file", name, request[APP])
    return answer(request, "Attachments", [_file(request, name, content)])


async def attachments(request: web.Request) -> web.Response:
    """What is kept with an invoice."""
    files = named(request).files
    return answer(request, "Attachments", [_file(request, *each) for each in files.items()])


def _file(request: web.Request, name: str, content: bytes) -> Json:
    return {
        "AttachmentID": str(uuid5(NAMESPACE_URL, f"{named(request).invoice_id}/{name}")),
        "FileName": name,
        "Url": str(request.url.with_query(None)),
        "MimeType": "application/pdf" if name.endswith(".pdf") else "application/octet-stream",
        "ContentLength": len(content),
        "IncludeOnline": False,
    }


async def online_invoice(request: web.Request) -> web.Response:
    """The client's link, empty until the invoice is approved."""
    invoice = named(request)
    shown = invoice.status in {"AUTHORISED", "PAID"}
    url = f"https://in.xero.com/{invoice.invoice_id.replace('-', '')}" if shown else ""
    return answer(request, "OnlineInvoices", [{"OnlineInvoiceUrl": url}])


async def email(request: web.Request) -> web.Response:
    """Send an approved invoice to its contact, which marks it as sent."""
    invoice, ledger = named(request), ledger_of(request)
    refusals = {
        "Invoice must be approved before it is emailed": invoice.status
        not in {"AUTHORISED", "PAID"},
        "The contact has no email address": not ledger.contacts[invoice.contact_id].fields.get(
            "EmailAddress"
        ),
    }
    if wrong := [message for message, is_wrong in refusals.items() if is_wrong]:
        errors = [{"Message": message} for message in Invalid(*wrong).messages]
        raise invalid([{"InvoiceID": invoice.invoice_id, "ValidationErrors": errors}])
    invoice.sent = True
    ledger.note(invoice, "Emailed", user=request[APP])
    if not invoice.is_touched:
        ledger.touch(invoice)
    return web.Response(status=HTTPStatus.NO_CONTENT)


ROUTES = [
    web.get(f"{BASE}/Invoices/{{id}}/History", history),
    web.put(f"{BASE}/Invoices/{{id}}/History", add_note),
    web.get(f"{BASE}/Invoices/{{id}}/Attachments", attachments),
    web.put(f"{BASE}/Invoices/{{id}}/Attachments/{{name}}", attach),
    web.post(f"{BASE}/Invoices/{{id}}/Attachments/{{name}}", attach),
    web.get(f"{BASE}/Invoices/{{id}}/OnlineInvoice", online_invoice),
    web.post(f"{BASE}/Invoices/{{id}}/Email", email),
]
