"""Both sides of one export: as they were when it went out, as they are now, what differs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from services import money
from services.clients.paymo import Invoice
from services.clients.xero import XeroInvoice
from services.compare.edits import as_exported, in_paymo, sent_of
from services.compare.faces import Face, face_in_paymo, face_in_xero
from services.compare.shapes import Difference, Part, difference
from services.store.tables import Export


@dataclass(frozen=True, slots=True)
class Compared:
    """What the row keeps; what is None was not seen yet, or is as it was at the export."""

    invoice: dict[str, Any] | None = None  # Paymo's, as it went out
    xero: Face | None = None  # what Xero made of it
    edited: Face | None = None  # what Paymo's would look like in Xero now
    edits: tuple[Difference, ...] = ()
    changed: Face | None = None  # what Xero states now

    @property
    def former(self) -> Invoice | None:
        """Paymo's invoice as it went out."""
        return Invoice.from_json(self.invoice) if self.invoice is not None else None

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON, without what is not there."""
        kept: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in kept.items() if value}


@dataclass(frozen=True, slots=True)
class Standing:
    """What differs now, and whether each side was changed at all, differing or not.

    Other lines in Xero alone, of the same amounts, are not told; but nobody writes over them.
    """

    in_paymo: tuple[Difference, ...]
    in_xero: tuple[Difference, ...]
    is_edited: bool
    is_changed: bool
    has_own_lines: bool


def compared_of(export: Export) -> Compared:
    """Return what the row keeps."""
    return msgspec.convert(export.compared or {}, Compared)


def agreed(invoice: Invoice, stated: XeroInvoice) -> Compared:
    """Return what is kept once Xero has taken over Paymo's invoice."""
    return Compared(as_exported(invoice), face_in_xero(stated))


def looked(
    export: Export,
    known: Compared,
    *,
    invoice: Invoice | None = None,
    contact_id: str = "",
    stated: Face | None = None,
) -> Compared:
    """Return what is known after a look at one side, or at both.

    What an earlier version did not keep is kept from the first look on that finds nothing else.
    """
    if invoice is not None:
        known = _with_invoice(export, known, invoice, contact_id)
    if stated is None:
        return known
    was = known.xero or _as_recorded(export)
    is_known = known.xero is not None and "" not in {was.lines, stated.lines}
    same = replace(stated, contact=was.contact, lines=stated.lines if is_known else was.lines)
    if same == was or not (is_known or tuple(_changes(export, was, stated))):
        return replace(known, xero=was if is_known else stated, changed=None)
    return replace(known, xero=was, changed=stated)


def _with_invoice(export: Export, known: Compared, invoice: Invoice, contact_id: str) -> Compared:
    edits = in_paymo(export, known.former, invoice)
    if not edits:
        kept = known.invoice or as_exported(invoice)
        return replace(known, invoice=kept, edited=None, edits=())
    return replace(known, edited=face_in_paymo(export, invoice, contact_id), edits=edits)


def compare(export: Export, invoice: Invoice, contact_id: str, stated: XeroInvoice) -> Standing:
    """Return what differs by what both sides state now."""
    known = compared_of(export)
    face = face_in_xero(stated)
    return standing(
        export, looked(export, known, invoice=invoice, contact_id=contact_id, stated=face)
    )


def standing(export: Export, known: Compared) -> Standing:
    """Return what differs: what was changed on one side, and is not the same on the other."""
    xero = known.changed or known.xero or _as_recorded(export)
    changes: tuple[Difference, ...] = ()
    if known.changed is not None:
        changes = tuple(_changes(export, known.xero or _as_recorded(export), known.changed))
    paymo = known.edited
    if paymo is None and known.former is not None and changes:
        paymo = face_in_paymo(export, known.former, export.contact_id)
    return Standing(
        in_paymo=_unshared(export, known.edits, paymo, xero),
        in_xero=_unshared(export, changes, paymo, xero),
        is_edited=bool(known.edits),
        is_changed=bool(changes),
        has_own_lines=_has_own_lines(known),
    )


def _has_own_lines(known: Compared) -> bool:
    """Say whether Xero has lines that came neither with the export nor from Paymo since."""
    if known.changed is None or known.xero is None or "" in {known.changed.lines, known.xero.lines}:
        return False
    edited = known.edited.lines if known.edited is not None else ""
    return known.changed.lines not in {known.xero.lines, edited}


def _unshared(
    export: Export, found: Sequence[Difference], paymo: Face | None, xero: Face
) -> tuple[Difference, ...]:
    if paymo is None:
        return tuple(found)
    return tuple(each for each in found if not _agree(export, each.part, paymo, xero))


def _agree(export: Export, part: Part, paymo: Face, xero: Face) -> bool:
    """Say whether both sides show the same; a linked invoice has lines of its own in Xero."""
    if part is Part.LINES and export.is_linked:
        is_moved = export.xero_total != xero.total
        return is_moved and all(paymo.agrees(xero, each) for each in (Part.TOTAL, Part.TAX))
    return paymo.agrees(xero, part)


def _as_recorded(export: Export) -> Face:
    """Return what Xero showed, by what the row says of it."""
    sent = sent_of(export)
    return Face(
        number=export.xero_number,
        contact_id=export.contact_id,
        contact=export.contact_name,
        currency=export.currency,
        issued_on=_day(sent.get("Date")),
        due_on=_day(sent.get("DueDate")),
        total=export.xero_total,
        tax=None,
        lines="",
    )


def _day(text: object) -> date | None:
    return date.fromisoformat(str(text)) if text else None


def _changes(export: Export, was: Face, now: Face) -> Iterator[Difference]:
    """Compare what Xero states with what it made of the invoice; what it had not is no change."""
    values = (
        (Part.NUMBER, was.number, now.number),
        (Part.CURRENCY, was.currency, now.currency),
        (Part.TOTAL, _amount(was.total, was), _amount(_unrounded(was, now), now)),
        (Part.ROUNDING, _amount(was.rounding, was), _amount(now.rounding, now)),
        (Part.TAX, _amount(was.tax, was), _amount(now.tax, now)),
        (Part.DATE, _iso(was.issued_on), _iso(now.issued_on)),
        (Part.DUE_DATE, _iso(was.due_on), _iso(now.due_on)),
    )
    for part, before, after in values:
        if before and after and before != after:
            yield difference(part, part.value, before, after)
    # A contact that was merged is followed: then the row names the one that took it over.
    if now.contact_id not in {"", was.contact_id, export.contact_id}:
        yield difference(Part.CONTACT, "contact", was.contact, now.contact)


def _unrounded(was: Face, now: Face) -> Decimal | None:
    """Return the total without what was rounded since, which is a change of its own."""
    if now.total is None or now.total == was.total:
        return now.total
    return now.total - now.rounding + was.rounding


def _amount(amount: Decimal | None, face: Face) -> str:
    return money.format_amount(amount, face.currency) if amount is not None else ""


def _iso(day: date | None) -> str:
    return day.isoformat() if day is not None else ""
