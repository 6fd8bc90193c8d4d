"""One sweep of one organisation: what its steps share, and what comes of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from services.clients.paymo import PaymoClient, PaymoClients
from services.clients.xero import XeroClient, XeroClients
from services.errors import Lost
from services.jobs.runner import Runner, Turn
from services.model.invoice import Links
from services.model.people import ReplyTarget, Said
from services.store import leases
from services.store.engine import Database, Session
from services.store.tables import Connection, Export, Schedule


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep found and did."""

    organisation: str
    payments: int = 0
    removals: int = 0
    deletions: int = 0
    held: int = 0
    problem: str = ""


class SyncScreen(Protocol):
    """Where the person who typed `sync` sees what came of it."""

    async def show_swept(self, reply_to: ReplyTarget, swept: Swept) -> None:
        """Say it to that person alone."""

    async def say(self, reply_to: ReplyTarget, said: Said) -> None:
        """Say it in the open view, or to the person alone when it was closed."""


@dataclass(frozen=True, slots=True)
class SweepRun:
    """A sweep under way, under the fence that it was taken with."""

    database: Database
    paymos: PaymoClients
    xeros: XeroClients
    links: Links
    runner: Runner
    now: Callable[[], datetime]
    connection: Connection
    turn: Turn[Schedule]
    problems: list[str] = field(default_factory=list)  # what a person should know of
    waits: list[datetime] = field(default_factory=list)  # when what is under way is over

    async def hold(self, session: Session) -> None:
        """Keep the sweep for another lease. In a transaction that writes, this is the fence.

        Raises `Lost` when somebody else sweeps this organisation by now.
        """
        if not await leases.renew(session, self.turn.row, self.now()):
            raise Lost

    @property
    def xero(self) -> XeroClient:
        """Calls to the organisation."""
        return self.xeros.client(self.connection.tenant_id, self.connection.grant_id)

    @property
    def paymo(self) -> PaymoClient:
        """Calls to the company."""
        return self.paymos.client(self.connection.paymo_api_key)


@dataclass(frozen=True, slots=True)
class ExportedInvoice:
    """One exported invoice during a sweep."""

    run: SweepRun
    export: Export
