"""One-time links: handed out once, used once; the database knows only their digests."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.store.tables import OneTimeLink

LIFETIME = timedelta(minutes=10)


def add(session: AsyncSession, link: OneTimeLink, now: datetime) -> str:
    """Add a link, whose digest and end are filled in here; return the nonce for its address."""
    nonce = secrets.token_urlsafe(32)
    link.digest = _digest(nonce)
    link.expires_at = now + LIFETIME
    session.add(link)
    return nonce


async def find(
    session: AsyncSession, nonce: str, purpose: str, now: datetime
) -> OneTimeLink | None:
    """Return the link while it can be used, without using it up."""
    found: OneTimeLink | None = await session.scalar(
        select(OneTimeLink).where(*_usable(nonce, purpose, now))
    )
    return found


async def take(
    session: AsyncSession, nonce: str, purpose: str, now: datetime
) -> OneTimeLink | None:
    """Use the link up; of many who try at once, one gets it."""
    taken: OneTimeLink | None = await session.scalar(
        delete(OneTimeLink)
        .where(*_usable(nonce, purpose, now))
        .returning(OneTimeLink)
        .execution_options(synchronize_session=False)
    )
    if taken is not None:
        # Its row is gone, so it must not be looked for again.
        session.expunge(taken)
    return taken


async def attach_view(session: AsyncSession, connection_id: int, view_id: str) -> None:
    """Say in which modal the links of a connection are shown."""
    await session.execute(
        update(OneTimeLink)
        .where(OneTimeLink.connection_id == connection_id)
        .values(view_id=view_id)
    )


async def move(session: AsyncSession, connection_id: int, to_id: int) -> None:
    """Have the links of one connection lead to another."""
    await session.execute(
        update(OneTimeLink)
        .where(OneTimeLink.connection_id == connection_id)
        .values(connection_id=to_id)
    )


async def forget(session: AsyncSession, connection_id: int) -> None:
    """Make every link of a connection useless."""
    await session.execute(delete(OneTimeLink).where(OneTimeLink.connection_id == connection_id))


async def purge(session: AsyncSession, now: datetime) -> None:
    """Remove the links that nobody used in time."""
    await session.execute(delete(OneTimeLink).where(OneTimeLink.expires_at <= now))


def _digest(nonce: str) -> str:
    return sha256(nonce.encode()).hexdigest()


def _usable(nonce: str, purpose: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        OneTimeLink.digest == _digest(nonce),
        OneTimeLink.purpose == purpose,
        OneTimeLink.expires_at > now,
    )
