"""Export forms on people's screens."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.store import leases
from services.store.tables import Draft


async def find(session: AsyncSession, draft_id: int) -> Draft | None:
    """Return the draft with this id, if it is still kept."""
    return await session.get(Draft, draft_id)


async def choose_invoice(
    session: AsyncSession, draft: Draft, invoice_id: int | None, now: datetime
) -> None:
    """Have another invoice read; a reading that is under way changes nothing any more."""
    await _want(session, draft, now, invoice_id=invoice_id)


async def want_refresh(session: AsyncSession, draft: Draft, now: datetime) -> None:
    """Have everything read anew; a reading that is under way changes nothing any more."""
    await _want(session, draft, now, is_refreshing=True)


async def _want(session: AsyncSession, draft: Draft, now: datetime, **values: object) -> None:
    await session.execute(
        update(Draft)
        .where(Draft.id == draft.id)
        .values(**leases.wanted(Draft, now), **values)
        .execution_options(synchronize_session=False)
    )
    await session.refresh(draft)


async def end_reading(session: AsyncSession, draft: Draft, fence: int, problem: str) -> bool:
    """Note what stopped the reading, if anything did; False where somebody wants another one."""
    return await leases.fenced(
        session, draft, fence, due_at=None, is_refreshing=False, reason=problem
    )


async def list_last(
    session: AsyncSession, connection_id: int, invoice_id: int, limit: int = 5
) -> Sequence[Draft]:
    """Return the forms that showed this invoice last, whoever had them open."""
    found = await session.scalars(
        select(Draft)
        .where(Draft.connection_id == connection_id, Draft.invoice_id == invoice_id)
        .order_by(Draft.id.desc())
        .limit(limit)
    )
    return found.all()
