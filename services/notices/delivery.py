"""Working off the outbox: in order within a channel, at most one message a second there.

A message whose fate is not known is posted again, so a lost answer of Slack's can show one twice;
Slack has no key that would prevent it, and a lost notice would be worse.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from services.errors import ChannelClosed, NotFound, ServiceError, Throttled
from services.links import Links
from services.model import NoticeKind
from services.notices.shapes import Message, NoticeBoard
from services.store import cards, connections, exports, notices, payments, subscriptions, workspaces
from services.store.engine import Database, Session
from services.store.tables import Export, Notice

log = structlog.get_logger(__name__)

_PACE = timedelta(seconds=1)
_BACK_OFF = (2, 5, 15, 60, 300)  # seconds
_MOST_TRIES = 30


@dataclass(frozen=True, slots=True)
class Round:
    """One go at a workspace's outbox; `spoke_at` is when each channel was last posted in."""

    database: Database
    board: NoticeBoard
    links: Links
    now: Callable[[], datetime]
    spoke_at: dict[str, datetime]


async def run(course: Round, workspace_id: int) -> None:
    """Post everything that is due, oldest first; what must wait a second is left to the clock."""
    while True:
        async with course.database.sessions.begin() as session:
            workspace = await workspaces.get(session, workspace_id)
            if not workspace.is_installed:
                return
            notice = await notices.take_due(session, workspace_id, course.now())
            if notice is None:
                return
            message = await _message(session, notice)
        spoke = course.spoke_at.get(notice.channel_id)
        if spoke is not None and course.now() - spoke < _PACE:
            await _put_off(course, notice, spoke + _PACE, "")
            continue
        await _deliver(course, notice, message)


async def _message(session: Session, notice: Notice) -> Message:
    connection = await connections.get(session, notice.connection_id)
    ids: dict[str, object] = {
        "connection_id": connection.id,
        "tenant_id": connection.tenant_id,
    }
    thread = ""
    if notice.export_id is not None:
        export = await exports.get(session, notice.export_id)
        card = await notices.find_card(session, export.id, notice.channel_id)
        is_card = notice.kind is NoticeKind.INVOICE_EXPORTED
        thread = card.ts if card is not None and not is_card else ""
        ids |= _ids_of(export)
    if "payment_id" in notice.facts:
        payment = await payments.get(session, notice.facts["payment_id"])
        ids |= {"payment_id": payment.id, "xero_payment_id": payment.xero_payment_id}
    return Message(
        workspace_id=notice.workspace_id,
        channel_id=notice.channel_id,
        kind=notice.kind,
        facts=notice.facts,
        metadata=ids,
        thread_ts=thread,
    )


def _ids_of(export: Export) -> dict[str, object]:
    return {
        "connection_id": export.connection_id,
        "tenant_id": export.tenant_id,
        "export_id": export.id,
        "paymo_invoice_id": export.paymo_invoice_id,
        "xero_invoice_id": export.xero_invoice_id or "",
    }


async def _deliver(course: Round, notice: Notice, message: Message) -> None:
    try:
        ts = await _put(course, notice, message)
    except ChannelClosed as refusal:
        await _closed(course, notice, str(refusal))
    except Throttled as refusal:
        pause = max(refusal.retry_after, _PACE)
        await _put_off(course, notice, course.now() + pause, str(refusal))
    except ServiceError as refusal:
        await _try_again(course, notice, str(refusal))
    else:
        course.spoke_at[notice.channel_id] = course.now()
        await _note_posted(course, notice, ts)
        if notice.export_id is not None and notice.kind is not NoticeKind.INVOICE_EXPORTED:
            await _redraw_card(course, notice)


async def _put(course: Round, notice: Notice, message: Message) -> str:
    """Post it; an invoice whose card stands in the channel already has it drawn again."""
    if message.kind is NoticeKind.INVOICE_EXPORTED and notice.export_id is not None:
        async with course.database.sessions() as session:
            card = await notices.find_card(session, notice.export_id, notice.channel_id)
        if card is not None:
            with contextlib.suppress(NotFound):  # somebody deleted the message: it is posted anew
                await course.board.redraw(message, card.ts)
                return card.ts
    return await course.board.post(message)


async def _note_posted(course: Round, notice: Notice, ts: str) -> None:
    async with course.database.sessions.begin() as session:
        is_ours = await notices.close(session, notice, notice.fence, ts=ts)
        if is_ours and notice.kind is NoticeKind.INVOICE_EXPORTED and notice.export_id is not None:
            await notices.put_card(session, notice.export_id, notice.channel_id, ts)


async def _redraw_card(course: Round, notice: Notice) -> None:
    """Bring the invoice's card up to date; the event itself is told already."""
    async with course.database.sessions() as session:
        export = await exports.get(session, notice.export_id or 0)
        card = await notices.find_card(session, export.id, notice.channel_id)
        if card is None:
            return
        connection = await connections.get(session, notice.connection_id)
        rows = await payments.list_of(session, [export.id])
        message = Message(
            workspace_id=notice.workspace_id,
            channel_id=notice.channel_id,
            kind=NoticeKind.INVOICE_EXPORTED,
            facts=cards.card_facts(export, connection, course.links, rows),
            metadata=_ids_of(export),
        )
    try:
        await course.board.redraw(message, card.ts)
    except ServiceError as refusal:
        log.info("card_not_redrawn", export=export.id, reason=str(refusal))


async def _closed(course: Round, notice: Notice, because: str) -> None:
    """Pause the channel's subscription, and tell who made it, there and then: nothing is lost."""
    async with course.database.sessions.begin() as session:
        paused = await subscriptions.pause(
            session, notice.workspace_id, notice.channel_id, because[:255]
        )
        channel_id = notice.channel_id
        heir = await subscriptions.find(session, notice.connection_id, channel_id)
        moved = heir is not None and await notices.readdress(
            session, notice, heir.set_by, course.now()
        )
        if not moved:
            await notices.refuse(session, notice, because)
    for each in paused:
        await course.board.tell_paused(
            notice.workspace_id, each.set_by, channel_id=channel_id, because=because
        )


async def _try_again(course: Round, notice: Notice, problem: str) -> None:
    if notice.tries >= _MOST_TRIES:
        async with course.database.sessions.begin() as session:
            await notices.refuse(session, notice, problem)
        log.error("notice_given_up", notice=notice.id, reason=problem)
        return
    pause = _BACK_OFF[min(notice.tries, len(_BACK_OFF)) - 1]
    await _put_off(course, notice, course.now() + timedelta(seconds=pause), problem)


async def _put_off(course: Round, notice: Notice, until: datetime, problem: str) -> None:
    async with course.database.sessions.begin() as session:
        await notices.put_off(session, notice, until, problem)
