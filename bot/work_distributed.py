"""The work engine of many processes on one PostgreSQL: Procrastinate carries the nudges.

A row's nudges share a lock, so one worker at a time looks at it, and a queueing lock, so that many
waiting nudges are one. Workers send heartbeats; what a killed one was doing is nudged for again.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import procrastinate
import psycopg
import structlog
from procrastinate import exceptions, jobs
from sqlalchemy import make_url

from bot.tasks import Tasks
from services.model.jobs import Job

log = structlog.get_logger(__name__)

Run = Callable[[Job, int], Awaitable[None]]

_LOOK = "look"
_SCHEMA_LOCK = 7_296_302  # any number that nothing else in the database locks


@dataclass(frozen=True, slots=True)
class Pace:
    """How many jobs at once, and how soon a worker that went silent is given up."""

    at_once: int = 16
    heartbeat: timedelta = timedelta(seconds=3)
    silence: timedelta = timedelta(seconds=15)
    poll: timedelta = timedelta(seconds=1)
    pause: timedelta = timedelta(seconds=1)


@dataclass(slots=True)
class DistributedWork:
    """Runs jobs that any process on the same database asked for."""

    url: str = field(repr=False)
    run: Run
    pace: Pace = field(default_factory=Pace)
    tasks: Tasks = field(default_factory=Tasks)
    app: procrastinate.App = field(init=False, repr=False)
    worker: asyncio.Task[None] | None = field(default=None, init=False)
    rescuer: asyncio.Task[None] | None = field(default=None, init=False)
    is_stopping: bool = False

    def __post_init__(self) -> None:
        """Name the one task that there is."""
        connector = procrastinate.PsycopgConnector(
            conninfo=_libpq(self.url), min_size=1, max_size=6
        )
        self.app = procrastinate.App(connector=connector)

        @self.app.task(name=_LOOK)
        async def _look(job: str, key: int) -> None:
            await self.run(Job(job), key)

    async def start(self) -> None:
        """Make Procrastinate's tables where they are missing, and begin to work."""
        await self.open()
        self.worker = self.tasks.start(self._keep_working(), "worker")
        self.rescuer = self.tasks.start(self._keep_rescuing(), "rescuer")

    async def open(self) -> None:
        """Be able to nudge, without working."""
        await self.app.open_async()
        await self._prepare()

    async def nudge(self, job: Job, key: int) -> None:
        """Have some worker look at this row soon."""
        at = f"{job}:{key}"
        task = self.app.configure_task(_LOOK, lock=at, queueing_lock=at)
        try:
            await task.defer_async(job=job.value, key=key)
        except exceptions.AlreadyEnqueued:
            return
        except exceptions.ConnectorException as error:
            # The row is there, and the clock finds it.
            log.warning("nudge_dropped", job=job, key=key, reason=str(error))

    async def stop(self, patience: timedelta) -> None:
        """Take nothing more, let what runs end, and let go of the database."""
        self.is_stopping = True
        for task in (self.rescuer, self.worker):
            if task is not None:
                task.cancel()
        await self.tasks.drain(patience + self.pace.pause)
        await self.app.close_async()

    async def settle(self) -> None:
        """Others work too, so it is never known that nothing is left; nobody has to wait."""

    async def rescue(self) -> None:
        """Nudge again for what workers were doing that are heard of no more."""
        manager = self.app.job_manager
        stalled = await manager.get_stalled_jobs(
            seconds_since_heartbeat=self.pace.silence.total_seconds()
        )
        for job in stalled:
            log.warning("job_rescued", **job.task_kwargs)
            # Retrying it would collide with a nudge that waits already; a new one merges.
            await manager.finish_job(job, jobs.Status.FAILED, delete_job=True)
            await self.nudge(Job(str(job.task_kwargs["job"])), _key_of(job))

    async def _prepare(self) -> None:
        """Processes that start together make the tables one at a time."""
        async with await psycopg.AsyncConnection.connect(
            _libpq(self.url), autocommit=True
        ) as connection:
            await connection.execute("SELECT pg_advisory_lock(%s)", [_SCHEMA_LOCK])
            if not await self.app.check_connection_async():
                await self.app.schema_manager.apply_schema_async()

    async def _keep_working(self) -> None:
        """Work until stopped; a lost database is waited for."""
        while not self.is_stopping:
            with contextlib.suppress(asyncio.CancelledError):
                try:
                    await self._work()
                except (exceptions.ConnectorException, psycopg.Error) as error:
                    log.warning("worker_lost_database", reason=str(error))
                    await asyncio.sleep(self.pace.pause.total_seconds())

    async def _work(self) -> None:
        await self.app.run_worker_async(
            concurrency=self.pace.at_once,
            delete_jobs="always",
            install_signal_handlers=False,
            fetch_job_polling_interval=self.pace.poll.total_seconds(),
            update_heartbeat_interval=self.pace.heartbeat.total_seconds(),
            stalled_worker_timeout=self.pace.silence.total_seconds(),
            shutdown_graceful_timeout=5.0,
        )

    async def _keep_rescuing(self) -> None:
        while True:
            try:
                await self.rescue()
            except exceptions.ConnectorException as error:
                log.warning("rescue_put_off", reason=str(error))
            await asyncio.sleep(self.pace.silence.total_seconds() / 3)


def _key_of(job: jobs.Job) -> int:
    key: Any = job.task_kwargs["key"]
    return int(key)


def _libpq(url: str) -> str:
    """Return the database's address as libpq reads it."""
    made = make_url(url).set(drivername="postgresql")
    query = {("sslmode" if name == "ssl" else name): each for name, each in made.query.items()}
    return made.set(query=query).render_as_string(hide_password=False)
