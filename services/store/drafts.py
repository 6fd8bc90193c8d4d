"""Export forms on people's screens."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.store import leases
from services.store.tables import Draft


async def find(session: AsyncSession, draft_id: int) -> Draft | None:
    """Return the draft with this id, if it is still kept."""
    return await session.get(Draft, draft_id)


async def change(session: AsyncSession, draft: Draft, due_at: datetime, **values: Any) -> None:
    """Write what a person chose; a reading that is under way changes nothing any more."""
    await session.execute(
        update(Draft)
        .where(Draft.id == draft.id)
        .values(**leases.wanted(Draft, due_at), **values)
        .execution_options(synchronize_session=False)
    )
    await session.refresh(draft)


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
