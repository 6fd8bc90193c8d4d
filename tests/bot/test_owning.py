"""The operator decides who the owner is, where nobody in Slack can."""

from pathlib import Path

import pytest
from sqlalchemy import select

from services.model.export import ExportState
from services.model.notice import NoticeKind
from services.store.engine import Database
from services.store.tables import AuditEntry, Connection, Export, Notice
from tests.bot.program import NEEDED, run
from tests.databases import KEY, open_database
from tests.services.store_seeds import connected, export_of


async def seeded(url: str) -> Database:
    """Open a database with a connection of U1 in T1."""
    database = open_database(url)
    connection = await connected(database, organisation_name="Maple Books")
    async with database.sessions.begin() as session:
        session.add(export_of(connection, state=ExportState.AWAITING, due_at=None))
    return database


async def test_a_new_owner_is_told_and_written_down(sqlite_url: str, tmp_path: Path) -> None:
    database = await seeded(sqlite_url)
    settings = {**NEEDED, "DATABASE_URL": sqlite_url, "ENCRYPTION_KEYS": KEY}
    asked = ("set-owner", "--workspace", "T1", "--user", "U7")

    ended, again = [await run(tmp_path, *asked, **settings) for _ in range(2)]

    assert (ended.status, ended.out) == (0, "U7 is now the owner of Maple Books.\n")
    assert again.status == 0
    async with database.sessions() as session:
        connection = (await session.scalars(select(Connection))).one()
        told = (await session.scalars(select(Notice).order_by(Notice.channel_id))).all()
        audit = (await session.scalars(select(AuditEntry))).all()
        waiting = (await session.scalars(select(Export))).one()
    await database.close()
    assert waiting.state is ExportState.QUEUED  # whoever may approve it now is asked
    assert (connection.owner_id, connection.exporters) == ("U7", ["U1"])
    assert [each.channel_id for each in told] == ["U1", "U7"]
    assert {each.kind for each in told} == {NoticeKind.OWNER_CHANGED}
    assert all(each.due_at is not None for each in told)  # the running server sends them
    [act] = audit
    assert (act.what, act.user_id, act.after["by_way"]) == ("owner_changed", "", "ordered")


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        (("T1", "anna"), 2, "begins with U or W"),
        (("T1", "U" + "7" * 40), 2, "begins with U or W"),
        (("T9", "U7"), 1, "There is no data about workspace T9"),
    ],
)
async def test_what_is_not_known_changes_nothing(
    sqlite_url: str, tmp_path: Path, asked: tuple[str, str], status: int, words: str
) -> None:
    database = await seeded(sqlite_url)
    settings = {**NEEDED, "DATABASE_URL": sqlite_url, "ENCRYPTION_KEYS": KEY}
    workspace, user = asked

    ended = await run(tmp_path, "set-owner", "--workspace", workspace, "--user", user, **settings)

    assert ended.status == status
    assert words in " ".join(ended.err.replace("│", " ").split())
    async with database.sessions() as session:
        assert (await session.scalars(select(Connection.owner_id))).all() == ["U1"]
    await database.close()
