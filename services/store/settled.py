"""What was posted and asks for something, once that is over: drawn again, without its buttons."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.model.notice import NoticeKind
from services.store import people
from services.store.tables import Connection, Export, Notice

DELETIONS = (NoticeKind.INVOICE_DELETED, NoticeKind.INVOICE_VOIDED)
PAYMENTS = (NoticeKind.PAYMENT_RECEIVED, NoticeKind.PAYMENT_REMOVED)
EXPORTS = (NoticeKind.EXPORT_FAILED, NoticeKind.EXPORT_ASKED, NoticeKind.APPROVAL_ASKED)
# Which news end which earlier ones of the same invoice, or of the same connection, and how.
_DRIFTED = (NoticeKind.INVOICE_DRIFTED,)
_OF_INVOICE = (*_DRIFTED, *PAYMENTS)
_ENDS = {
    NoticeKind.INVOICE_EXPORTED: (EXPORTS, "exported it"),
    NoticeKind.INVOICE_RESTORED: (DELETIONS, "restored it"),
    NoticeKind.INVOICE_DRIFTED: (_DRIFTED, "compared it again"),
    NoticeKind.INVOICE_UNDONE: (_OF_INVOICE, "undid the invoice's export"),
    NoticeKind.INVOICE_DELETED: (_OF_INVOICE, "found the invoice deleted"),
    NoticeKind.INVOICE_VOIDED: (_OF_INVOICE, "found the invoice voided"),
    NoticeKind.APPROVAL_ASKED: ((NoticeKind.APPROVAL_ASKED,), "asked again"),
    NoticeKind.CONNECTION_RESTORED: ((NoticeKind.CONNECTION_BROKEN,), "reconnected it"),
    NoticeKind.CONNECTION_ENDED: (
        (NoticeKind.CONNECTION_BROKEN, NoticeKind.SYNC_PAUSED, *EXPORTS),
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


async def settle(
    session: AsyncSession, connection: Connection, settled: Settled, now: datetime
) -> None:
    """Have every message that asked for it drawn again, in channels and where people read it."""
    await people.outdate(session, connection, now)
    export_id = settled.export_id
    about = [await session.get_one(Export, export_id)] if export_id is not None else []
    await _mark(session, connection, settled, about, now)


async def _mark(
    session: AsyncSession,
    connection: Connection,
    settled: Settled,
    about: Sequence[Export],
    now: datetime,
) -> None:
    told = select(Notice).where(
        Notice.connection_id == connection.id,
        Notice.kind.in_(settled.kinds),
        Notice.ts != "",
        Notice.due_at.is_(None),
    )
    if about:
        told = told.where(or_(*(_names(each) for each in about)))
    for notice in await session.scalars(told):
        is_other = settled.payment_id not in {None, notice.facts.get("payment_id")}
        if is_other or "done" in notice.facts or not _asks(notice):
            continue
        said = {"by": settled.by, "what": settled.what, "at": now.isoformat()}
        notice.facts = {**notice.facts, "done": said}
        notice.due_at, notice.tries = now, 0


def _asks(notice: Notice) -> bool:
    """Say whether it asks for something; most payments are only told."""
    is_payment = notice.kind in PAYMENTS
    return not is_payment or bool(
        notice.facts.get("asked") or notice.facts.get("by_person_in_paymo")
    )


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


async def follow(
    session: AsyncSession,
    connection: Connection,
    news: tuple[NoticeKind, str],
    about: Sequence[Export],
    now: datetime,
) -> None:
    """Settle what this news ends: a failure by the export, a break by the new connection."""
    kind, by = news
    if kind in _ENDS:
        kinds, what = _ENDS[kind]
        if kind is NoticeKind.INVOICE_DRIFTED and by:
            what = _UPDATED
        await _mark(session, connection, Settled(kinds, by, what), about, now)
