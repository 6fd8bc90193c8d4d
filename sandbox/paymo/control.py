"""What people do in Paymo, for its page and for programs outside: JSON under `/_sandbox/`."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any

from aiohttp import web

from sandbox.paymo.company import Company, not_found
from sandbox.paymo.model import Refused, rounded
from sandbox.serving import Handler, Json, as_json

Act = Callable[[Company, Json], Any]
_LINE = ("item", "description", "quantity", "price", "taxed")
_DAYS = ("issued", "due")


def _add_client(company: Company, sent: Json) -> int:
    return company.add_client(**sent).id


def _add_invoice(company: Company, sent: Json) -> int:
    """Add an invoice; its lines are objects, and all else is as `Company.add_invoice` takes it."""
    client = company.clients[sent.pop("client_id")]
    lines = [_line(each) for each in sent.pop("lines")]
    days = {name: date.fromisoformat(sent.pop(name)) for name in _DAYS if name in sent}
    return company.add_invoice(sent.pop("number"), client, lines, **days, **sent).id


def _line(sent: Json) -> tuple[Any, ...]:
    usual = {"item": "", "description": "", "quantity": 1, "taxed": True}
    line = usual | sent
    return tuple(line[name] for name in _LINE)


def _pay(company: Company, sent: Json) -> int:
    day = date.fromisoformat(sent["date"]) if sent.get("date") else None
    notes = str(sent.get("notes", ""))
    return company.pay(sent["invoice_id"], _amount(sent), paid_on=day, notes=notes).id


def _edit_payment(company: Company, sent: Json) -> int:
    return company.edit_payment(sent["payment_id"], _amount(sent)).id


def _amount(sent: Json) -> Decimal:
    """Read an amount that a person typed, who may mistype."""
    amount = Decimal(str(sent["amount"]))
    if not amount.is_finite() or amount != rounded(amount):
        raise Refused(HTTPStatus.BAD_REQUEST, "The amount must be a number of cents")
    return amount


_ACTS: dict[str, Act] = {
    "add_client": _add_client,
    "add_invoice": _add_invoice,
    "pay": _pay,
    "edit_payment": _edit_payment,
    "delete_payment": lambda company, sent: company.delete_payment(sent["payment_id"]),
    "delete_invoice": lambda company, sent: company.delete_invoice(sent["invoice_id"]),
    "set_status": lambda company, sent: company.set_status(sent["invoice_id"], sent["status"]),
}


@dataclass(frozen=True, slots=True)
class Control:
    """Finds the company that an act is about, and does it there."""

    companies: Callable[[], dict[int, Company]]
    add_company: Callable[..., Company]

    def routes(self) -> list[web.RouteDef]:
        """Where the acts stand."""
        return [
            web.post("/_sandbox/add_company", self._answering(self._found)),
            *(
                web.post(f"/_sandbox/{name}", self._answering(self._acting(act)))
                for name, act in _ACTS.items()
            ),
        ]

    def _found(self, sent: Json) -> int:
        return self.add_company(sent.pop("name"), **sent).id

    def _acting(self, act: Act) -> Callable[[Json], Any]:
        return lambda sent: act(self._company(sent), sent)

    def _answering(self, do: Callable[[Json], Any]) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            sent = json.loads(await request.read(), parse_float=Decimal)
            try:
                return as_json({"ok": True, "result": do(sent)})
            except Refused as refusal:
                status, words = refusal.status, str(refusal)
            except (ValueError, InvalidOperation):
                status, words = HTTPStatus.BAD_REQUEST, "The date or the amount is not readable"
            except KeyError as missing:
                status, words = HTTPStatus.BAD_REQUEST, f"Missing or unknown: {missing}"
            return as_json({"ok": False, "message": words}, status=status)

        return answer

    def _company(self, sent: Json) -> Company:
        """The company that is named, or holds what is named, or else the first."""
        company_id = sent.pop("company_id", None)
        named = {"invoice_id", "payment_id"} & set(sent)
        for company in self.companies().values():
            held = (
                company.id == company_id
                or sent.get("invoice_id") in company.invoices
                or sent.get("payment_id") in company.payments
            )
            if held or not (company_id or named):
                return company
        raise not_found()
