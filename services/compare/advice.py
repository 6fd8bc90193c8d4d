"""Whether Xero's invoice can follow Paymo's, and what to do where it cannot."""

from collections.abc import Sequence
from datetime import date

from services.compare.differences import XERO, Difference, Part, told
from services.compare.snapshots import sent_of
from services.model.wording import Command, Typed
from services.store.tables import Connection, Export

_OPEN = frozenset({"DRAFT", "SUBMITTED", "AUTHORISED"})


def why_not_updated(export: Export, connection: Connection, found: Sequence[Difference]) -> str:
    """Say what to do where Xero's invoice cannot simply follow Paymo's, or "" where it can."""
    organisation, parts = connection.organisation_name, {each.part for each in found}
    if Part.STATUS in parts:
        return "If it is meant to be void, void it in Xero, too."
    if export.is_linked:
        return f"It was in {organisation} before and is only linked, so change it there by hand."
    if told(export, XERO):
        return (
            "Somebody changed it in Xero as well, so bring both together by hand; "
            f"{Typed(Command.RECONCILE)} compares them."
        )
    if Part.CURRENCY in parts:
        return (
            "Another currency needs another invoice in Xero. Take this one back with "
            f"{Typed(Command.UNDO, export.number)} and export it again."
        )
    return _why_closed(export, connection)


def _why_closed(export: Export, connection: Connection) -> str:
    """Say why Xero takes no change of this invoice, and what to do instead, or ""."""
    locked_until = connection.locked_until
    instead = "Make up the difference with a credit note or another invoice in Xero."
    if export.xero_due is not None and export.xero_due != export.xero_total:
        return f"Payments or credits stand on it in Xero, so it cannot be changed there. {instead}"
    if export.xero_seen_status not in _OPEN:
        return (
            f"It is {export.xero_seen_status.lower()} in Xero, so it cannot be changed. {instead}"
        )
    issued_on = str(sent_of(export).get("Date", ""))
    if locked_until is not None and issued_on and date.fromisoformat(issued_on) <= locked_until:
        return (
            f"{connection.organisation_name} is locked up to {locked_until:%d %b %Y}, and the "
            f"invoice is dated before that, so it cannot be changed there. {instead}"
        )
    return ""
