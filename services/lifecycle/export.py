"""An export's states, from the request to the invoice in Xero."""

from datetime import datetime
from decimal import Decimal
from typing import TypedDict

from services.lifecycle.machine import Machine
from services.model.export import ExportState
from services.store.tables import Export


class ExportColumns(TypedDict, total=False):
    """What the arrows may write beside the state."""

    due_at: datetime | None
    sent_at: datetime | None
    problem: str
    reason: str
    accepted_difference: Decimal | None


machine = Machine("export", Export, Export.state, ExportColumns)


@machine.press(
    [ExportState.DIFFERENT], ExportState.EXPORTED, as_read=(Export.total, Export.xero_total)
)
def accept_difference(_export: Export, difference: Decimal) -> ExportColumns:
    """Take an export that differs for a good one, by as much as the person has read."""
    return {"accepted_difference": difference, "reason": ""}


@machine.each([ExportState.QUEUED], ExportState.FAILED, grows=[Export.fence])
def end_with_connection(reason: str) -> ExportColumns:
    """Fail what never left, because its connection ended; what may have left stays unknown."""
    return {"problem": "disconnected", "reason": reason, "due_at": None}
