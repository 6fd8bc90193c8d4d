"""Connecting a Paymo company and a Xero organisation, disconnecting them, and their workspaces."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from services.connect import checklists, consents
from services.connect.checklists import (
    Checklist,
    Checklists,
    ConnectScreen,
    Farewell,
    Overview,
)
from services.errors import NotConnected, ServiceError
from services.jobs.runner import Work
from services.lifecycle import connection as lifecycle
from services.model.connection import ConnectionState
from services.model.jobs import Job
from services.model.people import Person, ReplyTarget, Role
from services.model.wording import clean
from services.store import (
    access,
    audit,
    connections,
    exports,
    grants,
    links,
    people,
    schedules,
    workspaces,
)
from services.store.audit import AuditNote
from services.store.engine import LOCK, Database, Session
from services.store.people import Place
from services.store.tables import Connection, Workspace

log = structlog.get_logger(__name__)

_NAMED_FOR = timedelta(days=1)
_MET_HOLDS = timedelta(minutes=5)
_MOST = 10_000
_AT_ONCE = 4  # so that many strangers leave connections to whoever waits for an answer


@dataclass(frozen=True, slots=True)
class ConnectService:
    """What people do in Slack reads and writes rows only; pages and the job call Paymo and Xero."""

    database: Database
    work: Work
    screen: ConnectScreen
    checklists: Checklists
    now: Callable[[], datetime]
    # By workspace what decides about roles, and the stamp under which it was read.
    places: dict[tuple[str, str], tuple[int, Sequence[Place]]] = field(default_factory=dict)

    async def open(self, person: Person) -> Checklist:
        """Start connecting, or go on where somebody stopped. Raises `NotAllowed`."""
        async with self.database.sessions.begin() as session:
            connection = await self._to_connect(session, person)
            return await self._start_over(session, connection, person)

    async def add(self, person: Person) -> Checklist:
        """Start one more connection, or go on with one that this person has begun."""
        async with self.database.sessions.begin() as session:
            workspace = await self._locked(session, person)
            connection = await connections.find_begun(session, workspace.id, person.user_id)
            if connection is None:
                connection = await self._new(session, workspace, person)
            return await self._start_over(session, connection, person)

    async def attach_view(self, person: Person, connection_id: int, view_id: str) -> None:
        """Say which modal shows the checklist, so that it is drawn again when a page is done."""
        async with self.database.sessions.begin() as session:
            await connections.find_here(session, person, connection_id)
            await links.attach_view(session, connection_id, person.user_id, view_id)

    async def catch_up(self, person: Person, drawn: Checklist, reply_to: ReplyTarget) -> None:
        """Draw the checklist again if a side was connected before its view was known."""
        async with self.database.sessions.begin() as session:
            connection = await connections.find_here(session, person, drawn.connection_id)
            if checklists.needs_of(connection, person.user_id) == (
                bool(drawn.paymo_link),
                bool(drawn.xero_link),
            ):
                return
            spot = checklists.spot_for(connection, person, reply_to.view_id)
            fresh = await self.checklists.draw(session, connection, spot)
        await self.screen.show_checklist(reply_to, fresh)

    async def missing_consent(self, person: Person, connection_id: int) -> str:
        """A link to Xero's consent when a setting needs more than was allowed, else ""."""
        async with self.database.sessions.begin() as session:
            connection = await connections.get_here(session, person, connection_id, Role.OWNER)
            if connection.state is not ConnectionState.ACTIVE or connection.grant_id is None:
                raise NotConnected(connections.CONNECT_FIRST, system="Xero")
            grant = await grants.get(session, connection.grant_id)
            if not consents.missing_scopes(connection, grant):
                return ""
            spot = checklists.spot_for(connection, person)
            return self.checklists.link(session, spot, checklists.XERO)

    async def confirm(self, person: Person, connection_id: int) -> None:
        """Note that who connected has read the organisation's name and pressed the button."""
        async with self.database.sessions.begin() as session:
            connection = await connections.get_here(session, person, connection_id, Role.OWNER)
            known = {"tenant_id": connection.tenant_id, "name": connection.organisation_name}
            entry = AuditNote(checklists.CONFIRMED, self.now(), person.user_id, after=known)
            audit.record(session, connection, entry)

    async def overviews(self, person: Person) -> tuple[Overview, ...]:
        """The connections that this person may ask about, the usual one first.

        Raises `NotAllowed` where there are some, and none of them is theirs to see.
        """
        async with self.database.sessions() as session:
            found = await connections.list_open(session, person)
            seen = [
                await checklists.overview_of(session, each, role)
                for each in found
                if (role := await people.role_of(session, each, person)) > Role.NOBODY
                and connections.is_begun(each)
            ]
            hidden = [each for each in found if each.state is not ConnectionState.PENDING]
            if hidden and not seen:
                raise people.refusal(hidden[0], Role.VIEWER, Role.NOBODY)
            return tuple(seen)

    async def best_role(self, person: Person) -> Role | None:
        """Return the most that this person may do here; None if they may see nothing.

        Raises `NotAllowed` as `overviews` does.

        It trusts what this process remembers, at most five seconds old (`Changes`). That permits
        nothing: it chooses which commands `help` lists, and each of them asks the database.
        """
        key = (person.enterprise_id, person.team_id)
        stamp = await self.database.changes.stamp()
        count, found = self.places.get(key, (-1, ()))
        if count != stamp:
            async with self.database.sessions() as session:
                found = await connections.places(session, person)
            if len(self.places) >= _MOST:
                self.places.clear()
            self.places[key] = (stamp, found)
        return connections.best_role(found, person)

    async def former(self, person: Person) -> str:
        """Return the name of the last ended connection, for people with a role in it; else ""."""
        async with self.database.sessions() as session:
            ended = await connections.find_last_ended(session, person)
            if ended is None or not people.named_role(ended, person.user_id):
                return ""
            return f"{ended.paymo_company_name} → {ended.organisation_name}"

    async def farewell(self, person: Person) -> Farewell:
        """Say what disconnecting ends and what it leaves. Raises `NotConnected`, `NotAllowed`."""
        async with self.database.sessions() as session:
            connection = await _to_end(session, person)
            return Farewell(
                connection_id=connection.id,
                company=connection.paymo_company_name,
                organisation=connection.organisation_name,
                exported=await exports.count_live(session, connection),
                others=await consents.names_of_others(session, connection),
            )

    async def disconnect(self, person: Person, reply_to: ReplyTarget) -> None:
        """Have the connection ended on both sides. Raises `NotConnected`, `NotAllowed`."""
        async with self.database.sessions.begin() as session:
            connection = await _to_end(session, person)
            await lifecycle.disconnect(session, connection)
            connection_id = connection.id
            await schedules.begin(session, [connection_id], [Job.DISCONNECT], self.now(), reply_to)
            await links.forget(session, connection_id)
            await people.outdate(session, connection, self.now())
        await self.work.nudge(Job.DISCONNECT, connection_id)

    async def _to_connect(self, session: Session, person: Person) -> Connection:
        workspace = await self._locked(session, person)
        current = await connections.find_current(session, person)
        if current is None:
            return await self._new(session, workspace, person)
        if current.state is ConnectionState.ENDING:
            raise NotConnected(
                "The previous connection is still ending. Try again in a minute.", system="Xero"
            )
        if current.owner_id != person.user_id and not person.connection_id:
            # Who was half way when somebody else finished goes on with their own.
            begun = await connections.find_begun(session, workspace.id, person.user_id)
            if begun is not None and checklists.needs_of(begun, person.user_id) != (True, True):
                current = begun
        if not await access.may_take_over(session, current, person.user_id, self.now()):
            await people.require(session, current, person, Role.OWNER)
        return current

    async def _start_over(
        self, session: Session, connection: Connection, person: Person
    ) -> Checklist:
        """Draw the checklist with fresh links; those of a former attempt are dead."""
        await links.forget(session, connection.id, user_id=person.user_id)
        checklists.name_owner(connection, person)
        spot = checklists.spot_for(connection, person)
        return await self.checklists.draw(session, connection, spot)

    async def _locked(self, session: Session, person: Person) -> Workspace:
        """The workspace; of two who begin at once, the second waits for the first."""
        workspace = await workspaces.find_or_add(
            session, person.enterprise_id, person.team_id, self.now()
        )
        locked = await session.get_one(Workspace, workspace.id, with_for_update=LOCK)
        if not locked.is_installed:
            # Where a bot token stands in the settings, nobody comes back over the install page.
            await workspaces.mark_installed(session, locked.id, person.user_id, self.now())
        return locked

    async def _new(self, session: Session, workspace: Workspace, person: Person) -> Connection:
        connection = lifecycle.begin(workspace.id, person.user_id, self.now())
        session.add(connection)
        await session.flush()
        return connection


async def _to_end(session: Session, person: Person) -> Connection:
    current = await connections.find_current(session, person)
    if current is None:
        raise NotConnected("Nothing is connected.", system="Xero")
    if current.state is ConnectionState.ENDING:
        raise NotConnected("This connection is already ending.", system="Xero")
    await people.require(session, current, person, Role.OWNER)
    return current


class Directory(Protocol):
    """Where people's names are to be had."""

    async def name_of(self, workspace_id: int, user_id: str) -> str:
        """Return what a person is called; raises a refusal where nobody says."""


@dataclass(frozen=True, slots=True)
class PeopleService:
    """What people are called where they cannot be mentioned: in Xero's history and in files."""

    database: Database
    directory: Directory
    now: Callable[[], datetime]

    async def name_of(self, workspace_id: int, user_id: str) -> str:
        """Return a person's name, which is asked for once a day; "" where it is not known."""
        if not user_id:
            return ""
        since = self.now() - _NAMED_FOR
        async with self.database.sessions() as session:
            known = await people.find_name(session, workspace_id, user_id, since)
        if known is not None:
            return known
        try:
            name = clean(await self.directory.name_of(workspace_id, user_id)).strip()
        except ServiceError as refusal:
            log.info("name_not_known", refusal=refusal)
            name = ""
        async with self.database.sessions.begin() as session:
            await people.put_name(session, (workspace_id, user_id), name, self.now())
        return name


@dataclass(frozen=True, slots=True)
class WorkspaceService:
    """Which workspaces the app is in."""

    database: Database
    now: Callable[[], datetime]
    met: dict[tuple[Person, str], float] = field(default_factory=dict)  # until when it counts
    looking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    greeting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    async def id_of(self, person: Person) -> int:
        """The id of this person's workspace, which is added when it is new."""
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

    async def welcome(self, person: Person) -> bool:
        """Welcome whoever comes first, once for each workspace; say if nothing is connected."""
        async with self.database.sessions.begin() as session:
            if await connections.list_open(session, person):
                return False
            found = await workspaces.find_or_add(
                session, person.enterprise_id, person.team_id, self.now()
            )
            await workspaces.welcome(session, found.id, person.user_id, self.now())
        return True

    async def meet(self, person: Person, app: str = "") -> bool:
        """Say once that this person doesn't know yet what this is; `app` is our id there.

        It doesn't look up again whom it has met in the last five minutes. A person whose data is
        deleted meanwhile is greeted that much later.
        """
        key = (Person(person.enterprise_id, person.team_id, person.user_id), app)
        if self.met.get(key, 0) > time.monotonic():
            return False
        is_new = await self._meet(person, app)
        if len(self.met) >= _MOST:
            self.met.clear()
        self.met[key] = time.monotonic() + _MET_HOLDS.total_seconds()
        return is_new

    async def _meet(self, person: Person, app: str) -> bool:
        # Nearly always there is nothing to write, and somebody waits: no lock for that.
        async with self.looking, self.database.sessions() as session:
            found = await workspaces.find(session, person.enterprise_id, person.team_id)
            is_known = found is not None and await people.has_met(session, found.id, person.user_id)
        if found is not None and is_known and app in {"", found.app_id}:
            return False
        async with self.greeting, self.database.sessions.begin() as session:
            if found is None:
                ids = (person.enterprise_id, person.team_id)
                found = await workspaces.find_or_add(session, *ids, self.now())
            if app not in {"", found.app_id}:
                await workspaces.note_app(session, found.id, app)
            return await people.meet(session, found.id, person.user_id, self.now())

    async def open_home(self, person: Person) -> None:
        """Note that this person opened Home."""
        workspace_id = await self.id_of(person)
        async with self.database.sessions.begin() as session:
            await people.open_home(session, workspace_id, person.user_id, self.now())

    async def uninstalled(
        self, enterprise_id: str, team_id: str, at: datetime | None = None
    ) -> None:
        """Note that the app was removed: no job of that workspace runs any more.

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
