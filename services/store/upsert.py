"""Inserting many rows of which some are known, alike on SQLite and PostgreSQL."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from services.store.tables import Base


def insert_into(session: AsyncSession, table: type[Base]) -> Any:
    """Return the dialect's own insert, which knows ON CONFLICT."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


async def put_all(session: AsyncSession, table: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows, or bring those that are there up to date."""
    if not rows:
        return
    keys = [column.name for column in inspect(table).primary_key]
    insert = insert_into(session, table)
    changed = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    if changed:
        statement = insert.on_conflict_do_update(index_elements=keys, set_=changed)
    else:
        statement = insert.on_conflict_do_nothing()
    connection = await session.connection()
    await connection.execute(statement, list(rows))
