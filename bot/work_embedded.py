"""The work engine of a single process: nudges are kept in memory, rows in the database."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from bot.tasks import Tasks
from services.model.jobs import Job

log = structlog.get_logger(__name__)

Run = Callable[[Job, int], Awaitable[None]]
Nudge = tuple[Job, int]


@dataclass(slots=True)
class EmbeddedWork:
    """Runs jobs as tasks: one at a time for each row, and no kind of job keeps out the others.

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
        """Have this row looked at soon."""
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
        """Begin nothing more, and let what runs end."""
        self.is_stopping = True
        self.waiting.clear()
        await self.tasks.drain(patience)

    async def settle(self) -> None:
        """Return when nothing waits and nothing runs."""
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
        task = self.tasks.start(self._look(job, key), f"{job}:{key}")
        task.add_done_callback(lambda _: self._end(nudge))

    async def _look(self, job: Job, key: int) -> None:
        await self.run(job, key)

    def _end(self, nudge: Nudge) -> None:
        self.running.discard(nudge)
        self.kinds[nudge[0]] -= 1
        if nudge in self.again:
            self.again.discard(nudge)
            if not self.is_stopping:
                self.waiting[nudge] = None
        self._fill()
