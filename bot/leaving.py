"""Leaving: all that is kept about a workspace, as JSON or deleted."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from bot.settings import Settings
from bot.wiring import Core, open_core, open_database
from services.model.connection import ConnectionState
from services.model.jobs import Job
from services.store import belongings, connections, workspaces
from services.store.tables import Workspace


class UnknownWorkspace(Exception):
    """Nothing is kept about this workspace."""


async def export_data(settings: Settings, name: str) -> dict[str, Any]:
    """Return what is kept about a workspace, by table. Raises `UnknownWorkspace`."""
    database = open_database(settings)
    try:
        async with database.sessions() as session:
            workspace = await workspaces.find_named(session, name)
            if workspace is None:
                raise UnknownWorkspace
            return {
                "workspace": workspace.team_id,
                "tables": await belongings.export(session, workspace),
            }
    finally:
        await database.close()


async def forget(settings: Settings, name: str, tell: Callable[[str], None]) -> None:
    """End its connections on both sides as far as they answer, then delete everything.

    `tell` hears what is left to do by hand. Raises `UnknownWorkspace`.
    """
    async with AsyncExitStack() as stack:
        core = await open_core(settings, stack, alone=True)
        async with core.database.sessions() as session:
            workspace = await workspaces.find_named(session, name)
        if workspace is None:
            raise UnknownWorkspace
        await core.services.workspaces.uninstalled(workspace.enterprise_id, workspace.team_id)
        for organisation in await _end(core, workspace):
            tell(
                f"{organisation} did not answer, so the app is still listed there. Remove it in "
                "Xero at Settings > Connected apps."
            )
        async with core.database.sessions.begin() as session:
            await belongings.forget(session, workspace)


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
