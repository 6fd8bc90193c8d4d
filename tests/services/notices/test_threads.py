"""Where a channel reads what happens to an invoice, and how long its card counts the days."""

from datetime import timedelta
from decimal import Decimal

import pytest

from services.errors import NotFound
from services.model.export import ExportState
from services.model.invoice import InvoiceState
from services.model.notice import Layout, NoticeKind, Topic
from services.store import connections, notices, settled
from services.store.tables import Export
from tests.databases import SQLITE_ALONE
from tests.services.notices.conftest import OWNER, Newsroom
from tests.services.store_seeds import batch_of, export_of

pytestmark = SQLITE_ALONE


@pytest.mark.parametrize(
    ("layout", "where"),
    [
        (Layout.BROADCAST, [("1.0", False), ("1.0", True), ("1.0", True)]),
        (Layout.THREAD, [("1.0", False)] * 3),
        (Layout.FLAT, [("", False)] * 3),
    ],
)
async def test_a_channel_reads_events_where_it_wants_them(
    room: Newsroom, layout: Layout, where: list[tuple[str, bool]]
) -> None:
    await room.service.subscribe(OWNER, "C1", layout=layout)
    export = export_of(room.connection, state=ExportState.EXPORTED, due_at=None)
    await room.add(export)
    await room.tell_of(export, NoticeKind.INVOICE_EXPORTED, "card")
    for word, is_paid in (("part", False), ("rest", True)):
        facts = {"word": word, "is_paid": is_paid}
        await room.enqueue(
            notices.Notification(NoticeKind.PAYMENT_RECEIVED, word, facts, export=export)
        )
    await room.tell_of(export, NoticeKind.INVOICE_VOIDED, "void")
    await room.run(seconds=4)
    _, *events = [(message.thread_ts, message.is_broadcast) for _, message in room.board.posted]

    assert events == where


@pytest.mark.parametrize(
    ("kind", "facts", "is_shown"),
    [
        (NoticeKind.EXPORT_FAILED, {}, True),
        (NoticeKind.PAYMENT_REMOVED, {}, True),
        (NoticeKind.INVOICE_DELETED, {}, True),
        (NoticeKind.INVOICE_VOIDED, {}, True),
        (NoticeKind.INVOICE_UNDONE, {}, False),
        (NoticeKind.PAYMENT_RECEIVED, {"is_paid": False}, False),
        (NoticeKind.PAYMENT_RECEIVED, {"gone": True}, True),
        (NoticeKind.PAYMENT_RECEIVED, {"asked": "It's more than what's left."}, True),
        (NoticeKind.PAYMENT_RECEIVED, {"waits": True}, True),
    ],
)
async def test_what_nobody_should_overlook_is_shown_in_the_channel_as_well(
    room: Newsroom, kind: NoticeKind, facts: dict[str, object], *, is_shown: bool
) -> None:
    await room.service.subscribe(OWNER, "C1")
    export = export_of(room.connection, state=ExportState.EXPORTED, due_at=None)
    await room.add(export)
    await room.tell_of(export, NoticeKind.INVOICE_EXPORTED, "card")
    await room.enqueue(notices.Notification(kind, "event", facts, export=export))
    await room.run(seconds=3)

    assert room.board.posted[-1][1].is_broadcast is is_shown


async def test_a_card_counts_one_day_more_every_midnight_while_the_invoice_is_owed(
    room: Newsroom,
) -> None:
    await room.service.subscribe(OWNER, "C1")
    due_on = room.clock().date() - timedelta(days=1)
    owed = {"xero_seen_status": "AUTHORISED", "currency": "NZD", "total": Decimal(115)}
    export = export_of(
        room.connection, state=ExportState.EXPORTED, due_at=None, due_on=due_on, **owed
    )
    await room.add(export)
    await room.tell_of(export, NoticeKind.INVOICE_EXPORTED, "card")
    for _ in range(3):
        await room.run(seconds=2)
        room.clock.turn(days=1)
    async with room.database.sessions.begin() as session:
        row = await session.get_one(Export, export.id)
        row.xero_seen_status = "PAID"
    await room.run()
    room.clock.turn(days=9)
    await room.run(seconds=2)

    assert [each.facts["overdue_by"] for _, each in room.board.redrawn] == [2, 3, 4]


@pytest.mark.parametrize("is_posted", [False, True])
async def test_a_card_shows_what_became_of_its_invoice_before_it_was_there(
    room: Newsroom, *, is_posted: bool
) -> None:
    """Before it is posted, or while Slack is taking it: nothing of the channel's own shows that."""
    await room.service.subscribe(OWNER, "C1", [Topic.EXPORTS])
    export = export_of(room.connection, state=ExportState.EXPORTED, due_at=None)
    await room.add(export)

    async def void() -> None:
        async with room.database.sessions.begin() as session:
            row = await session.get_one(Export, export.id)
            row.invoice_state = InvoiceState.VOIDED
            await settled.outdate_cards(session, [row.id], room.clock())

    await room.tell_of(export, NoticeKind.INVOICE_EXPORTED, "card")
    if is_posted:
        room.board.meanwhile.append(void())
    else:
        await void()
    await room.run(seconds=3)
    shown = [message.facts["state"] for _, message in room.board.posted + room.board.redrawn]

    assert shown == (["open", "voided"] if is_posted else ["voided"])


async def of_batch(room: Newsroom) -> Export:
    """An invoice that a batch has exported."""
    batch = batch_of(room.connection)
    await room.add(batch)
    export = export_of(
        room.connection,
        state=ExportState.EXPORTED,
        due_at=None,
        batch_id=batch.id,
        xero_invoice_id="x",
        total=Decimal(115),
        currency="NZD",
    )
    await room.add(export)
    return export


def heard(room: Newsroom, channel_id: str) -> list[tuple[NoticeKind, str]]:
    """What was posted in a channel, and below which message."""
    posted = [each for _, each in room.board.posted if each.channel_id == channel_id]
    return [(each.kind, each.thread_ts) for each in posted]


async def test_an_invoice_of_a_batch_gets_its_card_when_its_first_event_comes(
    room: Newsroom,
) -> None:
    await room.service.subscribe(OWNER, "C1")
    await room.service.subscribe(OWNER, "C2", minimum=Decimal(1))
    export = await of_batch(room)
    sent = notices.Notification(NoticeKind.INVOICE_EXPORTED, "1", {}, export, in_batch=True)
    await room.enqueue(sent)
    await room.enqueue(notices.Notification(NoticeKind.BATCH_EXPORTED, "2", {}))
    await room.run(seconds=3)
    await room.enqueue(notices.Notification(NoticeKind.PAYMENT_RECEIVED, "3", {}, export))
    await room.run(seconds=3)

    card, summary = NoticeKind.INVOICE_EXPORTED, NoticeKind.BATCH_EXPORTED
    paid = NoticeKind.PAYMENT_RECEIVED
    assert heard(room, "C1") == [(summary, ""), (card, ""), (paid, "3.0")]
    assert heard(room, "C2") == [(card, ""), (paid, "1.0")]


async def test_a_card_of_a_batch_that_somebody_deleted_does_not_come_back(room: Newsroom) -> None:
    await room.service.subscribe(OWNER, "C1")
    export, paid = await of_batch(room), NoticeKind.PAYMENT_RECEIVED
    for source in ("1", "2", "3"):
        await room.enqueue(notices.Notification(paid, source, {}, export))
        await room.run(seconds=3)
        room.board.refuse("C1", NotFound("The message is gone."))

    assert heard(room, "C1") == [
        (NoticeKind.INVOICE_EXPORTED, ""),
        (paid, "1.0"),
        (paid, ""),
        (paid, ""),
    ]


@pytest.mark.parametrize(("status", "state"), [("DRAFT", "draft"), ("PAID", "paid")])
async def test_a_draft_over_nothing_is_a_draft(room: Newsroom, status: str, state: str) -> None:
    await room.service.subscribe(OWNER, "C1")
    nothing = {"total": Decimal(0), "currency": "NZD", "xero_seen_status": status}
    export = export_of(room.connection, state=ExportState.EXPORTED, due_at=None, **nothing)
    await room.add(export)
    await room.tell_of(export, NoticeKind.INVOICE_EXPORTED, "card")
    await room.run()

    assert [each.facts["state"] for _, each in room.board.posted] == [state]


async def test_an_event_never_goes_below_a_card_that_somebody_deleted(room: Newsroom) -> None:
    """Slack keeps the thread of a deleted message, and nobody reads it."""
    await room.service.subscribe(OWNER, "C1", layout=Layout.THREAD)
    export = export_of(room.connection, state=ExportState.EXPORTED, due_at=None)
    await room.add(export)
    await room.tell_of(export, NoticeKind.INVOICE_EXPORTED, "card")
    await room.run(seconds=2)
    await room.tell_of(export, NoticeKind.PAYMENT_RECEIVED, "part")
    await room.run(seconds=2)
    room.board.refuse("C1", NotFound("The message is gone."))
    for word in ("rest", "void"):
        await room.tell_of(export, NoticeKind.INVOICE_VOIDED, word)
        await room.run(seconds=2)

    told = [(each.facts.get("word"), each.thread_ts) for _, each in room.board.posted[1:]]
    assert told == [("part", "1.0"), ("rest", ""), ("void", "")]
    assert [ts for ts, _ in room.board.redrawn] == ["1.0"]


@pytest.mark.parametrize("is_over", [False, True])
async def test_a_question_that_somebody_deleted_is_asked_anew_while_it_is_open(
    room: Newsroom, *, is_over: bool
) -> None:
    kind, now = NoticeKind.SYNC_PAUSED, room.clock()
    await room.tell("four", "U1", kind=kind)
    await room.run(seconds=2)
    room.board.refuse("U1", NotFound("The message is gone."))
    async with room.database.sessions.begin() as session:
        connection = await connections.get(session, room.connection.id)
        if is_over:
            over = settled.Settled((kind,), "U1", "followed Xero")
            await settled.settle(session, connection, over, now)
        else:
            await settled.renew(session, connection, kind, {"word": "five"}, now)
    await room.run(seconds=2)

    assert room.board.told == [("U1", "four")] + [("U1", "five")] * (not is_over)
    assert [each.ts for each in await room.rows()] == ["1.0" if is_over else "2.0"]
