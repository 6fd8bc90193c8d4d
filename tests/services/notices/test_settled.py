"""Acts that are over disappear, wherever the decision was made."""

from decimal import Decimal

import pytest

from services.model.export import ExportState
from services.model.invoice import PaymentKind, PaymentState
from services.model.notice import NoticeKind
from services.store import notices
from services.store.settled import PAYMENTS, Settled, asked_source, settle
from services.store.tables import Payment
from tests.databases import SQLITE_ALONE
from tests.services.notices.conftest import OWNER, Newsroom
from tests.services.store_seeds import export_of

pytestmark = SQLITE_ALONE


@pytest.mark.parametrize(
    ("asks", "ends", "what"),
    [
        (NoticeKind.EXPORT_FAILED, NoticeKind.INVOICE_EXPORTED, "exported it"),
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
    await room.enqueue(notices.Notification(asks, source, {}, own, also=also))
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
