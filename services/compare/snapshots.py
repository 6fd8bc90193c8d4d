"""One side's view of an invoice in a comparable form, and the differences between two."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import Any

from services import money
from services.clients.paymo import Invoice
from services.clients.xero import XeroInvoice
from services.model.export import DUE_BY_TERMS, DUE_ON_DATE, due_day
from services.model.wording import Amount, Day
from services.store.tables import Export

_ZERO = Decimal(0)
_WIDEST = 255  # of a number; what lies beyond Xero never shows
_Row = tuple[str, Decimal, Decimal]  # text, quantity, amount after discount
PAYMO = "Paymo"
XERO = "Xero"
_LONGEST = 120  # characters of a value that are shown
_LEAD = 20  # characters before the place where two long values part
_MOST = 12  # differences that are told one by one


class Part(StrEnum):
    """What the two sides can be compared by."""

    NUMBER = "number"
    CONTACT = "contact"
    CURRENCY = "currency"
    DATE = "date"
    DUE_DATE = "due date"
    TOTAL = "total"
    TAX = "tax"
    LINES = "lines"
    ROUNDING = "rounding"  # in Xero alone; it asks for nothing
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was exported; both values as text to read, cut short."""

    part: Part
    name: str  # "number", "client", "due date", "line 2, price", …
    was: str
    now: str
    mark: str  # the same for the same difference, however much of it is shown


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An invoice as one side shows it; "" and None where that is not known."""

    number: str
    contact_id: str  # Xero's
    contact: str  # the client's name where it is Paymo that shows it
    currency: str
    issued_on: date | None
    due_on: date | None
    total: Decimal | None
    tax: Decimal | None
    lines: str  # a digest
    rounding: Decimal = _ZERO  # what somebody rounded in Xero, part of the total

    def value(self, part: Part) -> Any:
        """What is compared of this part."""
        return getattr(self, _FIELDS[part]) if part in _FIELDS else None

    def text(self, part: Part) -> str:
        """As it is written in a difference, "" where it is not known."""
        value = self.value(part)
        if isinstance(value, Decimal):
            return str(Amount(value, self.currency))
        if isinstance(value, date):
            return str(Day(value))
        return str(value) if value is not None else ""

    def agrees(self, other: "Snapshot", part: Part) -> bool:
        """Say whether both show the same of this part; what is not known never agrees."""
        if part is Part.ROUNDING:
            return False  # Paymo knows none
        own, theirs = self.value(part), other.value(part)
        if part is Part.NUMBER:
            own, theirs = money.folded(own), money.folded(theirs)
        return own not in ("", None) and own == theirs

    def differs(self, now: "Snapshot", *parts: Part) -> Iterator[Difference]:
        """Name what is not the same, in the order of these parts."""
        for part in parts:
            before, after = self.text(part), now.text(part)
            if before != after:
                yield difference(part, part.value, before, after)


_FIELDS = {
    Part.NUMBER: "number",
    Part.CONTACT: "contact_id",
    Part.CURRENCY: "currency",
    Part.DATE: "issued_on",
    Part.DUE_DATE: "due_on",
    Part.TOTAL: "total",
    Part.TAX: "tax",
    Part.LINES: "lines",
    Part.ROUNDING: "rounding",
}


def in_xero(stated: XeroInvoice) -> Snapshot:
    """What Xero states."""
    rows = [
        (each.description or "", each.quantity or _ZERO, each.line_amount or _ZERO)
        for each in stated.lines
    ]
    return Snapshot(
        number=stated.invoice_number,
        contact_id=stated.contact.contact_id,
        contact=stated.contact.name,
        currency=stated.currency_code,
        issued_on=stated.issued_on,
        due_on=stated.due_on,
        total=stated.total,
        tax=stated.total_tax,
        lines=_digest(rows),
        rounding=stated.rounding_amount,
    )


def stated_in_paymo(invoice: Invoice, contact_id: str = "") -> Snapshot:
    """What Paymo states, but for the lines; the contact is the one that its client goes to."""
    return Snapshot(
        number=invoice.number[:_WIDEST],
        contact_id=contact_id,
        contact=invoice.client_name,
        currency=code_of(invoice.currency),
        issued_on=invoice.issued_on,
        due_on=invoice.due_on,
        total=invoice.total,
        tax=(invoice.tax_amount or _ZERO) + (invoice.tax2_amount or _ZERO),
        lines="",
    )


def in_paymo(export: Export, invoice: Invoice, contact_id: str = "") -> Snapshot:
    """The same with the dates that were decided for the export."""
    return replace(
        stated_in_paymo(invoice, contact_id),
        issued_on=export.issue_on or invoice.issued_on,
        due_on=_due_in_xero(export, invoice),
    )


def as_xero_would(export: Export, invoice: Invoice, contact_id: str) -> Snapshot:
    """What Xero would state of it."""
    has_number = money.fits_number(invoice.number) and not export.leave_out_number
    return replace(
        in_paymo(export, invoice, contact_id),
        number=invoice.number if has_number else "",
        lines=_lines_of(invoice),
    )


def as_sent(export: Export) -> Snapshot:
    """What went out, by what the row says of it."""
    sent = sent_of(export)
    rows = sent.get("LineItems")
    return Snapshot(
        number=export.number,
        contact_id=export.contact_id,
        contact=export.contact_name,
        currency=export.currency,
        issued_on=_day(sent.get("Date")),
        due_on=_day(sent.get("DueDate")),
        total=export.total,
        tax=sum((Decimal(str(row.get("TaxAmount", 0))) for row in rows), _ZERO)
        if isinstance(rows, list)
        else None,
        lines="",
    )


def as_recorded(export: Export) -> Snapshot:
    """What Xero made of it, by what the row says of it."""
    return replace(as_sent(export), number=export.xero_number, total=export.xero_total, tax=None)


def sent_of(export: Export) -> Mapping[str, Any]:
    """What was sent; a linked invoice was not written by us."""
    return {} if export.is_linked or export.sent is None else export.sent


def are_lines_read(invoice: Invoice) -> bool:
    """Say whether the lines came with the invoice: lists can leave them out without a word."""
    return bool(invoice.items) or invoice.subtotal == 0


def digest_of_body(body: Mapping[str, Any]) -> str:
    """What the lines of a request come to, as `Snapshot.lines` has it."""
    return _digest(
        (
            str(row["Description"]),
            Decimal(str(row["Quantity"])),
            Decimal(str(row["Quantity"])) * Decimal(str(row["UnitAmount"]))
            - Decimal(str(row.get("DiscountAmount") or 0)),
        )
        for row in body["LineItems"]
    )


def _due_in_xero(export: Export, invoice: Invoice) -> date | None:
    """The due date that Xero shows; None where it has none, or the terms decide."""
    issued_on, due_on = export.issue_on or invoice.issued_on, invoice.due_on
    if export.due_rule == DUE_ON_DATE:
        return issued_on
    if (chosen := due_day(export.due_rule)) is not None:
        return chosen
    if export.due_rule == DUE_BY_TERMS or due_on is None or due_on < invoice.issued_on:
        return None
    return max(due_on, issued_on)


def _lines_of(invoice: Invoice) -> str:
    if not are_lines_read(invoice):
        return ""
    try:
        lines = money.xero_lines(invoice.figures)
    except money.NotExportable:
        return ""
    return _digest((each.description, each.quantity, each.amount) for each in lines)


def _digest(rows: Iterable[_Row]) -> str:
    texts = [
        f"{money.folded(text)}|{money.plain(quantity)}|{money.plain(amount)}"
        for text, quantity, amount in rows
    ]
    return sha256("\n".join(texts).encode()).hexdigest()[:24] if texts else ""


def _day(text: object) -> date | None:
    return date.fromisoformat(str(text)) if text else None


def difference(part: Part, name: str, was: str, now: str) -> Difference:
    """Compare two values of any length."""
    mark = sha256(f"{name}={was}>{now}".encode()).hexdigest()[:16]
    return Difference(part, name, *_cut(was, now), mark)


def code_of(paymo_code: str) -> str:
    """The ISO code, or Paymo's own where there is none."""
    try:
        return money.currency_code(paymo_code)
    except money.NotExportable:
        return paymo_code


def facts_of(found: Sequence[Difference]) -> dict[str, Any]:
    """What a notice says of differences: the first of them, and how many more there are."""
    shown = found[:_MOST]
    return {
        "differences": [[each.name, each.was, each.now] for each in shown],
        "more": len(found) - len(shown),
    }


def values_of(found: Sequence[Difference]) -> tuple[dict[str, str], dict[str, str]]:
    """What the history keeps of differences: the values before, and after."""
    shown = found[:_MOST]
    return {each.name: each.was for each in shown}, {each.name: each.now for each in shown}


def fingerprint(found: Sequence[Difference]) -> str:
    """The same short text for the same differences, and "" for none."""
    if not found:
        return ""
    whole = "|".join(each.mark for each in found)
    return sha256(whole.encode()).hexdigest()[:24]


def told(export: Export, side: str) -> str:
    """The fingerprint of what was told of one side, or ""."""
    return _marks(export.drift).get(side, "")


def with_told(drift: str, side: str, mark: str) -> str:
    """What the row says once this was told of one side."""
    marks = _marks(drift) | {side: mark}
    return " ".join(f"{name}:{each}" for name, each in sorted(marks.items()) if each)


def _marks(drift: str) -> dict[str, str]:
    pairs = (each.partition(":") for each in drift.split())
    return {side: mark for side, _, mark in pairs}


def _cut(was: str, now: str) -> tuple[str, str]:
    """Leave out what two long values begin with in common, and what is too much."""
    if max(len(was), len(now)) <= _LONGEST:
        return was, now
    pairs = enumerate(zip(was, now, strict=False))
    parted = next((place for place, (one, other) in pairs if one != other), min(len(was), len(now)))
    start = max(0, parted - _LEAD)
    return _window(was, start), _window(now, start)


def _window(text: str, start: int) -> str:
    shown = text[start : start + _LONGEST]
    before = "…" if start and text else ""
    after = "…" if len(text) > start + _LONGEST else ""
    return f"{before}{shown}{after}"
