"""Everything that is kept about one workspace.

Tables are found along their foreign keys, so a new one is exported and deleted without a line here.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, false, null, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.store.tables import Base, Connection, Grant, SlackBot, SlackInstallation, Workspace
from services.store.types import Secret

HIDDEN = "[encrypted]"
Rows = list[dict[str, Any]]

_GRANTS = Base.metadata.tables[Grant.__tablename__]
_SLACK = {Base.metadata.tables[each.__tablename__] for each in (SlackBot, SlackInstallation)}


def owned_by(table: Table, workspace: Workspace) -> ColumnElement[bool] | None:
    """Return which rows of a table are about this workspace; None where the table knows none."""
    if table is _GRANTS:
        used = select(Connection.grant_id).where(Connection.workspace_id == workspace.id)
        return table.c.id.in_(used.where(Connection.grant_id.is_not(None)))
    if table in _SLACK:
        # The SDK writes NULL where we write "".
        return (table.c.team_id == workspace.team_id) & (
            table.c.enterprise_id.is_not_distinct_from(workspace.enterprise_id or null())
        )
    if table.name == Workspace.__tablename__:
        return table.c.id == workspace.id
    for column in table.columns:
        for key in column.foreign_keys:
            if column.nullable or key.column.table is table:
                continue
            owners = owned_by(key.column.table, workspace)
            if owners is not None:
                return column.in_(select(key.column).where(owners))
    return None


async def export(session: AsyncSession, workspace: Workspace) -> dict[str, Rows]:
    """Return every row about this workspace by table, with secrets left out."""
    found: dict[str, Rows] = {}
    for table in Base.metadata.sorted_tables:
        owned = owned_by(table, workspace)
        if owned is None:
            continue
        shown = [
            column.is_not(None).label(column.name) if isinstance(column.type, Secret) else column
            for column in table.columns
        ]
        secrets = {each.name for each in table.columns if isinstance(each.type, Secret)}
        rows = await session.execute(select(*shown).where(owned).order_by(*table.primary_key))
        found[table.name] = [
            {
                name: (HIDDEN if value else None) if name in secrets else _plain(value)
                for name, value in row.items()
            }
            for row in rows.mappings()
        ]
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return format(value, "f") if isinstance(value, Decimal) else value


async def forget(session: AsyncSession, workspace: Workspace) -> None:
    """Delete every row about this workspace; a consent that another one uses stays."""
    grants = await _grants_of_its_own(session, workspace)
    for table in reversed(Base.metadata.sorted_tables):
        owned = owned_by(table, workspace)
        if owned is not None and table is not _GRANTS:
            await session.execute(delete(table).where(owned))
    await session.execute(delete(_GRANTS).where(_GRANTS.c.id.in_(grants) if grants else false()))


async def _grants_of_its_own(session: AsyncSession, workspace: Workspace) -> list[int]:
    own = select(Connection.grant_id).where(Connection.workspace_id == workspace.id)
    others = select(Connection.grant_id).where(
        Connection.workspace_id != workspace.id, Connection.grant_id.is_not(None)
    )
    found = await session.scalars(own.where(Connection.grant_id.not_in(others)))
    return [each for each in found if each is not None]
