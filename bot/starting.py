"""What a start does before any work: taking over what a killed process has left."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime

from services.store import alone, schema
from services.store.engine import Database


async def take_over(url: str, database: Database, stack: AsyncExitStack) -> None:
    """Free what is taken in a database file that no other process works on; hold it from then."""
    held = alone.hold(url)
    if held is None:
        return
    stack.callback(held.close)
    async with database.sessions() as session:
        is_ready = await schema.is_current(session)
    if is_ready:
        async with database.sessions.begin() as session:
            await alone.release(session, datetime.now(UTC))
