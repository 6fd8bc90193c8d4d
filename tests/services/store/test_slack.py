"""Slack's installations and states in our tables."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from slack_sdk.oauth.installation_store.models.installation import Installation
from slack_sdk.oauth.installation_store.sqlalchemy import SQLAlchemyInstallationStore
from slack_sdk.oauth.state_store.sqlalchemy import SQLAlchemyOAuthStateStore
from sqlalchemy import MetaData, Table, func, select, text

from services.store.engine import Database
from services.store.slack import SlackInstallationStore, SlackStateStore
from services.store.tables import Base, SlackBot, SlackInstallation, SlackState
from services.store.types import KEYRING
from tests.services.store_seeds import NOW

INSTALLED_AT = datetime(2026, 11, 25, 8, 30, tzinfo=UTC).timestamp()


@pytest.fixture
def store(database: Database) -> SlackInstallationStore:
    return SlackInstallationStore("client", database)


@pytest.fixture
def away_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def installed(**values: Any) -> Installation:
    usual: dict[str, Any] = {
        "app_id": "A1",
        "enterprise_id": None,
        "team_id": "T1",
        "user_id": "U1",
        "bot_token": "xoxb-first",
        "bot_id": "B1",
        "bot_user_id": "W1",
        "bot_scopes": ["commands", "chat:write"],
        "user_token": "xoxp-mine",
        "installed_at": INSTALLED_AT,
    }
    return Installation(**{**usual, **values})


async def count(database: Database) -> int:
    async with database.sessions() as session:
        installations = await session.scalar(select(func.count(SlackInstallation.id)))
        bots = await session.scalar(select(func.count(SlackBot.id)))
    return (installations or 0) + (bots or 0)


async def find(store: SlackInstallationStore, **values: Any) -> Installation | None:
    usual: dict[str, Any] = {"enterprise_id": None, "team_id": "T1"}
    return await store.async_find_installation(**{**usual, **values})


@pytest.mark.parametrize(
    "theirs",
    [
        SQLAlchemyInstallationStore.build_installations_table(MetaData(), "slack_installations"),
        SQLAlchemyInstallationStore.build_bots_table(MetaData(), "slack_bots"),
        SQLAlchemyOAuthStateStore.build_oauth_states_table(MetaData(), "slack_oauth_states"),
    ],
    ids=lambda table: table.name,
)
def test_our_tables_have_the_columns_that_slacks_sdk_fills(theirs: Table) -> None:
    assert set(Base.metadata.tables[theirs.name].c.keys()) == set(theirs.c.keys())


@pytest.mark.usefixtures("away_from_greenwich")
async def test_an_installation_comes_back_as_it_was(store: SlackInstallationStore) -> None:
    await store.async_save(installed())
    found = await find(store)
    bot = await store.async_find_bot(enterprise_id=None, team_id="T1")

    assert found is not None
    assert bot is not None
    assert (found.bot_token, found.user_token) == ("xoxb-first", "xoxp-mine")
    assert (bot.bot_token, bot.bot_scopes) == ("xoxb-first", ["commands", "chat:write"])
    assert (found.installed_at, bot.installed_at) == (INSTALLED_AT, INSTALLED_AT)


async def test_no_token_can_be_read_in_the_database(
    database: Database, store: SlackInstallationStore
) -> None:
    await store.async_save(installed(bot_refresh_token="xoxe-1", user_refresh_token="xoxe-2"))
    async with database.sessions() as session:
        rows = [
            *(await session.execute(text("SELECT * FROM slack_installations"))).all(),
            *(await session.execute(text("SELECT * FROM slack_bots"))).all(),
        ]

    assert len(rows) == 2
    tokens = ("xoxb-first", "xoxp-mine", "xoxe-1", "xoxe-2")
    assert [each for each in tokens if each in str(rows)] == []


async def test_a_reinstall_takes_the_place_of_the_former_one(
    database: Database, store: SlackInstallationStore
) -> None:
    await store.async_save(installed())
    await store.async_save(installed(bot_token="xoxb-second", installed_at=INSTALLED_AT + 60))
    found = await find(store)

    assert found is not None
    assert found.bot_token == "xoxb-second"
    assert await count(database) == 2


async def test_two_people_who_install_in_one_second_are_both_kept(
    store: SlackInstallationStore,
) -> None:
    await store.async_save(installed(user_id="U1", user_token="xoxp-one"))
    await store.async_save(installed(user_id="U2", user_token="xoxp-two"))
    first, second = await find(store, user_id="U1"), await find(store, user_id="U2")

    assert first is not None
    assert second is not None
    assert (first.user_token, second.user_token) == ("xoxp-one", "xoxp-two")


async def test_an_installation_for_a_person_alone_keeps_the_bot(
    store: SlackInstallationStore,
) -> None:
    await store.async_save(installed())
    await store.async_save(installed(bot_token=None, installed_at=INSTALLED_AT + 60))
    found = await find(store, user_id="U1")

    assert found is not None
    assert found.bot_token == "xoxb-first"


async def test_a_revoked_bot_leaves_no_copy_of_its_token(store: SlackInstallationStore) -> None:
    await store.async_save(installed())
    await store.async_delete_bot(enterprise_id=None, team_id="T1")
    found = await find(store)

    assert found is not None
    assert (found.bot_token, found.user_token) == (None, "xoxp-mine")
    assert await store.async_find_bot(enterprise_id=None, team_id="T1") is None


WORKSPACE = {"enterprise_id": "E1", "team_id": "T1"}
ORGANISATION = {"enterprise_id": "E1", "team_id": None, "is_enterprise_install": True}


@pytest.mark.parametrize(
    ("installations", "event", "left"),
    [
        ([WORKSPACE], WORKSPACE, 0),
        ([ORGANISATION], WORKSPACE, 0),
        ([ORGANISATION], ORGANISATION, 0),
        ([ORGANISATION, WORKSPACE], WORKSPACE, 2),
        ([ORGANISATION, WORKSPACE], {**WORKSPACE, "is_enterprise_install": True}, 2),
        ([ORGANISATION], {**WORKSPACE, "is_enterprise_install": False}, 2),
        ([{**WORKSPACE, "team_id": "T2"}], WORKSPACE, 2),
        ([{**ORGANISATION, "enterprise_id": "E2"}], ORGANISATION, 2),
    ],
    ids=[
        "a workspace's own",
        "an organisation's, told by a workspace",
        "an organisation's",
        "a workspace's own beside its organisation's",
        "an organisation's beside a workspace's own",
        "a workspace's own that is gone already",
        "another workspace's",
        "another organisation's",
    ],
)
async def test_an_uninstalled_app_leaves_nothing_of_what_was_taken_away(
    database: Database,
    store: SlackInstallationStore,
    installations: list[dict[str, Any]],
    event: dict[str, Any],
    left: int,
) -> None:
    for each in installations:
        await store.async_save(installed(**each))

    await store.async_delete_all(**event)

    assert await count(database) == left


async def test_a_state_works_for_one_of_many_who_try_at_once(database: Database) -> None:
    states = SlackStateStore(database, lambda: NOW, timedelta(minutes=10))
    state = await states.async_issue()
    won = await asyncio.gather(*(states.async_consume(state) for _ in range(5)))

    assert sorted(won) == [False] * 4 + [True]


async def test_no_secret_of_the_database_passes_for_a_state(database: Database) -> None:
    states = SlackStateStore(database, lambda: NOW, timedelta(minutes=10))
    secret = KEYRING.fernet.encrypt_at_time(b"xoxb-first", int(NOW.timestamp())).decode()

    assert not await states.async_consume(secret.rstrip("="))


async def test_a_state_that_expired_is_refused(database: Database) -> None:
    soon = SlackStateStore(database, lambda: NOW, timedelta(minutes=10))
    later = SlackStateStore(database, lambda: NOW + timedelta(minutes=11), timedelta(minutes=10))
    old = await soon.async_issue()

    assert not await later.async_consume(old)


async def test_a_state_is_written_down_only_when_used_and_never_readable(
    database: Database,
) -> None:
    states = SlackStateStore(database, lambda: NOW, timedelta(minutes=10))
    state = await states.async_issue()

    assert await kept_states(database) == []

    await states.async_consume(state)
    (kept,) = await kept_states(database)

    assert len(kept) == 64
    assert kept not in state

    later = SlackStateStore(database, lambda: NOW + timedelta(hours=1), timedelta(minutes=10))
    await later.async_consume(await later.async_issue())

    assert kept not in await kept_states(database)


@pytest.mark.parametrize("made_up", ["", "x", "é", "A" * 119])
async def test_a_state_that_was_never_handed_out_is_refused(
    database: Database, made_up: str
) -> None:
    states = SlackStateStore(database, lambda: NOW, timedelta(minutes=10))

    assert not await states.async_consume(made_up)
    # What is encrypted elsewhere with the same keys is no state either.
    assert not await states.async_consume(KEYRING.fernet.encrypt(b"a token").decode())
    assert await kept_states(database) == []


async def kept_states(database: Database) -> list[str]:
    async with database.sessions() as session:
        return list(await session.scalars(select(SlackState.state)))
