"""The clock inside each process: it ticks, and the work is the jobs'."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from services.model import Job
from services.work import Work

Chore = Callable[[], Awaitable[None]]
_SILENCE = timedelta(seconds=10)


@dataclass(slots=True)
class Clock:
    """Nudges for what is due every second, and does the rarer chores.

    Where many processes share a database each has a clock, and their nudges are merged.
    """

    work: Work
    now: Callable[[], datetime]
    tidy: Chore
    keep_alive: Chore
    told: Callable[[float], None]
    every: timedelta = timedelta(seconds=1)
    beat_at: datetime | None = None
    scheduler: AsyncIOScheduler = field(init=False)

    def start(self) -> None:
        """Begin to tick."""
        self.scheduler = AsyncIOScheduler(
            jobstores={"default": MemoryJobStore()},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )
        soon = self.now() + timedelta(milliseconds=100)
        for chore, every in (
            (self.tick, self.every),
            (self.tidy, timedelta(minutes=1)),
            (self.keep_alive, timedelta(hours=1)),
        ):
            self.scheduler.add_job(
                chore, "interval", seconds=every.total_seconds(), next_run_time=soon
            )
        self.scheduler.start()

    async def tick(self) -> None:
        """Have what is due found."""
        await self.work.nudge(Job.DUE, 0)
        self.beat_at = self.now()
        self.told(self.beat_at.timestamp())

    def is_beating(self) -> bool:
        """Say whether it ticked lately."""
        return self.beat_at is not None and self.now() - self.beat_at < _SILENCE

    def stop(self) -> None:
        """Tick no more."""
        self.scheduler.shutdown(wait=False)
