"""The first half of a batch: reads Paymo's invoices and checks each one."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import structlog

from services import money
from services.clients.paymo import Invoice, PaymoClient, PaymoClients
from services.clients.rows import LeftOut
from services.clients.xero import XeroClients
from services.errors import NotFound, Rejected, ServiceError, Unreadable
from services.export import claims, ledger_settings
from services.export.checking import requeue_due
from services.export.claims import WIDEST, said_of_former
from services.export.ledger_settings import Mirror, Proposer
from services.lifecycle import batch as lifecycle
from services.mapping.case import ExportChoice, LedgerSettings, adding_of
from services.mapping.checks import Case, examine
from services.mapping.taxes import UNTAXED_CHOICE
from services.mirror.lists import client_row
from services.model import days
from services.model.export import Check, Colour, Verdict
from services.model.invoice import ISSUED_IN_PAYMO, InvoiceState, Links
from services.model.wording import Command, Day, Typed
from services.store import batches, exports, mirror, numbered
from services.store.engine import Database, Session
from services.store.tables import Batch, BatchRow, Client, Connection, Export, InvoiceHeader

log = structlog.get_logger(__name__)

_FRESH = timedelta(minutes=1)
# What an answer about a client or about lines without tax can change, and what is on its way.
_ANSWERABLE = (Verdict.CONTACT, Verdict.ACCOUNT, Verdict.TAX, Verdict.UNTAXED, Verdict.TAKEN)
_NOBODY_HOLDS: Mapping[int, tuple[str, str]] = {}
_YEAR = timedelta(days=365)
_VERDICT_OF = {
    "contact": Verdict.CONTACT,
    "contact_taken": Verdict.CONTACT,
    "account": Verdict.ACCOUNT,
    "tax": Verdict.TAX,
    "tax_rate": Verdict.TAX,
    "untaxed": Verdict.TAX,
    UNTAXED_CHOICE: Verdict.UNTAXED,
    "locked": Verdict.OLD,
}
# What no answer about the client helps with is said first.
_RANK = {
    "contact": 1,
    "contact_taken": 1,
    "account": 2,
    "tax": 3,
    "tax_rate": 3,
    "untaxed": 3,
    UNTAXED_CHOICE: 4,
}


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known around the invoices of one batch."""

    proposer: Proposer
    ledgers: Mapping[tuple[str, str], LedgerSettings]  # by contact and client's name
    taken: Mapping[int, str]  # why an invoice cannot go out anew, by Paymo's id
    held: Mapping[int, tuple[str, str]]  # that Xero has its number, and what to do
    former: Mapping[int, str]  # that it was in Xero before, likewise
    undone: Collection[int]  # which of these were undone
    today: date
    is_all: bool
    xero_status: str

    def judge(self, row: BatchRow, invoice: Invoice) -> None:
        """Set where a row's invoice would go, and its verdict: the first obstacle, or ready."""
        row.contact_id = self.proposer.contact_of(invoice)
        row.account_id = self.proposer.account_of(invoice)
        row.verdict, row.reason, row.cure = self._verdict(row, invoice)
        row.is_selected = row.verdict == Verdict.READY

    def _verdict(self, row: BatchRow, invoice: Invoice) -> tuple[Verdict, str, str]:
        if taken := self.taken.get(invoice.id):
            return Verdict.TAKEN, taken, ""
        if held := self.held.get(invoice.id):
            return Verdict.HELD, *held
        if self.is_all and invoice.issued_on < self.today - _YEAR:
            return (
                Verdict.OLD,
                f"Dated {Day(invoice.issued_on)}, more than 12 months ago.",
                f"To export it anyway, type {Typed(Command.EXPORT, invoice.number)}",
            )
        choice = ExportChoice(
            invoice_id=invoice.id,
            contact_id=row.contact_id,
            account_id=row.account_id,
            xero_status=self.xero_status,
        )
        ledger = self.ledgers[row.contact_id, invoice.client_name]
        red = _worst(examine(Case(invoice, choice, ledger)))
        if red is not None:
            return _VERDICT_OF.get(red.name, Verdict.OTHER), red.fact, red.cure
        word = Verdict.UNDONE if self.is_all and invoice.id in self.undone else Verdict.READY
        return word, self.former.get(invoice.id, ""), ""


def _worst(checks: tuple[Check, ...]) -> Check | None:
    reds = [each for each in checks if each.colour is Colour.RED]
    return min(reds, key=lambda each: _RANK.get(each.name, 0), default=None)


@dataclass(frozen=True, slots=True)
class TableReader:
    """Reads from Paymo what a batch's table shows."""

    database: Database
    paymo: PaymoClients
    xero: XeroClients
    mirror: Mirror
    now: Callable[[], datetime]

    async def read(self, connection: Connection, batch: Batch) -> None:
        """Read what was asked for, and judge it."""
        await self.mirror.refresh_invoices(connection)
        await self.mirror.refresh_contacts(connection)
        await self.mirror.refresh_ledger(connection, at_most_old=_FRESH, of_copied=True)
        async with self.database.sessions.begin() as session:
            await requeue_due(session, connection, self.now())
            numbers = await _meant(session, connection, batch.asked_numbers)
            ids = await _asked(session, connection, batch, numbers)
        paymo = self.paymo.client(connection.paymo_api_key)
        listed = {each.id: each for each in await paymo.invoices_with_items(ids)}
        invoices = [await whole(paymo, listed[each]) for each in ids if each in listed]
        odd = {each.key: each for each in paymo.left_out}
        held = await self._held(connection, invoices)
        async with self.database.sessions.begin() as session:
            await lifecycle.show_table(session, batch, numbers)
            clients = [client_row(each.client) for each in invoices if each.client is not None]
            # The menus know these clients at once, however old the mirror's list is.
            unique = {row["client_id"]: row for row in clients}
            await mirror.put(session, connection.id, Client, list(unique.values()))
            around = await _around(session, connection, batch, invoices)
            around = replace(around, held=held)
            rows = [_row(batch, each) for each in invoices]
            for row, invoice in zip(rows, invoices, strict=True):
                around.judge(row, invoice)
            for invoice_id in (each for each in ids if each not in listed and str(each) in odd):
                head = await mirror.find_header(session, connection.id, invoice_id)
                rows.append(_odd_row(batch, invoice_id, odd[str(invoice_id)], head))
            await batches.replace_rows(session, batch, rows)

    async def follow(self, connection: Connection, batch: Batch) -> bool:
        """Judge anew what went out, or can go again, since it was read; False where nothing did.

        What is ticked stays so, and nothing is ticked that wasn't; what was undone isn't.
        """
        async with self.database.sessions.begin() as session:
            await lifecycle.follow(session, batch)
            rows = [each for each in await batches.list_rows(session, batch.id) if each.invoice]
            ids = [each.paymo_invoice_id for each in rows]
            known = await batches.list_latest(session, connection, ids)
            moved = [row for row in rows if _has_moved(row, connection, known)]
            ticked = [row.is_selected for row in moved]
            await _judge(session, connection, batch, moved)
            for row, was in zip(moved, ticked, strict=True):
                row.is_selected = was and row.verdict != Verdict.UNDONE
        return bool(moved)

    async def _held(
        self, connection: Connection, invoices: Sequence[Invoice]
    ) -> dict[int, tuple[str, str]]:
        """Return which of these have a number that Xero knows from elsewhere, and what to do."""
        xero = self.xero.of(connection)
        numbers = {
            money.folded(each.number): each for each in invoices if money.fits_number(each.number)
        }
        try:
            holders = await xero.holders_of([each.number for each in numbers.values()])
        except (Rejected, NotFound) as refusal:  # then Xero says it of each, once it is sent
            log.warning("filters_refused", tenant=connection.tenant_id, refusal=refusal)
            return {}
        return {
            invoice.id: (
                f"{connection.organisation_name} already has another invoice {invoice.number}.",
                f"To link it or drop its number, type {Typed(Command.EXPORT, invoice.number)}",
            )
            for number, invoice in numbers.items()
            if number in holders and Links.paymo_id(holders[number].url) != invoice.id
        }


async def judge_again(
    session: Session, connection: Connection, batch: Batch, fixed: Invoice | None = None
) -> None:
    """Judge the rows anew that an answer can release, and that of an invoice just read again."""
    rows: list[BatchRow] = []
    held: dict[int, tuple[str, str]] = {}
    for row in await batches.list_rows(session, batch.id):
        is_fixed = fixed is not None and row.paymo_invoice_id == fixed.id
        if row.export_id is not None or not (is_fixed or row.verdict in _ANSWERABLE):
            continue
        if row.verdict == Verdict.HELD and fixed is not None and row.number == fixed.number:
            # Only a read of Xero finds the number free.
            held[row.paymo_invoice_id] = row.reason, row.cure
        if fixed is not None and is_fixed:
            _fill(row, fixed)
        if row.invoice is not None:
            rows.append(row)
    await _judge(session, connection, batch, rows, held)


def _has_moved(row: BatchRow, connection: Connection, known: Mapping[int, Export]) -> bool:
    latest = known.get(row.paymo_invoice_id)
    taken = claims.why_taken(latest, connection) if latest is not None else ""
    return taken != (row.reason if row.verdict == Verdict.TAKEN else "")


async def _judge(
    session: Session,
    connection: Connection,
    batch: Batch,
    rows: Sequence[BatchRow],
    held: Mapping[int, tuple[str, str]] = _NOBODY_HOLDS,
) -> None:
    invoices = [Invoice.from_json(row.invoice or {}) for row in rows]
    # What was suggested stays suggested, so nobody is compared with thousands of contacts here.
    suggested = {row.client_id or 0: row.contact_id for row in rows}
    around = await _around(session, connection, batch, invoices, suggested)
    around = replace(around, held=held)
    for row, invoice in zip(rows, invoices, strict=True):
        around.judge(row, invoice)


async def _meant(session: Session, connection: Connection, asked: Sequence[str]) -> list[str]:
    """Return the numbers that are meant; where several fit, the table says that it is unknown."""
    meant = await numbered.each_meant(session, connection, asked)
    return [fit[0].number if len(fit) == 1 else each for each, fit in meant.items()]


async def _asked(
    session: Session, connection: Connection, batch: Batch, numbers: Sequence[str]
) -> Sequence[int]:
    if not numbers:
        return await batches.list_candidates(session, connection, ISSUED_IN_PAYMO, batch.since)
    return await numbered.list_ids(session, connection, numbers)


async def whole(paymo: PaymoClient, invoice: Invoice) -> Invoice:
    """Return the invoice as listed, or read singly where its lines do not add up.

    A list leaves lines out without a word once it holds too many; alone, they are all there.
    """
    try:
        money.check_adds_up(invoice.figures)
    except ServiceError:
        try:
            return await paymo.invoice_with_terms(invoice.id)
        except (NotFound, Unreadable):
            return invoice  # its figures say that something is wrong
    return invoice


async def _around(
    session: Session,
    connection: Connection,
    batch: Batch,
    invoices: Sequence[Invoice],
    suggested: Mapping[int, str] | None = None,
) -> Situation:
    client_ids = {each.client_id for each in invoices}
    proposer = await ledger_settings.proposer_for(session, connection, client_ids, suggested)
    taken, former, undone = await _history(session, connection, invoices)
    return Situation(
        proposer=proposer,
        ledgers=await _ledgers(session, connection, proposer, invoices),
        taken=taken,
        held={},
        former=former,
        undone=undone,
        today=days.day_in(connection.time_zone, batch.created_at),
        is_all=not batch.asked_numbers,
        xero_status=connection.xero_status,
    )


async def _ledgers(
    session: Session, connection: Connection, proposer: Proposer, invoices: Sequence[Invoice]
) -> dict[tuple[str, str], LedgerSettings]:
    wanted = {(proposer.contact_of(each), each.client_name): adding_of(each) for each in invoices}
    return {
        key: await ledger_settings.with_contact(
            session, connection, proposer.ledger, key[0], adding
        )
        for key, adding in sorted(wanted.items())
    }


async def _history(
    session: Session, connection: Connection, invoices: Sequence[Invoice]
) -> tuple[dict[int, str], dict[int, str], set[int]]:
    """Return which of these can't be exported again, were in Xero before, or were undone.

    Of the first two each says so.
    """
    taken: dict[int, str] = {}
    former: dict[int, str] = {}
    undone: set[int] = set()
    deleted = await exports.list_deleted_numbers(session, connection)
    known = await batches.list_latest(session, connection, [each.id for each in invoices])
    for invoice in invoices:
        latest = known.get(invoice.id)
        if latest is not None and (why := claims.why_taken(latest, connection)):
            taken[invoice.id] = why
        elif latest is not None or invoice.number.lower() in deleted:
            said = await said_of_former(session, connection, invoice, latest)
            former |= {invoice.id: f"{said}. This exports it again."} if said else {}
            if latest is not None and latest.invoice_state is InvoiceState.UNDONE:
                undone.add(invoice.id)
    return taken, former, undone


def _row(batch: Batch, invoice: Invoice) -> BatchRow:
    row = BatchRow(batch_id=batch.id, paymo_invoice_id=invoice.id)
    _fill(row, invoice)
    return row


def _fill(row: BatchRow, invoice: Invoice) -> None:
    """Copy Paymo's invoice into the row."""
    row.number = invoice.number[:WIDEST]
    row.client_id = invoice.client_id
    row.client_name = invoice.client_name[:WIDEST]
    row.total, row.currency = invoice.total, _currency(invoice)
    row.invoice, row.seen_updated_on = invoice.as_json(), invoice.updated_on


def _odd_row(batch: Batch, invoice_id: int, odd: LeftOut, head: InvoiceHeader | None) -> BatchRow:
    """Name an invoice that cannot be read, so that nobody takes it for sent."""
    return BatchRow(
        batch_id=batch.id,
        paymo_invoice_id=invoice_id,
        number=head.number[:WIDEST] if head else odd.name[:WIDEST],
        client_id=head.client_id if head else None,
        total=head.total if head else None,
        currency=head.currency[:8] if head else "",
        seen_updated_on=head.updated_on if head else None,
        verdict=Verdict.OTHER,
        reason=f"Part of {odd} can't be read.",
        cure="Check it there, then try again.",
    )


def _currency(invoice: Invoice) -> str:
    try:
        return money.currency_code(invoice.currency)
    except ServiceError:
        return invoice.currency[:8]  # the verdict says that there is no such currency
