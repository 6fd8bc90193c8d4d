"""What exported invoices have come to differ in, as far as it was told."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.model.invoice import InvoiceState
from services.model.jobs import Job, TaskState
from services.store import exports
from services.store.fence import write_where
from services.store.tables import Connection, Export, InvoiceHeader, Task


async def note(session: AsyncSession, export: Export, marks: str, compared: dict[str, Any]) -> bool:
    """Write what was seen, and is told to differ, unless the row went on since it was read."""
    is_same = Export.drift == export.drift
    return await _write(session, export, is_same, drift=marks, compared=compared)


async def rewrite(session: AsyncSession, export: Export, **values: Any) -> bool:
    """Write what an update has made of it; whoever read the row before writes nothing."""
    return await _write(session, export, true(), **values, fence=export.fence + 1)


async def _write(
    session: AsyncSession, export: Export, as_read: ColumnElement[bool], **values: Any
) -> bool:
    is_same = (Export.invoice_state == InvoiceState.LIVE) & (Export.fence == export.fence) & as_read
    return await write_where(session, export, is_same, **values)


async def is_our_change(session: AsyncSession, export: Export, stated_at: datetime) -> bool:
    """Say whether what Xero stated at this time may be from before or amid an update of ours."""
    found = await session.scalars(
        select(Task).where(Task.export_id == export.id, Task.job == Job.UPDATE)
    )
    return any(
        each.state is TaskState.WAITING or each.data.get("stated_at", "") > stated_at.isoformat()
        for each in found
    )


async def list_copied(
    session: AsyncSession, connection: Connection, paymo_ids: Collection[int] | None
) -> Sequence[tuple[int, int, datetime]]:
    """Return live exports with Paymo's id and when it had changed, by the list last copied."""
    asked = (
        select(Export.id, Export.paymo_invoice_id, InvoiceHeader.updated_on)
        .join(
            InvoiceHeader,
            (InvoiceHeader.connection_id == Export.connection_id)
            & (InvoiceHeader.invoice_id == Export.paymo_invoice_id),
        )
        .where(
            Export.connection_id == connection.id,
            Export.state.in_(exports.DONE),
            Export.invoice_state == InvoiceState.LIVE,
        )
    )
    if paymo_ids is not None:
        asked = asked.where(Export.paymo_invoice_id.in_(paymo_ids))
    return [(row[0], row[1], row[2]) for row in await session.execute(asked)]
