"""The engine for several processes on one PostgreSQL: Procrastinate carries the nudges.

Only PostgreSQL needs it and its driver, so only PostgreSQL loads it.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, LiteralString

import procrastinate
import psycopg
import structlog
from procrastinate import exceptions, jobs
from procrastinate.connector import Notify
from sqlalchemy import make_url

from bot.work import Run, Tasks
from services.model.jobs import Job

log = structlog.get_logger(__name__)

_LOOK = "look"
_SCHEMA_LOCK = 7_296_302  # any number that nothing else in the database locks
_AT_ONCE = 16
_PAUSE = timedelta(seconds=1)  # before a lost database is tried again


class _Away(exceptions.ConnectorException, ConnectionError):
    """The database can't be reached, which is an outage for the log, not a bug."""


@contextlib.contextmanager
def _telling_outages() -> Iterator[None]:
    try:
        yield
    except exceptions.ConnectorException as error:
        if isinstance(error.__cause__, psycopg.OperationalError):
            raise _Away from error.__cause__
        raise


class _Connector(procrastinate.PsycopgConnector):
    """Tells outages from bugs, and listens again where it couldn't: the worker would only poll."""

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        """Execute it. Raises `_Away`."""
        with _telling_outages():
            await super().execute_query_async(query, **arguments)

    async def execute_query_one_async(
        self, query: LiteralString, **arguments: Any
    ) -> dict[str, Any]:
        """Return its only row. Raises `_Away`."""
        with _telling_outages():
            row: dict[str, Any] = await super().execute_query_one_async(query, **arguments)
            return row

    async def execute_query_all_async(
        self, query: LiteralString, **arguments: Any
    ) -> list[dict[str, Any]]:
        """Return its rows. Raises `_Away`."""
        with _telling_outages():
            rows: list[dict[str, Any]] = await super().execute_query_all_async(query, **arguments)
            return rows

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        """Listen until cancelled; meanwhile the pool logs that the database is away."""
        names = list(channels)
        while True:
            with contextlib.suppress(exceptions.ConnectorException):
                await super().listen_notify(on_notification, names)
            await asyncio.sleep(_PAUSE.total_seconds())


@dataclass(slots=True)
class DistributedWork:
    """Runs jobs that any process on one PostgreSQL asked for.

    A row's nudges share a queueing lock, so many that wait become one.
    """

    url: str = field(repr=False)
    run: Run
    poll: timedelta = timedelta(seconds=1)
    tasks: Tasks = field(default_factory=Tasks)
    app: procrastinate.App = field(init=False, repr=False)
    worker: asyncio.Task[None] | None = field(default=None, init=False)
    is_stopping: bool = False

    def __post_init__(self) -> None:
        """Register the only task."""
        connector = _Connector(conninfo=_libpq(self.url), min_size=1, max_size=6)
        self.app = procrastinate.App(connector=connector)

        @self.app.task(name=_LOOK)
        async def _look(job: str, key: int) -> None:
            await self.run(Job(job), key)

    async def start(self) -> None:
        """Create Procrastinate's tables if they are missing, and start working."""
        await self.app.open_async()
        await self._prepare()
        self.worker = self.tasks.start(self._keep_working(), "worker")

    async def nudge(self, job: Job, key: int) -> None:
        """Have some worker take this row soon."""
        task = self.app.configure_task(_LOOK, queueing_lock=f"{job}:{key}")
        try:
            await task.defer_async(job=job.value, key=key)
        except exceptions.AlreadyEnqueued:
            return
        except exceptions.ConnectorException as error:
            # The row is there, and the clock finds it.
            log.warning("nudge_dropped", job=job, key=key, reason=str(error))

    async def stop(self, patience: timedelta) -> None:
        """Take nothing new, let running work end, and close the connections."""
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
        """Work until stopped; if the database is lost, wait for it."""
        while not self.is_stopping:
            with contextlib.suppress(asyncio.CancelledError):
                try:
                    await self._work()
                except (exceptions.ConnectorException, psycopg.Error) as error:
                    log.warning(
                        "worker_lost_database", reason=type(error.__cause__ or error).__name__
                    )
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
    # Psycopg would write ASCII to a database in SQL_ASCII, and Procrastinate's tables hold more.
    return made.set(query=query | {"client_encoding": "UTF8"}).render_as_string(hide_password=False)
