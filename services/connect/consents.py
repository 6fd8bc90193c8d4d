"""Consents at Xero: their tokens, what several connections share, and how they end.

Our connections of one Xero user with one organisation are a single connection in Xero, across all
workspaces, and revoking a consent ends everything that this user connected.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from services.clients.tokens import (
    ATTACHMENTS,
    REFRESH_LIMIT,
    SCOPES,
    TokenSet,
    TokenVault,
    XeroOAuth,
)
from services.clients.xero import XeroClients
from services.errors import NotConnected, ServiceError
from services.store import grants
from services.store.engine import Database, Session
from services.store.tables import Connection, Grant

log = structlog.get_logger(__name__)

# Longer than the sign-in service is waited for, so that a slow refresh is not started twice.
_LEASE = REFRESH_LIMIT + timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class StoreVault:
    """Keeps Xero's tokens, encrypted, for every process that shares the database."""

    database: Database
    now: Callable[[], datetime]

    async def load(self, grant_id: int) -> TokenSet:
        """The tokens as they are now. Raises `NotConnected` when they were thrown away."""
        async with self.database.sessions() as session:
            grant = await session.get(Grant, grant_id)
            if grant is None:
                raise NotConnected("Xero isn't connected.", system="Xero")
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


@dataclass(frozen=True, slots=True)
class Held:
    """What a connection of ours holds at Xero."""

    grant_id: int
    xero_connection_id: str


def held_by(connection: Connection) -> Held | None:
    """What this connection holds at Xero, if anything."""
    if connection.grant_id is None:
        return None
    return Held(connection.grant_id, connection.xero_connection_id)


@dataclass(frozen=True, slots=True)
class Consents:
    """Ends consents in Xero that nothing uses any more."""

    database: Database
    xero: XeroClients
    oauth: XeroOAuth
    vault: TokenVault

    async def let_go(self, held: Held) -> None:
        """Delete the connection in Xero and revoke the consent, each only if nothing uses it."""
        async with self.database.sessions() as session:
            is_linked = await grants.is_linked(session, held.xero_connection_id)
            is_used = await grants.is_used(session, held.grant_id)
        if held.xero_connection_id and not is_linked:
            await self.xero.delete_connection(held.grant_id, held.xero_connection_id)
        # Xero knows of connections that we do not: those of a consent that is still being given.
        if is_linked or is_used or await self.xero.tenants(held.grant_id):
            return
        await self.oauth.revoke(await self.vault.load(held.grant_id))

    async def let_go_former(self, held: Held) -> None:
        """End the consent that a new one replaced; if Xero is down, it just expires."""
        try:
            await self.let_go(held)
        except ServiceError as refusal:
            log.info("former_consent_left", grant=held.grant_id, refusal=refusal)
        async with self.database.sessions.begin() as session:
            await grants.remove_unused(session, held.grant_id)


def wanted_scopes(connection: Connection) -> str:
    """The scopes that this connection's settings need."""
    return f"{SCOPES} {ATTACHMENTS}" if connection.attach_pdf else SCOPES


def missing_scopes(connection: Connection, grant: Grant) -> set[str]:
    """What the settings need beyond the usual scopes and was not allowed yet."""
    more = set(wanted_scopes(connection).split()) - set(SCOPES.split())
    return more - set(grant.scopes.split())


async def names_of_others(session: Session, connection: Connection) -> tuple[str, ...]:
    """What goes on with the same access to Xero; other workspaces are only counted."""
    found = await grants.list_sharers(session, connection)
    here = [each for each in found if each.workspace_id == connection.workspace_id]
    named = [
        f"{each.paymo_company_name or 'a new connection'} with {each.organisation_name or 'Xero'}"
        for each in here
    ]
    away = len(found) - len(here)
    if away:
        named.append(
            "a connection in another Slack workspace"
            if away == 1
            else f"{away} connections in other Slack workspaces"
        )
    return tuple(named)
