"""Batches: exports of many invoices, taken by one worker at a time, with a row per invoice."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, or_, select, update

from services.model import chunks
from services.model.export import NEW_CONTACT, BatchState, ExportState, Marks
from services.model.invoice import InvoiceState
from services.store import exports, leases
from services.store.engine import Session
from services.store.leases import fenced, write_where
from services.store.tables import Batch, BatchRow, Connection, Currency, Export, InvoiceHeader

_WORKING = (BatchState.READING, BatchState.RUNNING)
_AT_ONCE = 1000  # ids, since a statement holds only so many
_ON_TABLES = (BatchState.READING, BatchState.READY)


async def find(session: Session, batch_id: int) -> Batch | None:
    """Return the batch with this id, if there is one."""
    return await session.get(Batch, batch_id)


async def list_candidates(
    session: Session, connection: Connection, statuses: Collection[str], since: date | None = None
) -> Sequence[int]:
    """Return the Paymo ids of invoices in these states to export, oldest first.

    They were never exported, or their export was undone.
    """
    dated = [InvoiceHeader.issued_on >= since] if since else []
    went_out = select(Export.id).where(
        exports.of_pair(connection),
        Export.paymo_invoice_id == InvoiceHeader.invoice_id,
        Export.state != ExportState.FAILED,
        Export.invoice_state != InvoiceState.UNDONE,
    )
    return await session.every(
        select(InvoiceHeader.invoice_id)
        .where(
            InvoiceHeader.connection_id == connection.id,
            InvoiceHeader.status.in_(statuses),
            ~went_out.exists(),
            *dated,
        )
        .order_by(InvoiceHeader.issued_on, InvoiceHeader.invoice_id)
    )


async def last_verdicts(
    session: Session, connection: Connection, invoice_ids: Collection[int]
) -> Mapping[int, tuple[BatchRow, datetime]]:
    """Return each invoice's last verdict and when it was given, by Paymo id.

    Invoices edited in Paymo since are left out, by Paymo's own times: its clock isn't ours.
    """
    is_its_head = and_(
        InvoiceHeader.connection_id == Batch.connection_id,
        InvoiceHeader.invoice_id == BatchRow.paymo_invoice_id,
    )
    found = await session.execute(
        select(BatchRow, Batch.created_at)
        .join(Batch, Batch.id == BatchRow.batch_id)
        .join(InvoiceHeader, is_its_head)
        .where(
            Batch.connection_id == connection.id,
            BatchRow.paymo_invoice_id.in_(invoice_ids),
            InvoiceHeader.updated_on <= BatchRow.seen_updated_on,
        )
        .order_by(BatchRow.id)
    )
    return {row.paymo_invoice_id: (row, at) for row, at in found}


async def replace_rows(session: Session, batch: Batch, rows: Sequence[BatchRow]) -> None:
    """Make these the rows of the batch."""
    await session.execute(delete(BatchRow).where(BatchRow.batch_id == batch.id))
    session.add_all(rows)


async def list_rows(session: Session, batch_id: int) -> Sequence[BatchRow]:
    """Return every row, in order."""
    return await session.every(
        select(BatchRow).where(BatchRow.batch_id == batch_id).order_by(BatchRow.id)
    )


async def list_unclaimed(
    session: Session, batch_id: int, verdict: str, limit: int
) -> Sequence[BatchRow]:
    """Return rows with this verdict that no export carries yet."""
    return await session.every(
        select(BatchRow)
        .where(
            BatchRow.batch_id == batch_id,
            BatchRow.verdict == verdict,
            BatchRow.export_id.is_(None),
        )
        .order_by(BatchRow.id)
        .limit(limit)
    )


async def change_verdict(
    session: Session, batch_id: int, was: str, becomes: str, *, is_selected: bool
) -> None:
    """Give another verdict to the selected rows, or to the others."""
    await session.write(
        update(BatchRow)
        .where(
            BatchRow.batch_id == batch_id,
            BatchRow.verdict == was,
            BatchRow.is_selected.is_(is_selected),
            BatchRow.export_id.is_(None),
        )
        .values(verdict=becomes)
    )


async def keep_marks(session: Session, batch: Batch, marks: Marks) -> None:
    """Take over what is selected on the page that was shown last; an older page says nothing."""
    is_current = [
        Batch.id == batch.id,
        Batch.state == BatchState.READY,
        Batch.revision == marks.revision,
    ]
    # Whoever writes first holds the row, so that an older page does not win over a newer one.
    if not await session.write(update(Batch).where(*is_current).values(revision=marks.revision)):
        return
    for ids, is_selected in ((marks.shown, False), (marks.selected, True)):
        await session.write(
            update(BatchRow)
            .where(BatchRow.batch_id == batch.id, BatchRow.paymo_invoice_id.in_(ids))
            .values(is_selected=is_selected)
        )


async def select_all(session: Session, batch: Batch, verdict: str | None) -> None:
    """Select every invoice with this verdict; None selects none."""
    fits = [BatchRow.verdict == verdict] if verdict else []
    await session.write(
        update(BatchRow)
        .where(BatchRow.batch_id == batch.id, *fits)
        .values(is_selected=bool(verdict))
    )


async def draw_anew(session: Session, batch: Batch) -> None:
    """Have the boxes drawn anew: Slack keeps what a box shows for as long as it stays."""
    batch.revision = Batch.revision + 1
    await session.flush()
    await session.refresh(batch)


async def list_exports(
    session: Session, batch_id: int, *only: ColumnElement[bool]
) -> Sequence[Export]:
    """Return the exports of these rows, whoever has them now.

    Long columns that nobody here reads aren't loaded.
    """
    return await session.every(
        select(Export)
        .join(BatchRow, BatchRow.export_id == Export.id)
        .where(BatchRow.batch_id == batch_id, *only)
        .order_by(BatchRow.id)
        .options(*exports.SHORT)
        .execution_options(populate_existing=True)
    )


async def list_waiting(
    session: Session, batch_id: int, *, is_apart: bool = False
) -> Sequence[Export]:
    """Return the exports of these rows that have no outcome yet.

    With `is_apart` only those that go alone, or wait for a contact to be added.
    """
    only: list[ColumnElement[bool]] = [Export.state.in_(exports.WAITING)]
    if is_apart:
        only.append(or_(Export.due_at.is_not(None), Export.contact_id == NEW_CONTACT))
    return await list_exports(session, batch_id, *only)


async def list_unsent(session: Session, batch_id: int) -> Sequence[tuple[BatchRow, Export]]:
    """Return the rows whose exports the batch still has to send, with these exports."""
    found = await session.execute(
        select(BatchRow, Export)
        .join(Export, BatchRow.export_id == Export.id)
        .where(
            BatchRow.batch_id == batch_id,
            Export.batch_id == batch_id,
            Export.state == ExportState.QUEUED,
            Export.due_at.is_(None),  # with a time, it goes its way alone
        )
        .order_by(BatchRow.id)
        .execution_options(populate_existing=True)
    )
    return [(row, export) for row, export in found]


async def lacks_currency(session: Session, connection_id: int) -> bool:
    """Say whether a copied invoice has a currency that isn't known to be enabled in Xero."""
    enabled = select(Currency.code).where(Currency.connection_id == connection_id)
    return await session.has(
        InvoiceHeader.connection_id == connection_id, InvoiceHeader.currency.not_in(enabled)
    )


async def list_latest(
    session: Session, connection: Connection, invoice_ids: Sequence[int]
) -> dict[int, Export]:
    """Return the newest export of each of these Paymo invoices, if there is one."""
    latest: dict[int, Export] = {}
    for some in chunks(invoice_ids, _AT_ONCE):
        found = await session.scalars(
            select(Export)
            .where(
                exports.of_pair(connection),
                Export.paymo_invoice_id.in_(some),
            )
            .order_by(Export.generation)
        )
        latest.update((each.paymo_invoice_id, each) for each in found)
    return latest


async def renew(
    session: Session, row: BatchRow, export: Export, invoice: dict[str, Any], at: datetime
) -> bool:
    """Replace the invoice that was shown by the one just read from Paymo."""
    if not await fenced(session, export, export.fence, seen_updated_on=at, invoice=invoice):
        return False
    return await write_where(session, row, BatchRow.export_id == export.id, invoice=invoice)


def _annotatable(batch_id: int) -> tuple[ColumnElement[bool], ...]:
    return (
        Export.batch_id == batch_id,
        Export.state.in_(exports.DONE),
        Export.invoice_state == InvoiceState.LIVE,
        Export.is_linked.is_(False),
    )


async def find_annotatable(session: Session, batch_id: int, after: int) -> Export | None:
    """Return the batch's next export that still gets a note in Xero's history."""
    return await session.scalar(
        select(Export)
        .where(*_annotatable(batch_id), Export.id > after)
        .order_by(Export.id)
        .limit(1)
    )


async def count_annotatable(session: Session, batch_id: int) -> int:
    """Count the exports that still get a note."""
    return await session.count(*_annotatable(batch_id))


async def count_drafts(session: Session, connection: Connection, since: date | None) -> int:
    """Return how many invoices are drafts in Paymo, by the list last copied."""
    dated = [InvoiceHeader.issued_on >= since] if since else []
    return await session.count(
        InvoiceHeader.connection_id == connection.id, InvoiceHeader.status == "draft", *dated
    )


async def is_exporting(session: Session, connection: Connection) -> bool:
    """Say whether an invoice, or a batch, is on its way to Xero now."""
    waiting = select(Export.id).where(
        Export.connection_id == connection.id, Export.state.in_(exports.WAITING)
    )
    running = select(Batch.id).where(
        Batch.connection_id == connection.id,
        Batch.state.in_(_WORKING),
        Batch.due_at.is_not(None),
    )
    return bool(await session.scalar(select(or_(waiting.exists(), running.exists()))))


async def report_again(session: Session, batch_id: int, at: datetime) -> None:
    """Have a batch's report drawn again at `at`, unless it comes later anyway."""
    await session.write(
        update(Batch)
        .where(Batch.id == batch_id, Batch.state == BatchState.DONE)
        .values(leases.wanted(Batch, at))
    )


async def forget_invoices(session: Session, batch_id: int) -> None:
    """Delete the lines of Paymo's invoices from these rows; the heads stay."""
    await session.execute(
        update(BatchRow).where(BatchRow.batch_id == batch_id).values(invoice=None)
    )


async def purge(session: Session, before: datetime) -> None:
    """Remove tables that nobody confirmed."""
    old = select(Batch.id).where(Batch.state.in_(_ON_TABLES), Batch.created_at < before)
    await session.execute(delete(BatchRow).where(BatchRow.batch_id.in_(old)))
    await session.execute(delete(Batch).where(Batch.id.in_(old)))
