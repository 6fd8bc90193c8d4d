"""An export's states, from the request to the invoice in Xero.

A worker follows the arrows under the row's fence; `Lost` means that somebody took the row since.
What people press returns False if somebody was faster.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypedDict

from services.lifecycle.machine import Machine
from services.model.export import ExportState, RefusalCode, Wish
from services.store import leases
from services.store.exports import DONE, WAITING
from services.store.tables import Export


class ExportColumns(TypedDict, total=False):
    """What the arrows may write beside the state."""

    connection_id: int
    due_at: datetime | None
    leased_until: datetime | None
    sent_at: datetime | None
    fence: int
    tries: int
    attempt: int
    idempotency_key: str
    sent: dict[str, Any] | None
    missed_at: datetime | None
    refusals: list[RefusalCode]
    reason: str
    cure: str
    remark: str
    grounds: dict[str, str] | None
    wish: Wish
    requested_by: str
    ordered_by: str
    requested_at: datetime
    reply_to: dict[str, Any]
    changed_by: str
    approval_key: str
    approved_by: str
    approved_at: datetime | None
    number: str
    leave_out_number: bool
    override_tax: bool
    issue_on: date | None
    due_rule: str
    tax_rate: str
    rival_id: str
    client_id: int | None
    client_name: str
    contact_id: str
    contact_name: str
    account_id: str
    tax_type: str
    xero_status: str
    currency: str
    total: Decimal | None
    invoice: dict[str, Any] | None
    seen_updated_on: datetime | None
    xero_invoice_id: str | None
    xero_number: str
    xero_total: Decimal | None
    xero_seen_status: str
    xero_due: Decimal | None
    due_on: date | None
    is_linked: bool
    made_by: str
    exported_at: datetime | None
    accepted_difference: Decimal | None
    xero_rounding: Decimal | None
    compared: dict[str, Any] | None
    drift: str
    batch_id: int | None


class Leaving(NamedTuple):
    """What leaves in a group, when, and until when it is the group's."""

    prepared: ExportColumns
    now: datetime
    until: datetime


machine = Machine("export", Export, Export.state, ExportColumns)


@machine.start(ExportState.QUEUED)
def queue(export: Export) -> Export:
    """Begin with a row that nobody has sent."""
    export.state = ExportState.QUEUED
    return export


@machine.arrow([ExportState.QUEUED], ExportState.SENDING)
def mark_sending(_export: Export, prepared: ExportColumns) -> ExportColumns:
    """Record what will be sent, and its idempotency key, before it leaves."""
    return prepared


@machine.together([ExportState.QUEUED], ExportState.SENDING)
def send_in_group(export: Export, leaving: Leaving) -> ExportColumns:
    """A batch takes it, and writes down what leaves now with others; alone again after `until`."""
    taken: ExportColumns = {"fence": export.fence + 1, "tries": export.tries + 1}
    until = leaving.until
    return {
        **leaving.prepared,
        **taken,
        "sent_at": leaving.now,
        "due_at": until,
        "leased_until": until,
    }


@machine.press(
    [ExportState.QUEUED],
    ExportState.AWAITING,
    as_read=[Export.fence],
    grows=[Export.fence],
)
def await_approval(_export: Export, key: str, reason: str, shown: ExportColumns) -> ExportColumns:
    """Wait for a second person, who approves exactly what the key identifies."""
    shown = {**shown, "due_at": None, "reason": reason}
    return {**shown, "approval_key": key, "approved_by": "", "approved_at": None}


@machine.press(
    [ExportState.AWAITING],
    ExportState.QUEUED,
    as_read=[Export.approval_key],
    grows=[Export.fence],
)
def approve(_export: Export, by: str, now: datetime) -> ExportColumns:
    """Let what was shown go; a batch has ended its report by then, so it speaks for itself."""
    approved: ExportColumns = {"approved_by": by, "approved_at": now, "reason": ""}
    return {**approved, "due_at": now, "batch_id": None}


@machine.each([ExportState.AWAITING], ExportState.QUEUED, grows=[Export.fence])
def judge_again(now: datetime) -> ExportColumns:
    """Have it decided anew whether a second person is needed, and who may be one."""
    return {"due_at": now, "batch_id": None}


@machine.arrow([ExportState.SENDING], ExportState.QUEUED)
def put_back(export: Export) -> ExportColumns:
    """Xero did nothing (a limit, or no connection): wait as if it had never been sent.

    An earlier request that may have left stays to be looked up.
    """
    return {"sent_at": export.sent_at}


@machine.arrow([ExportState.SENDING], ExportState.QUEUED)
def regroup(_export: Export, due_at: datetime | None) -> ExportColumns:
    """The request of a whole group came to nothing; with a time, this one goes alone."""
    return {"sent_at": None, "due_at": due_at}


@machine.arrow([ExportState.SENDING, ExportState.UNKNOWN], ExportState.UNKNOWN)
def mark_unknown(
    export: Export, reason: str, due_at: datetime, key: ExportColumns
) -> ExportColumns:
    """The answer was lost: look it up before anything is sent again, maybe under a new key."""
    return {**key, "due_at": due_at, "sent_at": export.sent_at, "reason": reason}


@machine.together(WAITING, ExportState.EXPORTED)
def mark_exported(export: Export, created: ExportColumns) -> ExportColumns:
    """Record that Xero has it, with the same totals as Paymo."""
    return {**_ARRIVED, "reason": export.remark, **created}


@machine.together(WAITING, ExportState.DIFFERENT)
def mark_different(_export: Export, created: tuple[ExportColumns, str]) -> ExportColumns:
    """Record that Xero has it, with other totals than Paymo, and how they differ."""
    found, reason = created
    return {**_ARRIVED, "reason": reason, **found}


_ARRIVED: ExportColumns = {
    "due_at": None,
    "sent_at": None,
    "tries": 0,
    "refusals": [],
    "grounds": None,
    "remark": "",
    "wish": Wish.NOTHING,
    "invoice": None,
}


@machine.arrow(WAITING, ExportState.FAILED)
def mark_refused(
    export: Export,
    refusals: Sequence[RefusalCode],
    said: tuple[str, str],
    grounds: dict[str, str],
) -> ExportColumns:
    """Record a refusal; whatever may have left is looked for before the next try.

    `said` is its text, and which part of that is the cure. `grounds` is what Xero knew when it
    refused something that no check had seen.
    """
    reason, cure = said
    return {
        "grounds": grounds,
        "due_at": None,
        "sent_at": export.sent_at,
        "wish": Wish.NOTHING,
        "refusals": list(refusals),
        "reason": reason,
        "cure": cure,
    }


@machine.press([ExportState.FAILED], ExportState.QUEUED, grows=[Export.fence, Export.attempt])
def requeue(_export: Export, asked: ExportColumns) -> ExportColumns:
    """Try again under a new attempt, with what is wanted now.

    Xero answers a key that it has seen with what it answered before, refusals included.
    """
    return {
        "tries": 0,
        "refusals": [],
        "grounds": None,
        "reason": "",
        "remark": "",
        "wish": Wish.NOTHING,
        "approval_key": "",
        "approved_by": "",
        "approved_at": None,
        **asked,
    }


@machine.press([ExportState.FAILED], ExportState.FAILED, as_read=[Export.fence])
def keep_refused(_export: Export, left: ExportColumns) -> ExportColumns:
    """A part of what stopped it is settled, or decided otherwise; the rest still stops it."""
    return {**left, "due_at": None}


@machine.press([ExportState.QUEUED, ExportState.AWAITING, ExportState.FAILED], ExportState.FAILED)
def cancel(_export: Export, reason: str, fence: int) -> ExportColumns:
    """End an export that isn't in Xero and can't arrive there."""
    codes = [RefusalCode.CANCELLED]
    ended: ExportColumns = {"due_at": None, "refusals": codes, "reason": reason}
    return {**ended, "fence": fence, "invoice": None}


@machine.press(
    [ExportState.DIFFERENT], ExportState.EXPORTED, as_read=(Export.total, Export.xero_total)
)
def accept_difference(_export: Export, difference: Decimal) -> ExportColumns:
    """Accept the difference that the person was shown."""
    return {"accepted_difference": difference, "reason": ""}


@machine.note_as_read(Export.invoice_state)
def note_update(export: Export, columns: ExportColumns) -> ExportColumns:
    """Take over what an update has made of it; whoever read the row before writes nothing."""
    return {**columns, "fence": export.fence + 1}


@machine.arrow(DONE, ExportState.EXPORTED)
def mark_updated(_export: Export) -> ExportColumns:
    """An update in Xero leaves no difference."""
    return {"reason": ""}


@machine.arrow(DONE, ExportState.DIFFERENT)
def mark_updated_differently(_export: Export, reason: str) -> ExportColumns:
    """After an update Xero states other figures."""
    return {"reason": reason}


@machine.each([ExportState.QUEUED, ExportState.AWAITING], ExportState.FAILED, grows=[Export.fence])
def end_with_connection(reason: str) -> ExportColumns:
    """Fail what never left, because its connection ended; what may have left stays unknown."""
    codes = [RefusalCode.DISCONNECTED]
    return {"refusals": codes, "reason": reason, "due_at": None, "invoice": None}


@machine.each([ExportState.QUEUED, ExportState.AWAITING], ExportState.FAILED, grows=[Export.fence])
def stop_automatic(reason: str) -> ExportColumns:
    """Fail what the app asked for itself and has not begun to send."""
    return {"refusals": [RefusalCode.SWITCHED_OFF], "reason": reason, "due_at": None}


@machine.note
def note(_export: Export, found: ExportColumns) -> ExportColumns:
    """Write what was found on the way; the state stays."""
    return found


@machine.note
def ask_to_cancel(_export: Export, due_at: datetime, fence: int) -> ExportColumns:
    """End it once Xero is known not to have it."""
    return {"wish": Wish.CANCEL, "due_at": due_at, "fence": fence}


@machine.note
def leave(export: Export, now: datetime) -> ExportColumns:
    """Write down that a request leaves now, before it does.

    Raises `StillUnderWay` while an earlier one may still take effect.
    """
    leases.require_over(export, now)
    return {"sent_at": now}
