"""The one thing that helps where a pair differs."""

from services import compare as drift
from services.model.invoice import InvoiceState
from services.model.payment import PaymentState
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
    if pair.export.invoice_state is InvoiceState.ASKED:
        return Help.DELETE_IN_PAYMO, str(pair.export.id)
    if pair.export.invoice_state in {InvoiceState.KEPT, InvoiceState.VOIDED}:
        return Help.EXPORT, pair.paymo.number
    return Help.OPEN_XERO, ""


def _is_safe_to_update(pair: Pair, findings: tuple[Finding, ...], connection: Connection) -> bool:
    """Say whether Paymo was edited after the export, and Xero still lets the copy be changed."""
    if pair.settled or pair.xero.status not in _UPDATABLE:
        return False  # more recent than what the row says
    now = drift.compare(pair.export, pair.paymo, _contact_of(pair), pair.xero)
    concerns = any(not each.is_decided and each.name not in _MONEY for each in findings)
    if not now.in_paymo or not concerns or now.in_xero:
        return False
    lock = drift.locked_until(connection)
    return not drift.why_not_updated(pair.export, connection, now.in_paymo, lock)


def _contact_of(pair: Pair) -> str:
    """Return the contact that its client goes to, as far as Xero's invoice names it."""
    if pair.export.client_id in (None, pair.paymo.client_id):
        return pair.export.contact_id
    stated = pair.xero.contact.contact_id
    return stated if stated in pair.contacts else ""
