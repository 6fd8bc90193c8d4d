"""What the clock and the command line ask for across all workspaces."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.model.connection import ConnectionState
from services.model.jobs import Job
from services.store import exports, schedules, workspaces
from services.store.tables import (
    Connection,
    Export,
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


async def put_off(
    session: AsyncSession, row: tuple[Job, int], until: datetime, problem: str
) -> None:
    """Have the row of a job looked at later, with the problem where people look."""
    job, key = row
    if job is not Job.EXPORT:
        return  # its rows are taken under a lease, and come due again by themselves
    await session.execute(
        update(Export)
        .where(Export.id == key, Export.state.in_(exports.WAITING))
        .values(due_at=until, reason=problem)
    )
