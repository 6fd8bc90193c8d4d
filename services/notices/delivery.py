"""Delivers the outbox: in order within a channel, at most one message a second.

A message with an unknown outcome is posted again, so a lost answer of Slack's can show one twice.
Slack has no key that would prevent it, and losing a notification would be worse.

An event marks its invoice's cards as out of date in every channel, subscribed to it or not. They
are redrawn from what is recorded now, so several events cost one update.
"""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from services.errors import ChannelClosed, Lost, NotFound, ServiceError, Throttled, Unavailable
from services.jobs import policy
from services.jobs.policy import Wait
from services.jobs.runner import Step, Turn
from services.lifecycle.export import judge_again
from services.model.invoice import Links
from services.model.jobs import Job
from services.model.notice import Layout, NoticeKind, is_for_everybody
from services.notices.service import readdress, tell_of_pause
from services.store import (
    access,
    batches,
    connections,
    exports,
    leases,
    notices,
    payments,
    settled,
    worklists,
    workspaces,
)
from services.store.engine import Database, Session
from services.store.tables import Card, Connection, Export, Notice

log = structlog.get_logger(__name__)

_PACE = timedelta(seconds=1)
_SOON = timedelta(seconds=2)
_MARGIN = timedelta(milliseconds=10)


@dataclass(frozen=True, slots=True)
class Message:
    """One notice, ready to be worded.

    `facts` is JSON: see `docs/notices.md` for the keys of each kind. `thread_ts` is the card's
    when the invoice has one in this channel, and the channel wants threads. `metadata`
    holds ids only.
    """

    workspace_id: int
    channel_id: str
    kind: NoticeKind
    facts: dict[str, Any]
    metadata: dict[str, Any]
    thread_ts: str = ""
    is_broadcast: bool = False  # shown in the channel besides the thread
    app: tuple[str, str] = ("", "")  # the workspace's and our app's id, where Slack told it


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a message is: the conversation's id (also for direct messages) and its ts."""

    channel_id: str
    ts: str


class NoticeBoard(Protocol):
    """Where notices are posted."""

    async def post(self, message: Message) -> Spot:
        """Post one notice and return its spot.

        Raises `ChannelClosed` when the channel cannot be written to, `Throttled` when asked to
        wait, `Unavailable` when it is not known whether the message arrived.
        """

    async def redraw(self, message: Message, spot: Spot) -> None:
        """Draw an invoice's card again in place."""


@dataclass(frozen=True, slots=True)
class NoticeStep(Step[Notice]):
    """Posts a workspace's notices, oldest first; its key is the workspace's id.

    `spoke_at` is when each channel was last posted in, by this process, and `unnoted` what it
    posted there while the database failed. `wake` has the workspace looked at again after a while.
    """

    job = Job.NOTICES
    table = Notice
    policy = policy.NOTICE
    is_queue = True

    database: Database
    board: NoticeBoard
    links: Links
    now: Callable[[], datetime]
    wake: Callable[[Job, int, timedelta], None] | None = None
    spoke_at: dict[str, datetime] = field(default_factory=dict)
    unnoted: dict[tuple[int, NoticeKind], Spot] = field(default_factory=dict)

    async def take(self, session: Session, key: int, now: datetime) -> Notice | None:
        """Take the oldest notice whose turn it is, while the workspace has the app."""
        workspace = await workspaces.get(session, key)
        return await notices.take_due(session, key, now) if workspace.is_installed else None

    async def run(self, turn: Turn[Notice]) -> None:
        """Post it, unless its channel was posted in just now."""
        notice = turn.row
        spoke = self.spoke_at.get(notice.channel_id)
        async with self.database.sessions.begin() as session:
            # A time that lies ahead is of a clock that was wrong.
            if spoke is not None and spoke <= self.now() < spoke + _PACE:
                await leases.let_go(session, notice, spoke + _PACE, tries=notice.tries - 1)
                self._wait(notice.workspace_id, spoke + _PACE)
                return
            card = await self._card_before(session, notice)
            message = card or await self._written(session, notice)
        about = (notice.id, message.kind)
        try:
            spot = self.unnoted.get(about) or await self._put(notice, message)
        except ChannelClosed as refusal:
            await self._pause_channel(turn, str(refusal))
            return
        self.spoke_at[notice.channel_id], self.unnoted[about] = self.now(), spot
        with contextlib.suppress(Lost):
            if card is None:
                await self._note_posted(notice, message, spot)
            else:
                await self._note_card(notice, card, spot)
        del self.unnoted[about]

    async def _note_card(self, notice: Notice, card: Message, spot: Spot) -> None:
        async with self.database.sessions.begin() as session:
            await self._put_card(session, notice, card, spot)
            await leases.let_go(session, notice, self.now() + _PACE, tries=notice.tries - 1)
        self._wait(notice.workspace_id, self.now() + _PACE)

    def _wait(self, workspace_id: int, until: datetime) -> None:
        if self.wake is not None:
            self.wake(Job.NOTICES, workspace_id, max(until - self.now(), timedelta(0)) + _MARGIN)

    async def _card_before(self, session: Session, notice: Notice) -> Message | None:
        """Return the card to post first, where only a batch's summary named the invoice so far."""
        if notice.export_id is None or notice.ts or notice.kind is NoticeKind.INVOICE_EXPORTED:
            return None
        export = await exports.get(session, notice.export_id)
        lacks = await notices.lacks_card(session, notice, export)
        return await _card(session, export, notice.channel_id, self) if lacks else None

    async def _written(self, session: Session, notice: Notice) -> Message:
        """Return the message; a card shows what has become of its invoice since it was queued."""
        if notice.kind is not NoticeKind.INVOICE_EXPORTED or notice.export_id is None:
            return await _message(session, notice)
        export = await exports.get(session, notice.export_id)
        return await _card(session, export, notice.channel_id, self)

    async def put_off(
        self, session: Session, turn: Turn[Notice], wait: Wait
    ) -> Mapping[str, object]:
        """Keep the reason; later messages in its channel wait."""
        return {"reason": wait.why}

    async def give_up(self, turn: Turn[Notice], refusal: ServiceError) -> None:
        """Keep it with the reason why it wasn't posted."""
        async with self.database.sessions.begin() as session:
            await self._refuse(session, turn, str(refusal))
        log.error("notice_given_up", notice=turn.row.id)

    async def _refuse(self, session: Session, turn: Turn[Notice], because: str) -> None:
        """Keep the reason; whoever asked for an approval or a role learns who can't be reached."""
        notice, export, batch_id = turn.row, None, None
        if notice.export_id is not None and notice.facts.get("is_open"):
            export = await exports.hold(session, notice.export_id)  # before its messages, as others
            batch_id = export.batch_id
        before = await settled.list_missed(session, batch_id) if batch_id else ()
        if not await notices.refuse(session, notice, because):
            return
        if notice.kind is NoticeKind.ACCESS_ASKED:
            await access.tell_undelivered(session, notice.facts["request_id"], self.now())
        if export is None:
            return
        may_reach = (await settled.deliveries(session, notice.source)).values()
        if not batch_id or not any(may_reach):
            await judge_again(session, Export.id == export.id, self.now())
            turn.nudge(Job.EXPORT, export.id)
        elif await settled.list_missed(session, batch_id) != before:
            # Said once, in the report, which may be drawn just now: each invoice would repeat it.
            await batches.report_again(session, batch_id, self.now() + _SOON)

    async def _put(self, notice: Notice, message: Message) -> Spot:
        """Post it; what was posted, or has its card in the channel, is drawn again."""
        if notice.ts:
            spot = Spot(notice.posted_in or notice.channel_id, notice.ts)
            with contextlib.suppress(ChannelClosed):  # nobody sees it any more
                try:
                    await self.board.redraw(message, spot)
                except NotFound:  # somebody deleted it: what it still asks is posted anew
                    if not message.facts.get("done"):
                        return await self._post(notice, message)
            return spot
        if message.kind is NoticeKind.INVOICE_EXPORTED and notice.export_id is not None:
            async with self.database.sessions() as session:
                card = await notices.find_card(session, notice.export_id, notice.channel_id)
            if card is not None:
                with contextlib.suppress(NotFound):  # somebody deleted it: it is posted anew
                    spot = Spot(card.posted_in, card.ts)
                    await self.board.redraw(message, spot)
                    return spot
        return await self._post(notice, message)

    async def _post(self, notice: Notice, message: Message) -> Spot:
        """Post it below its card, or in the channel itself where somebody deleted that."""
        if message.thread_ts and await self._is_card_there(notice.export_id, notice.channel_id):
            with contextlib.suppress(NotFound):
                return await self.board.post(message)
        return await self.board.post(replace(message, thread_ts="", is_broadcast=False))

    async def _is_card_there(self, export_id: int | None, channel_id: str) -> bool:
        """Draw the card again first: if somebody deleted it, nobody reads what is below it."""
        if export_id is None:
            return True
        async with self.database.sessions.begin() as session:
            card = await settled.take_card_of(session, (export_id, channel_id), self.now())
        with contextlib.suppress(Throttled, Unavailable):  # drawn a little later
            cards = CardStep(self.database, self.board, self.links, self.now)
            return card is None or await cards.redraw_or_forget(card)
        return True

    async def _note_posted(self, notice: Notice, message: Message, spot: Spot) -> None:
        async with self.database.sessions.begin() as session:
            if notice.kind is NoticeKind.INVOICE_EXPORTED:
                await self._put_card(session, notice, message, spot)
            posted = {"ts": spot.ts, "posted_in": spot.channel_id}
            if not await notices.close(session, notice, notice.fence, **posted):
                raise Lost

    async def _put_card(self, session: Session, notice: Notice, card: Message, spot: Spot) -> None:
        """Remember it; what happened to the invoice since it was written has it drawn again.

        With the row held, whoever changes the invoice finds the card, or we see what changed.
        """
        if notice.export_id is None:
            return
        export = await exports.hold(session, notice.export_id)
        connection = await connections.get(session, export.connection_id)
        again_at = worklists.card_changes_at(export, connection, self.now())
        as_it_is = await _card(session, export, notice.channel_id, self)
        if as_it_is.facts != card.facts:
            again_at = self.now()
        shown, posted = (export.id, notice.channel_id), (spot.channel_id, spot.ts)
        await notices.put_card(session, shown, posted, again_at)

    async def _pause_channel(self, turn: Turn[Notice], because: str) -> None:
        """Pause the channel's subscriptions, and tell who gets its notifications meanwhile."""
        notice = turn.row
        workspace_id, channel_id = notice.workspace_id, notice.channel_id
        async with self.database.sessions.begin() as session:
            paused = await notices.pause_channel(session, workspace_id, channel_id, because[:255])
            if not await readdress(session, notice, self.now()):
                await self._refuse(session, turn, because)
            for subscription in paused:
                await tell_of_pause(session, subscription, self.now())


async def _message(session: Session, notice: Notice) -> Message:
    if notice.connection_id is None:
        return Message(notice.workspace_id, notice.channel_id, notice.kind, notice.facts, {})
    connection = await connections.get(session, notice.connection_id)
    ids: dict[str, object] = {"connection_id": connection.id, "tenant_id": connection.tenant_id}
    thread, layout = "", Layout.FLAT
    if notice.export_id is not None:
        export = await exports.get(session, notice.export_id)
        if notice.kind is not NoticeKind.INVOICE_EXPORTED:
            found = await notices.find_subscription(session, connection.id, notice.channel_id)
            layout = found.layout if found is not None else Layout.BROADCAST
        if layout is not Layout.FLAT:
            card = await notices.find_card(session, export.id, notice.channel_id)
            thread = card.ts if card is not None else ""
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
        is_broadcast=layout is Layout.BROADCAST and is_for_everybody(notice.kind, notice.facts),
        app=await _app(session, connection),
    )


async def _app(session: Session, connection: Connection) -> tuple[str, str]:
    workspace = await workspaces.get(session, connection.workspace_id)
    return workspace.team_id, workspace.app_id


def _ids_of(export: Export) -> dict[str, object]:
    """Return the ids by which a program finds an invoice in either system."""
    return {
        "connection_id": export.connection_id,
        "tenant_id": export.tenant_id,
        "export_id": export.id,
        "paymo_invoice_id": export.paymo_invoice_id,
        "xero_invoice_id": export.xero_invoice_id or "",
    }


async def _card(
    session: Session, export: Export, channel_id: str, step: "NoticeStep | CardStep"
) -> Message:
    """Return an invoice's card as it is now."""
    connection = await connections.get(session, export.connection_id)
    rows = await payments.list_of(session, [export.id])
    return Message(
        workspace_id=connection.workspace_id,
        channel_id=channel_id,
        kind=NoticeKind.INVOICE_EXPORTED,
        facts=notices.card_facts(export, connection, step.links, rows, step.now()),
        metadata=_ids_of(export),
        app=await _app(session, connection),
    )


@dataclass(frozen=True, slots=True)
class CardStep(Step[Card]):
    """Draws a workspace's cards again that are out of date; its key is the workspace's."""

    job = Job.NOTICES
    table = Card
    policy = policy.CARD
    is_queue = True

    database: Database
    board: NoticeBoard
    links: Links
    now: Callable[[], datetime]

    async def take(self, session: Session, key: int, now: datetime) -> Card | None:
        """Take the card that is out of date for longest."""
        return await settled.take_card(session, key, now)

    async def run(self, turn: Turn[Card]) -> None:
        """Redraw it; events post messages of their own, so one that is gone is forgotten."""
        await self.redraw_or_forget(turn.row)

    async def redraw_or_forget(self, card: Card) -> bool:
        """Draw a card that was taken, and say whether its message is still there."""
        async with self.database.sessions() as session:
            export = await exports.get(session, card.export_id)
            message = await _card(session, export, card.channel_id, self)
        try:
            await self.board.redraw(message, Spot(card.posted_in, card.ts))
        except NotFound:
            log.info("card_gone", export=card.export_id)
            async with self.database.sessions.begin() as session:
                await settled.forget_card(session, card)
            return False
        except ChannelClosed as refusal:
            log.info("card_not_redrawn", export=card.export_id, refusal=refusal)
        await self._close(card)
        return True

    async def give_up(self, turn: Turn[Card], refusal: ServiceError) -> None:
        """Leave it as it is; the next event redraws it."""
        log.warning("card_given_up", export=turn.row.export_id, refusal=refusal)
        await self._close(turn.row)

    async def _close(self, card: Card) -> None:
        async with self.database.sessions.begin() as session:
            export = await exports.get(session, card.export_id)
            connection = await connections.get(session, export.connection_id)
            again_at = worklists.card_changes_at(export, connection, self.now())
            await settled.close_card(session, card, again_at)
