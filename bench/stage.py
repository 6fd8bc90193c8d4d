"""What the benchmarks work on: a small and a large organisation in one database."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import insert

from bot import telemetry
from bot.settings import generate_key
from services.model.export import ExportState
from services.model.notice import NoticeKind
from services.store import migrations, mirror
from services.store.engine import Database
from services.store.tables import Connection, Contact, Export, Notice
from tests.services.store_seeds import connect

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
FEW, MANY, WAITING = 100, 10_000, 2000


@dataclass(frozen=True, slots=True)
class Stage:
    """Two organisations in one database, a small one and a large one."""

    database: Database
    small: Connection
    large: Connection


@asynccontextmanager
async def open_database(folder: Path) -> AsyncIterator[Database]:
    """Open an empty database of its own."""
    url = f"sqlite+aiosqlite:///{folder}/bench.db"
    await asyncio.to_thread(migrations.upgrade, url)
    database = Database.open(url, [generate_key()])
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def logged(folder: Path) -> AsyncIterator[None]:
    """Write the log that the program writes."""
    former = structlog.get_config()
    with (folder / "log").open("w", encoding="utf-8") as stream:
        telemetry.configure("INFO", "json", stream)
        yield
        structlog.configure(**former)
        logging.getLogger().handlers = []


@asynccontextmanager
async def open_stage(folder: Path) -> AsyncIterator[Stage]:
    """Fill a database of its own."""
    async with open_database(folder) as database:
        small = await _organisation(database, "T2", exported=FEW, waiting=FEW // 5)
        large = await _organisation(database, "T1", exported=MANY, waiting=WAITING)
        contacts = [
            {"contact_id": f"c{at}", "name": name_of(at), "email": f"c{at}@example.com"}
            for at in range(MANY)
        ]
        async with database.sessions.begin() as session:
            rows = [each | {"is_active": True} for each in contacts]
            await mirror.replace(session, large.id, Contact, rows)
        yield Stage(database, small, large)


def name_of(at: int) -> str:
    """Name a contact."""
    words = ("Harbour", "Maple", "Lane", "Studio", "Coffee", "Light", "Forge", "Nordic", "Alder")
    return f"{words[at % 9]} {words[at // 9 % 9]} {at} Ltd"


async def _organisation(
    database: Database, team_id: str, *, exported: int, waiting: int
) -> Connection:
    async with database.sessions.begin() as session:
        named = {"tenant_id": team_id, "organisation_name": "Maple Books"}
        company_id = int(team_id.removeprefix("T"))
        connection = await connect(session, team_id, paymo_company_id=company_id, **named)
        await session.execute(insert(Export), _exports(connection, exported))
        await session.execute(insert(Notice), _notices(connection, waiting))
    return connection


def _exports(connection: Connection, count: int) -> list[dict[str, Any]]:
    usual: dict[str, Any] = {
        "connection_id": connection.id,
        "paymo_company_id": connection.paymo_company_id,
        "tenant_id": connection.tenant_id,
        "state": ExportState.EXPORTED,
        "requested_by": "U1",
        "requested_at": NOW,
        "reply_to": {},
        "contact_id": "c1",
        "account_id": "a",
        "xero_status": "AUTHORISED",
        "made_by": "app",
    }
    return [
        usual
        | {
            "paymo_invoice_id": at,
            "xero_invoice_id": f"{connection.id}-{at}",
            "paymo_checked_at": NOW - timedelta(seconds=at),
        }
        for at in range(count)
    ]


def _notices(connection: Connection, count: int) -> list[dict[str, Any]]:
    """Return messages for one channel; its first has to wait, as after each that was posted."""
    usual: dict[str, Any] = {
        "workspace_id": connection.workspace_id,
        "connection_id": connection.id,
        "channel_id": "C1",
        "kind": NoticeKind.PAYMENT_RECEIVED,
        "facts": {},
        "created_at": NOW,
    }
    later = NOW + timedelta(hours=1)
    return [
        usual | {"source": f"{connection.id}:{at}", "due_at": NOW if at else later}
        for at in range(count)
    ]
