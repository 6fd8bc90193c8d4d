"""Asking the owner for a role, and the owner's answer."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.errors import AlreadyRequested, NotFound, ServiceError
from services.jobs.runner import Work
from services.model.jobs import Job
from services.model.people import Person, Role
from services.model.wording import Command, Member, Typed
from services.store import access, audit, connections, roles
from services.store.audit import AuditNote
from services.store.engine import Database, Session
from services.store.tables import AccessRequest, Connection

_ANSWERED = "This request was answered before. Nothing changed."


@dataclass(frozen=True, slots=True)
class AccessService:
    """Writes rows only; the outbox tells the owner, and whoever asked."""

    database: Database
    work: Work
    now: Callable[[], datetime]

    async def ask(self, person: Person, role: Role) -> str:
        """Ask the owner for a role; return a sentence to show. Two presses are one request."""
        now = self.now()
        async with self.database.sessions.begin() as session:
            connection = await connections.find_current(session, person)
            if connection is None:
                raise ServiceError(connections.CONNECT_FIRST)
            has = roles.named_role(connection, person.user_id)
            if has >= role:
                return f"You already are {_a(has)} here."
            wanted = role if has is Role.EXPORTER else min(role, Role.EXPORTER)
            if await access.may_take_over(session, connection, person.user_id, now):
                return _take_over(connection)
            if await access.was_declined(session, connection.id, person.user_id, wanted, now):
                owner = Member(connection.owner_id)
                return f"{owner} declined this less than a day ago. You can ask again tomorrow."
            is_new = await access.ask(session, connection, person.user_id, wanted, now)
            owner, workspace_id = Member(connection.owner_id), connection.workspace_id
        if not is_new:
            return f"You've asked {owner} before. We'll tell you when they answer."
        await self.work.nudge(Job.NOTICES, workspace_id)
        return f"We've asked {owner}. We'll tell you when they answer."

    async def allow(self, person: Person, request_id: int, role: Role | None = None) -> str:
        """Give what was asked for, or another role; return a sentence to show."""
        async with self.database.sessions.begin() as session:
            request, connection = await self._open(session, person, request_id)
            wanted = Role[request.role.upper()]
            given = wanted if role is None or request.is_handover else role
            await self._answer(session, connection, request, given.word)
            if request.is_handover:
                await access.change_owner(
                    session, connection, request.user_id, access.GIVEN, self.now()
                )
            else:
                access.give(connection, request.user_id, given)
                await access.settle(session, connection, self.now())
        await self.work.nudge(Job.NOTICES, connection.workspace_id)
        return f"{Member(request.user_id)} is now {_a(given)}."

    async def decline(self, person: Person, request_id: int) -> str:
        """Give nothing; return a sentence to show."""
        async with self.database.sessions.begin() as session:
            request, connection = await self._open(session, person, request_id)
            await self._answer(session, connection, request, "")
        await self.work.nudge(Job.NOTICES, connection.workspace_id)
        return f"Declined. {Member(request.user_id)} was told."

    async def _answer(
        self, session: Session, connection: Connection, request: AccessRequest, given: str
    ) -> None:
        """Answer once, and write down what the owner decided about whom."""
        now = self.now()
        if not await access.answer(session, connection, request, given, now):
            raise AlreadyRequested(_ANSWERED)
        what = "access_given" if given else "access_declined"
        after = {"people": [request.user_id], "role": given or request.role}
        audit.record(session, connection, AuditNote(what, now, connection.owner_id, after=after))

    async def _open(
        self, session: Session, person: Person, request_id: int
    ) -> tuple[AccessRequest, Connection]:
        """An unanswered request that this person may answer, with its connection locked."""
        request = await access.find(session, request_id)
        if request is None:
            raise NotFound("This request is gone.")
        connection = await connections.lock_here(session, person, request.connection_id)
        if request.answered_at is not None:
            raise AlreadyRequested(_ANSWERED)
        return request, connection


def _take_over(connection: Connection) -> str:
    return (
        f"{Member(connection.owner_id)} hasn't answered for seven days. To become the owner, type "
        f"{Typed(Command.CONNECT)} and connect Xero again, with an account that reaches "
        f"{connection.organisation_name}."
    )


def _a(role: Role) -> str:
    return {Role.OWNER: "the owner", Role.EXPORTER: "an exporter"}.get(role, "a viewer")
