"""The outbox: who is owed what, in which order, and once."""

import asyncio
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from services.model.notice import NoticeKind
from services.store import leases, notices, settled
from services.store.engine import Database
from services.store.leases import fenced
from services.store.tables import Connection, Export, Notice, Subscription
from tests.services.store_seeds import NOW, connected, count_waiting, export_of, read


async def tell(
    database: Database, connection: Connection, source: str, *channels: str, now: datetime = NOW
) -> int:
    notification = notices.Notification(NoticeKind.SYNC_PAUSED, source, {"count": 4}, also=channels)
    async with database.sessions.begin() as session:
        return await notices.enqueue(session, connection, notification, now)


async def take(database: Database, connection: Connection, now: datetime = NOW) -> Notice | None:
    async with database.sessions.begin() as session:
        return await notices.take_due(session, connection.workspace_id, now)


async def close(database: Database, notice: Notice, fence: int) -> bool:
    async with database.sessions.begin() as session:
        return await notices.close(session, notice, fence, ts="1.2")


def wanted(connection: Connection, channel_id: str = "C1", **values: Any) -> Subscription:
    return Subscription(
        connection_id=connection.id,
        channel_id=channel_id,
        set_by="U1",
        set_at=NOW,
        **{"topics": ["payments"], **values},
    )


async def test_news_is_owed_once_to_each_channel_and_person(database: Database) -> None:
    connection = await connected(database)
    owed = [
        await tell(database, connection, "a", "U1", "U2"),
        await tell(database, connection, "a", "U2", "U3"),
    ]

    assert owed == [2, 1]


async def test_channels_do_not_wait_for_each_other_but_each_keeps_its_order(
    database: Database,
) -> None:
    connection = await connected(database)
    for source, channel in [("1", "C1"), ("2", "C1"), ("3", "C2"), ("4", "C2")]:
        await tell(database, connection, source, channel)
    first, second, nothing = [await take(database, connection) for _ in range(3)]
    assert first is not None
    await close(database, first, first.fence)
    third = await take(database, connection)

    assert [read(each) for each in (first, second, nothing, third)] == ["1", "3", "", "2"]


async def test_what_is_put_off_holds_up_its_channel_until_it_is_refused(
    database: Database,
) -> None:
    connection = await connected(database)
    for source in ("1", "2"):
        await tell(database, connection, source, "C1")
    first = await take(database, connection)
    assert first is not None
    async with database.sessions.begin() as session:
        assert await leases.let_go(session, first, NOW + timedelta(minutes=5), reason="busy")
    held = await take(database, connection, NOW + timedelta(minutes=4))
    again = await take(database, connection, NOW + timedelta(minutes=5))
    assert again is not None
    async with database.sessions.begin() as session:
        assert await notices.refuse(session, again, "archived")
    second = await take(database, connection, NOW + timedelta(minutes=5))

    assert [read(held), read(again), read(second)] == ["", "1", "2"]
    assert (again.fence, again.tries, again.reason) == (2, 2, "archived")


async def test_a_worker_that_wakes_up_late_changes_nothing(database: Database) -> None:
    connection = await connected(database)
    await tell(database, connection, "1", "C1")
    asleep = await take(database, connection)
    awake = await take(database, connection, NOW + timedelta(minutes=2))
    assert asleep is not None
    assert awake is not None
    fence = awake.fence
    async with database.sessions.begin() as session:
        late = [
            await notices.close(session, asleep, fence - 1, ts="0.1"),
            await leases.let_go(session, asleep, NOW, reason="late"),
            await notices.refuse(session, asleep, "late"),
        ]
    timely = await close(database, awake, fence)
    async with database.sessions() as session:
        kept = await session.get_one(Notice, awake.id)
        waiting = await count_waiting(session)

    assert (late, timely) == ([False] * 3, True)
    assert (kept.ts, kept.reason, kept.due_at, waiting) == ("1.2", "", None, 0)


async def test_a_card_posted_anew_is_not_closed_by_who_drew_the_former_one(
    database: Database,
) -> None:
    connection = await connected(database)
    export = export_of(connection)
    async with database.sessions.begin() as session:
        session.add(export)
        await session.flush()
        await notices.put_card(session, (export.id, "C1"), ("C1", "1.0"))

    async def happens(kind: NoticeKind) -> None:
        async with database.sessions.begin() as session:
            notification = notices.Notification(kind, kind.value, {}, export)
            await notices.enqueue(session, connection, notification, NOW)

    await happens(NoticeKind.PAYMENT_RECEIVED)
    async with database.sessions.begin() as session:
        drawn = await settled.take_card(session, connection.workspace_id, NOW)
        await notices.put_card(session, (export.id, "C1"), ("C1", "2.0"))
    for kind in (NoticeKind.PAYMENT_REMOVED, NoticeKind.INVOICE_VOIDED):
        await happens(kind)
    assert drawn is not None
    async with database.sessions.begin() as session:
        assert not await fenced(session, drawn, drawn.fence, due_at=None)
        kept = await notices.find_card(session, export.id, "C1")

    assert kept is not None
    assert (kept.ts, kept.due_at) == ("2.0", NOW)


async def test_several_workers_post_everything_once_and_in_order(database: Database) -> None:
    connection = await connected(database)
    for number in range(12):
        await tell(database, connection, f"{number:02}", "C1", "C2")
    posted: dict[str, list[str]] = defaultdict(list)

    async def work() -> None:
        while True:
            taken = await take(database, connection)
            if taken is not None:
                posted[taken.channel_id].append(taken.source)
                await close(database, taken, taken.fence)
                continue
            async with database.sessions() as session:
                if not await count_waiting(session):
                    return
            await asyncio.sleep(0)

    async with asyncio.timeout(60):
        await asyncio.gather(*(work() for _ in range(4)))

    expected = [f"{number:02}" for number in range(12)]
    assert posted == {"C1": expected, "C2": expected}


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ({}, 1),
        ({"client_id": 5}, 1),
        ({"client_id": 6}, 0),
        ({"minimum": Decimal(50)}, 1),
        ({"minimum": Decimal("50.01")}, 0),
        ({"minimum": Decimal("50.01"), "topics": ["deletions"]}, 1),
    ],
    ids=str,
)
async def test_a_channel_hears_only_of_its_client_and_from_its_minimum_on(
    database: Database, filters: dict[str, Any], told: int
) -> None:
    """No minimum keeps back that an invoice was deleted, or restored."""
    is_deletion = filters.get("topics") == ["deletions"]
    kind = NoticeKind.INVOICE_RESTORED if is_deletion else NoticeKind.PAYMENT_RECEIVED
    connection = await connected(database)
    export: Export = export_of(connection, client_id=5)
    async with database.sessions.begin() as session:
        session.add(export)
        await notices.subscribe(session, wanted(connection, **filters))
        await session.flush()
        notification = notices.Notification(kind, "1", {}, export=export, amount=Decimal(50))

        assert await notices.enqueue(session, connection, notification, NOW) == told


@pytest.mark.parametrize(
    ("topic", "filters", "kind", "told", "is_heard"),
    [
        ("digest", {}, NoticeKind.DIGEST, {}, False),  # each channel has its own
        ("exports", {}, NoticeKind.BATCH_EXPORTED, {}, True),
        ("exports", {"client_id": 5}, NoticeKind.BATCH_EXPORTED, {}, False),
        ("exports", {"minimum": Decimal(1)}, NoticeKind.BATCH_EXPORTED, {}, False),
        ("exports", {}, NoticeKind.INVOICE_EXPORTED, {"in_batch": True}, False),
        ("exports", {"client_id": 5}, NoticeKind.INVOICE_EXPORTED, {"in_batch": True}, True),
        ("failures", {"client_id": 5}, NoticeKind.CONNECTION_BROKEN, {"export": None}, True),
        ("failures", {"minimum": Decimal(51)}, NoticeKind.INVOICE_DRIFTED, {}, True),
        ("failures", {}, NoticeKind.HEALTH, {}, False),
    ],
)
def test_what_a_channel_hears_of_a_topic(
    topic: str, filters: dict[str, Any], kind: NoticeKind, told: dict[str, Any], *, is_heard: bool
) -> None:
    connection = Connection(id=1)
    usual: dict[str, Any] = {"export": export_of(connection, client_id=5), "amount": Decimal(50)}
    notification = notices.Notification(kind, "1", {}, **(usual | told))

    assert notices.hears(wanted(connection, topics=[topic], **filters), notification) is is_heard


async def test_while_a_channel_is_paused_who_subscribed_it_hears_instead(
    database: Database,
) -> None:
    mine, other = await connected(database, "T1"), await connected(database, "T2")
    async with database.sessions.begin() as session:
        for each in (mine, other):
            await notices.subscribe(session, wanted(each))
        paused = await notices.pause_channel(session, mine.workspace_id, "C1", "archived")
        again = await notices.pause_channel(session, mine.workspace_id, "C1", "archived")
        heard = [await notices.list_channels(session, each.id) for each in (mine, other)]
        owed = [
            await notices.enqueue(session, each, news_of(each, "before"), NOW)
            for each in (mine, other)
        ]
        await notices.subscribe(session, wanted(mine, topics=["payments", "digest"]))
        owed.append(await notices.enqueue(session, mine, news_of(mine, "after"), NOW))
        now = await notices.find_subscription(session, mine.id, "C1")
        told = await session.scalars(select(Notice.channel_id).order_by(Notice.id))

    assert (list(told), heard) == (["U1", "C1", "C1"], [(), ("C1",)])
    assert ([each.connection_id for each in paused], list(again)) == ([mine.id], [])
    assert owed == [1, 1, 1]
    assert now is not None
    assert (now.topics, now.paused_because) == (["payments", "digest"], "")


def news_of(connection: Connection, source: str) -> notices.Notification:
    return notices.Notification(NoticeKind.PAYMENT_RECEIVED, f"{source}:{connection.id}", {})


async def test_a_channel_can_leave_once(database: Database) -> None:
    connection = await connected(database)
    async with database.sessions.begin() as session:
        await notices.subscribe(session, wanted(connection, "C1"))
        await notices.subscribe(session, wanted(connection, "C2"))
        left = [await notices.unsubscribe(session, connection.id, "C1") for _ in range(2)]
        stay = await notices.list_channels(session, connection.id)

    assert (left, stay) == ([True, False], ("C2",))


async def test_a_card_that_is_posted_anew_is_the_one_that_is_edited(database: Database) -> None:
    connection = await connected(database)
    export = export_of(connection)
    async with database.sessions.begin() as session:
        session.add(export)
        await session.flush()
        assert await notices.find_card(session, export.id, "C1") is None
        for ts in ("1.1", "2.2"):
            await notices.put_card(session, (export.id, "C1"), ("C1", ts))
        card = await notices.find_card(session, export.id, "C1")

    assert card is not None
    assert card.ts == "2.2"
