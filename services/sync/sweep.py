"""One look at one organisation: read what changed, note it, and bring Paymo after it.

When nothing happened this is one call to Xero. The cursor moves on only after everything that was
read is written down; what a page said twice is noted once.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from services.clients.rows import texts_of
from services.clients.xero import XeroInvoice
from services.errors import Lost, NotConnected, ServiceError, Throttled
from services.jobs.backoff import SILENT
from services.model.jobs import Job
from services.model.payment import PaymentState
from services.model.people import ReplyTarget
from services.store import connections, exports, left_out, payments, turns
from services.store.engine import Session
from services.store.tables import Connection
from services.sync import deletions, drifting, telling, watching
from services.sync import payments as paying
from services.sync.kit import Kit, Look
from services.sync.observing import observe
from services.sync.shapes import Swept

log = structlog.get_logger(__name__)

_OVERLAP = timedelta(minutes=5)
_REREAD = timedelta(hours=24)
_AFTER_TROUBLE = timedelta(seconds=60)
_WHEN_SHORT = timedelta(hours=1)
_LONGEST_PROBLEM = 1000


@dataclass(slots=True)
class _Course:
    """How the look went, for the row and for who asked."""

    pause: timedelta
    cursor: datetime | None = None
    reread_at: datetime | None = None
    outcomes: Counter[PaymentState] | None = None
    deletions: int = 0
    problem: str = ""
    is_broken: bool = False
    is_cut_short: bool = False
    is_limited: bool = False  # then nobody shortens the pause
    read: set[str] = field(default_factory=set)
    left_out: dict[str, str] = field(default_factory=dict)


async def run(kit: Kit, connection_id: int) -> None:
    """Look at one organisation if its turn has come."""
    async with kit.database.sessions.begin() as session:
        connection = await turns.take_sweep(session, connection_id, kit.now())
    if connection is None:
        return
    look = Look(kit, connection)
    course = _Course(pause=kit.interval)
    try:
        await _go(look, course)
    except Lost:
        return
    except ServiceError as refusal:
        course.problem, course.is_cut_short = str(refusal), True
        if isinstance(refusal, Throttled):
            course.pause = max(refusal.retry_after, _AFTER_TROUBLE)
            course.is_limited = True
        elif isinstance(refusal, NotConnected):
            await _note_broken(look, refusal)
            course.is_broken = True
        else:
            course.pause = min(kit.interval, _AFTER_TROUBLE)
    await _finish(look, course)


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
        if not await turns.renew_sweep(session, look.connection, look.kit.now()):
            raise Lost
        await observe(session, look.connection, invoices, look.kit.now())
    await drifting.note_in_xero(look, invoices)


async def _note_broken(look: Look, refusal: NotConnected) -> None:
    async with look.kit.database.sessions.begin() as session:
        await connections.mark_broken(
            session,
            look.connection.id,
            refusal.system,
            reason=str(refusal),
            now=look.kit.now(),
        )


async def _tell_silence(session: Session, look: Look, course: _Course) -> None:
    """Tell once where Xero could not be read for long; a broken connection is told as such."""
    since = look.connection.swept_at or look.connection.created_at
    is_silent = course.reread_at is None and not course.is_broken
    if is_silent and look.kit.now() - since >= SILENT:
        await telling.failing(session, look, since, course.problem)


async def _finish(look: Look, course: _Course) -> None:
    connection, now = look.connection, look.kit.now()
    due_at = now + course.pause
    values: dict[str, object] = {"sweep_problem": course.problem[:_LONGEST_PROBLEM]}
    if connection.asked_by is not None:
        values["asked_by"] = None  # whoever asks while we look is answered by the next look
    if course.reread_at is not None:
        values |= {"cursor": course.cursor, "reread_at": course.reread_at, "swept_at": now}
    if not course.is_broken:
        values["day_calls_left"] = look.xero.allowance.day_left
    async with look.kit.database.sessions.begin() as session:
        waiting = await payments.next_due(session, connection.id)
        # A look that was cut short may not have come to what waits, and would begin again at once.
        if not course.is_cut_short:
            due_at = min([due_at, *look.waits, *([waiting] if waiting is not None else [])])
        due_at = max(due_at, now)
        values["sweep_held_until"] = due_at if course.is_limited else None
        is_ours = await turns.finish_sweep(session, connection, due_at, **values)
        if is_ours:
            row = await connections.get(session, connection.id)
            left_out.merge(row, "invoices in Xero", course.left_out, course.read)
            await telling.caught_up(session, look, _counts(course))
            await _tell_silence(session, look, course)
    await look.kit.work.nudge(Job.NOTICES, connection.workspace_id)
    if connection.asked_by is not None:
        swept = await _swept(look, course)
        await look.kit.screen.show_swept(ReplyTarget(**connection.asked_by), swept)


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
