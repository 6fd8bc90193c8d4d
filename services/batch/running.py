"""The job behind a batch: read it, or send what is left of it, however far it had come.

A crash between any two lines leaves rows that are taken up again: the batch by its lease, and an
invoice that may have been sent by its own, to be looked up first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from services.batch import reading, table
from services.batch.groups import GroupSender
from services.batch.table import READY, TAKEN, BatchForm, BatchScreen
from services.clients.paymo import Invoice
from services.errors import (
    AlreadyRequested,
    ServiceError,
)
from services.export import claims, courtesies, recording, refusals
from services.export.kit import Kit
from services.jobs import policy
from services.jobs.policy import PARKED, Wait
from services.jobs.runner import Step, Turn
from services.lifecycle import batch as lifecycle
from services.mapping.case import ExportChoice
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
class BatchStep(Step[Batch]):
    """Brings a batch on as far as it goes; what stands in the way is waited for, and shown."""

    kit: Kit
    board: BatchScreen

    job = Job.BATCH
    table = Batch
    policy = policy.BATCH

    async def run(self, turn: Turn[Batch]) -> None:
        """Read the table, or send what is left."""
        await (await self._go(turn)).run()

    async def put_off(
        self, session: Session, turn: Turn[Batch], wait: Wait
    ) -> Mapping[str, object]:
        """Say why it waits, and until when, where the person looks."""
        go = await self._go(turn)
        turn.then(go.show)
        # What waits for somebody to connect again does not go on by itself.
        is_working = go.connection.state is ConnectionState.ACTIVE
        return {"problem": wait.sentence() if is_working else wait.why}

    async def give_up(self, turn: Turn[Batch], refusal: ServiceError) -> None:
        """End what nobody took."""
        await (await self._go(turn)).give_up(refusal)

    async def _go(self, turn: Turn[Batch]) -> "_Go":
        async with self.kit.database.sessions() as session:
            connection = await connections.get(session, turn.row.connection_id)
        return _Go(self.kit, self.board, connection, turn)


@dataclass(frozen=True, slots=True)
class _Go:
    """One go at a batch."""

    kit: Kit
    board: BatchScreen
    connection: Connection
    turn: Turn[Batch]

    @property
    def batch(self) -> Batch:
        """The batch itself."""
        return self.turn.row

    async def run(self) -> None:
        """Read the table, or send what is left."""
        kit, connection, batch = self.kit, self.connection, self.batch
        if connection.state is ConnectionState.ENDED:
            await self._settle()  # what never left has failed by that
            return
        if connection.state is not ConnectionState.ACTIVE:
            async with kit.database.sessions.begin() as session:
                due_at = kit.now() + PARKED
                await lifecycle.put_off(session, batch, due_at, _NOT_NOW, is_try=False)
            self.turn.then(self.show)
            return
        if batch.state is BatchState.READING:
            await reading.read(kit, connection, batch)
            self.turn.then(self.show)
            return
        await self._claim_all()
        await self._settle_new_contacts()
        await GroupSender(kit, connection, batch, self.show).send_all()
        await self._settle()

    async def show(self) -> None:
        """Draw the open view again."""
        await self.board.show_batch(table.reply_target(self.batch), await self._form())

    async def _report(self) -> None:
        """Tell the person what came of it."""
        await self.board.show_ended(table.reply_target(self.batch), await self._form())

    async def _form(self) -> BatchForm:
        async with self.kit.database.sessions() as session:
            return await table.form_of(session, self.batch)

    async def _claim_all(self) -> None:
        """Claim every ready invoice, some at a time; those that somebody else has say so."""
        while True:
            async with self.kit.database.sessions.begin() as session:
                await lifecycle.go_on(session, self.batch)
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
            await lifecycle.go_on(session, self.batch)
            unsent = [export for _, export in await batches.list_unsent(session, self.batch.id)]
            adding = {
                each.client_id
                for each in await batches.list_exports(session, self.batch.id)
                if each.state in exports.WAITING and each.due_at is not None
            }
            lacking = [each for each in unsent if each.contact_id == NEW_CONTACT]
            client_ids = {each.client_id for each in lacking if each.client_id is not None}
            known = await matches.find_all(session, self.connection, client_ids)
            for export in lacking:
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
            await lifecycle.advance(session, batch)
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
        self.turn.then(self.show if waiting else self._report)

    async def _note_end(self, session: Session, found: Sequence[Export]) -> None:
        states = [each.state for each in found]
        after = {
            "exported": sum(each in exports.DONE for each in states),
            "failed": states.count(ExportState.FAILED),
        }
        entry = AuditNote("batch_exported", self.kit.now(), self.batch.asked_by, after=after)
        audit.record(session, self.connection, entry)
        await courtesies.ask_for_batch(session, self.connection, self.batch.id, self.kit.now())

    async def give_up(self, refusal: ServiceError) -> None:
        """End what nobody took: a table that was not read, or the invoices that never left."""
        kit, batch = self.kit, self.batch
        if batch.state is BatchState.READING:
            said = f"{refusal} It was tried for over an hour. Open the table again later."
            async with kit.database.sessions.begin() as session:
                await lifecycle.give_up_reading(session, batch, said)
            self.turn.then(self.show)
            return
        async with kit.database.sessions() as session:
            unsent = [export for _, export in await batches.list_unsent(session, batch.id)]
        for export in unsent:
            why = refusals.no_answer(export)
            await recording.fail(kit, self.connection, export, why)
        await self._settle()
