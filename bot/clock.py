"""The clock inside each process: it ticks, and the work is the jobs'."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.tasks import Tasks

Chore = Callable[[], Awaitable[None]]
_SILENCE = timedelta(seconds=10)


@dataclass(slots=True)
class Clock:
    """Has what is due found every second, and does the rarer chores.

    Where many processes share a database each has a clock, and their nudges are merged.
    """

    find_due: Chore
    now: Callable[[], datetime]
    tidy: Chore
    keep_alive: Chore
    told: Callable[[float], None]
    tasks: Tasks
    every: timedelta = timedelta(seconds=1)
    beat_at: datetime | None = None
    running: set[str] = field(default_factory=set)
    scheduler: AsyncIOScheduler = field(init=False)

    def start(self) -> None:
        """Begin to tick."""
        self.scheduler = AsyncIOScheduler(
            jobstores={"default": MemoryJobStore()},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )
        soon = self.now() + timedelta(milliseconds=100)
        for name, chore, every in (
            ("tick", self.tick, self.every),
            ("tidy", self.tidy, timedelta(minutes=1)),
            ("keep_alive", self.keep_alive, timedelta(hours=1)),
        ):
            self.scheduler.add_job(
                self._begin,
                "interval",
                args=(name, chore),
                seconds=every.total_seconds(),
                next_run_time=soon,
            )
        self.scheduler.start()

    async def tick(self) -> None:
        """Have what is due found."""
        await self.find_due()
        self.beat_at = self.now()
        self.told(self.beat_at.timestamp())

    def is_beating(self) -> bool:
        """Say whether it ticked lately."""
        return self.beat_at is not None and self.now() - self.beat_at < _SILENCE

    async def _begin(self, name: str, chore: Chore) -> None:
        """The scheduler cancels what it runs when it stops; a task of ours is let end."""
        if name not in self.running:
            self.running.add(name)
            task = self.tasks.start(_do(chore), f"clock {name}")
            task.add_done_callback(lambda _: self.running.discard(name))

    def stop(self) -> None:
        """Tick no more."""
        self.scheduler.shutdown(wait=False)


async def _do(chore: Chore) -> None:
    await chore()
