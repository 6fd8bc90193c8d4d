"""The engine: its addresses, readers beside writers, and keys that change."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, insert, make_url, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.util import greenlet_spawn

from bot import telemetry
from bot.settings import generate_key
from services.model.connection import ConnectionState
from services.store import audit, connections, migrations, upkeep
from services.store.engine import Database, driver_url
from services.store.tables import Connection, Export, Grant, OneTimeLink, Workspace
from tests.databases import KEY, open_database
from tests.services.store_seeds import NOW, connected, export_of, granted


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("sqlite:///app.db", "sqlite+aiosqlite:///app.db"),
        ("postgres://me:pw@db/app", "postgresql+asyncpg://me:pw@db/app"),
        ("postgresql://db/app?sslmode=require", "postgresql+asyncpg://db/app?ssl=require"),
        ("postgresql+asyncpg://db/app", "postgresql+asyncpg://db/app"),
    ],
)
def test_an_address_gets_its_async_driver(given: str, used: str) -> None:
    assert driver_url(given) == used


async def test_somebody_who_reads_neither_waits_for_a_writer_nor_begins_a_transaction(
    database: Database,
) -> None:
    await connected(database)
    asked, renamed = select(Workspace.team_id), update(Workspace).values(team_id="T2")
    async with database.sessions() as reading:
        async with asyncio.timeout(60), database.sessions.begin() as writing:
            await writing.execute(renamed)
            before = await reading.scalar(asked)
        after = await reading.scalar(asked)

    assert (before, after) == ("T1", "T2")


async def test_writers_that_read_first_wait_for_each_other(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    connection = await connected(database)

    async def add_one() -> None:
        async with database.sessions.begin() as session:
            found = await session.get_one(Connection, connection.id)
            found.broken_times += 1

    await asyncio.gather(*(add_one() for _ in range(12)))
    async with database.sessions() as session:
        counted = await session.scalar(select(Connection.broken_times))
    await database.close()

    assert counted == 12


async def test_a_connection_that_is_returned_holds_no_lock(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    connection = await database.engine.raw_connection()
    driver = connection.driver_connection
    assert driver is not None
    await driver.execute("BEGIN IMMEDIATE")
    await greenlet_spawn(connection.close)

    assert not driver.in_transaction
    async with asyncio.timeout(5):
        await connected(database)
    await database.close()


async def test_a_transaction_keeps_others_out_from_its_first_statement_on(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    other = sqlite3.connect(make_url(sqlite_url).database or "", timeout=0, isolation_level=None)
    async with database.engine.begin() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await connection.execute(select(Workspace.id))
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    for _ in range(2):  # the second one has nothing to do, and leaves nothing to begin
        async with database.reader.connect() as reading:
            await reading.execute(select(Workspace.id))
            used: Any = (await reading.get_raw_connection()).driver_connection
            assert used is driver
            assert not driver.in_transaction
        async with database.engine.begin():
            assert not driver.in_transaction
    other.close()
    await database.close()


@pytest.mark.databases("sqlite")
async def test_a_writer_that_gives_up_while_it_waits_keeps_no_other_out(database: Database) -> None:
    await connected(database)
    write = update(Workspace).values(team_id="T2")
    async with database.engine.connect() as connection:
        waiting: Any = (await connection.get_raw_connection()).driver_connection
        async with database.sessions.begin() as session:
            await session.execute(write)
            beginning = asyncio.create_task(waiting.cursor().execute("BEGIN IMMEDIATE"))
            await asyncio.sleep(0)
            beginning.cancel()
            await asyncio.wait([beginning])
            ending = asyncio.create_task(waiting.rollback())
            await asyncio.sleep(0)
        await ending
        async with database.sessions.begin() as session:
            await session.execute(write)


@pytest.mark.databases("postgres")
async def test_connections_that_were_just_used_may_have_been_ended_meanwhile(
    database_url: str,
) -> None:
    ours, theirs = open_database(database_url), open_database(database_url)
    ending = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ANY(:pids)")
    async with AsyncExitStack() as stack:
        at_once = [await stack.enter_async_context(ours.engine.connect()) for _ in range(3)]
        pids = [await each.scalar(text("SELECT pg_backend_pid()")) for each in at_once]
        raw = [await each.get_raw_connection() for each in at_once]
        lost = [each.driver_connection for each in raw if each.driver_connection is not None]
    async with theirs.engine.connect() as other:
        await other.execute(ending, {"pids": pids})
    async with asyncio.timeout(60):
        while not all(each.is_closed() for each in lost):
            await asyncio.sleep(0.01)
    async with ours.sessions() as session:
        found = await session.scalar(text("SELECT pg_backend_pid()"))
    await ours.close()
    await theirs.close()

    assert found not in pids


@asynccontextmanager
async def between(url: URL, awake: asyncio.Event) -> AsyncIterator[str]:
    """Carry what goes to and from a database, as long as we are awake; yield our own address."""
    sinks: list[asyncio.StreamWriter] = []

    async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        sinks.append(sink)
        while data := await source.read(65536):
            await awake.wait()
            sink.write(data)

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_unix_connection(f"{url.query['host']}/.s.PGSQL.5432")
        await asyncio.gather(carry(reader, ours), carry(theirs, writer))

    server = await asyncio.start_server(join, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"postgresql://test@127.0.0.1:{port}/{url.database}"
    finally:
        awake.set()
        server.close()
        for each in sinks:
            each.close()


@pytest.mark.databases("postgres")
async def test_a_database_that_hangs_keeps_nobody_from_ending(database_url: str) -> None:
    awake = asyncio.Event()
    awake.set()
    async with between(make_url(database_url), awake) as url:
        ours = open_database(url)
        async with ours.engine.connect() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
        awake.clear()
        async with asyncio.timeout(30):
            await ours.close()
    async with asyncio.timeout(60):
        while raw is not None and not raw.is_closed():
            await asyncio.sleep(0.01)


async def test_secrets_of_every_table_outlive_the_key_they_were_written_with(
    database_url: str,
) -> None:
    old, new = generate_key(), generate_key()
    before = Database.open(database_url, [old])
    connection = await connected(before)
    grant = await granted(before)
    async with before.sessions.begin() as session:
        link = OneTimeLink(
            digest="d",
            purpose="state",
            connection_id=connection.id,
            user_id="U1",
            secret="verifier",
            expires_at=NOW,
        )
        session.add(link)
    await before.close()
    during = Database.open(database_url, [new, old])
    count = await upkeep.rotate(during.sessions)
    await during.close()
    after = Database.open(database_url, [new])
    async with after.sessions() as session:
        connection = await session.get_one(Connection, connection.id)
        grant = await session.get_one(Grant, grant.id)
        link = await session.get_one(OneTimeLink, link.id)
        raw = await session.scalar(text("SELECT secret FROM one_time_links"))
    await after.close()

    assert count == 4
    assert (connection.paymo_api_key, link.secret) == ("paymo key", "verifier")
    assert (grant.access_token, grant.refresh_token) == ("access", "refresh")
    assert "verifier" not in str(raw)


def test_a_database_file_and_its_companions_are_the_owners_alone(tmp_path: Path) -> None:
    umask = os.umask(0o022)
    url = f"sqlite+aiosqlite:///{tmp_path / 'app.db'}"
    try:
        migrations.upgrade(url)
        held = upkeep.hold(url)
        with sqlite3.connect(tmp_path / "app.db") as other:  # keeps the -wal there
            other.execute("CREATE TABLE kept (id INTEGER)")
            modes = {each.name: oct(each.stat().st_mode & 0o777) for each in tmp_path.iterdir()}
        other.close()
    finally:
        os.umask(umask)

    assert held is not None
    held.close()
    assert modes.keys() >= {"app.db", "app.db-wal", "app.db-shm", "app.db-alone"}
    assert set(modes.values()) == {"0o600"}


def test_a_file_that_others_could_read_is_closed_to_them(sqlite_url: str) -> None:
    file = Path(sqlite_url.removeprefix("sqlite+aiosqlite:///"))
    file.chmod(0o644)

    Database.open(sqlite_url, [KEY])

    assert oct(file.stat().st_mode & 0o777) == "0o600"


async def test_a_row_that_the_database_refuses_is_not_in_the_log(database: Database) -> None:
    """SQLAlchemy would quote the parameters, and PostgreSQL the row."""
    values = {"owner_id": None, "organisation_name": "Acme Ltd", "created_at": NOW}

    with pytest.raises(IntegrityError) as refused:
        async with database.sessions.begin() as session:
            await session.execute(
                insert(Connection).values(workspace_id=1, state=ConnectionState.ACTIVE, **values)
            )

    assert "Acme" not in telemetry.hide(str(refused.value))


async def test_whoever_changes_a_connection_keeps_nobody_from_logging(postgres_url: str) -> None:
    """An approval holds an export that a new limit wants next: neither may wait for the other."""
    async with AsyncExitStack() as stack:
        database = open_database(postgres_url)
        stack.push_async_callback(database.close)
        connection = await connected(database)
        async with database.sessions.begin() as session:
            session.add(export_of(connection))
        async with database.sessions.begin() as saving:
            await connections.hold(saving, connection.id)
            async with database.sessions.begin() as approving:
                await approving.execute(text("SET LOCAL lock_timeout = '5s'"))
                [export] = await approving.every(select(Export).with_for_update())
                entry = audit.AuditNote("export_approved", NOW, "U2", export.id)
                audit.record(approving, connection, entry)
            await saving.execute(update(Export).values(approval_key="new"))
