"""The job behind a batch: read it, or send what is left of it, however far it had come.

A crash between any two lines leaves rows that are taken up again: the batch by its lease, and an
invoice that may have been sent by its own, to be looked up first.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from services.batch import reading, table
from services.batch.groups import GroupSender, hold
from services.batch.table import READY, TAKEN, BatchForm, BatchScreen
from services.clients.paymo import Invoice
from services.errors import (
    AlreadyRequested,
    Lost,
    NotConnected,
    ServiceError,
    Throttled,
    Unavailable,
)
from services.export import claims, courtesies, endings, recording
from services.export.kit import Kit
from services.export.shapes import ExportChoice
from services.jobs.backoff import BATCH, PARKED
from services.lifecycle import batch as lifecycle
from services.model.connection import ConnectionState
from services.model.export import NEW_CONTACT, BatchState, ExportState
from services.model.jobs import Job
from services.model.people import Person
from services.model.wording import Command, Typed
from services.store import audit, batches, connections, exports, matches
from services.store.audit import AuditNote
from services.store.engine import Session
from services.store.tables import Batch, BatchRow, Connection, Export

log = structlog.get_logger(__name__)

_PACE = timedelta(seconds=2)
_AT_ONCE = 50
_NOT_NOW = (
    f"The connection does not work now. Run {Typed(Command.CONNECT)}; this goes on afterwards."
)


@dataclass(frozen=True, slots=True)
class BatchRun:
    """One go at a batch that was taken."""

    kit: Kit
    board: BatchScreen
    connection: Connection
    batch: Batch

    async def step(self) -> None:
        """Bring it on as far as it goes; what stands in the way is waited for, and shown."""
        with suppress(Lost):
            await self._try_step()

    async def _try_step(self) -> None:
        try:
            await self._step()
        except Lost:
            raise
        except Throttled as refusal:
            self.batch.tries -= 1  # nobody failed
            await self._later(self.kit.now() + refusal.retry_after, str(refusal))
        except NotConnected as refusal:
            await self._broken(refusal)
        except Unavailable as refusal:
            if BATCH.is_over(self.batch.tries):
                await self._give_up(refusal)
            else:
                pause = BATCH.pause_after(self.batch.tries)
                await self._later(self.kit.now() + pause, str(refusal))
        except ServiceError as refusal:
            await self._later(self.kit.now() + PARKED, str(refusal))

    async def _step(self) -> None:
        kit, connection, batch = self.kit, self.connection, self.batch
        if connection.state is ConnectionState.ENDED:
            await self._settle()  # what never left has failed by that
            return
        if connection.state is not ConnectionState.ACTIVE:
            raise NotConnected(_NOT_NOW, system="Xero")
        if batch.state is BatchState.READING:
            await reading.read(kit, connection, batch)
            await self._show()
            return
        await self._claim_all()
        await self._settle_new_contacts()
        await GroupSender(kit, connection, batch, self._show).send_all()
        await self._settle()

    async def _show(self) -> None:
        """Draw the open view again."""
        await self.board.show_batch(table.reply_target(self.batch), await self._form())

    async def _form(self) -> BatchForm:
        async with self.kit.database.sessions() as session:
            return await table.form_of(session, self.batch)

    async def _claim_all(self) -> None:
        """Claim every ready invoice, some at a time; those that somebody else has say so."""
        while True:
            async with self.kit.database.sessions.begin() as session:
                await hold(self.kit, session, self.batch)
                rows = await batches.list_unclaimed(session, self.batch.id, READY, _AT_ONCE)
                for row in rows:
                    await self._claim(session, row)
            if len(rows) < _AT_ONCE:
                return

    async def _claim(self, session: Session, row: BatchRow) -> None:
        subject = claims.Subject.seen(Invoice.from_json(row.invoice or {}))
        choice = ExportChoice(
            invoice_id=row.paymo_invoice_id,
            contact_id=row.contact_id,
            account_id=row.account_id,
            xero_status=self.connection.xero_status,
        )
        # Its own answers are silent, and belong to no view once the batch is over.
        reply_to = replace(table.reply_target(self.batch), view_id="", view_hash="")
        asked = claims.Request(
            Person("", "", self.batch.asked_by), reply_to, self.kit.now(), choice
        )
        wanted = claims.new_row(self.connection, subject, asked)
        wanted.batch_id = self.batch.id
        wanted.due_at = None  # the batch sends it
        try:
            export = await claims.claim(session, self.connection, subject, wanted)
        except AlreadyRequested as refusal:
            row.verdict, row.reason = TAKEN, str(refusal)
            return
        if export.sent_at is not None:
            export.due_at = self.kit.now()  # it goes alone: what was sent before is looked for
        row.export_id = export.id
        await claims.remember_match(session, export, self.kit.now())

    async def _settle_new_contacts(self) -> None:
        """Let one invoice of each client that Xero lacks go its way alone: it adds the contact.

        The client's others wait for it, and then go with all the rest.
        """
        released: list[int] = []
        async with self.kit.database.sessions.begin() as session:
            await hold(self.kit, session, self.batch)
            unsent = [export for _, export in await batches.list_unsent(session, self.batch.id)]
            adding = {
                each.client_id
                for each in await batches.list_exports(session, self.batch.id)
                if each.state in exports.WAITING and each.due_at is not None
            }
            notification = [each for each in unsent if each.contact_id == NEW_CONTACT]
            client_ids = {each.client_id for each in notification if each.client_id is not None}
            known = await matches.find_all(session, self.connection, client_ids)
            for export in notification:
                match = known.get(export.client_id or 0)
                if match is not None and match.contact_id not in {"", NEW_CONTACT}:
                    export.contact_id = match.contact_id
                elif export.client_id not in adding:
                    adding.add(export.client_id)
                    export.due_at = self.kit.now()
                    released.append(export.id)
        for export_id in released:
            await self.kit.work.nudge(Job.EXPORT, export_id)

    async def _settle(self) -> None:
        """End the batch when every invoice has its outcome, or look again when one may have."""
        batch, now = self.batch, self.kit.now()
        async with self.kit.database.sessions.begin() as session:
            await hold(self.kit, session, batch, has_advanced=True)
            found = await batches.list_exports(session, batch.id)
            waiting = [each for each in found if each.state in exports.WAITING]
            if waiting:
                times = [each.due_at for each in waiting if each.due_at is not None]
                due_at = max(now + _PACE, min(times, default=now))
                problem = next((each.reason for each in waiting if each.reason), "")
                await lifecycle.put_off(session, batch, due_at, problem)
            else:
                await lifecycle.finish(session, batch, now)
                await batches.forget_invoices(session, batch.id)
                await self._note_end(session, found)
        if waiting:
            await self._show()
        else:
            await self.board.show_ended(table.reply_target(batch), await self._form())

    async def _note_end(self, session: Session, found: Sequence[Export]) -> None:
        states = [each.state for each in found]
        after = {
            "exported": sum(each in exports.DONE for each in states),
            "failed": states.count(ExportState.FAILED),
        }
        entry = AuditNote("batch_exported", self.kit.now(), self.batch.asked_by, after=after)
        audit.record(session, self.connection, entry)
        await courtesies.ask_for_batch(session, self.connection, self.batch.id, self.kit.now())

    async def _give_up(self, refusal: Unavailable) -> None:
        """End what nobody took: a table that was not read, or the invoices that never left."""
        kit, batch = self.kit, self.batch
        if batch.state is BatchState.READING:
            said = f"{refusal} It was tried for over an hour. Open the table again later."
            async with kit.database.sessions.begin() as session:
                await lifecycle.give_up_reading(session, batch, said)
            await self._show()
            return
        async with kit.database.sessions() as session:
            unsent = [export for _, export in await batches.list_unsent(session, batch.id)]
        for export in unsent:
            why = endings.no_answer(export)
            await recording.fail(kit, self.connection, export, why)
        await self._settle()

    async def _later(self, due_at: datetime, why: str) -> None:
        """Go on later, and say when, where the person looks."""
        said = f"{why} It goes on by itself at {due_at:%H:%M} UTC on {due_at:%d %b}."
        async with self.kit.database.sessions.begin() as session:
            await lifecycle.put_off(session, self.batch, due_at, said)
        log.info("batch_put_off", batch=self.batch.id, until=due_at.isoformat())
        await self._show()

    async def _broken(self, refusal: NotConnected) -> None:
        """Park the batch, and tell that the connection is broken."""
        batch, now = self.batch, self.kit.now()
        async with self.kit.database.sessions.begin() as session:
            if self.connection.state is ConnectionState.ACTIVE:
                await connections.mark_broken(
                    session, self.connection.id, refusal.system, reason=str(refusal), now=now
                )
            await lifecycle.put_off(session, batch, now + PARKED, str(refusal), is_try=False)
        await self._show()
