"""How a test loses its database, and connects the same pair on an empty one."""

from typing import Any

from sqlalchemy import delete, inspect

from services.model.connection import ConnectionState
from services.model.jobs import Job
from services.store import connections, grants, schedules, workspaces
from services.store.tables import Base, Connection, Grant, Workspace
from tests.services.bridge import Bridge

_FRESH = {
    "id",
    "created_at",
    "cursor",
    "swept_at",
    "reread_at",
    "xero_mirrored_at",
    "paymo_mirrored_at",
    "contacts_whole_at",
    "contacts_read_at",
    "contacts_mark",
    "ledger_mark",
    "names",
    "left_out",
}


def columns(row: Base) -> dict[str, Any]:
    """Return what a row holds that a new consent brings along."""
    names = [each.key for each in inspect(type(row)).column_attrs]
    return {name: getattr(row, name) for name in names if name not in _FRESH}


async def lose_database(bridge: Bridge) -> None:
    """Delete everything, then connect the same pair again, with default settings."""
    bridge.clock.turn(hours=5)
    async with bridge.database.sessions.begin() as session:
        former = await connections.get(session, bridge.connection_id)
        kept = columns(former)
        grant = columns(await grants.get(session, former.grant_id or 0))
        place = columns(await workspaces.get(session, former.workspace_id))
        session.expunge_all()
        for table in reversed(Base.metadata.sorted_tables):
            await session.execute(delete(table))
        workspace = Workspace(**place, created_at=bridge.clock())
        session.add_all([workspace, consent := Grant(**grant)])
        await session.flush()
        kept |= {"workspace_id": workspace.id, "grant_id": consent.id}
        row = Connection(**kept, created_at=bridge.clock())
        assert row.state is ConnectionState.ACTIVE
        session.add(row)
        await session.flush()
        await schedules.want(session, [row.id], [Job.SWEEP, Job.MIRROR], bridge.clock())
    bridge.connection_id = row.id
    bridge.mirror.ledger_read_at.clear()
    await bridge.run()
