"""An organisation's contacts are read once, then only where they changed, a few at a time."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.index import NameList, Party, directory_in, index_of
from services.matching.readings import readings
from services.matching.service import MatchingService
from services.matching.suggestions import suggest
from services.store import mirror
from services.store.contacts import Known
from services.store.engine import Database
from services.store.tables import Connection, Contact
from tests.databases import SQLITE_ALONE, overheard
from tests.properties import USUAL
from tests.services.bridge import ANNA, Bridge
from tests.services.store_seeds import NOW, connected

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
        known = await index_of(session, connection.id)
        return [each.contact.name for each in suggest(Party(name), known)]


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


# ---- what people type


def known(*rows: tuple[str, str, str]) -> NameList:
    """Put contacts in order: each a name, an e-mail address and a tax number."""
    return NameList.of(
        Known(f"c{place}", name, mirror.folded_name(name), email, number)
        for place, (name, email, number) in enumerate(rows)
    )


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("ac", ["Acme", "Ácord", "Big Acme"]),
        ("ACME", ["Acme", "Big Acme"]),
        ("straße", ["Straße 100%"]),
        ("strasse", ["Straße 100%"]),
        ("%", ["Straße 100%"]),
        ("_", ["Under_score"]),
        ("books@", ["Big Acme"]),
        ("acme BIG", ["Big Acme"]),
        ("acme example", ["Big Acme"]),
        ("gb 123 45", ["Acme"]),
        ("  under_sc ", ["Under_score"]),
        ("undre_score", ["Under_score"]),
        ("starsse", ["Straße 100%"]),
        ("\t", ["Acme", "Ácord", "Big Acme", "Straße 100%", "Under_score"]),
        ("", ["Acme", "Ácord", "Big Acme", "Straße 100%", "Under_score"]),
        ("zzzz", []),
        ("xy", []),
    ],
)
def test_contacts_are_found_by_any_part_beginnings_first(typed: str, found: list[str]) -> None:
    names = known(
        ("Big Acme", "Books@big.example", ""),
        ("Acme", "", "GB 123 456"),
        ("Ácord", "", ""),
        ("Straße 100%", "", ""),
        ("Under_score", "", ""),
    )
    assert [each.name for each in names.search(typed, 10)] == found


LETTERS = st.text("abcÁ ", max_size=6)


@USUAL
@given(rows=st.lists(LETTERS, max_size=12, unique=True), typed=LETTERS, most=st.integers(1, 8))
def test_what_holds_the_words_is_found_in_order_and_once(
    rows: list[str], typed: str, most: int
) -> None:
    """First what begins with it, then what holds it, then what holds its words, each by name."""
    names = known(*((each, "", "") for each in rows))
    folded = [" ".join(mirror.folded_name(each).split()) for each in rows]
    wanted = " ".join(mirror.folded_name(typed).split())
    ways: list[Callable[[str], bool]] = [
        lambda name: name.startswith(wanted),
        lambda name: wanted in name,
        lambda name: all(word in name for word in wanted.split()),
    ]
    order = sorted(range(len(rows)), key=lambda place: f"{folded[place]}\t")
    places = dict.fromkeys(place for way in ways for place in order if way(folded[place]))
    found = [int(each.contact_id[1:]) for each in names.search(typed, most)]

    assert not places or found == list(places)[:most]
    assert len(found) == len(set(found)) <= most
    assert names.hold(typed) == (wanted in folded)


async def test_a_menu_asks_the_database_once_and_sees_each_change(
    database: Database, connection: Connection
) -> None:
    """The person's connection with the client; the contacts only where they changed."""
    matching = MatchingService(database, lambda: NOW)

    async def menu(typed: str) -> list[str]:
        groups = await matching.contact_options(ANNA, typed, client_id=1)
        return [each.text for group in groups for each in group.options]

    assert "Harbour 7 Studio Ltd" in await menu("7 studio")
    with overheard(database) as heard:
        assert await menu("harbour 7 ") != []
    assert len([each for each, _ in heard if each.startswith("SELECT")]) == 1

    await copy(database, connection, rows(c7="Zephyr Kites"))
    assert await menu("zephyr") == ["Zephyr Kites"]
    assert "Harbour 7 Studio Ltd" not in await menu("harbour 7 studio")


def test_memory_holds_the_contacts_of_those_who_asked_last() -> None:
    """However many organisations ask, or however many contacts one of them has."""
    memory: dict[tuple[str, int], Any] = {("another", 1): "stays"}
    for connection_id, count in ((1, 3), (2, 4), (3, 2), (4, 9)):
        directory = directory_in(memory, connection_id, most=6)
        for each in range(count):
            directory.index.put(Known(f"c{each}", "Acme", "acme", "", ""))
        assert directory_in(memory, connection_id, most=6) is directory
        kept = [key[1] for key in memory if key[0] == "contacts"]
        assert kept == {1: [1], 2: [2], 3: [2, 3], 4: [4]}[connection_id]
    assert memory["another", 1] == "stays"
