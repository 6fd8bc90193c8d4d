"""A connection's regular jobs, one row each; and tasks, done once and kept as a record."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, or_, select, update

from services.model.connection import ConnectionState
from services.model.jobs import Job, TaskState
from services.model.people import ReplyTarget
from services.model.wording import Member, Moment
from services.store import leases, mirror, workspaces
from services.store.engine import Session, insert_into
from services.store.tables import Connection, Schedule, Task, Workspace
from services.store.types import request_at_work

_IS_ACTIVE = Connection.state == ConnectionState.ACTIVE
_IS_HALF = (Connection.state == ConnectionState.PENDING) & (
    Connection.paymo_api_key.is_not(None) | Connection.grant_id.is_not(None)
)
# For which connections a job is done. Half a connection copies the half that it has.
FITTING = {
    Job.SWEEP: _IS_ACTIVE,
    Job.MIRROR: _IS_ACTIVE | _IS_HALF,
    Job.DISCONNECT: Connection.state == ConnectionState.ENDING,
}
_LONGEST_PROBLEM = 1000


def is_due(job: Job, now: Any) -> ColumnElement[bool]:
    """Say whether a job of a connection is due; whoever wants it sooner moves no limit's pause."""
    fitting = select(Connection.id).where(FITTING[job])
    return and_(is_wanted(job, now), Schedule.connection_id.in_(fitting))


def is_wanted(job: Job, now: Any) -> ColumnElement[bool]:
    """Say whether a job would be due if its connection fits."""
    is_free = or_(Schedule.held_until.is_(None), Schedule.held_until <= now)
    return and_(Schedule.job == job, leases.is_free(Schedule, now), is_free)


async def take(session: Session, connection_id: int, job: Job, now: datetime) -> Schedule | None:
    """Take a job of a connection that is due."""
    own = (Schedule.connection_id == connection_id) & is_due(job, now)
    return await leases.take_where(session, Schedule, own, now)


async def find(session: Session, connection_id: int, job: Job) -> Schedule | None:
    """Return when a job of a connection is wanted, if it ever was."""
    return await session.scalar(
        select(Schedule)
        .where(Schedule.connection_id == connection_id, Schedule.job == job)
        .execution_options(populate_existing=True)
    )


async def want(
    session: Session, connection_ids: Sequence[int], jobs: Sequence[Job], at: datetime
) -> None:
    """Have jobs done at `at`, unless they are due sooner; whoever is at one is not disturbed.

    The times are compared in the database, so that a hint for a job that begins just now is kept.
    """
    rows = [
        {"connection_id": each, "job": job, "due_at": at, "fence": 0, "tries": 0, "problem": ""}
        for each in connection_ids
        for job in jobs
    ]
    if not rows:
        return
    insert = insert_into(session, Schedule).values(rows)
    sooner = case((Schedule.due_at < at, Schedule.due_at), else_=at)
    await session.execute(
        insert.on_conflict_do_update(
            index_elements=["connection_id", "job"], set_={"due_at": sooner}
        ),
        execution_options={"synchronize_session": False},
    )


async def want_sweeps(session: Session, workspace: str, now: datetime) -> Sequence[int]:
    """Have every working connection swept now, and return them.

    `workspace` narrows it down, by Slack's id of a workspace or by ours.
    """
    chosen = (
        select(Connection.id)
        .join(Workspace)
        .where(Workspace.is_installed, _IS_ACTIVE)
        .order_by(Connection.id)
    )
    if workspace:
        chosen = chosen.where(workspaces.is_named(workspace))
    found = (await session.scalars(chosen)).all()
    await want(session, found, [Job.SWEEP], now)
    return found


async def begin(
    session: Session,
    connection_ids: Sequence[int],
    jobs: Sequence[Job],
    at: datetime,
    reply_to: ReplyTarget | None = None,
) -> None:
    """Have jobs done at `at`, as if never tried before; `reply_to` is where somebody waits."""
    await want(session, connection_ids, jobs, at)
    waits = asdict(reply_to) if reply_to is not None else None
    fresh = {"tries": 0, "problem": "", "request_id": request_at_work()}
    await _change(session, connection_ids, jobs, **fresh, reply_to=waits)


async def stop(session: Session, connection_id: int) -> None:
    """Have nothing done for a connection any more."""
    await _change(session, [connection_id], list(FITTING), due_at=None)


async def _change(
    session: Session, connection_ids: Sequence[int], jobs: Sequence[Job], **values: Any
) -> None:
    await session.write(
        update(Schedule)
        .where(Schedule.connection_id.in_(connection_ids), Schedule.job.in_(jobs))
        .values(**values)
    )


async def conclude(
    session: Session, schedule: Schedule, due_at: datetime, *, problem: str, is_held: bool
) -> bool:
    """Have a job done again at `due_at`, unless a hint asks for it sooner.

    False where somebody took it since. Where a limit `is_held` to, a hint has to wait for it.
    """
    values = columns(due_at, problem=problem, is_held=is_held)
    return await leases.let_go(session, schedule, due_at, tries=0, **values)


def columns(due_at: datetime, *, problem: str, is_held: bool) -> dict[str, Any]:
    """Return what to write of a job that waits until then."""
    held_until = due_at if is_held else None
    return {"problem": problem[:_LONGEST_PROBLEM], "held_until": held_until, "request_id": ""}


async def expect(session: Session, connection_id: int, job: Job, reply_to: ReplyTarget) -> None:
    """Note where somebody waits to hear how a job went."""
    await _change(session, [connection_id], [job], reply_to=asdict(reply_to))


async def answer(session: Session, schedule: Schedule) -> None:
    """Note that whoever waited for a job hears how it went."""
    await _change(session, [schedule.connection_id], [schedule.job], reply_to=None)


async def trouble_of(session: Session, connection: Connection) -> str:
    """Return all that people should know of the copying and the sync of this connection."""
    found = await session.scalars(
        select(Schedule).where(
            Schedule.connection_id == connection.id, Schedule.job.in_((Job.SWEEP, Job.MIRROR))
        )
    )
    by_job = {each.job: each.problem for each in found}
    problems = (by_job.get(Job.SWEEP), by_job.get(Job.MIRROR), mirror.left_out_of(connection))
    return " ".join(dict.fromkeys(each for each in problems if each))  # both may meet the same


async def redirect_task(session: Session, wanted: Task) -> bool:
    """Show the outcome of a waiting task where the same one was asked for last.

    Returns False where none waits any more.
    """
    return await session.write(
        update(Task)
        .where(
            Task.connection_id == wanted.connection_id,
            Task.job == wanted.job,
            Task.subject == wanted.subject,
            Task.state == TaskState.WAITING,
        )
        .values(reply_to=wanted.reply_to)
    )


async def find_task(session: Session, task_id: int) -> Task | None:
    """Return the task with this id, if there is one."""
    return await session.get(Task, task_id)


async def is_task_done(session: Session, job: Job, export_id: int) -> bool:
    """Say whether this was done for this export before."""
    return await session.has(
        Task.job == job, Task.export_id == export_id, Task.state == TaskState.DONE
    )


async def said_of_open(session: Session, job: Job, export_id: int) -> str:
    """Say who asked for what is being done to an export, and when; "" where nothing is."""
    its = (Task.job == job, Task.export_id == export_id, Task.state == TaskState.WAITING)
    task = await session.scalar(select(Task).where(*its).order_by(Task.id.desc()).limit(1))
    return f"{Member(task.asked_by)} asked for it at {Moment(task.asked_at)}." if task else ""


async def quiet_at(session: Session, task: Task, now: datetime) -> datetime | None:
    """Return when what another task has sent about the same export is over, if it is not."""
    others = await session.scalars(
        select(Task).where(
            Task.export_id == task.export_id,
            Task.id != task.id,
            ~leases.has_ended(Task, now),
        )
    )
    return max((leases.over_at(each, now) for each in others), default=None)


async def list_tasks(session: Session, export_id: int) -> Sequence[Task]:
    """Return what people, or the app, wanted done about an export, the newest first."""
    return await session.every(
        select(Task).where(Task.export_id == export_id).order_by(Task.id.desc())
    )


async def is_our_change(session: Session, export_id: int, stated_at: datetime) -> bool:
    """Say whether what Xero said at this time may predate an update of ours."""
    found = await session.scalars(
        select(Task).where(Task.export_id == export_id, Task.job == Job.UPDATE)
    )
    return any(
        each.state is TaskState.WAITING or each.data.get("stated_at", "") > stated_at.isoformat()
        for each in found
    )
