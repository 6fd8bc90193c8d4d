"""Both systems connected, and how a test gets that state without coming to it all over again.

To connect, and to copy what both systems know, takes a few hundred statements and some twenty
calls. That is done once; a test then gets a copy of the database and of both stand-ins.
"""

import copy
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from sqlalchemy import func, select, text

from sandbox.paymo import Company, PaymoWorld
from sandbox.xero import XeroWorld
from sandbox.xero.oauth import Request
from sandbox.xero.organisation import Organisation
from services.clients.tokens import SCOPES, XeroOAuth
from services.model.connection import ConnectionState
from services.model.jobs import Job
from services.store import schedules
from services.store.engine import Database
from services.store.tables import Connection, Grant, Subscription, Workspace

KEY = "paymo-key"


@dataclass(slots=True)
class Clock:
    """A clock that tests turn."""

    time: datetime = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.time

    def turn(self, **by: int) -> None:
        """Turn it forward."""
        self.time += timedelta(**by)


Worlds = tuple[Clock, XeroWorld, PaymoWorld]


@dataclass(frozen=True, slots=True)
class Built:
    """What has been built once: the database, and everything beside it."""

    database: sqlite3.Connection
    rest: Any

    @classmethod
    def of(cls, file: str, rest: Any) -> Self:
        """Keep the state as it is now."""
        kept = sqlite3.connect(":memory:")
        _copy(sqlite3.connect(file), kept)
        return cls(kept, copy.deepcopy(rest))

    def copied_to(self, file: str) -> Any:
        """Fill a database with it, and return a copy of the rest."""
        _copy(self.database, sqlite3.connect(file))
        return copy.deepcopy(self.rest)


BUILT: dict[tuple[str, ...], Built] = {}  # by name, for the whole run


def _copy(one: sqlite3.Connection, other: sqlite3.Connection) -> None:
    one.backup(other)
    for each in (one, other):
        if each.execute("PRAGMA database_list").fetchone()[2]:
            each.close()


async def empty_file(database: Database) -> str | None:
    """Return the file of a SQLite database in which nothing is yet."""
    if database.is_postgres:
        return None
    async with database.sessions() as session:
        if await session.scalar(select(func.count()).select_from(Workspace)):
            return None
        row = (await session.execute(text("PRAGMA database_list"))).one()
        return str(row.file)


def oauth_of(xero: XeroWorld, address: str, clock: Clock) -> XeroOAuth:
    """Return our side of Xero's consent."""
    return XeroOAuth(
        client_id=xero.client_id,
        client_secret=xero.client_secret,
        login_url=address,
        identity_url=address,
        redirect_uri="http://localhost:8000/xero/callback",
        http_headers={},
        now=clock,
    )


async def connect(database: Database, worlds: Worlds, oauth: XeroOAuth) -> int:
    """Found a company and an organisation, connect them, and return the connection's id."""
    clock, xero, paymo = worlds
    books = xero.add_organisation("Maple Books", country="NZ", currency="NZD")
    books.add_usual_books()
    company = paymo.add_company("Maple Studio", key=KEY)
    asked = Request(redirect_uri=oauth.redirect_uri, scopes=tuple(SCOPES.split()))
    code = xero.authority.allow(asked, "anna", [(books.tenant_id, books.name)])
    tokens = await oauth.exchange(code, verifier="v" * 64)
    async with database.sessions.begin() as session:
        grant = Grant(
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            expires_at=tokens.expires_at,
        )
        workspace = Workspace(team_id="T1", created_at=clock())
        session.add_all([grant, workspace])
        await session.flush()
        connection = _row(clock(), company, books)
        connection.workspace_id, connection.grant_id = workspace.id, grant.id
        session.add(connection)
        await session.flush()
        heard = Subscription(
            connection_id=connection.id,
            channel_id="C1",
            topics=["exports", "payments", "deletions", "failures"],
            set_by="U1",
            set_at=clock(),
        )
        session.add(heard)
        await schedules.want(session, [connection.id], [Job.SWEEP, Job.MIRROR], clock())
    return connection.id


def _row(now: datetime, company: Company, books: Organisation) -> Connection:
    return Connection(
        state=ConnectionState.ACTIVE,
        created_at=now,
        owner_id="U1",
        paymo_company_id=company.id,
        paymo_company_name=company.name,
        paymo_api_key=KEY,
        tenant_id=books.tenant_id,
        organisation_name=books.name,
        base_currency=books.currency,
        country=books.country,
        short_code=books.short_code,
    )
