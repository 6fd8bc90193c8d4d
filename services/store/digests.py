"""The month's digest: asked for once across all processes, and only where somebody listens."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.model import days
from services.model.connection import ConnectionState
from services.model.notice import Topic
from services.store.tables import Connection, Subscription, Workspace

_HOUR = time(7)


async def take_owed(session: AsyncSession, now: datetime) -> Sequence[tuple[Connection, str]]:
    """Return whose digest of the month before is owed, on the first at seven or later.

    It is seven where the books are kept. A channel that began to listen since then is told at the
    end of this month. Of several processes one moves `digest_month`, and has it.
    """
    owed = []
    for connection, listens_since in await _listened_to(session):
        begins = _begins(connection, now)
        month = f"{begins.date() - timedelta(days=1):%Y-%m}"
        if begins > now or listens_since >= begins or connection.digest_month >= month:
            continue
        if await _move(session, connection.id, month):
            owed.append((connection, month))
    return owed


def _begins(connection: Connection, now: datetime) -> datetime:
    """Return when this month's digest is due."""
    first = days.day_in(connection.time_zone, now).replace(day=1)
    return datetime.combine(first, _HOUR, days.zone_of(connection.time_zone))


async def _listened_to(session: AsyncSession) -> Sequence[tuple[Connection, datetime]]:
    """Return the connections that a channel wants digests of, and since when one does."""
    rows = await session.execute(
        select(Connection, Subscription)
        .join(Workspace, Workspace.id == Connection.workspace_id)
        .join(Subscription, Subscription.connection_id == Connection.id)
        .where(
            Workspace.is_installed,
            Connection.state == ConnectionState.ACTIVE,
            Subscription.paused_because == "",
        )
        .order_by(Connection.id, Subscription.set_at)
    )
    found: dict[int, tuple[Connection, datetime]] = {}
    for connection, heard in rows:
        if Topic.DIGEST.value in heard.topics:
            found.setdefault(connection.id, (connection, heard.set_at))
    return list(found.values())


async def _move(session: AsyncSession, connection_id: int, month: str) -> bool:
    moved = await session.scalar(
        update(Connection)
        .where(Connection.id == connection_id, Connection.digest_month < month)
        .values(digest_month=month)
        .returning(Connection.id)
        .execution_options(synchronize_session=False)
    )
    return moved is not None
