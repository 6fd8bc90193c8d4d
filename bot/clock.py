"""The clock inside each process: each tick nudges whatever is due and does a few chores."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from bot.telemetry import Metrics
from bot.work import Run, Tasks
from services.clients.tokens import Tokens
from services.errors import ServiceError
from services.model.jobs import Left
from services.notices.health import HealthService
from services.reconcile.service import ask_due
from services.store import due, grants, upkeep, workspaces
from services.store.engine import Database

log = structlog.get_logger(__name__)

_SILENCE = timedelta(seconds=10)
_GLANCE = timedelta(seconds=1)
_SET_BACK = timedelta(seconds=2)
_JUMP = timedelta(seconds=1)
_EPOCH = datetime.min.replace(tzinfo=UTC)
_LEAD = timedelta(seconds=18)  # clocks of several machines differ, and a batch leases for longer
_QUIET = timedelta(days=1)
_ENDING_TAKES = timedelta(days=2)  # ending a connection tries for about a day


@dataclass(slots=True)
class SteadyTime:
    """The time in UTC, by the machine's clock, except that a jump ahead is held back at first.

    Leases and calls under way would count as over at once, and what was sent could be sent again.
    A stopwatch shows the jump; `accept` lets it in.
    """

    wall: Callable[[], datetime]
    stopwatch: Callable[[], float] = time.monotonic  # seconds
    lead: timedelta = field(init=False)  # how far the clock is ahead of the stopwatch
    lost: timedelta = timedelta(0)  # by how much it was set back, until that is taken

    def __post_init__(self) -> None:
        """Begin with the machine's clock as it is."""
        self.lead = self._read()[1]

    def __call__(self) -> datetime:
        """Return the time."""
        now, jump = self._look()
        return now - jump

    @property
    def held_back(self) -> timedelta:
        """Return how far the machine's clock has jumped ahead."""
        return self._look()[1]

    def accept(self, jump: timedelta) -> None:
        """Go by the machine's clock again, after it jumped so far."""
        self.lead += jump

    def take_lost(self) -> timedelta:
        """Return by how much the machine's clock was set back since this was asked last."""
        self._look()
        lost, self.lost = self.lost, timedelta(0)
        return lost

    def _look(self) -> tuple[datetime, timedelta]:
        """Return the machine's time and how far it jumped ahead; follow anything else."""
        now, lead = self._read()
        ahead = lead - self.lead
        if ahead > _JUMP:
            return now, ahead
        if ahead < -_SET_BACK:
            self.lost -= ahead
        self.lead = lead
        return now, timedelta(0)

    def _read(self) -> tuple[datetime, timedelta]:
        now = self.wall()
        return now, now - _EPOCH - timedelta(seconds=self.stopwatch())


@dataclass(frozen=True, slots=True)
class Keeping:
    """The clock's chores; with them no work depends on a nudge."""

    database: Database
    tokens: Tokens
    remind: Run
    now: SteadyTime
    retention: timedelta
    health: HealthService
    kept: asyncio.Event = field(default_factory=asyncio.Event)  # tokens were tried once

    async def find_due(self) -> None:
        """Nudge for every row that is due."""
        async with self.database.sessions() as session:
            found = await due.list_due(session, self.now())
        for job, key in found:
            await self.remind(job, key)

    async def count_left(self) -> Left:
        """Count for the metrics what has waited for long, and what was given up."""
        async with self.database.sessions() as session:
            return await due.count_left(session, self.now())

    async def set_back(self, by: timedelta) -> None:
        """Move due times back after the clock was set back, so that nothing waits longer."""
        async with self.database.sessions.begin() as session:
            await upkeep.set_back(session, self.now(), by)

    async def set_ahead(self) -> None:
        """Let a jump of the clock in once all that is under way has its whole time from then on."""
        jump = self.now.held_back
        async with self.database.sessions.begin() as session:
            await upkeep.set_ahead(session, self.now() + jump, jump)
        self.now.accept(jump)

    async def find_lead(self) -> timedelta:
        """Return how far the newest time in the database is ahead of the clock."""
        async with self.database.sessions() as session:
            return await upkeep.find_lead(session, self.now())

    async def tidy(self) -> None:
        """Delete expired rows, and queue the digests that are due."""
        async with self.database.sessions.begin() as session:
            await upkeep.purge(session, self.now())
            await ask_due(session, self.now())
        await self._forget_expired()

    async def _forget_expired(self) -> None:
        """Delete everything about workspaces that removed the app long enough ago."""
        removed_before = self.now() - self.retention
        ended_before = removed_before - _ENDING_TAKES
        async with self.database.sessions() as session:
            expired = await workspaces.list_expired(session, removed_before, ended_before)
        for workspace in expired:
            async with self.database.sessions.begin() as session:
                # Somebody may have installed the app again a moment ago.
                if await workspaces.lock_removed(session, workspace.id):
                    await workspaces.forget_rows(session, workspace)
                    log.info("workspace_forgotten", workspace=workspace.id)

    async def keep_tokens(self) -> None:
        """Refresh tokens that went unused for a day, since sixty unused days end a consent."""
        try:
            async with self.database.sessions() as session:
                grant_ids = await grants.list_idle(session, self.now() - _QUIET)
            for grant_id in grant_ids:
                try:
                    await self.tokens.keep_alive(grant_id)
                except ServiceError as refusal:
                    log.info("token_not_kept", grant_id=grant_id, refusal=refusal)
        finally:
            self.kept.set()

    async def speak_first(self) -> None:
        """Warn owners of what may soon be a problem, except while catching up."""
        await self.kept.wait()
        await self.health.check()


class _Onward(IntervalTrigger):  # type: ignore[misc]  # APScheduler ships no types
    """An interval that skips whatever a jump of the machine's clock passed over.

    APScheduler lists each missed time, one a second for the tick: after weeks nothing else ran.
    """

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> Any:
        """Return the first time of the interval after now."""
        if previous is None:
            return super().get_next_fire_time(previous, now)
        missed = max((now - previous) // self.interval, 0)
        return previous + self.interval * (missed + 1)


@dataclass(slots=True)
class Clock:
    """Finds what is due every second, and does the rarer chores.

    Where many processes share a database each has a clock, and their nudges are merged.
    """

    keeping: Keeping
    metrics: Metrics
    tasks: Tasks
    beat_at: datetime | None = None
    running: set[str] = field(default_factory=set)
    owed: timedelta = timedelta(0)  # by how much the machine's clock was set back, until told
    minding: asyncio.Task[None] | None = None
    scheduler: AsyncIOScheduler = field(init=False)

    def start(self) -> None:
        """Start ticking."""
        self.scheduler = AsyncIOScheduler(
            jobstores={"default": MemoryJobStore()},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )
        now = self.keeping.now()
        soon = now + timedelta(milliseconds=100)  # the program is ready once it has ticked
        for name, chore, seconds in (
            ("tick", self.tick, 1),
            ("tidy", self.keeping.tidy, 60),
            ("keep_alive", self.keeping.keep_tokens, 3600),
            ("health", self.keeping.speak_first, 60),
            ("count", self.count, 60),
        ):
            self.scheduler.add_job(
                self._begin,
                _Onward(seconds=seconds, timezone="UTC"),
                args=(name, chore),
                next_run_time=now if name == "tick" else soon,
            )
        self.scheduler.start()
        self.minding = asyncio.create_task(self._mind(), name="clock minding")

    async def _mind(self) -> None:
        """Notice by the monotonic clock that the machine's was set back or ahead, and repair it."""
        await self._begin("look_back", self._look_back)
        while True:
            await asyncio.sleep(_GLANCE.total_seconds())
            if lost := self.keeping.now.take_lost():
                self.owed += lost
                log.warning("clock_set_back", seconds=self.owed.total_seconds())
                for job in self.scheduler.get_jobs():
                    job.modify(next_run_time=self.keeping.now())
            if self.owed:
                await self._begin("set_back", self._catch_up)  # until it works
            if jump := self.keeping.now.held_back:
                log.warning("clock_jumped_ahead", seconds=jump.total_seconds())
                await self._begin("set_ahead", self.keeping.set_ahead)  # likewise

    async def _look_back(self) -> None:
        """Check at the start whether the clock was set back while no process ran."""
        lead = await self.keeping.find_lead()
        if lead > _LEAD:
            log.warning("clock_was_set_back", seconds=lead.total_seconds())
            self.owed += lead

    async def _catch_up(self) -> None:
        """Delay nothing by what is owed; more may be owed meanwhile."""
        by = self.owed
        await self.keeping.set_back(by)
        self.owed -= by

    async def tick(self) -> None:
        """Find what is due."""
        await self.keeping.find_due()
        self.beat_at = self.keeping.now()
        self.metrics.beat.set(self.beat_at.timestamp())

    async def count(self) -> None:
        """Count what has waited for long."""
        self.metrics.show_left(await self.keeping.count_left())

    def is_beating(self) -> bool:
        """Whether it ticked lately."""
        return self.beat_at is not None and abs(self.keeping.now() - self.beat_at) < _SILENCE

    async def _begin(self, name: str, chore: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a chore as a task of ours: the scheduler would cancel it when it stops."""
        if name not in self.running:
            self.running.add(name)
            task = self.tasks.start(chore(), f"clock {name}")
            task.add_done_callback(lambda _: self.running.discard(name))

    def stop(self) -> None:
        """Stop ticking, if it has begun."""
        if self.minding is not None:
            self.minding.cancel()
            self.scheduler.shutdown(wait=False)
