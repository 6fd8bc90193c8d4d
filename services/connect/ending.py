"""Ends a connection on both sides, Xero first, and keeps what was exported."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog

from services.clients.paymo import PaymoClients
from services.connect import consents
from services.connect.checklists import ConnectScreen
from services.connect.consents import Consents
from services.errors import NotConnected, ServiceError
from services.jobs import policy
from services.jobs.policy import Policy
from services.jobs.runner import ScheduledStep, Turn
from services.lifecycle import connection as lifecycle
from services.lifecycle.export import end_with_connection
from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.model.people import ReplyTarget
from services.model.wording import some_of
from services.store import (
    audit,
    connections,
    exports,
    grants,
    hooks,
    leases,
    links,
    mirror,
    notices,
    schedules,
    settled,
)
from services.store.audit import AuditNote
from services.store.engine import Database, Session
from services.store.tables import Connection, Export, Schedule

log = structlog.get_logger(__name__)

_BY_HAND = (
    "Xero didn't answer, so the app is still listed there. Remove it in Xero at Settings → "
    "Connected apps → Disconnect."
)


@dataclass(frozen=True, slots=True)
class EndingStep(ScheduledStep):
    """Tells Xero, forgets the secrets, and says how it went on each side."""

    job = Job.DISCONNECT
    policy = policy.ENDING

    database: Database
    paymo: PaymoClients
    consents: Consents
    screen: ConnectScreen
    now: Callable[[], datetime]

    def policy_for(self, row: Schedule) -> Policy:
        """Be patient where nobody waits to hear how it went: the app was taken away."""
        return policy.ENDING if row.reply_to is not None else policy.ENDING_ALONE

    async def run(self, turn: Turn[Schedule]) -> None:
        """End it at Xero, then everywhere else."""
        connection = await connections.load(self.database, turn.row.connection_id)
        # A webhook that arrives afterwards would stay.
        leases.require_over(connection, self.now())
        await self._conclude(turn, connection, await self._end_at_xero(connection))

    async def give_up(self, turn: Turn[Schedule], refusal: ServiceError) -> None:
        """End it without Xero, and say what is left to do by hand."""
        connection = await connections.load(self.database, turn.row.connection_id)
        log.warning("xero_not_told", connection=connection.id, refusal=refusal)
        await self._conclude(turn, connection, _BY_HAND)

    async def _conclude(self, turn: Turn[Schedule], connection: Connection, at_xero: str) -> None:
        at_paymo = await self._end_at_paymo(connection)
        reply_to = ReplyTarget(**turn.row.reply_to) if turn.row.reply_to is not None else None
        exported = await self._forget(connection, reply_to.user_id if reply_to is not None else "")
        if exported and reply_to is not None:
            said = (at_xero, at_paymo, exported)
            turn.then(partial(self.screen.show_farewell, reply_to, said))
            turn.nudge(Job.NOTICES, connection.workspace_id)

    async def _end_at_xero(self, connection: Connection) -> str:
        name = connection.organisation_name or "Xero"
        held = consents.held_by(connection)
        if held is None:
            return "Xero wasn't connected."
        async with self.database.sessions() as session:
            others = await consents.names_of_others(session, connection)
        try:
            await self.consents.let_go(held)
        except NotConnected:
            return f"{name} already ended the connection."
        if others:
            return (
                f"{name} is disconnected here. Access to Xero stays for {some_of(others)}: the "
                "same person allowed it."
            )
        return f"{name} is disconnected, and the app is no longer listed there."

    async def _end_at_paymo(self, connection: Connection) -> str:
        """Remove our webhooks; a failure at Paymo doesn't hold up the end."""
        if connection.paymo_api_key is None:
            return "Paymo wasn't connected."
        name = connection.paymo_company_name or "Paymo"
        said = (
            f"The API key of {name} is deleted here. If nothing else uses it, delete it in Paymo "
            "at My Settings → API Keys."
        )
        if connection.paymo_hook_token is None:
            return said
        try:
            paymo = self.paymo.client(connection.paymo_api_key)
            await paymo.delete_hooks_to(connection.paymo_hook_token)
        except ServiceError as refusal:
            log.info("hooks_left", connection=connection.id, refusal=refusal)
            return (
                f"{said} Paymo didn't remove our webhooks, so it may still send us changes. We "
                "refuse them unread."
            )
        return f"{said} Our webhooks are removed there."

    async def _forget(self, connection: Connection, by: str) -> str:
        """Delete the secrets; exports stay, so that nothing is ever exported twice.

        Returns "" when a worker that took over was faster.
        """
        async with self.database.sessions.begin() as session:
            row = await connections.get(session, connection.id)
            grant_id = row.grant_id
            if not await lifecycle.mark_ended(session, row):
                return ""
            hooks.forget(row)
            if grant_id is not None:
                await grants.remove_unused(session, grant_id)
            await schedules.stop(session, row.id)
            await links.forget(session, row.id)
            await mirror.forget(session, row.id)
            reason = "The connection was ended before this invoice was sent."
            await end_with_connection(session, Export.connection_id == row.id, reason)
            what = "disconnected" if by else "app_removed"
            audit.record(session, row, AuditNote(what, self.now(), by))
            if by:
                await settled.outdate_offers(session, row, self.now())
                await self._enqueue(session, row, by)
            kept = await exports.count_live(session, row)
        return (
            f"Exported invoices stay in Paymo and Xero: {kept}. If you connect the same two again, "
            "nothing is exported twice."
        )

    async def _enqueue(self, session: Session, row: Connection, by: str) -> None:
        """Notify every subscribed channel, whatever its topics: this is its last notification."""
        notification = notices.Notification(
            kind=NoticeKind.CONNECTION_ENDED,
            source=f"ended:{row.id}:{self.now().isoformat()}",
            facts=connections.common_facts(row) | {"by": by},
            also=await notices.list_channels(session, row.id),
        )
        await notices.enqueue(session, row, notification, self.now())
