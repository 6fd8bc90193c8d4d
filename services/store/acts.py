"""Who did what, when; rows are only ever added."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.store.tables import Act, Connection, Export


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done; `by` is "" when the app acted by itself."""

    what: str
    at: datetime
    by: str = ""
    export_id: int | None = None
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


def note(session: AsyncSession, connection: Connection, deed: Deed) -> None:
    """Note what was done to a connection, or to an export of it."""
    act = Act(
        connection_id=connection.id,
        at=deed.at,
        user_id=deed.by,
        what=deed.what,
        export_id=deed.export_id,
        before=deed.before,
        after=deed.after,
    )
    session.add(act)


async def list_of(session: AsyncSession, export_id: int) -> Sequence[Act]:
    """Return what was done about an export, oldest first."""
    found = await session.scalars(select(Act).where(Act.export_id == export_id).order_by(Act.id))
    return found.all()


async def list_newest(
    session: AsyncSession,
    connection_id: int,
    *,
    export_ids: Collection[int] | None = None,
    limit: int | None = None,
) -> Sequence[tuple[Act, Export | None]]:
    """Return what was done, newest first, each with its export; for all exports or for some."""
    asked = (
        select(Act, Export)
        .outerjoin(Export, Export.id == Act.export_id)
        .where(Act.connection_id == connection_id)
        .order_by(Act.at.desc(), Act.id.desc())
        .limit(limit)
    )
    if export_ids is not None:
        asked = asked.where(Act.export_id.in_(export_ids))
    return [(act, export) for act, export in await session.execute(asked)]


async def count(
    session: AsyncSession, connection_id: int, *, export_ids: Collection[int] | None = None
) -> int:
    """Return how much was done."""
    asked = select(func.count()).where(Act.connection_id == connection_id)
    if export_ids is not None:
        asked = asked.where(Act.export_id.in_(export_ids))
    return await session.scalar(asked) or 0
