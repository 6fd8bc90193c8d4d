"""Migrations: what the server checks without Alembic, and several that start together."""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Connection, inspect

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
