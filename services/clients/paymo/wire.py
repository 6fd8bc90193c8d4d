"""Paymo's answers: only the fields we use, with exact amounts.

What has a default may be absent; the rest must not be guessed (see `services.clients.rows`).
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from services.clients.rows import Decisive
from services.model import wording
from services.money import PaymoFigures, PaymoLine, effective_rate, line_text

_ZERO = Decimal(0)
_MOST_DIGITS = 4  # of the days after which Paymo reminds
_WIRE = {
    "issued_on": "date",
    "due_on": "due_date",
    "items": "invoiceitems",
    "payments": "invoicepayments",
}

_SENT = (
    "number",
    "client_id",
    "currency",
    "tax",
    "tax_text",
    "tax2",
    "tax2_text",
    "discount",
    "discount_text",
    "title",
    "bill_to",
    "company_info",
    "footer",
    "notes",
    "template_id",
    "pay_online",
    "project_id",
)


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A client."""

    id: int
    name: str
    email: str | None = None
    address: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None
    phone: str | None = None
    active: bool = True
    fiscal_information: str | None = None
    due_interval: str | None = None  # days to pay; not documented for clients


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A project."""

    id: int
    name: str = ""


class Billed(msgspec.Struct, frozen=True, kw_only=True):
    """An expense or a piece of time, and the line that bills it."""

    id: int
    invoice_item_id: int | None = None


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an invoice; the time that it bills must be asked for."""

    id: int
    price_unit: Decimal
    quantity: Decimal
    item: str | None = None
    description: str | None = None
    apply_tax: Decisive = False
    seq: int | None = None
    expense_id: int | None = None
    entries: tuple[Billed, ...] = ()

    @property
    def title(self) -> str:
        """What people call the line, on one line and not too long."""
        return " ".join((self.item or self.description or "").split())[:60]


class Payment(msgspec.Struct, frozen=True, kw_only=True, rename={"paid_on": "date"}):
    """A payment of an invoice, in the invoice's currency."""

    id: int
    amount: Decimal
    paid_on: date
    invoice_id: int | None = None
    notes: str | None = None


class _Numbered(msgspec.Struct, frozen=True, kw_only=True):
    """What has an invoice number: on one line, as Xero keeps it."""

    id: int
    number: str

    def __post_init__(self) -> None:
        """Fold blanks, and drop what has no width, before anybody compares it."""
        msgspec.structs.force_setattr(self, "number", wording.one_line(self.number))


class Header(_Numbered, frozen=True, kw_only=True, rename={"issued_on": "date"}):
    """The head of an invoice, as lists give it."""

    client_id: int
    status: str
    currency: str
    issued_on: date
    total: Decimal
    updated_on: datetime


class Invoice(_Numbered, frozen=True, kw_only=True, rename=_WIRE):
    """One invoice with its lines, payments and client; rates and discount are per cent."""

    client_id: int
    status: str
    currency: str
    issued_on: date
    subtotal: Decimal
    total: Decimal
    updated_on: datetime
    due_on: date | None = None
    tax: Decimal | None = None
    tax_amount: Decimal | None = None
    tax2: Decimal | None = None
    tax2_amount: Decimal | None = None
    tax_on_tax: Decisive = False
    discount: Decimal | None = None
    discount_amount: Decimal | None = None
    items: tuple[Item, ...] = ()
    payments: tuple[Payment, ...] = ()
    client: Client | None = None
    # Kept so that an invoice that is deleted here can be made again as it was.
    title: str | None = None
    tax_text: str | None = None
    tax2_text: str | None = None
    discount_text: str | None = None
    bill_to: str | None = None
    company_info: str | None = None
    footer: str | None = None
    notes: str | None = None
    template_id: int | None = None
    delivery_date: date | None = None
    pay_online: bool | None = None
    project_id: int | None = None
    # What Paymo's own list shows as the project; never written, since others were broken by it.
    options: dict[str, Any] | None = None

    def as_new(self) -> dict[str, Any]:
        """What Paymo is sent to make it again: no ids, and nothing that it works out."""
        kept = {name: getattr(self, name) for name in _SENT}
        lines = [
            {
                "item": each.item or "",
                "description": each.description or "",
                "price_unit": each.price_unit,
                "quantity": each.quantity,
                "apply_tax": each.apply_tax,
            }
            | ({"expense_id": each.expense_id} if each.expense_id else {})
            | ({"entries": [entry.id for entry in each.entries]} if each.entries else {})
            for each in self.items
        ]
        dates = {
            "date": self.issued_on.isoformat(),
            "due_date": self.due_on.isoformat() if self.due_on else None,
            "delivery_date": self.delivery_date.isoformat() if self.delivery_date else None,
        }
        said = {name: value for name, value in (kept | dates).items() if value not in (None, "", 0)}
        return said | {"tax_on_tax": self.tax_on_tax, "items": lines}

    def with_time(self, entries: Sequence[Billed]) -> "Invoice":
        """Return it with what its lines bill of this time."""
        items = [
            msgspec.structs.replace(
                line, entries=tuple(each for each in entries if each.invoice_item_id == line.id)
            )
            for line in self.items
        ]
        return msgspec.structs.replace(self, items=tuple(items))

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON to keep, every digit kept as text."""
        kept: dict[str, Any] = msgspec.to_builtins(self)
        return kept

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Invoice":
        """Read back what `as_json` kept."""
        return msgspec.convert(kept, cls)

    @property
    def in_order(self) -> tuple[Item, ...]:
        """The lines as they are printed; as they came where Paymo does not number them."""
        if any(each.seq is None for each in self.items):
            return self.items
        return tuple(sorted(self.items, key=lambda each: each.seq or 0))

    @property
    def client_name(self) -> str:
        """The client's name, or "" when it was not read."""
        return self.client.name if self.client else ""

    @property
    def terms(self) -> int | None:
        """The days that the client has to pay, where Paymo states them."""
        days = str(self.client.due_interval if self.client else "")
        return int(days) if days.isascii() and days.isdigit() else None

    @property
    def figures(self) -> PaymoFigures:
        """What the arithmetic needs of it."""
        return PaymoFigures(
            currency=self.currency,
            lines=tuple(
                PaymoLine(
                    description=line_text(each.item or "", each.description or ""),
                    quantity=each.quantity,
                    unit_price=each.price_unit,
                    is_taxed=each.apply_tax,
                )
                for each in self.in_order
            ),
            subtotal=self.subtotal,
            discount_amount=self.discount_amount or _ZERO,
            tax_amount=self.tax_amount or _ZERO,
            tax2_amount=self.tax2_amount or _ZERO,
            total=self.total,
            tax=self.tax or _ZERO,
            tax2=self.tax2 or _ZERO,
            tax_on_tax=self.tax_on_tax,
            discount=self.discount or _ZERO,
        )

    @property
    def rate(self) -> Decimal:
        """What a taxed line pays in all, in per cent."""
        return effective_rate(self.tax or _ZERO, self.tax2 or _ZERO, tax_on_tax=self.tax_on_tax)

    @property
    def paid(self) -> Decimal:
        """What its payments come to."""
        return sum((each.amount for each in self.payments), Decimal(0))

    @property
    def left(self) -> Decimal:
        """What is left to pay; Paymo refuses a payment above it."""
        return self.total - self.paid


class Company(msgspec.Struct, frozen=True, kw_only=True):
    """The company. Its live answer holds secrets of other systems: only these are read."""

    id: int
    name: Annotated[str, msgspec.Meta(max_length=255)] = ""
    due_interval: str | None = None  # days to pay, as text
    # Days after the due date on which Paymo reminds the client, as text; "0" is off
    # (Paymo's help centre, "How to set late payment reminders").
    payment_reminder_1: str | None = None
    payment_reminder_2: str | None = None
    payment_reminder_3: str | None = None

    def may_remind(self, due_on: date | None, today: date) -> bool:
        """Say whether Paymo may still remind a client of an invoice that is due on this day."""
        return bool(self._reminders) and (
            due_on is None
            or not all(each.isdecimal() for each in self._reminders)
            or self.next_reminder(due_on, today) is not None
        )

    def next_reminder(self, due_on: date | None, today: date) -> date | None:
        """Return the next day on which Paymo reminds of it; None if there is none, or unknown."""
        if due_on is None:
            return None
        days = (due_on.toordinal() + int(each) for each in self._reminders if each.isdecimal())
        first, last = today.toordinal(), date.max.toordinal()
        found = min((each for each in days if first <= each <= last), default=None)
        return date.fromordinal(found) if found is not None else None

    @property
    def _reminders(self) -> tuple[str, ...]:
        texts = (self.payment_reminder_1, self.payment_reminder_2, self.payment_reminder_3)
        said = ((each or "").strip()[:_MOST_DIGITS] for each in texts)
        return tuple(each for each in said if each.strip("0"))


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook; its secret is never shown."""

    id: int
    target_url: str = ""
    event: str = ""

    def leads_to(self, token: str) -> bool:
        """Say whether its address ends with this token, whatever host it names."""
        return self.target_url.endswith(f"/{token}")
