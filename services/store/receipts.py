"""Events that were taken in already."""

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from services.store.tables import Receipt
from services.store.upsert import insert_into


async def take(session: AsyncSession, receipt_id: str, now: datetime) -> bool:
    """Say whether this event is new; the second time it is not."""
    row = {"id": receipt_id, "received_at": now}
    insert = insert_into(session, Receipt).values(**row).on_conflict_do_nothing()
    return await session.scalar(insert.returning(Receipt.id)) is not None


async def purge(session: AsyncSession, before: datetime) -> None:
    """Forget the events of long ago."""
    await session.execute(delete(Receipt).where(Receipt.received_at < before))
