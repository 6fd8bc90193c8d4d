"""The REST API: every answer wraps its objects in a list named after the resource."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from aiohttp import web

from sandbox.paymo.company import Company, not_found
from sandbox.paymo.model import Client, Invoice, Payment, Refused, amount_of, invalid
from sandbox.paymo.pdf import printed
from sandbox.paymo.projects import Entry, Expense, Project
from sandbox.paymo.query import MOST, included, matching, paged
from sandbox.paymo.validation import add_invoice
from sandbox.serving import Handler, Json, as_json

_COMPANY = web.RequestKey("company", Company)
# `invoiceitems.expense` is documented, and answered with 400.
_INVOICE_KEYS = ("client", "invoiceitems", "invoicepayments")
_ENTRIES = "invoiceitems.entries"


@dataclass(frozen=True, slots=True)
class Api:
    """The routes, for whichever company the key opens."""

    company_for: Callable[[str], Company | None]

    def routes(self) -> list[web.RouteDef]:
        """Where they stand."""
        return [
            web.get("/api/me", _me),
            web.get("/api/company", _company),
            web.get("/api/clients", _clients),
            web.get("/api/clients/{id}", _client),
            web.get("/api/invoices", _invoices),
            web.post("/api/invoices", _add_invoice),
            web.get("/api/invoices/{id}", _invoice),
            web.put("/api/invoices/{id}", _update_invoice),
            web.post("/api/invoices/{id}", _update_invoice),
            web.delete("/api/invoices/{id}", _delete_invoice),
            web.get("/api/{kind:projects|expenses|entries}", _works),
            web.get("/api/{kind:projects|expenses|entries}/{id}", _work),
            web.get("/api/invoicepayments", _payments),
            web.post("/api/invoicepayments", _add_payment),
            web.get("/api/invoicepayments/{id}", _payment),
            web.put("/api/invoicepayments/{id}", _update_payment),
            web.post("/api/invoicepayments/{id}", _update_payment),
            web.delete("/api/invoicepayments/{id}", _delete_payment),
            web.get("/api/hooks", _hooks),
            web.post("/api/hooks", _add_hook),
            web.get("/api/hooks/{id}", _hook),
            web.put("/api/hooks/{id}", _update_hook),
            web.post("/api/hooks/{id}", _update_hook),
            web.delete("/api/hooks/{id}", _delete_hook),
        ]

    @web.middleware
    async def door(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in who has a key, and write refusals as Paymo does."""
        if not request.path.startswith("/api/"):
            return await handler(request)
        company = self.company_for(_key(request))
        if company is None:
            return _message(HTTPStatus.UNAUTHORIZED, "Unauthorized")
        request[_COMPANY] = company
        try:
            return await handler(request)
        except Refused as refusal:
            return _message(refusal.status, str(refusal))


def _message(status: int, text: str) -> web.Response:
    return as_json({"message": text}, status=status)


def _key(request: web.Request) -> str:
    """The user of Basic auth, which is the API key; the password is any text."""
    scheme, _, packed = request.headers.get("Authorization", "").partition(" ")
    if scheme.casefold() != "basic":
        return ""
    try:
        return base64.b64decode(packed).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _id(request: web.Request) -> int:
    text = request.match_info["id"]
    if not text.isdigit():
        raise not_found()
    return int(text)


async def _body(request: web.Request) -> Json:
    try:
        found = json.loads(await request.read(), parse_float=Decimal, parse_constant=Decimal)
    except ValueError:
        raise Refused(HTTPStatus.BAD_REQUEST, "Decoding failed: Syntax error") from None
    if not isinstance(found, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, "Decoding failed: Syntax error")
    return found


async def _me(request: web.Request) -> web.Response:
    user = {"id": 1, "name": "Anna", "email": "anna@paymo.example", "type": "Admin", "active": True}
    _ = request[_COMPANY]
    return as_json({"users": [user]})


async def _company(request: web.Request) -> web.Response:
    return as_json({"company": request[_COMPANY].json()})


async def _clients(request: web.Request) -> web.Response:
    rows = [each.json() for each in request[_COMPANY].clients.values()]
    found = matching(rows, request.query.get("where", ""))
    return as_json({"clients": paged(request, found)})


async def _client(request: web.Request) -> web.Response:
    client = request[_COMPANY].clients.get(_id(request))
    if client is None:
        raise not_found()
    return as_json({"clients": [client.json()]})


async def _invoices(request: web.Request) -> web.Response:
    company = request[_COMPANY]
    asked = included(request, _keys(company))
    rows = [each.json() for each in company.invoices.values()]
    page = paged(request, matching(rows, request.query.get("where", "")))
    shown = [_shown(company, company.invoices[row["id"]], asked) for row in page]
    return as_json({"invoices": _cut_short(shown)})


def _cut_short(invoices: list[Json]) -> list[Json]:
    """Leave the lines out once 2,500 of them are in the answer, without a word, as Paymo does."""
    count = 0
    for invoice in invoices:
        count += len(invoice.get("invoiceitems", ()))
        if count > MOST:
            invoice["invoiceitems"] = []
    return invoices


def _keys(company: Company) -> tuple[str, ...]:
    return (*_INVOICE_KEYS, _ENTRIES) if company.includes_time else _INVOICE_KEYS


def _shown(company: Company, invoice: Invoice, asked: list[str]) -> Json:
    body = invoice.json()
    for each in asked:
        name, _, part = each.partition(".")
        if name == "client":
            body["client"] = _client_part(company.clients[invoice.client_id], part)
        elif name == "invoiceitems":
            body["invoiceitems"] = _lines(company, invoice, with_time=_ENTRIES in asked)
        else:
            paid = company.payments_of(invoice.id)
            body["invoicepayments"] = [payment.json() for payment in paid]
    return body


def _lines(company: Company, invoice: Invoice, *, with_time: bool) -> list[Json]:
    lines = invoice.lines()
    for item, line in zip(invoice.items, lines, strict=True):
        if with_time:
            line["entries"] = [each.json() for each in company.entries_of(item)]
    return lines


def _client_part(client: Client, part: str) -> Json:
    whole = client.json()
    return {"id": client.id, part: whole.get(part)} if part else whole


async def _invoice(request: web.Request) -> web.Response:
    company = request[_COMPANY]
    invoice = company.invoices.get(_id(request))
    if invoice is None:
        raise not_found()
    if request.query.get("format") == "pdf":
        return web.Response(body=printed(invoice), content_type="application/pdf")
    asked = included(request, _keys(company))
    return as_json({"invoices": [_shown(company, invoice, asked)]})


async def _add_invoice(request: web.Request) -> web.Response:
    company = request[_COMPANY]
    invoice = add_invoice(company, await _body(request))
    headers = {"Location": f"/api/invoices/{invoice.id}"}
    body = {"invoices": [_shown(company, invoice, included(request, _keys(company)))]}
    return as_json(body, status=HTTPStatus.CREATED, headers=headers)


async def _update_invoice(request: web.Request) -> web.Response:
    company, invoice_id = request[_COMPANY], _id(request)
    sent = await _body(request)
    if invoice_id not in company.invoices:
        raise not_found()
    if "status" in sent:
        company.set_status(invoice_id, sent["status"])
    return as_json({"invoices": [company.invoices[invoice_id].json()]})


async def _delete_invoice(request: web.Request) -> web.Response:
    request[_COMPANY].delete_invoice(_id(request))
    return as_json({})


def _kept(request: web.Request) -> Mapping[int, Project | Expense | Entry]:
    company = request[_COMPANY]
    kinds: dict[str, Mapping[int, Project | Expense | Entry]] = {
        "projects": company.projects,
        "expenses": company.expenses,
        "entries": company.entries,
    }
    return kinds[request.match_info["kind"]]


async def _works(request: web.Request) -> web.Response:
    rows = [each.json() for each in _kept(request).values()]
    found = matching(rows, request.query.get("where", ""))
    return as_json({request.match_info["kind"]: paged(request, found)})


async def _work(request: web.Request) -> web.Response:
    found = _kept(request).get(_id(request))
    if found is None:
        raise not_found()
    return as_json({request.match_info["kind"]: [found.json()]})


async def _payments(request: web.Request) -> web.Response:
    rows = [each.json() for each in request[_COMPANY].payments.values()]
    found = matching(rows, request.query.get("where", ""))
    return as_json({"invoicepayments": paged(request, found)})


async def _payment(request: web.Request) -> web.Response:
    return as_json({"invoicepayments": [_named(request).json()]})


def _named(request: web.Request) -> Payment:
    payment = request[_COMPANY].payments.get(_id(request))
    if payment is None:
        raise not_found()
    return payment


async def _add_payment(request: web.Request) -> web.Response:
    company = request[_COMPANY]
    sent = await _body(request)
    for name in ("invoice_id", "amount"):
        if name not in sent:
            raise Refused(HTTPStatus.BAD_REQUEST, f"Missing required params: {name}")
    payment = company.pay(
        _whole(sent["invoice_id"]),
        amount_of(sent["amount"]),
        paid_on=_day(sent.get("date")),
        notes=str(sent.get("notes", "")),
    )
    headers = {"Location": f"/api/invoicepayments/{payment.id}"}
    body = {"invoicepayments": [payment.json()]}
    return as_json(body, status=HTTPStatus.CREATED, headers=headers)


def _whole(value: Any) -> int:
    text = str(value)
    if not text.isdecimal():
        raise invalid("invoice_id")
    return int(text)


def _day(value: Any) -> date | None:
    if not value:
        return None
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise invalid("date") from None


async def _update_payment(request: web.Request) -> web.Response:
    payment = _named(request)
    sent = await _body(request)
    request[_COMPANY].edit_payment(
        payment.id,
        amount_of(sent["amount"]) if "amount" in sent else None,
        paid_on=_day(sent.get("date")),
        notes=str(sent.get("notes", payment.notes)),
    )
    return as_json({"invoicepayments": [payment.json()]})


async def _delete_payment(request: web.Request) -> web.Response:
    request[_COMPANY].delete_payment(_id(request))
    return as_json({})


async def _hooks(request: web.Request) -> web.Response:
    return as_json({"hooks": [each.json() for each in request[_COMPANY].hooks.values()]})


async def _hook(request: web.Request) -> web.Response:
    return as_json({"hooks": [request[_COMPANY].hook(_id(request)).json()]})


async def _add_hook(request: web.Request) -> web.Response:
    hook = request[_COMPANY].add_hook(await _body(request))
    headers = {"Location": f"/api/hooks/{hook.id}"}
    return as_json({"hooks": [hook.json()]}, status=HTTPStatus.CREATED, headers=headers)


async def _update_hook(request: web.Request) -> web.Response:
    hook = request[_COMPANY].edit_hook(_id(request), await _body(request))
    return as_json({"hooks": [hook.json()]})


async def _delete_hook(request: web.Request) -> web.Response:
    request[_COMPANY].delete_hook(_id(request))
    return as_json({})
