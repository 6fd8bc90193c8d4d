"""An invoice on both sides."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

SENT_IN_PAYMO = ("sent", "viewed")  # the statuses of an invoice that went out and is not paid


ISSUED_IN_PAYMO = (*SENT_IN_PAYMO, "paid")  # all that went out, paid or not


class InvoiceState(StrEnum):
    """What has become of an exported invoice in Xero, and how far Paymo has followed."""

    LIVE = "live"
    DELETE_SEEN = "delete_seen"
    VOID_SEEN = "void_seen"
    HELD = "held"  # the breaker stopped it
    ASKED = "asked"  # a person must decide
    DELETED = "deleted"
    VOIDED = "voided"
    KEPT = "kept"  # a person decided that Paymo keeps it
    GONE = "gone"  # somebody deleted it in Paymo; it stays in Xero
    UNDOING = "undoing"  # a person takes the export back; what Xero then states is our own doing
    UNDONE = "undone"  # taken back; Paymo keeps its invoice


class Decision(StrEnum):
    """What a person said about an invoice that Xero deleted or voided."""

    APPLY = "apply"  # let it pass the breaker
    DELETE = "delete"  # in Paymo, whatever stands there
    VOID = "void"  # in Paymo, so that it keeps its ties


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line as Xero will show it; amounts in the invoice's currency."""

    description: str
    quantity: Decimal
    unit_amount: Decimal
    amount: Decimal  # after discount, without tax
    tax: Decimal


@dataclass(frozen=True, slots=True)
class InvoicePicture:
    """One invoice as Xero will show it, before or after the export."""

    number: str  # as Paymo has it, whatever its length
    client_name: str
    contact_name: str
    account_name: str
    currency: str
    issued_on: date
    due_on: date | None
    lines: tuple[InvoiceLine, ...]
    sub_total: Decimal
    tax_total: Decimal
    total: Decimal
