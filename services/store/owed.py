"""What clients owe: which invoices, how late one is, and when that changes by itself."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.errors import NotFound, ServiceError
from services.model import days
from services.model.invoice import InvoiceState
from services.model.notice import MOST_DAYS_LATE
from services.model.wording import some_of
from services.store.mirror import folded_name, search_clients
from services.store.tables import Client, Connection, Export

_MOST_NAMED, _LONGEST_ECHO = 8, 40
_SPREAD = 60  # minutes over which cards are drawn again, so that Slack is not stormed


def days_late(export: Export, connection: Connection, now: datetime) -> int:
    """For how many days an invoice is overdue where its books are kept; 0 or less: it isn't."""
    today = days.day_in(connection.time_zone, now)
    return (today - export.due_on).days if export.due_on else 0


def card_changes_at(export: Export, connection: Connection, now: datetime) -> datetime | None:
    """Return when a card counts one more day, a little after midnight where the books are kept."""
    late = days_late(export, connection, now)
    is_owed = export.invoice_state is InvoiceState.LIVE and export.xero_seen_status == "AUTHORISED"
    if export.due_on is None or not is_owed or late > MOST_DAYS_LATE:
        return None
    next_day = export.due_on + timedelta(days=max(late, 0) + 1)
    midnight = datetime.combine(next_day, time(), days.zone_of(connection.time_zone))
    return midnight.astimezone(UTC) + timedelta(minutes=export.id % _SPREAD)


async def list_of(
    session: AsyncSession, connection: Connection, client_id: int | None = None
) -> Sequence[Export]:
    """Return the invoices in Xero that are approved or paid, of one client if given."""
    own = [
        Export.paymo_company_id == connection.paymo_company_id,
        Export.tenant_id == connection.tenant_id,
        Export.invoice_state == InvoiceState.LIVE,
        Export.xero_seen_status.in_(("AUTHORISED", "PAID")),
    ]
    if client_id is not None:
        own.append(Export.client_id == client_id)
    found = await session.scalars(select(Export).where(*own).order_by(Export.due_on, Export.id))
    return found.all()


async def client_named(
    session: AsyncSession, connection_id: int, name: str, only: int | None = None
) -> Client:
    """Return the client that a person means, by the whole name or by a part that fits one.

    Raises a refusal where none fits, or several do; `only` is the one that may be seen, if any.
    """
    typed = name.strip()
    said = typed[:_LONGEST_ECHO]
    found = await search_clients(session, connection_id, typed, _MOST_NAMED) if typed else ()
    found = [each for each in found if only in {None, each.client_id}]
    if not found:
        raise NotFound(f"No client in Paymo has “{said}” in its name. Type a part of it.")
    exact = [each for each in found if each.folded_name == folded_name(typed)]
    if len(found) > 1 and len(exact) != 1:
        names = some_of([each.name for each in found])
        raise ServiceError(f"Several clients fit “{said}”: {names}. Type more of the name.")
    return exact[0] if exact else found[0]
