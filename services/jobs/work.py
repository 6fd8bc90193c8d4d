"""The nudge port, and the boundary where a worker runs a job.

What must be done is a row with a state, a due time and a fence; a nudge only says "look at row X
now". A lost or doubled nudge is harmless. Nothing here knows which engine carries nudges.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog

from services.model.jobs import Job

log = structlog.get_logger(__name__)

Run = Callable[[int], Awaitable[object]]


class Work(Protocol):
    """Where services say that a row wants looking at."""

    async def nudge(self, job: Job, key: int) -> None:
        """Have a worker look at this row soon; a nudge that already waits is enough."""


@dataclass(frozen=True, slots=True)
class Worker:
    """Runs jobs, one call each, for whichever engine carries the nudges."""

    runners: Mapping[Job, Run]
    count: Callable[[Job, int], Awaitable[None]]

    async def run(self, job: Job, key: int) -> None:
        """Look at one row. A bug is logged in full and counted, and work goes on."""
        try:
            await self.runners[job](key)
        # The only broad one here: a bug in one row must not stop the work on all others.
        except Exception:
            log.exception("job_failed", job=job, key=key)
            await self.count(job, key)
