"""A one-off task's states: asked for, then done or refused, and kept as a record."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, TypedDict

from services.lifecycle.machine import Machine
from services.model.jobs import Job, TaskState
from services.model.people import ReplyTarget
from services.store import leases, schedules, worklists
from services.store.engine import Session, add_new
from services.store.tables import Connection, Task


class TaskColumns(TypedDict, total=False):
    """What the arrows may write beside the state."""

    due_at: datetime | None
    sent_at: datetime | None
    tries: int
    reason: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """What is to be done, and who wants it; `by` is "" when the app asks itself."""

    job: Job
    subject: str
    at: datetime
    by: str = ""
    reply_to: ReplyTarget | None = None
    export_id: int | None = None
    data: dict[str, Any] = field(default_factory=dict)
    due_at: datetime | None = None  # at once where none is given


machine = Machine("task", Task, Task.state, TaskColumns)


@machine.start(TaskState.WAITING)
def begin(connection: Connection, asked: TaskRequest) -> Task:
    """Make the row of a task."""
    return Task(
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


@machine.arrow([TaskState.WAITING], TaskState.DONE)
def finish(task: Task, data: Mapping[str, Any] | None = None) -> TaskColumns:
    """End what was done; `data` is what came of it."""
    return {"due_at": None, "sent_at": None, "reason": "", "data": {**task.data, **(data or {})}}


@machine.arrow([TaskState.WAITING], TaskState.REFUSED)
def refuse(_task: Task, reason: str) -> TaskColumns:
    """End what was not done, with a sentence why."""
    return {"due_at": None, "sent_at": None, "reason": reason}


@machine.note
def note(task: Task, /, **data: Any) -> TaskColumns:
    """Write down how far it has come."""
    return {"data": task.data | data, "sent_at": task.sent_at}


@machine.note
def leave(task: Task, /, now: datetime, **data: Any) -> TaskColumns:
    """Write down what is sent now, before it is.

    Raises `StillUnderWay` while something sent earlier may still take effect.
    """
    leases.require_over(task, now)
    return {"data": task.data | data, "sent_at": now}


@machine.note
def put_off(task: Task, due_at: datetime, reason: str, *, is_try: bool = True) -> TaskColumns:
    """Go on later; what was no try does not count as one."""
    tries = task.tries if is_try else task.tries - 1
    return {"due_at": due_at, "reason": reason, "sent_at": task.sent_at, "tries": tries}


async def ask(session: Session, connection: Connection, asked: TaskRequest) -> Task | None:
    """Add the task, or return None where the same one already waits."""
    return await add_new(session, begin(connection, asked))


async def ask_or_join(session: Session, connection: Connection, asked: TaskRequest) -> Task | None:
    """Add the task; if the same one waits, show it where it was asked for last."""
    task = await ask(session, connection, asked)
    if task is None and not await schedules.redirect_task(session, begin(connection, asked)):
        task = await ask(session, connection, asked)  # it ended just now
    return task


async def ask_again(
    session: Session, connection: Connection, now: datetime, *, client_id: int | None = None
) -> None:
    """Look again at what people were asked about, since more is settled; of one client, or of all.

    What is still in doubt is not asked about a second time.
    """
    for invoice_id in await worklists.list_asked_about(session, connection, client_id):
        await ask(session, connection, TaskRequest(Job.AUTO, str(invoice_id), now))
