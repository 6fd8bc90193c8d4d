"""Clients, invoices, lines and payments, and how they look on the wire."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from sandbox.serving import Json

STATUSES = ("draft", "sent", "viewed", "paid", "void")
_CENT = Decimal("0.01")
_PER_CENT = Decimal(100)


class Refused(Exception):
    """Paymo says no, with a status and a text."""

    def __init__(self, status: int, text: str) -> None:
        """Keep both."""
        super().__init__(text)
        self.status = status


def invalid(name: str) -> Refused:
    """The refusal of a value that a field cannot take; Paymo's own words are not known."""
    return Refused(HTTPStatus.BAD_REQUEST, f"Invalid value for field '{name}'")


def rounded(amount: Decimal) -> Decimal:
    """Round to cents, half up; which way Paymo rounds is not documented."""
    return amount.quantize(_CENT, ROUND_HALF_UP)


def number(amount: Decimal) -> Decimal | int:
    """An amount as Paymo writes it: without closing zeros."""
    plain = amount.normalize()
    return int(plain) if plain == plain.to_integral_value() else Decimal(f"{plain:f}")


def stamp(time: datetime) -> str:
    """Write a time as Paymo does."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class Client:
    """A client; `more` is any of Paymo's other fields."""

    id: int
    name: str
    time: datetime
    more: Json = field(default_factory=dict)
    active: bool = True

    def json(self) -> Json:
        """As Paymo shows it."""
        blank = dict.fromkeys(
            ("address", "city", "state", "postal_code", "country", "phone", "fax", "email"), ""
        )
        return {
            "id": self.id,
            "name": self.name,
            **blank,
            "website": "",
            "fiscal_information": "",
            **self.more,
            "active": self.active,
            "created_on": stamp(self.time),
            "updated_on": stamp(self.time),
        }


@dataclass(slots=True)
class Item:
    """A line. There is no rate and no amount of its own."""

    id: int
    item: str
    description: str
    price_unit: Decimal
    quantity: Decimal
    apply_tax: bool = True
    expense_id: int | None = None

    @property
    def amount(self) -> Decimal:
        """Quantity times price, not rounded."""
        return self.price_unit * self.quantity


@dataclass(slots=True)
class Payment:
    """A payment, in the invoice's currency."""

    id: int
    invoice_id: int
    amount: Decimal
    paid_on: date
    notes: str
    time: datetime
    updated: datetime

    def json(self) -> Json:
        """As Paymo shows it."""
        return {
            "id": self.id,
            "invoice_id": self.invoice_id,
            "amount": number(self.amount),
            "date": self.paid_on.isoformat(),
            "notes": self.notes,
            "created_on": stamp(self.time),
            "updated_on": stamp(self.updated),
        }


@dataclass(slots=True, kw_only=True)
class Invoice:
    """An invoice; rates and discount are per cent.

    The amounts are worked out from the lines after every change, unless `stated` names others: the
    discount comes off before the taxes, evenly over all lines (the reading that Paymo's pages
    leave open and that fits its examples).
    """

    id: int
    number: str
    client_id: int
    items: list[Item]
    issued: date
    due: date | None
    created: datetime
    updated: datetime
    currency: str = "NZD"
    status: str = "draft"
    tax: Decimal = Decimal(0)
    tax2: Decimal = Decimal(0)
    tax_on_tax: bool = False
    discount: Decimal = Decimal(0)
    project_id: int | None = None
    options: Json | None = None  # what Paymo's own list shows as the project hangs on this
    texts: Json = field(default_factory=dict)
    stated: dict[str, Decimal] = field(default_factory=dict)
    token: str = field(default_factory=lambda: uuid4().hex, repr=False)

    def amounts(self) -> dict[str, Decimal]:
        """The invoice's subtotal, discount_amount, tax_amount, tax2_amount and total."""
        subtotal = sum((rounded(each.amount) for each in self.items), Decimal(0))
        taxed = sum((rounded(each.amount) for each in self.items if each.apply_tax), Decimal(0))
        kept = 1 - self.discount / _PER_CENT
        discount = rounded(subtotal * self.discount / _PER_CENT)
        tax = rounded(taxed * kept * self.tax / _PER_CENT)
        base = taxed * kept + (tax if self.tax_on_tax else 0)
        tax2 = rounded(base * self.tax2 / _PER_CENT)
        return {
            "subtotal": subtotal,
            "discount_amount": discount,
            "tax_amount": tax,
            "tax2_amount": tax2,
            "total": subtotal - discount + tax + tax2,
        } | self.stated

    @property
    def total(self) -> Decimal:
        """What payments are measured against."""
        return self.amounts()["total"]

    def json(self) -> Json:
        """As Paymo shows it, without anything that must be asked for."""
        amounts = {name: number(amount) for name, amount in self.amounts().items()}
        head: Json = {
            "id": self.id,
            "number": self.number,
            "client_id": self.client_id,
            "template_id": None,
            "status": self.status,
            "currency": self.currency,
            "date": self.issued.isoformat(),
            "due_date": self.due.isoformat() if self.due else None,
            **amounts,
            "tax": number(self.tax),
            "tax_text": "Tax",
            "tax2": number(self.tax2),
            "tax2_text": "",
            "tax_on_tax": self.tax_on_tax,
            "discount": number(self.discount),
            "discount_text": "",
            "language": "",
            "bill_to": "",
            "company_info": "",
            "footer": "",
            "notes": "",
            "outstanding": None,
            "title": "INVOICE",
            "delivery_date": None,
            "pay_online": False,
            "reminder_1_sent": False,
            "reminder_2_sent": False,
            "reminder_3_sent": False,
            "permalink": self._permalink("html"),
            "pdf_link": self._permalink("pdf"),
            "created_on": stamp(self.created),
            "updated_on": stamp(self.updated),
            "project_id": self.project_id,
            "options": self.options,
            "active": True,
        }
        return head | self.texts

    def _permalink(self, form: str) -> str:
        """The address at which anybody may read the invoice; the stand-in serves none."""
        return f"https://app.paymoapp.com/api/invoices/{self.id}/?token={self.token}&format={form}"

    def lines(self) -> list[Json]:
        """The lines as Paymo shows them."""
        return [
            {
                "id": each.id,
                "invoice_id": self.id,
                "item": each.item,
                "description": each.description,
                "price_unit": number(each.price_unit),
                "quantity": number(each.quantity),
                "expense_id": each.expense_id,
                "apply_tax": each.apply_tax,
                "seq": place,
                "created_on": stamp(self.created),
                "updated_on": stamp(self.updated),
            }
            for place, each in enumerate(self.items, start=1)
        ]


def amount_of(value: Any) -> Decimal:
    """Read an amount off the wire, a number or a text."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise invalid("amount") from None
    if not amount.is_finite():
        raise invalid("amount")
    return amount
