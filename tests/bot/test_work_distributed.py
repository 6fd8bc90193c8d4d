"""Nudges between processes on one PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import make_url, text, update

from bot.distributed import DistributedWork
from bot.work import Run
from services.jobs import policy
from services.jobs.runner import Runner, Step, Turn
from services.model.jobs import Job
from services.store.engine import Database, Session
from services.store.tables import Draft
from tests.databases import Cluster, open_database
from tests.services.connecting import Nudges
from tests.services.store_seeds import connected

PATIENCE = timedelta(seconds=5)
FAST = timedelta(milliseconds=200)


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Looks:
    """What any of the workers looked at, and what they did at the same time."""

    seen: list[tuple[Job, int]] = field(default_factory=list)
    now: set[tuple[Job, int]] = field(default_factory=set)
    overlaps: int = 0
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, job: Job, key: int) -> None:
        """Look until let go."""
        self.overlaps += (job, key) in self.now
        self.seen.append((job, key))
        self.now.add((job, key))
        await self.go.wait()
        self.now.discard((job, key))


@asynccontextmanager
async def working(url: str, run: Run) -> AsyncIterator[DistributedWork]:
    work = DistributedWork(url, run, poll=FAST)
    await work.start()
    try:
        yield work
    finally:
        await work.stop(PATIENCE)


async def until(is_true: Callable[[], bool], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not is_true():
            await asyncio.sleep(0.02)


@dataclass
class Looking(Step[Draft]):
    """A row that a worker holds for as long as it looks."""

    looks: Looks

    job = Job.PREVIEW
    table = Draft
    policy = policy.PREVIEW

    async def run(self, turn: Turn[Draft]) -> None:
        """Look until let go."""
        await self.looks.run(Job.PREVIEW, turn.row.id)


async def drafts(database: Database) -> None:
    """Keep two that are due."""
    connection = await connected(database)
    ids = {"connection_id": connection.id, "workspace_id": connection.workspace_id}
    async with database.sessions.begin() as session:
        for _ in range(2):
            session.add(Draft(**ids, user_id="U1", due_at=now(), created_at=now()))


async def test_e61_a_row_is_looked_at_by_one_of_several_processes_at_a_time(
    postgres_url: str,
) -> None:
    database, looks = open_database(postgres_url), Looks()
    await drafts(database)
    runner = Runner(database, Nudges(), now)

    async def run(_job: Job, key: int) -> None:
        await runner.run(Looking(looks), key)

    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        works = [await stack.enter_async_context(working(postgres_url, run)) for _ in "abc"]
        await works[0].nudge(Job.PREVIEW, 1)
        await until(lambda: looks.seen == [(Job.PREVIEW, 1)])
        async with database.sessions.begin() as session:
            await session.execute(update(Draft).where(Draft.id == 1).values(due_at=now()))
        for work in works * 2:
            await work.nudge(Job.PREVIEW, 1)
        looks.go.set()
        async with asyncio.timeout(60):
            while len(looks.seen) < 2:  # as the clock does
                await works[1].nudge(Job.PREVIEW, 1)
                await asyncio.sleep(0.02)
        await works[2].nudge(Job.PREVIEW, 2)
        await until(lambda: looks.seen[-1] == (Job.PREVIEW, 2))

    assert looks.overlaps == 0
    assert looks.seen == [(Job.PREVIEW, 1), (Job.PREVIEW, 1), (Job.PREVIEW, 2)]


async def test_processes_that_start_together_make_the_tables_once(postgres_url: str) -> None:
    looks = Looks()
    looks.go.set()
    works = [DistributedWork(postgres_url, looks.run, poll=FAST) for _ in range(3)]
    await asyncio.gather(*(work.start() for work in works))
    await works[1].nudge(Job.EXPORT, 1)

    await until(lambda: looks.seen == [(Job.EXPORT, 1)])
    await asyncio.gather(*(work.stop(PATIENCE) for work in works))


async def test_what_a_killed_worker_was_doing_is_done_by_another(postgres_url: str) -> None:
    looks = Looks()
    killed = DistributedWork(postgres_url, looks.run, poll=FAST)
    await killed.start()
    await killed.nudge(Job.EXPORT, 7)
    await until(lambda: looks.seen == [(Job.EXPORT, 7)])
    # Nothing of a killed process answers the database any more.
    await killed.app.connector.close_async()
    database = open_database(postgres_url)
    async with database.sessions.begin() as session:
        long_ago = "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'"
        await session.execute(text(long_ago))

    others: list[tuple[Job, int]] = []

    async def run(job: Job, key: int) -> None:
        others.append((job, key))

    async with working(postgres_url, run) as work, database.sessions() as session:
        left = await session.scalar(text("SELECT count(*) FROM procrastinate_jobs"))
        await work.nudge(Job.EXPORT, 7)  # as the clock does when the row is free again
        await until(lambda: others == [(Job.EXPORT, 7)])

    assert left == 0
    looks.go.set()
    await killed.stop(PATIENCE)
    await database.close()


async def listener(session: Session, name: str) -> int:
    """Return the process in which a worker listens, once there is one."""
    asking = text("SELECT pid FROM pg_stat_activity WHERE datname = :name AND query LIKE 'LISTEN%'")
    async with asyncio.timeout(60):
        while (found := await session.scalar(asking, {"name": name})) is None:
            await asyncio.sleep(0.02)
    return int(found)


async def test_after_an_outage_a_nudge_is_heard_again_without_polling(
    postgres_server: Cluster, postgres_url: str
) -> None:
    looks = Looks()
    looks.go.set()
    name = make_url(postgres_url).database or ""
    work = DistributedWork(postgres_url, looks.run, poll=timedelta(hours=1))
    admin = open_database(postgres_server.url())
    async with AsyncExitStack() as stack:
        stack.push_async_callback(admin.close)
        session = await stack.enter_async_context(admin.sessions())
        await work.start()
        stack.push_async_callback(work.stop, PATIENCE)

        heard = await listener(session, name)
        await session.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        await session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": heard})
        refusal = f'"{name}" is not currently accepting connections'
        await until(lambda: refusal in (postgres_server.folder / "log").read_text())
        await session.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
        assert await listener(session, name) != heard
        await work.nudge(Job.EXPORT, 1)
        await until(lambda: looks.seen == [(Job.EXPORT, 1)])


@pytest.mark.parametrize("name", ["postgresql", "postgresql+asyncpg"])
async def test_the_address_may_name_any_driver(postgres_url: str, name: str) -> None:
    looks = Looks()
    looks.go.set()
    url = postgres_url.replace("postgresql+asyncpg", name)
    async with working(url, looks.run) as work:
        await work.nudge(Job.EXPORT, 1)
        await until(lambda: looks.seen == [(Job.EXPORT, 1)])
