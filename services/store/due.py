"""Everything that is due, whatever became of the nudges for it."""

from datetime import datetime

from sqlalchemy import (
    CompoundSelect,
    Integer,
    Select,
    bindparam,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession

from services.model.connection import ConnectionState
from services.model.jobs import Job, TaskState
from services.model.payment import PaymentState
from services.store import exports, turns
from services.store.tables import (
    Batch,
    Card,
    Connection,
    Draft,
    Export,
    Notice,
    Payment,
    Task,
    Workspace,
)
from services.store.types import UtcDateTime, text_enum

_Due = Select[int, datetime | None]
_PAYMENTS = (PaymentState.ADDING, PaymentState.CHECKING, PaymentState.REMOVING)
_NOW = bindparam("now", type_=UtcDateTime)
_LIMIT = bindparam("limit", type_=Integer)


async def list_due(session: AsyncSession, now: datetime, limit: int = 200) -> list[tuple[Job, int]]:
    """Return jobs and their keys, the longest due first, each once.

    Nothing is done for a workspace that took the app away, but to end what it asked to be ended.
    """
    found: dict[tuple[Job, int], datetime] = {}
    asked = {"now": now, "limit": limit}
    for job, key, since in await session.execute(_EVERYTHING, asked):
        found[job, key] = min(since, found.get((job, key), since))
    return sorted(found, key=lambda at: found[at])[:limit]


def _exports() -> _Due:
    return (
        select(Export.id, Export.due_at)
        .join(Connection, Connection.id == Export.connection_id)
        .join(Workspace, Workspace.id == Connection.workspace_id)
        .where(Workspace.is_installed, Export.state.in_(exports.WAITING), Export.due_at <= _NOW)
        .order_by(Export.due_at, Export.id)
    )


def _drafts() -> _Due:
    return (
        select(Draft.id, Draft.due_at)
        .join(Workspace, Workspace.id == Draft.workspace_id)
        .where(Workspace.is_installed, Draft.due_at <= _NOW)
        .order_by(Draft.due_at, Draft.id)
    )


def _sweeps() -> _Due:
    return (
        select(Connection.id, Connection.sweep_due_at)
        .join(Workspace)
        .where(
            Workspace.is_installed,
            Connection.state == ConnectionState.ACTIVE,
            turns.is_sweep_due(_NOW),
        )
        .order_by(Connection.sweep_due_at, Connection.id)
    )


def _payments() -> _Due:
    since = func.min(Payment.due_at)
    return (
        select(Connection.id, since)
        .join(Workspace)
        .join(Payment, Payment.connection_id == Connection.id)
        .where(
            Workspace.is_installed,
            Connection.state == ConnectionState.ACTIVE,
            turns.is_sweep_due(_NOW),  # a look that is parked takes no payment along
            Payment.state.in_(_PAYMENTS),
            Payment.due_at <= _NOW,
        )
        .group_by(Connection.id)
        .order_by(since, Connection.id)
    )


def _mirrors() -> _Due:
    half = Connection.state == ConnectionState.PENDING
    has_a_side = or_(Connection.paymo_api_key.is_not(None), Connection.grant_id.is_not(None))
    return (
        select(Connection.id, Connection.mirror_due_at)
        .join(Workspace)
        .where(
            Workspace.is_installed,
            or_(Connection.state == ConnectionState.ACTIVE, half & has_a_side),
            turns.is_mirror_due(_NOW),
        )
        .order_by(Connection.mirror_due_at, Connection.id)
    )


def _disconnects() -> _Due:
    return (
        select(Connection.id, Connection.disconnect_due_at)
        .where(Connection.state == ConnectionState.ENDING, Connection.disconnect_due_at <= _NOW)
        .order_by(Connection.disconnect_due_at, Connection.id)
    )


def _notices() -> _Due:
    since = func.min(Notice.due_at)
    return (
        select(Workspace.id, since)
        .join(Notice, Notice.workspace_id == Workspace.id)
        .where(Workspace.is_installed, Notice.due_at <= _NOW)
        .group_by(Workspace.id)
        .order_by(since, Workspace.id)
    )


def _cards() -> _Due:
    since = func.min(Card.due_at)
    return (
        select(Workspace.id, since)
        .join(Connection, Connection.workspace_id == Workspace.id)
        .join(Export, Export.connection_id == Connection.id)
        .join(Card, Card.export_id == Export.id)
        .where(Workspace.is_installed, Card.due_at <= _NOW)
        .group_by(Workspace.id)
        .order_by(since, Workspace.id)
    )


def _batches() -> _Due:
    return (
        select(Batch.id, Batch.due_at)
        .join(Connection, Connection.id == Batch.connection_id)
        .join(Workspace, Workspace.id == Connection.workspace_id)
        .where(Workspace.is_installed, Batch.due_at <= _NOW)
        .order_by(Batch.due_at, Batch.id)
    )


def _tasks() -> Select[Job, int, datetime | None]:
    return (
        select(Task.job, Task.id, Task.due_at)
        .join(Connection, Connection.id == Task.connection_id)
        .join(Workspace, Workspace.id == Connection.workspace_id)
        .where(
            Workspace.is_installed,
            Task.state == TaskState.WAITING,
            Task.due_at <= _NOW,
        )
        .order_by(Task.due_at, Task.id)
    )


def _everything() -> CompoundSelect[Job, int, datetime]:
    """Return one statement for all of it: this is asked every few seconds."""
    asked = [
        (Job.EXPORT, _exports()),
        (Job.PREVIEW, _drafts()),
        (Job.SWEEP, _sweeps()),
        (Job.SWEEP, _payments()),
        (Job.MIRROR, _mirrors()),
        (Job.DISCONNECT, _disconnects()),
        (Job.NOTICES, _notices()),
        (Job.NOTICES, _cards()),
        (Job.BATCH, _batches()),
    ]
    tasks = _tasks().limit(_LIMIT).subquery()
    return union_all(*[_for(*each) for each in asked], select(*tasks.columns))


def _for(job: Job, asked: _Due) -> Select[Job, int, datetime]:
    first = asked.limit(_LIMIT).subquery()
    return select(literal(job, text_enum(Job)), *first.columns)


_EVERYTHING = _everything()
