"""Whose turn it is with a connection: one worker looks, copies or ends at a time."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, or_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from services.model.connection import ConnectionState
from services.store.tables import Connection

_LEASE = timedelta(minutes=2)


def is_sweep_due(now: Any) -> ColumnElement[bool]:
    """Say whether the look at an organisation is due, and no limit's pause holds it back."""
    return and_(Connection.sweep_due_at <= now, _is_free(Connection.sweep_held_until, now))


def is_mirror_due(now: Any) -> ColumnElement[bool]:
    """Say whether the copying of both systems' lists is due, as `is_sweep_due` does."""
    return and_(Connection.mirror_due_at <= now, _is_free(Connection.mirror_held_until, now))


def _is_free(held_until: Any, now: Any) -> ColumnElement[bool]:
    """Whoever wants it sooner moves the time at which it is due, and never a limit's pause."""
    return or_(held_until.is_(None), held_until <= now)


async def _take(
    session: AsyncSession, connection_id: int, is_turn: ColumnElement[bool], **values: Any
) -> Connection | None:
    """Write `values` if it is this connection's turn; of several who try, one gets it."""
    taken: Connection | None = await session.scalar(
        update(Connection)
        .where(Connection.id == connection_id, is_turn)
        .values(**values)
        .returning(Connection)
        .execution_options(populate_existing=True)
    )
    return taken


async def take_sweep(session: AsyncSession, connection_id: int, now: datetime) -> Connection | None:
    """Take the look at one organisation that is due; nobody else gets it during the lease."""
    is_turn = (Connection.state == ConnectionState.ACTIVE) & is_sweep_due(now)
    fence = Connection.sweep_fence + 1
    return await _take(
        session, connection_id, is_turn, sweep_due_at=now + _LEASE, sweep_fence=fence
    )


async def take_mirror(
    session: AsyncSession, connection_id: int, now: datetime
) -> Connection | None:
    """Take the copying of both systems' lists that is due."""
    states = (ConnectionState.ACTIVE, ConnectionState.PENDING)
    is_turn = Connection.state.in_(states) & is_mirror_due(now)
    fence = Connection.mirror_fence + 1
    return await _take(
        session, connection_id, is_turn, mirror_due_at=now + _LEASE, mirror_fence=fence
    )


async def finish_mirror(
    session: AsyncSession, connection: Connection, due_at: datetime, **values: Any
) -> bool:
    """Write what the copying came to, as `finish_sweep` does."""
    at, guard = Connection.mirror_due_at, Connection.mirror_fence == connection.mirror_fence
    next_at = case((at == connection.mirror_due_at, due_at), else_=at)
    return await _finish(session, connection, guard, values | {"mirror_due_at": next_at})


async def finish_sweep(
    session: AsyncSession, connection: Connection, due_at: datetime, **values: Any
) -> bool:
    """Write what the look came to, unless somebody took it over since.

    A hint that came meanwhile has moved the time of the next look, and is not undone.
    """
    at, guard = Connection.sweep_due_at, Connection.sweep_fence == connection.sweep_fence
    next_at = case((at == connection.sweep_due_at, due_at), else_=at)
    return await _finish(session, connection, guard, values | {"sweep_due_at": next_at})


async def renew_sweep(session: AsyncSession, connection: Connection, now: datetime) -> bool:
    """Say whether the look is still ours, and keep it so for another lease.

    In the transaction that writes, this is the fence: a worker that was paused writes nothing. A
    hint that came meanwhile has moved the time of the next look, and is not undone.
    """
    at, until = Connection.sweep_due_at, now + _LEASE
    due_at = await session.scalar(
        update(Connection)
        .where(Connection.id == connection.id, Connection.sweep_fence == connection.sweep_fence)
        .values(sweep_due_at=case((at == connection.sweep_due_at, until), else_=at))
        .returning(at)
        .execution_options(synchronize_session=False)
    )
    if due_at == until:
        set_committed_value(connection, "sweep_due_at", until)
    return due_at is not None


async def _finish(
    session: AsyncSession,
    connection: Connection,
    guard: ColumnElement[bool],
    values: dict[str, Any],
) -> bool:
    written = await session.scalar(
        update(Connection)
        .where(Connection.id == connection.id, guard)
        .values(**values)
        .returning(Connection.id)
        .execution_options(synchronize_session=False)
    )
    return written is not None


async def take_disconnect(
    session: AsyncSession, connection_id: int, now: datetime
) -> Connection | None:
    """Take the ending of a connection that is due."""
    is_turn = (Connection.state == ConnectionState.ENDING) & (Connection.disconnect_due_at <= now)
    tries = Connection.disconnect_tries + 1
    return await _take(
        session, connection_id, is_turn, disconnect_due_at=now + _LEASE, disconnect_tries=tries
    )
