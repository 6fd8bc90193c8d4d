"""Who did what and when; rows are only ever added."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from services.model.wording import Member, Moment
from services.store.engine import Session
from services.store.tables import AuditEntry, Connection, Export

# What people decide, as in "@anna already brought it back at …".
_DEEDS = {
    "payment_brought_back": "brought it back",
    "deletion_confirmed": "chose to delete it in Paymo",
    "void_chosen": "chose to void it in Paymo",
    "restored": "restored it",
    "undone": "undid it",
    "updated_in_xero": "updated it in Xero",
    "difference_accepted": "accepted it",
    "breaker_applied": "chose to follow Xero",
    "breaker_kept": "chose to keep them in Paymo",
}


@dataclass(frozen=True, slots=True)
class AuditNote:
    """What was done; `by` is "" when the app acted by itself."""

    what: str
    at: datetime
    by: str = ""
    export_id: int | None = None
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


def record(session: Session, connection: Connection, entry: AuditNote) -> None:
    """Note what was done to a connection, or to an export of it."""
    session.add(AuditEntry(**_row(connection, entry)))


async def record_all(
    session: Session, connection: Connection, entries: Sequence[AuditNote]
) -> None:
    """Note many acts at once, in their order."""
    rows = [_row(connection, each) for each in entries]
    await (await session.connection()).execute(insert(AuditEntry), rows)


def _row(connection: Connection, entry: AuditNote) -> dict[str, Any]:
    return {
        "connection_id": connection.id,
        "at": entry.at,
        "user_id": entry.by,
        "what": entry.what,
        "export_id": entry.export_id,
        "before": entry.before,
        "after": entry.after,
    }


async def find_last(session: Session, connection: Connection, what: str) -> AuditEntry | None:
    """Return the newest entry of a kind."""
    return await session.scalar(
        select(AuditEntry)
        .where(AuditEntry.connection_id == connection.id, AuditEntry.what == what)
        .order_by(AuditEntry.id.desc())
        .limit(1)
    )


async def list_of(session: Session, export_id: int) -> Sequence[AuditEntry]:
    """Return what was done about an export, oldest first."""
    return await session.every(
        select(AuditEntry).where(AuditEntry.export_id == export_id).order_by(AuditEntry.id)
    )


async def last_deed(session: Session, export_id: int, *whats: str) -> str:
    """Say who did the last of these things to an export, and when; "" where nobody did."""
    return said_of([each for each in await list_of(session, export_id) if each.what in whats])


def said_of(deeds: Sequence[AuditEntry]) -> str:
    """Say who did the last of these things, and when; "" where nobody did."""
    by_people = [each for each in deeds if each.user_id]
    if not by_people:
        return ""
    last = by_people[-1]
    return f"{Member(last.user_id)} already {_DEEDS[last.what]} at {Moment(last.at)}."


async def list_newest(
    session: Session,
    connection_id: int,
    *,
    export_ids: Collection[int] | None = None,
    limit: int | None,
) -> Sequence[tuple[AuditEntry, Export | None]]:
    """Return what was done, newest first, each with its export; for all exports or for some."""
    asked = (
        select(AuditEntry, Export)
        .outerjoin(Export, Export.id == AuditEntry.export_id)
        .where(AuditEntry.connection_id == connection_id)
        .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
        .limit(limit)
    )
    if export_ids is not None:
        asked = asked.where(AuditEntry.export_id.in_(export_ids))
    return [(act, export) for act, export in await session.execute(asked)]


async def count(
    session: Session, connection_id: int, *, export_ids: Collection[int] | None = None
) -> int:
    """Count the entries."""
    only = [] if export_ids is None else [AuditEntry.export_id.in_(export_ids)]
    return await session.count(AuditEntry.connection_id == connection_id, *only)
