"""Errands: asked for once, taken by one worker at a time, and kept as a record afterwards."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.backoff import ERRAND, PARKED
from services.errors import NotConnected, ServiceError, StillUnderWay, Throttled
from services.model import ConnectionState, ErrandState, Job, Life, Place
from services.store import connections, leaving
from services.store.fence import fenced
from services.store.tables import Connection, Errand, Export

_LEASE = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be done, and who wants it; `by` is "" when the app asks itself."""

    job: Job
    subject: str
    at: datetime
    by: str = ""
    place: Place | None = None
    export_id: int | None = None
    data: dict[str, Any] = field(default_factory=dict)
    due_at: datetime | None = None  # at once where none is given


async def ask(session: AsyncSession, connection: Connection, asked: Asked) -> Errand | None:
    """Add the errand, or return None where the same one already waits."""
    errand = Errand(
        connection_id=connection.id,
        job=asked.job,
        subject=asked.subject,
        export_id=asked.export_id,
        state=ErrandState.WAITING,
        due_at=asked.due_at or asked.at,
        asked_by=asked.by,
        asked_at=asked.at,
        place=asdict(asked.place) if asked.place is not None else None,
        data=asked.data,
    )
    try:
        async with session.begin_nested():
            session.add(errand)
    except IntegrityError:
        return None
    return errand


async def find(session: AsyncSession, errand_id: int) -> Errand | None:
    """Return the errand with this id, if there is one."""
    return await session.get(Errand, errand_id)


async def is_done(session: AsyncSession, job: Job, export_id: int) -> bool:
    """Say whether this was done for this export before."""
    found = await session.scalar(
        select(Errand.id)
        .where(
            Errand.job == job,
            Errand.export_id == export_id,
            Errand.state == ErrandState.DONE,
        )
        .limit(1)
    )
    return found is not None


async def take(session: AsyncSession, errand_id: int, now: datetime) -> Errand | None:
    """Take this errand when it is due; nobody else gets it during the lease."""
    taken: Errand | None = await session.scalar(
        update(Errand)
        .where(Errand.id == errand_id, Errand.state == ErrandState.WAITING, Errand.due_at <= now)
        .values(due_at=now + _LEASE, fence=Errand.fence + 1, tries=Errand.tries + 1)
        .returning(Errand)
        .execution_options(populate_existing=True)
    )
    return taken


@dataclass(frozen=True, slots=True)
class Taken:
    """An errand that was taken, with the export and the connection that it is about."""

    errand: Errand
    export: Export
    connection: Connection


async def take_about(session: AsyncSession, errand_id: int, now: datetime) -> Taken | None:
    """Take an errand about an export; while its connection does not work it is parked."""
    errand = await take(session, errand_id, now)
    if errand is None or errand.export_id is None:
        return None
    export = await session.get_one(Export, errand.export_id)
    connection = await session.get_one(Connection, errand.connection_id)
    if connection.state is ConnectionState.ENDED:
        await finish(session, errand, ErrandState.REFUSED, reason="The connection was ended.")
        if export.life is Life.UNDOING:
            export.life = Life.LIVE
        return None
    if connection.state is not ConnectionState.ACTIVE:
        why = "Paymo or Xero is not connected now."
        await put_off(session, errand, now + PARKED, why, is_try=False)
        return None
    if (until := await _quiet_at(session, errand, now)) is not None:
        await put_off(session, errand, until, errand.reason, is_try=False)
        return None
    return Taken(errand, export, connection)


async def _quiet_at(session: AsyncSession, errand: Errand, now: datetime) -> datetime | None:
    """Return when what another errand has sent about the same export is over, if it is not."""
    others = await session.scalars(
        select(Errand).where(
            Errand.export_id == errand.export_id,
            Errand.id != errand.id,
            ~leaving.has_ended(Errand, now),
        )
    )
    return max((leaving.over_at(each, now) for each in others), default=None)


async def postpone(
    session: AsyncSession, taken: Taken, refusal: ServiceError, now: datetime
) -> str:
    """Try again when the refusal may have passed; a broken connection is noted, and told once.

    Returns what to say where it begins to take long. While nobody can even look whether it is done
    it cannot end, so then it goes on once an hour.
    """
    errand = taken.errand
    if isinstance(refusal, StillUnderWay):
        await put_off(session, errand, refusal.until, errand.reason, is_try=False)
        return ""
    pause, is_try = ERRAND.pause_after(errand.tries), True
    if isinstance(refusal, Throttled):
        pause, is_try = max(pause, refusal.retry_after), False
    if isinstance(refusal, NotConnected):
        await connections.mark_broken(
            session, taken.connection.id, refusal.system, reason=str(refusal), now=now
        )
        pause, is_try = PARKED, False
    is_long = is_try and ERRAND.is_over(errand.tries)
    pause = max(pause, PARKED) if is_long else pause
    await put_off(session, errand, now + pause, str(refusal), is_try=is_try)
    if is_long and errand.tries == ERRAND.tries:
        return f"{refusal} It goes on once an hour until that works."
    return ""


async def note(session: AsyncSession, errand: Errand, **data: Any) -> bool:
    """Write down how far it has come."""
    return await fenced(
        session, errand, errand.fence, data=errand.data | data, sent_at=errand.sent_at
    )


async def leave(session: AsyncSession, errand: Errand, now: datetime, **data: Any) -> bool:
    """Write down what is sent now, before it is; False when somebody else took it since.

    Raises `StillUnderWay` while something sent earlier may still take effect.
    """
    return await leaving.leave(session, errand, now, data=errand.data | data)


async def put_off(
    session: AsyncSession,
    errand: Errand,
    due_at: datetime,
    reason: str,
    *,
    is_try: bool = True,
) -> bool:
    """Try again later; what was no try does not count as one."""
    return await fenced(
        session,
        errand,
        errand.fence,
        due_at=due_at,
        reason=reason,
        sent_at=errand.sent_at,
        tries=errand.tries if is_try else errand.tries - 1,
    )


async def finish(
    session: AsyncSession,
    errand: Errand,
    state: ErrandState,
    *,
    reason: str = "",
    data: dict[str, Any] | None = None,
) -> bool:
    """End it: done, or refused with a sentence why; False when somebody else took it since."""
    return await fenced(
        session,
        errand,
        errand.fence,
        state=state,
        due_at=None,
        sent_at=None,
        reason=reason,
        data=errand.data | (data or {}),
    )


async def list_for(session: AsyncSession, export_id: int) -> Sequence[Errand]:
    """Return what people, or the app, wanted done about an export, the newest first."""
    found = await session.scalars(
        select(Errand).where(Errand.export_id == export_id).order_by(Errand.id.desc())
    )
    return found.all()
