"""What a killed process had taken: free at once where nobody else can be working on it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from bot.wiring import take_over
from services.model.jobs import Job
from services.store import due, leases
from services.store.engine import Database
from services.store.tables import Connection, Export
from tests.databases import BOTH_DATABASES, open_database
from tests.services.store_seeds import connected, export_of

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


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


@BOTH_DATABASES
@pytest.mark.parametrize("minutes", [4, 30_000_000])
@pytest.mark.parametrize("is_brief", [False, True])
async def test_a_start_gives_unanswered_calls_their_whole_time_unless_it_ends_before_that(
    database_url: str, minutes: int, *, is_brief: bool
) -> None:
    """A slow clock noted when they left; a command run every minute would put them off forever."""
    database, now = open_database(database_url), datetime.now(UTC)
    sent_at = now - minutes * MINUTE
    row = await connected(database, sent_at=sent_at)
    async with database.sessions.begin() as session:
        session.add(export_of(row, due_at=now, requested_at=sent_at, sent_at=sent_at))
        session.add(export_of(row, paymo_invoice_id=2, due_at=now))
        session.add(export_of(row, paymo_invoice_id=3, sent_at=sent_at, missed_at=sent_at))
        former = now - 2 * DAY
        session.add(export_of(row, paymo_invoice_id=4, sent_at=former, requested_at=now - MINUTE))
    async with AsyncExitStack() as stack:
        await take_over(database_url, database, stack, is_brief=is_brief)

    async with database.sessions() as session:
        connection = await session.get_one(Connection, row.id)
        sent, unsent, missed, again = [await session.get_one(Export, each) for each in (1, 2, 3, 4)]
    await database.close()
    assert leases.is_under_way(sent, now) is not is_brief
    assert leases.is_under_way(connection, now) is not is_brief
    assert unsent.sent_at is None
    assert missed.sent_at == sent_at
    assert again.sent_at == former, "it wouldn't be looked for any more"


async def test_a_file_without_tables_is_left_alone(database: Database, sqlite_url: str) -> None:
    fresh = sqlite_url.replace("app.db", "fresh.db")
    without = open_database(fresh)
    async with AsyncExitStack() as stack:
        await take_over(fresh, without, stack)
        await take_over("sqlite+aiosqlite://", database, stack)
    await without.close()
