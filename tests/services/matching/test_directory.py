"""An organisation's contacts are read once, then only where they changed, a few at a time."""

import asyncio
from typing import Any

import pytest

from services.matching.index import index_of
from services.matching.readings import readings
from services.matching.suggestions import Party, suggest
from services.store import mirror
from services.store.engine import Database
from services.store.tables import Connection, Contact
from tests.databases import SQLITE_ALONE
from tests.services.bridge import Bridge
from tests.services.store_seeds import connected

pytestmark = SQLITE_ALONE

MANY = 1000
MOST_IN_A_TURN = 200  # names, each of which is looked at up to three times


@pytest.fixture
async def connection(database: Database) -> Connection:
    """A connection with many contacts."""
    made = await connected(database)
    await copy(database, made, rows())
    return made


def rows(**changed: str) -> list[dict[str, Any]]:
    """Return what Xero lists; `changed` are names by contact."""
    return [
        {
            "contact_id": f"c{place}",
            "name": changed.get(f"c{place}", f"Harbour {place} Studio Ltd"),
            "email": "",
            "tax_number": "",
            "is_active": True,
            "merged_to": "",
        }
        for place in range(MANY)
    ]


async def copy(database: Database, connection: Connection, listed: list[dict[str, Any]]) -> None:
    """Bring the mirror up to date."""
    async with database.sessions.begin() as session:
        await mirror.replace(session, connection.id, Contact, listed)


async def ask(database: Database, connection: Connection, name: str) -> list[str]:
    """Return the contacts that are suggested for a client of this name."""
    async with database.sessions() as session:
        index = await index_of(session, connection.id)
        return [each.contact.name for each in suggest(Party(name), index)]


def looked_at() -> int:
    """Return how many names were looked at so far."""
    info = readings.cache_info()
    return info.hits + info.misses


async def keep_up(database: Database, connection: Connection) -> int:
    """Return how many names are looked at until the contacts are as in the mirror."""
    before = looked_at()
    async with database.sessions() as session:
        await index_of(session, connection.id)
    return looked_at() - before


async def test_only_what_changed_is_read_again(database: Database, connection: Connection) -> None:
    assert await keep_up(database, connection) >= MANY
    assert await keep_up(database, connection) == 0
    await copy(database, connection, rows())
    assert await keep_up(database, connection) == 0

    await copy(database, connection, rows(c7="Zephyr Kites")[:-1])
    assert 0 < await keep_up(database, connection) <= 10
    assert await ask(database, connection, "Zephyr Kites Inc") == ["Zephyr Kites"]
    assert "Harbour 7 Studio Ltd" not in await ask(database, connection, "Harbour 7 Studio")
    gone = f"Harbour {MANY - 1} Studio"
    assert f"{gone} Ltd" not in await ask(database, connection, gone)

    async with database.sessions.begin() as session:
        await mirror.forget(session, connection.id)
    assert await ask(database, connection, "Zephyr Kites Inc") == []


async def test_many_names_are_read_a_few_at_a_time(
    database: Database, connection: Connection
) -> None:
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            before = looked_at()
            await asyncio.sleep(0)
            most = max(most, looked_at() - before)

    watcher = asyncio.create_task(watch())
    read = await keep_up(database, connection)
    watcher.cancel()

    assert read >= MANY
    assert 0 < most <= MOST_IN_A_TURN


async def test_copying_the_contacts_reads_their_names(database: Database) -> None:
    """So nobody who asks about a client waits for it."""
    bridge = await Bridge.open(database)
    bridge.xero.books.add_contact("Zephyr Kites")
    copied = await bridge.connection()
    await bridge.mirror.refresh_contacts(copied)

    assert await keep_up(database, copied) == 0
    assert await ask(database, copied, "Zephyr Kites Inc") == ["Zephyr Kites"]
    await bridge.close()
