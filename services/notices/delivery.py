"""Working off the outbox: in order within a channel, at most one message a second there.

A message whose fate is not known is posted again, so a lost answer of Slack's can show one twice;
Slack has no key that would prevent it, and a lost notice would be worse.
"""

import contextlib
from datetime import datetime, timedelta

import structlog

from services.errors import ChannelClosed, NotFound, ServiceError, Throttled
from services.jobs.backoff import NOTICE
from services.model.notice import NoticeKind
from services.notices import redrawing
from services.notices.kit import Round, ids_of
from services.notices.shapes import Message, Spot
from services.store import connections, exports, notices, payments, subscriptions, workspaces
from services.store.engine import Session
from services.store.tables import Notice

log = structlog.get_logger(__name__)

_PACE = timedelta(seconds=1)


async def run(course: Round, workspace_id: int) -> None:
    """Post all that is due, oldest first, then mend cards; what must wait is left to the clock."""
    await _post_all(course, workspace_id)
    await redrawing.run(course, workspace_id)


async def _post_all(course: Round, workspace_id: int) -> None:
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
        ids |= ids_of(export)
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


async def _deliver(course: Round, notice: Notice, message: Message) -> None:
    try:
        spot = await _put(course, notice, message)
    except ChannelClosed as refusal:
        await _closed(course, notice, str(refusal))
    except Throttled as refusal:
        pause = max(refusal.retry_after, _PACE)
        await _put_off(course, notice, course.now() + pause, str(refusal))
    except ServiceError as refusal:
        await _try_again(course, notice, str(refusal))
    else:
        course.spoke_at[notice.channel_id] = course.now()
        await _note_posted(course, notice, spot)


async def _put(course: Round, notice: Notice, message: Message) -> Spot:
    """Post it; what was posted, or has its card in the channel, is drawn again."""
    if notice.ts:
        spot = Spot(notice.channel_id, notice.ts)
        with contextlib.suppress(NotFound, ChannelClosed):  # nobody sees it any more
            await course.board.redraw(message, spot)
        return spot
    if message.kind is NoticeKind.INVOICE_EXPORTED and notice.export_id is not None:
        async with course.database.sessions() as session:
            card = await notices.find_card(session, notice.export_id, notice.channel_id)
        if card is not None:
            with contextlib.suppress(NotFound):  # somebody deleted the message: it is posted anew
                spot = Spot(card.posted_in, card.ts)
                await course.board.redraw(message, spot)
                return spot
    return await course.board.post(message)


async def _note_posted(course: Round, notice: Notice, spot: Spot) -> None:
    async with course.database.sessions.begin() as session:
        is_ours = await notices.close(session, notice, notice.fence, ts=spot.ts)
        if is_ours and notice.kind is NoticeKind.INVOICE_EXPORTED and notice.export_id is not None:
            await notices.put_card(
                session, (notice.export_id, notice.channel_id), spot.channel_id, spot.ts
            )


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
    if NOTICE.is_over(notice.tries):
        async with course.database.sessions.begin() as session:
            await notices.refuse(session, notice, problem)
        log.error("notice_given_up", notice=notice.id)
        return
    await _put_off(course, notice, course.now() + NOTICE.pause_after(notice.tries), problem)


async def _put_off(course: Round, notice: Notice, until: datetime, problem: str) -> None:
    async with course.database.sessions.begin() as session:
        await notices.put_off(session, notice, until, problem)
