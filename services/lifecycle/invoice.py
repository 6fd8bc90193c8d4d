"""What becomes of an exported invoice in Xero, and how far Paymo has followed."""

from datetime import datetime
from typing import Any, TypedDict

from services.lifecycle.machine import Machine
from services.model.invoice import UNSETTLED, Decision, InvoiceState
from services.store.tables import Export

DELETED = "DELETED"  # Xero's words
VOIDED = "VOIDED"


class InvoiceColumns(TypedDict, total=False):
    """What the arrows may write beside the state."""

    decision: Decision | None
    due_at: datetime | None
    paymo_checked_at: datetime | None
    sent_at: datetime | None
    snapshot: dict[str, Any] | None
    tries: int
    xero_seen_status: str


machine = Machine("invoice", Export, Export.invoice_state, InvoiceColumns)

# ---- what Xero states, or Paymo


@machine.press([InvoiceState.LIVE], InvoiceState.DELETE_SEEN)
def mark_deletion_seen(_export: Export) -> InvoiceColumns:
    """Note that Xero calls it deleted."""
    return {}


@machine.press([InvoiceState.LIVE], InvoiceState.VOID_SEEN)
def mark_voiding_seen(_export: Export) -> InvoiceColumns:
    """Note that Xero calls it void."""
    return {}


@machine.arrow([InvoiceState.LIVE], InvoiceState.GONE)
def mark_gone(_export: Export) -> InvoiceColumns:
    """Note that somebody deleted it in Paymo; it stays in Xero."""
    return {}


@machine.note_as_read(Export.invoice_state)
def mark_checked(_export: Export, now: datetime) -> InvoiceColumns:
    """Note that Paymo is asked about it now."""
    return {"paymo_checked_at": now}


# ---- Paymo follows


@machine.press(UNSETTLED, InvoiceState.HELD)
def hold(_export: Export) -> InvoiceColumns:
    """Stop before Paymo follows, since too many were deleted or voided at once."""
    return {"due_at": None}


@machine.arrow(UNSETTLED, InvoiceState.LIVE)
def let_stand(_export: Export) -> InvoiceColumns:
    """Forget what was seen: asked for by its id, Xero says something else."""
    return {"due_at": None}


@machine.arrow(UNSETTLED, InvoiceState.ASKED)
def ask(_export: Export) -> InvoiceColumns:
    """Let a person decide whether Paymo follows."""
    return {"decision": None, "due_at": None, "tries": 0}


@machine.note_as_read(Export.invoice_state)
def mark_sent(_export: Export, snapshot: dict[str, Any] | None, now: datetime) -> InvoiceColumns:
    """Note that a write to Paymo leaves now, and keep the invoice as it was before."""
    return {"snapshot": snapshot, "sent_at": now}


@machine.arrow(UNSETTLED, InvoiceState.DELETED)
def mark_deleted(_export: Export) -> InvoiceColumns:
    """Note that Paymo does not have it any more either."""
    return {"decision": None, "due_at": None, "sent_at": None}


@machine.arrow(UNSETTLED, InvoiceState.VOIDED)
def mark_voided(_export: Export) -> InvoiceColumns:
    """Note that it is void in Paymo, too."""
    return {"decision": None, "due_at": None, "sent_at": None}


# ---- people decide; whoever works on it meanwhile loses the row


@machine.press([InvoiceState.HELD], InvoiceState.DELETE_SEEN, grows=[Export.fence])
def apply_deletion(_export: Export) -> InvoiceColumns:
    """Have Paymo follow what Xero deleted."""
    return {"decision": Decision.APPLY}


@machine.press([InvoiceState.HELD], InvoiceState.VOID_SEEN, grows=[Export.fence])
def apply_voiding(_export: Export) -> InvoiceColumns:
    """Have Paymo follow what Xero voided."""
    return {"decision": Decision.APPLY}


@machine.press([InvoiceState.HELD], InvoiceState.KEPT, grows=[Export.fence])
def keep(_export: Export) -> InvoiceColumns:
    """Keep it in Paymo."""
    return {"decision": None}


@machine.press(
    [InvoiceState.ASKED, InvoiceState.VOIDED], InvoiceState.DELETE_SEEN, grows=[Export.fence]
)
def choose_deletion(_export: Export) -> InvoiceColumns:
    """Delete it in Paymo, whatever is on it there."""
    return {"decision": Decision.DELETE}


@machine.press([InvoiceState.ASKED], InvoiceState.VOID_SEEN, grows=[Export.fence])
def choose_voiding(_export: Export) -> InvoiceColumns:
    """Void it in Paymo, so that it keeps its ties."""
    return {"decision": Decision.VOID}


# ---- the export is taken back


@machine.press([InvoiceState.LIVE], InvoiceState.UNDOING)
def begin_undo(_export: Export) -> InvoiceColumns:
    """Claim it: what Xero states from here on is our own doing."""
    return {}


@machine.press([InvoiceState.UNDOING], InvoiceState.UNDONE)
def mark_undone(_export: Export, status: str) -> InvoiceColumns:
    """Note that it was undone, and its status in Xero; Paymo keeps its invoice."""
    return {"decision": None, "xero_seen_status": status}


@machine.press([InvoiceState.UNDOING], InvoiceState.LIVE)
def stop_undo(_export: Export) -> InvoiceColumns:
    """Leave it as it is: it wasn't undone."""
    return {}


@machine.press([InvoiceState.UNDOING], InvoiceState.DELETE_SEEN)
def mark_deleted_amid_undo(_export: Export) -> InvoiceColumns:
    """Leave it to the sweep: somebody was faster, and deleted it in Xero."""
    return {"xero_seen_status": DELETED}


@machine.press([InvoiceState.UNDOING], InvoiceState.VOID_SEEN)
def mark_voided_amid_undo(_export: Export) -> InvoiceColumns:
    """Leave it to the sweep: somebody was faster, and voided it in Xero."""
    return {"xero_seen_status": VOIDED}
