"""What is asked over and over is found by an index, however much else there is."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from services.model.export import ExportState
from services.model.invoice import InvoiceState, PaymentKind, PaymentState
from services.model.notice import NoticeKind
from services.store import audit, due, exports, notices, payments, worklists
from services.store.engine import Database, Session
from services.store.tables import AuditEntry, Base, Connection, Export, Notice, Payment
from tests.databases import open_database, overheard
from tests.services.store_seeds import NOW, connect, connected, export_of

MANY = 3000
_LOOKED_UP = ("connections", "workspaces", "schedules")
Asked = Callable[[Session, Connection], Awaitable[Any]]

QUESTIONS: dict[str, Asked] = {
    "ix_exports_unsettled": exports.list_unsettled,
    "ix_exports_unchecked": lambda session, it: exports.list_longest_checked(session, it, 100),
    "ix_exports_linked": lambda session, it: exports.list_followed_ids(session, it, not_of="app"),
    "ix_exports_made_by": lambda session, it: exports.list_followed_ids(session, it, not_of="app"),
    "ix_audit_log_newest": lambda session, it: audit.list_newest(session, it.id, limit=20),
    "ix_payments_on_their_way": lambda session, it: payments.list_due(session, it.id, NOW),
    "ix_payments_asked": worklists.list_asking,
    "ix_notices_waiting": lambda session, it: notices.take_due(session, it.workspace_id, NOW),
}


def settled(connection: Connection) -> dict[type[Base], list[dict[str, Any]]]:
    """Return much that wants nothing any more, and many messages that wait for one channel."""
    own = {"connection_id": connection.id}
    usual = export_of(connection, state=ExportState.EXPORTED, due_at=None, made_by="app")
    export = {key: value for key, value in vars(usual).items() if not key.startswith("_")}
    payment = own | {
        "tenant_id": "tenant",
        "kind": PaymentKind.PAYMENT,
        "amount": 1,
        "paid_on": NOW.date(),
        "seen_at": NOW,
        "state": PaymentState.RECORDED,
    }
    act = own | {"user_id": "U1", "what": "exported"}
    notice = own | {
        "workspace_id": connection.workspace_id,
        "channel_id": "C1",
        "kind": NoticeKind.PAYMENT_RECEIVED,
        "facts": {},
        "created_at": NOW,
        "due_at": NOW,
    }
    rows: dict[type[Base], list[dict[str, Any]]] = {}
    for at in range(1, MANY + 1):
        time, is_live = NOW - timedelta(seconds=at), at % 2 == 0
        state = InvoiceState.LIVE if is_live else InvoiceState.DELETED
        named = {"paymo_invoice_id": at, "xero_invoice_id": str(at), "invoice_state": state}
        rows.setdefault(Export, []).append(export | named | {"paymo_checked_at": time})
        paid = {"export_id": at, "xero_payment_id": f"p{at}"}
        rows.setdefault(Payment, []).append(payment | paid)
        rows.setdefault(AuditEntry, []).append(act | {"at": time})
        rows.setdefault(Notice, []).append(notice | {"source": str(at)})
    return rows


async def filled(database_url: str) -> tuple[Database, Connection]:
    """Open a database that has that, and knows how much it is."""
    database = open_database(database_url)
    connection = await connected(database)
    async with database.sessions.begin() as session:
        for table, values in settled(connection).items():
            await session.execute(insert(table), values)
    if database.is_postgres:  # which does that by itself, and SQLite does not
        async with database.sessions.begin() as session:
            await session.execute(text("ANALYZE"))
    return database, connection


async def plan_of(database: Database, statement: str, values: Any) -> str:
    """Return how the database would answer."""
    explain = "EXPLAIN" if database.is_postgres else "EXPLAIN QUERY PLAN"
    async with database.engine.connect() as connection:
        found = await connection.exec_driver_sql(f"{explain} {statement}", values)
        return "\n".join(str(tuple(row)) for row in found)


async def plans_of(database: Database, ask: Callable[[Session], Awaitable[Any]]) -> list[str]:
    """Return how the database would answer each statement of a question, and close it."""
    with overheard(database) as heard:
        async with database.sessions() as session:
            await ask(session)
    plans = [await plan_of(database, *each) for each in heard if "FROM" in each[0]]
    await database.close()
    return plans


async def test_an_index_leads_to_what_is_asked_again_and_again(database_url: str) -> None:
    database, connection = await filled(database_url)
    plans: dict[str, str] = {}
    for name, ask in QUESTIONS.items():
        with overheard(database) as heard:
            async with database.sessions.begin() as session:
                await ask(session, connection)
        [asked] = [each for each in heard if "FROM" in each[0] or "UPDATE" in each[0]]
        plans[name] = await plan_of(database, *asked)
    await database.close()

    assert {name: plan for name, plan in plans.items() if name not in plan} == {}
    assert [plan for plan in plans.values() if "Seq Scan" in plan or "SCAN exports" in plan] == []


async def test_work_lists_read_no_more_of_the_history_than_they_show(database_url: str) -> None:
    """Home asks both whenever it is drawn: one looks each invoice up, one reads its own payments.

    With no such index, what needs somebody was looked for among all exports once for each of them.
    """
    database, connection = await filled(database_url)

    async def ask(session: Session) -> None:
        await worklists.list_needing(session, connection)
        await worklists.list_paid(session, connection, 5)

    needing, paid = await plans_of(database, ask)

    assert "tenant_id" in needing
    assert "paymo_invoice_id" in needing
    # Here one connection has all the payments, so that PostgreSQL reads the table as it is.
    assert database.is_postgres or "ix_payments_connection_id" in paid


async def test_what_xero_names_is_looked_up_by_its_ids(database_url: str) -> None:
    """Each webhook asks whether what it names is ours, while others wait to write."""
    database, connection = await filled(database_url)

    async def ask(session: Session) -> None:
        assert not await payments.are_any_known(session, connection, ["another", "third"])

    _, named, _ = await plans_of(database, ask)

    assert "tenant_id" in named
    assert "xero_payment_id" in named


async def test_counting_what_is_left_undone_reads_that_alone(database_url: str) -> None:
    database, _ = await filled(database_url)
    plans = await plans_of(database, lambda session: due.count_left(session, NOW))
    exports, *_, notices, _connections = plans

    assert "ix_exports_open" in exports
    # PostgreSQL knows that nothing was given up here, and takes whichever index says so.
    assert "ix_notices_due_at" in notices or "ix_notices_unposted" in notices
    assert database.is_postgres or "ix_notices_unposted" in notices


async def test_what_is_due_says_which_connections_are_looked_up(database_url: str) -> None:
    """Every process asks this each second, however many organisations there are."""
    database = open_database(database_url)
    async with database.sessions.begin() as session:
        for at in range(1000):
            await connect(session, f"T{at}", sweep_due_at=NOW + timedelta(hours=1))
    if database.is_postgres:
        async with database.sessions.begin() as session:
            await session.execute(text("ANALYZE"))
    plans = await plans_of(database, lambda session: due.list_due(session, NOW))

    read = [f"{scan}{table}" for scan in ("Seq Scan on ", "SCAN ") for table in _LOOKED_UP]
    assert [each for each in read if each in plans[0]] == []


async def test_what_is_due_is_planned_once(postgres_url: str) -> None:
    """PostgreSQL plans a statement five times before it keeps a plan, which is for any values."""
    database = open_database(postgres_url)
    async with database.sessions.begin() as session:
        for at in range(1000):
            await connect(session, f"T{at}", sweep_due_at=NOW + timedelta(hours=1))
    longest = text(
        "SELECT generic_plans FROM pg_prepared_statements ORDER BY length(statement) DESC LIMIT 1"
    )
    kept: list[int | None] = []
    async with database.sessions() as session:
        for prepare in ("SELECT 1", "ANALYZE"):
            await session.execute(text(prepare))
            for _ in range(10):
                await due.list_due(session, NOW)
            kept.append(await session.scalar(longest))
    await database.close()

    assert kept == [5, 15]


@pytest.mark.parametrize("waiting", [("C2", "C1"), ("C1", "C2")])
async def test_a_channel_that_has_to_wait_keeps_no_other_waiting(
    database_url: str, waiting: tuple[str, str]
) -> None:
    database = open_database(database_url)
    connection = await connected(database)
    async with database.sessions.begin() as session:
        for at, channel_id in enumerate((*waiting, *waiting)):
            kind = NoticeKind.SYNC_PAUSED
            told = notices.Notification(kind, str(at), {}, also=[channel_id])
            await notices.enqueue(session, connection, told, NOW)
    async with database.sessions.begin() as session:
        taken = [await notices.take_due(session, connection.workspace_id, NOW) for _ in range(3)]
    await database.close()

    assert [each and each.channel_id for each in taken] == [*waiting, None]
