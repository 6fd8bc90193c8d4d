"""One-time links and workspaces: two of anything is one."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from services.store import links, workspaces
from services.store.engine import Database
from services.store.tables import OneTimeLink, Workspace
from tests.services.store_seeds import NOW, connected


async def handed_out(database: Database, purpose: str = "paymo") -> str:
    connection = await connected(database)
    link = OneTimeLink(
        purpose=purpose,
        connection_id=connection.id,
        user_id="U1",
        view_id="V1",
        channel_id="C1",
        secret="verifier",
    )
    async with database.sessions.begin() as session:
        return links.add(session, link, NOW)


async def test_a_link_works_for_one_of_many_who_try_at_once(database: Database) -> None:
    nonce = await handed_out(database)

    async def take() -> OneTimeLink | None:
        async with database.sessions.begin() as session:
            return await links.take(session, nonce, "paymo", NOW)

    taken = [each for each in await asyncio.gather(*(take() for _ in range(5))) if each]

    assert [(each.user_id, each.view_id, each.secret) for each in taken] == [
        ("U1", "V1", "verifier")
    ]


async def test_looking_at_a_link_does_not_use_it_up(database: Database) -> None:
    nonce = await handed_out(database)
    async with database.sessions() as session:
        found = await links.find(session, nonce, "paymo", NOW)
    async with database.sessions.begin() as session:
        taken = await links.take(session, nonce, "paymo", NOW)

    assert found is not None
    assert taken is not None
    assert found.id == taken.id


@pytest.mark.parametrize(
    ("purpose", "at"), [("xero", NOW), ("paymo", NOW + links.LIFETIME)], ids=["purpose", "late"]
)
async def test_a_link_serves_its_own_purpose_and_for_ten_minutes(
    database: Database, purpose: str, at: datetime
) -> None:
    nonce = await handed_out(database)
    async with database.sessions.begin() as session:
        assert await links.find(session, nonce, purpose, at) is None
        assert await links.take(session, nonce, purpose, at) is None
        assert await links.find(session, nonce, "paymo", NOW) is not None


async def test_the_database_alone_opens_no_link(database: Database) -> None:
    nonce = await handed_out(database)
    async with database.sessions() as session:
        kept = (await session.scalars(select(OneTimeLink))).one()

    assert nonce not in {kept.digest, kept.secret, kept.purpose}
    assert len(nonce) >= 43


async def test_workspaces_that_meet_the_app_twice_at_once_are_one(database: Database) -> None:
    async def meet() -> int:
        async with database.sessions.begin() as session:
            return (await workspaces.find_or_add(session, "", "T1", NOW)).id

    met = await asyncio.gather(*(meet() for _ in range(5)))
    async with database.sessions() as session:
        count = await session.scalar(select(func.count(Workspace.id)))

    assert (len(set(met)), count) == (1, 1)


@pytest.mark.parametrize(
    ("team_id", "left"),
    [("T1", ["T2", "T3"]), ("", ["T3"])],
    ids=["from a workspace", "from an organisation"],
)
async def test_the_app_is_taken_away_once_and_can_come_back(
    database: Database, team_id: str, left: list[str]
) -> None:
    installed = select(Workspace.team_id).where(Workspace.is_installed).order_by(Workspace.team_id)
    async with database.sessions.begin() as session:
        first = await workspaces.find_or_add(session, "E1", "T1", NOW)
        await workspaces.find_or_add(session, "E1", "T2", NOW)
        await workspaces.find_or_add(session, "E2", "T3", NOW)
        gone = await workspaces.mark_uninstalled(session, "E1", team_id, NOW)
        again = await workspaces.mark_uninstalled(session, "E1", team_id, NOW)
        kept = (await session.scalars(installed)).all()
        await workspaces.mark_installed(session, first.id, "U2", NOW + timedelta(minutes=1))
        late = await workspaces.mark_uninstalled(session, "E1", team_id, NOW)
        returned = (await session.scalars(installed)).all()

    assert list(late) == []
    assert (len(gone), list(again), kept) == (3 - len(left), [], left)
    assert returned == ["T1", *left]


async def test_links_that_nobody_used_are_removed(database: Database) -> None:
    await handed_out(database)
    async with database.sessions.begin() as session:
        await links.purge(session, NOW + timedelta(minutes=9))
        before = await session.scalar(select(func.count(OneTimeLink.id)))
        await links.purge(session, NOW + timedelta(minutes=10))
        after = await session.scalar(select(func.count(OneTimeLink.id)))

    assert (before, after) == (1, 0)
