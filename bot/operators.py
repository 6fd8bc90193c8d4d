"""What whoever runs the program does from the command line, without a web server."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bot.settings import Settings
from bot.wiring import Core, now, open_core, open_database
from services.model.connection import ConnectionState
from services.model.jobs import Job
from services.store import access, connections, schedules, workspaces
from services.store.engine import Database, Session
from services.store.tables import Workspace

_PATIENCE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Swept:
    """How the sweep of one organisation came out."""

    organisation: str
    problem: str


Told = Callable[[Swept], None]
Count = Callable[[int], None]


async def sync_once(settings: Settings, workspace: str, begin: Count, tell: Told) -> bool:
    """Sweep every organisation now, report each as it ends, and return whether all went well."""
    async with AsyncExitStack() as stack:
        core = await open_core(settings, stack, is_alone=True)
        async with core.database.sessions.begin() as session:
            connection_ids = await schedules.want_sweeps(session, workspace, now())
        begin(len(connection_ids))
        is_well = True
        for connection_id in connection_ids:
            await core.work.nudge(Job.SWEEP, connection_id)
            await core.work.settle()
            swept = await _outcome(core.database, connection_id)
            is_well = is_well and not swept.problem
            tell(swept)
        return is_well


async def sync_on(settings: Settings) -> None:
    """Sweep organisations whenever they are due, without a web server, until told to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    async with AsyncExitStack() as stack:
        core: Core = await open_core(settings, stack)
        await core.work.start()
        core.clock.start()
        await stop.wait()
        core.clock.stop()
        await core.work.stop(_PATIENCE)


async def _outcome(database: Database, connection_id: int) -> Swept:
    async with database.sessions() as session:
        connection = await connections.get(session, connection_id)
        return Swept(connection.organisation_name, await schedules.trouble_of(session, connection))


class UnknownWorkspace(Exception):
    """Nothing is kept about this workspace."""


@asynccontextmanager
async def _named(settings: Settings, name: str) -> AsyncIterator[tuple[Session, Workspace]]:
    """Open the database, and a transaction in which the workspace is at hand."""
    database = open_database(settings)
    try:
        async with database.sessions.begin() as session:
            yield session, await _get_named(session, name)
    finally:
        await database.close()


async def _get_named(session: Session, name: str) -> Workspace:
    workspace = await workspaces.find_named(session, name)
    if workspace is None:
        raise UnknownWorkspace
    return workspace


async def export_data(settings: Settings, name: str) -> dict[str, Any]:
    """Return what is kept about a workspace, by table. Raises `UnknownWorkspace`."""
    async with _named(settings, name) as (session, workspace):
        tables = await workspaces.export_rows(session, workspace)
        return {"workspace": workspace.team_id, "tables": tables}


async def forget(settings: Settings, name: str, tell: Callable[[str], None]) -> None:
    """End its connections on both sides as far as they answer, then delete everything.

    `tell` hears what is left to do by hand. Raises `UnknownWorkspace`.
    """
    async with AsyncExitStack() as stack:
        core = await open_core(settings, stack, is_alone=True)
        async with core.database.sessions() as session:
            workspace = await _get_named(session, name)
        await core.services.workspaces.uninstalled(workspace.enterprise_id, workspace.team_id)
        for organisation in await _end(core, workspace):
            tell(
                f"{organisation} did not answer, so the app is still listed there. Remove it in "
                "Xero at Settings > Connected apps."
            )
        async with core.database.sessions.begin() as session:
            await workspaces.forget_rows(session, workspace)


async def _end(core: Core, workspace: Workspace) -> list[str]:
    """End every connection; return the organisations where that did not succeed."""
    left: list[str] = []
    async with core.database.sessions() as session:
        ending = await connections.list_ending(session, workspace.id)
    for each in ending:
        await core.work.nudge(Job.DISCONNECT, each.id)
    await core.work.settle()
    async with core.database.sessions() as session:
        for each in ending:
            found = await connections.get(session, each.id)
            if found.state is not ConnectionState.ENDED:
                left.append(found.organisation_name or "Xero")
    return left


async def set_owner(settings: Settings, name: str, user_id: str) -> list[str]:
    """Make somebody the owner of all that is connected; return the organisations' names.

    The running server tells both owners. Raises `UnknownWorkspace`.
    """
    async with _named(settings, name) as (session, workspace):
        found = await access.list_in(session, workspace.id)
        for each in found:
            await access.change_owner(session, each, user_id, access.ORDERED, now())
        return [each.organisation_name or "Xero" for each in found]
