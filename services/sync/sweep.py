"""One look at one organisation: read what changed, note it, and bring Paymo after it.

When nothing happened this is one call to Xero. The cursor moves on only after everything that was
read is written down; what a page said twice is noted once.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from services.clients.rows import texts_of
from services.clients.xero import XeroInvoice
from services.errors import NotConnected, ServiceError
from services.jobs import policy
from services.jobs.policy import SILENT, Policy, Wait
from services.jobs.runner import Step, Turn
from services.model.jobs import Job
from services.model.payment import PaymentState
from services.model.people import ReplyTarget
from services.store import connections, exports, left_out, payments, schedules
from services.store.engine import Session
from services.store.tables import Connection, Schedule
from services.sync import deletions, drifting, telling, watching
from services.sync import payments as paying
from services.sync.kit import Kit, Look
from services.sync.observing import observe
from services.sync.shapes import Swept

_OVERLAP = timedelta(minutes=5)
_REREAD = timedelta(hours=24)
_WHEN_SHORT = timedelta(hours=1)


@dataclass(slots=True)
class _Course:
    """How the look went, for the row and for who asked."""

    pause: timedelta
    cursor: datetime | None = None
    reread_at: datetime | None = None
    outcomes: Counter[PaymentState] | None = None
    deletions: int = 0
    problem: str = ""
    refusal: ServiceError | None = None  # what cut it short
    is_limited: bool = False  # then nobody shortens the pause
    read: set[str] = field(default_factory=set)
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SweepStep(Step[Schedule]):
    """Looks at one organisation."""

    job = Job.SWEEP
    table = Schedule

    kit: Kit

    async def take(self, session: Session, key: int, now: datetime) -> Schedule | None:
        """Take the look at this connection's organisation."""
        return await schedules.take(session, key, Job.SWEEP, now)

    def policy_for(self, row: Schedule) -> Policy:
        """Try again with the next look, if that comes sooner."""
        [usual] = policy.SWEEP.pauses
        return replace(policy.SWEEP, pauses=(min(usual, self.kit.interval.seconds),))

    async def run(self, turn: Turn[Schedule]) -> None:
        """Look, and bring Paymo after it."""
        async with self.kit.database.sessions() as session:
            connection = await connections.get(session, turn.row.connection_id)
        look = Look(self.kit, connection, turn)
        course = _Course(pause=self.kit.interval)
        try:
            await _go(look, course)
        except ServiceError as refusal:
            course.problem, course.refusal = str(refusal), refusal
            await _finish(look, course)
            raise
        await _finish(look, course)

    async def put_off(
        self, session: Session, turn: Turn[Schedule], wait: Wait
    ) -> Mapping[str, object]:
        """Say why, and shorten no limit's pause."""
        return schedules.columns(wait.until, problem=wait.why, is_held=wait.is_limit)


async def _go(look: Look, course: _Course) -> None:
    await _read(look, course)
    course.outcomes = await paying.run_due(look)
    course.deletions = await deletions.run_unsettled(look)
    await watching.check_next(look)
    course.problem = " ".join(look.problems)
    allowance = look.xero.allowance
    if allowance.is_short:
        course.pause = max(course.pause, _WHEN_SHORT)
        course.is_limited = True
        course.problem = (
            f"Xero lets the app make {allowance.day_left} more calls today. They are kept for "
            "exports, so it looks for payments once an hour until the day's count starts again."
        )


async def _read(look: Look, course: _Course) -> None:
    """Note everything that Xero says has changed, then move the cursor."""
    connection = look.connection
    since = (connection.cursor or connection.created_at) - _OVERLAP
    newest = connection.cursor
    now = look.kit.now()
    xero = look.xero
    async for page in xero.invoices_since(since):
        await _note(look, page)
        # A time that lies ahead must not make us pass over what comes before it.
        seen = [min(each.updated_at, now) for each in page]
        newest = max([*seen, *([newest] if newest is not None else [])], default=None)
        course.read |= {each.invoice_id for each in page}
    is_nightly = connection.reread_at is not None and now - connection.reread_at >= _REREAD
    async with look.kit.database.sessions() as session:
        not_of = "" if is_nightly else look.kit.xero.app
        ids = await exports.list_followed_ids(session, connection, not_of=not_of)
    if ids:
        listed = await xero.invoices_by_id(ids)
        await _note(look, listed)
        course.read |= {each.invoice_id for each in listed}
    course.left_out = texts_of(xero.left_out)
    course.cursor = newest
    course.reread_at = now if is_nightly or connection.reread_at is None else connection.reread_at


async def _note(look: Look, invoices: Sequence[XeroInvoice]) -> None:
    if not invoices:
        return
    async with look.kit.database.sessions.begin() as session:
        await look.hold(session)
        await observe(session, look.connection, invoices, look.kit.now())
    await drifting.note_in_xero(look, invoices)


async def _tell_silence(session: Session, look: Look, course: _Course) -> None:
    """Tell once where Xero could not be read for long; a broken connection is told as such."""
    since = look.connection.swept_at or look.connection.created_at
    is_broken = isinstance(course.refusal, NotConnected)
    is_silent = course.reread_at is None and not is_broken
    if is_silent and look.kit.now() - since >= SILENT:
        await telling.failing(session, look, since, course.problem)


async def _finish(look: Look, course: _Course) -> None:
    """Write down how far it came; where it was cut short, the runner says when it goes on."""
    kit, now = look.kit, look.kit.now()
    reply_to = look.turn.row.reply_to
    async with kit.database.sessions.begin() as session:
        await look.hold(session)
        row = await connections.get(session, look.connection.id)
        if reply_to is not None:
            # Whoever asks while we look is answered by the next look.
            await schedules.answer(session, look.turn.row)
        if course.reread_at is not None:
            row.cursor, row.reread_at, row.swept_at = course.cursor, course.reread_at, now
        if not isinstance(course.refusal, NotConnected):
            row.day_calls_left = look.xero.allowance.day_left
        left_out.merge(row, "invoices in Xero", course.left_out, course.read)
        await telling.caught_up(session, look, _counts(course))
        await _tell_silence(session, look, course)
        # A look that was cut short may not have come to what waits, and would begin again at once.
        if course.refusal is None:
            waiting = await payments.next_due(session, row.id)
            due = [now + course.pause, *look.waits, *([waiting] if waiting is not None else [])]
            due_at = max(min(due), now)
            await schedules.finish(
                session, look.turn.row, due_at, problem=course.problem, is_held=course.is_limited
            )
    look.turn.nudge(Job.NOTICES, look.connection.workspace_id)
    if reply_to is not None:
        look.turn.then(partial(_show_swept, look, course, ReplyTarget(**reply_to)))


async def _show_swept(look: Look, course: _Course, reply_to: ReplyTarget) -> None:
    await look.kit.screen.show_swept(reply_to, await _swept(look, course))


def _counts(course: _Course) -> dict[str, int]:
    outcomes = course.outcomes or Counter()
    return {
        "payments": outcomes[PaymentState.RECORDED],
        "removals": outcomes[PaymentState.REMOVED],
        "deletions": course.deletions,
    }


async def _swept(look: Look, course: _Course) -> Swept:
    async with look.kit.database.sessions() as session:
        held = await exports.list_held(session, look.connection.id)
        connection = await connections.get(session, look.connection.id)
        said = left_out.said(connection)
    return Swept(
        organisation=_name(look.connection),
        **_counts(course),
        held=len(held),
        problem=" ".join(each for each in (course.problem, said) if each),
    )


def _name(connection: Connection) -> str:
    return connection.organisation_name or "Xero"
