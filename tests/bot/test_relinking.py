"""`relink`, as a process: it shows what it finds, and writes it after a yes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.model.export import ExportState
from tests.bot.program import NEEDED, Ended, run, to_stand_ins
from tests.databases import open_database
from tests.services.bridge import Bridge
from tests.services.fixtures import exported
from tests.services.losing import lose_database


@pytest.fixture
async def bridge(sqlite_url: str) -> AsyncIterator[Bridge]:
    """A connected pair with two exported invoices, on a database file."""
    database = open_database(sqlite_url)
    made = await exported(2)(database)
    yield made
    await made.close()
    await database.close()


async def typed(bridge: Bridge, folder: Path, url: str, *words: str) -> Ended:
    settings = {**NEEDED, **to_stand_ins(bridge.xero, *bridge.served), "DATABASE_URL": url}
    return await run(folder, "relink", "--workspace", "T1", *words, **settings)


async def test_it_shows_what_it_found_and_writes_it_only_after_a_yes(
    bridge: Bridge, tmp_path: Path, sqlite_url: str
) -> None:
    await lose_database(bridge)

    asked = await typed(bridge, tmp_path, sqlite_url)
    assert (asked.status, await bridge.exports()) == (1, [])
    assert "2 former exports: INV-1 and INV-2." in asked.out
    assert "--yes" in asked.err

    (facts,) = [each for kind, each in await bridge.notices() if kind == "health"]
    assert "done" not in facts
    agreed = await typed(bridge, tmp_path, sqlite_url, "--yes")
    again = await typed(bridge, tmp_path, sqlite_url, "--yes")

    assert (agreed.status, again.status) == (0, 0)
    assert "Linked 2 of 2" in agreed.out
    assert "No former exports to link." in again.out
    assert {each.state for each in await bridge.exports()} == {ExportState.EXPORTED}
    (facts,) = [each for kind, each in await bridge.notices() if kind == "health"]
    assert "linked the former exports" in str(facts["done"])


async def test_a_workspace_without_a_connection_is_told_to_connect_first(
    tmp_path: Path, sqlite_url: str
) -> None:
    settings = {**NEEDED, "DATABASE_URL": sqlite_url}
    ended = await run(tmp_path, "relink", "--workspace", "T1", **settings)

    assert ended.status == 1
    assert "There is no data about workspace T1" in ended.err
