"""What was posted and asks for something, once that is over: drawn again, without its buttons."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.model.notice import NoticeKind
from services.store.tables import Connection, Notice

DELETIONS = (NoticeKind.INVOICE_DELETED, NoticeKind.INVOICE_VOIDED)
PAYMENTS = (NoticeKind.PAYMENT_RECEIVED, NoticeKind.PAYMENT_REMOVED)
# Which news end which earlier ones of the same invoice, or of the same connection, and how.
_ENDS = {
    NoticeKind.INVOICE_EXPORTED: ((NoticeKind.EXPORT_FAILED,), "exported it"),
    NoticeKind.INVOICE_RESTORED: (DELETIONS, "restored it"),
    NoticeKind.CONNECTION_RESTORED: ((NoticeKind.CONNECTION_BROKEN,), "reconnected it"),
    NoticeKind.CONNECTION_ENDED: ((NoticeKind.CONNECTION_BROKEN,), "disconnected it"),
}


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
    told = select(Notice).where(
        Notice.connection_id == connection.id,
        Notice.kind.in_(settled.kinds),
        Notice.ts != "",
        Notice.due_at.is_(None),
    )
    if settled.export_id is not None:
        told = told.where(Notice.export_id == settled.export_id)
    for notice in await session.scalars(told):
        is_other = settled.payment_id not in {None, notice.facts.get("payment_id")}
        if is_other or "done" in notice.facts:
            continue
        said = {"by": settled.by, "what": settled.what, "at": now.isoformat()}
        notice.facts = {**notice.facts, "done": said}
        notice.due_at, notice.tries = now, 0


async def follow(
    session: AsyncSession,
    connection: Connection,
    news: tuple[NoticeKind, str],
    export_id: int | None,
    now: datetime,
) -> None:
    """Settle what this news ends: a failure by the export, a break by the new connection."""
    kind, by = news
    if kind in _ENDS:
        kinds, what = _ENDS[kind]
        await settle(session, connection, Settled(kinds, by, what, export_id), now)
