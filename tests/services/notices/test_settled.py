"""Acts that are over disappear, wherever the decision was made."""

from decimal import Decimal

import pytest

from services.errors import ChannelClosed
from services.model.export import ExportState
from services.model.invoice import PaymentKind, PaymentState
from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.store import notices
from services.store.settled import PAYMENTS, Settled, asked_source, settle
from services.store.tables import Export, Notice, Payment
from tests.databases import SQLITE_ALONE
from tests.services.notices.conftest import OWNER, Newsroom
from tests.services.store_seeds import batch_of, export_of

pytestmark = SQLITE_ALONE
EDITED: dict[str, object] = {"side": "Paymo", "differences": [["number", "INV-1", "INV-2"]]}
ASKING: list[tuple[NoticeKind, dict[str, object]]] = [
    (NoticeKind.PAYMENT_RECEIVED, {"asked": "It's more than what's left."}),
    (NoticeKind.PAYMENT_REMOVED, {"by_person_in_paymo": True}),
    (NoticeKind.INVOICE_DELETED, {"in_paymo": "asked"}),
    (NoticeKind.INVOICE_VOIDED, {"in_paymo": "void"}),
    (NoticeKind.INVOICE_DRIFTED, EDITED),
    (NoticeKind.HEALTH, {"former": True}),
    (NoticeKind.ACCESS_ASKED, {}),
    (NoticeKind.AUTO_EXPORT_PAUSED, {}),
    (NoticeKind.CHANNEL_PAUSED, {}),
    (NoticeKind.DIGEST, {"month": "2026-01"}),
    (NoticeKind.DIGEST, {"month": "2026-02"}),
]
TELLING: list[tuple[NoticeKind, dict[str, object]]] = [
    (NoticeKind.PAYMENT_RECEIVED, {"asked": ""}),
    (NoticeKind.PAYMENT_REMOVED, {}),
    (NoticeKind.INVOICE_DELETED, {"in_paymo": "gone_in_paymo"}),
    (NoticeKind.INVOICE_DRIFTED, {"side": "Xero", "differences": []}),
    (NoticeKind.HEALTH, {"problem": "The disk is full."}),
    (NoticeKind.ACCESS_ASKED, {"done": {"by": "U2", "what": "allowed it"}}),
]


@pytest.mark.parametrize(
    ("asks", "ends", "what"),
    [
        (NoticeKind.EXPORT_FAILED, NoticeKind.INVOICE_EXPORTED, "exported it"),
        (NoticeKind.EXPORT_FAILED, NoticeKind.EXPORT_FAILED, "tried it again"),
        (NoticeKind.INVOICE_DELETED, NoticeKind.INVOICE_RESTORED, "restored it"),
        (NoticeKind.EXPORT_ASKED, NoticeKind.INVOICE_EXPORTED, "exported it"),
        (NoticeKind.APPROVAL_ASKED, NoticeKind.APPROVAL_ASKED, "asked again"),
        (NoticeKind.INVOICE_DRIFTED, NoticeKind.INVOICE_DRIFTED, "updated it in Xero"),
        (NoticeKind.INVOICE_DRIFTED, NoticeKind.INVOICE_UNDONE, "undid the invoice's export"),
        (NoticeKind.INVOICE_DRIFTED, NoticeKind.PAYMENT_RECEIVED, ""),
        (NoticeKind.CONNECTION_BROKEN, NoticeKind.CONNECTION_RESTORED, "reconnected it"),
        (NoticeKind.CONNECTION_BROKEN, NoticeKind.SYNC_FAILING, ""),
    ],
)
async def test_news_end_what_was_asked_in_every_channel_and_of_every_person(
    room: Newsroom, asks: NoticeKind, ends: NoticeKind, what: str
) -> None:
    await room.service.subscribe(OWNER, "C1")
    await room.service.subscribe(OWNER, "C2")
    export = export_of(room.connection, state=ExportState.EXPORTED, due_at=None)
    await room.add(export)
    about = None if asks is NoticeKind.CONNECTION_BROKEN else export
    source, own = "asks", about
    if asks is NoticeKind.EXPORT_ASKED:  # there was no export yet
        source, own = asked_source(room.connection.id, export.paymo_invoice_id), None
    also = ["U1"] if asks is not NoticeKind.APPROVAL_ASKED else ["U1", "U2", "U3"]
    await room.enqueue(notices.Notification(asks, source, EDITED, own, also=also))
    await room.run()
    await room.enqueue(notices.Notification(ends, "ends", {"by": "U7"}, about))
    await room.run(seconds=3)

    redrawn = [
        (ts, message.facts["done"]["by"], message.facts["done"]["what"])
        for ts, message in room.board.redrawn
        if message.kind is asks
    ]
    assert redrawn == ([(f"{nth}.0", "U7", what) for nth in (1, 2, 3)] if what else [])


async def test_of_two_payments_only_the_one_that_was_decided_on_is_settled(
    room: Newsroom,
) -> None:
    await room.service.subscribe(OWNER, "C1")
    export = export_of(room.connection, state=ExportState.EXPORTED, due_at=None)
    await room.add(export)
    paid = [
        Payment(
            connection_id=room.connection.id,
            export_id=export.id,
            tenant_id=export.tenant_id,
            xero_payment_id=each,
            kind=PaymentKind.PAYMENT,
            state=PaymentState.TOMBSTONE,
            amount=Decimal(5),
            paid_on=room.clock().date(),
            seen_at=room.clock(),
        )
        for each in ("p1", "p2")
    ]
    await room.add(*paid)
    for each in paid:
        facts = {"payment_id": each.id, "by_person_in_paymo": True}
        await room.enqueue(
            notices.Notification(NoticeKind.PAYMENT_REMOVED, str(each.id), facts, export)
        )
    await room.run(seconds=2)
    said = Settled(PAYMENTS, "U7", "brought it back", export.id, paid[1].id)
    async with room.database.sessions.begin() as session:
        await settle(session, room.connection, said, room.clock())
    await room.run(seconds=2)

    assert [message.facts["payment_id"] for _, message in room.board.redrawn] == [paid[1].id]


@pytest.mark.parametrize(
    ("ends", "what"),
    [
        (NoticeKind.INVOICE_UNDONE, "undid the invoice's export"),
        (NoticeKind.INVOICE_DELETED, "found the invoice deleted"),
        (NoticeKind.INVOICE_VOIDED, "found the invoice voided"),
    ],
)
async def test_an_invoice_s_end_settles_what_was_asked_about_its_payments_and_nothing_else(
    room: Newsroom, ends: NoticeKind, what: str
) -> None:
    await room.service.subscribe(OWNER, "C1")
    export = export_of(room.connection, state=ExportState.EXPORTED, due_at=None)
    await room.add(export)
    for kind, facts in (
        (NoticeKind.PAYMENT_RECEIVED, {"word": "asked", "asked": "It's more than what's left."}),
        (NoticeKind.PAYMENT_REMOVED, {"word": "left out", "by_person_in_paymo": True}),
        (NoticeKind.PAYMENT_RECEIVED, {"word": "told", "asked": ""}),
    ):
        await room.enqueue(notices.Notification(kind, str(facts["word"]), facts, export))
    await room.run(seconds=3)
    await room.enqueue(notices.Notification(ends, "ends", {"by": "U7"}, export))
    await room.run(seconds=3)

    redrawn = [(each.facts["word"], each.facts["done"]["what"]) for _, each in room.board.redrawn]
    assert redrawn == [("asked", what), ("left out", what)]


async def test_what_still_waits_when_it_is_settled_is_posted_without_its_buttons(
    room: Newsroom,
) -> None:
    await room.service.subscribe(OWNER, "C1")
    export = export_of(room.connection, state=ExportState.FAILED, due_at=None)
    await room.add(export)
    await room.enqueue(notices.Notification(NoticeKind.EXPORT_FAILED, "asks", {}, export))
    await room.enqueue(notices.Notification(NoticeKind.INVOICE_EXPORTED, "ends", {}, export))
    await room.run(seconds=3)

    [failed] = [each for _, each in room.board.posted if each.kind is NoticeKind.EXPORT_FAILED]
    assert failed.facts["done"]["what"] == "exported it"
    assert not [each for _, each in room.board.redrawn if each.kind is NoticeKind.EXPORT_FAILED]


async def test_what_is_settled_while_it_is_posted_is_drawn_again_and_not_posted_twice(
    room: Newsroom,
) -> None:
    await room.service.subscribe(OWNER, "C1")
    export = export_of(room.connection, state=ExportState.FAILED, due_at=None)
    await room.add(export)
    await room.enqueue(notices.Notification(NoticeKind.EXPORT_FAILED, "asks", {}, export))
    over = notices.Notification(NoticeKind.INVOICE_EXPORTED, "ends", {}, export)
    room.board.meanwhile.append(room.enqueue(over))
    await room.run(seconds=4)

    kinds = [each.kind for _, each in room.board.posted]
    assert sorted(kinds) == [NoticeKind.EXPORT_FAILED, NoticeKind.INVOICE_EXPORTED]
    [(ts, failed)] = [
        each for each in room.board.redrawn if each[1].kind is NoticeKind.EXPORT_FAILED
    ]
    assert (ts, failed.facts["done"]["what"]) == ("1.0", "exported it")


async def test_news_of_one_side_leave_the_question_about_the_other_open(room: Newsroom) -> None:
    await room.service.subscribe(OWNER, "C1")
    export = export_of(room.connection, state=ExportState.EXPORTED, due_at=None)
    await room.add(export)
    for source, side in (("1", "Paymo"), ("2", "Xero"), ("3", "Xero")):
        facts = EDITED | {"side": side, "word": source}
        await room.enqueue(notices.Notification(NoticeKind.INVOICE_DRIFTED, source, facts, export))
        await room.run(seconds=2)

    redrawn = [each.facts["word"] for _, each in room.board.redrawn]
    assert redrawn == ["2"]


async def test_a_channel_that_resumes_settles_no_message_about_another(room: Newsroom) -> None:
    for each in ("C1", "C2"):
        await room.service.subscribe(OWNER, each)
        room.board.refuse(each, ChannelClosed("It is archived."))
    await room.tell("a")
    await room.run(seconds=4)
    await room.service.resume(OWNER, "C1")
    await room.run(seconds=3)

    posted = [each for _, each in room.board.posted if each.kind is NoticeKind.CHANNEL_PAUSED]
    assert sorted(each.facts["channel_id"] for each in posted) == ["C1", "C2"]
    assert [each.facts["channel_id"] for _, each in room.board.redrawn] == ["C1"]


async def test_the_end_of_a_connection_settles_all_that_it_asks_of_people(room: Newsroom) -> None:
    await room.service.subscribe(OWNER, "C1")
    export = export_of(room.connection, state=ExportState.EXPORTED, due_at=None)
    await room.add(export)
    async with room.database.sessions.begin() as session:
        session.add_all(
            Notice(
                workspace_id=room.connection.workspace_id,
                connection_id=room.connection.id,
                channel_id="C1",
                kind=kind,
                source=f"{nth}",
                export_id=export.id,
                facts={**facts, "word": nth},
                ts=f"{nth}.5",
                posted_in="C1",
                created_at=room.clock(),
            )
            for nth, (kind, facts) in enumerate([*ASKING, *TELLING])
        )
    over = notices.Notification(NoticeKind.CONNECTION_ENDED, "ended", {"by": "U1"}, also=["C1"])
    await room.enqueue(over)
    await room.run(seconds=len(ASKING) + 1)

    assert [each.facts["word"] for _, each in room.board.redrawn] == list(range(len(ASKING)))
    done = [each.facts["done"] for _, each in room.board.redrawn]
    assert {(each["by"], each["what"]) for each in done} == {("U1", "disconnected it")}


@pytest.mark.parametrize("is_of_batch", [True, False])
@pytest.mark.parametrize("is_other_reached", [True, False])
async def test_an_approval_that_somebody_cant_be_asked_for_is_judged_again(
    room: Newsroom, *, is_other_reached: bool, is_of_batch: bool
) -> None:
    """Of a batch, whose report speaks for all, only one that nobody could be asked for."""
    export = export_of(room.connection, state=ExportState.AWAITING, due_at=None)
    if is_of_batch:
        batch = batch_of(room.connection)
        await room.add(batch)
        export.batch_id = batch.id
    await room.add(export)
    asked = notices.Notification(
        NoticeKind.APPROVAL_ASKED, "ask", {"is_open": True}, export, also=["U8", "U9"]
    )
    await room.enqueue(asked)
    for each in ["U8"] if is_other_reached else ["U8", "U9"]:
        room.board.refuse(each, ChannelClosed("Nobody there."))
    await room.run(seconds=2)

    async with room.database.sessions() as session:
        state = (await session.get_one(Export, export.id)).state
    is_left = is_of_batch and is_other_reached
    assert state is (ExportState.AWAITING if is_left else ExportState.QUEUED)
    assert ((Job.EXPORT, export.id) in room.work.made) is not is_left
