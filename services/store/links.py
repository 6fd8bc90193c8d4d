"""One-time links: handed out once, used once; the database has only their hashes."""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import ColumnElement, delete, select, update

from services.store.engine import Session
from services.store.tables import OneTimeLink

LIFETIME = timedelta(minutes=10)
TRIES = 5


def add(session: Session, link: OneTimeLink, now: datetime) -> str:
    """Add a link, whose digest and end are filled in here; return the nonce for its address."""
    nonce = secrets.token_urlsafe(32)
    link.digest = digest(nonce)
    link.expires_at = now + LIFETIME
    session.add(link)
    return nonce


async def find(session: Session, nonce: str, purpose: str, now: datetime) -> OneTimeLink | None:
    """Return the link while it can be used, without using it up."""
    return await session.scalar(select(OneTimeLink).where(*_usable(nonce, purpose, now)))


async def take(session: Session, nonce: str, purpose: str, now: datetime) -> OneTimeLink | None:
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


async def take_try(session: Session, link_id: int, browser: str) -> bool:
    """Take one of the link's few tries, which binds it to this browser from now on."""
    return await session.write(
        update(OneTimeLink)
        .where(
            OneTimeLink.id == link_id,
            OneTimeLink.tries < TRIES,
            OneTimeLink.browser.in_(("", digest(browser))),
        )
        .values(tries=OneTimeLink.tries + 1, browser=digest(browser))
    )


async def give_try_back(session: Session, link_id: int) -> None:
    """Let a try count for nothing, because nobody could tell whether it was right."""
    await session.write(
        update(OneTimeLink)
        .where(OneTimeLink.id == link_id, OneTimeLink.tries > 0)
        .values(tries=OneTimeLink.tries - 1)
    )


async def end_spent(session: Session, link_id: int) -> bool:
    """Remove the link if it has no try left; say whether it was this one that ended it."""
    return await session.write(
        delete(OneTimeLink).where(OneTimeLink.id == link_id, OneTimeLink.tries >= TRIES)
    )


async def attach_view(session: Session, connection_id: int, user_id: str, view_id: str) -> None:
    """Say in which modal a person's links to a connection are shown."""
    await session.execute(
        update(OneTimeLink)
        .where(OneTimeLink.connection_id == connection_id, OneTimeLink.user_id == user_id)
        .values(view_id=view_id)
    )


async def move(session: Session, connection_id: int, to_id: int) -> None:
    """Have the links of one connection lead to another."""
    await session.execute(
        update(OneTimeLink)
        .where(OneTimeLink.connection_id == connection_id)
        .values(connection_id=to_id)
    )


async def forget(
    session: Session, connection_id: int, *, user_id: str = "", purposes: Collection[str] = ()
) -> None:
    """Make the links of a connection useless: all, or one person's, or those of some purposes."""
    where = [OneTimeLink.connection_id == connection_id]
    if user_id:
        where.append(OneTimeLink.user_id == user_id)
    if purposes:
        where.append(OneTimeLink.purpose.in_(purposes))
    await session.execute(delete(OneTimeLink).where(*where))


async def purge(session: Session, now: datetime) -> None:
    """Remove the links that nobody used in time."""
    await session.execute(delete(OneTimeLink).where(OneTimeLink.expires_at <= now))


def digest(secret: str) -> str:
    """Return what the database knows of a nonce or a browser's cookie."""
    return sha256(secret.encode()).hexdigest()


def _usable(nonce: str, purpose: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        OneTimeLink.digest == digest(nonce),
        OneTimeLink.purpose == purpose,
        OneTimeLink.expires_at > now,
    )
