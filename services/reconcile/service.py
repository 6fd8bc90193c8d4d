"""Compares both systems, for a person who asks or for a channel's digest."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Protocol

import structlog

from services.clients.paymo import PaymoClients
from services.clients.xero import XeroClients
from services.errors import ServiceError, Throttled
from services.export.one_off import OneOffStep
from services.jobs import policy
from services.jobs.policy import Policy, Wait
from services.jobs.runner import Turn, Work
from services.lifecycle import task as lifecycle
from services.model import days
from services.model.connection import ConnectionState
from services.model.invoice import Links
from services.model.jobs import Job
from services.model.notice import Every, NoticeKind
from services.model.people import Person, ReplyTarget, Role
from services.model.wording import Command, Moment, Typed, counted
from services.reconcile.judging import Judge
from services.reconcile.reading import StatementReader
from services.reconcile.relinking import Relinkable, Relinking
from services.reconcile.report import (
    Begun,
    Digest,
    Month,
    ReconcileScreen,
    Report,
    digest_facts,
    month_of,
)
from services.store import connections, mirror, notices, reconciling, schedules
from services.store.engine import Database, Session
from services.store.notices import Notification
from services.store.reconciling import Period
from services.store.settled import Settled, settle
from services.store.tables import Connection, Task

log = structlog.get_logger(__name__)

_HOUR = timedelta(hours=1)
_WORTH_TELLING = timedelta(minutes=1)
_OVER = frozenset({ConnectionState.ENDED, ConnectionState.ENDING})


@dataclass(frozen=True, slots=True)
class ReconcileService:
    """Asks for comparisons; `ReconcileStep` makes them."""

    database: Database
    work: Work
    now: Callable[[], datetime]

    async def ask(self, person: Person, text: str, reply_to: ReplyTarget) -> Begun:
        """Have a month compared, named as people type it; two presses are one comparison."""
        now = self.now()
        async with self.database.sessions.begin() as session:
            connection = await connections.get_for_exporter(session, person)
            month = month_of(text, days.day_in(connection.time_zone, now))
            asked = lifecycle.TaskRequest(
                Job.RECONCILE,
                subject_of(month.key, person.user_id),
                now,
                by=person.user_id,
                reply_to=reply_to,
                data={"month": month.key},
            )
            task = await lifecycle.ask_or_join(session, connection, asked)
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

    async def relink(
        self, person: Person, connection_id: int, reply_to: ReplyTarget, *, is_agreed: bool
    ) -> bool:
        """Have former exports looked for, and linked once agreed; say whether that is new."""
        async with self.database.sessions.begin() as session:
            found = await connections.get_here(session, person, connection_id, Role.OWNER)
            connection = connections.require_ready(found)
            asked = lifecycle.TaskRequest(
                Job.RELINK,
                "link" if is_agreed else "find",
                self.now(),
                by=person.user_id,
                reply_to=reply_to,
                data={"is_agreed": is_agreed},
            )
            task = await lifecycle.ask_or_join(session, connection, asked)
            task_id = task.id if task is not None else 0
        if task_id:
            await self.work.nudge(Job.RELINK, task_id)
        return bool(task_id)


@dataclass(frozen=True, slots=True)
class ReconcileStep(OneOffStep):
    """Compares both sides, and tells whoever asked; without anybody it is a channel's digest."""

    database: Database
    paymo: PaymoClients
    xero: XeroClients
    screen: ReconcileScreen
    links: Links
    now: Callable[[], datetime]

    job = Job.RECONCILE

    def policy_for(self, row: Task) -> Policy:
        """Try a few times while a person waits, and for two hours where a digest is owed."""
        return policy.DIGEST if row.reply_to is None else policy.COMPARISON

    async def run(self, turn: Turn[Task]) -> None:
        """Compare a month."""
        connection = await connections.load(self.database, turn.row.connection_id)
        today = days.day_in(connection.time_zone, self.now())
        month = month_of(turn.row.data["month"], today)
        _require_open(connection)
        try:
            self._require_calls(connection)
            report = await self._compare(connection, month)
        except Throttled as limit:
            if turn.row.reply_to is not None or limit.retry_after < _HOUR:
                raise
            await self._tell(turn, None, str(limit))
            return
        if turn.row.reply_to is None:
            await self._tell(turn, report)
        else:
            await self._record(turn, report)

    async def put_off(self, session: Session, turn: Turn[Task], wait: Wait) -> Mapping[str, object]:
        """Say once until when it waits for a limit."""
        task, values = turn.row, await OneOffStep.put_off(self, session, turn, wait)
        is_worth_telling = wait.is_limit and wait.until - self.now() >= _WORTH_TELLING
        if not is_worth_telling or task.data.get("told"):
            return values
        if task.reply_to is not None:
            text = f"{wait.why} We'll try again at {Moment(wait.until)}."
            turn.then(partial(self.screen.show_wait, ReplyTarget(**task.reply_to), text))
        return {**values, "data": task.data | {"told": True}}

    async def give_up(self, turn: Turn[Task], refusal: ServiceError) -> None:
        """Say why there is no comparison; a digest is told without one."""
        task = turn.row
        if task.reply_to is None:
            log.warning("digest_without_comparison", connection=task.connection_id)
            await self._tell(turn, None, str(refusal))
            return
        async with self.database.sessions.begin() as session:
            await lifecycle.refuse(session, task, str(refusal))
            target = await _asked_last(session, task)
        turn.then(partial(self.screen.show_refusal, target, str(refusal)))

    async def _compare(self, connection: Connection, month: Month) -> Report:
        reader = StatementReader(
            self.database,
            connection,
            self.paymo.client(connection.paymo_api_key),
            self.xero.of(connection),
        )
        read = await reader.read(month)
        return Judge(connection, read, self.links).report(month, self.now())

    def _require_calls(self, connection: Connection) -> None:
        """Leave the day's last calls to exports: the row knows what all processes used."""
        if connection.is_short_of_calls:
            left = connection.day_calls_left or 0
            raise Throttled(
                f"Xero allows {counted(left, 'more call')} today, and we keep them for exports.",
                retry_after=_HOUR,
                problem="day",
            )

    async def _record(self, turn: Turn[Task], report: Report) -> None:
        """Show it to whoever asked."""
        async with self.database.sessions.begin() as session:
            data = {"compared": report.compared, "agreeing": report.agreeing}
            await lifecycle.finish(session, turn.row, data)
            target = await _asked_last(session, turn.row)
        turn.then(partial(self.screen.show_report, target, report))

    async def _tell(self, turn: Turn[Task], report: Report | None, problem: str = "") -> None:
        """Queue the channel's digest, if it still wants one; the owner gets a month's file."""
        task, now = turn.row, self.now()
        period = _period_in(task)
        async with self.database.sessions.begin() as session:
            connection = await connections.get(session, task.connection_id)
            await lifecycle.finish(session, task)
            heard = await reconciling.find_reader(session, period)
            if heard is None or connection.state in _OVER:
                return
            figures = await reconciling.load_figures(session, connection, heard, period)
            client = await mirror.find_client(session, connection.id, heard.client_id or 0)
            digest = Digest(period, heard, figures, client.name if client else "", problem)
            facts = digest_facts(connection, digest, report, now)
            wanted = Notification(NoticeKind.DIGEST, period.source, facts, also=[heard.channel_id])
            await settle(session, connection, _former(period, facts["month"]), now)
            await notices.enqueue(session, connection, wanted, now)
        turn.nudge(Job.NOTICES, connection.workspace_id)
        if report is not None and heard.digest_every is Every.MONTHLY:
            owner = ReplyTarget(connection.workspace_id, connection.owner_id)
            turn.then(partial(self.screen.send_file, owner, report))


class RelinkScreen(ReconcileScreen, Protocol):
    """Where the owner sees what a lost database knew."""

    async def show_former(self, reply_to: ReplyTarget, found: Relinkable) -> str:
        """Show what was found in the open form, and ask whether it is to be linked.

        Returns what is to be asked elsewhere, where the form was closed.
        """

    async def show_linked(self, reply_to: ReplyTarget, count: int, found: Relinkable) -> None:
        """Say how many of them are linked."""


@dataclass(frozen=True, slots=True)
class RelinkStep(ReconcileStep):
    """Looks for former exports, shows them, and links them once the owner has agreed."""

    screen: RelinkScreen

    job = Job.RELINK

    async def run(self, turn: Turn[Task]) -> None:
        """Read both sides, and write what belongs together where that is agreed."""
        task = turn.row
        connection = await connections.load(self.database, task.connection_id)
        _require_open(connection)
        relinking = Relinking(self.database, self.paymo, self.xero, self.now)
        found = await relinking.find(connection)
        is_agreed = task.data["is_agreed"]
        by = ReplyTarget(**task.reply_to).user_id if task.reply_to else ""
        count = await relinking.write(found, by) if is_agreed or not found.pairs else 0
        async with self.database.sessions.begin() as session:
            await lifecycle.finish(session, task, {"found": len(found.pairs)})
            target = await _asked_last(session, task)
        turn.nudge(Job.NOTICES, connection.workspace_id)
        if is_agreed:
            turn.then(partial(self.screen.show_linked, target, count, found))
        else:
            turn.then(partial(self._show, target, found))

    async def _show(self, target: ReplyTarget, found: Relinkable) -> None:
        """Show what was found; a message that asks is in the outbox, which ends it once linked."""
        question = await self.screen.show_former(target, found)
        if not question:
            return
        now = self.now()
        async with self.database.sessions.begin() as session:
            connection = await connections.get(session, found.connection.id)
            asked = {"problem": question, "former": True, "is_found": True}
            facts = connections.common_facts(connection) | asked
            source = f"former:{connection.id}:{now:%Y%m%d%H%M%S%f}"
            told = Notification(NoticeKind.HEALTH, source, facts, also=[target.user_id])
            await notices.enqueue(session, connection, told, now)


async def _asked_last(session: Session, task: Task) -> ReplyTarget:
    """Return where the task was asked for last, which may be after it was taken."""
    as_it_is = await schedules.find_task(session, task.id)
    return ReplyTarget(**((as_it_is or task).reply_to or {}))


def _require_open(connection: Connection) -> None:
    """Refuse what ended for good; what is broken may be mended."""
    if connection.state in _OVER:
        raise ServiceError(
            f"Paymo and Xero are no longer connected. Type {Typed(Command.CONNECT)}."
        )
    connections.require_ready(connection)


async def ask_due(session: Session, now: datetime) -> Sequence[int]:
    """Ask for the digests that are owed, and return the tasks."""
    owed = await reconciling.take_owed_digests(session, now)
    asked = [await ask_digest(session, connection, period, now) for connection, period in owed]
    return [task.id for task in asked if task is not None]


async def ask_digest(
    session: Session, connection: Connection, period: Period, now: datetime
) -> Task | None:
    """Ask for one channel's digest, unless one waits already."""
    data = {
        "month": f"{period.last:%Y-%m}",
        "subscription_id": period.subscription_id,
        "first": period.first.isoformat(),
        "after": period.after.isoformat(),
    }
    wanted = lifecycle.TaskRequest(Job.RECONCILE, period.subject, now, data=data)
    return await lifecycle.ask(session, connection, wanted)


def _period_in(task: Task) -> Period:
    first, after = (date.fromisoformat(task.data[name]) for name in ("first", "after"))
    return Period(task.data["subscription_id"], first, after)


def _former(period: Period, month: str) -> Settled:
    """Return the channel's former digests of this month, which need their button no more."""
    own, new, kinds = f"{period.subject}:", (period.source,), (NoticeKind.DIGEST,)
    return Settled(kinds, "", "posted a newer digest", source=own, month=month, by_sources=new)


def subject_of(month: str, user_id: str) -> str:
    """Name a comparison that a person asks for: two presses of one are one."""
    return f"{month}:{user_id}"
