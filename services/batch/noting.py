"""The note in Xero's own history for each invoice of a batch: last of all, and slowly.

Xero has no way to write many notes with one call. So they are written one by one after the
report, only while there is nothing else to do and plenty of the day's calls is left; what there is
no room for is dropped, and the history says so. None is written twice.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from services.clients.xero.invoices import add_note
from services.errors import ServiceError, Throttled
from services.export.courtesies import note_text
from services.export.kit import Kit
from services.model import ConnectionState, Job, TaskState
from services.store import audit, batches, connections, tasks
from services.store.audit import AuditNote
from services.store.engine import Session
from services.store.tables import Batch, Connection, Export, Task
from services.store.tasks import Asked

log = structlog.get_logger(__name__)

_AFTER = timedelta(minutes=1)
_PACE = timedelta(seconds=10)  # a tenth of what Xero allows in a minute
_BUSY = timedelta(minutes=1)
_LONGEST = timedelta(hours=24)
_MOST_MISSED = 3  # in a row
_NO_ROOM = "What is left of the day's calls is kept for exports and for looking at Xero."
_TOO_LATE = "There was no quiet time for them within a day."
_OFF = "The connection does not work any more."


async def ask(session: Session, connection: Connection, batch: Batch, kit: Kit) -> None:
    """Leave the task in the transaction that ends a batch."""
    now = kit.now()
    asked = Asked(Job.ANNOTATE_BATCH, str(batch.id), now, due_at=now + _AFTER)
    await tasks.ask(session, connection, asked)


@dataclass(frozen=True, slots=True)
class NotingService(Kit):
    """`run_noting` is a job, which writes one note and comes back for the next."""

    async def run_noting(self, task_id: int) -> None:
        """Write the next note, or wait for a better time, or leave it at that."""
        async with self.database.sessions.begin() as session:
            task = await tasks.take(session, task_id, self.now())
            if task is None:
                return
            connection = await connections.get(session, task.connection_id)
            batch_id, last = int(task.subject), int(task.data.get("last", 0))
            export = await batches.find_annotatable(session, batch_id, last)
            why = self._why_dropped(connection, task)
            if export is None or why:
                await self._end(session, task, why or task.reason)
                return
            if await batches.is_exporting(session, connection):
                await tasks.put_off(session, task, self.now() + _BUSY, task.reason)
                return
            # From here on it may have been written, so it is not written again.
            await tasks.note(session, task, last=export.id)
        await self._write(connection, task, export, last)

    def _why_dropped(self, connection: Connection, task: Task) -> str:
        if connection.state is not ConnectionState.ACTIVE:
            return _OFF
        if task.data.get("missed", 0) >= _MOST_MISSED:
            return task.reason
        if self.now() - task.asked_at > _LONGEST:
            return _TOO_LATE
        allowance = self.xero.client(connection.tenant_id, connection.grant_id).allowance
        return "" if allowance.has_plenty else _NO_ROOM

    async def _write(self, connection: Connection, task: Task, export: Export, last: int) -> None:
        xero = self.xero.client(connection.tenant_id, connection.grant_id)
        pause, reason = _PACE, ""
        counts: dict[str, Any] = {"missed": 0, "written": task.data.get("written", 0) + 1}
        try:
            await add_note(
                xero,
                export.xero_invoice_id or "",
                note_text(connection, export),
                key=f"note-{export.tenant_id}-{export.id}",
            )
        except Throttled as refusal:
            # Refused at the door: nothing was done, so this one is still to be written.
            pause, reason, counts = max(refusal.retry_after, _BUSY), str(refusal), {"last": last}
        except ServiceError as refusal:
            log.info("courtesy_let_go", export=export.id, refusal=refusal)
            reason, counts = str(refusal), {"missed": task.data.get("missed", 0) + 1}
        async with self.database.sessions.begin() as session:
            await tasks.note(session, task, **counts)
            await tasks.put_off(session, task, self.now() + pause, reason)

    async def _end(self, session: Session, task: Task, why: str) -> None:
        """End it, and say how many have no note, or none that is known of."""
        after: dict[str, Any] = {"written": task.data.get("written", 0)}
        missing = await batches.count_annotatable(session, int(task.subject)) - after["written"]
        if missing > 0:
            after |= {"not_written": missing, "problem": why}
        state = TaskState.REFUSED if missing > 0 else TaskState.DONE
        if not await tasks.finish(session, task, state, reason=after.get("problem", "")):
            return
        connection = await connections.get(session, task.connection_id)
        audit.record(session, connection, AuditNote("batch_noted", self.now(), after=after))
