"""Slack's answer goes first: what a listener asks for begins when the answer has left.

A quick job would otherwise draw its result before the answer arrives, and the answer's own view
would then cover it for good.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from services.jobs.runner import Work
from services.model.jobs import Job

Nudge = tuple[Job, int]


@dataclass(frozen=True, slots=True, eq=False)
class Departure:
    """One answer on its way to Slack, and the nudges that wait for it."""

    work: Work
    open: "set[Departure]"  # all that have not left yet
    waiting: dict[Nudge, None] = field(default_factory=dict)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @contextmanager
    def awaited(self) -> Iterator[None]:
        """Have every task that begins in here wait for this answer."""
        before = _AWAITED.set(self)
        try:
            yield
        finally:
            _AWAITED.reset(before)

    async def leave(self) -> None:
        """The answer has left, or never will: pass on what waited, and from now on everything."""
        self.gone.set()
        self.open.discard(self)
        while self.waiting:
            first = next(iter(self.waiting))
            del self.waiting[first]
            await self.work.nudge(*first)


_AWAITED: ContextVar[Departure | None] = ContextVar("awaited", default=None)


async def until_gone() -> None:
    """Return when the answer that this task belongs to has left."""
    departure = _AWAITED.get()
    if departure is not None:
        await departure.gone.wait()


@dataclass(frozen=True, slots=True)
class AfterAnswers:
    """Nudges at once, but for listeners whose answer has not left yet."""

    work: Work
    open: set[Departure] = field(default_factory=set)

    def departure(self) -> Departure:
        """Begin to answer Slack."""
        departure = Departure(self.work, self.open)
        self.open.add(departure)
        return departure

    async def nudge(self, job: Job, key: int) -> None:
        """Have this row looked at soon, and not before Slack has its answer."""
        departure = _AWAITED.get()
        if departure is None or departure.gone.is_set():
            await self.work.nudge(job, key)
        else:
            departure.waiting[job, key] = None

    async def remind(self, job: Job, key: int) -> None:
        """Do what the clock asks for, unless a listener asked for it and has not answered yet."""
        if not any((job, key) in departure.waiting for departure in self.open):
            await self.work.nudge(job, key)
