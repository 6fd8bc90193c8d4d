"""The job that sends one invoice: call Xero with the row's key, record the answer.

A crash between any two lines leaves a row that is picked up again. What may have been sent is
looked up before anything is sent again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from services.clients.xero import XeroInvoice
from services.errors import (
    NotConnected,
    NotFound,
    Rejected,
    ServiceError,
    StillUnderWay,
    Throttled,
    Unavailable,
)
from services.export import adopting, contacts, preparing, recording, refusals
from services.export.kit import Kit
from services.export.rechecks import Recheck
from services.export.refusals import Refused, from_xero, is_about_contact, is_taken, is_url_refused
from services.jobs import policy
from services.jobs.policy import PARKED, Wait
from services.jobs.runner import Step, Turn
from services.lifecycle import export as lifecycle
from services.model.actions import Action
from services.model.connection import ConnectionState
from services.model.export import ExportState, RefusalCode, Wish
from services.model.jobs import Job
from services.store import connections, exports, leaving
from services.store.engine import Session
from services.store.tables import Connection, Export

_LONG = timedelta(minutes=1)  # a wait that a person is told of


@dataclass(frozen=True, slots=True)
class ExportStep(Step[Export]):
    """Brings one export a step on, however far it had come."""

    job = Job.EXPORT
    table = Export
    policy = policy.EXPORT

    kit: Kit

    async def take(self, session: Session, key: int, now: datetime) -> Export | None:
        """Take an export that waits to be sent, or to be looked up."""
        return await exports.take(session, key, now)

    async def run(self, turn: Turn[Export]) -> None:
        """Send it; while its connection does not work it is parked without a word."""
        export = turn.row
        connection = await self._connection(export)
        has_ended = connection.state is ConnectionState.ENDED
        if has_ended and export.state is not ExportState.FAILED:
            raise refusals.disconnected(export)
        if connection.state is not ConnectionState.ACTIVE:
            due_at = None if has_ended else self.kit.now() + PARKED
            async with self.kit.database.sessions.begin() as session:
                await lifecycle.note(session, export, {"due_at": due_at, "tries": export.tries - 1})
            return
        try:
            await _Sending(self.kit, connection, export, turn).run()
        except (Refused, StillUnderWay, Throttled, NotConnected, Unavailable):
            raise
        except ServiceError as refusal:
            if export.state is ExportState.QUEUED:
                raise Refused(str(refusal), RefusalCode.REJECTED) from refusal
            # Something may have left, so an odd answer settles nothing.
            raise Unavailable(str(refusal)) from refusal

    async def put_off(
        self, session: Session, turn: Turn[Export], wait: Wait
    ) -> Mapping[str, object]:
        """Say why it waits where the person looks, and tell them where that takes long."""
        export, problem = turn.row, wait.problem
        if isinstance(problem, StillUnderWay):
            return {}
        connection = await connections.get(session, export.connection_id)
        show = partial(recording.show, self.kit, connection, export)
        if isinstance(problem, NotConnected):
            turn.then(partial(show, actions=(Action.RECONNECT,)))
            return {"reason": wait.why}
        is_long = isinstance(problem, ServiceError) and wait.until - self.kit.now() >= _LONG
        if is_long and export.tries == 1:
            turn.then(show)
        return {"reason": wait.sentence() if is_long else wait.why}

    async def give_up(self, turn: Turn[Export], refusal: ServiceError) -> None:
        """Fail it with what is known of it."""
        export = turn.row
        why = refusal if isinstance(refusal, Refused) else refusals.no_answer(export)
        await recording.fail(self.kit, await self._connection(export), export, why)

    async def _connection(self, export: Export) -> Connection:
        async with self.kit.database.sessions() as session:
            return await connections.get(session, export.connection_id)


@dataclass(frozen=True, slots=True)
class _Sending:
    """One go at an export."""

    kit: Kit
    connection: Connection
    export: Export
    turn: Turn[Export]

    async def run(self) -> None:
        """Go on from where it stands. Raises `Refused`, or what has to be waited for."""
        kit, connection, export = self.kit, self.connection, self.export
        if export.state is ExportState.FAILED:
            await self._recheck()
        elif export.wish is Wish.LINK_EXISTING and export.state is ExportState.QUEUED:
            preparing.require_same_organisation(connection, export)
            found = await adopting.same_number(kit, connection, export)
            await recording.succeed(kit, connection, export, found, is_linked=True)
        else:
            preparing.require_same_organisation(connection, export)
            await self._send()

    async def _note(self, found: lifecycle.ExportColumns) -> None:
        async with self.kit.database.sessions.begin() as session:
            await lifecycle.note(session, self.export, found)

    async def _recheck(self) -> None:
        """Something that the checks look at changed since it was refused."""
        async with self.kit.database.sessions.begin() as session:
            recheck = Recheck(session, self.connection, self.export)
            if await recheck.requeue(self.kit.now(), {}):
                self.turn.nudge(Job.EXPORT, self.export.id)
            else:
                await lifecycle.note(session, self.export, {"due_at": None})

    async def _send(self) -> None:
        if await self._has_arrived():
            return
        is_first = self.export.state is ExportState.QUEUED
        if is_first:
            await preparing.prepare(self.kit, self.connection, self.export)
        try:
            created = await self._create()
        except NotFound as refusal:
            raise from_xero(refusal) from refusal
        except Rejected as refusal:
            created = await self._after_refusal(refusal)
        except Unavailable as refusal:
            pause = policy.SENDING.pause_after(self.export.tries)
            await recording.unknown(self.kit, self.connection, self.export, refusal, pause)
            return
        except (Throttled, NotConnected):
            if is_first:
                async with self.kit.database.sessions.begin() as session:
                    await lifecycle.put_back(session, self.export)
            raise
        await recording.succeed(self.kit, self.connection, self.export, created)

    async def _has_arrived(self) -> bool:
        """Look for what an earlier request has left in Xero, whoever gave up on it, and record it.

        Raises `StillUnderWay` where nothing is there yet.
        """
        kit, export = self.kit, self.export
        if export.state is ExportState.QUEUED and (export.sent is None or export.sent_at is None):
            return False
        try:
            sent = await adopting.already_there(kit, self.connection, export)
        except Refused:
            leaving.require_over(export, kit.now())
            leaving.settle(export)  # a person was asked to look
            raise
        if sent is not None:
            await recording.succeed(kit, self.connection, export, sent)
            return True
        leaving.require_over(export, kit.now())
        await self._note({"missed_at": kit.now()})
        if export.wish is Wish.CANCEL:
            raise Refused(refusals.cancelled(export), RefusalCode.CANCELLED)
        if policy.SENDING.is_over(export.tries - 1):
            raise refusals.no_answer(export)
        return False

    async def _after_refusal(self, refusal: Rejected) -> XeroInvoice:
        """Return what Xero has from a former try, whose number is taken. Raises `Refused`."""
        if is_taken(refusal):
            return await adopting.holder_of_number(self.kit, self.connection, self.export)
        # What the copies say is old, and the actions are made of it.
        await self.kit.mirror.refresh_books(self.connection, at_most_old=timedelta(0))
        why = from_xero(refusal)
        if is_about_contact(why):
            await contacts.look(self.kit, self.connection, self.export.contact_id)
        raise why from refusal

    async def _create(self) -> XeroInvoice:
        try:
            return await self._leave()
        except Rejected as refusal:
            if not is_url_refused(refusal) or not await preparing.leave_out_url(
                self.kit, self.export
            ):
                raise
        return await self._leave()

    async def _leave(self) -> XeroInvoice:
        xero = self.kit.xero.client(self.connection.tenant_id, self.connection.grant_id)
        earlier = await adopting.leave(self.kit, self.export)
        with leaving.answered(self.export, earlier):
            body = preparing.body_of(self.export)
            return await xero.create_invoice(body, key=self.export.idempotency_key)
