"""What settles an invoice, and how far it has come."""

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
