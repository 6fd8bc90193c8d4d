"""Subscriptions, and the outbox: each channel gets each message once, in order.

The facts that every notice has, and those of an invoice's card, are collected here, too.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, or_, select, true, update

from services.model.connection import ConnectionState
from services.model.export import ExportState
from services.model.invoice import GONE_FROM_PAYMO, InvoiceState, Links, PaymentState
from services.model.notice import TOPIC_OF, NoticeKind, Topic
from services.store import connections, drafts, leases, people, settled, worklists
from services.store.engine import Session, insert_into, put_all
from services.store.leases import fenced
from services.store.payments import Amounts
from services.store.tables import Card, Connection, Export, Notice, Payment, Subscription

_ENDED = {
    InvoiceState.DELETED: "deleted",
    InvoiceState.VOIDED: "voided",
    InvoiceState.UNDONE: "undone",
}
_OVER_IN_XERO = {"DELETED": "deleted", "VOIDED": "voided"}
_TRIAL = timedelta(minutes=1)  # longer than Slack takes for a message
_DRAFTS = frozenset({"DRAFT", "SUBMITTED"})  # not approved in Xero yet
_HOWEVER_SMALL = frozenset({Topic.DELETIONS, Topic.FAILURES})  # no minimum keeps these back
# A payment counts as soon as it is known and until it is known to be gone.
COUNTED = (PaymentState.RECORDED, PaymentState.CHECKING)


@dataclass(frozen=True, slots=True)
class Notification:
    """Something that happened, to be told once under its `source`."""

    kind: NoticeKind
    source: str
    facts: dict[str, Any]
    export: Export | None = None
    amount: Decimal | None = None
    also: Collection[str] = ()  # who is told besides: people, or the channel of a digest
    in_batch: bool = False  # the batch's summary stands for it, but not in filtered channels


async def enqueue(
    session: Session, connection: Connection, notification: Notification, now: datetime
) -> int:
    """Queue it for every channel that wants it; return how many rows are new.

    While a channel is paused, `people.heir_of` gets it instead.
    """
    return await enqueue_all(session, connection, [notification], now)


async def enqueue_all(
    session: Session, connection: Connection, notifications: Sequence[Notification], now: datetime
) -> int:
    """Queue several of one kind, as `enqueue` queues one; needs at least one."""
    kind, heard = notifications[0].kind, await list_subscriptions(session, connection.id)
    rows = [
        {
            "workspace_id": connection.workspace_id,
            "connection_id": connection.id,
            "channel_id": channel_id,
            "kind": kind,
            "source": told.source,
            "export_id": told.export.id if told.export else None,
            "facts": told.facts,
            "due_at": now,
            "created_at": now,
        }
        for told in notifications
        for channel_id in sorted(_addresses(told, connection, heard))
    ]
    insert = insert_into(session, Notice).on_conflict_do_nothing().returning(Notice.id)
    owed: Sequence[int] = ()
    if rows:
        owed = (await (await session.connection()).scalars(insert, rows)).all()
    about = [each.export for each in notifications if each.export is not None]
    sources = tuple(each.source for each in notifications)
    for news in {settled.News.of(kind, each.facts, sources) for each in notifications}:
        await settled.follow(session, connection, news, about, now)
    also = {each for told in notifications for each in told.also}
    await people.outdate(session, connection, now, also)
    if about:
        await drafts.outdate(session, about, now)
    if about and kind is not NoticeKind.INVOICE_EXPORTED:
        await settled.outdate_cards(session, [each.id for each in about], now)
    return len(owed)


def _addresses(told: Notification, its: Connection, heard: Sequence[Subscription]) -> set[str]:
    hearing = (each for each in heard if hears(each, told))
    return {*told.also, *(people.heir_of(each, its) for each in hearing)}


def hears(subscription: Subscription, notification: Notification) -> bool:
    """Say whether a channel's topics and filters let this notification through."""
    topic = TOPIC_OF.get(notification.kind)  # what has none is for people
    is_own = notification.kind is NoticeKind.DIGEST  # it names the one channel that it is for
    if topic is None or is_own or topic.value not in subscription.topics:
        return False
    is_filtered = subscription.client_id is not None or subscription.minimum is not None
    is_summary = notification.kind is NoticeKind.BATCH_EXPORTED
    if (notification.in_batch and not is_filtered) or (is_summary and is_filtered):
        return False
    client_id = notification.export.client_id if notification.export else None
    if subscription.client_id is not None and client_id not in {None, subscription.client_id}:
        return False
    if topic in _HOWEVER_SMALL or notification.amount is None:
        return True
    return notification.amount >= (subscription.minimum or 0)


async def take_due(session: Session, workspace_id: int, now: datetime) -> Notice | None:
    """Take the oldest notice that is due; within a channel, never out of order."""
    heads = Notice.id.in_(_first_of_each_channel(workspace_id)) & leases.is_free(Notice, now)
    oldest = select(Notice.id).where(heads).order_by(Notice.id).limit(1).scalar_subquery()
    return await leases.take_where(session, Notice, Notice.id == oldest, now)


def _first_of_each_channel(workspace_id: int) -> Select[int]:
    """Step through the index from one channel to the next, however much waits in each."""
    waiting = (Notice.workspace_id == workspace_id) & Notice.due_at.is_not(None)
    start = select(func.min(Notice.channel_id).label("id")).where(waiting)
    walk = start.cte("channels", recursive=True)
    further = select(func.min(Notice.channel_id)).where(waiting, Notice.channel_id > walk.c.id)
    walk = walk.union_all(select(further.scalar_subquery()).where(walk.c.id.is_not(None)))
    first = select(func.min(Notice.id)).where(waiting, Notice.channel_id == walk.c.id)
    return select(first.scalar_subquery()).select_from(walk)


async def close(
    session: Session, notice: Notice, fence: int, *, ts: str, posted_in: str = ""
) -> bool:
    """Record that it was posted, unless somebody else took it since.

    If what it asks for was settled meanwhile, it is drawn again.
    """
    posted = {"ts": ts, "posted_in": posted_in or notice.channel_id, "reason": ""}
    again_at = leases.unless_hinted(Notice, None)
    return await fenced(session, notice, fence, due_at=again_at, **posted)


async def refuse(session: Session, notice: Notice, reason: str) -> bool:
    """Give up posting it; keep the reason."""
    return await fenced(session, notice, notice.fence, due_at=None, reason=reason)


async def readdress(session: Session, notice: Notice, channel_id: str, now: datetime) -> bool:
    """Send it to somebody else instead, unless they have it already."""
    told = await session.scalar(
        select(Notice.id).where(Notice.source == notice.source, Notice.channel_id == channel_id)
    )
    if told is not None:
        return False
    return await fenced(session, notice, notice.fence, channel_id=channel_id, due_at=now, tries=0)


async def find_card(session: Session, export_id: int, channel_id: str) -> Card | None:
    """Return the card of an invoice in a channel, if it was posted there."""
    return await session.get(Card, (export_id, channel_id), populate_existing=True)


async def lacks_card(session: Session, notice: Notice, export: Export) -> bool:
    """Say whether a channel that hears of exports gets a batch invoice's card now, its first."""
    if export.batch_id is None or export.xero_invoice_id is None:
        return False
    found = await find_subscription(session, export.connection_id, notice.channel_id)
    if found is None or Topic.EXPORTS.value not in found.topics:
        return False
    told = select(Notice.id).filter_by(connection_id=export.connection_id, export_id=export.id)
    here = told.where(Notice.channel_id == found.channel_id, Notice.ts != "").limit(1)
    return not (await find_card(session, export.id, found.channel_id) or await session.scalar(here))


async def put_card(
    session: Session, key: tuple[int, str], spot: tuple[str, str], again_at: datetime | None = None
) -> None:
    """Remember the message that shows an invoice in a channel, or to a person.

    `spot` is the conversation's own id and the message's; it is drawn again at `again_at`.
    """
    (export_id, channel_id), (posted_in, ts) = key, spot
    row = {"export_id": export_id, "channel_id": channel_id, "posted_in": posted_in, "ts": ts}
    await put_all(session, Card, [row])
    own = (Card.export_id == export_id, Card.channel_id == channel_id, Card.due_at.is_(None))
    drawn_again = update(Card).where(*own).values(due_at=again_at)
    await session.write(drawn_again)


async def find_subscription(
    session: Session, connection_id: int, channel_id: str
) -> Subscription | None:
    """Return a channel's subscription to a connection, if there is one."""
    return await session.scalar(
        select(Subscription)
        .where(*_key(connection_id, channel_id))
        .execution_options(populate_existing=True)
    )


def _key(connection_id: int, channel_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (Subscription.connection_id == connection_id, Subscription.channel_id == channel_id)


async def list_subscriptions(session: Session, connection_id: int) -> Sequence[Subscription]:
    """Return a connection's subscriptions, oldest first, with the paused ones."""
    own = select(Subscription).where(Subscription.connection_id == connection_id)
    # `subscribe` writes past the session.
    fresh = own.order_by(Subscription.id).execution_options(populate_existing=True)
    return await session.every(fresh)


async def subscribe(session: Session, subscription: Subscription) -> None:
    """Subscribe the channel, or change its subscription; a paused one resumes."""
    keys = ["connection_id", "channel_id"]
    names = [each.name for each in Subscription.__table__.columns if each.name != "id"]
    resumed: dict[str, Any] = {"paused_because": "", "tried_at": None}
    wanted = {name: getattr(subscription, name) for name in names} | resumed
    row = {name: value for name, value in wanted.items() if value is not None}
    insert = insert_into(session, Subscription).values(**row)
    changed = {name: insert.excluded[name] for name in names if name not in keys}
    await session.execute(insert.on_conflict_do_update(index_elements=keys, set_=changed))


async def mark_tried(session: Session, wanted: Subscription, at: datetime | None) -> bool:
    """Note that somebody tries a paused channel, unless somebody else does; None: no more."""
    last = Subscription.tried_at
    is_free = true() if at is None else or_(last.is_(None), last <= at - _TRIAL)
    return await session.write(
        update(Subscription)
        .where(*_key(wanted.connection_id, wanted.channel_id), is_free)
        .values(tried_at=at)
    )


async def unsubscribe(session: Session, connection_id: int, channel_id: str) -> bool:
    """Unsubscribe the channel; say whether it was subscribed."""
    return await session.write(delete(Subscription).where(*_key(connection_id, channel_id)))


async def list_channels(session: Session, connection_id: int) -> tuple[str, ...]:
    """Return the channels subscribed to a connection, oldest first, without paused ones."""
    found = await session.scalars(
        select(Subscription.channel_id)
        .where(Subscription.connection_id == connection_id, Subscription.paused_because == "")
        .order_by(Subscription.id)
    )
    return tuple(found)


async def pause_channel(
    session: Session, workspace_id: int, channel_id: str, because: str
) -> Sequence[Subscription]:
    """Pause a channel's subscriptions; return those that weren't paused before.

    The workspace matters: a channel shared by two companies has one id in both.
    """
    here = select(Connection.id).where(Connection.workspace_id == workspace_id)
    paused = await session.scalars(
        update(Subscription)
        .where(
            Subscription.channel_id == channel_id,
            Subscription.connection_id.in_(here),
            Subscription.paused_because == "",
        )
        .values(paused_because=because)
        .returning(Subscription)
        .execution_options(populate_existing=True, synchronize_session=False)
    )
    return paused.all()


def amount_text(amount: Decimal | None) -> str:
    """Write an amount for JSON, every digit kept."""
    return "" if amount is None else format(amount, "f")


def common_facts(export: Export, connection: Connection, links: Links) -> dict[str, Any]:
    """Return the facts that every notification of an invoice has."""
    return {
        **connections.common_facts(connection),
        "export_id": export.id,
        "number": export.number,
        "client": export.client_name,
        "total": amount_text(export.total),
        "currency": export.currency,
        "country": connection.country,
        **_urls(export, connection, links),
    }


def _urls(export: Export, connection: Connection, links: Links) -> dict[str, str]:
    """Return the links to the invoice; "" on a side where it was deleted."""
    is_in_xero = export.xero_seen_status != "DELETED"
    is_in_paymo = export.invoice_state not in GONE_FROM_PAYMO
    return {
        "xero_url": links.xero(connection.short_code, export.xero_invoice_id) if is_in_xero else "",
        "paymo_url": links.paymo(export.paymo_invoice_id) if is_in_paymo else "",
    }


def order_of(export: Export) -> dict[str, Any]:
    """Return who turned automatic export on; "" where a person exported."""
    return {} if export.requested_by else {"on_order_of": export.ordered_by}


def paid_of(rows: Sequence[Payment | Amounts]) -> Decimal:
    """Sum up what Paymo has of these payments."""
    return sum(
        (row.recorded_amount or row.amount for row in rows if row.state in COUNTED), Decimal(0)
    )


def card_facts(
    export: Export, connection: Connection, links: Links, rows: Sequence[Payment], now: datetime
) -> dict[str, Any]:
    """Return the facts that an invoice's card shows now."""
    paid, due_on = paid_of(rows), export.due_on
    is_new = export.is_linked and all(row.state is PaymentState.ADDING for row in rows)
    if is_new and export.xero_total is not None:  # no sync has brought its payments yet
        paid = export.xero_total - worklists.left_of(export)
    left = (export.total or Decimal(0)) - paid
    return common_facts(export, connection, links) | {
        "xero_number": export.xero_number,
        "xero_status": export.xero_status,
        "by": export.requested_by,
        **order_of(export),
        "approved_by": export.approved_by,
        "approved_at": export.approved_at.isoformat() if export.approved_at else "",
        "number_left_out": export.xero_number != export.number,
        "state": _state(export, paid, left),
        "xero_total": amount_text(export.xero_total),
        "paid": amount_text(paid),
        "left": amount_text(left),
        "is_linked": export.is_linked,
        "edited_in": _edited_in(export),
        "is_over": connection.state is ConnectionState.ENDED,
        "exported_at": export.exported_at.isoformat() if export.exported_at else "",
        "due_on": due_on.isoformat() if due_on else "",
        "overdue_by": worklists.days_late(export, connection, now),
    }


def _edited_in(export: Export) -> list[str]:
    """Return the sides on which a live invoice was edited, and differs, since its export."""
    if export.invoice_state is not InvoiceState.LIVE:
        return []
    return [each.partition(":")[0] for each in export.drift.split()]


def _state(export: Export, paid: Decimal, left: Decimal) -> str:
    if export.invoice_state in _ENDED:
        return _ENDED[export.invoice_state]
    if export.xero_seen_status in _OVER_IN_XERO:  # whether Paymo follows, or not yet, or never
        return _OVER_IN_XERO[export.xero_seen_status]
    if export.state is ExportState.DIFFERENT:
        return "different"
    if export.xero_seen_status in _DRAFTS and not paid:
        return "draft"  # also where there is nothing to pay
    if left <= 0:
        return "paid"
    return "part_paid" if paid else "open"
