"""What is due is found without any nudge, and what is old is thrown away."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, text

from services.lifecycle import task
from services.lifecycle.task import TaskRequest
from services.model.connection import ConnectionState
from services.model.export import ExportState
from services.model.invoice import PaymentKind, PaymentState
from services.model.jobs import Job, Left
from services.model.notice import NoticeKind
from services.store import due, links, notices, people, settled, upkeep, workspaces
from services.store.engine import Database
from services.store.tables import (
    Acquaintance,
    Base,
    Card,
    Connection,
    Draft,
    Export,
    Grant,
    Notice,
    OneTimeLink,
    Payment,
    SlackState,
)
from tests.services.store_seeds import NOW, connected, export_of

PAST, FUTURE = NOW - timedelta(minutes=1), NOW + timedelta(minutes=1)


def draft_of(connection: Connection, **values: Any) -> Draft:
    return Draft(
        connection_id=connection.id,
        workspace_id=connection.workspace_id,
        user_id="U1",
        **{"created_at": NOW, **values},
    )


def payment_of(export: Export, **values: Any) -> Payment:
    usual: dict[str, Any] = {
        "xero_payment_id": "p1",
        "state": PaymentState.ADDING,
        "due_at": NOW,
    }
    return Payment(
        connection_id=export.connection_id,
        export_id=export.id,
        tenant_id=export.tenant_id,
        kind=PaymentKind.PAYMENT,
        amount=Decimal(5),
        paid_on=date(2026, 11, 25),
        seen_at=NOW,
        **{**usual, **values},
    )


async def add(database: Database, row: Base) -> None:
    async with database.sessions.begin() as session:
        session.add(row)


async def due_now(database: Database, limit: int = 200) -> list[tuple[Job, int]]:
    async with database.sessions() as session:
        return await due.list_due(session, NOW, limit)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"sweep_due_at": NOW}, [Job.SWEEP]),
        ({"sweep_due_at": FUTURE}, []),
        ({"sweep_due_at": NOW, "state": ConnectionState.BROKEN}, []),
        ({"sweep_due_at": NOW, "state": ConnectionState.ENDED}, []),
        ({"mirror_due_at": NOW}, [Job.MIRROR]),
        ({"mirror_due_at": NOW, "state": ConnectionState.PENDING}, [Job.MIRROR]),
        (
            {"mirror_due_at": NOW, "state": ConnectionState.PENDING, "paymo_api_key": None},
            [],
        ),
        ({"mirror_due_at": NOW, "state": ConnectionState.BROKEN}, []),
        ({"disconnect_due_at": NOW, "state": ConnectionState.ENDING}, [Job.DISCONNECT]),
        ({"disconnect_due_at": NOW, "state": ConnectionState.ENDED}, []),
        ({"sweep_due_at": PAST, "mirror_due_at": NOW}, [Job.SWEEP, Job.MIRROR]),
        ({"sweep_due_at": NOW, "mirror_due_at": PAST}, [Job.MIRROR, Job.SWEEP]),
    ],
    ids=lambda value: " ".join(map(str, value)),
)
async def test_a_connection_is_due_by_its_times_and_its_state(
    database: Database, values: dict[str, Any], expected: list[Job]
) -> None:
    connection = await connected(database, **values)

    assert await due_now(database) == [(job, connection.id) for job in expected]


@pytest.mark.parametrize(
    ("state", "due_at", "is_due"),
    [
        (ExportState.QUEUED, NOW, True),
        (ExportState.SENDING, PAST, True),
        (ExportState.UNKNOWN, PAST, True),
        (ExportState.QUEUED, FUTURE, False),
        (ExportState.FAILED, PAST, True),  # the checks are to decide again
        (ExportState.FAILED, None, False),
        (ExportState.EXPORTED, None, False),
    ],
)
async def test_an_export_is_due_while_it_waits(
    database: Database, state: ExportState, due_at: Any, *, is_due: bool
) -> None:
    export = export_of(await connected(database), state=state, due_at=due_at)
    await add(database, export)

    assert await due_now(database) == ([(Job.EXPORT, export.id)] if is_due else [])


async def test_a_payment_that_is_due_makes_its_connection_due_once(database: Database) -> None:
    connection = await connected(database, sweep_due_at=NOW)
    export = export_of(connection, state=ExportState.EXPORTED, due_at=None)
    await add(database, export)
    await add(database, payment_of(export, due_at=PAST))
    await add(database, payment_of(export, xero_payment_id="p2"))

    assert await due_now(database) == [(Job.SWEEP, connection.id)]


async def test_the_longest_due_comes_first_whatever_it_is(database: Database) -> None:
    connection = await connected(database, mirror_due_at=NOW - timedelta(minutes=2))
    export = export_of(connection, due_at=NOW - timedelta(minutes=3))
    draft = draft_of(connection, due_at=NOW - timedelta(minutes=1))
    for row in (draft, export):
        await add(database, row)
    notification = notices.Notification(NoticeKind.SYNC_PAUSED, "paused", {}, also=["U1"])
    async with database.sessions.begin() as session:
        await notices.enqueue(session, connection, notification, NOW)
    expected = [
        (Job.EXPORT, export.id),
        (Job.MIRROR, connection.id),
        (Job.PREVIEW, draft.id),
        (Job.NOTICES, connection.workspace_id),
    ]

    assert await due_now(database) == expected
    assert await due_now(database, limit=2) == expected[:2]


async def test_a_workspace_without_the_app_is_only_helped_to_leave(database: Database) -> None:
    connection = await connected(database, sweep_due_at=NOW, mirror_due_at=NOW)
    leaving = await connected(
        database, "T2", state=ConnectionState.ENDING, disconnect_due_at=NOW, sweep_due_at=NOW
    )
    export = export_of(connection)
    for row in (export, draft_of(connection, due_at=NOW)):
        await add(database, row)
    await add(database, payment_of(export))
    await add(database, Card(export_id=export.id, channel_id="C1", posted_in="C1", ts="1.1"))
    wanted = TaskRequest(Job.UNDO, "1", NOW)
    notification = notices.Notification(NoticeKind.SYNC_PAUSED, "paused", {}, also=["U1"])
    async with database.sessions.begin() as session:
        await notices.enqueue(session, connection, notification, NOW)
        await settled.outdate_cards(session, [export.id], NOW)
        await task.ask(session, connection, wanted)
    assert len(await due_now(database)) == 7

    async with database.sessions.begin() as session:
        for team_id in ("T1", "T2"):
            await workspaces.mark_uninstalled(session, "", team_id, NOW)

    assert await due_now(database) == [(Job.DISCONNECT, leaving.id)]


async def test_what_is_old_is_thrown_away_and_the_rest_stays(database: Database) -> None:
    connection = await connected(database)
    async with database.sessions.begin() as session:
        for age in (timedelta(days=9), timedelta(0)):
            then = NOW - age
            session.add(draft_of(connection, created_at=then))
            session.add(SlackState(state=f"{age}", expire_at=then + timedelta(minutes=10)))
            link = OneTimeLink(purpose="paymo", connection_id=connection.id, user_id="U1")
            links.add(session, link, then)
            session.add(Grant(access_token="a", refresh_token="r", expires_at=then))
        used = Grant(access_token="a", refresh_token="r", expires_at=NOW - timedelta(days=9))
        session.add(used)
        await session.flush()
        (await session.get_one(Connection, connection.id)).grant_id = used.id
        await upkeep.purge(session, NOW)
        left = [
            await session.scalar(select(func.count()).select_from(table))
            for table in (Draft, SlackState, OneTimeLink, Grant)
        ]

    assert left == [1, 1, 1, 2]


async def test_what_waits_for_long_and_what_was_given_up_is_counted(database: Database) -> None:
    connection = await connected(database)
    ended = await connected(database, "T2", state=ConnectionState.ENDED)
    late, lately = {"requested_at": NOW - timedelta(minutes=15)}, {"requested_at": PAST}
    failed = {"state": ExportState.FAILED, "due_at": None}
    rows = [
        export_of(connection, **late),
        export_of(connection, **late, state=ExportState.UNKNOWN),
        export_of(connection, **late, state=ExportState.EXPORTED, due_at=None),
        export_of(connection, **lately),
        export_of(connection, **lately, **failed),
        export_of(connection, **lately, **failed, requested_by=""),  # nobody asked for it
        export_of(ended, **late),
    ]
    for at, row in enumerate(rows):
        row.paymo_invoice_id = at
    async with database.sessions.begin() as session:
        session.add_all(rows)
        for hours in (0, 1, 2, 3, 48):
            told = notices.Notification(NoticeKind.SYNC_PAUSED, f"{hours}", {}, also=["C1"])
            await notices.enqueue(session, connection, told, NOW - timedelta(hours=hours))
    async with database.sessions.begin() as session:
        found = {each.source: each for each in await session.scalars(select(Notice))}
        found["1"].due_at, found["1"].ts = None, "1.0"  # posted
        for each in ("2", "48"):
            await notices.refuse(session, found[each], "Slack doesn't answer.")
    async with database.sessions() as session:
        left = await due.count_left(session, NOW)

    assert left == Left(
        exports_waiting=2,
        exports_failed=1,
        notices_waiting=1,
        notices_given_up=1,
        connections_broken=0,
    )


async def test_broken_connections_are_counted_while_the_workspace_has_the_app(
    database: Database,
) -> None:
    for team_id, state in (("T1", "BROKEN"), ("T2", "BROKEN"), ("T3", "ACTIVE"), ("T4", "ENDED")):
        await connected(database, team_id, state=ConnectionState[state])
    async with database.sessions.begin() as session:
        await workspaces.mark_uninstalled(session, "", "T2", NOW)
        left = await due.count_left(session, NOW)

    assert left.connections_broken == 1


async def test_home_is_drawn_again_where_it_was_opened_while_it_was_drawn(
    database: Database,
) -> None:
    connection = await connected(database)
    async with database.sessions.begin() as session:
        await people.open_home(session, connection.workspace_id, "U1", NOW)
        await people.outdate(session, connection, NOW)
    later = NOW + timedelta(minutes=1)

    async with database.sessions.begin() as session:
        drawing = await people.take_outdated(session, connection.workspace_id, later)
        assert drawing is not None
        await people.open_home(session, connection.workspace_id, "U1", later)
        await people.close(session, drawing, later)

    async with database.sessions.begin() as session:
        soon = later + timedelta(seconds=5)
        again = await people.take_outdated(session, connection.workspace_id, soon)
        assert again is not None
        await people.open_home(session, connection.workspace_id, "U2", soon)
        await people.close(session, again, soon)
        end = soon + timedelta(minutes=1)
        assert await people.take_outdated(session, connection.workspace_id, end) is None


async def test_until_when_a_home_is_up_to_date_is_found_without_reading_secrets(
    database: Database,
) -> None:
    connection = await connected(database)
    async with database.sessions.begin() as session:
        await session.execute(text("UPDATE connections SET paymo_api_key = 'unreadable'"))
    async with database.sessions.begin() as session:
        await people.open_home(session, connection.workspace_id, connection.owner_id, NOW)

    async with database.sessions() as session:
        (row,) = await session.scalars(select(Acquaintance))
        assert row.due_at is not None
        assert timedelta(0) < row.due_at - NOW < timedelta(hours=25)
