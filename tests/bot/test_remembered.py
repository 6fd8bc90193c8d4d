"""What is remembered between requests: answers at once, each said once, and never for long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any

import pytest
from slack_sdk.oauth.installation_store.models.installation import Installation
from sqlalchemy import insert

from bot.slack_clients import CachedBots, InstalledBots
from services.connect.checklists import Checklists
from services.connect.service import ConnectService, WorkspaceService
from services.errors import NotAllowed
from services.lifecycle import connection as lifecycle
from services.model.people import Person, Role
from services.store import connections, notices, workspaces
from services.store.engine import Database
from services.store.slack import SlackInstallationStore
from services.store.tables import Subscription
from tests.bot.town import town as open_town
from tests.bot.town import until
from tests.databases import open_database, overheard
from tests.services.store_seeds import NOW, connected

BEN = Person("", "T1", "U2", "C1")
TOO_LATE = 60


@pytest.fixture
async def two(database_url: str) -> AsyncIterator[tuple[Database, Database]]:
    """The same database, opened by two processes."""
    here, there = open_database(database_url), open_database(database_url)
    yield here, there
    await here.close()
    await there.close()


def service(database: Database) -> ConnectService:
    """The part of the service that remembers roles; no job runs and no screen is drawn."""
    nobody: Any = None
    return ConnectService(database, nobody, nobody, Checklists("", _now), _now)


def _now() -> datetime:
    return NOW


async def known(here: Database, there: Database) -> ConnectService:
    """Let Ben export, and have his role looked up there."""
    await connected(here, exporters=["U2"])
    asking = service(there)
    assert await asking.best_role(BEN) is Role.EXPORTER
    return asking


async def put(database: Database, **values: object) -> None:
    async with database.sessions.begin() as session:
        connection = await connections.get(session, 1)
        for name, value in values.items():
            setattr(connection, name, value)


async def test_a_role_is_not_looked_up_again_while_nothing_changed(
    two: tuple[Database, Database],
) -> None:
    here, _ = two
    asking = await known(here, here)

    with overheard(here) as heard:
        assert await asking.best_role(BEN) is Role.EXPORTER

    assert [each for each, _ in heard if "connections" in each] == []


async def test_a_role_that_this_process_takes_away_is_gone_at_once(
    two: tuple[Database, Database],
) -> None:
    here, _ = two
    asking = await known(here, here)

    await put(here, exporters=[])

    with pytest.raises(NotAllowed):
        await asking.best_role(BEN)


async def test_a_role_that_another_process_takes_away_is_gone_soon_and_never_acted_with(
    two: tuple[Database, Database],
) -> None:
    here, there = two
    asking = await known(here, there)

    await put(here, exporters=[])

    async with there.sessions() as session:
        with pytest.raises(NotAllowed):
            await connections.get_for_exporter(session, BEN)

    async def is_gone() -> bool:
        try:
            return await asking.best_role(BEN) is None
        except NotAllowed:
            return True

    await until(is_gone)


async def test_the_roles_of_a_connection_that_ends_are_gone_at_once(
    two: tuple[Database, Database],
) -> None:
    here, _ = two
    asking = await known(here, here)

    async with here.sessions.begin() as session:
        connection = await connections.get(session, 1)
        assert await lifecycle.disconnect(session, connection)
        assert await lifecycle.mark_ended(session, connection)

    assert await asking.best_role(BEN) is None


async def test_what_is_written_without_being_read_counts_as_well(
    two: tuple[Database, Database],
) -> None:
    here, _ = two
    await connected(here, exporters=["U2"])
    asking, somebody = service(here), Person("", "T1", "U9", "C1")
    with pytest.raises(NotAllowed):
        await asking.best_role(somebody)

    async with here.sessions.begin() as session:
        heard = {"connection_id": 1, "channel_id": "C1", "topics": [], "set_by": "U1"}
        await session.execute(insert(Subscription).values(**heard, **_USUAL))

    assert await asking.best_role(somebody) is Role.VIEWER

    async with here.sessions.begin() as session:
        await notices.pause_channel(session, 1, "C1", "It's archived.")

    with pytest.raises(NotAllowed):
        await asking.best_role(somebody)


_USUAL = {
    "layout": "broadcast",
    "digest_every": "monthly",
    "digest_hour": 7,
    "digest_zone": "",
    "set_at": NOW,
    "paused_because": "",
}


async def test_a_change_that_is_undone_leaves_what_is_remembered(
    two: tuple[Database, Database],
) -> None:
    here, _ = two
    await connected(here, exporters=["U2"])
    before = await here.changes.stamp()

    async with here.sessions() as session:
        connection = await connections.get(session, 1)
        connection.exporters = []
        await session.flush()
        await session.rollback()
    await put(here, organisation_name="Maple Books")

    here.changes.doubt()
    assert await here.changes.stamp() == before


def installed(token: str) -> Installation:
    return Installation(app_id="A1", team_id="T1", user_id="U1", bot_token=token, bot_id="B1")


def bots_in(database: Database) -> CachedBots:
    return CachedBots(InstalledBots(SlackInstallationStore("client", database)), database.changes)


async def test_a_bot_that_another_process_puts_or_takes_away_is_seen_soon(
    two: tuple[Database, Database],
) -> None:
    here, there = two
    store, bots = SlackInstallationStore("client", here), bots_in(there)
    await store.async_save(installed("xoxb-1"))

    async def token() -> str:
        found = await bots.find("", "T1")
        return found.token if found is not None else ""

    assert await token() == "xoxb-1"
    await store.async_save(installed("xoxb-2"))

    async def is_new() -> bool:
        return await token() == "xoxb-2"

    await until(is_new)
    await store.async_delete_all(enterprise_id=None, team_id="T1")

    async def is_gone() -> bool:
        return not await token()

    await until(is_gone)


async def test_a_bot_that_this_process_puts_in_anothers_place_is_used_at_once(
    two: tuple[Database, Database],
) -> None:
    here, _ = two
    store, bots = SlackInstallationStore("client", here), bots_in(here)
    for token in ("xoxb-1", "xoxb-2"):
        await store.async_save(installed(token))
        found = await bots.find("", "T1")
        assert found is not None
        assert found.token == token


async def test_a_bot_is_found_while_many_strangers_are_greeted(
    two: tuple[Database, Database],
) -> None:
    here, there = two
    await SlackInstallationStore("client", here).async_save(installed("xoxb-1"))
    bots, greeting = bots_in(here), WorkspaceService(here, _now)
    async with there.sessions.begin() as session:  # holds up whoever adds the workspace
        await workspaces.find_or_add(session, "", "T1", NOW)
        strangers = (Person("", "T1", f"U{number}") for number in range(40))
        greeted = [asyncio.create_task(greeting.meet(each)) for each in strangers]

        for _ in range(20):
            bots.known.clear()
            here.changes.doubt()
            assert await bots.find("", "T1")

        assert not any(each.done() for each in greeted)
    assert all(await asyncio.gather(*greeted))


async def test_a_remembered_bot_is_there_while_the_database_is_busy(
    two: tuple[Database, Database],
) -> None:
    here, _ = two
    await SlackInstallationStore("client", here).async_save(installed("xoxb-1"))
    bots = bots_in(here)
    assert await bots.find("", "T1")
    here.changes.doubt()

    async with AsyncExitStack() as stack:
        for _ in range(15):  # all there are
            await stack.enter_async_context(here.engine.connect())
        begun = asyncio.get_running_loop().time()
        assert await bots.find("", "T1")
        waited = asyncio.get_running_loop().time() - begun

    assert waited < 20  # and not the 30 seconds after which the pool gives up


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("over", ["http", "socket"])
async def test_help_is_the_answer_itself_and_is_said_once(database_url: str, over: str) -> None:
    settings = {"slack_app_token": "xapp-1-test"} if over == "socket" else {}
    async with open_town(database_url, **settings) as town:
        told = town.slack.state.ephemerals
        count = 0

        async def is_answered_at_once() -> bool:
            nonlocal count
            count += 1
            answer = await town.slack.command("Anna", "invoices", "help")
            assert not answer.failure
            await town.slack.wait_for(lambda: len(told) >= count, TOO_LATE)
            return "Connect" in answer.text

        await until(is_answered_at_once)
        assert await is_answered_at_once()
        assert len(told) == count
