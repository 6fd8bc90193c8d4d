"""The job behind a batch: read it, or send what is left of it, however far it had come.

A crash between any two lines leaves rows that are taken up again: the batch by its lease, and an
invoice that may have been sent by its own, to be looked up first.
"""

from datetime import datetime, timedelta

import structlog

from services.batch import noting, reading, tables
from services.batch.claiming import claim_all, hold, settle_new_contacts
from services.batch.groups import Course
from services.batch.kit import BatchKit
from services.errors import Lost, NotConnected, ServiceError, Throttled, Unavailable
from services.export import endings, recording
from services.jobs.backoff import BATCH, PARKED
from services.model import BatchState, ConnectionState, ExportState
from services.store import audit, batches, connections, exports
from services.store.audit import AuditNote
from services.store.fence import fenced
from services.store.tables import Batch, Connection

log = structlog.get_logger(__name__)

_PACE = timedelta(seconds=2)
_NOT_NOW = "The connection does not work now. Run /paymo-xero connect; this goes on afterwards."


async def run(kit: BatchKit, batch_id: int) -> None:
    """Bring one batch a step on."""
    async with kit.database.sessions.begin() as session:
        batch = await batches.take(session, batch_id, kit.now())
        if batch is None:
            return
        connection = await connections.get(session, batch.connection_id)
    try:
        await _step(kit, connection, batch)
    except Lost:
        return
    except Throttled as refusal:
        batch.tries -= 1  # nobody failed
        await _later(kit, batch, kit.now() + refusal.retry_after, str(refusal))
    except NotConnected as refusal:
        await _broken(kit, connection, batch, refusal)
    except Unavailable as refusal:
        if BATCH.is_over(batch.tries):
            await _give_up(kit, connection, batch, refusal)
        else:
            pause = BATCH.pause_after(batch.tries)
            await _later(kit, batch, kit.now() + pause, str(refusal))
    except ServiceError as refusal:
        await _later(kit, batch, kit.now() + PARKED, str(refusal))


async def _give_up(
    kit: BatchKit, connection: Connection, batch: Batch, refusal: Unavailable
) -> None:
    """End what nobody took: a table that could not be read, or the invoices that never left."""
    if batch.state is BatchState.READING:
        said = f"{refusal} It was tried for over an hour. Open the table again later."
        async with kit.database.sessions.begin() as session:
            await fenced(session, batch, batch.fence, due_at=None, problem=said)
        await tables.show(kit, batch)
        return
    async with kit.database.sessions() as session:
        unsent = [export for _, export in await batches.list_unsent(session, batch.id)]
    for export in unsent:
        why = endings.no_answer(export)
        await recording.fail(kit, connection, export, why.problem, str(why))
    await _settle(kit, connection, batch)


async def _step(kit: BatchKit, connection: Connection, batch: Batch) -> None:
    if connection.state is ConnectionState.ENDED:
        await _settle(kit, connection, batch)  # what never left has failed by that
        return
    if connection.state is not ConnectionState.ACTIVE:
        raise NotConnected(_NOT_NOW, system="Xero")
    if batch.state is BatchState.READING:
        await reading.read(kit, connection, batch)
        return
    await claim_all(kit, connection, batch)
    await settle_new_contacts(kit, connection, batch)
    await Course(kit, connection, batch).send_all()
    await _settle(kit, connection, batch)


async def _settle(kit: BatchKit, connection: Connection, batch: Batch) -> None:
    """End the batch when every invoice has its outcome, or look again when one may have."""
    now = kit.now()
    async with kit.database.sessions.begin() as session:
        await hold(kit, session, batch, has_advanced=True)
        found = await batches.list_exports(session, batch.id)
        waiting = [each for each in found if each.state in exports.WAITING]
        if waiting:
            times = [each.due_at for each in waiting if each.due_at is not None]
            due_at = max(now + _PACE, min(times, default=now))
            problem = next((each.reason for each in waiting if each.reason), "")
            await batches.put_off(session, batch, due_at, problem)
        elif await batches.finish(session, batch, finished_at=now):
            states = [each.state for each in found]
            after = {
                "exported": sum(each in exports.DONE for each in states),
                "failed": states.count(ExportState.FAILED),
            }
            audit.record(
                session, connection, AuditNote("batch_exported", now, batch.asked_by, after=after)
            )
            await noting.ask(session, connection, batch, kit)
        else:
            return
    if waiting:
        await tables.show(kit, batch)
    else:
        await tables.report(kit, batch)


async def _later(kit: BatchKit, batch: Batch, due_at: datetime, why: str) -> None:
    """Go on later, and say when, where the person looks."""
    said = f"{why} It goes on by itself at {due_at:%H:%M} UTC on {due_at:%d %b}."
    async with kit.database.sessions.begin() as session:
        written = await batches.put_off(session, batch, due_at, said)
    log.info("batch_put_off", batch=batch.id, until=due_at.isoformat())
    if written:
        await tables.show(kit, batch)


async def _broken(
    kit: BatchKit, connection: Connection, batch: Batch, refusal: NotConnected
) -> None:
    """Park the batch, and tell that the connection is broken."""
    now = kit.now()
    async with kit.database.sessions.begin() as session:
        if connection.state is ConnectionState.ACTIVE:
            await connections.mark_broken(
                session, connection.id, refusal.system, reason=str(refusal), now=now
            )
        written = await fenced(
            session,
            batch,
            batch.fence,
            due_at=now + PARKED,
            problem=str(refusal),
            tries=batch.tries - 1,
        )
    if written:
        await tables.show(kit, batch)
