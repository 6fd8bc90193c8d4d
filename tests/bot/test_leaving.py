"""Leaving: data handed out, data deleted, and the term after which that happens."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.clock import Keeping
from services.connect.service import WorkspaceService
from services.model.export import ExportState
from services.notices.health import HealthService
from services.store import people
from services.store.engine import Database
from services.store.tables import Connection, Export, Grant, Workspace
from tests.bot.program import NEEDED, Ended, run, to_stand_ins
from tests.databases import open_database
from tests.services.connecting import Connecting
from tests.services.prepared import KEY
from tests.services.store_seeds import NOW, connected, export_of


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    """A database file that the program may open, too."""
    opened = open_database(sqlite_url)
    yield opened
    await opened.close()


async def typed(stand: Connecting, folder: Path, url: str, *words: str) -> Ended:
    given = {**NEEDED, **to_stand_ins(stand.xero, *stand.served), "DATABASE_URL": url}
    return await run(folder, *words, **given)


async def kept(database: Database) -> list[int]:
    """How many workspaces, connections and exports there are."""
    async with database.sessions() as session:
        tables = (Workspace, Connection, Export)
        return [
            await session.scalar(select(func.count()).select_from(each)) or 0 for each in tables
        ]


@pytest.fixture
async def stand(database: Database) -> AsyncIterator[Connecting]:
    """Both sides connected, with an exported invoice."""
    made = await Connecting.open(database)
    connection = await made.connect()
    async with database.sessions.begin() as session:
        session.add(export_of(connection, state=ExportState.EXPORTED, client_name="Zoë Ltd"))
    yield made
    await made.close()


async def test_forgetting_ends_both_sides_and_leaves_nothing(
    stand: Connecting, database: Database, sqlite_url: str, tmp_path: Path
) -> None:
    ended = await typed(stand, tmp_path, sqlite_url, "forget", "--workspace", "T1")
    left = stand.xero.authority.connections

    assert (ended.status, ended.out) == (0, "Everything about workspace T1 is deleted.\n")
    assert (await kept(database), left) == ([0, 0, 0], {})


async def test_forgetting_while_xero_is_down_deletes_and_says_what_to_do_there(
    stand: Connecting, database: Database, sqlite_url: str, tmp_path: Path
) -> None:
    stand.xero.faults.add(path="^/connections", status=503, times=99)

    ended = await typed(stand, tmp_path, sqlite_url, "forget", "--workspace", "T1")

    assert ended.status == 0
    assert "Maple Books didn't answer" in ended.err
    assert await kept(database) == [0, 0, 0]


async def test_data_is_handed_out_as_json_without_secrets(
    stand: Connecting, sqlite_url: str, tmp_path: Path
) -> None:
    ended = await typed(stand, tmp_path, sqlite_url, "export-data", "--workspace", "T1")

    found = json.loads(ended.out)
    assert (ended.status, found["workspace"]) == (0, "T1")
    assert found["tables"]["exports"][0]["client_name"] == "Zoë Ltd"
    assert found["tables"]["connections"][0]["organisation_name"] == "Maple Books"
    assert KEY not in ended.out


async def test_people_are_named_beside_their_ids(
    stand: Connecting, database: Database, sqlite_url: str, tmp_path: Path
) -> None:
    async with database.sessions.begin() as session:
        connection = await session.get_one(Connection, 1)
        connection.exporters = [connection.owner_id, "U9"]
        key = (connection.workspace_id, connection.owner_id)
        await people.put_name(session, key, "Anna Berg", NOW)

    ended = await typed(stand, tmp_path, sqlite_url, "export-data", "--workspace", "T1")

    [found] = json.loads(ended.out)["tables"]["connections"]
    assert (found["owner_id"], found["owner_id_name"]) == (connection.owner_id, "Anna Berg")
    assert found["exporters_names"] == ["Anna Berg", ""]  # nobody asked Slack for the other one


async def test_a_terminal_and_the_data_say_in_plain_words_what_slack_would_mark_up(
    stand: Connecting, database: Database, sqlite_url: str, tmp_path: Path
) -> None:
    async with database.sessions.begin() as session:
        grant = await session.get_one(Grant, 1)
        stand.xero.authority.revoke(grant.refresh_token)
        grant.expires_at = NOW - timedelta(days=1)

    swept = await typed(stand, tmp_path, sqlite_url, "sync", "--once")
    handed = await typed(stand, tmp_path, sqlite_url, "export-data", "--workspace", "T1")

    why = "Connect Xero again with /paymo-xero connect."
    assert (swept.status, why in swept.out) == (1, True)
    problems = [each["problem"] for each in json.loads(handed.out)["tables"]["schedules"]]
    assert [why in each for each in problems if each] == [True]
    assert "\\u0002" not in handed.out


@pytest.mark.parametrize("command", ["forget", "export-data"])
@pytest.mark.parametrize("name", ["T9", "9" * 30], ids=["Slack's", "ours"])
async def test_a_workspace_that_nobody_knows_is_said(
    tmp_path: Path, sqlite_url: str, command: str, name: str
) -> None:
    settings = {**NEEDED, "DATABASE_URL": sqlite_url}

    ended = await run(tmp_path, command, "--workspace", name, **settings)

    assert (ended.status, ended.out) == (1, "")
    assert ended.err == f"There is no data about workspace {name}.\n"


async def test_what_is_kept_goes_a_term_after_the_app_was_removed(database: Database) -> None:
    work, tokens, now = None, None, NOW
    health = HealthService(database, lambda: now)
    keeping = Keeping(database, tokens, work, lambda: now, timedelta(days=30), health)  # type: ignore[arg-type]
    await connected(database, "T1", state="ended")
    await connected(database, "T2", state="ended")
    service = WorkspaceService(database, lambda: now)
    await service.uninstalled("", "T1")
    await service.uninstalled("", "T2")
    now = NOW + timedelta(days=29)
    await service.installed("", "T2", "U1")

    await keeping.tidy()
    before = await kept(database)
    now = NOW + timedelta(days=30)
    await keeping.tidy()

    assert (before[:2], (await kept(database))[:2]) == ([2, 2], [1, 1])


async def test_a_connection_that_is_still_being_ended_is_waited_for(database: Database) -> None:
    work, tokens, now = None, None, NOW
    health = HealthService(database, lambda: now)
    keeping = Keeping(database, tokens, work, lambda: now, timedelta(0), health)  # type: ignore[arg-type]
    await connected(database, "T1", state="active")
    await WorkspaceService(database, lambda: now).uninstalled("", "T1")
    await keeping.tidy()
    waiting = await kept(database)
    now = NOW + timedelta(days=2)
    await keeping.tidy()

    assert (waiting[0], (await kept(database))[0]) == (1, 0)
