"""Rows that tests of the store begin with."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import func, select

from services.model.connection import ConnectionState
from services.model.export import BatchState, ExportState
from services.model.jobs import Job
from services.store import schedules
from services.store.engine import Database, Session
from services.store.tables import (
    Base,
    Batch,
    Connection,
    Export,
    Grant,
    Notice,
    Schedule,
    Workspace,
)

Row = TypeVar("Row", bound=Base)
NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


async def connected(database: Database, team_id: str = "T1", **values: Any) -> Connection:
    """Add a working connection in a workspace of its own."""
    async with database.sessions.begin() as session:
        return await connect(session, team_id, **values)


async def connect(session: Session, team_id: str, **values: Any) -> Connection:
    """Add it within a transaction of somebody else's."""
    usual: dict[str, Any] = {
        "state": ConnectionState.ACTIVE,
        "created_at": NOW,
        "owner_id": "U1",
        "tenant_id": "tenant",
        "paymo_company_id": 1,
        "paymo_api_key": "paymo key",
    }
    times, values = times_in(values), {**usual, **values}
    workspace = Workspace(team_id=team_id, created_at=values["created_at"])
    session.add(workspace)
    await session.flush()
    connection = Connection(workspace_id=workspace.id, **values)
    session.add(connection)
    await session.flush()
    for job, due_at in times.items():
        session.add(Schedule(connection_id=connection.id, job=job, due_at=due_at))
    return connection


def times_in(values: dict[str, Any]) -> dict[Job, Any]:
    """Take out of some values when a connection's jobs are due: `sweep_due_at` and so on."""
    jobs = (Job.SWEEP, Job.MIRROR, Job.DISCONNECT)
    return {job: values.pop(f"{job}_due_at") for job in jobs if f"{job}_due_at" in values}


async def set_due(session: Session, connection_id: int, job: Job, due_at: Any) -> None:
    """Have one of a connection's jobs due then, or not at all."""
    schedule = await schedules.find(session, connection_id, job)
    assert schedule is not None
    schedule.due_at = due_at


async def schedule_of(database: Database, connection_id: int, job: Job) -> Schedule:
    """Return one of a connection's jobs as it stands now."""
    async with database.sessions() as session:
        found = await schedules.find(session, connection_id, job)
    assert found is not None
    return found


async def granted(database: Database) -> Grant:
    """Add a token set."""
    grant = Grant(access_token="access", refresh_token="refresh", expires_at=NOW)
    async with database.sessions.begin() as session:
        session.add(grant)
    return grant


def export_of(connection: Connection, **values: Any) -> Export:
    """Return an export that waits to be sent."""
    usual: dict[str, Any] = {
        "paymo_invoice_id": 7,
        "state": ExportState.QUEUED,
        "due_at": NOW,
        "requested_by": "U1",
        "requested_at": NOW,
        "reply_to": {},
        "contact_id": "contact",
        "account_id": "account",
        "xero_status": "AUTHORISED",
        "total": Decimal("1234.50"),
    }
    return Export(
        connection_id=connection.id,
        paymo_company_id=connection.paymo_company_id,
        tenant_id=connection.tenant_id,
        **{**usual, **values},
    )


def batch_of(connection: Connection) -> Batch:
    """Return a batch that is done."""
    return Batch(
        connection_id=connection.id,
        state=BatchState.DONE,
        asked_by="U1",
        reply_to={},
        created_at=NOW,
    )


async def rows_of(database: Database, table: type[Row]) -> list[Row]:
    """Return every row of a table, in order."""
    async with database.sessions() as session:
        found = await session.scalars(select(table).order_by(*table.__table__.primary_key))
        return list(found)


def read(notice: Notice | None) -> str:
    """Return what a notice is about, or "" when there is none."""
    return notice.source if notice else ""


async def count_waiting(session: Session) -> int:
    """Return how many messages are still owed."""
    waiting = select(func.count()).select_from(Notice).where(Notice.due_at.is_not(None))
    return await session.scalar(waiting) or 0
