"""Extras after an export: a note in Xero's history, and Paymo's PDF as an attachment.

If they fail, or the day's calls run short, the export is complete without them. Neither is done
twice: whatever may have arrived isn't sent again.

Xero can't take many notes in one call. So a batch's notes are written one by one after its report,
while nothing else is due and at least half of the day's calls are left. The others are dropped, and
the history says so.
"""

import re
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

import structlog

from services.clients.paymo import PaymoClients
from services.clients.tokens import ATTACHMENTS
from services.clients.xero import XeroClient, XeroClients
from services.errors import ServiceError, Throttled
from services.export.one_off import Assignment, OneOffStep, XeroTaskStep
from services.jobs import policy
from services.jobs.runner import Turn
from services.lifecycle import task as lifecycle
from services.model.connection import ConnectionState
from services.model.jobs import Job
from services.model.people import ReplyTarget, Said
from services.store import audit, batches, connections, exports, grants
from services.store.audit import AuditNote
from services.store.engine import Database, Session
from services.store.tables import Connection, Export, Task

log = structlog.get_logger(__name__)

_NOT_IN_A_NAME = re.compile(r"[^\w.-]+")
_AFTER = timedelta(minutes=1)
_PACE = timedelta(seconds=10)  # a tenth of what Xero allows in a minute
_BUSY = timedelta(minutes=1)
_LONGEST = timedelta(hours=24)
_MOST_MISSED = 3  # in a row
_NO_ROOM = "We keep what is left of Xero's daily calls for exports and payments."
_TOO_LATE = "We didn't get to them within a day, because exports and payments came first."
_OFF = "The connection no longer works."


async def ask(
    session: Session, connection: Connection, exported: Sequence[Export], now: datetime
) -> list[tuple[Job, int]]:
    """Add the tasks in the transaction that records exports; return what to nudge."""
    # Somebody else's invoice has its own history, and a batch writes its notes when it is over.
    wanted = [
        (Job.ANNOTATE, each.id) for each in exported if not each.is_linked and each.batch_id is None
    ]
    if connection.attach_pdf and await _may_attach(session, connection):
        wanted += [(Job.ATTACH, each.id) for each in exported]
    asked = []
    for job, export_id in wanted:
        about = lifecycle.TaskRequest(job, str(export_id), now, export_id=export_id)
        if task := await lifecycle.ask(session, connection, about):
            asked.append((job, task.id))
    return asked


async def ask_for_batch(
    session: Session, connection: Connection, batch_id: int, now: datetime
) -> None:
    """Leave the task for a batch's notes in the transaction that ends it."""
    asked = lifecycle.TaskRequest(Job.ANNOTATE_BATCH, str(batch_id), now, due_at=now + _AFTER)
    await lifecycle.ask(session, connection, asked)


async def _may_attach(session: Session, connection: Connection) -> bool:
    if connection.grant_id is None:
        return False
    grant = await grants.get(session, connection.grant_id)
    return ATTACHMENTS in grant.scopes.split()


class Names(Protocol):
    """What people are called."""

    async def name_of(self, workspace_id: int, user_id: str) -> str:
        """Return a person's name; "" where it is not known."""


@dataclass(frozen=True, slots=True)
class CourtesyStep(XeroTaskStep):
    """What is done once for an export; only limits are waited for."""

    policy = policy.COURTESY

    async def go_on(self, about: Assignment) -> None:
        """Do it, unless it may be done already; a refusal ends it."""
        task = about.task
        if task.data.get("is_sent"):
            await self._end(task, "It may have been done already.")
            return
        if self.xero.of(about.connection).allowance.is_short:
            await self.let_go(about.turn, "We keep the rest of today's calls for exports.")
            return
        await self._note(task, is_sent=True)  # from here on it may be done
        try:
            await self.do(about)
        except Throttled:
            # Refused at the door: nothing was done, so it may be tried again.
            await self._note(task, is_sent=False)
            raise
        except ServiceError as refusal:
            log.info("courtesy_skipped", export=about.export.id, refusal=refusal)
            await self.let_go(about.turn, str(refusal))
        else:
            await self._end(task, "")

    @abstractmethod
    async def do(self, about: Assignment) -> None:
        """Ask Xero for it."""

    async def let_go(self, turn: Turn[Task], why: str) -> None:
        """End it undone."""
        await self._end(turn.row, why)

    async def give_up(self, turn: Turn[Task], refusal: ServiceError) -> None:
        """Wait for no more limits."""
        await self.let_go(turn, str(refusal))

    async def _note(self, task: Task, *, is_sent: bool) -> None:
        async with self.database.sessions.begin() as session:
            await lifecycle.note(session, task, is_sent=is_sent)

    async def _end(self, task: Task, why: str) -> None:
        async with self.database.sessions.begin() as session:
            await _finish(session, task, why)


@dataclass(frozen=True, slots=True)
class NoteStep(CourtesyStep):
    """Writes the note into Xero's history; nobody is told of a refusal."""

    names: Names

    job = Job.ANNOTATE

    async def do(self, about: Assignment) -> None:
        """Write it."""
        text = await _note_text(self.names, about.connection, about.export)
        await _write_note(self.xero.of(about.connection), about.export, text)


@dataclass(frozen=True, slots=True)
class AttachStep(CourtesyStep):
    """Attaches Paymo's PDF; tells whoever exported, once, if Xero refuses."""

    paymo: PaymoClients

    job = Job.ATTACH

    async def do(self, about: Assignment) -> None:
        """Read it from Paymo, and attach it."""
        export = about.export
        paymo = self.paymo.client(about.connection.paymo_api_key)
        content = await paymo.pdf(export.paymo_invoice_id)
        name = _NOT_IN_A_NAME.sub("-", export.number).strip("-.") or str(export.paymo_invoice_id)
        xero = self.xero.of(about.connection)
        await xero.attach_pdf(export.xero_invoice_id or "", f"{name}.pdf", content)

    async def let_go(self, turn: Turn[Task], why: str) -> None:
        """End it undone, and say so."""
        await self._end(turn.row, why)
        async with self.database.sessions() as session:
            export = await exports.get(session, turn.row.export_id or 0)
        if export.reply_to:
            text = f"Invoice {export.number} is in Xero, but we couldn't attach its PDF. {why}"
            reply_to = ReplyTarget(**export.reply_to | {"view_id": ""})
            turn.then(partial(self.screen.say, reply_to, Said(text, is_well=False)))


@dataclass(frozen=True, slots=True)
class BatchNotesStep(OneOffStep):
    """Writes one note of a batch, and comes back for the next."""

    database: Database
    xero: XeroClients
    names: Names
    now: Callable[[], datetime]

    job = Job.ANNOTATE_BATCH
    policy = policy.COURTESY

    async def run(self, turn: Turn[Task]) -> None:
        """Write the next note, or wait for a better time, or leave it at that."""
        task = turn.row
        async with self.database.sessions.begin() as session:
            connection = await connections.get(session, task.connection_id)
            batch_id, last = int(task.subject), int(task.data.get("last", 0))
            export = await batches.find_annotatable(session, batch_id, last)
            why = self._why_dropped(connection, task)
            if export is None or why:
                await self._end(session, task, why or task.reason)
                return
            if await batches.is_exporting(session, connection):
                await lifecycle.put_off(session, task, self.now() + _BUSY, task.reason)
                return
            # From here on it may have been written, so it is not written again.
            await lifecycle.note(session, task, last=export.id)
        await self._write_next(connection, task, export, last)

    async def give_up(self, turn: Turn[Task], refusal: ServiceError) -> None:
        """Leave it at what is written."""
        async with self.database.sessions.begin() as session:
            await self._end(session, turn.row, str(refusal))

    def _why_dropped(self, connection: Connection, task: Task) -> str:
        if connection.state is not ConnectionState.ACTIVE:
            return _OFF
        if task.data.get("missed", 0) >= _MOST_MISSED:
            return task.reason
        if self.now() - task.asked_at > _LONGEST:
            return _TOO_LATE
        allowance = self.xero.of(connection).allowance
        return "" if allowance.has_plenty else _NO_ROOM

    async def _write_next(
        self, connection: Connection, task: Task, export: Export, last: int
    ) -> None:
        pause, reason = _PACE, ""
        counts: dict[str, Any] = {"missed": 0, "written": task.data.get("written", 0) + 1}
        try:
            text = await _note_text(self.names, connection, export)
            await _write_note(self.xero.of(connection), export, text)
        except Throttled as refusal:
            # Refused at the door: nothing was done, so this one is still to be written.
            pause, reason, counts = max(refusal.retry_after, _BUSY), str(refusal), {"last": last}
        except ServiceError as refusal:
            log.info("courtesy_skipped", export=export.id, refusal=refusal)
            reason, counts = str(refusal), {"missed": task.data.get("missed", 0) + 1}
        async with self.database.sessions.begin() as session:
            await lifecycle.note(session, task, **counts)
            await lifecycle.put_off(session, task, self.now() + pause, reason)

    async def _end(self, session: Session, task: Task, why: str) -> None:
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


async def _write_note(xero: XeroClient, export: Export, text: str) -> None:
    key = f"note-{export.tenant_id}-{export.id}"
    await xero.add_note(export.xero_invoice_id or "", text, key=key)


async def _note_text(names: Names, connection: Connection, export: Export) -> str:
    """Return the note for Xero's history, without a name where none is known."""
    workspace_id = connection.workspace_id
    name = await names.name_of(workspace_id, export.requested_by)
    by = f" by {name}" if name else ""
    how = f"{by} via Slack" if export.requested_by else " automatically by paymo-xero"
    if second := await names.name_of(workspace_id, export.approved_by):
        how += f", approved by {second}"
    company = connection.paymo_company_name or "Paymo"
    origin = f"{company}, invoice {export.number}, id {export.paymo_invoice_id}"
    return f"Exported from Paymo ({origin}){how}."
