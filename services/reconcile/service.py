"""Comparing both systems: asked for by a person, or by the clock for a month's digest."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from services.clients.paymo import PaymoClients
from services.clients.xero import XeroClients
from services.errors import Lost, NotConnected, ServiceError, Throttled, Unavailable
from services.jobs.backoff import COMPARISON, DIGEST
from services.jobs.work import Work
from services.lifecycle import task as lifecycle
from services.model import days
from services.model.connection import ConnectionState
from services.model.jobs import Job
from services.model.links import Links
from services.model.notice import NoticeKind
from services.model.people import Person, ReplyTarget
from services.model.wording import Command, Typed
from services.reconcile import months, reading
from services.reconcile.judging import Judge
from services.reconcile.months import Month
from services.reconcile.report import Begun, ReconcileScreen, Report, digest_facts
from services.store import connections, notices, reconciling, tasks
from services.store.engine import Database, Session
from services.store.notices import Notification
from services.store.tables import Connection, Task

log = structlog.get_logger(__name__)

_HOUR = timedelta(hours=1)
_LONGEST = timedelta(minutes=10)
_SOON = timedelta(seconds=20)
_LATER = timedelta(minutes=15)
_WORTH_TELLING = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ReconcileService:
    """`ask` writes a row and nudges; `run_reconcile` is a job."""

    database: Database
    paymo: PaymoClients
    xero: XeroClients
    work: Work
    screen: ReconcileScreen
    links: Links
    now: Callable[[], datetime]

    async def ask(self, person: Person, text: str, reply_to: ReplyTarget) -> Begun:
        """Have a month compared, named as people type it; two presses are one comparison."""
        now = self.now()
        async with self.database.sessions.begin() as session:
            connection = await connections.get_for_exporter(session, person)
            month = months.month_of(text, days.day_in(connection.time_zone, now))
            asked = lifecycle.Asked(
                Job.RECONCILE,
                subject_of(month.key, person.user_id),
                now,
                by=person.user_id,
                reply_to=reply_to,
                data={"month": month.key},
            )
            task = await lifecycle.ask(session, connection, asked)
            begun = Begun(
                organisation=connection.organisation_name or "Xero",
                company=connection.paymo_company_name or "Paymo",
                label=month.label,
                is_new=task is not None,
            )
            task_id = task.id if task is not None else 0
        if task_id:
            await self.work.nudge(Job.RECONCILE, task_id)
        return begun

    async def run_reconcile(self, task_id: int) -> None:
        """Compare both sides if it is this task's turn, and tell whoever asked."""
        with suppress(Lost):
            await self._run(task_id)

    async def _run(self, task_id: int) -> None:
        async with self.database.sessions.begin() as session:
            task = await tasks.take(session, task_id, self.now())
            if task is None:
                return
            # A long list takes longer than the usual lease; nobody else shall read it meanwhile.
            await lifecycle.put_off(session, task, self.now() + _LONGEST, "")
            connection = await connections.get(session, task.connection_id)
        today = days.day_in(connection.time_zone, self.now())
        month = months.month_of(task.data["month"], today)
        try:
            _require_open(connection)
            self._require_calls(connection)
            report = await self._compare(connection, month)
        except Throttled as refusal:
            await self._wait(task, refusal.retry_after, str(refusal))
        except NotConnected as refusal:
            await self._note_broken(connection, refusal)
            await self._give_up(task, refusal, later=_HOUR)
        except Unavailable as refusal:
            await self._give_up(task, refusal, later=_LATER)
        except ServiceError as refusal:
            await self._refuse(task, str(refusal))
        else:
            await self._record(task, report)

    async def _compare(self, connection: Connection, month: Month) -> Report:
        source = reading.Source(
            self.database,
            connection,
            self.paymo.client(connection.paymo_api_key),
            self.xero.client(connection.tenant_id, connection.grant_id),
        )
        books = await reading.read(source, month)
        return Judge(connection, books, self.links).report(month, self.now())

    def _require_calls(self, connection: Connection) -> None:
        """Leave the day's last calls to exports: the row knows what all processes used."""
        left = connection.day_calls_left
        xero = self.xero.client(connection.tenant_id, connection.grant_id)
        if left is not None and left < xero.allowance.kept_for_exports:
            raise Throttled(
                f"Xero lets the app make {left} more calls today, and they are kept for exports.",
                retry_after=_HOUR,
                problem="day",
            )

    async def _record(self, task: Task, report: Report) -> None:
        now = self.now()
        async with self.database.sessions.begin() as session:
            connection = await connections.get(session, task.connection_id)
            data = {"compared": report.compared, "agreeing": report.agreeing}
            await lifecycle.finish(session, task, data)
            if task.reply_to is None:
                facts = digest_facts(connection, report, days.day_in(connection.time_zone, now))
                source = f"digest:{connection.id}:{report.month}"
                await notices.enqueue(
                    session, connection, Notification(NoticeKind.DIGEST, source, facts), now
                )
        if task.reply_to is None:
            await self.work.nudge(Job.NOTICES, connection.workspace_id)
            owner = ReplyTarget(connection.workspace_id, connection.owner_id)
            await self.screen.send_file(owner, report)
        else:
            await self.screen.show_report(ReplyTarget(**task.reply_to), report)

    async def _wait(self, task: Task, pause: timedelta, reason: str) -> None:
        """Put it off, and say once until when; nobody sleeps in a job."""
        due_at = self.now() + max(pause, _SOON)
        is_told = bool(task.data.get("told"))
        is_worth_telling = pause >= _WORTH_TELLING and not is_told
        async with self.database.sessions.begin() as session:
            await lifecycle.put_off(session, task, due_at, reason)
            if is_worth_telling:
                await lifecycle.note(session, task, told=True)
        if task.reply_to is not None and is_worth_telling:
            when = f"{due_at:%H:%M} UTC on {due_at.day} {due_at:%b}"
            text = f"{reason} The comparison is tried again by itself at {when}."
            await self.screen.show_wait(ReplyTarget(**task.reply_to), text)

    async def _give_up(self, task: Task, refusal: ServiceError, *, later: timedelta) -> None:
        """Try again a few times while a person waits, and for a day where a digest is owed."""
        is_digest = task.reply_to is None
        patience = DIGEST if is_digest else COMPARISON
        is_hopeless = not is_digest and isinstance(refusal, NotConnected)
        if patience.is_over(task.tries) or is_hopeless:
            await self._refuse(task, str(refusal))
            return
        pause = later if is_digest else _SOON
        async with self.database.sessions.begin() as session:
            await lifecycle.put_off(session, task, self.now() + pause, str(refusal))

    async def _refuse(self, task: Task, reason: str) -> None:
        async with self.database.sessions.begin() as session:
            await lifecycle.refuse(session, task, reason)
        if task.reply_to is not None:
            await self.screen.show_refusal(ReplyTarget(**task.reply_to), reason)
        else:
            log.warning("digest_given_up", connection=task.connection_id)

    async def _note_broken(self, connection: Connection, refusal: NotConnected) -> None:
        async with self.database.sessions.begin() as session:
            await connections.mark_broken(
                session, connection.id, refusal.system, reason=str(refusal), now=self.now()
            )


def _require_open(connection: Connection) -> None:
    """Refuse what ended for good; what is broken may be mended."""
    if connection.state in {ConnectionState.ENDED, ConnectionState.ENDING}:
        raise ServiceError(
            f"Paymo and Xero are not connected any more. Run {Typed(Command.CONNECT)}."
        )
    connections.require_ready(connection)


async def ask_due(session: Session, now: datetime) -> Sequence[int]:
    """Ask for the digests that are owed, and return the tasks."""
    asked = []
    for connection, month in await reconciling.take_owed_digests(session, now):
        wanted = lifecycle.Asked(Job.RECONCILE, subject_of(month, ""), now, data={"month": month})
        task = await lifecycle.ask(session, connection, wanted)
        asked += [task.id] if task is not None else []
    return asked


def subject_of(month: str, user_id: str) -> str:
    """Name a comparison: each person's own, and the clock's; two presses of one are one."""
    return f"{month}:{user_id}"
