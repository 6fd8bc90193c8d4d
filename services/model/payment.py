"""What settles an invoice, and how far it has come."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum


class PaymentState(StrEnum):
    """How far one payment has come from Xero to Paymo."""

    ADDING = "adding"
    RECORDED = "recorded"
    CHECKING = "checking"  # missing from its invoice; Xero is asked whether it was deleted
    REMOVING = "removing"
    REMOVED = "removed"
    TOMBSTONE = "tombstone"  # a person deleted it in Paymo; it is not brought back
    ASKED = "asked"  # a person must decide
    PARKED = "parked"  # its invoice is gone from Paymo


class PaymentKind(StrEnum):
    """What settled a part of an invoice."""

    PAYMENT = "payment"
    CREDIT_NOTE = "credit_note"
    OVERPAYMENT = "overpayment"
    PREPAYMENT = "prepayment"


@dataclass(frozen=True, slots=True)
class Settlement:
    """One payment or credit as it stands inside its invoice in Xero."""

    key: str  # "<payment id>", or "<credit id>:<invoice id>"
    kind: PaymentKind
    label: str
    amount: Decimal  # in the invoice's currency
    paid_on: date
