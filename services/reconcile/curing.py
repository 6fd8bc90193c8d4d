"""The one thing that helps where a pair differs."""

from services.model import Life, PaymentState
from services.reconcile import paying
from services.reconcile.pairs import Pair
from services.reconcile.shapes import Finding, Help
from services.store.tables import Connection

Cure = tuple[Help, str]
NOTHING: Cure = (Help.NONE, "")
_UPDATABLE = frozenset({"DRAFT", "SUBMITTED", "AUTHORISED"})
_MONEY = frozenset({"paid", "status"})  # nothing that Xero could be brought after


def for_pair(pair: Pair, findings: tuple[Finding, ...], connection: Connection) -> Cure:
    """Return the button: a payment first, then the invoice itself, then a look at Xero."""
    if not findings:
        return NOTHING
    if deleted := paying.left_out(pair, PaymentState.TOMBSTONE):
        return Help.BRING_BACK, str(deleted.id)
    if asked := paying.left_out(pair, PaymentState.ASKED):
        return Help.RECORD, str(asked.id)
    if pair.is_dead_in_xero:
        return _for_dead(pair)
    if _is_safe_to_update(pair, findings, connection):
        return Help.UPDATE, str(pair.export.id)
    return Help.OPEN_XERO, ""


def _for_dead(pair: Pair) -> Cure:
    """Help where Xero's copy is deleted or void, and Paymo's is not."""
    if pair.export.life is Life.ASKED:
        return Help.DELETE_IN_PAYMO, str(pair.export.id)
    if pair.export.life in {Life.KEPT, Life.VOIDED}:
        return Help.EXPORT, pair.paymo.number
    return Help.OPEN_XERO, ""


def _is_safe_to_update(pair: Pair, findings: tuple[Finding, ...], connection: Connection) -> bool:
    """Say whether Paymo was edited after the export, and Xero still lets the copy be changed."""
    export, theirs = pair.export, pair.xero
    exported_at = export.exported_at
    is_newer = exported_at is not None and pair.paymo.updated_on > exported_at
    is_untouched = theirs.status in _UPDATABLE and not pair.settled
    locks = [each for each in (connection.period_lock_on, connection.year_lock_on) if each]
    is_locked = any(theirs.issued_on is None or theirs.issued_on <= each for each in locks)
    is_ours = export.xero_total is None or theirs.total == export.xero_total
    concerns = any(not each.is_decided and each.name not in _MONEY for each in findings)
    return (
        is_newer
        and is_untouched
        and is_ours
        and concerns
        and (not is_locked or theirs.status == "DRAFT")
    )
