"""Who did what and when, on screen or in full as a file; and who owes what."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from services.errors import NotConnected, NotFound
from services.model.people import Person, Role
from services.model.wording import Command, Typed, situated
from services.store import audit, connections, numbered, people, worklists
from services.store.engine import Database, Session
from services.store.tables import AuditEntry, Connection, Export

_MOST = 20
MASK = "•••"
# A permalink opens Paymo's invoice to whoever holds it, so it counts as a secret.
_SECRET_NAME = re.compile(
    r"token|secret|password|passphrase|api_?key|authorization|credential|nonce|permalink|pdf_link",
    re.IGNORECASE,
)
_SECRET_TEXT = re.compile(
    r"\bxox[a-z]-[\w-]+|\bxapp-[\w-]+|\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]+)?"
    r"|\b(?:Bearer|Basic)\s+[\w.~+/=-]{8,}",
)


@dataclass(frozen=True, slots=True)
class Done:
    """One act; `by` is "" when the app acted by itself. Secrets are masked already."""

    at: datetime
    by: str
    what: str
    number: str  # Paymo's, "" where it is about no invoice
    paymo_invoice_id: int | None
    xero_invoice_id: str
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    currency: str = ""
    country: str = ""  # of the organisation, by which money is written


@dataclass(frozen=True, slots=True)
class History:
    """The newest acts of a connection, or of one of its invoices, and how many there are."""

    organisation: str
    number: str  # as Paymo has it; "" where it is about everything
    total: int
    audit: tuple[Done, ...]
    connection_id: int = 0
    role: Role = Role.OWNER  # of whoever asks


@dataclass(frozen=True, slots=True)
class HistoryService:
    """Reads rows only."""

    database: Database

    async def newest(self, person: Person, number: str = "") -> History:
        """Return the newest acts; of one invoice, if a number is given, viewers may ask, too.

        Raises `NotConnected`, `NotAllowed`, `NotFound`.
        """
        return await self._read(person, number, limit=_MOST, role=Role.VIEWER)

    async def everything(self, person: Person, number: str = "") -> History:
        """Every act, for a file."""
        return await self._read(person, number, limit=None, role=Role.EXPORTER)

    async def _read(self, person: Person, number: str, *, limit: int | None, role: Role) -> History:
        async with self.database.sessions() as session:
            connection = await _connection(session, person)
            needed = role if number else Role.EXPORTER
            has = await people.require(session, connection, person, needed)
            if number:
                number = await numbered.meant(session, connection, number, person)
            exports = await _exports(session, connection, number) if number else None
            if exports:
                await people.require_sight(session, connection, person, exports[0].client_id)
            ids = [each.id for each in exports] if exports is not None else None
            rows = await audit.list_newest(session, connection.id, export_ids=ids, limit=limit)
            return History(
                organisation=connection.organisation_name or "Xero",
                number=exports[0].number if exports else "",
                total=await audit.count(session, connection.id, export_ids=ids),
                audit=tuple(_done(act, export, connection.country) for act, export in rows),
                connection_id=connection.id,
                role=has,
            )


async def _connection(session: Session, person: Person) -> Connection:
    """The current connection, or the last one that ended: its history stays readable."""
    found = await connections.find_current(session, person)
    if found is None or not found.tenant_id:
        found = await connections.find_last_ended(session, person) or found
    if found is None:
        raise NotConnected(connections.CONNECT_FIRST, system="Xero")
    return found


async def _exports(session: Session, connection: Connection, number: str) -> Sequence[Export]:
    found = await numbered.find(session, connection, number)
    if found.exports:
        return found.exports
    if found.header is not None:
        raise NotFound(
            f"{found.header.number} hasn't been exported yet, so it has no history. Type "
            f"{Typed(Command.WHY, found.header.number)} to see what it needs."
        )
    raise NotFound(
        f"We can't find an invoice with the number {number.strip()}. Check the number in Paymo, "
        "then try again."
    )


def _done(act: AuditEntry, export: Export | None, country: str) -> Done:
    return Done(
        at=act.at,
        by=act.user_id,
        what=act.what,
        number=export.number if export else str((act.after or {}).get("number", "")),
        paymo_invoice_id=export.paymo_invoice_id if export else None,
        xero_invoice_id=(export.xero_invoice_id or "") if export else "",
        before=_situated(masked(act.before or {}), country),
        after=_situated(masked(act.after or {}), country),
        currency=export.currency if export else "",
        country=country,
    )


def _situated(values: dict[str, Any], country: str) -> dict[str, Any]:
    """Return values with their amounts and days as people of the country write them."""
    return {
        name: situated(each, country) if isinstance(each, str) else each
        for name, each in values.items()
    }


def masked(value: Any) -> Any:
    """The same value without secrets, however deep they lie."""
    if isinstance(value, dict):
        return {
            name: MASK if each and _SECRET_NAME.search(str(name)) else masked(each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [masked(each) for each in value]
    return _SECRET_TEXT.sub(MASK, value) if isinstance(value, str) else value


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
            client_id = await people.only_client(session, connection, person)
            return await self._owed(session, connection, client_id, "")

    async def of_client(self, person: Person, name: str) -> Owed:
        """Return a client's invoices. Raises a refusal where no client, or several, fit."""
        async with self.database.sessions() as session:
            connection = await connections.get_for(session, person, Role.VIEWER)
            only = await people.only_client(session, connection, person)
            client = await worklists.client_named(session, connection.id, name, only)
            return await self._owed(session, connection, client.client_id, client.name)

    async def _owed(
        self, session: Session, connection: Connection, client_id: int | None, client: str
    ) -> Owed:
        rows = await worklists.list_of(session, connection, client_id)
        found = [
            _owed_invoice(each, worklists.days_late(each, connection, self.now())) for each in rows
        ]
        return Owed(
            organisation=connection.organisation_name,
            country=connection.country,
            client=client,
            open=tuple(each for each in found if each.left > 0),
            paid=tuple(each for each in reversed(found) if each.left <= 0),
        )


def _owed_invoice(export: Export, days_late: int) -> OwedInvoice:
    total = export.xero_total if export.xero_total is not None else export.total or Decimal(0)
    return OwedInvoice(
        number=export.number,
        client=export.client_name,
        currency=export.currency,
        total=total,
        left=worklists.left_of(export),
        due_on=export.due_on,
        days_late=days_late,
    )
