"""What is done for an export besides: a note in Xero's own history, and Paymo's PDF beside it.

Both are courtesies: when they fail, or the day's calls run short, the export is as good without
them. Neither is done twice; what may have arrived is not sent again.

Xero has no way to write many notes with one call. So those of a batch are written one by one after
its report, only while there is nothing else to do and plenty of the day's calls is left; what there
is no room for is dropped, and the history says so.
"""

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from services.clients.tokens import ATTACHMENTS
from services.errors import Lost, ServiceError, Throttled
from services.export.kit import Kit
from services.export.underway import Taken, postpone, take_about
from services.jobs.backoff import COURTESY
from services.lifecycle import task as lifecycle
from services.model.connection import ConnectionState
from services.model.jobs import Job
from services.model.people import ReplyTarget, Said
from services.store import audit, batches, connections, grants, tasks
from services.store.audit import AuditNote
from services.store.engine import Session
from services.store.tables import Connection, Export, Task

log = structlog.get_logger(__name__)

_NOT_IN_A_NAME = re.compile(r"[^\w.-]+")
_AFTER = timedelta(minutes=1)
_PACE = timedelta(seconds=10)  # a tenth of what Xero allows in a minute
_BUSY = timedelta(minutes=1)
_LONGEST = timedelta(hours=24)
_MOST_MISSED = 3  # in a row
_NO_ROOM = "What is left of the day's calls is kept for exports and for looking at Xero."
_TOO_LATE = "There was no quiet time for them within a day."
_OFF = "The connection does not work any more."


async def ask(
    session: Session, connection: Connection, export: Export, kit: Kit
) -> list[tuple[Job, int]]:
    """Leave the tasks in the transaction that records an export; return what to nudge for."""
    wanted = []
    # Somebody else's invoice has its own history, and a batch writes its notes when it is over.
    if not export.is_linked and export.batch_id is None:
        wanted.append(Job.ANNOTATE)
    if connection.attach_pdf and await _may_attach(session, connection):
        wanted.append(Job.ATTACH)
    asked = []
    for job in wanted:
        task = await lifecycle.ask(
            session,
            connection,
            lifecycle.Asked(job, str(export.id), kit.now(), export_id=export.id),
        )
        if task is not None:
            asked.append((job, task.id))
    return asked


async def ask_for_batch(
    session: Session, connection: Connection, batch_id: int, now: datetime
) -> None:
    """Leave the task for a batch's notes in the transaction that ends it."""
    asked = lifecycle.Asked(Job.ANNOTATE_BATCH, str(batch_id), now, due_at=now + _AFTER)
    await lifecycle.ask(session, connection, asked)


async def _may_attach(session: Session, connection: Connection) -> bool:
    if connection.grant_id is None:
        return False
    grant = await grants.get(session, connection.grant_id)
    return ATTACHMENTS in grant.scopes.split()


@dataclass(frozen=True, slots=True)
class CourtesyService(Kit):
    """Three jobs; nobody waits for them."""

    async def run_annotate(self, task_id: int) -> None:
        """Write the note into Xero's history; a refusal is let go without a word."""
        with suppress(Lost):
            taken = await self._begin(task_id)
            if taken is not None:
                await self._end(taken, await self._tried(taken, self._annotate))

    async def run_attach(self, task_id: int) -> None:
        """Attach Paymo's PDF; that it was refused is told to whoever exported, once."""
        with suppress(Lost):
            await self._run_attach(task_id)

    async def _run_attach(self, task_id: int) -> None:
        taken = await self._begin(task_id)
        if taken is None:
            return
        why = await self._tried(taken, self._attach)
        if await self._end(taken, why) and why and taken.export.reply_to:
            text = (
                f"Invoice {taken.export.number} is in Xero; only its PDF could not be attached. "
                f"{why}"
            )
            reply_to = ReplyTarget(**taken.export.reply_to | {"view_id": ""})
            await self.screen.say(reply_to, Said(text, is_well=False))

    async def _begin(self, task_id: int) -> Taken | None:
        """Take the task, and write down that it may be done from here on."""
        async with self.database.sessions.begin() as session:
            taken = await take_about(session, task_id, self.now())
            if taken is None:
                return None
            if taken.task.data.get("is_sent"):
                await _finish(session, taken.task, "It may have been done already.")
                return None
            await lifecycle.note(session, taken.task, is_sent=True)
            return taken

    async def _tried(self, taken: Taken, call: Callable[[Taken], Awaitable[None]]) -> str | None:
        """Return why it was refused, "" when it was done, or None when it comes later."""
        xero = self.xero.client(taken.connection.tenant_id, taken.connection.grant_id)
        if xero.allowance.is_short:
            return "The day's calls are kept for exports."
        try:
            await call(taken)
        except Throttled as refusal:
            if COURTESY.is_over(taken.task.tries):
                return str(refusal)
            # Refused at the door: nothing was done, so it may be tried again.
            async with self.database.sessions.begin() as session:
                await lifecycle.note(session, taken.task, is_sent=False)
                await postpone(session, taken, refusal, self.now())
            return None
        except ServiceError as refusal:
            log.info("courtesy_let_go", export=taken.export.id, refusal=refusal)
            return str(refusal)
        return ""

    async def _end(self, taken: Taken, why: str | None) -> bool:
        if why is None:
            return False
        async with self.database.sessions.begin() as session:
            await _finish(session, taken.task, why)
        return True

    async def _annotate(self, taken: Taken) -> None:
        await self._write_note(taken.connection, taken.export)

    async def _write_note(self, connection: Connection, export: Export) -> None:
        xero = self.xero.client(connection.tenant_id, connection.grant_id)
        key = f"note-{export.tenant_id}-{export.id}"
        text = _note_text(connection, export)
        await xero.add_note(export.xero_invoice_id or "", text, key=key)

    async def _attach(self, taken: Taken) -> None:
        export = taken.export
        content = await self.paymo.client(taken.connection.paymo_api_key).pdf(
            export.paymo_invoice_id
        )
        xero = self.xero.client(taken.connection.tenant_id, taken.connection.grant_id)
        name = _NOT_IN_A_NAME.sub("-", export.number).strip("-.") or str(export.paymo_invoice_id)
        await xero.attach_pdf(export.xero_invoice_id or "", f"{name}.pdf", content)

    async def run_annotate_batch(self, task_id: int) -> None:
        """Write a batch's next note, or wait for a better time, or leave it at that."""
        with suppress(Lost):
            await self._run_annotate_batch(task_id)

    async def _run_annotate_batch(self, task_id: int) -> None:
        async with self.database.sessions.begin() as session:
            task = await tasks.take(session, task_id, self.now())
            if task is None:
                return
            connection = await connections.get(session, task.connection_id)
            batch_id, last = int(task.subject), int(task.data.get("last", 0))
            export = await batches.find_annotatable(session, batch_id, last)
            why = self._why_dropped(connection, task)
            if export is None or why:
                await self._end_batch(session, task, why or task.reason)
                return
            if await batches.is_exporting(session, connection):
                await lifecycle.put_off(session, task, self.now() + _BUSY, task.reason)
                return
            # From here on it may have been written, so it is not written again.
            await lifecycle.note(session, task, last=export.id)
        await self._write_next(connection, task, export, last)

    def _why_dropped(self, connection: Connection, task: Task) -> str:
        if connection.state is not ConnectionState.ACTIVE:
            return _OFF
        if task.data.get("missed", 0) >= _MOST_MISSED:
            return task.reason
        if self.now() - task.asked_at > _LONGEST:
            return _TOO_LATE
        allowance = self.xero.client(connection.tenant_id, connection.grant_id).allowance
        return "" if allowance.has_plenty else _NO_ROOM

    async def _write_next(
        self, connection: Connection, task: Task, export: Export, last: int
    ) -> None:
        pause, reason = _PACE, ""
        counts: dict[str, Any] = {"missed": 0, "written": task.data.get("written", 0) + 1}
        try:
            await self._write_note(connection, export)
        except Throttled as refusal:
            # Refused at the door: nothing was done, so this one is still to be written.
            pause, reason, counts = max(refusal.retry_after, _BUSY), str(refusal), {"last": last}
        except ServiceError as refusal:
            log.info("courtesy_let_go", export=export.id, refusal=refusal)
            reason, counts = str(refusal), {"missed": task.data.get("missed", 0) + 1}
        async with self.database.sessions.begin() as session:
            await lifecycle.note(session, task, **counts)
            await lifecycle.put_off(session, task, self.now() + pause, reason)

    async def _end_batch(self, session: Session, task: Task, why: str) -> None:
        """End it, and say how many have no note, or none that is known of."""
        after: dict[str, Any] = {"written": task.data.get("written", 0)}
        missing = await batches.count_annotatable(session, int(task.subject)) - after["written"]
        if missing > 0:
            after |= {"not_written": missing, "problem": why}
        await _finish(session, task, after.get("problem", ""))
        connection = await connections.get(session, task.connection_id)
        audit.record(session, connection, AuditNote("batch_noted", self.now(), after=after))


async def _finish(session: Session, task: Task, why: str) -> None:
    if why:
        await lifecycle.refuse(session, task, why)
    else:
        await lifecycle.finish(session, task)


def _note_text(connection: Connection, export: Export) -> str:
    """Return what Xero's history says of an export."""
    by = f"Slack user {export.requested_by}" if export.requested_by else "the app itself"
    company = connection.paymo_company_name or "Paymo"
    return (
        f"Exported from Paymo ({company}, invoice {export.number}, id {export.paymo_invoice_id}) "
        f"by {by} via Slack."
    )
