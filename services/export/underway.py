"""One export with the task that changes it, while that goes on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.clients.xero import XeroClient, XeroInvoice
from services.errors import NotConnected, ServiceError, StillUnderWay, Throttled
from services.export.kit import Kit
from services.export.refusals import Refused
from services.jobs.backoff import PARKED, TASK
from services.lifecycle import task as lifecycle
from services.lifecycle.invoice import stop_undo
from services.model.connection import ConnectionState
from services.model.export import RefusalCode
from services.model.people import ReplyTarget, Said
from services.store import connections, leaving, tasks
from services.store.engine import Session
from services.store.tables import Connection, Export, Task


@dataclass(frozen=True, slots=True)
class Taken:
    """A task that was taken, with the export and the connection that it is about."""

    task: Task
    export: Export
    connection: Connection


async def take_about(session: Session, task_id: int, now: datetime) -> Taken | None:
    """Take a task about an export; while its connection does not work it is parked."""
    task = await tasks.take(session, task_id, now)
    if task is None or task.export_id is None:
        return None
    export = await session.get_one(Export, task.export_id)
    connection = await session.get_one(Connection, task.connection_id)
    if connection.state is ConnectionState.ENDED:
        await lifecycle.refuse(session, task, "The connection was ended.")
        await stop_undo(session, export)
        return None
    if connection.state is not ConnectionState.ACTIVE:
        why = "Paymo or Xero is not connected now."
        await lifecycle.put_off(session, task, now + PARKED, why, is_try=False)
        return None
    if (until := await tasks.quiet_at(session, task, now)) is not None:
        await lifecycle.put_off(session, task, until, task.reason, is_try=False)
        return None
    return Taken(task, export, connection)


async def postpone(session: Session, taken: Taken, refusal: ServiceError, now: datetime) -> str:
    """Try again when the refusal may have passed; a broken connection is noted, and told once.

    Returns what to say where it begins to take long. While nobody can even look whether it is done
    it cannot end, so then it goes on once an hour.
    """
    task = taken.task
    if isinstance(refusal, StillUnderWay):
        await lifecycle.put_off(session, task, refusal.until, task.reason, is_try=False)
        return ""
    pause, is_try = TASK.pause_after(task.tries), True
    if isinstance(refusal, Throttled):
        pause, is_try = max(pause, refusal.retry_after), False
    if isinstance(refusal, NotConnected):
        await connections.mark_broken(
            session, taken.connection.id, refusal.system, reason=str(refusal), now=now
        )
        pause, is_try = PARKED, False
    is_long = is_try and TASK.is_over(task.tries)
    pause = max(pause, PARKED) if is_long else pause
    await lifecycle.put_off(session, task, now + pause, str(refusal), is_try=is_try)
    if is_long and task.tries == TASK.tries:
        return f"{refusal} It goes on once an hour until that works."
    return ""


@dataclass(frozen=True, slots=True)
class Underway:
    """What the steps of such a task work with."""

    kit: Kit
    connection: Connection
    export: Export
    task: Task

    @property
    def xero(self) -> XeroClient:
        """Calls to the organisation."""
        return self.kit.xero.client(self.connection.tenant_id, self.connection.grant_id)

    def require_over(self) -> None:
        """Raise `StillUnderWay` while something sent earlier may still take effect."""
        leaving.require_over(self.task, self.kit.now())

    async def leave(self, **data: Any) -> None:
        """Write down what is sent to Xero now. Raises `StillUnderWay`, `Refused` or `Lost`."""
        self.require_over()
        if TASK.is_over(self.task.tries - 1):
            raise Refused(
                "Xero failed every time for over an hour. Try again later.", RefusalCode.NO_ANSWER
            )
        await self.leave_anyway(**data)

    async def leave_anyway(self, **data: Any) -> None:
        """Write down what is sent, however often it was tried."""
        async with self.kit.database.sessions.begin() as session:
            await lifecycle.leave(session, self.task, self.kit.now(), **data)

    async def change(self, fields: dict[str, object], *, key: str) -> XeroInvoice:
        """Change the invoice in Xero; call `leave` before."""
        with leaving.answered(self.task):
            return await self.xero.update_invoice(
                self.export.xero_invoice_id or "", fields, key=key
            )

    async def say(self, text: str, *, is_well: bool = True) -> None:
        """Tell whoever asked, if anybody did."""
        if not text or self.task.reply_to is None:
            return
        said = Said(
            text,
            is_well=is_well,
            xero_url=self.kit.links.xero(self.connection.short_code, self.export.xero_invoice_id),
            paymo_url=self.kit.links.paymo(self.export.paymo_invoice_id),
        )
        await self.kit.screen.say(ReplyTarget(**self.task.reply_to), said)
