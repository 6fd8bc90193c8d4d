"""The job that sends one invoice: take the row, call Xero with the row's key, record the answer.

A crash between any two lines leaves a row that is picked up again. What may have been sent is
looked up before anything is sent again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

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
from services.export import (
    adopting,
    contacts,
    departures,
    endings,
    preparing,
    recording,
)
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

log = structlog.get_logger(__name__)

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
            raise endings.disconnected(export)
        if connection.state is not ConnectionState.ACTIVE:
            due_at = None if has_ended else self.kit.now() + PARKED
            async with self.kit.database.sessions.begin() as session:
                await lifecycle.note(session, export, {"due_at": due_at, "tries": export.tries - 1})
            return
        try:
            await _step(self.kit, connection, export)
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
        why = refusal if isinstance(refusal, Refused) else endings.no_answer(export)
        await recording.fail(self.kit, await self._connection(export), export, why)

    async def _connection(self, export: Export) -> Connection:
        async with self.kit.database.sessions() as session:
            return await connections.get(session, export.connection_id)


async def _step(kit: Kit, connection: Connection, export: Export) -> None:
    if export.state is ExportState.FAILED:
        await _recheck(kit, connection, export)
        return
    preparing.require_same_organisation(connection, export)
    if export.state is ExportState.QUEUED:
        if export.wish is Wish.LINK_EXISTING:
            found = await adopting.same_number(kit, connection, export)
            await recording.succeed(kit, connection, export, found, is_linked=True)
            return
        if await _has_arrived(kit, connection, export):
            return
        await preparing.prepare(kit, connection, export)
        await _send(kit, connection, export, is_first=True)
        return
    if await _has_arrived(kit, connection, export):
        return
    await _send(kit, connection, export, is_first=False)


async def _recheck(kit: Kit, connection: Connection, export: Export) -> None:
    """Something that the checks look at changed since it was refused."""
    async with kit.database.sessions.begin() as session:
        goes = await Recheck(session, connection, export).requeue(kit.now(), {})
        if not goes:
            await lifecycle.note(session, export, {"due_at": None})
    if goes:
        await kit.work.nudge(Job.EXPORT, export.id)


async def _has_arrived(kit: Kit, connection: Connection, export: Export) -> bool:
    """Look for what an earlier request has left in Xero, whoever gave up on it, and record it.

    Raises `StillUnderWay` where nothing is there yet.
    """
    if export.state is ExportState.QUEUED and (export.sent is None or export.sent_at is None):
        return False
    try:
        sent = await adopting.already_there(kit, connection, export)
    except Refused:
        leaving.require_over(export, kit.now())
        leaving.settle(export)  # a person was asked to look
        raise
    if sent is not None:
        await recording.succeed(kit, connection, export, sent)
        return True
    leaving.require_over(export, kit.now())
    async with kit.database.sessions.begin() as session:
        await lifecycle.note(session, export, {"missed_at": kit.now()})
    if export.wish is Wish.CANCEL:
        raise Refused(endings.cancelled(export), RefusalCode.CANCELLED)
    if policy.SENDING.is_over(export.tries - 1):
        raise endings.no_answer(export)
    return False


async def _send(kit: Kit, connection: Connection, export: Export, *, is_first: bool) -> None:
    try:
        created = await _create(kit, connection, export)
    except NotFound as refusal:
        raise from_xero(refusal) from refusal
    except Rejected as refusal:
        if not is_taken(refusal):
            # What the mirror says is old, and the cures are made of it.
            await kit.mirror.refresh_books(connection, at_most_old=timedelta(0))
            why = from_xero(refusal)
            if is_about_contact(why):
                await contacts.look(kit, connection, export.contact_id)
            raise why from refusal
        created = await holder_of_number(kit, connection, export)
    except Unavailable as refusal:
        pause = policy.SENDING.pause_after(export.tries)
        await recording.unknown(kit, connection, export, refusal, pause)
        return
    except (Throttled, NotConnected):
        if is_first:
            async with kit.database.sessions.begin() as session:
                await lifecycle.put_back(session, export)
        raise
    await recording.succeed(kit, connection, export, created)


async def holder_of_number(kit: Kit, connection: Connection, export: Export) -> XeroInvoice:
    """Return our own invoice of a former try, whose number stood in the way. Raises `Refused`.

    One that was typed in Xero may look the same; that one only a person links.
    """
    try:
        created_before = await adopting.already_there(kit, connection, export)
    except Refused as refusal:
        log.warning("not_looked_up", export=export.id, refusal=refusal)
        created_before = None
    if created_before is None:
        raise await adopting.number_taken(kit, connection, export)
    return created_before


async def _create(kit: Kit, connection: Connection, export: Export) -> XeroInvoice:
    try:
        return await _leave(kit, connection, export)
    except Rejected as refusal:
        if not is_url_refused(refusal) or not await preparing.leave_out_url(kit, export):
            raise
    return await _leave(kit, connection, export)


async def _leave(kit: Kit, connection: Connection, export: Export) -> XeroInvoice:
    xero = kit.xero.client(connection.tenant_id, connection.grant_id)
    earlier = await departures.leave(kit, export)
    with leaving.answered(export, earlier):
        return await xero.create_invoice(preparing.body_of(export), key=export.idempotency_key)
