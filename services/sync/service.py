"""Bringing payments and deletions from Xero to Paymo, and what people decide about them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.errors import NotFound, ServiceError
from services.jobs.runner import Work
from services.lifecycle import invoice
from services.lifecycle import payment as lifecycle
from services.model.jobs import Job
from services.model.people import Person, ReplyTarget
from services.store import audit, connections, exports, payments, schedules
from services.store.audit import AuditNote
from services.store.engine import Database, Session
from services.store.tables import Connection, Export

_Choose = Callable[[Session, Export], Awaitable[bool]]

_FRESH = timedelta(minutes=1)  # a look costs calls


@dataclass(frozen=True, slots=True)
class Asked:
    """What comes of asking for a sweep: a new one, unless one is under way or was just done."""

    organisation: str
    is_fresh: bool = False
    is_under_way: bool = False
    held_until: datetime | None = None  # a limit's pause, which nobody shortens


@dataclass(frozen=True, slots=True)
class SyncService:
    """What people do in Slack writes rows and nudges."""

    database: Database
    work: Work
    now: Callable[[], datetime]

    async def request(self, person: Person, reply_to: ReplyTarget) -> Asked:
        """Have the organisation looked at now, unless that happened just now or happens already."""
        now = self.now()
        async with self.database.sessions.begin() as session:
            connection = await connections.get_for_exporter(session, person)
            name = connection.organisation_name
            if connection.swept_at is not None and now - connection.swept_at < _FRESH:
                return Asked(name, is_fresh=True)
            connection_id = connection.id
            sweep = await schedules.find(session, connection_id, Job.SWEEP)
            if sweep is not None and sweep.reply_to is not None:
                return Asked(name, is_under_way=True)
            connection.xero_mirrored_at = None
            await schedules.want(session, [connection_id], [Job.SWEEP, Job.MIRROR], now)
            await schedules.expect(session, connection_id, Job.SWEEP, reply_to)
            held_until = sweep.held_until if sweep is not None else None
            if held_until is not None and held_until <= now:
                held_until = None
        await self.work.nudge(Job.SWEEP, connection_id)
        await self.work.nudge(Job.MIRROR, connection_id)
        return Asked(name, held_until=held_until)

    async def apply_breaker(self, person: Person, connection_id: int) -> str:
        """Follow in Paymo everything that the breaker holds."""
        return await self._release(person, connection_id, is_applied=True)

    async def keep_breaker(self, person: Person, connection_id: int) -> str:
        """Keep in Paymo everything that the breaker holds."""
        return await self._release(person, connection_id, is_applied=False)

    async def _release(self, person: Person, connection_id: int, *, is_applied: bool) -> str:
        async with self.database.sessions.begin() as session:
            connection = await self._own(session, person, connection_id)
            decided = [
                each
                for each in await exports.list_held(session, connection_id)
                if await _decide(session, each, is_applied=is_applied)
            ]
            connection.is_paused = False
            for export in decided:
                what = "breaker_applied" if is_applied else "breaker_kept"
                self._note(session, connection, export, person, what)
            await schedules.want(session, [connection.id], [Job.SWEEP], self.now())
        await self.work.nudge(Job.SWEEP, connection_id)
        if not decided:
            return "Nothing waits any more; somebody has decided already."
        numbers = ", ".join(each.number for each in decided)
        if is_applied:
            return f"Paymo follows Xero now for {numbers}."
        return f"Kept in Paymo: {numbers}."

    async def bring_back(self, person: Person, payment_id: int) -> str:
        """Record in Paymo a payment that is left out: deleted there, or asked about."""
        async with self.database.sessions.begin() as session:
            payment = await payments.find(session, payment_id)
            if payment is None:
                raise NotFound("This payment is not known any more.")
            connection = await self._own(session, person, payment.connection_id)
            if not await lifecycle.bring_back(session, payment, self.now()):
                raise ServiceError("Nothing to do: the payment is where it should be.")
            export = await exports.get(session, payment.export_id)
            self._note(session, connection, export, person, "payment_brought_back")
            await schedules.want(session, [connection.id], [Job.SWEEP], self.now())
            number = export.number
        await self.work.nudge(Job.SWEEP, connection.id)
        return f"The payment on invoice {number} is on its way to Paymo."

    async def delete_in_paymo(self, person: Person, export_id: int) -> str:
        """Delete in Paymo an invoice that is deleted or void in Xero, whatever stands there."""
        number = await self._choose(
            person, export_id, invoice.choose_deletion, "deletion_confirmed"
        )
        return f"Invoice {number} will be deleted in Paymo."

    async def void_in_paymo(self, person: Person, export_id: int) -> str:
        """Void in Paymo an invoice that is deleted or void in Xero, so that it keeps its ties."""
        number = await self._choose(person, export_id, invoice.choose_voiding, "void_chosen")
        return f"Invoice {number} will be voided in Paymo."

    async def _choose(self, person: Person, export_id: int, choose: _Choose, what: str) -> str:
        """Note what a person has chosen, and return the invoice's number."""
        async with self.database.sessions.begin() as session:
            export, connection = await exports.get_here(
                session, person, export_id, called="invoice"
            )
            if not await choose(session, export):
                raise ServiceError(f"Nothing to do: invoice {export.number} is settled already.")
            self._note(session, connection, export, person, what)
            await schedules.want(session, [connection.id], [Job.SWEEP], self.now())
            number = export.number
        await self.work.nudge(Job.SWEEP, connection.id)
        return number

    async def _own(self, session: Session, person: Person, connection_id: int) -> Connection:
        found = await connections.get_here(session, person, connection_id)
        return connections.require_ready(found)

    def _note(
        self, session: Session, connection: Connection, export: Export, person: Person, what: str
    ) -> None:
        entry = AuditNote(what, self.now(), person.user_id, export_id=export.id)
        audit.record(session, connection, entry)


async def _decide(session: Session, export: Export, *, is_applied: bool) -> bool:
    """Say whether this press decided; of two people, one does."""
    if not is_applied:
        return await invoice.keep(session, export)
    if export.xero_seen_status == invoice.VOIDED:
        return await invoice.apply_voiding(session, export)
    return await invoice.apply_deletion(session, export)
