"""Automatic exports: what allows them, and what stops them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, String, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.model.export import ExportState
from services.model.invoice import SENT_IN_PAYMO, InvoiceState
from services.model.jobs import Job, TaskState
from services.store import exports, schedules
from services.store.tables import Connection, Export, InvoiceHeader, Task

NEEDED = 3  # clean exports by hand before the app may export by itself
_RUN = 3  # automatic exports that fail one after the other before it stops
_AT_ONCE = 100  # invoices that are judged again when something is settled
_BY_ITSELF = Export.requested_by == ""


async def count_clean(session: AsyncSession, connection: Connection) -> int:
    """Return how many invoices people exported without any difference, and did not take back."""
    found = await session.scalar(
        select(func.count()).where(
            Export.connection_id == connection.id,
            Export.tenant_id == connection.tenant_id,
            Export.state == ExportState.EXPORTED,
            Export.requested_by != "",
            Export.accepted_difference.is_(None),
            Export.is_linked.is_(False),
            Export.invoice_state.not_in((InvoiceState.UNDOING, InvoiceState.UNDONE)),
        )
    )
    return found or 0


async def list_failed_run(session: AsyncSession, connection: Connection) -> list[str]:
    """Return the numbers of the last automatic exports if all of a run failed, else none."""
    settled = (*exports.DONE, ExportState.FAILED)
    rows = await session.execute(
        select(Export.number, Export.state)
        .where(
            Export.connection_id == connection.id,
            Export.tenant_id == connection.tenant_id,
            Export.state.in_(settled),
            Export.requested_at >= connection.auto_export_since,
            _BY_ITSELF,
        )
        .order_by(Export.requested_at.desc(), Export.id.desc())
        .limit(_RUN)
    )
    last = rows.all()
    if len(last) < _RUN or any(state is ExportState.EXPORTED for _, state in last):
        return []
    return [number for number, _ in reversed(last)]


async def list_asked_about(
    session: AsyncSession, connection: Connection, client_id: int | None
) -> Sequence[int]:
    """Return the invoices that people were asked about, of one client or of all."""
    if not connection.auto_export or connection.auto_export_since is None:
        return ()
    asked_about = select(Task.subject).where(
        Task.connection_id == connection.id,
        Task.job == Job.AUTO,
        Task.state == TaskState.REFUSED,
        Task.asked_at >= connection.auto_export_since,
    )
    asked_for = select(Export.paymo_invoice_id).where(
        Export.paymo_company_id == connection.paymo_company_id,
        Export.tenant_id == connection.tenant_id,
    )
    found = select(InvoiceHeader.invoice_id).where(
        InvoiceHeader.connection_id == connection.id,
        InvoiceHeader.status.in_(SENT_IN_PAYMO),
        cast(InvoiceHeader.invoice_id, String).in_(asked_about),
        InvoiceHeader.invoice_id.not_in(asked_for),
    )
    if client_id is not None:
        found = found.where(InvoiceHeader.client_id == client_id)
    newest = found.order_by(InvoiceHeader.invoice_id.desc()).limit(_AT_ONCE)
    return (await session.scalars(newest)).all()


async def switch_on(session: AsyncSession, connection: Connection, now: datetime) -> None:
    """Begin with what becomes sent from now on; what was sent before is left to people."""
    connection.auto_export = True
    # Paymo's times have no fractions of a second.
    connection.auto_export_since = now.replace(microsecond=0)
    await schedules.want(session, [connection.id], [Job.MIRROR], now)


def queued_by(connection: Connection) -> ColumnElement[bool]:
    """Return the exports of this connection that the app asked for itself."""
    return (Export.connection_id == connection.id) & _BY_ITSELF
