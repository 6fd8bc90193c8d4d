"""The job that sends one invoice: take the row, call Xero with the row's key, record the answer.

A crash between any two lines leaves a row that is picked up again. What may have been sent is
looked up before anything is sent again.
"""

from datetime import datetime, timedelta

import structlog

from services.clients.xero import XeroInvoice
from services.errors import (
    Lost,
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
from services.jobs import backoff
from services.lifecycle import export as lifecycle
from services.lifecycle.export import ExportColumns
from services.model.actions import Action
from services.model.connection import ConnectionState
from services.model.export import ExportState, RefusalCode, Wish
from services.model.jobs import Job
from services.store import connections, exports, leaving
from services.store.tables import Connection, Export

log = structlog.get_logger(__name__)

_LONG = timedelta(minutes=1)  # a wait that a person is told of


async def run(kit: Kit, export_id: int) -> None:
    """Bring one export a step on, however far it had come."""
    taken = await _take(kit, export_id)
    if taken is None:
        return
    connection, export = taken
    try:
        await _step(kit, connection, export)
    except Lost:
        return
    except StillUnderWay as refusal:
        await _wait(kit, export, refusal.until)
    except Refused as refusal:
        await recording.fail(kit, connection, export, refusal)
    except Throttled as refusal:
        # Nobody failed, so this is no try; that it waits is said the first time.
        export.tries = max(1, export.tries - 1)
        await _later(kit, connection, export, refusal.retry_after, str(refusal))
    except NotConnected as refusal:
        await _broken(kit, connection, export, refusal)
    except ServiceError as refusal:
        await _not_done(kit, connection, export, refusal)


async def _take(kit: Kit, export_id: int) -> tuple[Connection, Export] | None:
    """Take the export with its connection; while that does not work it is parked."""
    async with kit.database.sessions.begin() as session:
        export = await exports.take(session, export_id, kit.now())
        if export is None:
            return None
        connection = await connections.get(session, export.connection_id)
        if connection.state is ConnectionState.ACTIVE:
            return connection, export
        if connection.state is not ConnectionState.ENDED:
            due_at = kit.now() + backoff.PARKED
            await lifecycle.note(session, export, {"due_at": due_at, "tries": export.tries - 1})
            return None
    await recording.fail(kit, connection, export, endings.disconnected(export))
    return None


async def _step(kit: Kit, connection: Connection, export: Export) -> None:
    if export.state is ExportState.FAILED:
        await _recheck(kit, connection, export)
        return
    preparing.require_same_organisation(connection, export)
    if backoff.EXPORT.is_over(export.tries - 1):
        raise endings.no_answer(export)
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
    if backoff.SENDING.is_over(export.tries - 1):
        raise endings.no_answer(export)
    return False


async def _wait(kit: Kit, export: Export, until: datetime) -> None:
    """Look again when what was sent has arrived or never will; this was no try."""
    async with kit.database.sessions.begin() as session:
        await lifecycle.note(session, export, {"due_at": until, "tries": export.tries - 1})


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
        pause = backoff.SENDING.pause_after(export.tries)
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


async def _not_done(
    kit: Kit, connection: Connection, export: Export, refusal: ServiceError
) -> None:
    """Refuse what never left; where something may have left, an odd answer settles nothing."""
    if export.state is ExportState.QUEUED and not isinstance(refusal, Unavailable):
        await recording.fail(kit, connection, export, Refused(str(refusal), RefusalCode.REJECTED))
    else:
        pause = backoff.EXPORT.pause_after(export.tries)
        await _later(kit, connection, export, pause, str(refusal))


async def _later(
    kit: Kit, connection: Connection, export: Export, pause: timedelta, why: str
) -> None:
    due_at = kit.now() + pause
    if pause >= _LONG:
        why = f"{why} It goes on by itself at {due_at:%H:%M} UTC on {due_at:%d %b}."
    async with kit.database.sessions.begin() as session:
        found: ExportColumns = {"due_at": due_at, "reason": why}
        found |= {"sent_at": export.sent_at, "tries": export.tries}
        await lifecycle.note(session, export, found)
    log.info("export_put_off", export=export.id, seconds=pause.total_seconds())
    if pause >= _LONG and export.tries == 1:
        await recording.show(kit, connection, export)


async def _broken(kit: Kit, connection: Connection, export: Export, refusal: NotConnected) -> None:
    """Park the row, tell that the connection is broken, and show it to the person."""
    now = kit.now()
    async with kit.database.sessions.begin() as session:
        await connections.mark_broken(
            session, connection.id, refusal.system, reason=str(refusal), now=now
        )
        found: ExportColumns = {"due_at": now + backoff.PARKED, "reason": str(refusal)}
        found |= {"sent_at": export.sent_at, "tries": export.tries - 1}
        await lifecycle.note(session, export, found)
    await recording.show(kit, connection, export, actions=(Action.RECONNECT,))
