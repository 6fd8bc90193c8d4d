"""Xero's token sets: whoever claims one refreshes it and stores the result."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, or_, select, update

from services.model.connection import ConnectionState
from services.store.engine import Session
from services.store.tables import Connection, Grant

# Those that are being ended let go of what they share, so two that end at once leave nothing.
_LIVE = Connection.grant_id.is_not(None) & Connection.state.in_(
    (ConnectionState.PENDING, ConnectionState.ACTIVE, ConnectionState.BROKEN)
)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The pair of tokens that Xero answered with."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime


async def add(session: Session, grant: Grant) -> int:
    """Add a token set and return its id."""
    session.add(grant)
    await session.flush()
    return grant.id


async def get(session: Session, grant_id: int) -> Grant:
    """Return the token set as it is now."""
    return await session.get_one(Grant, grant_id, populate_existing=True)


async def claim(
    session: Session, grant_id: int, version: int, now: datetime, lease: timedelta
) -> bool:
    """Take the right to refresh this version until the lease ends; one of many gets it."""
    return await session.write(
        update(Grant)
        .where(
            Grant.id == grant_id,
            Grant.version == version,
            ~Grant.is_dead,
            or_(Grant.lease_until.is_(None), Grant.lease_until <= now),
        )
        .values(lease_until=now + lease)
    )


async def save_refreshed(session: Session, grant_id: int, version: int, fresh: Refreshed) -> bool:
    """Store what came of refreshing this version, unless a newer one is there."""
    return await _change(
        session,
        grant_id,
        version,
        {
            "access_token": fresh.access_token,
            "refresh_token": fresh.refresh_token,
            "expires_at": fresh.expires_at,
            "version": version + 1,
            "lease_until": None,
            "is_dead": False,
        },
    )


async def release(session: Session, grant_id: int, version: int) -> bool:
    """Give the claim back, so that somebody else may try at once."""
    return await _change(session, grant_id, version, {"lease_until": None})


async def mark_dead(session: Session, grant_id: int, version: int) -> bool:
    """Note that Xero ended the consent, unless a newer version is there."""
    return await _change(session, grant_id, version, {"is_dead": True, "lease_until": None})


async def is_linked(session: Session, xero_connection_id: str) -> bool:
    """Say whether a live connection of any workspace uses this connection in Xero."""
    return await session.has(_LIVE, Connection.xero_connection_id == xero_connection_id)


async def is_used(session: Session, grant_id: int) -> bool:
    """Say whether a live connection uses this token set, or another one of the same Xero user."""
    return await session.has(_LIVE, await _same_user(session, grant_id))


async def list_sharers(session: Session, connection: Connection) -> Sequence[Connection]:
    """Return the other live connections that hold the same at Xero, of every workspace."""
    if connection.grant_id is None:
        return ()
    shares = await _same_user(session, connection.grant_id)
    if connection.xero_connection_id:
        shares |= Connection.xero_connection_id == connection.xero_connection_id
    return await session.every(
        select(Connection)
        .where(_LIVE, shares, Connection.id != connection.id)
        .order_by(Connection.id)
    )


async def _same_user(session: Session, grant_id: int) -> ColumnElement[bool]:
    user_id = await session.scalar(select(Grant.xero_user_id).where(Grant.id == grant_id))
    same = Connection.grant_id == grant_id
    if user_id:
        theirs = select(Grant.id).where(Grant.xero_user_id == user_id)
        same |= Connection.grant_id.in_(theirs)
    return same


async def list_idle(session: Session, before: datetime) -> Sequence[int]:
    """Return the token sets in use whose access token ran out before this."""
    return await session.every(
        select(Grant.id)
        .join(Connection, Connection.grant_id == Grant.id)
        .where(~Grant.is_dead, Grant.expires_at < before)
        .distinct()
    )


async def remove_unused(session: Session, grant_id: int) -> None:
    """Delete a token set unless a connection still names it."""
    users = select(Connection.id).where(Connection.grant_id == grant_id)
    await session.execute(delete(Grant).where(Grant.id == grant_id, ~users.exists()))


async def _change(session: Session, grant_id: int, version: int, values: dict[str, object]) -> bool:
    return await session.write(
        update(Grant).where(Grant.id == grant_id, Grant.version == version).values(values)
    )
