"""The guard at the end of a job: a worker that was paused and wakes up late changes nothing."""

from typing import Any

from sqlalchemy import ColumnElement, inspect, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from services.store import leases
from services.store.tables import Base


async def fenced(session: AsyncSession, row: Base, fence: int, **values: Any) -> bool:
    """Write `values` unless somebody took the row since; the row in memory follows."""
    table = type(row)
    return await write_where(session, row, table.fence == fence, **values)  # type: ignore[attr-defined]


async def write_where(
    session: AsyncSession, row: Base, as_read: ColumnElement[bool], **values: Any
) -> bool:
    """Write `values` if the row in the database still is `as_read`; the row in memory follows."""
    table = type(row)
    keys = inspect(table).primary_key
    values = leases.ended(table, values)
    written = await session.scalar(
        update(table)
        .where(*(key == getattr(row, key.name) for key in keys), as_read)
        .values(**values)
        .returning(keys[0])
        .execution_options(synchronize_session=False)
    )
    if written is None:
        return False
    for name, value in values.items():
        # Already in the database: marking it changed would write it again, unguarded.
        set_committed_value(row, name, value)
    return True
