"""Everything that is due, even if its nudge was lost, and what is left over."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    and_,
    bindparam,
    func,
    literal,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.visitors import iterate

from services.model.connection import ConnectionState
from services.model.export import ExportState
from services.model.invoice import PaymentState
from services.model.jobs import Job, Left, TaskState
from services.store import exports, leases, schedules
from services.store.engine import Session
from services.store.tables import (
    Acquaintance,
    Batch,
    Card,
    Connection,
    Draft,
    Export,
    Notice,
    Payment,
    Schedule,
    Task,
    Workspace,
)
from services.store.types import UtcDateTime, is_any, text_enum

_Due = Select[int, datetime | None]
_PAYMENTS = (PaymentState.ADDING, PaymentState.CHECKING, PaymentState.REMOVING)
_NOW = bindparam("now", type_=UtcDateTime)
_LIMIT = bindparam("limit", type_=Integer)
# Planning this for PostgreSQL takes ten times as long as answering it. It plans once, and not every
# time, if it expects no gain from that: so it doesn't see when schedules have to be due (a range of
# subqueries seems short to it), and all values that stay the same stand in the statement.
_UNSEEN = select(_NOW).scalar_subquery()
_LONG_AGO = select(bindparam("long_ago", type_=UtcDateTime)).scalar_subquery()
_LONG = timedelta(minutes=15)  # what waits for less is usual
_LATELY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def list_due(session: Session, now: datetime, limit: int = 200) -> list[tuple[Job, int]]:
    """Return jobs and their keys, the longest due first, each once.

    Nothing is done for a workspace that took the app away, but to end what it asked to be ended.
    """
    found: dict[tuple[Job, int], datetime] = {}
    asked = {"now": now, "long_ago": _EPOCH, "limit": limit}
    for job, key, since in await session.execute(_EVERYTHING, asked):
        found[job, key] = min(since, found.get((job, key), since))
    return sorted(found, key=lambda at: found[at])[:limit]


def _works(
    connection_id: InstrumentedAttribute[int], *fitting: ColumnElement[bool]
) -> ColumnElement[bool]:
    """Say whether the connection's workspace has the app, and whether the connection fits.

    What is due decides which connections are looked up: a join might read them all each second.
    """
    return (
        select(and_(Workspace.is_installed, *fitting))
        .join_from(Connection, Workspace)
        .where(Connection.id == connection_id)
        .scalar_subquery()
    )


def _is_installed(workspace_id: ColumnElement[int]) -> ColumnElement[bool]:
    return select(Workspace.is_installed).where(Workspace.id == workspace_id).scalar_subquery()


def _rows(table: type[Export | Batch]) -> _Due:
    return (
        select(table.id, table.due_at)
        .where(leases.is_free(table, _NOW), _works(table.connection_id))
        .order_by(table.due_at, table.id)
    )


def _drafts() -> _Due:
    return (
        select(Draft.id, Draft.due_at)
        .where(leases.is_free(Draft, _NOW), _is_installed(Draft.workspace_id.expression))
        .order_by(Draft.due_at, Draft.id)
    )


def _schedules(job: Job) -> _Due:
    fits = schedules.FITTING[job]
    ends = select(fits).where(Connection.id == Schedule.connection_id).scalar_subquery()
    return (
        select(Schedule.connection_id, Schedule.due_at)
        .where(
            schedules.is_wanted(job, _UNSEEN),
            Schedule.due_at >= _LONG_AGO,
            ends if job is Job.DISCONNECT else _works(Schedule.connection_id, fits),
        )
        .order_by(Schedule.due_at, Schedule.connection_id)
    )


def _payments() -> _Due:
    since = func.min(Payment.due_at)
    # A sweep that is parked takes no payment along.
    swept = select(Schedule.connection_id).where(
        Schedule.connection_id == Connection.id, schedules.is_wanted(Job.SWEEP, _NOW)
    )
    return (
        select(Payment.connection_id, since)
        .where(Payment.state.in_(_PAYMENTS), leases.is_free(Payment, _NOW))
        .group_by(Payment.connection_id)
        .having(_works(Payment.connection_id, schedules.FITTING[Job.SWEEP], swept.exists()))
        .order_by(since, Payment.connection_id)
    )


def _in_workspaces(table: type[Notice | Acquaintance]) -> _Due:
    since = func.min(table.due_at)
    return (
        select(table.workspace_id, since)
        .where(leases.is_free(table, _NOW))
        .group_by(table.workspace_id)
        .having(_is_installed(table.workspace_id.expression))
        .order_by(since, table.workspace_id)
    )


def _cards() -> _Due:
    its = (
        select(Connection.workspace_id)
        .join_from(Export, Connection)
        .where(Export.id == Card.export_id)
        .scalar_subquery()
    )
    due = select(its.label("id"), Card.due_at).where(leases.is_free(Card, _NOW)).subquery()
    since = func.min(due.c.due_at)
    return (
        select(due.c.id, since)
        .group_by(due.c.id)
        .having(_is_installed(due.c.id))
        .order_by(since, due.c.id)
    )


def _tasks() -> Select[Job, int, datetime | None]:
    return (
        select(Task.job, Task.id, Task.due_at)
        .where(
            Task.state == TaskState.WAITING,
            leases.is_free(Task, _NOW),
            _works(Task.connection_id),
        )
        .order_by(Task.due_at, Task.id)
    )


def _everything() -> CompoundSelect[Job, int, datetime]:
    """Return one statement for all of it: this is asked every few seconds."""
    asked = [
        (Job.EXPORT, _rows(Export).where(Export.state.in_(exports.TAKEN))),
        (Job.PREVIEW, _drafts()),
        (Job.SWEEP, _schedules(Job.SWEEP)),
        (Job.SWEEP, _payments()),
        (Job.MIRROR, _schedules(Job.MIRROR)),
        (Job.DISCONNECT, _schedules(Job.DISCONNECT)),
        (Job.NOTICES, _in_workspaces(Notice)),
        (Job.NOTICES, _cards()),
        (Job.NOTICES, _in_workspaces(Acquaintance)),
        (Job.BATCH, _rows(Batch)),
    ]
    tasks = _tasks().limit(_LIMIT).subquery()
    return union_all(*[_for(*each) for each in asked], select(*tasks.columns))


def _for(job: Job, asked: _Due) -> Select[Job, int, datetime]:
    first = asked.limit(_LIMIT).subquery()
    return select(literal(job, text_enum(Job)), *first.columns)


_EVERYTHING = _everything()
for _each in iterate(_EVERYTHING):
    if isinstance(_each, BindParameter) and not _each.required:
        _each.literal_execute = True


async def count_left(session: Session, now: datetime) -> Left:
    """Count what waits for long, and what was given up."""
    is_asked = and_(Export.state == ExportState.FAILED, Export.requested_by != "")
    is_late = and_(Export.state != ExportState.FAILED, Export.requested_at <= now - _LONG)
    counted = await session.execute(
        select(func.count().filter(is_late), func.count().filter(is_asked))
        .select_from(Export)
        .join(Connection, Connection.id == Export.connection_id)
        .join(Workspace, Workspace.id == Connection.workspace_id)
        .where(
            is_any(Export.state, exports.TAKEN),
            Connection.state != ConnectionState.ENDED,
            Workspace.is_installed,
        )
    )
    late, asked = counted.one()
    waiting = and_(Notice.due_at.is_not(None), Notice.created_at <= now - _LONG)
    given_up = and_(
        Notice.due_at.is_(None),
        Notice.ts == literal_column("''"),  # as its index has it
        Notice.created_at > now - _LATELY,
    )
    return Left(
        exports_waiting=late,
        exports_failed=asked,
        notices_waiting=await _count_notices(session, waiting),
        notices_given_up=await _count_notices(session, given_up),
        connections_broken=await _count_broken(session),
    )


async def _count_broken(session: Session) -> int:
    counted = (
        select(func.count(Connection.id))
        .join(Workspace, Workspace.id == Connection.workspace_id)
        .where(Workspace.is_installed, Connection.state == ConnectionState.BROKEN)
    )
    return await session.scalar(counted) or 0


async def _count_notices(session: Session, which: ColumnElement[bool]) -> int:
    counted = (
        select(func.count(Notice.id))
        .join(Workspace, Workspace.id == Notice.workspace_id)
        .where(Workspace.is_installed, which)
    )
    return await session.scalar(counted) or 0
