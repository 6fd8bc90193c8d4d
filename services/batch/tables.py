"""Drawing up a batch as it stands: the table, how far it is, or the report."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from services import money
from services.batch.kit import BatchKit
from services.batch.shapes import BatchForm, BatchGroup, BatchLine, Missing
from services.batch.verdicts import ACCOUNT, CONTACT, UNTAXED, VERDICTS
from services.matching.menus import tax_option
from services.model import ExportState, Option, ReplyTarget
from services.store import batches, connections, mirror, untaxed
from services.store.engine import Session
from services.store.tables import Batch, BatchRow, Connection, Export

_FAILED_FIRST = (
    ExportState.FAILED,
    ExportState.DIFFERENT,
    ExportState.UNKNOWN,
    ExportState.SENDING,
    ExportState.QUEUED,
    ExportState.EXPORTED,
)


def reply_target(batch: Batch) -> ReplyTarget:
    """Return where the person who asked looks."""
    return ReplyTarget(**batch.reply_to)


async def form_of(session: Session, batch: Batch) -> BatchForm:
    """Return the batch as it is to be drawn now."""
    connection = await connections.get(session, batch.connection_id)
    rows = await batches.list_rows(session, batch.id)
    sent = await batches.list_exports(session, batch.id)
    reply_to = reply_target(batch)
    return BatchForm(
        batch_id=batch.id,
        view_id=reply_to.view_id,
        channel_id=reply_to.channel_id,
        state=batch.state,
        organisation=connection.organisation_name,
        company=connection.paymo_company_name,
        is_demo=connection.is_demo,
        is_all=not batch.asked_numbers,
        problem=batch.problem,
        unknown=_unknown(batch, rows),
        groups=_groups([row for row in rows if row.export_id is None]),
        missing=_missing(rows),
        sent=_sent(sent),
        untaxed_options=await _untaxed(session, connection, rows),
        connection_id=connection.id,
    )


async def show(kit: BatchKit, batch: Batch) -> None:
    """Draw the open view again."""
    async with kit.database.sessions() as session:
        form = await form_of(session, batch)
    await kit.board.show_batch(reply_target(batch), form)


async def report(kit: BatchKit, batch: Batch) -> None:
    """Tell the person what came of it."""
    async with kit.database.sessions() as session:
        form = await form_of(session, batch)
    await kit.board.show_ended(reply_target(batch), form)


async def _untaxed(
    session: Session, connection: Connection, rows: Sequence[BatchRow]
) -> tuple[Option, ...]:
    """Return the rates to choose from, where invoices wait for somebody to choose."""
    if not any(row.verdict == UNTAXED and row.export_id is None for row in rows):
        return ()
    return tuple(tax_option(each) for each in await untaxed.choices(session, connection))


def _unknown(batch: Batch, rows: Iterable[BatchRow]) -> tuple[str, ...]:
    known = {mirror.folded(row.number) for row in rows}
    return tuple(each for each in batch.asked_numbers if mirror.folded(each) not in known)


def _groups(rows: Sequence[BatchRow]) -> tuple[BatchGroup, ...]:
    found = ((word, [row for row in rows if row.verdict == word]) for word in VERDICTS)
    return tuple(
        BatchGroup(word, tuple(_line(row) for row in some), _totals(some))
        for word, some in found
        if some
    )


def _line(row: BatchRow) -> BatchLine:
    return BatchLine(
        number=row.number,
        client_name=row.client_name,
        total=_amount(row.total, row.currency),
        reason=row.reason,
        invoice_id=row.paymo_invoice_id,
    )


def _amount(total: Decimal | None, currency: str) -> str:
    return money.format_amount(total, currency) if total is not None else ""


def _totals(rows: Iterable[BatchRow]) -> tuple[str, ...]:
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[row.currency] = sums.get(row.currency, Decimal(0)) + (row.total or 0)
    return tuple(money.format_amount(sums[each], each) for each in sorted(sums))


def _missing(rows: Iterable[BatchRow]) -> tuple[Missing, ...]:
    """Return each client once, the one that holds up most invoices first."""
    found: dict[int, Missing] = {}
    for row in rows:
        if row.verdict in {CONTACT, ACCOUNT} and row.export_id is None and row.client_id:
            before = found.get(row.client_id)
            count = before.count + 1 if before else 1
            what = before.what if before else row.verdict
            found[row.client_id] = Missing(row.client_id, row.client_name, what, count)
    return tuple(sorted(found.values(), key=lambda each: (-each.count, each.name)))


def _sent(sent: Sequence[Export]) -> tuple[BatchLine, ...]:
    ordered = sorted(sent, key=lambda each: _FAILED_FIRST.index(each.state))
    return tuple(
        BatchLine(
            number=each.number,
            client_name=each.client_name,
            total=_amount(each.total, each.currency),
            reason=each.reason,
            state=each.state,
        )
        for each in ordered
    )
