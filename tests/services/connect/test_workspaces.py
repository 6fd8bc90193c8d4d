"""Slack workspaces that meet the app, and Xero's tokens in the database."""

import asyncio

import pytest

from services.clients.tokens import Tokens
from services.connect.consents import StoreVault
from services.connect.service import WorkspaceService
from services.errors import NotConnected
from services.model.people import Person
from services.store.tables import Workspace
from tests.services.bridge import ANNA, BEN, no_sleep
from tests.services.connecting import Connecting


async def test_a_workspace_has_one_id_whoever_asks_first(stand: Connecting) -> None:
    service = WorkspaceService(stand.database, stand.clock)
    ids = await asyncio.gather(*(service.id_of(each) for each in (ANNA, BEN, ANNA)))
    other = await service.id_of(Person("E1", "T1", "U1"))

    assert len(set(ids)) == 1
    assert other not in ids


async def test_installing_again_after_an_uninstall_is_the_same_workspace(
    stand: Connecting,
) -> None:
    service = WorkspaceService(stand.database, stand.clock)
    await service.installed("", "T1", "U1")
    first = await service.id_of(ANNA)
    await service.uninstalled("", "T1")
    (gone,) = await stand.rows(Workspace)
    await service.installed("", "T1", "U2")
    (back,) = await stand.rows(Workspace)

    assert (gone.is_installed, back.is_installed) == (False, True)
    assert (back.id, back.installed_by) == (first, "U2")


async def test_e05_processes_that_share_the_database_refresh_a_token_once(
    stand: Connecting,
) -> None:
    connection = await stand.connect()
    assert connection.grant_id is not None
    stand.clock.turn(hours=1)
    stand.xero.requests.clear()
    processes = [
        Tokens(
            StoreVault(stand.database, stand.clock), stand.xero_page.oauth, stand.clock, no_sleep
        )
        for _ in range(3)
    ]
    fresh = await asyncio.gather(*(each.access_token(connection.grant_id) for each in processes))

    assert len(set(fresh)) == 1
    assert len(stand.xero.calls("POST", "/connect/token")) == 1


async def test_a_consent_that_is_over_is_asked_for_once(stand: Connecting) -> None:
    connection = await stand.connect()
    assert connection.grant_id is not None
    stand.clock.turn(days=61)
    stand.xero.requests.clear()
    for _ in range(2):
        with pytest.raises(NotConnected):
            await stand.tokens.access_token(connection.grant_id)

    assert len(stand.xero.calls("POST", "/connect/token")) == 1


async def test_tokens_that_were_thrown_away_are_no_connection(stand: Connecting) -> None:
    with pytest.raises(NotConnected):
        await stand.tokens.access_token(404)
