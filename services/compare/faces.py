"""What one side shows of an invoice, in the form in which the two can be compared."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import Any

from services import money
from services.clients.paymo import Invoice
from services.clients.paymo.figures import figures_of
from services.clients.xero import XeroInvoice
from services.compare.edits import due_in_xero
from services.compare.lines import are_read
from services.compare.shapes import Part, code_of, plain
from services.store.tables import Export

_ZERO = Decimal(0)
_Row = tuple[str, Decimal, Decimal]  # text, quantity, amount after discount


@dataclass(frozen=True, slots=True)
class Face:
    """An invoice as Xero shows it, or would show it if it were as it is in Paymo."""

    number: str  # "" where Xero gives one of its own
    contact_id: str  # "" where it is not known
    contact: str
    currency: str
    issued_on: date | None
    due_on: date | None
    total: Decimal | None
    tax: Decimal | None
    lines: str  # the same for the same lines, "" where they are not known
    rounding: Decimal = _ZERO  # what somebody rounded in Xero, part of the total

    def agrees(self, other: "Face", part: Part) -> bool:
        """Say whether both show the same of this part; what is not known never agrees."""
        name = _FIELDS.get(part, "")
        own, theirs = getattr(self, name, None), getattr(other, name, None)
        if part is Part.NUMBER:
            own, theirs = money.folded(self.number), money.folded(other.number)
        return own not in ("", None) and own == theirs


_FIELDS = {
    Part.NUMBER: "number",
    Part.CONTACT: "contact_id",
    Part.CURRENCY: "currency",
    Part.DATE: "issued_on",
    Part.DUE_DATE: "due_on",
    Part.TOTAL: "total",
    Part.TAX: "tax",
    Part.LINES: "lines",
}


def face_in_xero(stated: XeroInvoice) -> Face:
    """Return what Xero states."""
    rows = ((each.description or "", each.quantity, each.line_amount) for each in stated.lines)
    return Face(
        number=stated.invoice_number,
        contact_id=stated.contact.contact_id,
        contact=stated.contact.name,
        currency=stated.currency_code,
        issued_on=stated.issued_on,
        due_on=stated.due_on,
        total=stated.total,
        tax=stated.total_tax,
        lines=_digest((text, count or _ZERO, amount or _ZERO) for text, count, amount in rows),
        rounding=stated.rounding_amount,
    )


def face_in_paymo(export: Export, invoice: Invoice, contact_id: str) -> Face:
    """Return what Xero would state; the contact is the one that its client goes to."""
    has_number = money.fits_number(invoice.number) and not export.leave_out_number
    return Face(
        number=invoice.number if has_number else "",
        contact_id=contact_id,
        contact=invoice.client_name,
        currency=code_of(invoice.currency),
        issued_on=export.issue_on or invoice.issued_on,
        due_on=due_in_xero(export, invoice),
        total=invoice.total,
        tax=(invoice.tax_amount or _ZERO) + (invoice.tax2_amount or _ZERO),
        lines=_lines_of(invoice),
    )


def digest_of_body(body: Mapping[str, Any]) -> str:
    """Return what the lines of a request come to, as `Face.lines` has it."""
    return _digest(
        (
            str(row["Description"]),
            Decimal(str(row["Quantity"])),
            Decimal(str(row["Quantity"])) * Decimal(str(row["UnitAmount"]))
            - Decimal(str(row.get("DiscountAmount") or 0)),
        )
        for row in body["LineItems"]
    )


def _lines_of(invoice: Invoice) -> str:
    if not are_read(invoice):
        return ""
    try:
        lines = money.xero_lines(figures_of(invoice))
    except money.NotExportable:
        return ""
    return _digest((each.description, each.quantity, each.amount) for each in lines)


def _digest(rows: Iterable[_Row]) -> str:
    texts = [
        f"{money.folded(text)}|{plain(quantity)}|{plain(amount)}" for text, quantity, amount in rows
    ]
    return sha256("\n".join(texts).encode()).hexdigest()[:24] if texts else ""
