"""Slack's answer goes first: what a listener asks for begins when the answer has left.

A quick job would otherwise draw its result before the answer arrives, and the answer's own view
would then cover it for good.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from services.model import Job
from services.work import Work


@dataclass(frozen=True, slots=True)
class Departure:
    """One answer on its way to Slack, and the nudges that wait for it."""

    work: Work
    waiting: dict[tuple[Job, int], None] = field(default_factory=dict)
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

    def departure(self) -> Departure:
        """Begin to answer Slack."""
        return Departure(self.work)

    async def nudge(self, job: Job, key: int) -> None:
        """Have this row looked at soon, and not before Slack has its answer."""
        departure = _AWAITED.get()
        if departure is None or departure.gone.is_set():
            await self.work.nudge(job, key)
        else:
            departure.waiting[job, key] = None
