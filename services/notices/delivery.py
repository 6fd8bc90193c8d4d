"""Working off the outbox: in order within a channel, at most one message a second there.

A message whose fate is not known is posted again, so a lost answer of Slack's can show one twice;
Slack has no key that would prevent it, and a lost notice would be worse.

An event marks its invoice's cards (`services/store/notices.py`); they are drawn again from what is
recorded now, wherever they stand and whatever their channel hears, so several events cost one
drawing.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from services.errors import ChannelClosed, NotFound, ServiceError, Throttled
from services.jobs.backoff import CARD, NOTICE
from services.model.links import Links
from services.model.notice import NoticeKind
from services.store import (
    cards,
    connections,
    exports,
    notices,
    payments,
    subscriptions,
    workspaces,
)
from services.store.engine import Database, Session
from services.store.tables import Card, Export, Notice

log = structlog.get_logger(__name__)

_PACE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Message:
    """One notice, ready to be worded.

    `facts` is JSON: see `docs/notices.md` for the keys of each kind. `thread_ts` is the card's
    when the invoice has one in this channel. `metadata` holds ids only.
    """

    workspace_id: int
    channel_id: str
    kind: NoticeKind
    facts: dict[str, Any]
    metadata: dict[str, Any]
    thread_ts: str = ""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a message stands: the id of the conversation, also where a person was written to."""

    channel_id: str
    ts: str


class NoticeBoard(Protocol):
    """Where notices are posted."""

    async def post(self, message: Message) -> Spot:
        """Post one notice and return where it stands.

        Raises `ChannelClosed` when the channel cannot be written to, `Throttled` when asked to
        wait, `Unavailable` when it is not known whether the message arrived.
        """

    async def redraw(self, message: Message, spot: Spot) -> None:
        """Draw an invoice's card again in place."""

    async def tell_paused(
        self, workspace_id: int, user_id: str, *, channel_id: str, because: str
    ) -> None:
        """Tell who subscribed a channel that it is paused, and how to go on; never raises."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Posts what channels are owed."""

    database: Database
    board: NoticeBoard
    links: Links
    now: Callable[[], datetime]
    spoke_at: dict[str, datetime] = field(default_factory=dict)  # by channel, in this process

    async def run(self, workspace_id: int) -> None:
        """Post all that is due, oldest first, then mend cards; the clock has what must wait."""
        await self._post_all(workspace_id)
        await self._redraw_all(workspace_id)

    async def _post_all(self, workspace_id: int) -> None:
        while True:
            async with self.database.sessions.begin() as session:
                workspace = await workspaces.get(session, workspace_id)
                if not workspace.is_installed:
                    return
                notice = await notices.take_due(session, workspace_id, self.now())
                if notice is None:
                    return
                message = await self._message(session, notice)
            spoke = self.spoke_at.get(notice.channel_id)
            if spoke is not None and self.now() - spoke < _PACE:
                await self._put_off(notice, spoke + _PACE, "")
                continue
            await self._deliver(notice, message)

    async def _message(self, session: Session, notice: Notice) -> Message:
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

    async def _deliver(self, notice: Notice, message: Message) -> None:
        try:
            spot = await self._put(notice, message)
        except ChannelClosed as refusal:
            await self._closed(notice, str(refusal))
        except Throttled as refusal:
            pause = max(refusal.retry_after, _PACE)
            await self._put_off(notice, self.now() + pause, str(refusal))
        except ServiceError as refusal:
            await self._try_again(notice, str(refusal))
        else:
            self.spoke_at[notice.channel_id] = self.now()
            await self._note_posted(notice, spot)

    async def _put(self, notice: Notice, message: Message) -> Spot:
        """Post it; what was posted, or has its card in the channel, is drawn again."""
        if notice.ts:
            spot = Spot(notice.channel_id, notice.ts)
            with contextlib.suppress(NotFound, ChannelClosed):  # nobody sees it any more
                await self.board.redraw(message, spot)
            return spot
        if message.kind is NoticeKind.INVOICE_EXPORTED and notice.export_id is not None:
            async with self.database.sessions() as session:
                card = await notices.find_card(session, notice.export_id, notice.channel_id)
            if card is not None:
                with contextlib.suppress(
                    NotFound
                ):  # somebody deleted the message: it is posted anew
                    spot = Spot(card.posted_in, card.ts)
                    await self.board.redraw(message, spot)
                    return spot
        return await self.board.post(message)

    async def _note_posted(self, notice: Notice, spot: Spot) -> None:
        async with self.database.sessions.begin() as session:
            is_ours = await notices.close(session, notice, notice.fence, ts=spot.ts)
            if (
                is_ours
                and notice.kind is NoticeKind.INVOICE_EXPORTED
                and notice.export_id is not None
            ):
                await notices.put_card(
                    session, (notice.export_id, notice.channel_id), spot.channel_id, spot.ts
                )

    async def _closed(self, notice: Notice, because: str) -> None:
        """Pause the channel's subscription, and tell who made it, at once: nothing is lost."""
        async with self.database.sessions.begin() as session:
            paused = await subscriptions.pause(
                session, notice.workspace_id, notice.channel_id, because[:255]
            )
            channel_id = notice.channel_id
            heir = await subscriptions.find(session, notice.connection_id, channel_id)
            moved = heir is not None and await notices.readdress(
                session, notice, heir.set_by, self.now()
            )
            if not moved:
                await notices.refuse(session, notice, because)
        for each in paused:
            await self.board.tell_paused(
                notice.workspace_id, each.set_by, channel_id=channel_id, because=because
            )

    async def _try_again(self, notice: Notice, problem: str) -> None:
        if NOTICE.is_over(notice.tries):
            async with self.database.sessions.begin() as session:
                await notices.refuse(session, notice, problem)
            log.error("notice_given_up", notice=notice.id)
            return
        await self._put_off(notice, self.now() + NOTICE.pause_after(notice.tries), problem)

    async def _put_off(self, notice: Notice, until: datetime, problem: str) -> None:
        async with self.database.sessions.begin() as session:
            await notices.put_off(session, notice, until, problem)

    async def _redraw_all(self, workspace_id: int) -> None:
        """Draw every card of a workspace that is out of date."""
        while True:
            async with self.database.sessions.begin() as session:
                card = await notices.take_card(session, workspace_id, self.now())
                if card is None:
                    return
                message = await self._card_of(session, workspace_id, card)
            await self._redraw(card, message)

    async def _card_of(self, session: Session, workspace_id: int, card: Card) -> Message:
        export = await exports.get(session, card.export_id)
        connection = await connections.get(session, export.connection_id)
        rows = await payments.list_of(session, [export.id])
        return Message(
            workspace_id=workspace_id,
            channel_id=card.channel_id,
            kind=NoticeKind.INVOICE_EXPORTED,
            facts=cards.card_facts(export, connection, self.links, rows),
            metadata=_ids_of(export),
        )

    async def _redraw(self, card: Card, message: Message) -> None:
        due_at = None
        try:
            await self.board.redraw(message, Spot(card.posted_in, card.ts))
        except (ChannelClosed, NotFound) as refusal:
            # Nobody sees this card any more; the event itself is told all the same.
            log.info("card_not_redrawn", export=card.export_id, refusal=refusal)
        except ServiceError as refusal:
            pause = CARD.pause_after(card.tries)
            if isinstance(refusal, Throttled):
                pause = max(pause, refusal.retry_after)
            if not CARD.is_over(card.tries):
                due_at = self.now() + pause
            else:
                log.warning("card_given_up", export=card.export_id, refusal=refusal)
        async with self.database.sessions.begin() as session:
            await notices.write_card(session, card, due_at=due_at)


def _ids_of(export: Export) -> dict[str, object]:
    """Return what a program needs to find an invoice in either system; ids only."""
    return {
        "connection_id": export.connection_id,
        "tenant_id": export.tenant_id,
        "export_id": export.id,
        "paymo_invoice_id": export.paymo_invoice_id,
        "xero_invoice_id": export.xero_invoice_id or "",
    }
