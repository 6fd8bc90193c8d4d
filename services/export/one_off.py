"""What all one-off tasks about an export have in common."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Protocol

from services.clients.xero import XeroClients, XeroInvoice
from services.errors import NotFound, ServiceError, StillUnderWay
from services.export.refusals import Refused
from services.jobs import policy
from services.jobs.policy import PARKED, Policy, Wait
from services.jobs.runner import Step, Turn
from services.lifecycle import task as lifecycle
from services.lifecycle.invoice import stop_undo
from services.model.connection import ConnectionState
from services.model.export import RefusalCode
from services.model.invoice import Links
from services.model.people import ReplyTarget, Said
from services.store import audit, connections, exports, leases, schedules
from services.store.audit import AuditNote
from services.store.engine import Database, Session
from services.store.tables import Connection, Export, Task

_ENDED = "Nothing changed: the connection was ended before anything was sent."
_CHECKED_LATER = "We'll check once the same two are connected again."


class TaskScreen(Protocol):
    """Where the person who asked for a task sees the outcome."""

    async def say(self, reply_to: ReplyTarget, said: Said) -> None:
        """Say a sentence to the person alone."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One go at a task, with the export and the connection that it is about."""

    turn: Turn[Task]
    export: Export
    connection: Connection

    @property
    def task(self) -> Task:
        """The task itself."""
        return self.turn.row


class OneOffStep(Step[Task]):
    """A task of any kind."""

    table: ClassVar = Task

    async def put_off(
        self, _session: Session, _turn: Turn[Task], wait: Wait
    ) -> Mapping[str, object]:
        """Write down why it waits."""
        return {"reason": wait.why} if wait.why else {}


@dataclass(frozen=True, slots=True)
class ExportTaskStep(OneOffStep):
    """A task about one export; while its connection does not work it is parked.

    While nobody can even check whether it is done it cannot end, so then it goes on once an hour.
    """

    database: Database
    screen: TaskScreen
    links: Links
    now: Callable[[], datetime]

    policy: ClassVar[Policy] = policy.TASK
    system: ClassVar[str] = "Xero"  # what it writes to

    async def run(self, turn: Turn[Task]) -> None:
        """Bring it a step on, however far it had come."""
        about = await self._about(turn)
        if about is not None:
            await self.go_on(about)

    @abstractmethod
    async def go_on(self, about: Assignment) -> None:
        """Find what is done already, and do the rest."""

    async def _about(self, turn: Turn[Task]) -> Assignment | None:
        task = turn.row
        async with self.database.sessions.begin() as session:
            export = await exports.get(session, task.export_id or 0)
            connection = await connections.get(session, task.connection_id)
            if connection.state is ConnectionState.ENDED:
                await self._end_with_connection(session, Assignment(turn, export, connection))
                return None
            if connection.state is not ConnectionState.ACTIVE:
                due_at, why = self.now() + PARKED, "Paymo or Xero isn't connected now."
                await lifecycle.put_off(session, task, due_at, why, is_try=False)
                return None
            quiet_at = await schedules.quiet_at(session, task, self.now())
        if quiet_at is not None:
            raise StillUnderWay(until=quiet_at)
        return Assignment(turn, export, connection)

    async def _end_with_connection(self, session: Session, about: Assignment) -> None:
        """Refuse what never left; what may have is checked once the same two are connected again.

        Otherwise an undo whose answer was lost would look like somebody's deletion by then.
        """
        task = about.task
        if task.reply_to is None:
            await lifecycle.refuse(session, task, _ENDED)
        elif not task.data:
            await self.record_refusal(session, about, _ENDED)
            await stop_undo(session, about.export)
            self.tell(about.turn, _ENDED, is_well=False)
        else:
            why = f"The connection was ended before {self.system} confirmed this. {_CHECKED_LATER}"
            if task.reason != why:
                self.tell(about.turn, why, is_well=False)
            await lifecycle.put_off(session, task, self.now() + PARKED, why, is_try=False)

    async def give_up(self, turn: Turn[Task], refusal: ServiceError) -> None:
        """Go on once an hour, and say so once."""
        async with self.database.sessions.begin() as session:
            due_at = self.now() + PARKED
            await lifecycle.put_off(session, turn.row, due_at, str(refusal))
        if turn.row.tries == self.policy.tries:
            text = f"{refusal} We'll try again every hour."
            self.tell(turn, text, is_well=False)

    def require_over(self, about: Assignment) -> None:
        """Raise `StillUnderWay` while something sent earlier may still take effect."""
        leases.require_over(about.task, self.now())

    async def leave(self, about: Assignment, **data: Any) -> None:
        """Write down what is sent now. Raises `StillUnderWay`, `Refused` or `Lost`."""
        self.require_over(about)
        if self.policy.is_over(about.task.tries - 1):
            why = f"{self.system} failed every time for over an hour. Try again later."
            raise Refused(why, RefusalCode.NO_ANSWER)
        await self.leave_anyway(about, **data)

    async def leave_anyway(self, about: Assignment, **data: Any) -> None:
        """Write down what is sent, however often it was tried."""
        async with self.database.sessions.begin() as session:
            await lifecycle.leave(session, about.task, self.now(), **data)

    async def refuse(self, about: Assignment, why: str, said: str = "") -> None:
        """End the task with a sentence why, and say it."""
        async with self.database.sessions.begin() as session:
            await self.record_refusal(session, about, why)
        self.tell(about.turn, said or why, is_well=False)

    async def record_refusal(self, session: Session, about: Assignment, why: str) -> None:
        """End the task with a sentence why, and note that in the audit log."""
        await lifecycle.refuse(session, about.task, why)
        what, by = f"{self.job}_refused", about.task.asked_by
        entry = AuditNote(what, self.now(), by, about.export.id, after={"reason": why})
        audit.record(session, about.connection, entry)

    def tell(self, turn: Turn[Task], text: str, *, is_well: bool = True) -> None:
        """Tell whoever asked, if anybody did, once the row is written."""
        turn.then(partial(self._say, turn.row, text, is_well=is_well))

    async def said(self, task: Task, text: str, *, is_well: bool) -> Said:
        """Return what to say, with links to the invoice."""
        async with self.database.sessions() as session:
            export = await exports.get(session, task.export_id or 0)
            connection = await connections.get(session, task.connection_id)
        xero_url = self.links.xero(connection.short_code, export.xero_invoice_id)
        paymo_url = self.links.paymo(export.paymo_invoice_id)
        return Said(text, is_well=is_well, xero_url=xero_url, paymo_url=paymo_url)

    async def _say(self, task: Task, text: str, *, is_well: bool) -> None:
        if task.reply_to is not None:
            said = await self.said(task, text, is_well=is_well)
            await self.screen.say(ReplyTarget(**task.reply_to), said)


@dataclass(frozen=True, slots=True)
class XeroTaskStep(ExportTaskStep):
    """A task that changes the invoice in Xero."""

    xero: XeroClients

    async def change(
        self, about: Assignment, fields: dict[str, object], *, key: str
    ) -> XeroInvoice:
        """Change the invoice in Xero; call `leave` before. Raises `Refused` if it isn't there."""
        invoice_id = about.export.xero_invoice_id or ""
        xero = self.xero.of(about.connection)
        try:
            with leases.answered(about.task):
                return await xero.update_invoice(invoice_id, fields, key=key)
        except NotFound as refusal:
            raise Refused(
                "Xero can't find the invoice or something on it, such as its contact, so nothing "
                f"changed. Check both in {about.connection.organisation_name}, then try again.",
                RefusalCode.GONE,
            ) from refusal
