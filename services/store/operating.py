"""What the clock and the command line ask for across all workspaces."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.model.connection import ConnectionState
from services.model.jobs import Job
from services.store import schedules, workspaces
from services.store.tables import (
    Connection,
    Grant,
    Workspace,
)


async def list_idle_grants(session: AsyncSession, before: datetime) -> Sequence[int]:
    """Return the token sets in use whose access token ran out before this."""
    found = await session.scalars(
        select(Grant.id)
        .join(Connection, Connection.grant_id == Grant.id)
        .where(
            ~Grant.is_dead,
            Grant.expires_at < before,
            Connection.state != ConnectionState.ENDED,
        )
        .distinct()
    )
    return found.all()


async def make_sweeps_due(session: AsyncSession, workspace: str, now: datetime) -> Sequence[int]:
    """Have every working connection looked at now, and return them.

    `workspace` narrows it down, by Slack's id of a workspace or by ours.
    """
    chosen = (
        select(Connection.id)
        .join(Workspace)
        .where(Workspace.is_installed, Connection.state == ConnectionState.ACTIVE)
        .order_by(Connection.id)
    )
    if workspace:
        chosen = chosen.where(workspaces.is_named(workspace))
    found = (await session.scalars(chosen)).all()
    await schedules.want(session, found, [Job.SWEEP], now)
    return found
