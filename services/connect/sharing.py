"""What several connections share at Xero, and letting go of it when nothing uses it any more.

Connections of one Xero user with one organisation are one and the same connection in Xero, in
whichever workspace they were made, and revoking a consent ends all that this user connected.
"""

from dataclasses import dataclass

import structlog

from services.connect.kit import Kit
from services.errors import ServiceError
from services.store import grants
from services.store.engine import Session
from services.store.tables import Connection

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Held:
    """What a connection of ours holds at Xero."""

    grant_id: int
    xero_connection_id: str


def held_by(connection: Connection) -> Held | None:
    """Return what this connection holds at Xero, if anything."""
    if connection.grant_id is None:
        return None
    return Held(connection.grant_id, connection.xero_connection_id)


async def let_go(kit: Kit, held: Held) -> None:
    """Delete the connection in Xero and revoke the consent, each only if nothing uses it."""
    async with kit.database.sessions() as session:
        is_linked = await grants.is_linked(session, held.xero_connection_id)
        is_used = await grants.is_used(session, held.grant_id)
    if held.xero_connection_id and not is_linked:
        await kit.xero.delete_connection(held.grant_id, held.xero_connection_id)
    # Xero knows of connections that we do not: those of a consent that is still being given.
    if is_linked or is_used or await kit.xero.tenants(held.grant_id):
        return
    await kit.oauth.revoke(await kit.tokens.vault.load(held.grant_id))


async def replace(kit: Kit, held: Held) -> None:
    """Let go of what a new consent has replaced; an outage of Xero leaves it to run out there."""
    try:
        await let_go(kit, held)
    except ServiceError as refusal:
        log.info("former_consent_left", grant=held.grant_id, refusal=refusal)
    async with kit.database.sessions.begin() as session:
        await grants.remove_unused(session, held.grant_id)


async def names_of_others(session: Session, connection: Connection) -> tuple[str, ...]:
    """Return what goes on with the same access to Xero; other workspaces are only counted."""
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
