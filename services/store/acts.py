"""Who did what, when; rows are only ever added."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.store.tables import Act, Connection


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
