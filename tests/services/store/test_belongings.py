"""What is kept about a workspace: exported whole without secrets, and deleted without a trace."""

import enum
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Column, Enum, Table, insert, select, update

from services.model.export import RefusalCode
from services.store import workspaces
from services.store.engine import Database, Session
from services.store.tables import Base, Connection, Workspace
from services.store.types import Money, RefusalCodes, Secret

TABLES = Base.metadata.sorted_tables
# States, whose workspace is not known yet, and a number.
NOBODYS = {"slack_oauth_states", "changes"}
NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
SECRET = "hunter2"
Place = tuple[str, str]  # Slack's ids of an organisation and a workspace


def value_of(column: Column[Any], team: str) -> Any:
    """Return a value that this column takes, with the team's name in it where it is text."""
    if isinstance(column.type, Secret):
        return f"{SECRET} {team}"
    if isinstance(column.type, Enum) and column.type.enum_class:
        first: enum.Enum = next(iter(column.type.enum_class))
        return first
    if isinstance(column.type, RefusalCodes):
        return [next(iter(RefusalCode))]
    if isinstance(column.type, Money):
        return Decimal("12.50")
    kind = getattr(column.type, "impl_instance", column.type).python_type
    usual: dict[type, Any] = {
        int: 7 + len(team),
        bool: True,
        datetime: NOW,
        date: NOW.date(),
        dict: {"client": team},
        list: [team],
    }
    return usual.get(kind, f"{column.name[:20]} {team}"[: getattr(column.type, "length", 0) or 99])


async def fill(session: Session, team: str, place: Place | None = None) -> Workspace:
    """Add a row to every table, each below the former ones, for a team or another place."""
    enterprise_id, team_id = place or ("", team)
    made: dict[str, dict[str, Any]] = {}
    for table in TABLES:
        values = {
            column.name: _link(column, made) if column.foreign_keys else value_of(column, team)
            for column in table.columns
            if not (column.primary_key and column.name == "id")
        }
        if table.name == "workspaces":
            values |= {"team_id": team_id, "enterprise_id": enterprise_id}
        if table.name.startswith("slack_") and table.name not in NOBODYS:
            values |= {"team_id": team_id or None, "enterprise_id": enterprise_id or None}
        added = await session.execute(insert(table).values(**values).returning(table))
        made[table.name] = dict(added.mappings().one())
    await session.execute(
        update(Connection)
        .where(Connection.id == made["connections"]["id"])
        .values(grant_id=made["xero_grants"]["id"])
    )
    return await session.get_one(Workspace, made["workspaces"]["id"])


def _link(column: Column[Any], made: dict[str, dict[str, Any]]) -> Any:
    [key] = column.foreign_keys
    row = made.get(key.column.table.name)
    return row[key.column.name] if row else None  # itself, or a table that comes later


async def count(session: Session, table: Table) -> int:
    return len((await session.execute(select(*table.primary_key))).all())


@pytest.fixture
async def two(database: Database) -> list[Workspace]:
    """Two workspaces with a row in every table each."""
    async with database.sessions.begin() as session:
        return [await fill(session, "T1"), await fill(session, "T22")]


def test_every_table_is_somebodys() -> None:
    somebody = Workspace(id=1, team_id="T1", enterprise_id="")

    found = {each.name for each in TABLES if workspaces.owned_by(each, somebody) is None}

    assert found == NOBODYS


async def test_forgetting_leaves_nothing_and_takes_nothing_of_others(
    database: Database, two: list[Workspace]
) -> None:
    async with database.sessions.begin() as session:
        await workspaces.forget_rows(session, two[0])

    async with database.sessions() as session:
        left = {each.name: await count(session, each) for each in TABLES}
        others = await workspaces.export_rows(session, two[1])
        gone = await workspaces.export_rows(session, two[0])
    assert left == {each.name: 2 if each.name in NOBODYS else 1 for each in TABLES}
    assert {len(rows) for rows in others.values()} == {1}
    assert {len(rows) for rows in gone.values()} == {0}


@pytest.mark.parametrize(
    ("place", "another"),
    [
        (("E1", ""), ("E2", "")),
        (("E1", ""), ("E1", "T1")),
        (("E1", "T1"), ("", "T1")),
        (("", "T1"), ("E1", "T1")),
    ],
)
async def test_what_an_organisation_installed_is_forgotten_alone_and_whole(
    database: Database, place: Place, another: Place
) -> None:
    """Slack's id of a workspace names both where it was installed twice, so it names none."""
    async with database.sessions.begin() as session:
        mine, other = await fill(session, "mine", place), await fill(session, "other", another)
        found = await workspaces.find_named(session, place[1] or another[1])
        assert found is (None if place[1] else other if another[1] else None)
        await workspaces.forget_rows(session, mine)

    async with database.sessions() as session:
        others = await workspaces.export_rows(session, other)
        left = {each.name: await count(session, each) for each in TABLES}
    assert {len(rows) for rows in others.values()} == {1}
    assert left == {each.name: 2 if each.name in NOBODYS else 1 for each in TABLES}


async def test_a_consent_that_two_workspaces_share_outlives_one_of_them(
    database: Database, two: list[Workspace]
) -> None:
    async with database.sessions.begin() as session:
        used = await session.scalar(
            select(Connection.grant_id).where(Connection.workspace_id == two[0].id)
        )
        await session.execute(
            update(Connection).where(Connection.workspace_id == two[1].id).values(grant_id=used)
        )
        await workspaces.forget_rows(session, two[0])

    async with database.sessions() as session:
        kept = await workspaces.export_rows(session, two[1])
    assert [each["id"] for each in kept["xero_grants"]] == [used]


async def test_an_export_of_data_has_every_row_and_no_secret(
    database: Database, two: list[Workspace]
) -> None:
    async with database.sessions() as session:
        found = await workspaces.export_rows(session, two[0])

    written = json.dumps(found)
    assert found.keys() == {each.name for each in TABLES} - NOBODYS
    assert {len(rows) for rows in found.values()} == {1}
    assert found["connections"][0]["paymo_api_key"] == workspaces.HIDDEN
    assert found["exports"][0]["total"] == "12.50"
    assert SECRET not in written
    assert "T22" not in written


async def test_an_id_that_was_forgotten_never_means_anything_else(database: Database) -> None:
    """Old messages carry ids, and a running program remembers some."""
    async with database.sessions.begin() as session:
        gone = await fill(session, "T1")
        before = await ids_of(session)
        await workspaces.forget_rows(session, gone)
        await fill(session, "T2")
        after = await ids_of(session)

    assert {name for name in before if after[name] & before[name]} == set()


async def ids_of(session: Session) -> dict[str, set[int]]:
    """Return the ids in every table that belongs to a workspace and has some."""
    return {
        table.name: set(await session.scalars(select(table.c.id)))
        for table in TABLES
        if "id" in table.c and table.name not in NOBODYS
    }
