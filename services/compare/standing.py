"""Both sides of one export, then and now: what differs, and whether Xero can follow Paymo."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import msgspec

from services.clients.paymo import Invoice
from services.clients.xero import XeroInvoice
from services.compare.edits import as_exported, edits_in_paymo
from services.compare.snapshots import (
    XERO,
    Difference,
    Part,
    Snapshot,
    as_recorded,
    as_xero_would,
    difference,
    in_xero,
    sent_of,
    told,
)
from services.model.invoice import OPEN_IN_XERO
from services.model.wording import Command, Day, Typed
from services.store.tables import Connection, Export


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the row keeps; what is None was not seen yet, or is as it was at the export."""

    invoice: dict[str, Any] | None = None  # Paymo's, as it went out
    xero: Snapshot | None = None  # what Xero made of it
    edited: Snapshot | None = None  # what Paymo's would look like in Xero now
    edits: tuple[Difference, ...] = ()
    changed: Snapshot | None = None  # what Xero states now

    @property
    def former(self) -> Invoice | None:
        """Paymo's invoice as it went out."""
        return Invoice.from_json(self.invoice) if self.invoice is not None else None

    def as_json(self) -> dict[str, Any]:
        """As the row keeps it, without what is not there."""
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


def compared_of(export: Export) -> Comparison:
    """Read what the row keeps."""
    return msgspec.convert(export.compared or {}, Comparison)


def agreed(invoice: Invoice, stated: XeroInvoice) -> Comparison:
    """What is kept once Xero has taken over Paymo's invoice."""
    return Comparison(as_exported(invoice), in_xero(stated))


def checked(
    export: Export,
    known: Comparison,
    *,
    invoice: Invoice | None = None,
    contact_id: str = "",
    stated: Snapshot | None = None,
) -> Comparison:
    """What is known after one side was read, or both.

    What an earlier version did not keep is kept from the first check on that finds nothing else.
    """
    if invoice is not None:
        known = _with_invoice(export, known, invoice, contact_id)
    if stated is None:
        return known
    was = known.xero or as_recorded(export)
    is_known = known.xero is not None and "" not in {was.lines, stated.lines}
    same = replace(stated, contact=was.contact, lines=stated.lines if is_known else was.lines)
    if same == was or not (is_known or tuple(_changes(export, was, stated))):
        return replace(known, xero=was if is_known else stated, changed=None)
    return replace(known, xero=was, changed=stated)


def _with_invoice(
    export: Export, known: Comparison, invoice: Invoice, contact_id: str
) -> Comparison:
    found = edits_in_paymo(export, known.former, invoice)
    if not found:
        kept = known.invoice or as_exported(invoice)
        return replace(known, invoice=kept, edited=None, edits=())
    return replace(known, edited=as_xero_would(export, invoice, contact_id), edits=found)


def standing_now(
    export: Export, invoice: Invoice, contact_id: str, stated: XeroInvoice
) -> Standing:
    """What differs by what both sides state now."""
    known = compared_of(export)
    now = checked(export, known, invoice=invoice, contact_id=contact_id, stated=in_xero(stated))
    return standing(export, now)


def standing(export: Export, known: Comparison) -> Standing:
    """What differs: what was changed on one side, and is not the same on the other."""
    xero = known.changed or known.xero or as_recorded(export)
    changes: tuple[Difference, ...] = ()
    if known.changed is not None:
        changes = tuple(_changes(export, known.xero or as_recorded(export), known.changed))
    paymo = known.edited
    if paymo is None and known.former is not None and changes:
        paymo = as_xero_would(export, known.former, export.contact_id)
    return Standing(
        in_paymo=_unshared(export, known.edits, paymo, xero),
        in_xero=_unshared(export, changes, paymo, xero),
        is_edited=bool(known.edits),
        is_changed=bool(changes),
        has_own_lines=_has_own_lines(known),
    )


def _has_own_lines(known: Comparison) -> bool:
    """Say whether Xero has lines that came neither with the export nor from Paymo since."""
    if known.changed is None or known.xero is None or "" in {known.changed.lines, known.xero.lines}:
        return False
    edited = known.edited.lines if known.edited is not None else ""
    return known.changed.lines not in {known.xero.lines, edited}


def _unshared(
    export: Export, found: Sequence[Difference], paymo: Snapshot | None, xero: Snapshot
) -> tuple[Difference, ...]:
    if paymo is None:
        return tuple(found)
    return tuple(each for each in found if not _agree(export, each.part, paymo, xero))


def _agree(export: Export, part: Part, paymo: Snapshot, xero: Snapshot) -> bool:
    """Say whether both sides show the same; a linked invoice has lines of its own in Xero."""
    if part is Part.LINES and export.is_linked:
        is_moved = export.xero_total != xero.total
        return is_moved and all(paymo.agrees(xero, each) for each in (Part.TOTAL, Part.TAX))
    return paymo.agrees(xero, part)


def _changes(export: Export, was: Snapshot, now: Snapshot) -> Iterator[Difference]:
    """Compare what Xero states with what it made of the invoice; what it had not is no change."""
    unrounded = now
    if now.total not in (None, was.total):
        # What was rounded since is a change of its own.
        unrounded = replace(now, total=now.total - now.rounding + was.rounding)
    alike = replace(was, currency=now.currency)  # the same figures in another currency are one edit
    found = [
        *was.differs(now, Part.NUMBER, Part.CURRENCY),
        *alike.differs(unrounded, Part.TOTAL),
        *alike.differs(now, Part.ROUNDING, Part.TAX, Part.DATE, Part.DUE_DATE),
    ]
    yield from (each for each in found if each.was and each.now)
    # A contact that was merged is followed: then the row names the one that took it over.
    if now.contact_id not in {"", was.contact_id, export.contact_id}:
        yield difference(Part.CONTACT, "contact", was.contact, now.contact)


def why_not_updated(export: Export, connection: Connection, found: Sequence[Difference]) -> str:
    """Say what to do where Xero's invoice cannot simply follow Paymo's, or "" where it can."""
    organisation, parts = connection.organisation_name, {each.part for each in found}
    if Part.STATUS in parts:
        return "To void it, void it in Xero too."
    if export.is_linked:
        return f"It was in {organisation} before and is only linked, so change it there by hand."
    if told(export, XERO):
        return (
            "Somebody changed it in Xero as well, so make both the same by hand. "
            f"{Typed(Command.RECONCILE)} compares them."
        )
    if Part.CURRENCY in parts:
        return (
            "Another currency needs another invoice in Xero. Undo this one with "
            f"{Typed(Command.UNDO, export.number)} and export it again."
        )
    return _why_closed(export, connection)


def _why_closed(export: Export, connection: Connection) -> str:
    """Say why Xero takes no change of this invoice, and what to do instead, or ""."""
    locked_until = connection.locked_until
    instead = "Make up the difference with a credit note or another invoice in Xero."
    if export.xero_due is not None and export.xero_due != export.xero_total:
        return f"It has payments or credits in Xero, so it can't be changed there. {instead}"
    if export.xero_seen_status not in OPEN_IN_XERO:
        return f"It's {export.xero_seen_status.lower()} in Xero, so it can't be changed. {instead}"
    issued_on = str(sent_of(export).get("Date", ""))
    if locked_until is not None and issued_on and date.fromisoformat(issued_on) <= locked_until:
        return (
            f"{connection.organisation_name} is locked up to "
            f"{Day(locked_until, connection.country)}, and the invoice is dated before that, "
            f"so it can't be changed there. {instead}"
        )
    return ""
