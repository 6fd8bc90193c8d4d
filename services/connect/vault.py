"""Token sets in the database, each step a short transaction of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.clients.tokens import TokenSet
from services.errors import NotConnected
from services.store import grants
from services.store.engine import Database
from services.store.tables import Grant

# Longer than the sign-in service is waited for, so that a slow refresh is not started twice.
_LEASE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class StoreVault:
    """Keeps Xero's tokens, encrypted, for every process that shares the database."""

    database: Database
    now: Callable[[], datetime]

    async def load(self, grant_id: int) -> TokenSet:
        """Return the tokens as they are now. Raises `NotConnected` when they were thrown away."""
        async with self.database.sessions() as session:
            grant = await session.get(Grant, grant_id)
            if grant is None:
                raise NotConnected("Xero is not connected.", system="Xero")
            return TokenSet(
                access_token=grant.access_token,
                refresh_token=grant.refresh_token,
                expires_at=grant.expires_at,
                version=grant.version,
                is_dead=grant.is_dead,
            )

    async def claim(self, grant_id: int, version: int) -> bool:
        """Take the right to refresh this version, for a short lease."""
        async with self.database.sessions.begin() as session:
            return await grants.claim(session, grant_id, version, self.now(), _LEASE)

    async def save(self, grant_id: int, tokens: TokenSet) -> bool:
        """Store what came of refreshing `tokens.version`."""
        fresh = grants.Refreshed(tokens.access_token, tokens.refresh_token, tokens.expires_at)
        async with self.database.sessions.begin() as session:
            return await grants.save_refreshed(session, grant_id, tokens.version, fresh)

    async def release(self, grant_id: int, version: int) -> None:
        """Give the claim back."""
        async with self.database.sessions.begin() as session:
            await grants.release(session, grant_id, version)

    async def mark_dead(self, grant_id: int, version: int) -> None:
        """Note that this consent is over."""
        async with self.database.sessions.begin() as session:
            await grants.mark_dead(session, grant_id, version)
