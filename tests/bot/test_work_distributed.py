"""Nudges between processes on one PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from bot.work_distributed import DistributedWork, Pace
from services.model.jobs import Job

PATIENCE = timedelta(seconds=5)
FAST = Pace(
    heartbeat=timedelta(milliseconds=200),
    silence=timedelta(seconds=1),
    poll=timedelta(milliseconds=200),
)


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
async def working(
    url: str, run: Callable[[Job, int], Awaitable[None]]
) -> AsyncIterator[DistributedWork]:
    work = DistributedWork(url, run, FAST)
    await work.start()
    try:
        yield work
    finally:
        await work.stop(PATIENCE)


async def until(is_true: Callable[[], bool], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not is_true():
            await asyncio.sleep(0.02)


async def test_e61_a_row_is_looked_at_by_one_of_several_processes_at_a_time(
    postgres_url: str,
) -> None:
    looks = Looks()
    async with AsyncExitStack() as stack:
        works = [await stack.enter_async_context(working(postgres_url, looks.run)) for _ in "abc"]
        await works[0].nudge(Job.SWEEP, 1)
        await until(lambda: looks.seen == [(Job.SWEEP, 1)])
        for work in works * 2:
            await work.nudge(Job.SWEEP, 1)
        looks.go.set()
        await until(lambda: len(looks.seen) == 2)
        await works[2].nudge(Job.EXPORT, 9)
        await until(lambda: looks.seen[-1] == (Job.EXPORT, 9))

    assert looks.overlaps == 0
    assert looks.seen == [(Job.SWEEP, 1), (Job.SWEEP, 1), (Job.EXPORT, 9)]


async def test_processes_that_start_together_make_the_tables_once(postgres_url: str) -> None:
    looks = Looks()
    looks.go.set()
    works = [DistributedWork(postgres_url, looks.run, FAST) for _ in range(3)]
    await asyncio.gather(*(work.start() for work in works))
    await works[1].nudge(Job.EXPORT, 1)

    await until(lambda: looks.seen == [(Job.EXPORT, 1)])
    await asyncio.gather(*(work.stop(PATIENCE) for work in works))


async def test_what_a_killed_worker_was_doing_is_done_by_another(postgres_url: str) -> None:
    looks = Looks()
    killed = DistributedWork(postgres_url, looks.run, FAST)
    await killed.start()
    await killed.nudge(Job.EXPORT, 7)
    await until(lambda: looks.seen == [(Job.EXPORT, 7)])
    # Nothing of a killed process answers the database any more.
    await killed.app.connector.close_async()

    others: list[tuple[Job, int]] = []

    async def run(job: Job, key: int) -> None:
        others.append((job, key))

    async with working(postgres_url, run):
        await until(lambda: others == [(Job.EXPORT, 7)])

    looks.go.set()
    await killed.stop(PATIENCE)


@pytest.mark.parametrize("name", ["postgresql", "postgresql+asyncpg"])
async def test_the_address_may_name_any_driver(postgres_url: str, name: str) -> None:
    looks = Looks()
    looks.go.set()
    url = postgres_url.replace("postgresql+asyncpg", name)
    async with working(url, looks.run) as work:
        await work.nudge(Job.EXPORT, 1)
        await until(lambda: looks.seen == [(Job.EXPORT, 1)])
