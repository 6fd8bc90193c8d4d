"""Slack workspaces that know the app, and everything kept about one.

Tables are found along their foreign keys, so a new one is exported and deleted without a line here.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, delete, false, func, null, or_, select, update

from services.model.connection import ConnectionState
from services.model.notice import NoticeKind
from services.store.engine import Session, insert_into
from services.store.tables import (
    Acquaintance,
    Base,
    Connection,
    Grant,
    Notice,
    SlackBot,
    SlackInstallation,
    Workspace,
)
from services.store.types import Secret

_LONGEST_ID = 9  # figures; a longer number is nobody's, and no database takes it
_SKEW = timedelta(seconds=2)  # Slack tells whole seconds of its own clock
HIDDEN = "[encrypted]"
Rows = list[dict[str, Any]]
_GRANTS = Base.metadata.tables[Grant.__tablename__]
_SLACK = {Base.metadata.tables[each.__tablename__] for each in (SlackBot, SlackInstallation)}


async def get(session: Session, workspace_id: int) -> Workspace:
    """Return the workspace with this id."""
    return await session.get_one(Workspace, workspace_id)


async def find(session: Session, enterprise_id: str, team_id: str) -> Workspace | None:
    """Return the workspace with Slack's ids, if it has met the app."""
    found = await session.scalars(_with_ids(enterprise_id, team_id))
    return found.one_or_none()


async def find_named(session: Session, name: str) -> Workspace | None:
    """Return the workspace that an operator means: by Slack's id (T…) or by ours.

    In a Grid organisation several may share Slack's id; then only ours tells them apart.
    """
    found = (await session.scalars(select(Workspace).where(is_named(name)))).all()
    return found[0] if len(found) == 1 else None


def is_named(name: str) -> ColumnElement[bool]:
    """Return which workspaces an operator may mean by Slack's id or ours."""
    is_ours = name.isdecimal() and len(name) <= _LONGEST_ID
    return Workspace.id == int(name) if is_ours else Workspace.team_id == name


async def list_expired(
    session: Session, removed_before: datetime, ended_before: datetime
) -> Sequence[Workspace]:
    """Return the workspaces that took the app away before a time.

    One whose connections are still being ended waits for that, but not beyond `ended_before`.
    """
    is_ending = select(Connection.id).where(
        Connection.workspace_id == Workspace.id, Connection.state == ConnectionState.ENDING
    )
    return await session.every(
        select(Workspace)
        .where(~Workspace.is_installed, Workspace.uninstalled_at <= removed_before)
        .where(or_(~is_ending.exists(), Workspace.uninstalled_at <= ended_before))
        .order_by(Workspace.id)
    )


async def lock_removed(session: Session, workspace_id: int) -> bool:
    """Say whether the app is still out of this workspace, and keep it so for the transaction."""
    found = await session.scalar(
        select(Workspace.is_installed).where(Workspace.id == workspace_id).with_for_update()
    )
    return found is False


async def find_or_add(
    session: Session, enterprise_id: str, team_id: str, now: datetime
) -> Workspace:
    """Return the workspace with Slack's ids; the first one to ask adds it."""
    known = await find(session, enterprise_id, team_id)
    if known is not None:
        return known
    row = {
        "enterprise_id": enterprise_id,
        "team_id": team_id,
        "app_id": "",
        "is_installed": True,
        "installed_by": "",
        "created_at": now,
    }
    await session.execute(insert_into(session, Workspace).values(**row).on_conflict_do_nothing())
    added = await session.scalars(_with_ids(enterprise_id, team_id))
    return added.one()


async def mark_installed(session: Session, workspace_id: int, user_id: str, now: datetime) -> None:
    """Note that somebody installed the app, perhaps again."""
    await session.execute(
        update(Workspace)
        .where(Workspace.id == workspace_id)
        .values(is_installed=True, installed_by=user_id, installed_at=now, uninstalled_at=None)
    )


async def note_app(session: Session, workspace_id: int, app_id: str) -> None:
    """Keep what Slack calls our app; links to it need that."""
    await session.execute(
        update(Workspace)
        .where(Workspace.id == workspace_id, Workspace.app_id != app_id)
        .values(app_id=app_id)
    )


async def welcome(session: Session, workspace_id: int, user_id: str, now: datetime) -> None:
    """Queue a welcome for this person; of all who come, for the first one."""
    if not await session.write(
        update(Workspace)
        .where(Workspace.id == workspace_id, Workspace.welcomed_at.is_(None))
        .values(welcomed_at=now)
    ):
        return
    welcome = Notice(workspace_id=workspace_id, channel_id=user_id, kind=NoticeKind.WELCOME)
    welcome.source, welcome.facts = f"{NoticeKind.WELCOME}:{workspace_id}", {}
    welcome.created_at = welcome.due_at = now
    session.add(welcome)


async def mark_uninstalled(
    session: Session, enterprise_id: str, team_id: str, at: datetime
) -> Sequence[int]:
    """Note that the app was removed then; return the ids of the workspaces that had it.

    Without a team it was removed from the whole organisation. If it was installed again since,
    nothing changes.
    """
    before = or_(Workspace.installed_at.is_(None), Workspace.installed_at <= at + _SKEW)
    where = [Workspace.enterprise_id == enterprise_id, Workspace.is_installed, before]
    if team_id or not enterprise_id:
        where.append(Workspace.team_id == team_id)
    found = await session.scalars(
        update(Workspace)
        .where(*where)
        .values(is_installed=False, uninstalled_at=at)
        .returning(Workspace.id)
    )
    return found.all()


async def name_of(session: Session, workspace: Workspace) -> str:
    """Return what Slack called the workspace when it was installed, else its id."""
    found = await session.scalar(
        select(func.coalesce(SlackInstallation.team_name, SlackInstallation.enterprise_name))
        .where(
            func.coalesce(SlackInstallation.enterprise_id, "") == workspace.enterprise_id,
            or_(
                SlackInstallation.team_id == workspace.team_id, SlackInstallation.team_id.is_(None)
            ),
        )
        .order_by(SlackInstallation.team_id.is_(None), SlackInstallation.id.desc())
        .limit(1)
    )
    return found or workspace.team_id or workspace.enterprise_id


def _with_ids(enterprise_id: str, team_id: str) -> Select[Workspace]:
    return select(Workspace).where(
        Workspace.enterprise_id == enterprise_id, Workspace.team_id == team_id
    )


def owned_by(table: Table, workspace: Workspace) -> ColumnElement[bool] | None:
    """Return the condition for a table's rows about this workspace; None if it has none."""
    if table is _GRANTS:
        used = select(Connection.grant_id).where(Connection.workspace_id == workspace.id)
        return table.c.id.in_(used.where(Connection.grant_id.is_not(None)))
    if table in _SLACK:
        # The SDK writes NULL where we write "".
        return table.c.team_id.is_not_distinct_from(workspace.team_id or null()) & (
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


async def export_rows(session: Session, workspace: Workspace) -> dict[str, Rows]:
    """Return every row about this workspace by table, with secrets left out and people named."""
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
    _name_people(found)
    return found


def _name_people(found: dict[str, Rows]) -> None:
    """Put what Slack calls a person beside each id, as far as it was asked."""
    people = found.get(Acquaintance.__tablename__, [])
    called = {each["user_id"]: each["name"] for each in people if each["name"]}
    for rows in (rows for rows in found.values() if rows is not people):
        for row in rows:
            for column, value in list(row.items()):
                listed = value if isinstance(value, list) else [value]
                names = [called.get(each, "") if isinstance(each, str) else "" for each in listed]
                if any(names) and isinstance(value, list):
                    row[f"{column}_names"] = names
                elif any(names):
                    row[f"{column}_name"] = names[0]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return format(value, "f") if isinstance(value, Decimal) else value


async def forget_rows(session: Session, workspace: Workspace) -> None:
    """Delete every row about this workspace; a consent that another one uses stays."""
    grants = await _grants_of_its_own(session, workspace)
    for table in reversed(Base.metadata.sorted_tables):
        owned = owned_by(table, workspace)
        if owned is not None and table is not _GRANTS:
            await session.execute(delete(table).where(owned))
    await session.execute(delete(_GRANTS).where(_GRANTS.c.id.in_(grants) if grants else false()))


async def _grants_of_its_own(session: Session, workspace: Workspace) -> list[int]:
    own = select(Connection.grant_id).where(Connection.workspace_id == workspace.id)
    others = select(Connection.grant_id).where(
        Connection.workspace_id != workspace.id, Connection.grant_id.is_not(None)
    )
    found = await session.scalars(own.where(Connection.grant_id.not_in(others)))
    return [each for each in found if each is not None]
