"""What exported invoices have come to differ in, as far as it was told."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.model import ErrandState, Job, Life
from services.store.fence import write_where
from services.store.tables import Errand, Export


async def note(session: AsyncSession, export: Export, marks: str) -> bool:
    """Write what was told to differ, unless the row went on since it was read."""
    return await _write(session, export, Export.drift == export.drift, drift=marks)


async def rewrite(session: AsyncSession, export: Export, **values: Any) -> bool:
    """Write what an update has made of it; whoever read the row before writes nothing."""
    return await _write(session, export, true(), **values, fence=export.fence + 1)


async def _write(
    session: AsyncSession, export: Export, as_read: ColumnElement[bool], **values: Any
) -> bool:
    is_same = (Export.life == Life.LIVE) & (Export.fence == export.fence) & as_read
    return await write_where(session, export, is_same, **values)


async def is_our_change(session: AsyncSession, export: Export, stated_at: datetime) -> bool:
    """Say whether what Xero stated at this time may be from before or amid an update of ours."""
    found = await session.scalars(
        select(Errand).where(Errand.export_id == export.id, Errand.job == Job.UPDATE)
    )
    return any(
        each.state is ErrandState.WAITING or each.data.get("stated_at", "") > stated_at.isoformat()
        for each in found
    )
