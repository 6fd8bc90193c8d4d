"""What exporting works with: the ports and clients, handed in once."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Protocol, Self

from services.clients.paymo import PaymoClients
from services.clients.xero import XeroClients
from services.export.shapes import ExportScreen
from services.jobs.runner import Work
from services.model.invoice import Links
from services.store.engine import Database
from services.store.tables import Connection


class Mirror(Protocol):
    """The copying of both systems' lists, as far as exporting asks for it out of turn."""

    async def refresh_books(self, connection: Connection, *, at_most_old: timedelta) -> None:
        """Have accounts, tax rates, currencies and lock dates no older than this."""

    async def refresh_contacts(self, connection: Connection) -> None:
        """Copy Xero's contacts now."""

    async def refresh_invoices(self, connection: Connection) -> None:
        """Copy the heads of Paymo's invoices that changed since the last time."""


@dataclass(frozen=True, slots=True)
class Kit:
    """The ports and clients that exporting works with."""

    database: Database
    paymo: PaymoClients
    xero: XeroClients
    mirror: Mirror
    work: Work
    screen: ExportScreen
    links: Links
    now: Callable[[], datetime]

    @classmethod
    def of(cls, kit: "Kit") -> Self:
        """Return a service that works with another one's ports and clients."""
        return cls(**{each.name: getattr(kit, each.name) for each in fields(Kit)})
