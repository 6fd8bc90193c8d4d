"""Chores of the clock that no row asks for by its due time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from services.clients.tokens import Tokens
from services.errors import ServiceError
from services.store import digests, due, housekeeping, operating
from services.store.engine import Database
from services.work import Work

log = structlog.get_logger(__name__)

_QUIET = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Keeping:
    """What keeps the program going whatever becomes of nudges."""

    database: Database
    tokens: Tokens
    work: Work
    now: Callable[[], datetime]

    async def find_due(self, _key: int) -> None:
        """Nudge for every row that is due."""
        async with self.database.sessions() as session:
            found = await due.list_due(session, self.now())
        for job, key in found:
            await self.work.nudge(job, key)

    async def tidy(self) -> None:
        """Throw away what is of no use any more, and ask for the digests of a month that ended."""
        async with self.database.sessions.begin() as session:
            await housekeeping.purge(session, self.now())
            await digests.ask_due(session, self.now())

    async def keep_tokens(self) -> None:
        """Refresh tokens that nothing used for a day, since sixty quiet days end a consent."""
        async with self.database.sessions() as session:
            grant_ids = await operating.list_idle_grants(session, self.now() - _QUIET)
        for grant_id in grant_ids:
            try:
                await self.tokens.keep_alive(grant_id)
            except ServiceError as refusal:
                log.info("token_not_kept", grant_id=grant_id, reason=str(refusal))
