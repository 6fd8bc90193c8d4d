"""Tasks: asked for once, taken by one worker at a time, and kept as a record afterwards."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.errors import NotConnected, ServiceError, StillUnderWay, Throttled
from services.jobs.backoff import PARKED, TASK
from services.model.connection import ConnectionState
from services.model.invoice import InvoiceState
from services.model.jobs import Job, TaskState
from services.model.people import ReplyTarget
from services.store import connections, leaving
from services.store.fence import fenced
from services.store.tables import Connection, Export, Task

_LEASE = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be done, and who wants it; `by` is "" when the app asks itself."""

    job: Job
    subject: str
    at: datetime
    by: str = ""
    reply_to: ReplyTarget | None = None
    export_id: int | None = None
    data: dict[str, Any] = field(default_factory=dict)
    due_at: datetime | None = None  # at once where none is given


async def ask(session: AsyncSession, connection: Connection, asked: Asked) -> Task | None:
    """Add the task, or return None where the same one already waits."""
    task = Task(
        connection_id=connection.id,
        job=asked.job,
        subject=asked.subject,
        export_id=asked.export_id,
        state=TaskState.WAITING,
        due_at=asked.due_at or asked.at,
        asked_by=asked.by,
        asked_at=asked.at,
        reply_to=asdict(asked.reply_to) if asked.reply_to is not None else None,
        data=asked.data,
    )
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


async def take(session: AsyncSession, task_id: int, now: datetime) -> Task | None:
    """Take this task when it is due; nobody else gets it during the lease."""
    taken: Task | None = await session.scalar(
        update(Task)
        .where(Task.id == task_id, Task.state == TaskState.WAITING, Task.due_at <= now)
        .values(due_at=now + _LEASE, fence=Task.fence + 1, tries=Task.tries + 1)
        .returning(Task)
        .execution_options(populate_existing=True)
    )
    return taken


@dataclass(frozen=True, slots=True)
class Taken:
    """A task that was taken, with the export and the connection that it is about."""

    task: Task
    export: Export
    connection: Connection


async def take_about(session: AsyncSession, task_id: int, now: datetime) -> Taken | None:
    """Take a task about an export; while its connection does not work it is parked."""
    task = await take(session, task_id, now)
    if task is None or task.export_id is None:
        return None
    export = await session.get_one(Export, task.export_id)
    connection = await session.get_one(Connection, task.connection_id)
    if connection.state is ConnectionState.ENDED:
        await finish(session, task, TaskState.REFUSED, reason="The connection was ended.")
        if export.invoice_state is InvoiceState.UNDOING:
            export.invoice_state = InvoiceState.LIVE
        return None
    if connection.state is not ConnectionState.ACTIVE:
        why = "Paymo or Xero is not connected now."
        await put_off(session, task, now + PARKED, why, is_try=False)
        return None
    if (until := await _quiet_at(session, task, now)) is not None:
        await put_off(session, task, until, task.reason, is_try=False)
        return None
    return Taken(task, export, connection)


async def _quiet_at(session: AsyncSession, task: Task, now: datetime) -> datetime | None:
    """Return when what another task has sent about the same export is over, if it is not."""
    others = await session.scalars(
        select(Task).where(
            Task.export_id == task.export_id,
            Task.id != task.id,
            ~leaving.has_ended(Task, now),
        )
    )
    return max((leaving.over_at(each, now) for each in others), default=None)


async def postpone(
    session: AsyncSession, taken: Taken, refusal: ServiceError, now: datetime
) -> str:
    """Try again when the refusal may have passed; a broken connection is noted, and told once.

    Returns what to say where it begins to take long. While nobody can even look whether it is done
    it cannot end, so then it goes on once an hour.
    """
    task = taken.task
    if isinstance(refusal, StillUnderWay):
        await put_off(session, task, refusal.until, task.reason, is_try=False)
        return ""
    pause, is_try = TASK.pause_after(task.tries), True
    if isinstance(refusal, Throttled):
        pause, is_try = max(pause, refusal.retry_after), False
    if isinstance(refusal, NotConnected):
        await connections.mark_broken(
            session, taken.connection.id, refusal.system, reason=str(refusal), now=now
        )
        pause, is_try = PARKED, False
    is_long = is_try and TASK.is_over(task.tries)
    pause = max(pause, PARKED) if is_long else pause
    await put_off(session, task, now + pause, str(refusal), is_try=is_try)
    if is_long and task.tries == TASK.tries:
        return f"{refusal} It goes on once an hour until that works."
    return ""


async def note(session: AsyncSession, task: Task, **data: Any) -> bool:
    """Write down how far it has come."""
    return await fenced(session, task, task.fence, data=task.data | data, sent_at=task.sent_at)


async def leave(session: AsyncSession, task: Task, now: datetime, **data: Any) -> bool:
    """Write down what is sent now, before it is; False when somebody else took it since.

    Raises `StillUnderWay` while something sent earlier may still take effect.
    """
    return await leaving.leave(session, task, now, data=task.data | data)


async def put_off(
    session: AsyncSession,
    task: Task,
    due_at: datetime,
    reason: str,
    *,
    is_try: bool = True,
) -> bool:
    """Try again later; what was no try does not count as one."""
    return await fenced(
        session,
        task,
        task.fence,
        due_at=due_at,
        reason=reason,
        sent_at=task.sent_at,
        tries=task.tries if is_try else task.tries - 1,
    )


async def finish(
    session: AsyncSession,
    task: Task,
    state: TaskState,
    *,
    reason: str = "",
    data: dict[str, Any] | None = None,
) -> bool:
    """End it: done, or refused with a sentence why; False when somebody else took it since."""
    return await fenced(
        session,
        task,
        task.fence,
        state=state,
        due_at=None,
        sent_at=None,
        reason=reason,
        data=task.data | (data or {}),
    )


async def list_for(session: AsyncSession, export_id: int) -> Sequence[Task]:
    """Return what people, or the app, wanted done about an export, the newest first."""
    found = await session.scalars(
        select(Task).where(Task.export_id == export_id).order_by(Task.id.desc())
    )
    return found.all()
