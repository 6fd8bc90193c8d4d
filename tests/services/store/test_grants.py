"""Token sets: one refresh for each expiry, and no late answer undoes a newer one."""

import asyncio
from datetime import datetime, timedelta

from services.model.connection import ConnectionState
from services.store import grants
from services.store.engine import Database
from services.store.tables import Grant
from tests.services.store_seeds import NOW, connected, granted

LEASE = timedelta(seconds=30)


async def claim(database: Database, grant: Grant, version: int, now: datetime = NOW) -> bool:
    async with database.sessions.begin() as session:
        return await grants.claim(session, grant.id, version, now, LEASE)


async def save(database: Database, grant: Grant, version: int, token: str) -> bool:
    fresh = grants.Refreshed(token, f"{token}-refresh", NOW + timedelta(minutes=30))
    async with database.sessions.begin() as session:
        return await grants.save_refreshed(session, grant.id, version, fresh)


async def stored(database: Database, grant: Grant) -> Grant:
    async with database.sessions() as session:
        return await grants.get(session, grant.id)


async def test_one_of_twenty_may_refresh(database: Database) -> None:
    grant = await granted(database)
    won = await asyncio.gather(*(claim(database, grant, 1) for _ in range(20)))

    assert sorted(won) == [False] * 19 + [True]


async def test_a_claim_that_was_not_given_back_ends_with_its_lease(database: Database) -> None:
    grant = await granted(database)
    tries = [
        await claim(database, grant, 1),
        await claim(database, grant, 1, NOW + LEASE - timedelta(seconds=1)),
        await claim(database, grant, 1, NOW + LEASE),
    ]

    assert tries == [True, False, True]


async def test_a_claim_given_back_is_free_at_once(database: Database) -> None:
    grant = await granted(database)
    await claim(database, grant, 1)
    async with database.sessions.begin() as session:
        assert await grants.release(session, grant.id, 1)

    assert await claim(database, grant, 1)


async def test_an_answer_that_comes_late_does_not_undo_a_newer_one(database: Database) -> None:
    grant = await granted(database)
    await claim(database, grant, 1)
    first = await save(database, grant, 1, "new")
    late = await save(database, grant, 1, "old")
    async with database.sessions.begin() as session:
        given_up = await grants.mark_dead(session, grant.id, 1)
    now = await stored(database, grant)

    assert (first, late, given_up) == (True, False, False)
    assert (now.access_token, now.refresh_token) == ("new", "new-refresh")
    assert (now.version, now.lease_until, now.is_dead) == (2, None, False)


async def test_nobody_refreshes_a_consent_that_is_over(database: Database) -> None:
    grant = await granted(database)
    async with database.sessions.begin() as session:
        assert await grants.mark_dead(session, grant.id, 1)

    assert not await claim(database, grant, 1)
    assert (await stored(database, grant)).is_dead


async def test_a_consent_is_in_use_until_its_last_connection_ended(database: Database) -> None:
    grant = await granted(database)
    for team, state in (("T1", ConnectionState.ENDING), ("T2", ConnectionState.ENDED)):
        await connected(database, team, grant_id=grant.id, state=state)
    await connected(database, "T3")
    async with database.sessions() as session:
        assert not await grants.is_used(session, grant.id)
    await connected(database, "T4", grant_id=grant.id, state=ConnectionState.BROKEN)
    async with database.sessions() as session:
        assert await grants.is_used(session, grant.id)


def test_tokens_do_not_show_when_printed() -> None:
    assert "secret" not in repr(grants.Refreshed("secret-a", "secret-r", NOW))
