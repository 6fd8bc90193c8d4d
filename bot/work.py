"""Background tasks that outlive the request that started them, and the engine for one process.

A nudge says "work on row X now". Rows are taken under a lease, so a nudge that is lost or
doubled does no harm: the clock finds whatever is due.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

import structlog

from services.model.jobs import Job

log = structlog.get_logger(__name__)

Run = Callable[[Job, int], Coroutine[Any, Any, None]]
Nudge = tuple[Job, int]


class Engine(Protocol):
    """Carries nudges: within one process, or among many on one PostgreSQL."""

    is_stopping: bool

    async def start(self) -> None:
        """Prepare, and start working."""

    async def nudge(self, job: Job, key: int) -> None:
        """Have this row worked on soon."""

    async def stop(self, patience: timedelta) -> None:
        """Start nothing new, and let running work end."""

    async def settle(self) -> None:
        """Wait until nothing waits or runs, if one can know."""


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

    A nudge for a waiting row adds nothing; one for a running row runs it once more. The clock finds
    what doesn't fit.
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
        """Do nothing: it needs no preparation."""

    async def nudge(self, job: Job, key: int) -> None:
        """Have this row worked on soon."""
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
        """Start nothing new, and let running work end."""
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
    """Nudges after a delay; if the process dies meanwhile, the clock finds the row."""

    work: Engine
    tasks: Tasks

    def __call__(self, job: Job, key: int, after: timedelta) -> None:
        """Have this row worked on after the delay."""
        asyncio.get_running_loop().call_later(after.total_seconds(), self._ring, job, key)

    def _ring(self, job: Job, key: int) -> None:
        if not self.work.is_stopping:
            self.tasks.start(self.work.nudge(job, key), "alarm")
