"""When a write left for a remote system, which may act on it until the call's whole time is over.

The row keeps `sent_at`, committed before the request leaves and cleared by an answer that settles
what came of it. Whoever sees something meanwhile, or takes the row over, may search at once for
what was done. Nothing is sent again, and nothing is said not to be there, before the call is over.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import ColumnElement, or_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from services.errors import (
    NotConnected,
    NotFound,
    Rejected,
    StillUnderWay,
    Throttled,
    Unreachable,
)
from services.model.jobs import CALL_LIMIT
from services.store.leases import fenced
from services.store.tables import Export
from services.store.tables.base import Sends

_NOTHING_DONE = (NotConnected, NotFound, Rejected, Throttled, Unreachable)


def is_under_way(row: Sends, now: datetime) -> bool:
    """Say whether a call about this row may still take effect."""
    return row.sent_at is not None and now < row.sent_at + CALL_LIMIT


def over_at(row: Sends, now: datetime) -> datetime:
    """Return when nothing that was sent can take effect any more."""
    return max(now, row.sent_at + CALL_LIMIT) if row.sent_at is not None else now


def require_over(row: Sends, now: datetime) -> None:
    """Raise `StillUnderWay` while what was sent may still take effect."""
    if is_under_way(row, now):
        raise StillUnderWay(until=over_at(row, now))


def has_ended(table: type[Sends], now: datetime) -> ColumnElement[bool]:
    """Return the rows about which no call is under way."""
    return or_(table.sent_at.is_(None), table.sent_at <= now - CALL_LIMIT)


async def leave(session: AsyncSession, row: Export, now: datetime) -> bool:
    """Note that a write about it leaves now; False when somebody took the row since.

    Raises `StillUnderWay` while an earlier one may still take effect.
    """
    require_over(row, now)
    return await fenced(session, row, row.fence, sent_at=now)


@contextmanager
def answered(row: Sends, earlier: datetime | None = None) -> Iterator[None]:
    """Forget that the write in here left, unless nobody knows what came of it.

    The row in memory forgets; what is written of it next says so. What was sent `earlier`, and is
    not settled by this, stays to be looked for.
    """
    try:
        yield
    except _NOTHING_DONE:
        set_committed_value(row, "sent_at", earlier)
        raise
    set_committed_value(row, "sent_at", earlier)


def settle(row: Sends) -> None:
    """Forget what was sent: what came of it is known."""
    set_committed_value(row, "sent_at", None)
