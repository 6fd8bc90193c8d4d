"""The database: migrations, exact money, encrypted secrets, and two of anything being one."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection as SyncConnection
from sqlalchemy import inspect, text

from services.export import claims
from services.mapping.case import ExportChoice
from services.model.export import ExportState
from services.model.notice import NoticeKind
from services.model.people import ReplyTarget
from services.store import batches, exports, migrations, notices
from services.store.engine import Database, add_new
from services.store.leases import fenced
from services.store.tables import Base, Connection, Notice, Subscription
from tests.databases import open_database
from tests.services.store_seeds import NOW, connected, count_waiting, export_of


async def test_models_and_migrations_agree(database_url: str) -> None:
    def differences(connection: SyncConnection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))

    database = open_database(database_url)
    async with database.engine.connect() as connection:
        found = await connection.run_sync(differences)
    await database.close()

    assert found == []


async def test_indexes_of_some_rows_have_the_conditions_of_their_models(database_url: str) -> None:
    wanted = {
        (table.name, str(each.name)): each.info["where"]
        for table in Base.metadata.tables.values()
        for each in table.indexes
        if "where" in each.info
    }

    def conditions(connection: SyncConnection) -> dict[tuple[str, str], str]:
        return {
            (table, str(each["name"])): str(condition)
            for table in Base.metadata.tables
            for each in inspect(connection).get_indexes(table)
            for option, condition in each.get("dialect_options", {}).items()
            if option.endswith("_where")
        }

    database = open_database(database_url)
    async with database.engine.connect() as connection:
        found = await connection.run_sync(conditions)
        for (table, name), where in wanted.items():  # for PostgreSQL writes them in its own way
            await connection.execute(
                text(f"create index again_{name} on {table} (id) where {where}")
            )
        both = await connection.run_sync(conditions)
        await connection.rollback()
    await database.close()

    assert found.keys() == wanted.keys()
    assert found == {key: both[key[0], f"again_{key[1]}"] for key in wanted}


def test_a_database_can_be_taken_back_to_nothing_and_forth(database_url: str) -> None:
    migrations.downgrade(database_url, "base")
    migrations.upgrade(database_url)


async def test_money_and_times_come_back_exactly_and_secrets_are_not_readable(
    database_url: str,
) -> None:
    database = open_database(database_url)
    connection = await connected(database, paymo_api_key="the key")
    async with database.sessions.begin() as session:
        assert await add_new(session, export_of(connection))
    async with database.sessions() as session:
        found = await exports.find_latest(session, connection, 7)
        again = await session.get_one(Connection, connection.id)
        stored = await session.scalar(text("select paymo_api_key from connections"))
    await database.close()

    assert found is not None
    assert (str(found.total), found.requested_at) == ("1234.50", NOW)
    assert again.paymo_api_key == "the key"
    assert "the key" not in str(stored)


async def test_one_invoice_is_claimed_by_one_of_many(database_url: str) -> None:
    database = open_database(database_url)
    connection = await connected(database)

    async def claim() -> bool:
        async with database.sessions.begin() as session:
            return await add_new(session, export_of(connection)) is not None

    won = await asyncio.gather(*(claim() for _ in range(6)))
    await database.close()

    assert sorted(won) == [False] * 5 + [True]


@pytest.mark.databases("postgres")
@pytest.mark.parametrize("other", ["batch", "nudge", "list"])
async def test_two_who_want_the_same_failed_exports_never_wait_for_each_other(
    database: Database, other: str
) -> None:
    """Whatever the order in which they are asked for."""
    connection = await connected(database)
    failed = {"state": ExportState.FAILED, "seen_updated_on": NOW, "due_at": None}
    async with database.sessions.begin() as session:
        session.add_all(export_of(connection, paymo_invoice_id=each, **failed) for each in (1, 2))

    async def claim(*invoice_ids: int) -> int:
        async with database.sessions.begin() as session:
            known = await batches.list_latest(session, connection, invoice_ids)
            asked = [request_for(each) for each in invoice_ids]
            return len(await claims.claim_all(session, connection, asked, known))

    async def follow() -> int:
        async with database.sessions.begin() as session:
            if other == "nudge":
                await exports.nudge_refused(session, connection, NOW)
            return len(await exports.list_refused(session, connection))

    async with database.sessions.begin() as session:
        await exports.hold(session, 2)
        first = asyncio.create_task(claim(2, 1))
        await until_waiting(database, 1)
        second = asyncio.create_task(claim(1, 2) if other == "batch" else follow())
        await until_waiting(database, 2)
    assert await first == 2
    assert await second == (2 if other == "batch" else 0)


def request_for(invoice_id: int) -> claims.Request:
    """Return what asks for an export in a batch."""
    choice = ExportChoice(invoice_id=invoice_id, contact_id="contact", account_id="account")
    return claims.Request("U1", ReplyTarget(1, "U1"), NOW, choice, {})


async def until_waiting(database: Database, count: int) -> None:
    """Wait until so many transactions wait for a row."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(60):
        while True:
            async with database.sessions() as session:
                if await session.scalar(waiting) == count:
                    return
            await asyncio.sleep(0.01)


async def test_one_worker_takes_an_export_and_a_late_one_changes_nothing(
    database_url: str,
) -> None:
    database = open_database(database_url)
    connection = await connected(database)
    async with database.sessions.begin() as session:
        session.add(export_of(connection))
        await session.flush()
        first = await exports.take(session, 1, NOW)
        assert await exports.take(session, 1, NOW) is None
    assert first is not None
    old_fence = first.fence
    async with database.sessions.begin() as session:
        second = await exports.take(session, 1, NOW + timedelta(minutes=5))
        assert second is not None
        late = await fenced(session, second, old_fence, state=ExportState.FAILED)
        timely = await fenced(session, second, second.fence, state=ExportState.EXPORTED)
    await database.close()

    assert (late, timely) == (False, True)


@pytest.mark.parametrize(
    ("topics", "minimum", "told"),
    [(["payments"], None, 1), (["exports"], None, 0), (["payments"], Decimal(100), 0)],
)
async def test_a_channel_is_owed_once_what_it_asked_for(
    database_url: str, topics: list[str], minimum: Decimal | None, told: int
) -> None:
    database = open_database(database_url)
    connection = await connected(database)
    notification = notices.Notification(
        NoticeKind.PAYMENT_RECEIVED, "payment:1", {"amount": "50"}, amount=Decimal(50)
    )
    async with database.sessions.begin() as session:
        session.add(
            Subscription(
                connection_id=connection.id,
                channel_id="C1",
                topics=topics,
                minimum=minimum,
                set_by="U1",
                set_at=NOW,
            )
        )
        await session.flush()
        await notices.enqueue(session, connection, notification, NOW)
        await notices.enqueue(session, connection, notification, NOW)
        waiting = await count_waiting(session)
    await database.close()

    assert waiting == told


async def test_no_notice_overtakes_another_in_its_channel(database_url: str) -> None:
    database = open_database(database_url)
    connection = await connected(database)
    async with database.sessions.begin() as session:
        for source in ("first", "second"):
            notification = notices.Notification(NoticeKind.SYNC_PAUSED, source, {}, also=["U1"])
            await notices.enqueue(session, connection, notification, NOW)
        first = await notices.take_due(session, connection.workspace_id, NOW)
        nobody = await notices.take_due(session, connection.workspace_id, NOW)
        assert first is not None
        await fenced(session, first, first.fence, due_at=None)
        second = await notices.take_due(session, connection.workspace_id, NOW)
    await database.close()

    assert isinstance(second, Notice)
    assert (first.source, nobody, second.source) == ("first", None, "second")


async def test_many_invoices_are_looked_up_though_a_statement_holds_fewer(
    database: Database,
) -> None:
    connection = await connected(database)
    async with database.sessions() as session:
        assert await batches.list_latest(session, connection, list(range(40_000))) == {}
