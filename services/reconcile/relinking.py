"""Finds earlier exports again after the database was lost.

Exports are recognised in Xero by their link to Paymo, or by number, and copies of payments in Paymo
by their notes. Searching changes nothing. Each invoice found is saved with its payments, one at a
time, so that a second run continues with the rest.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

import msgspec

from services import compare, money
from services.clients.paymo import Invoice, PaymoClients
from services.clients.paymo import Payment as Copy
from services.clients.rows import texts_of
from services.clients.xero import XeroClient, XeroClients, XeroInvoice, settlements_of
from services.errors import Lost
from services.export import claims
from services.export.recording import difference
from services.lifecycle import export as lifecycle
from services.lifecycle import payment
from services.lifecycle.export import ExportColumns
from services.model import chunks, days
from services.model.export import ExportState
from services.model.invoice import ISSUED_IN_PAYMO, InvoiceState, Links, PaymentKind, Settlement
from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.model.people import ReplyTarget
from services.store import audit, exports, matches, schedules
from services.store.audit import AuditNote
from services.store.engine import Database, Session, add_new
from services.store.settled import EXPORTS, Settled, settle
from services.store.tables import Connection, Export, Payment
from services.sync.payments import key_of

_LIVE = ("DRAFT", "SUBMITTED", "AUTHORISED", "PAID")
_PATIENCE = timedelta(minutes=10)  # for Paymo's limits: a person waits
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Former:
    """One invoice on both sides."""

    invoice: Invoice
    stated: XeroInvoice
    is_own: bool  # Xero lists it as made by the app

    @property
    def owed(self) -> int:
        """How many payments in Xero have no copy in Paymo."""
        listed = settlements_of(self.stated, date.min)
        return sum(each.key not in self.copies for each in listed)

    @property
    def copies(self) -> dict[str, Copy]:
        """The copies in Paymo, by Xero's ids of what they are copies of."""
        return {key_of(each): each for each in self.invoice.payments if key_of(each)}


@dataclass(frozen=True, slots=True)
class Relinkable:
    """What was found of former exports that the database doesn't know."""

    connection: Connection
    pairs: tuple[Former, ...]
    known: int  # exports that the database has
    ended: tuple[str, ...]  # numbers of those that are voided or deleted in Xero
    doubled: tuple[str, ...]  # and of those that are there more than once
    loose: tuple[str, ...]  # and of those with copies of payments, but no invoice in Xero
    unread: tuple[str, ...]  # what could not be read


@dataclass(frozen=True, slots=True)
class Relinking:
    """Finds what was exported before, and takes it over."""

    database: Database
    paymos: PaymoClients
    xeros: XeroClients
    now: Callable[[], datetime]

    async def find(self, connection: Connection) -> Relinkable:
        """Read both sides, and pair what belongs together. Raises `ServiceError`."""
        xero = self.xeros.of(connection)
        paymo = self.paymos.client(connection.paymo_api_key, patience=_PATIENCE)
        in_paymo = {each.id: each for each in await paymo.statements()}
        own = [each for each in await xero.own_invoices() if each.type == "ACCREC"]
        async with self.database.sessions() as session:
            known = await _known(session, connection, in_paymo)
        open_ = {key: each for key, each in in_paymo.items() if key not in known}
        search = _Search(open_, own)
        await search.ask(xero)
        pairs = sorted(search.pairs(), key=lambda each: each.invoice.id)  # as they were written
        whole = await paymo.invoices_with_items([each.invoice.id for each in pairs])
        return Relinkable(
            connection=connection,
            pairs=tuple(_whole(pairs, whole)),
            known=len(known),
            ended=tuple(search.ended),
            doubled=tuple(search.doubled),
            loose=tuple(search.loose({each.invoice.id for each in pairs})),
            unread=tuple({**texts_of(xero.left_out), **texts_of(paymo.left_out)}.values()),
        )

    async def write(self, found: Relinkable, by: str = "") -> int:
        """Write down what was found, and return how many invoices that made.

        The owner's message stops asking for it, unless something is left. `by` is who agreed.
        """
        connection = found.connection
        count, is_whole = await self._write_pairs(found) if found.pairs else (0, True)
        done = "linked the former exports" if found.pairs else "found no former exports to link"
        over = Settled((NoticeKind.HEALTH,), by, done)
        async with self.database.sessions.begin() as session:
            if found.pairs:
                await schedules.want(session, [connection.id], [Job.SWEEP], self.now())
            if is_whole and not found.unread:
                await settle(session, connection, over, self.now())
        return count

    async def _write_pairs(self, found: Relinkable) -> tuple[int, bool]:
        """Return how many invoices that made, and whether none is left."""
        connection, is_whole = found.connection, True
        xero = self.xeros.of(connection)
        accounts: dict[str | None, str] = {
            each.code: each.account_id for each in await xero.accounts() if each.code
        }
        count = 0
        # The newest of a client's invoices says where its next one goes.
        for each in sorted(found.pairs, key=lambda pair: pair.invoice.issued_on, reverse=True):
            writing = _Writing(connection, each, accounts, self.now())
            try:
                async with self.database.sessions.begin() as session:
                    count += await writing.put_down(session)
            except Lost:
                is_whole = False  # somebody exports this very invoice just now
        return count, is_whole


async def _known(
    session: Session, connection: Connection, in_paymo: Mapping[int, Invoice]
) -> set[int]:
    """Return which invoices the database has as exported, or on their way."""
    known: set[int] = set()
    for some in chunks(list(in_paymo), _AT_ONCE):
        known |= set(await exports.list_taken_ids(session, connection, some))
    return known


@dataclass(slots=True)
class _Search:
    """Pairs Paymo's invoices with Xero's."""

    in_paymo: Mapping[int, Invoice]
    own: Sequence[XeroInvoice]
    ended: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    candidates: dict[int, list[XeroInvoice]] = field(default_factory=dict)
    own_ids: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Begin with what Xero lists as the app's own."""
        self.own_ids.update(each.invoice_id for each in self.own)
        numbers = {money.folded(each.number): each for each in self.in_paymo.values()}
        for stated in self.own:
            # Only where Xero took no link does the number decide.
            named = numbers.get(money.folded(stated.invoice_number)) if not stated.url else None
            paymo_id = named.id if named is not None and _agree(named, stated) else None
            self._add(paymo_id or Links.paymo_id(stated.url), stated)

    async def ask(self, xero: XeroClient) -> None:
        """Look up the numbers that are left: another app may have made them, or a person."""
        left = {
            money.folded(each.number): each
            for each in self.in_paymo.values()
            if each.id not in self.candidates
            and (each.status in ISSUED_IN_PAYMO or any(map(key_of, each.payments)))
        }
        holders = await xero.holders_of([each.number for each in left.values()])
        for number, stated in holders.items():
            invoice = left.get(number)
            if stated.lacks or invoice is None or stated.invoice_id in self.own_ids:
                continue
            if _is_tied(invoice, stated):
                self._add(invoice.id, stated)

    def _add(self, paymo_id: int | None, stated: XeroInvoice) -> None:
        if paymo_id in self.in_paymo and paymo_id is not None:
            if stated.status in _LIVE:
                self.candidates.setdefault(paymo_id, []).append(stated)
            else:
                self.ended.append(self.in_paymo[paymo_id].number)

    def pairs(self) -> Iterator[Former]:
        """Yield each invoice of Paymo's with the one in Xero that it is."""
        for paymo_id, found in self.candidates.items():
            invoice = self.in_paymo[paymo_id]
            if len(found) > 1:
                self.doubled.append(invoice.number)
            chosen = min(found, key=lambda each: (not _has_copies(invoice, each), each.updated_at))
            yield Former(invoice, chosen, chosen.invoice_id in self.own_ids)

    def loose(self, paired: set[int]) -> Iterator[str]:
        """Yield the numbers of what has copies of Xero's payments, and was not found there."""
        for each in self.in_paymo.values():
            if each.id not in paired and any(map(key_of, each.payments)):
                yield each.number


def _agree(invoice: Invoice, stated: XeroInvoice) -> bool:
    return (stated.total, stated.currency_code) == (
        invoice.total,
        money.currency_code(invoice.currency),
    )


def _has_copies(invoice: Invoice, stated: XeroInvoice) -> bool:
    keys = {each.key for each in settlements_of(stated, date.min)}
    return any(key_of(each) in keys for each in invoice.payments)


def _is_tied(invoice: Invoice, stated: XeroInvoice) -> bool:
    """Say whether something beside the number says that it is the same invoice."""
    if stated.url:
        return Links.paymo_id(stated.url) == invoice.id
    return _has_copies(invoice, stated)


def _whole(pairs: Sequence[Former], whole: Sequence[Invoice]) -> Iterator[Former]:
    """Yield the pairs whose lines could be read, with lines and payments."""
    lines = {each.id: each for each in whole}
    for each in pairs:
        if each.invoice.id in lines:
            payments_ = each.invoice.payments
            invoice = msgspec.structs.replace(lines[each.invoice.id], payments=payments_)
            yield replace(each, invoice=invoice)


@dataclass(frozen=True, slots=True)
class _Writing:
    """Writes one pair down, as if it had been exported over this connection."""

    connection: Connection
    pair: Former
    accounts: Mapping[str | None, str]  # ids by codes
    now: datetime

    async def put_down(self, session: Session) -> bool:
        """Write the export with its payments, unless it is known by now."""
        export = await self._export(session)
        if export is None:
            return False
        stated, differs = self.pair.stated, difference(export, self.pair.stated)
        created = self._created()
        if differs:
            written = await lifecycle.mark_different(session, {export: (created, differs)})
        else:
            written = await lifecycle.mark_exported(session, {export: created})
        if not written:
            raise Lost
        await self._remember(session, export)
        over = Settled(EXPORTS, "", "linked it to Xero's invoice", export.id)
        await settle(session, self.connection, over, self.now)
        for each, is_listed in self._settlements():
            await self._copy(session, export, each, is_listed=is_listed)
        after = {"xero_invoice_id": stated.invoice_id, "xero_number": stated.invoice_number}
        entry = AuditNote("relinked", self.now, self.connection.owner_id, export.id, after=after)
        audit.record(session, self.connection, entry)
        return True

    async def _export(self, session: Session) -> Export | None:
        """Return the row that is to be written, which nobody works on."""
        former = await exports.find_latest(session, self.connection, self.pair.invoice.id)
        if former is not None:
            is_refused = former.state is ExportState.FAILED and former.xero_invoice_id is None
            if not is_refused or not await lifecycle.requeue(session, former, self._asked()):
                return None
            return former
        export = lifecycle.queue(
            Export(
                paymo_company_id=self.connection.paymo_company_id,
                tenant_id=self.connection.tenant_id,
                paymo_invoice_id=self.pair.invoice.id,
                invoice_state=InvoiceState.LIVE,
                **self._asked(),
            )
        )
        return await add_new(session, export)

    def _asked(self) -> ExportColumns:
        stated, invoice, connection = self.pair.stated, self.pair.invoice, self.connection
        place = ReplyTarget(
            workspace_id=connection.workspace_id,
            user_id=connection.owner_id,
            channel_id="",
            view_id="",
        )
        has_number = money.folded(stated.invoice_number) == money.folded(invoice.number)
        is_moved = stated.issued_on is not None and stated.issued_on != invoice.issued_on
        return {
            **claims.columns_of(invoice),
            "connection_id": connection.id,
            "requested_by": connection.owner_id,
            "requested_at": self._moment(),
            "reply_to": asdict(place),
            "contact_id": stated.contact.contact_id,
            "contact_name": stated.contact.name[: claims.WIDEST],
            "account_id": self._account_id(),
            "xero_status": "DRAFT" if stated.status == "DRAFT" else "AUTHORISED",
            "leave_out_number": money.fits_number(invoice.number) and not has_number,
            "issue_on": stated.issued_on if is_moved else None,
            "due_at": None,
        }

    def _created(self) -> ExportColumns:
        stated = self.pair.stated
        return {
            "xero_invoice_id": stated.invoice_id,
            "xero_number": stated.invoice_number,
            "xero_total": stated.total,
            "xero_status": stated.status,
            "xero_seen_status": stated.status,
            "xero_due": stated.amount_due,
            "due_on": stated.due_on,
            "xero_rounding": stated.rounding_amount or None,
            "compared": compare.agreed(self.pair.invoice, stated).as_json(),
            # What Xero does not list as the app's own is asked for by its id.
            "is_linked": not self.pair.is_own,
            "exported_at": self._moment(),
        }

    def _moment(self) -> datetime:
        """Nobody knows when it was exported: no later than Xero last touched it."""
        return min(self.pair.stated.updated_at, self.now)

    def _account_id(self) -> str:
        codes = (each.account_code for each in self.pair.stated.lines)
        return next((self.accounts[code] for code in codes if code in self.accounts), "")

    async def _remember(self, session: Session, export: Export) -> None:
        client_id = export.client_id
        if client_id is None or not (export.contact_id and export.account_id):
            return
        connection = self.connection
        if await matches.find(session, connection.id, connection.tenant_id, client_id) is None:
            await claims.remember_match(session, export, self.now)

    def _settlements(self) -> Iterator[tuple[Settlement, bool]]:
        """Yield what Xero lists, and what Paymo has a copy of though Xero lists it no more.

        The second says which.
        """
        today = days.day_in(self.connection.time_zone, self.now)
        listed = settlements_of(self.pair.stated, today)
        yield from ((each, True) for each in listed)
        known = {each.key for each in listed}
        for key, copy in self.pair.copies.items():
            if key not in known:
                yield Settlement(key, _kind_of(copy, key), "", copy.amount, copy.paid_on), False

    async def _copy(
        self, session: Session, export: Export, listed: Settlement, *, is_listed: bool
    ) -> None:
        """Write one payment: recorded where Paymo has its copy, else to be added by the sweep."""
        copy = self.pair.copies.get(listed.key)
        if copy is not None and listed.kind is not PaymentKind.PAYMENT:
            # Where another amount is applied by now, the sweep sees that, and puts it right.
            listed = replace(listed, amount=copy.amount)
        row = Payment(**payment.begin(export, listed, None, self.now))
        if copy is not None:  # nobody knows when it came, but it is no news
            row.seen_at = min(datetime.combine(listed.paid_on, time(), UTC), self.now)
        added = await add_new(session, row)
        if added is None or copy is None:
            return
        await payment.mark_recorded(session, added, copy.id, copy.amount)
        if not is_listed:
            await payment.check(session, added, self.now)


def _kind_of(copy: Copy, key: str) -> PaymentKind:
    """Tell what a copy is of: credits are named in its notes, before the marker."""
    if ":" not in key:
        return PaymentKind.PAYMENT
    said = (copy.notes or "").casefold()
    named = (each for each in PaymentKind if said.startswith(each.value.replace("_", " ")))
    return next(named, PaymentKind.CREDIT_NOTE)
