"""Deciding who owns a workspace's connections, where nobody in Slack can."""

from bot.leaving import UnknownWorkspace
from bot.settings import Settings
from bot.wiring import now, open_database
from services.store import ownership, workspaces


async def set_owner(settings: Settings, name: str, user_id: str) -> list[str]:
    """Make somebody the owner of all that is connected; return the organisations' names.

    The running server tells both owners. Raises `UnknownWorkspace`.
    """
    database = open_database(settings)
    try:
        async with database.sessions.begin() as session:
            workspace = await workspaces.find_named(session, name)
            if workspace is None:
                raise UnknownWorkspace
            found = await ownership.list_in(session, workspace.id)
            for each in found:
                await ownership.change(session, each, user_id, ownership.ORDERED, now())
            return [each.organisation_name or "Xero" for each in found]
    finally:
        await database.close()
