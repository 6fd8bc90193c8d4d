"""Chores of the clock that no row asks for by its due time."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from services.clients.tokens import Tokens
from services.errors import ServiceError
from services.model.jobs import Job
from services.reconcile.service import ask_due
from services.store import due, grants, upkeep, workspaces
from services.store.engine import Database

log = structlog.get_logger(__name__)

_QUIET = timedelta(days=1)
_ENDING_TAKES = timedelta(days=2)  # ending a connection tries for about a day


@dataclass(frozen=True, slots=True)
class Keeping:
    """What keeps the program going whatever becomes of nudges."""

    database: Database
    tokens: Tokens
    remind: Callable[[Job, int], Awaitable[None]]
    now: Callable[[], datetime]
    retention: timedelta

    async def find_due(self) -> None:
        """Nudge for every row that is due."""
        async with self.database.sessions() as session:
            found = await due.list_due(session, self.now())
        for job, key in found:
            await self.remind(job, key)

    async def tidy(self) -> None:
        """Throw away what is of no use any more, and ask for the digests of a month that ended."""
        async with self.database.sessions.begin() as session:
            await upkeep.purge(session, self.now())
            await ask_due(session, self.now())
        await self._forget_expired()

    async def _forget_expired(self) -> None:
        """Delete what is kept about workspaces that took the app away long enough ago."""
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
        """Refresh tokens that nothing used for a day, since sixty quiet days end a consent."""
        async with self.database.sessions() as session:
            grant_ids = await grants.list_idle(session, self.now() - _QUIET)
        for grant_id in grant_ids:
            try:
                await self.tokens.keep_alive(grant_id)
            except ServiceError as refusal:
                log.info("token_not_kept", grant_id=grant_id, refusal=refusal)
