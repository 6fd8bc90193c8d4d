"""Queries for work lists: what needs somebody, isn't exported yet, is owed, or was paid.

Also what allows automatic exports, and what stops them.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import ColumnElement, Select, String, and_, cast, exists, func, or_, select, true
from sqlalchemy.orm import aliased

from services.errors import NotFound, ServiceError
from services.model import days
from services.model.export import ExportState
from services.model.invoice import SENT_IN_PAYMO, UNDECIDED, InvoiceState, PaymentState
from services.model.jobs import Job, TaskState
from services.model.notice import MOST_DAYS_LATE
from services.model.wording import some_of
from services.store import exports, schedules
from services.store.engine import Session
from services.store.mirror import IS_ITS_CLIENT, count_clients, folded_name, search_clients
from services.store.payments import IS_LEFT
from services.store.tables import Client, Connection, Export, InvoiceHeader, Payment, Task

_MOST_NAMED, _LONGEST_ECHO = 8, 40
IS_OPEN = Export.xero_seen_status == "AUTHORISED"  # what is paid is most of a company's history
_SPREAD = 60  # minutes over which cards are drawn again, so that Slack is not stormed
NEEDED = 3  # clean exports by hand before the app may export by itself
_RUN = 3  # automatic exports that fail one after the other before it stops
_AT_ONCE = 100  # invoices that are judged again when something is settled
_ENDED = (InvoiceState.DELETED, InvoiceState.VOIDED, InvoiceState.GONE, InvoiceState.UNDONE)
_BY_ITSELF = Export.requested_by == ""


async def list_needing(session: Session, connection: Connection) -> Sequence[Export]:
    """Return exports that wait for a person, the newest first; of an invoice only the last one."""
    newer = aliased(Export)
    is_old = exists().where(
        newer.paymo_company_id == Export.paymo_company_id,
        newer.tenant_id == Export.tenant_id,
        newer.paymo_invoice_id == Export.paymo_invoice_id,
        newer.id > Export.id,
    )
    is_refused = and_(Export.state == ExportState.FAILED, Export.requested_by != "")
    differs = and_(Export.state == ExportState.DIFFERENT, Export.invoice_state == InvoiceState.LIVE)
    is_asked = Export.invoice_state.in_(UNDECIDED)
    waits = Export.state == ExportState.AWAITING
    return await session.every(
        _of(connection)
        .where(or_(is_refused, differs, is_asked, waits), ~is_old)
        .order_by(Export.id.desc())
    )


async def list_asking(session: Session, connection: Connection) -> Sequence[tuple[Payment, Export]]:
    """Return payments that wait for a decision, each with its invoice's export."""
    found = await session.execute(
        select(Payment, Export)
        .join(Export, Export.id == Payment.export_id)
        .where(
            Payment.connection_id == connection.id,
            IS_LEFT,
            Payment.state == PaymentState.ASKED,
            Export.invoice_state.not_in(_ENDED),
        )
        .order_by(Payment.id.desc())
    )
    return [(payment, export) for payment, export in found]


async def list_heads(
    session: Session, connection: Connection, invoice_ids: Collection[int]
) -> Sequence[tuple[InvoiceHeader, Client | None]]:
    """Return the heads of these invoices, each with its client, the oldest first."""
    found = await session.execute(
        select(InvoiceHeader, Client)
        .outerjoin(Client, IS_ITS_CLIENT)
        .where(
            InvoiceHeader.connection_id == connection.id, InvoiceHeader.invoice_id.in_(invoice_ids)
        )
        .order_by(InvoiceHeader.issued_on, InvoiceHeader.invoice_id)
    )
    return [(header, client) for header, client in found]


async def list_paid(session: Session, connection: Connection, limit: int) -> Sequence[Export]:
    """Return what was paid in full last, the newest first."""
    newest = (
        select(Payment.export_id, func.max(Payment.seen_at).label("at"))
        .where(Payment.connection_id == connection.id)
        .group_by(Payment.export_id)
        .subquery()
    )
    return await session.every(
        _of(connection)
        .join(newest, newest.c.export_id == Export.id)
        .where(Export.xero_seen_status == "PAID", Export.invoice_state == InvoiceState.LIVE)
        .order_by(newest.c.at.desc(), Export.id.desc())
        .limit(limit)
    )


async def list_overdue(session: Session, connection: Connection, today: date) -> Sequence[Export]:
    """Return invoices due before this day and not paid, longest overdue first."""
    found = await list_of(session, connection, None, IS_OPEN, Export.due_on < today)
    return [each for each in found if left_of(each) > 0]


def _of(connection: Connection) -> Select[Export]:
    return select(Export).where(exports.over(connection))


def left_of(export: Export) -> Decimal:
    """Return what is left to pay of an invoice, as far as the last sync has read."""
    if export.xero_seen_status == "PAID":
        return Decimal(0)
    left = export.xero_total if export.xero_due is None else export.xero_due
    return export.total or Decimal(0) if left is None else left


def days_late(export: Export, connection: Connection, now: datetime) -> int:
    """Return the days overdue in the organisation's zone; 0 or less if it isn't overdue."""
    today = days.day_in(connection.time_zone, now)
    return (today - export.due_on).days if export.due_on else 0


def card_changes_at(export: Export, connection: Connection, now: datetime) -> datetime | None:
    """Return when a card counts one more day, a little after midnight where the books are kept."""
    late = days_late(export, connection, now)
    is_owed = export.invoice_state is InvoiceState.LIVE and export.xero_seen_status == "AUTHORISED"
    if export.due_on is None or not is_owed or late > MOST_DAYS_LATE:
        return None
    next_day = export.due_on + timedelta(days=max(late, 0) + 1)
    midnight = days.begin_of(days.zone_of(connection.time_zone), next_day)
    return midnight + timedelta(minutes=export.id % _SPREAD)


async def list_of(
    session: Session,
    connection: Connection,
    client_id: int | None = None,
    *more: ColumnElement[bool],
) -> Sequence[Export]:
    """Return the invoices in Xero that are approved or paid, of one client if given."""
    own = [
        exports.of_pair(connection),
        Export.invoice_state == InvoiceState.LIVE,
        Export.xero_seen_status.in_(("AUTHORISED", "PAID")),
        *more,
    ]
    if client_id is not None:
        own.append(Export.client_id == client_id)
    return await session.every(select(Export).where(*own).order_by(Export.due_on, Export.id))


async def client_named(
    session: Session, connection_id: int, name: str, only: int | None = None
) -> Client:
    """Return the client that a person means, by the whole name or by a part that fits one.

    One that is archived owes as any other; it is meant where no other fits. Raises a refusal where
    none fits, or several do; `only` is the one that may be seen, if any.
    """
    typed = name.strip()
    said = typed[:_LONGEST_ECHO]
    seen = true() if only is None else Client.client_id == only
    found: Sequence[Client] = ()
    folded = folded_name(typed)
    for text in dict.fromkeys((folded, folded.strip('"'))):
        if text and not found:
            folded = text
            found = await search_clients(session, connection_id, text, _MOST_NAMED, seen)
    if not found:
        if not await count_clients(session, connection_id):
            raise NotFound(
                "We haven't read any clients from Paymo yet. Right after connecting that takes a "
                "moment, so try again soon."
            )
        raise NotFound(f"No client in Paymo has “{said}” in its name. Type a part of it.")
    exact = [each for each in found if each.folded_name == folded]
    fitting = exact or found
    for some in (fitting, [each for each in fitting if each.is_active]):
        if len(some) == 1:
            return some[0]
    names = some_of([each.name for each in found])
    raise ServiceError(f"Several clients fit “{said}”: {names}. Type more of the name.")


async def count_clean(session: Session, connection: Connection) -> int:
    """Count the exports by people without any difference, not undone."""
    return await session.count(
        exports.over(connection),
        Export.state == ExportState.EXPORTED,
        Export.requested_by != "",
        Export.accepted_difference.is_(None),
        Export.is_linked.is_(False),
        Export.invoice_state.not_in((InvoiceState.UNDOING, InvoiceState.UNDONE)),
    )


async def list_failed_run(session: Session, connection: Connection) -> list[str]:
    """Return the numbers of the last automatic exports if all of a run failed, else none."""
    settled = (*exports.DONE, ExportState.FAILED)
    rows = await session.execute(
        select(Export.number, Export.state)
        .where(
            exports.over(connection),
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
    session: Session, connection: Connection, client_id: int | None
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
        exports.of_pair(connection),
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
    return await session.every(newest)


async def switch_on(session: Session, connection: Connection, by: str, now: datetime) -> None:
    """Begin with what becomes sent from now on; what was sent before is left to people."""
    connection.auto_export, connection.auto_export_by = True, by
    # Paymo's times have no fractions of a second.
    connection.auto_export_since = now.replace(microsecond=0)
    connection.auto_export_from = None
    await schedules.want(session, [connection.id], [Job.MIRROR], now)


def queued_by(connection: Connection) -> ColumnElement[bool]:
    """Return the exports of this connection that the app asked for itself."""
    return (Export.connection_id == connection.id) & _BY_ITSELF
