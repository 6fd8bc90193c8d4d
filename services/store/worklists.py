"""What the Home tab lists: what needs somebody, what was not exported yet, and what was paid."""

from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import Select, and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from services.model.export import ExportState
from services.model.invoice import InvoiceState
from services.model.payment import PaymentState
from services.store.tables import Client, Connection, Export, InvoiceHeader, Payment


async def list_needing(session: AsyncSession, connection: Connection) -> Sequence[Export]:
    """Return exports that wait for a person, the newest first; of an invoice only the last one."""
    newer = aliased(Export)
    is_old = exists().where(
        newer.connection_id == Export.connection_id,
        newer.paymo_invoice_id == Export.paymo_invoice_id,
        newer.id > Export.id,
    )
    is_refused = and_(Export.state == ExportState.FAILED, Export.requested_by != "")
    differs = and_(Export.state == ExportState.DIFFERENT, Export.invoice_state == InvoiceState.LIVE)
    is_asked = Export.invoice_state.in_((InvoiceState.HELD, InvoiceState.ASKED))
    found = await session.scalars(
        _of(connection)
        .where(or_(is_refused, differs, is_asked), ~is_old)
        .order_by(Export.id.desc())
    )
    return found.all()


async def list_asking(
    session: AsyncSession, connection: Connection
) -> Sequence[tuple[Payment, Export]]:
    """Return payments that wait for a decision, each with its invoice's export."""
    found = await session.execute(
        select(Payment, Export)
        .join(Export, Export.id == Payment.export_id)
        .where(Payment.connection_id == connection.id, Payment.state == PaymentState.ASKED)
        .order_by(Payment.id.desc())
    )
    return [(payment, export) for payment, export in found]


async def list_heads(
    session: AsyncSession, connection: Connection, invoice_ids: Collection[int]
) -> Sequence[tuple[InvoiceHeader, str]]:
    """Return the heads of these invoices, each with its client's name, the oldest first."""
    is_its_client = and_(
        Client.connection_id == InvoiceHeader.connection_id,
        Client.client_id == InvoiceHeader.client_id,
    )
    found = await session.execute(
        select(InvoiceHeader, func.coalesce(Client.name, ""))
        .outerjoin(Client, is_its_client)
        .where(
            InvoiceHeader.connection_id == connection.id, InvoiceHeader.invoice_id.in_(invoice_ids)
        )
        .order_by(InvoiceHeader.issued_on, InvoiceHeader.invoice_id)
    )
    return [(header, name) for header, name in found]


async def list_paid(session: AsyncSession, connection: Connection, limit: int) -> Sequence[Export]:
    """Return what was paid in full last, the newest first."""
    newest = (
        select(Payment.export_id, func.max(Payment.seen_at).label("at"))
        .group_by(Payment.export_id)
        .subquery()
    )
    found = await session.scalars(
        _of(connection)
        .join(newest, newest.c.export_id == Export.id)
        .where(Export.xero_seen_status == "PAID", Export.invoice_state == InvoiceState.LIVE)
        .order_by(newest.c.at.desc(), Export.id.desc())
        .limit(limit)
    )
    return found.all()


async def list_overdue(
    session: AsyncSession, connection: Connection, today: date
) -> Sequence[Export]:
    """Return what should have been paid before this day, the longest overdue first."""
    found = await session.scalars(
        _of(connection)
        .where(
            Export.due_on < today,
            Export.xero_seen_status == "AUTHORISED",
            Export.invoice_state == InvoiceState.LIVE,
        )
        .order_by(Export.due_on, Export.id)
    )
    return found.all()


def _of(connection: Connection) -> Select[Export]:
    return select(Export).where(
        Export.connection_id == connection.id, Export.tenant_id == connection.tenant_id
    )
