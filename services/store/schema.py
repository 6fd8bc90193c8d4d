"""Which migration the database stands at, told without Alembic."""

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

HEAD = "0001"


async def find_revision(session: AsyncSession) -> str | None:
    """Return the revision of the database, or None before its first migration."""
    try:
        found: str | None = await session.scalar(text("SELECT version_num FROM alembic_version"))
    except DBAPIError:
        return None
    return found


async def is_current(session: AsyncSession) -> bool:
    """Say whether the database has the tables that this code expects."""
    return await find_revision(session) == HEAD
