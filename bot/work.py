"""Work: tasks that outlive what started them, and the two engines that carry nudges.

A nudge says "look at row X now". Rows are taken under a lease, so what an engine loses or doubles
does no harm: the clock finds whatever is due.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import procrastinate
import psycopg
import structlog
from procrastinate import exceptions, jobs
from sqlalchemy import make_url

from services.model.jobs import Job

log = structlog.get_logger(__name__)

Run = Callable[[Job, int], Coroutine[Any, Any, None]]
Nudge = tuple[Job, int]

_LOOK = "look"
_SCHEMA_LOCK = 7_296_302  # any number that nothing else in the database locks
_AT_ONCE = 16
_PAUSE = timedelta(seconds=1)  # before a lost database is tried again


@dataclass(frozen=True, slots=True)
class Tasks:
    """The tasks that are running."""

    running: set[asyncio.Task[None]] = field(default_factory=set)

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run this in the background."""
        task = asyncio.create_task(work, name=name)
        self.running.add(task)
        task.add_done_callback(self._end)
        return task

    async def drain(self, patience: timedelta) -> None:
        """Let what is running end; cancel what has not ended by then."""
        if self.running:
            await asyncio.wait(self.running, timeout=patience.total_seconds())
        left = set(self.running)
        for task in left:
            log.warning("task_cut_short", task=task.get_name())
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _end(self, task: asyncio.Task[None]) -> None:
        self.running.discard(task)
        failure = None if task.cancelled() else task.exception()
        if failure is not None:
            log.error("task_failed", task=task.get_name(), exc_info=failure)


@dataclass(slots=True)
class EmbeddedWork:
    """Runs jobs as tasks of one process: one at a time for each row; no kind keeps out the others.

    A nudge for a row that waits already adds nothing; one for a row that is being looked at makes
    it be looked at once more. What does not fit is found again by the clock.
    """

    run: Run
    at_once: int = 32
    of_a_kind: int = 8
    longest_line: int = 10_000
    tasks: Tasks = field(default_factory=Tasks)
    waiting: dict[Nudge, None] = field(default_factory=dict)
    running: set[Nudge] = field(default_factory=set)
    again: set[Nudge] = field(default_factory=set)
    kinds: Counter[Job] = field(default_factory=Counter)
    is_stopping: bool = False

    async def start(self) -> None:
        """Nothing has to be prepared."""

    async def nudge(self, job: Job, key: int) -> None:
        """Look at this row soon."""
        nudge = (job, key)
        if self.is_stopping or nudge in self.waiting:
            return
        if nudge in self.running:
            self.again.add(nudge)
        elif len(self.waiting) >= self.longest_line:
            log.warning("nudge_dropped", job=job, key=key)
        else:
            self.waiting[nudge] = None
            self._fill()

    async def stop(self, patience: timedelta) -> None:
        """Start nothing new, and let what runs end."""
        self.is_stopping = True
        self.waiting.clear()
        await self.tasks.drain(patience)

    async def settle(self) -> None:
        """Wait until nothing waits or runs."""
        while self.tasks.running:
            await asyncio.wait(set(self.tasks.running))

    def _fill(self) -> None:
        for nudge in list(self.waiting):
            if len(self.running) >= self.at_once or self.is_stopping:
                return
            if self.kinds[nudge[0]] < self.of_a_kind:
                del self.waiting[nudge]
                self._begin(nudge)

    def _begin(self, nudge: Nudge) -> None:
        job, key = nudge
        self.running.add(nudge)
        self.kinds[job] += 1
        task = self.tasks.start(self.run(job, key), f"{job}:{key}")
        task.add_done_callback(lambda _: self._end(nudge))

    def _end(self, nudge: Nudge) -> None:
        self.running.discard(nudge)
        self.kinds[nudge[0]] -= 1
        if nudge in self.again:
            self.again.discard(nudge)
            if not self.is_stopping:
                self.waiting[nudge] = None
        self._fill()


@dataclass(frozen=True, slots=True)
class Alarm:
    """Nudges after a while; what is lost with a process, the clock finds a moment later."""

    work: "EmbeddedWork | DistributedWork"
    tasks: Tasks

    def __call__(self, job: Job, key: int, after: timedelta) -> None:
        """Have this row looked at then."""
        asyncio.get_running_loop().call_later(after.total_seconds(), self._ring, job, key)

    def _ring(self, job: Job, key: int) -> None:
        if not self.work.is_stopping:
            self.tasks.start(self.work.nudge(job, key), "alarm")


@dataclass(slots=True)
class DistributedWork:
    """Runs jobs that any process on one PostgreSQL asked for; Procrastinate carries the nudges.

    A row's nudges share a queueing lock, so that many that wait are one.
    """

    url: str = field(repr=False)
    run: Run
    poll: timedelta = timedelta(seconds=1)
    tasks: Tasks = field(default_factory=Tasks)
    app: procrastinate.App = field(init=False, repr=False)
    worker: asyncio.Task[None] | None = field(default=None, init=False)
    is_stopping: bool = False

    def __post_init__(self) -> None:
        """Register the one task that there is."""
        connector = procrastinate.PsycopgConnector(
            conninfo=_libpq(self.url), min_size=1, max_size=6
        )
        self.app = procrastinate.App(connector=connector)

        @self.app.task(name=_LOOK)
        async def _look(job: str, key: int) -> None:
            await self.run(Job(job), key)

    async def start(self) -> None:
        """Create Procrastinate's tables where they are missing, and start working."""
        await self.app.open_async()
        await self._prepare()
        self.worker = self.tasks.start(self._keep_working(), "worker")

    async def nudge(self, job: Job, key: int) -> None:
        """Have some worker look at this row soon."""
        task = self.app.configure_task(_LOOK, queueing_lock=f"{job}:{key}")
        try:
            await task.defer_async(job=job.value, key=key)
        except exceptions.AlreadyEnqueued:
            return
        except exceptions.ConnectorException as error:
            # The row is there, and the clock finds it.
            log.warning("nudge_dropped", job=job, key=key, reason=str(error))

    async def stop(self, patience: timedelta) -> None:
        """Take nothing new, let what runs end, and close the connections."""
        self.is_stopping = True
        if self.worker is not None:
            self.worker.cancel()
        await self.tasks.drain(patience + _PAUSE)
        await self.app.close_async()

    async def settle(self) -> None:
        """Return at once: other processes work too, so nobody knows when nothing is left."""

    async def _prepare(self) -> None:
        """Create the tables, and delete what killed workers left; one process at a time."""
        async with await psycopg.AsyncConnection.connect(
            _libpq(self.url), autocommit=True
        ) as connection:
            await connection.execute("SELECT pg_advisory_lock(%s)", [_SCHEMA_LOCK])
            if not await self.app.check_connection_async():
                await self.app.schema_manager.apply_schema_async()
            manager = self.app.job_manager
            for each in await manager.get_stalled_jobs():
                await manager.finish_job(each, jobs.Status.FAILED, delete_job=True)

    async def _keep_working(self) -> None:
        """Work until stopped; where the database is lost, wait for it."""
        while not self.is_stopping:
            with contextlib.suppress(asyncio.CancelledError):
                try:
                    await self._work()
                except (exceptions.ConnectorException, psycopg.Error) as error:
                    log.warning("worker_lost_database", reason=str(error))
                    await asyncio.sleep(_PAUSE.total_seconds())

    async def _work(self) -> None:
        await self.app.run_worker_async(
            concurrency=_AT_ONCE,
            delete_jobs="always",
            install_signal_handlers=False,
            fetch_job_polling_interval=self.poll.total_seconds(),
            shutdown_graceful_timeout=5.0,
        )


def _libpq(url: str) -> str:
    """Write the database's address as libpq reads it."""
    made = make_url(url).set(drivername="postgresql")
    query = {("sslmode" if name == "ssl" else name): each for name, each in made.query.items()}
    return made.set(query=query).render_as_string(hide_password=False)
