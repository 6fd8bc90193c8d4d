"""Tasks: asked for once, taken by one worker at a time, and kept as a record afterwards."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.model.jobs import Job, TaskState
from services.store import leases
from services.store.tables import Task


async def add(session: AsyncSession, task: Task) -> Task | None:
    """Add the task, or return None where the same one already waits."""
    try:
        async with session.begin_nested():
            session.add(task)
    except IntegrityError:
        return None
    return task


async def find(session: AsyncSession, task_id: int) -> Task | None:
    """Return the task with this id, if there is one."""
    return await session.get(Task, task_id)


async def is_done(session: AsyncSession, job: Job, export_id: int) -> bool:
    """Say whether this was done for this export before."""
    found = await session.scalar(
        select(Task.id)
        .where(
            Task.job == job,
            Task.export_id == export_id,
            Task.state == TaskState.DONE,
        )
        .limit(1)
    )
    return found is not None


async def quiet_at(session: AsyncSession, task: Task, now: datetime) -> datetime | None:
    """Return when what another task has sent about the same export is over, if it is not."""
    others = await session.scalars(
        select(Task).where(
            Task.export_id == task.export_id,
            Task.id != task.id,
            ~leases.has_ended(Task, now),
        )
    )
    return max((leases.over_at(each, now) for each in others), default=None)


async def list_for(session: AsyncSession, export_id: int) -> Sequence[Task]:
    """Return what people, or the app, wanted done about an export, the newest first."""
    found = await session.scalars(
        select(Task).where(Task.export_id == export_id).order_by(Task.id.desc())
    )
    return found.all()
