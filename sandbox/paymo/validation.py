"""An invoice as somebody sends it to Paymo, checked as Paymo checks it."""

from datetime import date
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any

from sandbox.paymo.company import Company
from sandbox.paymo.model import Invoice, Refused, invalid
from sandbox.serving import Json

_NEEDED = ("client_id", "currency")
_RATES = ("tax", "tax2", "discount")
_TEXTS = (
    "title",
    "tax_text",
    "tax2_text",
    "discount_text",
    "bill_to",
    "company_info",
    "footer",
    "notes",
    "template_id",
    "delivery_date",
    "pay_online",
)


def add_invoice(company: Company, sent: Json) -> Invoice:
    """Make a draft; its amounts are worked out, whatever was sent."""
    for name in _NEEDED:
        if not sent.get(name):
            raise Refused(HTTPStatus.BAD_REQUEST, f"Missing required params: {name}")
    client = company.clients.get(_whole(sent["client_id"]))
    if client is None:
        raise invalid("client_id")
    if "discount" in sent and not _decimal(sent, "discount"):
        raise invalid("discount")
    rates = {name: str(_decimal(sent, name)) for name in _RATES if name in sent}
    dates = {
        name: day
        for name, key in (("issued", "date"), ("due", "due_date"))
        if (day := _day(sent, key)) is not None
    }
    project_id = sent.get("project_id")
    if project_id is not None and project_id not in company.projects:
        raise invalid("project_id")
    lines = list(sent.get("items", ()))
    _check_billed(company, lines)
    invoice = company.add_invoice(
        str(sent.get("number") or f"#INV-{next(company.ids)}"),
        client,
        [_line(each) for each in lines],
        project_id=project_id,
        currency=str(sent["currency"]),
        tax_on_tax=bool(sent.get("tax_on_tax")),
        texts={name: sent[name] for name in _TEXTS if name in sent},
        **rates,
        **dates,
    )
    for item, line in zip(invoice.items, lines, strict=True):
        company.bill(item, expense_id=line.get("expense_id"), entry_ids=line.get("entries", ()))
    return invoice


def _check_billed(company: Company, lines: list[Json]) -> None:
    """Refuse a line that names an expense or time that there is not."""
    for line in lines:
        if line.get("expense_id") not in {None, *company.expenses}:
            raise invalid("expense_id")
        if not set(line.get("entries", ())) <= set(company.entries):
            raise invalid("entries")


def _line(sent: Json) -> tuple[Any, ...]:
    return (
        str(sent.get("item", "")),
        str(sent.get("description", "")),
        _decimal(sent, "quantity"),
        _decimal(sent, "price_unit"),
        bool(sent.get("apply_tax")),
    )


def _whole(value: Any) -> int:
    text = str(value)
    if not text.isdecimal():
        raise invalid("client_id")
    return int(text)


def _decimal(sent: Json, name: str) -> Decimal:
    try:
        return Decimal(str(sent.get(name, 0)))
    except InvalidOperation:
        raise invalid(name) from None


def _day(sent: Json, name: str) -> date | None:
    if not sent.get(name):
        return None
    try:
        return date.fromisoformat(str(sent[name]))
    except ValueError:
        raise invalid(name) from None
