"""Paymo's webhooks of a connection, found by the hash of their address."""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm.attributes import InstrumentedAttribute, set_committed_value

from services.model.connection import ConnectionState
from services.model.jobs import Job
from services.store import leases, schedules
from services.store.engine import KEEPS_ROLES, LOCK, Session
from services.store.tables import Connection

_NOTED_EVERY = timedelta(minutes=10)


async def ensure(session: Session, connection_id: int) -> Connection:
    """Give a working connection a token and a secret, if it has none; return it as it is now."""
    token = secrets.token_urlsafe(32)
    await session.write(
        update(Connection)
        .where(
            Connection.id == connection_id,
            Connection.state == ConnectionState.ACTIVE,
            Connection.paymo_hook_digest.is_(None),
        )
        .values(
            paymo_hook_digest=_digest(token),
            paymo_hook_token=token,
            paymo_hook_secret=secrets.token_urlsafe(32),
        )
    )
    return await session.get_one(Connection, connection_id, populate_existing=True)


async def note_heard(
    session: Session,
    column: InstrumentedAttribute[datetime | None],
    ids: Collection[int],
    now: datetime,
) -> None:
    """Note that a webhook came for these connections; often enough is every ten minutes."""
    await session.write(
        update(Connection)
        .where(Connection.id.in_(ids), or_(column.is_(None), column < now - _NOTED_EVERY))
        .values({column: now}),
        **KEEPS_ROLES,
    )


async def find(session: Session, token: str) -> Connection | None:
    """Return the connection whose webhooks' address ends with this token."""
    return await session.scalar(
        select(Connection).where(Connection.paymo_hook_digest == _digest(token))
    )


def _is_as_read(connection: Connection) -> ColumnElement[bool]:
    """Nobody has ended it since, and its webhooks still lead to the same address."""
    return and_(
        Connection.id == connection.id,
        Connection.state == ConnectionState.ACTIVE,
        Connection.paymo_hook_digest == connection.paymo_hook_digest,
    )


async def leave(session: Session, connection: Connection, now: datetime) -> bool:
    """Note that a registration leaves now; False when the connection was ended meanwhile.

    Raises `StillUnderWay` while another one may still take effect.
    """
    found: Connection | None = await session.scalar(
        select(Connection).where(_is_as_read(connection)).with_for_update(**LOCK)
    )
    if found is None:
        return False
    leases.require_over(found, now)
    found.sent_at = now
    set_committed_value(connection, "sent_at", now)
    return True


async def settle(session: Session, connection: Connection) -> None:
    """Note that the outcome of a registration is known."""
    await session.write(
        update(Connection).where(Connection.id == connection.id).values(sent_at=None)
    )


async def note_checked(session: Session, connection: Connection, now: datetime) -> bool:
    """Note that Paymo has what it should, unless the connection was ended meanwhile."""
    return await session.write(
        update(Connection).where(_is_as_read(connection)).values(paymo_hooks_checked_at=now)
    )


async def queue(
    session: Session, connection: Connection, soon: datetime, *, sweep: bool, in_full: bool
) -> None:
    """Have Paymo's lists copied soon, and the organisation swept, too, where that is wanted."""
    if in_full:
        await session.write(
            update(Connection)
            .where(Connection.id == connection.id, Connection.state == ConnectionState.ACTIVE)
            .values(paymo_mirrored_at=None),
            **KEEPS_ROLES,
        )
    jobs = [Job.MIRROR, Job.SWEEP] if sweep else [Job.MIRROR]
    await schedules.want(session, [connection.id], jobs, soon)


def forget(connection: Connection) -> None:
    """Forget the webhooks: whatever they still send is refused."""
    connection.paymo_hook_digest = connection.paymo_hook_token = None
    connection.paymo_hook_secret = connection.paymo_hooks_checked_at = None


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
