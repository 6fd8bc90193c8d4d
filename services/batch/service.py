"""Exporting many invoices: what people do in Slack touches rows only."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.batch import reading
from services.batch.table import READY, UNDONE, BatchForm, form_of
from services.errors import AlreadyRequested, NotAccepted, ServiceError
from services.jobs.runner import Work
from services.lifecycle import batch as lifecycle
from services.lifecycle.task import ask_again
from services.model.export import UNTAXED, BatchState, ExportState
from services.model.jobs import Job
from services.model.people import Person, ReplyTarget
from services.model.wording import Command, Typed
from services.store import audit, batches, connections, matches, numbered
from services.store.audit import AuditNote
from services.store.engine import Database, Session
from services.store.tables import Batch, Connection

_CLOSED = f"This table is not there any more. Run {Typed(Command.EXPORT, 'all')} again."
_NOTHING = "No invoice is ready, so there is nothing to export."
_UNTICKED = "Tick the invoices to export again."
_LONGEST = 255


@dataclass(frozen=True, slots=True)
class BatchService:
    """From the table of what is ready to the report of what came of it."""

    database: Database
    work: Work
    now: Callable[[], datetime]

    async def open(self, person: Person, numbers: Sequence[str] = ()) -> BatchForm:
        """Start a table of these invoices, or of all that are not exported yet."""
        async with self.database.sessions.begin() as session:
            connection = await connections.get_for_exporter(session, person)
            reply_to = ReplyTarget(
                workspace_id=connection.workspace_id,
                user_id=person.user_id,
                channel_id=person.channel_id,
            )
            numbers = await _meant(session, connection, numbers)
            batch = lifecycle.open_table(connection, numbers, reply_to, self.now())
            session.add(batch)
            await session.flush()
            return await form_of(session, batch)

    async def open_failed(self, person: Person, batch_id: int) -> BatchForm:
        """Start a table of the invoices that failed in a batch."""
        async with self.database.sessions() as session:
            former = await _own(session, person, batch_id)
            person = replace(person, connection_id=former.connection_id)
            failed = [
                each.number
                for each in await batches.list_exports(session, former.id)
                if each.state is ExportState.FAILED
            ]
        if not failed:
            raise ServiceError("None of them failed any more; there is nothing left to fix.")
        return await self.open(person, failed)

    async def attach_view(self, person: Person, batch_id: int, view_id: str) -> None:
        """Say which modal shows this batch, and have it read."""
        async with self.database.sessions.begin() as session:
            batch = await _own(session, person, batch_id)
            batch.reply_to = {**batch.reply_to, "view_id": view_id}
            batch.due_at = self.now()
        await self.work.nudge(Job.BATCH, batch_id)

    async def form(self, person: Person, batch_id: int) -> BatchForm:
        """Return the batch as it is now."""
        async with self.database.sessions() as session:
            return await form_of(session, await _own(session, person, batch_id))

    async def matched(self, person: Person, batch_id: int) -> BatchForm:
        """Judge again what waited for a client's contact or account."""
        async with self.database.sessions.begin() as session:
            batch = await _own(session, person, batch_id)
            if batch.state is BatchState.READY:
                connection = await connections.get(session, batch.connection_id)
                await reading.judge_again(session, connection, batch)
                await session.flush()
            return await form_of(session, batch)

    async def choose_untaxed(self, person: Person, batch_id: int, tax_type: str) -> BatchForm:
        """Remember the rate of lines without tax, and judge again what waited for it."""
        async with self.database.sessions.begin() as session:
            batch = await _own(session, person, batch_id)
            connection = connections.require_ready(
                await connections.get_here(session, person, batch.connection_id)
            )
            known = {each.tax_type for each in await matches.list_zero_rates(session, connection)}
            if tax_type in known:
                await matches.remember_tax(
                    session, connection, (UNTAXED, tax_type), by=person.user_id, at=self.now()
                )
                await ask_again(session, connection, self.now())
        return await self.matched(person, batch_id)

    async def confirm(
        self, person: Person, batch_id: int, undone_ids: Collection[int] = ()
    ) -> BatchForm:
        """Have everything that is ready exported; the table's one confirmation.

        Of what was taken back from Xero before, only what is named goes again.
        """
        now = self.now()
        async with self.database.sessions.begin() as session:
            batch = await _own(session, person, batch_id)
            connection = connections.require_ready(
                await connections.get_here(session, person, batch.connection_id)
            )
            if batch.state is BatchState.READY:
                await batches.change_verdict(session, batch.id, undone_ids, UNDONE, READY)
                await _require_some(session, batch)
            if not await lifecycle.start(session, batch, now):
                raise AlreadyRequested("This batch is on its way already.")
            entry = AuditNote("batch_confirmed", now, person.user_id, after={"batch_id": batch.id})
            audit.record(session, connection, entry)
            form = await form_of(session, batch)
        await self.work.nudge(Job.BATCH, batch_id)
        return replace(form, state=BatchState.RUNNING)


async def _require_some(session: Session, batch: Batch) -> None:
    if await batches.list_unclaimed(session, batch.id, READY, limit=1):
        return
    if await batches.list_unclaimed(session, batch.id, UNDONE, limit=1):
        raise NotAccepted({"undone": _UNTICKED})
    raise NotAccepted({"table": _NOTHING})


async def _own(session: Session, person: Person, batch_id: int) -> Batch:
    """Return this person's own batch."""
    batch = await batches.find(session, batch_id)
    if batch is None or batch.asked_by != person.user_id:
        raise ServiceError(_CLOSED)
    await connections.get_here(session, person, batch.connection_id)
    return batch


async def _meant(session: Session, connection: Connection, numbers: Sequence[str]) -> list[str]:
    """Return each number once, as it stands in Paymo where it is known there. Raises `SeveralFit`.

    Those that fit what was typed are looked for again once Paymo was read.
    """
    found = [await numbered.meant(session, connection, each) for each in numbers]
    return [each.strip()[:_LONGEST] for each in dict.fromkeys(found)]
