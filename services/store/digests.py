"""The month's digest: asked for once across all processes, and only where somebody listens."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.model import ConnectionState, Job, Topic
from services.store import errands
from services.store.errands import Asked
from services.store.tables import Connection, Subscription, Workspace

_HOUR = time(7, 0, tzinfo=UTC)


async def ask_due(session: AsyncSession, now: datetime) -> Sequence[int]:
    """Ask for the digest of the month before, on the first at seven or later; return its errands.

    A channel that began to listen since then is told at the end of this month. Of several
    processes one moves `digest_month`, and asks.
    """
    begins = datetime.combine(now.date().replace(day=1), _HOUR)
    if now < begins:
        return ()
    month = f"{begins.date() - timedelta(days=1):%Y-%m}"
    asked = []
    for connection in await _listened_to(session, month, begins):
        if await _move(session, connection.id, month):
            job = Asked(Job.RECONCILE, subject_of(month, ""), now, data={"month": month})
            errand = await errands.ask(session, connection, job)
            asked += [errand.id] if errand is not None else []
    return asked


def subject_of(month: str, user_id: str) -> str:
    """Name a comparison: each person's own, and the clock's; two presses of one are one."""
    return f"{month}:{user_id}"


async def _listened_to(session: AsyncSession, month: str, since: datetime) -> Sequence[Connection]:
    rows = await session.execute(
        select(Connection, Subscription.topics)
        .join(Workspace, Workspace.id == Connection.workspace_id)
        .join(Subscription, Subscription.connection_id == Connection.id)
        .where(
            Workspace.is_installed,
            Connection.state == ConnectionState.ACTIVE,
            Connection.digest_month < month,
            Subscription.paused_because == "",
            Subscription.set_at < since,
        )
        .order_by(Connection.id)
    )
    found = {row[0].id: row[0] for row in rows if Topic.DIGEST.value in row[1]}
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
