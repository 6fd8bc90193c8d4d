"""The web page of Paymo's stand-in, and what it shows: amounts are text, ready to be read."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from aiohttp import web

from sandbox.paymo.company import Company
from sandbox.paymo.model import Invoice, Item, Payment, number
from sandbox.serving import Clock, Json

PAGE = Path(__file__).parent / "page"
KIT = Path(__file__).parents[1] / "page"


@dataclass(frozen=True, slots=True)
class Pages:
    """The files of the page, and the companies as it shows them."""

    companies: Callable[[], dict[int, Company]]
    now: Clock

    def routes(self) -> list[web.AbstractRouteDef]:
        """Where they stand."""
        return [
            web.get("/", self.index),
            web.static("/page", PAGE),
            web.static("/kit", KIT),
            web.get("/_sandbox/state", self.state),
        ]

    async def index(self, _: web.Request) -> web.FileResponse:
        """One page for all addresses: what differs stands after the #."""
        return web.FileResponse(PAGE / "index.html")

    async def state(self, _: web.Request) -> web.Response:
        """Everything that a person may look at."""
        companies = [_company(each) for each in self.companies().values()]
        return web.json_response({"today": self.now().date().isoformat(), "companies": companies})


def _company(company: Company) -> Json:
    invoices = [_invoice(company, each) for each in company.invoices.values()]
    clients = [each.json() for each in company.clients.values()]
    return {
        "id": company.id,
        "name": company.name,
        "currency": company.currency,
        "keys": sorted(company.keys),
        "clients": [
            {name: each[name] for name in ("name", "email", "address")} for each in clients
        ],
        "invoices": invoices[::-1],
    }


def _invoice(company: Company, invoice: Invoice) -> Json:
    left = company.left(invoice.id)
    return {
        "id": invoice.id,
        "number": invoice.number,
        "client": company.clients[invoice.client_id].name,
        "status": invoice.status,
        "currency": invoice.currency,
        "date": invoice.issued.isoformat(),
        "due": invoice.due.isoformat() if invoice.due else "",
        "notes": str(invoice.texts.get("notes", "")),
        "lines": [_line(each) for each in invoice.items],
        "sums": _sums(invoice),
        "total": money(invoice.total),
        "left": money(left),
        "left_plain": f"{left:.2f}",
        "payments": [_payment(each) for each in company.payments_of(invoice.id)],
    }


def _line(item: Item) -> Json:
    return {
        "item": item.item,
        "description": item.description,
        "quantity": str(number(item.quantity)),
        "price": str(number(item.price_unit)),
        "taxed": item.apply_tax,
        "amount": money(item.amount),
    }


def _sums(invoice: Invoice) -> list[tuple[str, str]]:
    """What stands below the lines; discount and taxes only when there are any."""
    amounts = invoice.amounts()
    tax2_name = invoice.texts.get("tax2_text") or "Tax 2"
    rows = [
        ("Subtotal", amounts["subtotal"]),
        (f"Discount {number(invoice.discount)}%", -amounts["discount_amount"]),
        (f"{invoice.texts.get('tax_text', 'Tax')} {number(invoice.tax)}%", amounts["tax_amount"]),
        (f"{tax2_name} {number(invoice.tax2)}%", amounts["tax2_amount"]),
        (f"Total {invoice.currency}", amounts["total"]),
    ]
    ends = (rows[0], rows[-1])
    return [(name, money(amount)) for name, amount in rows if amount or (name, amount) in ends]


def _payment(payment: Payment) -> Json:
    return {
        "id": payment.id,
        "date": payment.paid_on.isoformat(),
        "amount": money(payment.amount),
        "notes": payment.notes,
    }


def money(amount: Decimal) -> str:
    """Write an amount for people, in cents and with thousands apart."""
    return f"{amount:,.2f}"
