"""What becomes of a row whose job met a bug: it is put off, and says so where people look."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.model.jobs import Job
from services.store import operating
from services.store.engine import Database

_PAUSE = timedelta(minutes=5)
_SAID = (
    "Something in the app went wrong here. It is tried again in a few minutes; the log of whoever "
    "runs the app has the details."
)


@dataclass(frozen=True, slots=True)
class Parking:
    """Puts rows off."""

    database: Database
    count: Callable[[Job, int], Awaitable[None]]
    now: Callable[[], datetime]

    async def park(self, job: Job, key: int) -> None:
        """Count the bug, and try this row again later."""
        await self.count(job, key)
        async with self.database.sessions.begin() as session:
            await operating.put_off(session, (job, key), self.now() + _PAUSE, _SAID)
