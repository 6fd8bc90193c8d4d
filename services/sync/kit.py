"""What looking at both systems works with: the ports and clients, handed in once."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Self

from services.clients.paymo import PaymoClient, PaymoClients
from services.clients.xero import XeroClient, XeroClients
from services.errors import Lost
from services.jobs.runner import Turn
from services.jobs.work import Work
from services.model.links import Links
from services.store import leases
from services.store.engine import Database, Session
from services.store.tables import Connection, Export, Schedule
from services.sync.shapes import SyncScreen


@dataclass(frozen=True, slots=True)
class Kit:
    """The ports and clients that looking at both systems works with."""

    database: Database
    paymo: PaymoClients
    xero: XeroClients
    work: Work
    screen: SyncScreen
    links: Links
    interval: timedelta
    now: Callable[[], datetime]

    @classmethod
    def of(cls, kit: "Kit") -> Self:
        """Return a service that works with another one's ports and clients."""
        return cls(**{each.name: getattr(kit, each.name) for each in fields(Kit)})


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one organisation, under the fence that it was taken with."""

    kit: Kit
    connection: Connection
    turn: Turn[Schedule]
    problems: list[str] = field(default_factory=list)  # what a person should know of
    waits: list[datetime] = field(default_factory=list)  # when what is under way is over

    async def hold(self, session: Session) -> None:
        """Keep the look for another lease. In a transaction that writes, this is the fence.

        Raises `Lost` when somebody else looks at this organisation by now.
        """
        if not await leases.renew(session, self.turn.row, self.kit.now()):
            raise Lost

    @property
    def xero(self) -> XeroClient:
        """Calls to the organisation."""
        return self.kit.xero.client(self.connection.tenant_id, self.connection.grant_id)

    @property
    def paymo(self) -> PaymoClient:
        """Calls to the company."""
        return self.kit.paymo.client(self.connection.paymo_api_key)

    @property
    def database(self) -> Database:
        """Where all of it is written down."""
        return self.kit.database

    @property
    def links(self) -> Links:
        """Addresses in both systems."""
        return self.kit.links

    def now(self) -> datetime:
        """Return the time."""
        return self.kit.now()


@dataclass(frozen=True, slots=True)
class ExportStep:
    """What is done about one exported invoice during a look."""

    run: Look
    export: Export
