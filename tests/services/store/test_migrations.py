"""Migrations: what the server checks without Alembic, and several that start together."""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, inspect, text

from services.store import migrations, upkeep
from services.store.engine import Database
from tests.databases import open_database


async def revision_of(url: str) -> tuple[str | None, bool]:
    database = open_database(url)
    async with database.sessions() as session:
        found = await upkeep.find_revision(session)
    async with database.sessions() as session:
        is_current = await upkeep.is_current(session)
    await database.close()
    return found, is_current


async def are_kept(url: str, change: str = "SELECT 1") -> bool:
    """Say whether the tables are taken for ours after a change, which is undone."""
    database = open_database(url)
    try:
        async with database.engine.connect() as connection:
            await connection.execute(text(change))
            await connection.run_sync(upkeep.require_kept)
    except upkeep.Outgrown:
        return False
    finally:
        await database.close()
    return True


async def tables_of(database: Database) -> set[str]:
    def names(connection: Connection) -> set[str]:
        return set(inspect(connection).get_table_names())

    async with database.engine.connect() as connection:
        return await connection.run_sync(names)


def test_the_server_knows_the_newest_migration() -> None:
    assert migrations.newest() == upkeep.HEAD


def test_the_server_loads_neither_alembic_nor_a_database_that_isnt_used() -> None:
    asked = (
        "import sys, bot.commands\n"
        "unused = ('alembic', 'sqlalchemy.dialects.postgresql', 'sqlalchemy.dialects.sqlite')\n"
        "sys.exit(any(each in sys.modules for each in unused))"
    )

    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0  # noqa: S603 - our own text


def test_a_database_is_current_from_its_last_migration_on(database_url: str) -> None:
    assert asyncio.run(revision_of(database_url)) == (upkeep.HEAD, True)

    migrations.downgrade(database_url, "base")

    assert asyncio.run(revision_of(database_url)) == (None, False)


def test_a_file_that_was_never_migrated_is_not_current(sqlite_url: str) -> None:
    fresh = sqlite_url.replace("app.db", "fresh.db")

    assert asyncio.run(revision_of(fresh)) == (None, False)


@pytest.mark.parametrize(
    ("change", "is_kept"),
    [
        ("CREATE TABLE errands (id INTEGER)", False),
        ("DROP TABLE people", False),
        ("ALTER TABLE people RENAME COLUMN user_id TO member_id", False),
        ("ALTER TABLE people ADD COLUMN more INTEGER NOT NULL DEFAULT 0", True),
        ("ALTER TABLE people ADD COLUMN more INTEGER", True),
        ("UPDATE alembic_version SET version_num = '9999'", True),
    ],
)
async def test_tables_of_another_start_are_refused_whatever_their_number(
    database_url: str, change: str, *, is_kept: bool
) -> None:
    assert await are_kept(database_url)
    assert await are_kept(database_url, change) is is_kept


def test_servers_that_start_together_migrate_once(database_url: str) -> None:
    migrations.downgrade(database_url, "base")

    with ThreadPoolExecutor(3) as threads:
        done = [threads.submit(migrations.upgrade, database_url) for _ in range(3)]

    assert [each.exception() for each in done] == [None] * 3
    assert asyncio.run(revision_of(database_url)) == (upkeep.HEAD, True)


async def test_the_way_back_leaves_no_table(database_url: str) -> None:
    await asyncio.to_thread(migrations.downgrade, database_url, "base")
    database = open_database(database_url)
    left = await tables_of(database)
    await database.close()

    assert left == {"alembic_version"}
