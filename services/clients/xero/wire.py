"""The fields of Xero's answers and of our requests that the program uses.

Keys without a value are often absent, so what has a default may be; the others must not be guessed
(see `services.clients.rows`). Calendar dates are midnight UTC of their day and are never moved into
another zone (Xero's requests-and-responses page; seen going wrong in XeroAPI/xero-python#179).
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Self

import msgspec

from services import money
from services.clients import rows
from services.clients.messages import errors_in
from services.model import days, wording

_CREDITS = ("CreditNotes", "Overpayments", "Prepayments")
_NO_IDS = (None, "", rows.NO_ID)
_CREDIT_IDS = ("CreditNoteID", "OverpaymentID", "PrepaymentID")
Id = Annotated[str, msgspec.Meta(max_length=rows.LONGEST_ID)]
Code = Annotated[str, msgspec.Meta(max_length=16)]
Short = Annotated[str, msgspec.Meta(max_length=8)]
Name = Annotated[str, msgspec.Meta(max_length=255)]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZERO = Decimal(0)
LONGEST_NAME = 255
_LONGEST_EMAIL = 255
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_EMAIL = re.compile(rf"(?=.{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?=[A-Za-z]){_LABEL}")


def is_refused(raw: dict[str, Any]) -> bool:
    """Say whether an element of a 2xx answer failed all the same."""
    return (
        any(str(raw.get(key)).lower() == "true" for key in ("HasErrors", "HasValidationErrors"))
        or str(raw.get("StatusAttributeString")).upper() == "ERROR"
        or bool(raw.get("ValidationErrors"))
        or any(raw.get(key) == rows.NO_ID for key in ("InvoiceID", "ContactID"))
    )


class Tenant(msgspec.Struct, frozen=True, rename="camel"):
    """One organisation that a consent reaches; `id` is the connection's."""

    id: Id
    tenant_id: Id
    tenant_type: str = ""
    tenant_name: Name | None = None
    auth_event_id: str | None = None


class ContactRef(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    """A contact as its invoice names it."""

    contact_id: Id = msgspec.field(name="ContactID", default="")
    name: Name = ""


class XeroOrganisation(msgspec.Struct, frozen=True, rename="pascal"):
    """The organisation itself."""

    name: Name
    country_code: Short = ""
    base_currency: Short = ""
    short_code: Annotated[str, msgspec.Meta(max_length=32)] = ""
    timezone: Id = ""
    is_demo_company: bool = False
    period_lock_date: str = ""
    end_of_year_lock_date: str = ""

    @property
    def period_lock_on(self) -> date | None:
        """The day up to which only advisers may post."""
        return days.read_day(self.period_lock_date)

    @property
    def year_lock_on(self) -> date | None:
        """The day up to which nobody may post."""
        return days.read_day(self.end_of_year_lock_date)


class EnabledCurrency(msgspec.Struct, frozen=True, rename="pascal"):
    """A currency that the organisation has enabled."""

    code: str


class Account(msgspec.Struct, frozen=True, rename="pascal"):
    """An account of the chart of accounts."""

    account_id: Id = msgspec.field(name="AccountID")
    name: Name = ""
    code: str = ""
    status: Code = ""
    type: str = ""
    class_: str = msgspec.field(name="Class", default="")
    tax_type: str = ""
    system_account: str = ""


class TaxComponent(msgspec.Struct, frozen=True, rename="pascal"):
    """A part of a tax rate, in per cent."""

    rate: Decimal = _ZERO
    is_compound: bool = False


class TaxRate(msgspec.Struct, frozen=True, rename="pascal"):
    """A tax rate; `effective_rate` in per cent, compound parts included."""

    tax_type: str
    name: Name = ""
    status: Code = "ACTIVE"
    can_apply_to_revenue: bool = True
    effective_rate: Decimal | None = None
    tax_components: tuple[TaxComponent, ...] = ()


class Contact(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    """A contact."""

    contact_id: Id = msgspec.field(name="ContactID")
    name: Name
    contact_status: Code = "ACTIVE"
    email_address: str = ""
    tax_number: str = ""
    contact_number: str = ""
    merged_to: str = msgspec.field(name="MergedToContactID", default="")


class CreditedInvoice(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    """The invoice that an allocation settles."""

    invoice_id: Id = msgspec.field(name="InvoiceID", default="")


class InvoicePayment(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    """A payment inside its invoice; `amount` in the invoice's currency."""

    payment_id: Id = msgspec.field(name="PaymentID")
    dated: rows.Dated = msgspec.field(name="Date")
    amount: Decimal
    reference: str = ""

    @property
    def paid_on(self) -> date:
        """The payment's day; a payment without one is never read."""
        return days.read_day(self.dated) or _EPOCH.date()


class Allocation(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    """A part of a credit, applied to one invoice."""

    allocation_id: Id = msgspec.field(name="AllocationID", default="")
    amount: Decimal = _ZERO
    dated: rows.Blank = msgspec.field(name="Date", default="")
    invoice: CreditedInvoice = CreditedInvoice()
    is_deleted: rows.Decisive = False

    @property
    def dated_on(self) -> date | None:
        """The day of the application."""
        return days.read_day(self.dated)


class Credit(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    """A credit note, overpayment or prepayment inside the invoice that it settles."""

    credit_note_id: Id = msgspec.field(name="CreditNoteID", default="")
    overpayment_id: Id = msgspec.field(name="OverpaymentID", default="")
    prepayment_id: Id = msgspec.field(name="PrepaymentID", default="")
    credit_note_number: str = ""
    applied_amount: Decimal = _ZERO
    total: Decimal = _ZERO
    dated: rows.Blank = msgspec.field(name="Date", default="")
    allocations: tuple[Allocation, ...] = ()

    @property
    def id(self) -> str:
        """Xero's id, whichever of the three it is."""
        return self.credit_note_id or self.overpayment_id or self.prepayment_id

    @property
    def is_plain(self) -> bool:
        """Say whether `XeroInvoice.judged` would find nothing."""
        return bool(self.id)

    def allocations_to(self, invoice_id: str) -> tuple[Allocation, ...]:
        """Its allocations to this invoice that weren't undone."""
        return tuple(
            each
            for each in self.allocations
            if not each.is_deleted
            and each.invoice.invoice_id.casefold() in {"", invoice_id.casefold()}
        )

    @property
    def dated_on(self) -> date | None:
        """The day of the credit."""
        return days.read_day(self.dated)


class StatedLine(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    """A line as Xero states it; lists round its price to cents, so the amount is what counts."""

    description: rows.Blank | None = None
    quantity: Decimal | None = None
    line_amount: Decimal | None = None
    account_code: rows.Blank | None = None


class XeroInvoice(msgspec.Struct, frozen=True, gc=False, rename="pascal", kw_only=True):
    """An invoice as Xero states it; what it `lacks` is empty or zero here, and must not be used."""

    invoice_id: Id = msgspec.field(name="InvoiceID")
    # In Xero's own order: to find a field elsewhere takes longer.
    type: Code = "ACCREC"
    invoice_number: Name = ""
    reference: str = ""
    url: str = ""
    payments: tuple[InvoicePayment, ...] = ()
    credit_notes: tuple[Credit, ...] = ()
    prepayments: tuple[Credit, ...] = ()
    overpayments: tuple[Credit, ...] = ()
    amount_due: Decimal
    amount_paid: Decimal
    amount_credited: Decimal = _ZERO
    contact: ContactRef = ContactRef()
    dated: rows.Blank = msgspec.field(name="Date", default="")
    due: rows.Blank = msgspec.field(name="DueDate", default="")
    status: Code
    lines: tuple[StatedLine, ...] = msgspec.field(name="LineItems", default=())
    sub_total: Decimal
    total_tax: Decimal
    total: Decimal
    rounding_amount: Decimal = _ZERO  # what somebody rounded in Xero; part of the total
    updated: rows.Blank = msgspec.field(name="UpdatedDateUTC", default="")
    currency_code: Short = ""
    # What only `judged` reads, and what it says.
    has_errors: bool = False
    has_validation_errors: bool = False
    status_attribute_string: str = ""
    validation_errors: tuple[Any, ...] = ()
    lacks: tuple[str, ...] = ()
    is_refused: bool = False  # this element of a 2xx answer failed all the same
    said: tuple[str, ...] = ()  # why

    @classmethod
    def judged(cls, raw: dict[str, Any]) -> dict[str, Any]:
        """Say whether an element failed, in which words, and which credits have no id."""
        lacks = [
            f"{key}: ID"
            for key in _CREDITS
            if isinstance(raw.get(key), list)
            for each in raw[key]
            if isinstance(each, dict) and all(each.get(name) in _NO_IDS for name in _CREDIT_IDS)
        ]
        failed = {"is_refused": True, "said": errors_in(raw)} if is_refused(raw) else {}
        return {**failed, "lacks": lacks}

    @property
    def updated_at(self) -> datetime:
        """When Xero last touched it."""
        return days.read_moment(self.updated) or _EPOCH

    @property
    def issued_on(self) -> date | None:
        """The day of the invoice."""
        return days.read_day(self.dated)

    @property
    def due_on(self) -> date | None:
        """The day by which it is to be paid."""
        return days.read_day(self.due)


class XeroPayment(msgspec.Struct, frozen=True, rename="pascal"):
    """A payment asked for by its id; the only place that says whether it was deleted."""

    payment_id: Id = msgspec.field(name="PaymentID")
    status: Code


class NewLine(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """A line to create, amounts exclusive of tax."""

    description: str
    quantity: Decimal
    unit_amount: Decimal
    tax_type: str
    tax_amount: Decimal
    account_code: str = ""
    account_id: str = msgspec.field(name="AccountID", default="")  # where it has no code
    discount_amount: Decimal | None = None


class NewInvoice(msgspec.Struct, frozen=True):
    """A sales invoice to create. Only the contact's id is sent: more would rewrite the contact."""

    contact_id: str
    status: str
    issued_on: date
    due_on: date | None
    number: str | None
    reference: str
    currency: str
    lines: list[NewLine]
    url: str = ""

    def body(self) -> dict[str, object]:
        """The element as Xero's names have it."""
        invoice: dict[str, object] = {
            "Type": "ACCREC",
            "Status": self.status,
            "Contact": {"ContactID": self.contact_id},
            "Date": self.issued_on.isoformat(),
            "CurrencyCode": self.currency,
            "LineAmountTypes": "Exclusive",
            "LineItems": self.lines,
        }
        if self.due_on is not None:
            invoice["DueDate"] = self.due_on.isoformat()
        if self.number is not None:
            invoice["InvoiceNumber"] = self.number
        if self.reference:
            invoice["Reference"] = self.reference
        if self.url:
            invoice["Url"] = self.url
        return invoice


class NewContact(msgspec.Struct, frozen=True):
    """A contact to create; `number` is Paymo's id, by which a lost answer is found again."""

    name: str
    number: str
    email: str = ""
    tax_number: str = ""
    address: dict[str, str] = {}
    phone: str = ""

    def body(self) -> dict[str, object]:
        """The element as Xero's names have it, empty fields left out."""
        contact: dict[str, object] = {"Name": self.name, "ContactNumber": self.number}
        if self.email:
            contact["EmailAddress"] = self.email
        if self.tax_number:
            contact["TaxNumber"] = self.tax_number
        if self.address:
            contact["Addresses"] = [{"AddressType": "POBOX", **self.address}]
        if self.phone:
            contact["Phones"] = [{"PhoneType": "DEFAULT", "PhoneNumber": self.phone}]
        return contact


@dataclass(frozen=True, slots=True)
class Addition:
    """A client as it would be added to Xero; by the number it is known again there."""

    name: str = ""
    number: str = ""

    @classmethod
    def of(cls, client_id: int | None, client_name: str) -> Self:
        """What the client's contact would be called."""
        return cls(name_in_xero(client_name), f"paymo:{client_id}" if client_id else "")


def is_email(text: str) -> bool:
    """Say whether the text is one plain e-mail address, which is all that Xero takes."""
    return len(text) <= _LONGEST_EMAIL and _EMAIL.fullmatch(text) is not None


def name_in_xero(client_name: str) -> str:
    """The name under which Xero takes a client: one line, at most 255 characters.

    Xero refuses angle brackets in a contact's name (its contacts page), and drops emoji.
    """
    plain = wording.one_line(client_name.replace("<", " ").replace(">", " "))
    return money.kept(plain)[:LONGEST_NAME].strip()
