"""Telling channels: subscribing, and the outbox that is worked off onto a board."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError

from handlers.notices.text import text_of
from services.errors import (
    ChannelClosed,
    NotAllowed,
    NotConnected,
    NotFound,
    ServiceError,
    Throttled,
    Unavailable,
)
from services.model.connection import ConnectionState
from services.model.export import ExportState
from services.model.invoice import InvoiceState
from services.model.jobs import Job
from services.model.notice import USUAL_TOPICS, NoticeKind, Topic
from services.model.wording import Member
from services.notices.service import Listening
from services.store import due, notices, workspaces
from services.store.tables import AuditEntry, Client, Export
from tests.databases import BOTH_DATABASES, SQLITE_ALONE
from tests.services.notices.conftest import OWNER, STRANGER, Newsroom
from tests.services.store_seeds import export_of

pytestmark = SQLITE_ALONE


async def test_a_channel_hears_the_usual_four_unless_told_otherwise(room: Newsroom) -> None:
    assert await room.service.listening(OWNER, "C1") is None
    usual = await room.service.subscribe(OWNER, "C1")
    assert (usual.topics, usual.organisation) == (USUAL_TOPICS, "Maple Books")
    client = Client(connection_id=room.connection.id, client_id=5, name="Acme", folded_name="acme")
    await room.add(client)
    changed = await room.service.subscribe(
        OWNER, "C1", [Topic.PAYMENTS, Topic.PAYMENTS], client_id=5, minimum=Decimal("99.50")
    )
    async with room.database.sessions() as session:
        audit = [(each.what, each.after) for each in await session.scalars(select(AuditEntry))]

    assert changed == await room.service.listening(OWNER, "C1")
    assert (changed.topics, changed.client_name) == ((Topic.PAYMENTS,), "Acme")
    assert (changed.minimum, changed.set_by) == (Decimal("99.50"), "U1")
    assert audit == [("subscribed", {"channel_id": "C1"})] * 2
    assert (Job.NOTICES, room.connection.workspace_id) in room.work.made


async def test_typed_topics_are_added_to_what_the_channel_has(room: Newsroom) -> None:
    await room.service.subscribe(OWNER, "C1", [Topic.DIGEST], minimum=Decimal(500))
    more, is_news = await room.service.add(OWNER, "C1", [Topic.PAYMENTS])
    same, is_again = await room.service.add(OWNER, "C1", [Topic.DIGEST])
    fresh, _ = await room.service.add(OWNER, "C2")

    assert (more.topics, more.minimum) == ((Topic.PAYMENTS, Topic.DIGEST), Decimal(500))
    assert (is_news, is_again, same.topics) == (True, False, more.topics)
    assert fresh.topics == USUAL_TOPICS


async def test_who_may_not_export_may_not_have_a_channel_listen(room: Newsroom) -> None:
    await room.service.subscribe(OWNER, "C1")
    with pytest.raises(NotAllowed, match=str(Member("U1"))):
        await room.service.subscribe(STRANGER, "C2")
    for refused in (
        room.service.unsubscribe(STRANGER, "C1"),
        room.service.add(STRANGER, "C2"),
        room.service.listening(STRANGER, "C1"),
        room.service.about(STRANGER),
    ):
        with pytest.raises(NotAllowed, match=str(Member("U1"))):
            await refused
    with pytest.raises(NotFound):
        await room.service.subscribe(OWNER, "C1", client_id=404)
    await room.change(state=ConnectionState.BROKEN, broken_side="Xero")
    with pytest.raises(NotConnected):
        await room.service.subscribe(OWNER, "C2")

    assert await room.service.unsubscribe(OWNER, "C1") is True
    assert await room.service.unsubscribe(OWNER, "C1") is False


async def test_one_message_a_second_in_a_channel_in_order_while_others_go_on(
    room: Newsroom,
) -> None:
    await room.service.subscribe(OWNER, "C1")
    for word in ("a", "b", "c"):
        await room.tell(word)
    await room.tell("d", "U9")
    await room.run()
    at_once = list(room.board.told)
    await room.run()
    assert room.board.told == at_once == [("C1", "a"), ("U9", "d")]
    [(*wanted, after), *_] = room.woken
    assert wanted == [Job.NOTICES, room.connection.workspace_id]
    assert after < timedelta(seconds=1.1)
    await room.run(seconds=1)
    assert room.board.told[2:] == [("C1", "b")]
    await room.run(seconds=5)

    assert room.board.told[2:] == [("C1", "b"), ("C1", "c"), ("C1", "d")]
    assert [(each.due_at, bool(each.ts)) for each in await room.rows()] == [(None, True)] * 5


async def test_a_clock_that_is_set_back_holds_no_message_up(room: Newsroom) -> None:
    await room.service.subscribe(OWNER, "C1")
    await room.tell("a")
    await room.run()
    room.clock.turn(minutes=-2)
    await room.tell("b")
    await room.run()

    assert room.board.told == [("C1", "a"), ("C1", "b")]


@BOTH_DATABASES
async def test_what_was_posted_while_the_disk_was_full_is_noted_later_and_not_repeated(
    room: Newsroom,
) -> None:
    await room.service.subscribe(OWNER, "C1")
    await room.tell("a")
    full = [OperationalError("UPDATE", {}, Exception("database or disk is full"))] * 2

    @event.listens_for(room.database.engine.sync_engine, "before_cursor_execute")
    def fail(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "posted_in=" in statement and full:
            raise full.pop()

    for _ in range(2):
        with pytest.raises(OperationalError):
            await room.run()
        room.clock.turn(seconds=5)
    await room.run()

    assert room.board.told == [("C1", "a")]
    assert [(each.due_at, each.ts) for each in await room.rows()] == [(None, "1.0")]


async def test_events_of_an_invoice_go_under_its_card_which_is_drawn_again(
    room: Newsroom,
) -> None:
    await room.service.subscribe(OWNER, "C1")
    export = export_of(
        room.connection, state=ExportState.EXPORTED, due_at=None, number="INV-7", currency="NZD"
    )
    await room.add(export)
    await room.tell_of(export, NoticeKind.INVOICE_EXPORTED, "card")
    await room.run()
    await room.tell_of(export, NoticeKind.INVOICE_VOIDED, "void")
    await room.run(seconds=1)
    await room.service.subscribe(OWNER, "C2")
    await room.tell_of(export, NoticeKind.INVOICE_DELETED, "deleted")
    await room.run(seconds=1)
    threads = sorted((message.channel_id, message.thread_ts) for _, message in room.board.posted)
    (_, card), (_, void), *_ = room.board.posted

    assert threads == [("C1", ""), ("C1", "1.0"), ("C1", "1.0"), ("C2", "")]
    assert [ts for ts, _ in room.board.redrawn] == ["1.0", "1.0"]
    assert {message.kind for _, message in room.board.redrawn} == {NoticeKind.INVOICE_EXPORTED}
    assert room.board.redrawn[0][1].facts["number"] == "INV-7"
    assert void.metadata == card.metadata
    assert (card.metadata["paymo_invoice_id"], card.metadata["tenant_id"]) == (7, "tenant")


async def test_a_card_is_drawn_again_where_nobody_hears_of_the_event(room: Newsroom) -> None:
    """An overloaded Slack only delays it; several events meanwhile cost one drawing."""
    await room.service.subscribe(OWNER, "C1", [Topic.EXPORTS])
    export = export_of(room.connection, state=ExportState.EXPORTED, due_at=None, currency="NZD")
    await room.add(export)
    await room.tell_of(export, NoticeKind.INVOICE_EXPORTED, "card")
    await room.run()
    room.board.refuse("C1", Throttled("Slow down.", retry_after=timedelta(seconds=3)))
    await room.tell_of(export, NoticeKind.PAYMENT_RECEIVED, "paid")
    await room.run()
    assert room.board.redrawn == []
    await room.tell_of(export, NoticeKind.INVOICE_VOIDED, "void")
    async with room.database.sessions.begin() as session:
        row = await session.get_one(Export, export.id)
        row.invoice_state = InvoiceState.VOIDED
    room.clock.turn(seconds=3)
    async with room.database.sessions() as session:
        assert await due.list_due(session, room.clock()) == [
            (Job.NOTICES, room.connection.workspace_id)
        ]
    await room.run(seconds=3)

    assert [message.channel_id for _, message in room.board.posted] == ["C1"]
    assert [(ts, each.facts["state"]) for ts, each in room.board.redrawn] == [("1.0", "voided")]


async def test_e65_a_closed_channel_is_paused_once_and_its_news_go_to_who_asked(
    room: Newsroom,
) -> None:
    await room.service.subscribe(OWNER, "C1")
    await room.tell("a")
    await room.tell("b")
    room.board.refuse("C1", *[ChannelClosed("It is archived.")] * 2)
    await room.run(seconds=3)
    await room.tell("c")
    await room.run(seconds=3)
    paused = await room.service.listening(OWNER, "C1")

    [why] = [each for _, each in room.board.posted if each.kind is NoticeKind.CHANNEL_PAUSED]
    assert (why.channel_id, why.facts["reason"]) == ("U1", "It is archived.")
    told = [each for each in room.board.told if each[1]]
    assert told == [("U1", "a"), ("U1", "b"), ("U1", "c")]
    assert paused is not None
    assert paused.paused_because == "It is archived."
    assert [each.paused_because for each in await room.service.list_all(OWNER)] == [
        "It is archived."
    ]
    with pytest.raises(NotAllowed):
        await room.service.resume(STRANGER, "C1")
    again, is_news = await room.service.resume(OWNER, "C1")
    assert (again.paused_because, again.topics, is_news) == ("", paused.topics, True)
    assert await room.service.resume(OWNER, "C1") == (again, False)
    await room.tell("d")
    await room.run()
    assert room.board.told[-1] == ("C1", "d")


async def test_what_a_paused_channels_deactivated_subscriber_would_get_goes_to_the_owner(
    room: Newsroom,
) -> None:
    await room.change(exporters=["U2"])
    await room.service.subscribe(replace(OWNER, user_id="U2"), "C1")
    room.board.refuse("C1", ChannelClosed("It is archived."))
    room.board.refuse("U2", *[ChannelClosed("This person’s account is deactivated.")] * 9)
    await room.tell("a")
    await room.run(seconds=5)
    await room.tell("b")
    await room.tell("theirs", "U2", kind=NoticeKind.ACCESS_ANSWERED)
    await room.run(seconds=5)

    assert [each for each in room.board.told if each[1]] == [("U1", "a"), ("U1", "b")]
    [why] = [each for _, each in room.board.posted if each.kind is NoticeKind.CHANNEL_PAUSED]
    assert why.channel_id == "U1"
    said = "to you here: Slack doesn't deliver our messages to <@U2>, who subscribed it."
    assert said in text_of(why)


async def test_one_person_tries_a_paused_channel_and_it_stays_paused_where_that_fails(
    room: Newsroom,
) -> None:
    await room.service.subscribe(OWNER, "C1")
    room.board.refuse("C1", ChannelClosed("It is archived."))
    await room.tell("a")
    await room.run()

    async def refuse(_: Listening) -> None:
        raise ChannelClosed("It is archived.")

    async def press_again(listening: Listening) -> None:
        assert listening.topics == (*USUAL_TOPICS, Topic.DIGEST)
        with pytest.raises(ServiceError, match="Somebody else is resuming"):
            await room.service.resume(OWNER, "C1", refuse)

    for change in (
        room.service.resume(OWNER, "C1", refuse),
        room.service.subscribe(OWNER, "C1", (), refuse),
        room.service.add(OWNER, "C1", [Topic.DIGEST], refuse),
    ):
        with pytest.raises(ChannelClosed):
            await change
    still = await room.service.listening(OWNER, "C1")
    assert still is not None
    assert (still.paused_because, still.topics) == ("It is archived.", USUAL_TOPICS)
    now, is_news = await room.service.add(OWNER, "C1", [Topic.DIGEST], press_again)
    assert (now.paused_because, is_news) == ("", True)


async def test_a_paused_channel_s_news_go_to_nobody_without_a_role(room: Newsroom) -> None:
    """Whoever subscribed it was named then, and is not now."""
    await room.change(exporters=["U2"])
    await room.service.subscribe(replace(OWNER, user_id="U2"), "C1")
    await room.tell("a")
    room.board.refuse("C1", ChannelClosed("It is archived."))
    await room.change(exporters=[])
    await room.run(seconds=3)
    await room.tell("b")
    await room.run(seconds=3)

    assert {told for told in room.board.told if told[1]} == {("U1", "a"), ("U1", "b")}
    assert {channel_id for channel_id, _ in room.board.told} == {"U1"}


async def test_a_person_who_cannot_be_reached_is_not_tried_for_ever(room: Newsroom) -> None:
    await room.tell("a", "U9")
    room.board.refuse("U9", ChannelClosed("Nobody there."))
    await room.run(seconds=2)
    (notice,) = await room.rows()

    assert room.board.posted == []
    assert (notice.due_at, notice.reason) == (None, "Nobody there.")


@pytest.mark.parametrize("asked", [0, 30])
async def test_a_channel_that_is_told_to_wait_waits_and_others_do_not(
    room: Newsroom, asked: int
) -> None:
    await room.tell("a", "C1", "C2")
    room.board.refuse("C1", Throttled("Slow down.", retry_after=timedelta(seconds=asked)))
    await room.run()
    assert room.board.told == [("C2", "a")]
    await room.run(seconds=max(asked, 1) - 1)
    assert room.board.told == [("C2", "a")]
    await room.run(seconds=1)

    assert room.board.told == [("C2", "a"), ("C1", "a")]


async def test_an_outage_is_tried_again_ever_more_rarely_and_given_up_in_the_end(
    room: Newsroom,
) -> None:
    await room.tell("a", "C1")
    room.board.refuse("C1", *[Unavailable("Slack is down.")] * 100)
    waits = []
    while True:
        await room.run()
        (notice,) = await room.rows()
        if notice.due_at is None:
            break
        waits.append(notice.due_at - room.clock())
        room.clock.time = notice.due_at
    await room.tell("b", "C1")
    room.board.refuse("C1")
    await room.run()

    assert waits == sorted(waits)
    assert (len(waits), waits[-1]) == (31, timedelta(minutes=5))
    assert notice.reason == "Slack is down."
    assert room.board.told == [("C1", "b")]


async def test_a_channel_for_one_client_and_large_amounts_hears_of_no_others(
    room: Newsroom,
) -> None:
    client = Client(connection_id=room.connection.id, client_id=5, name="Acme", folded_name="acme")
    theirs = export_of(room.connection, client_id=5, due_at=None)
    others = export_of(room.connection, client_id=6, due_at=None, paymo_invoice_id=8)
    await room.add(client, theirs, others)
    await room.service.subscribe(OWNER, "C1", client_id=5, minimum=Decimal(100))
    await room.service.subscribe(OWNER, "C2", [Topic.PAYMENTS])
    for word, export, amount in [
        ("small", theirs, "99.99"),
        ("enough", theirs, "100"),
        ("other", others, "100"),
    ]:
        facts = {"word": word}
        paid, sent = NoticeKind.PAYMENT_RECEIVED, NoticeKind.INVOICE_EXPORTED
        await room.enqueue(
            notices.Notification(paid, f"paid {word}", facts, export, Decimal(amount))
        )
        await room.enqueue(
            notices.Notification(sent, f"sent {word}", facts, export, Decimal(amount))
        )
    await room.run(seconds=8)
    heard = [(message.channel_id, message.kind, message.facts) for _, message in room.board.posted]

    (_, kind, facts), (_, card, _) = [each for each in heard if each[0] == "C1"]
    assert (kind, facts["word"]) == (NoticeKind.PAYMENT_RECEIVED, "enough")
    assert card is NoticeKind.INVOICE_EXPORTED
    assert [(kind, facts["word"]) for at, kind, facts in heard if at == "C2"] == [
        (NoticeKind.PAYMENT_RECEIVED, word) for word in ("small", "enough", "other")
    ]


async def test_e66_nothing_is_posted_where_the_app_was_taken_away(room: Newsroom) -> None:
    await room.tell("a", "C1")
    async with room.database.sessions.begin() as session:
        await workspaces.mark_uninstalled(session, "", "T1", room.clock())
    await room.run(seconds=1)
    gone = list(room.board.posted)
    async with room.database.sessions.begin() as session:
        await workspaces.mark_installed(session, room.connection.workspace_id, "U1", room.clock())
    await room.run()

    assert gone == []
    assert room.board.told == [("C1", "a")]
