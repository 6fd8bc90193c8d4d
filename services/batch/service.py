"""Exporting many invoices: the table and the press in Slack, and the job behind them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from services.batch import reading
from services.batch.groups import GroupSender
from services.batch.reading import TableReader
from services.batch.table import BatchForm, BatchScreen, form_of, take_selected, tell_ended
from services.clients.paymo import Invoice
from services.errors import AlreadyRequested, ServiceError
from services.export import claims, courtesies, forms, refusals
from services.export.forms import ExportForm
from services.export.recording import Recorder
from services.jobs import policy
from services.jobs.policy import PARKED, Wait
from services.jobs.runner import Step, Turn, Work
from services.lifecycle import batch as lifecycle
from services.lifecycle.task import ask_again
from services.mapping.case import ExportChoice
from services.model import days
from services.model.connection import ConnectionState
from services.model.export import NEW_CONTACT, UNTAXED, BatchState, ExportState, Marks, Verdict
from services.model.jobs import Job
from services.model.people import Person, ReplyTarget
from services.model.wording import Command, Typed
from services.store import audit, batches, connections, drafts, matches, numbered
from services.store.audit import AuditNote
from services.store.engine import Database, Session
from services.store.tables import Batch, BatchRow, Connection, Export

_CLOSED = f"This list is gone. Type {Typed(Command.EXPORT, 'all')} again."
_RECENT = timedelta(days=90)
_LONGEST = 255
_PACE = timedelta(seconds=2)
_AT_ONCE = 50
_NO_MARKS = Marks()
_NOT_NOW = f"The connection doesn't work. Type {Typed(Command.CONNECT)} and the batch will go on."


@dataclass(frozen=True, slots=True)
class BatchService:
    """From the table of what is ready to the report of the outcome."""

    database: Database
    work: Work
    now: Callable[[], datetime]

    async def open(self, person: Person, numbers: Sequence[str] = ()) -> BatchForm:
        """Start a table of these invoices, or of all that are not exported yet."""
        return await self._begin(person, numbers)

    async def check(self, person: Person) -> BatchForm:
        """Start an overview of the last 90 days; it exports nothing."""
        return await self._begin(person, (), _RECENT)

    async def _begin(
        self, person: Person, numbers: Sequence[str], back: timedelta | None = None
    ) -> BatchForm:
        now = self.now()
        async with self.database.sessions.begin() as session:
            connection = await connections.get_for_exporter(session, person)
            reply_to = ReplyTarget(
                workspace_id=connection.workspace_id,
                user_id=person.user_id,
                channel_id=person.channel_id,
            )
            numbers = await _meant(session, connection, numbers)
            since = days.day_in(connection.time_zone, now) - back if back else None
            batch = lifecycle.open_table(connection, numbers, reply_to, now, since)
            session.add(batch)
            await session.flush()
            return await form_of(session, batch)

    async def open_failed(self, person: Person, batch_id: int) -> BatchForm:
        """Start a table of the invoices that failed in a batch."""
        async with self.database.sessions.begin() as session:
            former, _ = await _own(session, person, batch_id)
            former.reply_to = {**former.reply_to, "view_id": ""}  # the new table may take its place
            person = replace(person, connection_id=former.connection_id)
            failed = [
                each.number
                for each in await batches.list_exports(session, former.id)
                if each.state is ExportState.FAILED
            ]
        if not failed:
            raise ServiceError("Nothing is left to fix.")
        return await self.open(person, failed)

    async def attach_view(self, person: Person, batch_id: int, view_id: str) -> None:
        """Say which modal shows this batch, and have it read."""
        async with self.database.sessions.begin() as session:
            batch, _ = await _own(session, person, batch_id)
            batch.reply_to = {**batch.reply_to, "view_id": view_id}
            batch.due_at = self.now()
        await self.work.nudge(Job.BATCH, batch_id)

    async def form(self, person: Person, batch_id: int) -> BatchForm:
        """Return the batch as it is now."""
        async with self.database.sessions() as session:
            batch, _ = await _own(session, person, batch_id)
            return await form_of(session, batch)

    async def mark(self, person: Person, batch_id: int, marks: Marks) -> None:
        """Keep what is selected on the page that is shown."""
        async with self.database.sessions.begin() as session:
            batch, _ = await _own(session, person, batch_id)
            await batches.keep_marks(session, batch, marks)

    async def select_all(self, person: Person, batch_id: int, *, is_all: bool) -> BatchForm:
        """Select everything that is ready, on every page, or nothing at all."""
        async with self.database.sessions.begin() as session:
            batch, _ = await _own(session, person, batch_id)
            if batch.state is BatchState.READY:
                await batches.select_all(session, batch, Verdict.READY if is_all else None)
                await batches.draw_anew(session, batch)
            return await form_of(session, batch)

    async def show_page(self, person: Person, batch_id: int, page: int | None) -> BatchForm:
        """Go to another page of the table, or to its overview."""
        async with self.database.sessions.begin() as session:
            batch, _ = await _own(session, person, batch_id)
            batch.page = page
            await batches.draw_anew(session, batch)
            return await form_of(session, batch)

    async def fix(self, person: Person, batch_id: int, invoice_id: int) -> ExportForm:
        """Start the export form of one invoice, on top of the table."""
        async with self.database.sessions.begin() as session:
            batch, connection = await _own(session, person, batch_id)
            draft = forms.new_draft(connection, person, self.now())
            draft.batch_id, draft.invoice_id = batch.id, invoice_id
            draft.due_at = self.now()
            session.add(draft)
            await session.flush()
            return await forms.form_of(session, connection, draft)

    async def fixed(self, person: Person, batch_id: int, draft_id: int) -> BatchForm:
        """Judge again what the form on top of the table was about, as it was read there."""
        async with self.database.sessions() as session:
            draft = await drafts.find(session, draft_id) if draft_id else None
        is_own = draft is not None and (draft.user_id, draft.batch_id) == (person.user_id, batch_id)
        return await self._judge(person, batch_id, forms.kept(draft) if draft and is_own else None)

    async def matched(self, person: Person, batch_id: int) -> BatchForm:
        """Judge again what waited for a client's contact or account."""
        return await self._judge(person, batch_id)

    async def _judge(
        self, person: Person, batch_id: int, fixed: Invoice | None = None
    ) -> BatchForm:
        async with self.database.sessions.begin() as session:
            batch, connection = await _own(session, person, batch_id)
            if batch.state is BatchState.READY:
                await reading.judge_again(session, connection, batch, fixed)
                await session.flush()
                await batches.draw_anew(session, batch)
            return await form_of(session, batch)

    async def choose_untaxed(self, person: Person, batch_id: int, tax_type: str) -> BatchForm:
        """Remember the rate of lines without tax, and judge again what waited for it."""
        async with self.database.sessions.begin() as session:
            _, connection = await _own(session, person, batch_id)
            connections.require_ready(connection)
            known = {each.tax_type for each in await matches.list_zero_rates(session, connection)}
            if tax_type in known:
                await matches.remember_tax(
                    session, connection, (UNTAXED, tax_type), by=person.user_id, at=self.now()
                )
                await ask_again(session, connection, self.now())
        return await self.matched(person, batch_id)

    async def confirm(self, person: Person, batch_id: int, marks: Marks = _NO_MARKS) -> BatchForm:
        """Start exporting everything that is selected: the table's one confirmation.

        `marks` are those of the page that is shown.
        """
        now = self.now()
        async with self.database.sessions.begin() as session:
            batch, connection = await _own(session, person, batch_id)
            connections.require_ready(connection)
            if batch.state is BatchState.READY:
                await batches.keep_marks(session, batch, marks)
                await take_selected(session, batch)
            if not await lifecycle.start(session, batch, now):
                raise AlreadyRequested("This batch is already on its way.")
            entry = AuditNote("batch_confirmed", now, person.user_id, after={"batch_id": batch.id})
            audit.record(session, connection, entry)
            form = await form_of(session, batch)
        await self.work.nudge(Job.BATCH, batch_id)
        return replace(form, state=BatchState.RUNNING)


async def _own(session: Session, person: Person, batch_id: int) -> tuple[Batch, Connection]:
    """Return this person's own batch."""
    batch = await batches.find(session, batch_id)
    if batch is None or batch.asked_by != person.user_id:
        raise ServiceError(_CLOSED)
    return batch, await connections.get_here(session, person, batch.connection_id)


async def _meant(session: Session, connection: Connection, numbers: Sequence[str]) -> list[str]:
    """Return each number once, as Paymo writes it where known. Raises `SeveralFit`.

    Those that fit what was typed are looked for again once Paymo was read.
    """
    meant = await numbered.each_meant(session, connection, numbers)
    found = dict.fromkeys(numbered.the_one(*each) for each in meant.items())
    return [each.strip()[:_LONGEST] for each in found]


@dataclass(frozen=True, slots=True)
class BatchStep(Step[Batch]):
    """Brings a batch on as far as it goes; what stands in the way is waited for, and shown.

    A crash between any two lines leaves rows that are taken up again: the batch by its lease, and
    an invoice that may have been sent by its own, to be looked up first.
    """

    database: Database
    work: Work
    screen: BatchScreen
    reader: TableReader
    sender: GroupSender
    recorder: Recorder
    now: Callable[[], datetime]

    job = Job.BATCH
    table = Batch
    policy = policy.BATCH

    async def run(self, turn: Turn[Batch]) -> None:
        """Read the table, bring it up to date, send what is left, or report anew."""
        batch, connection = turn.row, await connections.load(self.database, turn.row.connection_id)
        if batch.state is BatchState.DONE:
            async with self.database.sessions.begin() as session:
                await lifecycle.follow(session, batch)
            turn.then(partial(self._report, batch))
        elif batch.state is BatchState.READY:
            if await self.reader.follow(connection, batch):
                turn.then(partial(self._show, batch))
        elif connection.state is ConnectionState.ENDED:
            await self._settle(turn, connection)  # what never left has failed by that
        elif connection.state is not ConnectionState.ACTIVE:
            async with self.database.sessions.begin() as session:
                due_at = self.now() + PARKED
                await lifecycle.put_off(session, batch, due_at, _NOT_NOW, is_try=False)
            turn.then(partial(self._show, batch))
        elif batch.state is BatchState.READING:
            await self.reader.read(connection, batch)
            turn.then(partial(self._show, batch))
        else:
            await self._claim_all(connection, batch)
            await self._settle_new_contacts(connection, batch)
            await self.sender.send_all(connection, batch, partial(self._show, batch))
            await self._settle(turn, connection)

    async def put_off(
        self, session: Session, turn: Turn[Batch], wait: Wait
    ) -> Mapping[str, object]:
        """Show the person why it waits, and until when."""
        turn.then(partial(self._show, turn.row))
        connection = await connections.get(session, turn.row.connection_id)
        # What waits for somebody to connect again does not go on by itself.
        is_working = connection.state is ConnectionState.ACTIVE
        return {"problem": wait.sentence() if is_working else wait.why}

    async def give_up(self, turn: Turn[Batch], refusal: ServiceError) -> None:
        """End what nobody took: a table that was not read, or the invoices that never left."""
        batch = turn.row
        if batch.state is BatchState.READING:
            said = f"{refusal} We tried for over an hour. Open the list again later."
            async with self.database.sessions.begin() as session:
                await lifecycle.give_up_reading(session, batch, said)
            turn.then(partial(self._show, batch))
            return
        connection = await connections.load(self.database, batch.connection_id)
        async with self.database.sessions() as session:
            unsent = [export for _, export in await batches.list_unsent(session, batch.id)]
        for export in unsent:
            await self.recorder.fail(connection, export, refusals.no_answer(export))
        await self._settle(turn, connection)

    async def _show(self, batch: Batch) -> None:
        """Draw it, and its table again if somebody chose meanwhile: theirs may have come first."""
        drawn, reply_to = None, ReplyTarget(**batch.reply_to)
        while (form := await self._form(batch)) != drawn:
            await self.screen.show_batch(reply_to, form)
            if form.state is not BatchState.READY:
                return
            drawn = form

    async def _report(self, batch: Batch) -> None:
        await self.screen.show_ended(ReplyTarget(**batch.reply_to), await self._form(batch))

    async def _form(self, batch: Batch) -> BatchForm:
        async with self.database.sessions() as session:
            as_it_is = await batches.find(session, batch.id)  # a person may have gone on
            return await form_of(session, as_it_is or batch)

    async def _claim_all(self, connection: Connection, batch: Batch) -> None:
        """Claim every ready invoice, some at a time; those that somebody else has say so."""
        while True:
            async with self.database.sessions.begin() as session:
                await lifecycle.go_on(session, batch)
                rows = await batches.list_unclaimed(session, batch.id, Verdict.READY, _AT_ONCE)
                await self._claim(session, connection, batch, rows)
            if len(rows) < _AT_ONCE:
                return

    async def _claim(
        self, session: Session, connection: Connection, batch: Batch, rows: Sequence[BatchRow]
    ) -> None:
        ids = [each.paymo_invoice_id for each in rows]
        known = await batches.list_latest(session, connection, ids)
        asked = [self._request(connection, batch, each) for each in rows]
        found = await claims.claim_all(session, connection, asked, known)
        last: dict[int | None, Export] = {}
        for row, export in zip(rows, found, strict=True):
            if isinstance(export, AlreadyRequested):
                row.verdict, row.reason, row.cure = Verdict.TAKEN, str(export), ""
                continue
            if export.sent_at is not None:
                export.due_at = self.now()  # it goes alone: what was sent before is looked for
            row.export_id = export.id
            last[export.client_id] = export
        for export in last.values():
            await claims.remember_match(session, export, self.now())

    def _request(self, connection: Connection, batch: Batch, row: BatchRow) -> claims.Request:
        choice = ExportChoice(
            invoice_id=row.paymo_invoice_id,
            contact_id=row.contact_id,
            account_id=row.account_id,
            xero_status=connection.xero_status,
        )
        # Its own answers are silent, and belong to no view once the batch is over.
        reply_to = replace(ReplyTarget(**batch.reply_to), view_id="", view_hash="")
        invoice = claims.columns_of(Invoice.from_json(row.invoice or {}))
        return claims.Request(batch.asked_by, reply_to, self.now(), choice, invoice, batch.id)

    async def _settle_new_contacts(self, connection: Connection, batch: Batch) -> None:
        """Let one invoice of each client that Xero lacks go its way alone: it adds the contact.

        The client's others wait for it, and then go with all the rest.
        """
        alone: list[int] = []
        async with self.database.sessions.begin() as session:
            await lifecycle.go_on(session, batch)
            waiting = await batches.list_waiting(session, batch.id, is_apart=True)
            adding = {each.client_id for each in waiting if each.due_at is not None}
            lacking = [
                each
                for each in waiting
                if each.state is ExportState.QUEUED
                and each.due_at is None
                and each.batch_id == batch.id
                and each.contact_id == NEW_CONTACT
            ]
            client_ids = {each.client_id for each in lacking if each.client_id is not None}
            known = await matches.find_all(session, connection, client_ids)
            for export in lacking:
                match = known.get(export.client_id or 0)
                if match is not None and match.contact_id not in {"", NEW_CONTACT}:
                    export.contact_id = match.contact_id
                elif export.client_id not in adding:
                    adding.add(export.client_id)
                    export.due_at = self.now()
                    alone.append(export.id)
        for export_id in alone:
            await self.work.nudge(Job.EXPORT, export_id)

    async def _settle(self, turn: Turn[Batch], connection: Connection) -> None:
        """End the batch when every invoice has its outcome, or go on when one may have."""
        batch, now = turn.row, self.now()
        async with self.database.sessions.begin() as session:
            await lifecycle.advance(session, batch)
            waiting = await batches.list_waiting(session, batch.id)
            if waiting:
                # What somebody is at right now may have its outcome long before its lease ends.
                times = [now if each.leased_until else each.due_at for each in waiting]
                due_at = max(now + _PACE, min(filter(None, times), default=now))
                problem = next((each.reason for each in waiting if each.reason), "")
                await lifecycle.put_off(session, batch, due_at, problem)
            else:
                await lifecycle.finish(session, batch)
                await batches.forget_invoices(session, batch.id)
                await tell_ended(session, connection, batch, now)
                await courtesies.ask_for_batch(session, connection, batch.id, now)
        turn.nudge(Job.NOTICES, connection.workspace_id)
        turn.then(partial(self._show if waiting else self._report, batch))
