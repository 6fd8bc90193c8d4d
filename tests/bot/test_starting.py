"""What a killed process had taken: free at once where nobody else can be working on it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from bot.wiring import take_over
from services.model.jobs import Job
from services.store import due
from services.store.engine import Database
from tests.databases import open_database
from tests.services.store_seeds import connected, export_of

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    """A file."""
    made = open_database(sqlite_url)
    yield made
    await made.close()


async def due_now(database: Database) -> set[Job]:
    async with database.sessions() as session:
        return {job for job, _ in await due.list_due(session, datetime.now(UTC))}


async def test_what_a_killed_process_took_is_due_at_the_next_start_unless_another_one_works(
    database: Database, sqlite_url: str
) -> None:
    """A batch that was killed goes on at once, and not when its lease ends."""
    async with AsyncExitStack() as another, AsyncExitStack() as mine:
        await take_over(sqlite_url, database, another)
        now = datetime.now(UTC)
        row = await connected(database, sweep_due_at=now + 9 * MINUTE)
        async with database.sessions.begin() as session:
            session.add(export_of(row, due_at=now + MINUTE, leased_until=now + MINUTE))
        await take_over(sqlite_url, database, mine)
        assert await due_now(database) == set()

        await another.aclose()
        await take_over(sqlite_url, database, mine)
        assert await due_now(database) == {Job.EXPORT}


async def test_a_file_without_tables_is_left_alone(database: Database, sqlite_url: str) -> None:
    fresh = sqlite_url.replace("app.db", "fresh.db")
    without = open_database(fresh)
    async with AsyncExitStack() as stack:
        await take_over(fresh, without, stack)
        await take_over("sqlite+aiosqlite://", database, stack)
    await without.close()
