"""A database file that nobody else works on: what a killed process had taken is free at once.

A lease keeps two processes from doing the same thing. Where it is known that the process that
took it is gone, waiting for its end would only keep people waiting.
"""

import contextlib
import sqlite3
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from services.store.engine import file_of, keep_private
from services.store.tables import Grant
from services.store.tables.base import Leased


def hold(url: str) -> sqlite3.Connection | None:
    """Hold the file beside the database until this is closed, or the process dies.

    None when another process holds it, or when there is no file: then nothing is known.
    """
    file = file_of(url)
    if file is None:
        return None
    with contextlib.suppress(sqlite3.OperationalError), contextlib.ExitStack() as undo:
        held = sqlite3.connect(f"{file}-alone", timeout=0, isolation_level=None)
        undo.callback(held.close)
        keep_private(url)
        held.execute("BEGIN EXCLUSIVE")
        undo.pop_all()
        return held
    return None


async def release(session: AsyncSession, now: datetime) -> None:
    """Let go of everything that is leased."""
    for table in Leased.__subclasses__():
        await session.execute(
            update(table)
            .where(table.leased_until.is_not(None), table.due_at.is_not(None))
            .values(due_at=now, leased_until=None)
        )
    await session.execute(update(Grant).values(lease_until=None))
