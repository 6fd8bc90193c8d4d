"""Cards that are out of date: drawn again wherever they stand, whatever their channel hears.

An event marks its invoice's cards (`services/store/notices.py`); they are drawn from what is
recorded now, so several events cost one drawing.
"""

import structlog

from services.errors import ChannelClosed, NotFound, ServiceError, Throttled
from services.jobs.backoff import CARD
from services.model.notice import NoticeKind
from services.notices.kit import Round, ids_of
from services.notices.shapes import Message, Spot
from services.store import cards, connections, exports, notices, payments
from services.store.engine import Session
from services.store.tables import Card

log = structlog.get_logger(__name__)


async def run(course: Round, workspace_id: int) -> None:
    """Draw every card of a workspace that is out of date."""
    while True:
        async with course.database.sessions.begin() as session:
            card = await notices.take_card(session, workspace_id, course.now())
            if card is None:
                return
            message = await _message(session, course, workspace_id, card)
        await _redraw(course, card, message)


async def _message(session: Session, course: Round, workspace_id: int, card: Card) -> Message:
    export = await exports.get(session, card.export_id)
    connection = await connections.get(session, export.connection_id)
    rows = await payments.list_of(session, [export.id])
    return Message(
        workspace_id=workspace_id,
        channel_id=card.channel_id,
        kind=NoticeKind.INVOICE_EXPORTED,
        facts=cards.card_facts(export, connection, course.links, rows),
        metadata=ids_of(export),
    )


async def _redraw(course: Round, card: Card, message: Message) -> None:
    due_at = None
    try:
        await course.board.redraw(message, Spot(card.posted_in, card.ts))
    except (ChannelClosed, NotFound) as refusal:
        # Nobody sees this card any more; the event itself is told all the same.
        log.info("card_not_redrawn", export=card.export_id, refusal=refusal)
    except ServiceError as refusal:
        pause = CARD.pause_after(card.tries)
        if isinstance(refusal, Throttled):
            pause = max(pause, refusal.retry_after)
        if not CARD.is_over(card.tries):
            due_at = course.now() + pause
        else:
            log.warning("card_given_up", export=card.export_id, refusal=refusal)
    async with course.database.sessions.begin() as session:
        await notices.write_card(session, card, due_at=due_at)
