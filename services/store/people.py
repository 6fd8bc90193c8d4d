"""What is known of people: whom the app has met, what Slack calls them, who looks at Home.

A Home tab that is out of date is drawn again a few seconds later, whatever happened meanwhile:
what concerns a person marks their row (`outdate`), and the outbox publishes it.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.store import leases
from services.store.engine import insert_into
from services.store.leases import fenced
from services.store.tables import Acquaintance, Connection

_TOGETHER = timedelta(seconds=3)  # what happens within is drawn at once
_INTEREST = timedelta(days=30)  # who has not opened Home for longer opens it anew


async def meet(session: AsyncSession, workspace_id: int, user_id: str, now: datetime) -> bool:
    """Say once for each person that the app has not met them before."""
    if await session.scalar(_of(workspace_id, user_id).where(Acquaintance.met_at.is_not(None))):
        return False
    return await _put(session, (workspace_id, user_id), Acquaintance.met_at.is_(None), met_at=now)


async def open_home(session: AsyncSession, workspace_id: int, user_id: str, now: datetime) -> None:
    """Note that a person looks at Home; from now on it follows what happens."""
    await _put(session, (workspace_id, user_id), home_at=now)


async def find_name(
    session: AsyncSession, workspace_id: int, user_id: str, since: datetime
) -> str | None:
    """Return what Slack called a person, where it was asked since then; "" where it did not say."""
    found = await session.scalar(_of(workspace_id, user_id).where(Acquaintance.named_at > since))
    return found.name if found is not None else None


async def put_name(session: AsyncSession, key: tuple[int, str], name: str, now: datetime) -> None:
    """Keep what Slack calls a person of a workspace."""
    await _put(session, key, name=name[:100], named_at=now)


async def outdate(
    session: AsyncSession, connection: Connection, now: datetime, also: Collection[str] = ()
) -> None:
    """Have Home drawn again for those who may see a connection and look at it, and a few others."""
    concerned = {connection.owner_id, *connection.exporters, *connection.viewers, *also}
    await session.execute(
        update(Acquaintance)
        .where(
            Acquaintance.workspace_id == connection.workspace_id,
            Acquaintance.user_id.in_(concerned),
            Acquaintance.home_at > now - _INTEREST,
            or_(Acquaintance.due_at.is_(None), Acquaintance.leased_until.is_not(None)),
        )
        .values(**leases.wanted(Acquaintance, now + _TOGETHER), tries=0)
        .execution_options(synchronize_session=False)
    )


async def take_outdated(
    session: AsyncSession, workspace_id: int, now: datetime
) -> Acquaintance | None:
    """Take the person whose Home is out of date for longest."""
    oldest = (
        select(Acquaintance.id)
        .where(Acquaintance.workspace_id == workspace_id, leases.is_free(Acquaintance, now))
        .order_by(Acquaintance.due_at, Acquaintance.id)
        .limit(1)
        .scalar_subquery()
    )
    return await leases.take_where(session, Acquaintance, Acquaintance.id == oldest, now)


async def close(session: AsyncSession, person: Acquaintance) -> bool:
    """Note that Home is up to date, unless something happened meanwhile."""
    return await fenced(session, person, person.fence, due_at=None)


def _of(workspace_id: int, user_id: str) -> Any:
    return select(Acquaintance).where(
        Acquaintance.workspace_id == workspace_id, Acquaintance.user_id == user_id
    )


async def _put(session: AsyncSession, key: tuple[int, str], *only: Any, **values: object) -> bool:
    """Write it to the person's row, which is added where there is none; say whether it was."""
    row = {"workspace_id": key[0], "user_id": key[1], "name": "", "fence": 0, "tries": 0}
    insert = insert_into(session, Acquaintance).values(**(row | values))
    written = insert.on_conflict_do_update(
        index_elements=["workspace_id", "user_id"],
        set_=values,
        where=only[0] if only else None,
    ).returning(Acquaintance.id)
    return await session.scalar(written) is not None
