"""Messages that are out of date and have to be redrawn.

Cards are drawn as their invoices are now. What asks for something loses its buttons once that is
over, and says who did it and when.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import ColumnElement, Select, delete, or_, select, update
from sqlalchemy.orm import aliased

from services.model.export import ExportState
from services.model.invoice import InvoiceState
from services.model.notice import NoticeKind
from services.store import leases, people
from services.store.engine import Session
from services.store.leases import fenced
from services.store.tables import Card, Connection, Export, Notice, Workspace

DELETIONS = (NoticeKind.INVOICE_DELETED, NoticeKind.INVOICE_VOIDED)
PAYMENTS = (NoticeKind.PAYMENT_RECEIVED, NoticeKind.PAYMENT_REMOVED)
APPROVALS = (NoticeKind.APPROVAL_ASKED,)
EXPORTS = (NoticeKind.EXPORT_FAILED, NoticeKind.EXPORT_ASKED, *APPROVALS)
# What a connection asks of people, whatever it is about.
_OF_CONNECTION = (
    NoticeKind.CONNECTION_BROKEN,
    NoticeKind.SYNC_PAUSED,
    NoticeKind.ACCESS_ASKED,
    NoticeKind.AUTO_EXPORT_PAUSED,
    NoticeKind.HEALTH,
    NoticeKind.CHANNEL_PAUSED,
    NoticeKind.DIGEST,
)
# Which news end which earlier ones of the same invoice, or of the same connection, and how.
_DRIFTED = (NoticeKind.INVOICE_DRIFTED,)
_OF_INVOICE = (*_DRIFTED, *PAYMENTS)
_ENDS = {
    NoticeKind.INVOICE_EXPORTED: (EXPORTS, "exported it"),
    NoticeKind.EXPORT_FAILED: ((NoticeKind.EXPORT_FAILED,), "tried it again"),
    NoticeKind.INVOICE_RESTORED: (DELETIONS, "restored it"),
    NoticeKind.INVOICE_DRIFTED: (_DRIFTED, "compared it again"),
    NoticeKind.INVOICE_UNDONE: (_OF_INVOICE, "undid the invoice's export"),
    NoticeKind.INVOICE_DELETED: (_OF_INVOICE, "found the invoice deleted"),
    NoticeKind.INVOICE_VOIDED: (_OF_INVOICE, "found the invoice voided"),
    NoticeKind.APPROVAL_ASKED: (APPROVALS, "asked again"),
    NoticeKind.CONNECTION_RESTORED: ((NoticeKind.CONNECTION_BROKEN,), "reconnected it"),
    NoticeKind.CONNECTION_ENDED: (
        (*_OF_CONNECTION, *EXPORTS, *DELETIONS, *_OF_INVOICE),
        "disconnected it",
    ),
}
_UPDATED = "updated it in Xero"


@dataclass(frozen=True, slots=True)
class Settled:
    """What somebody did, after which nobody else is asked; `by` is "" where the app did it."""

    kinds: Collection[NoticeKind]
    by: str
    what: str  # as in "@anna restored it"
    export_id: int | None = None
    payment_id: int | None = None
    source: str = ""  # how the sources of what was told begin
    month: str = ""  # which a digest compared
    side: str = ""  # where an invoice was edited; "": on both
    by_sources: Collection[str] = ()  # the news themselves, where it is they that settle it


@dataclass(frozen=True, slots=True)
class News:
    """What is told under these sources."""

    kind: NoticeKind
    by: str
    side: str
    sources: Collection[str]

    @classmethod
    def of(cls, kind: NoticeKind, facts: Mapping[str, Any], sources: Collection[str]) -> Self:
        """Read who did it, and of which side it is told; one change made on both is of both."""
        by, is_shared = str(facts.get("by") or ""), facts.get("is_shared")
        side = "" if by or is_shared else str(facts.get("side") or "")
        return cls(kind, by, side, sources)


async def settle(session: Session, connection: Connection, settled: Settled, now: datetime) -> None:
    """Have every message that asked for it drawn again, in channels and where people read it."""
    export_id = settled.export_id
    about = [await session.get_one(Export, export_id)] if export_id is not None else []
    await _mark(session, connection, settled, about, now)
    await people.outdate(session, connection, now)  # after the messages, as in `enqueue_all`


async def _mark(
    session: Session,
    connection: Connection,
    settled: Settled,
    about: Sequence[Export],
    now: datetime,
) -> None:
    told = _open().where(
        _is_about(connection, settled),
        Notice.kind.in_(settled.kinds),
        Notice.source.not_in(settled.by_sources),
        or_(Notice.kind.not_in(PAYMENTS), _asks_about_payment()),
    )
    if settled.month:
        told = told.where(Notice.facts["month"].as_string() == settled.month)
    if settled.source:
        told = told.where(Notice.source.startswith(settled.source, autoescape=True))
    if about:
        told = told.where(or_(*(_names(each) for each in about)))
    for notice in await session.scalars(told):
        is_other = settled.payment_id not in {None, notice.facts.get("payment_id")}
        is_other = is_other or settled.side not in {"", notice.facts.get("side")}
        if is_other or not _asks(notice):
            continue
        said = {"by": settled.by, "what": settled.what, "at": now.isoformat()}
        _rewrite(notice, {"done": said}, now)


def _open() -> Select[Notice]:
    """Find and lock what was told, or is about to be, and is not settled yet."""
    return (
        select(Notice)
        .where(
            or_(Notice.ts != "", Notice.due_at.is_not(None)),
            Notice.facts["done"].as_string().is_(None),
        )
        .order_by(Notice.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _rewrite(notice: Notice, facts: Mapping[str, Any], now: datetime) -> None:
    """Change what it says; one that waits is posted so, one that was or is being is redrawn."""
    notice.facts = {**notice.facts, **facts}
    if notice.ts or notice.leased_until is not None:
        notice.due_at, notice.tries = now, 0


async def list_asked(
    session: Session, connection: Connection, kind: NoticeKind
) -> Sequence[Notice]:
    """Return the connection's open question of this kind, one row for each reader, locked."""
    asked = _open().where(Notice.connection_id == connection.id, Notice.kind == kind)
    return await session.every(asked)


async def renew(
    session: Session,
    connection: Connection,
    kind: NoticeKind,
    facts: Mapping[str, Any],
    now: datetime,
) -> str:
    """Write these facts into the connection's open question; return its source, "" without one."""
    source = ""
    for notice in await list_asked(session, connection, kind):
        source = notice.source
        _rewrite(notice, facts, now)
    return source


async def ask_only(
    session: Session, source: str, readers: Collection[str], reason: str, now: datetime
) -> None:
    """Have everybody who was asked under this source read the reason; only these may answer.

    Whoever may answer again is asked anew, also where their message was settled meanwhile.
    """
    asked = select(Notice).where(
        Notice.source == source, or_(Notice.ts != "", Notice.due_at.is_not(None))
    )
    for notice in await session.scalars(asked.with_for_update()):
        may_answer, facts = notice.channel_id in readers, notice.facts
        could_answer = "done" not in facts and facts.get("may_answer", True)
        if may_answer == could_answer and (not may_answer or facts.get("reason") == reason):
            continue
        _rewrite(notice, {"reason": reason, "may_answer": may_answer}, now)
        if may_answer and not could_answer:
            notice.facts = {name: each for name, each in notice.facts.items() if name != "done"}
            notice.ts = ""


def _is_about(connection: Connection, settled: Settled) -> ColumnElement[bool]:
    """Return the messages of the connection, or of its workspace where there was none yet.

    Where Slack's whole organisation installed the app, that is who was welcomed.
    """
    if NoticeKind.WELCOME not in settled.kinds:
        return Notice.connection_id == connection.id
    own = aliased(Workspace)
    is_whole = (Workspace.team_id == "") & (Workspace.enterprise_id == own.enterprise_id)
    welcomed = (
        select(Workspace.id)
        .join(own, own.id == connection.workspace_id)
        .where(or_(Workspace.id == own.id, is_whole & (own.enterprise_id != "")))
    )
    return Notice.connection_id.is_(None) & Notice.workspace_id.in_(welcomed)


def _asks_about_payment() -> ColumnElement[bool]:
    """Return which messages about payments ask for something; most only tell of one."""
    asked = Notice.facts["asked"].as_string()
    return or_(asked != "", Notice.facts["by_person_in_paymo"].as_boolean())


def _asks(notice: Notice) -> bool:
    """Say whether there is something to decide, or to know to be out of date."""
    facts = notice.facts
    if notice.kind is NoticeKind.HEALTH:
        return bool(facts.get("former"))
    if notice.kind is NoticeKind.INVOICE_DRIFTED:
        return bool(facts.get("differences")) and not facts.get("by")
    return facts.get("in_paymo") != "gone_in_paymo"


def _names(export: Export) -> ColumnElement[bool]:
    """Return which messages are about an export, or about its invoice before it had one."""
    before = asked_source(export.connection_id, export.paymo_invoice_id)
    is_before = or_(
        Notice.source == before, Notice.source.startswith(f"{before}:", autoescape=True)
    )
    return or_(Notice.export_id == export.id, is_before)


def asked_source(connection_id: int, invoice_id: int) -> str:
    """Return the source of the question about an invoice that wasn't exported automatically."""
    return f"{NoticeKind.EXPORT_ASKED}:{connection_id}:{invoice_id}"


def paused_source(connection_id: int, channel_id: str) -> str:
    """Return how the sources begin that say that a channel is paused."""
    return f"{NoticeKind.CHANNEL_PAUSED}:{connection_id}:{channel_id}:"


async def find_source(session: Session, start: str, channel_id: str) -> str:
    """Return the latest source that begins so and was told there, or ""."""
    latest = (
        select(Notice.source)
        .where(Notice.source.startswith(start, autoescape=True), Notice.channel_id == channel_id)
        .order_by(Notice.id.desc())
        .limit(1)
    )
    return await session.scalar(latest) or ""


async def is_known(session: Session, source: str) -> bool:
    """Say whether anything was ever queued under this source."""
    return await session.has(Notice.source == source)


async def deliveries(session: Session, source: str) -> dict[str, bool]:
    """Return who is told under this source, and whether it reached them, or still may."""
    may_reach = or_(Notice.ts != "", Notice.due_at.is_not(None))
    rows = await session.execute(
        select(Notice.channel_id, may_reach).where(Notice.source == source)
    )
    return {row[0]: bool(row[1]) for row in rows}


async def list_missed(session: Session, batch_id: int) -> Sequence[str]:
    """Return whom Slack didn't let us ask to approve exports of a batch that still wait."""
    return await session.every(
        select(Notice.channel_id)
        .join(Export, Export.id == Notice.export_id)
        .where(
            Export.batch_id == batch_id,
            Export.state == ExportState.AWAITING,
            Notice.kind.in_(APPROVALS),
            Notice.source.endswith(f":{True}"),  # they could answer it
            Notice.ts == "",
            Notice.due_at.is_(None),
        )
        .distinct()
        .order_by(Notice.channel_id)
    )


async def follow(
    session: Session, connection: Connection, news: News, about: Sequence[Export], now: datetime
) -> None:
    """Settle what this news ends: a failure by the export, a break by the new connection."""
    if news.kind not in _ENDS:
        return
    kinds, what = _ENDS[news.kind]
    if news.kind is NoticeKind.INVOICE_DRIFTED and news.by:
        what = _UPDATED
    over = Settled(kinds, news.by, what, side=news.side, by_sources=news.sources)
    await _mark(session, connection, over, about, now)


async def outdate_cards(
    session: Session, export_ids: Collection[int] | Select[int], now: datetime
) -> None:
    """Have the invoices' cards redrawn, also in channels that don't get the event."""
    await session.write(
        update(Card)
        .where(Card.export_id.in_(export_ids))
        .values(**leases.wanted(Card, now), tries=0)
    )


async def outdate_offers(session: Session, connection: Connection, now: datetime) -> None:
    """Have the cards redrawn that offer something only while the connection is there."""
    unpaid = select(Export.id).where(
        Export.connection_id == connection.id,
        Export.invoice_state == InvoiceState.LIVE,
        or_(Export.xero_due.is_(None), Export.xero_due != 0),
    )
    await outdate_cards(session, unpaid, now)


async def take_card(session: Session, workspace_id: int, now: datetime) -> Card | None:
    """Take the card that has been out of date for longest; the lease keeps others away."""
    mine = select(Connection.id).where(Connection.workspace_id == workspace_id)
    oldest = await session.scalar(
        select(Card)
        .join(Export, Export.id == Card.export_id)
        .where(Export.connection_id.in_(mine), leases.is_free(Card, now))
        .order_by(Card.due_at, Card.export_id, Card.channel_id)
        .limit(1)
    )
    if oldest is None:
        return None
    return await take_card_of(session, (oldest.export_id, oldest.channel_id), now)


async def take_card_of(session: Session, shown: tuple[int, str], now: datetime) -> Card | None:
    """Take the card of this export in this channel, if it is out of date."""
    export_id, channel_id = shown
    own = (Card.export_id == export_id) & (Card.channel_id == channel_id)
    return await leases.take_where(session, Card, own, now)


async def forget_card(session: Session, card: Card) -> None:
    """Drop a card whose message is gone, unless another was posted since."""
    own = (Card.export_id == card.export_id) & (Card.channel_id == card.channel_id)
    await session.execute(delete(Card).where(own, Card.ts == card.ts))


async def close_card(session: Session, card: Card, again_at: datetime | None) -> bool:
    """Note that the card is up to date, unless it is out of date again."""
    return await fenced(session, card, card.fence, due_at=again_at)
