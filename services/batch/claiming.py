"""Making a batch's ready invoices its own: the row that stands for each decides, as ever."""

from dataclasses import replace

from services.batch import tables
from services.batch.kit import BatchKit
from services.batch.verdicts import READY, TAKEN
from services.clients.paymo import Invoice
from services.errors import AlreadyRequested, Lost
from services.export import claims
from services.export.shapes import ExportChoice
from services.model import NEW_CONTACT, ExportState, Job, Person
from services.store import batches, exports, matches
from services.store.engine import Session
from services.store.tables import Batch, BatchRow, Connection, Export

_AT_ONCE = 50


async def claim_all(kit: BatchKit, connection: Connection, batch: Batch) -> None:
    """Claim every ready invoice, some at a time; those that somebody else has say so."""
    while True:
        async with kit.database.sessions.begin() as session:
            await hold(kit, session, batch)
            rows = await batches.list_unclaimed(session, batch.id, READY, _AT_ONCE)
            for row in rows:
                await _claim(kit, session, connection, batch, row)
        if len(rows) < _AT_ONCE:
            return


async def hold(
    kit: BatchKit, session: Session, batch: Batch, *, has_advanced: bool = False
) -> None:
    """Lengthen the lease. Raises `Lost` when somebody else goes on with the batch."""
    tries = 0 if has_advanced else batch.tries
    if not await batches.hold(session, batch, kit.now(), tries):
        raise Lost("Somebody else goes on with this batch.")


async def _claim(
    kit: BatchKit, session: Session, connection: Connection, batch: Batch, row: BatchRow
) -> None:
    subject = claims.Subject.seen(Invoice.from_json(row.invoice or {}))
    choice = ExportChoice(
        invoice_id=row.paymo_invoice_id,
        contact_id=row.contact_id,
        account_id=row.account_id,
        xero_status=connection.xero_status,
    )
    # Its own answers are silent, and belong to no view once the batch is over.
    reply_to = replace(tables.reply_target(batch), view_id="", view_hash="")
    person = Person("", "", batch.asked_by)
    wanted = claims.new_row(
        connection, subject, claims.Request(person, reply_to, kit.now(), choice)
    )
    wanted.batch_id = batch.id
    wanted.due_at = None  # the batch sends it
    try:
        export = await claims.claim(session, connection, subject, wanted)
    except AlreadyRequested as refusal:
        row.verdict, row.reason = TAKEN, str(refusal)
        return
    if export.sent_at is not None:
        export.due_at = kit.now()  # it goes alone: what was sent before is looked for first
    row.export_id = export.id
    await claims.remember_match(session, export, kit.now())


async def settle_new_contacts(kit: BatchKit, connection: Connection, batch: Batch) -> None:
    """Let one invoice of each client that Xero lacks go its way alone, which adds the contact.

    The client's others wait for it, and then go with all the rest.
    """
    released: list[int] = []
    async with kit.database.sessions.begin() as session:
        await hold(kit, session, batch)
        unsent = [export for _, export in await batches.list_unsent(session, batch.id)]
        adding = {
            each.client_id
            for each in await batches.list_exports(session, batch.id)
            if each.state in exports.WAITING and each.due_at is not None
        }
        notification = [each for each in unsent if each.contact_id == NEW_CONTACT]
        known = await matches.find_all(
            session,
            connection,
            {each.client_id for each in notification if each.client_id is not None},
        )
        for export in notification:
            match = known.get(export.client_id or 0)
            if match is not None and match.contact_id not in {"", NEW_CONTACT}:
                export.contact_id = match.contact_id
            elif export.client_id not in adding:
                adding.add(export.client_id)
                export.due_at = kit.now()
                released.append(export.id)
    for export_id in released:
        await kit.work.nudge(Job.EXPORT, export_id)


def is_groupable(export: Export) -> bool:
    """Say whether it can go with others: its contact is in Xero, and nothing is to be looked up."""
    is_new = export.contact_id == NEW_CONTACT
    return export.state is ExportState.QUEUED and not is_new and export.sent_at is None
