"""Errands: asked for once, taken by one worker at a time, and kept as a record afterwards."""

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.model import ErrandState, Job, Place
from services.store.fence import fenced
from services.store.tables import Connection, Errand

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


async def note(session: AsyncSession, errand: Errand, **data: Any) -> bool:
    """Write down how far it has come, before and after every remote write."""
    return await fenced(session, errand, errand.fence, data=errand.data | data)


async def put_off(session: AsyncSession, errand: Errand, due_at: datetime, reason: str) -> bool:
    """Try again later."""
    return await fenced(session, errand, errand.fence, due_at=due_at, reason=reason)


async def finish(
    session: AsyncSession, errand: Errand, state: ErrandState, *, reason: str = "", **data: Any
) -> bool:
    """End it: done, or refused with a sentence why; False when somebody else took it since."""
    return await fenced(
        session,
        errand,
        errand.fence,
        state=state,
        due_at=None,
        reason=reason,
        data=errand.data | data,
    )
