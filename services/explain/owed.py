"""What clients owe: open invoices by age, and one client's open and paid ones."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from services.model.people import Person, Role
from services.store import connections, owed, roles
from services.store.engine import Database, Session
from services.store.tables import Connection, Export


@dataclass(frozen=True, slots=True)
class OwedInvoice:
    """One invoice in Xero, and what is left to pay."""

    number: str
    client: str
    currency: str
    total: Decimal
    left: Decimal
    due_on: date | None
    days_late: int


@dataclass(frozen=True, slots=True)
class Owed:
    """What is owed, the longest due first; of one client also what was paid."""

    organisation: str
    country: str
    client: str  # "" for all
    open: tuple[OwedInvoice, ...]
    paid: tuple[OwedInvoice, ...]


@dataclass(frozen=True, slots=True)
class OwedService:
    """Answers from what the last sync has read; nothing is asked of Xero."""

    database: Database
    now: Callable[[], datetime]

    async def overdue(self, person: Person) -> Owed:
        """Return every open invoice that this person may see here."""
        async with self.database.sessions() as session:
            connection = await connections.get_for(session, person, Role.VIEWER)
            client_id = await roles.only_client(session, connection, person)
            return await self._owed(session, connection, client_id, "")

    async def of_client(self, person: Person, name: str) -> Owed:
        """Return a client's invoices. Raises a refusal where no client, or several, fit."""
        async with self.database.sessions() as session:
            connection = await connections.get_for(session, person, Role.VIEWER)
            only = await roles.only_client(session, connection, person)
            client = await owed.client_named(session, connection.id, name, only)
            await roles.require_sight(session, connection, person, client.client_id)
            return await self._owed(session, connection, client.client_id, client.name)

    async def _owed(
        self, session: Session, connection: Connection, client_id: int | None, client: str
    ) -> Owed:
        rows = await owed.list_of(session, connection, client_id)
        found = [_invoice(each, owed.days_late(each, connection, self.now())) for each in rows]
        return Owed(
            organisation=connection.organisation_name,
            country=connection.country,
            client=client,
            open=tuple(each for each in found if each.left > 0),
            paid=tuple(each for each in reversed(found) if each.left <= 0),
        )


def _invoice(export: Export, days_late: int) -> OwedInvoice:
    total = export.xero_total if export.xero_total is not None else export.total or Decimal(0)
    left = Decimal(0) if export.xero_seen_status == "PAID" else export.xero_due
    return OwedInvoice(
        number=export.number,
        client=export.client_name,
        currency=export.currency,
        total=total,
        left=total if left is None else left,
        due_on=export.due_on,
        days_late=days_late,
    )
