"""Slack workspaces: met, installed, uninstalled."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.lifecycle import connection as lifecycle
from services.model.jobs import Job
from services.model.people import Person
from services.store import schedules, workspaces
from services.store.engine import Database
from services.store.tables import Connection


@dataclass(frozen=True, slots=True)
class WorkspaceService:
    """Which workspaces the app is in."""

    database: Database
    now: Callable[[], datetime]

    async def id_of(self, person: Person) -> int:
        """Return the id of this person's workspace, which is added when it is new."""
        async with self.database.sessions() as session:
            known = await workspaces.find(session, person.enterprise_id, person.team_id)
        if known is not None:
            return known.id
        async with self.database.sessions.begin() as session:
            found = await workspaces.find_or_add(
                session, person.enterprise_id, person.team_id, self.now()
            )
            return found.id

    async def installed(self, enterprise_id: str, team_id: str, user_id: str) -> None:
        """Note that somebody installed the app, perhaps again; what was parked goes on."""
        async with self.database.sessions.begin() as session:
            found = await workspaces.find_or_add(session, enterprise_id, team_id, self.now())
            await workspaces.mark_installed(session, found.id, user_id, self.now())

    async def uninstalled(
        self, enterprise_id: str, team_id: str, at: datetime | None = None
    ) -> None:
        """Note that the app was taken away: no job of that workspace runs any more.

        But for one: its connections are ended on both sides, as `disconnect` does.
        """
        now = self.now()
        async with self.database.sessions.begin() as session:
            gone = await workspaces.mark_uninstalled(session, enterprise_id, team_id, at or now)
            ended = await lifecycle.uninstall(session, Connection.workspace_id.in_(gone))
            ids = [each.id for each in ended]
            await schedules.begin(session, ids, [Job.DISCONNECT], now)

    async def is_installed(self, enterprise_id: str, team_id: str) -> bool:
        """Say whether the app is in a workspace, as far as we were told."""
        async with self.database.sessions() as session:
            found = await workspaces.find(session, enterprise_id, team_id)
            return found is not None and found.is_installed
