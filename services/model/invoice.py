"""An invoice on both sides: its states, how it looks, what settles it, and where to open it."""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from urllib.parse import unquote, urlsplit

SENT_IN_PAYMO = ("sent", "viewed")  # the statuses of an invoice that went out and is not paid
ISSUED_IN_PAYMO = (*SENT_IN_PAYMO, "paid")  # all that went out, paid or not
OPEN_IN_XERO = frozenset({"DRAFT", "SUBMITTED", "AUTHORISED"})  # neither paid nor over
STATUS_NAMES = {  # of Xero, as its own pages write them
    "AUTHORISED": "Approved",
    "DRAFT": "Draft",
    "SUBMITTED": "Awaiting approval",
    "PAID": "Paid",
    "VOIDED": "Voided",
    "DELETED": "Deleted",
}
_XERO_LOGIN = "login.xero.com"
_XERO_APP = "https://go.xero.com"
_INVOICE = "#accounting/invoices/"
_XERO_ID = re.compile("[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_PAYMO_ID = re.compile(rf"{_INVOICE}(\d{{1,18}})/?\Z")
_SHARED_PAYMO_ID = re.compile(r"(?<![\w-])invoices/(\d{1,18})(?!\w)")


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


GONE_FROM_PAYMO = frozenset({InvoiceState.DELETED, InvoiceState.GONE})


UNSETTLED = (InvoiceState.DELETE_SEEN, InvoiceState.VOID_SEEN)  # Paymo has yet to follow
UNDECIDED = (InvoiceState.HELD, InvoiceState.ASKED)  # until a person says whether it should
ENDED_IN_XERO = (*UNSETTLED, *UNDECIDED)  # deleted or voided there, and still in Paymo


def status_name(status: str) -> str:
    """Return Xero's status as it stands in a sentence."""
    return STATUS_NAMES.get(status, status).lower()


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

    currency: str
    country: str  # of the organisation
    issued_on: date
    due_on: date | None
    lines: tuple[InvoiceLine, ...]
    sub_total: Decimal
    tax_total: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses for staff, derived from the addresses that the app talks to.

    Only a signed-in member of staff can open them. Paymo's own permalinks are not used: whoever
    holds one can read the invoice without an account (facts of Paymo's API, its invoices page).
    """

    xero_app: str
    paymo_app: str

    @classmethod
    def from_settings(cls, *, xero_login_url: str, paymo_api_url: str) -> "Links":
        """Derive the links. Real Xero's pages are on another host than its login."""
        login = urlsplit(xero_login_url)
        api = urlsplit(paymo_api_url)
        xero_app = _XERO_APP if login.netloc == _XERO_LOGIN else f"{login.scheme}://{login.netloc}"
        return cls(xero_app=xero_app, paymo_app=f"{api.scheme}://{api.netloc}")

    def xero(self, short_code: str, invoice_id: str | None) -> str:
        """The page of an invoice in Xero, or "" before it is there."""
        if not invoice_id:
            return ""
        return f"{self.xero_app}/app/{short_code}/invoicing/view/{invoice_id}"

    def paymo(self, invoice_id: int) -> str:
        """The page of an invoice in Paymo."""
        return f"{self.paymo_app}/{_INVOICE}{invoice_id}"

    def paymo_for_xero(self, invoice_id: int) -> str:
        """Return that page for Xero's "Go to" link, or "" where Xero would not take it."""
        url = self.paymo(invoice_id)
        parts = urlsplit(url)
        is_link = parts.scheme in {"http", "https"} and parts.hostname and not url.split()[1:]
        return url if is_link and "xero" not in url.casefold() else ""

    def read(self, url: str) -> tuple[str, int]:
        """Return which invoice in Xero, or in Paymo, a shared link leads to: "" and 0 for none.

        People copy addresses as they find them: of the page for editing, with a query behind.
        """
        host = urlsplit(url).netloc.lower()
        is_xero = host == urlsplit(self.xero_app).netloc.lower()
        is_paymo = host == urlsplit(self.paymo_app).netloc.lower()
        xero = _XERO_ID.search(url) if is_xero else None
        paymo = _SHARED_PAYMO_ID.search(unquote(url)) if is_paymo else None
        return (xero[0].lower() if xero else "", int(paymo[1]) if paymo else 0)

    @staticmethod
    def paymo_id(url: str) -> int | None:
        """Which invoice in Paymo a link of ours leads to, if it does."""
        found = _PAYMO_ID.search(unquote(url))
        return int(found[1]) if found else None


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
    """One payment or credit as Xero's invoice lists it."""

    key: str  # "<payment id>", or "<credit id>:<invoice id>"
    kind: PaymentKind
    label: str
    amount: Decimal  # in the invoice's currency
    paid_on: date
