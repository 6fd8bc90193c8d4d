"""Sends many invoices in one request: written down, sent, and each one checked separately.

An invoice continues alone if its outcome is unknown, or if its worker died after writing it down:
it is looked up before anything is sent again.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from services import compare, money
from services.batch.reading import whole
from services.clients.paymo import Header, Invoice, PaymoClient, PaymoClients
from services.clients.paymo.transport import HEADS
from services.clients.xero import Addition, XeroClients, XeroInvoice
from services.clients.xero.invoices import MOST, idempotency_key
from services.clients.xero.transport import refusal_of
from services.errors import (
    Lost,
    NotConnected,
    NotFound,
    Rejected,
    ServiceError,
    Throttled,
    Unavailable,
    Unreachable,
)
from services.export import approvals, checking, ledger_settings
from services.export.approvals import Shown, Telling
from services.export.existing import Contacts, ExistingInvoices, names_export, was_before
from services.export.ledger_settings import Mirror
from services.export.recording import Recorder
from services.export.refusals import (
    Refused,
    from_xero,
    is_taken,
    is_url_refused,
)
from services.lifecycle import batch as batch_lifecycle
from services.lifecycle import export as lifecycle
from services.lifecycle.export import ExportColumns, Leaving
from services.mapping.case import LedgerSettings, adding_of
from services.model import chunks
from services.model.export import NEW_CONTACT, ExportState, RefusalCode
from services.model.invoice import Links
from services.model.jobs import CALL_LIMIT
from services.store import batches, connections
from services.store.engine import Database, Session
from services.store.tables import Batch, BatchRow, Connection, Export

log = structlog.get_logger(__name__)

_SOON = timedelta(seconds=5)
ALONE_AFTER = CALL_LIMIT + _SOON  # the whole request, and the time to record its answer
_FRESH = timedelta(minutes=1)
_UNSAID = "Xero’s answer doesn't say what happened to this invoice. We're looking it up."

Member = tuple[BatchRow, Export]


@dataclass(slots=True)
class _Go:
    """One run of a batch, and what it has learned; `show` redraws the view."""

    connection: Connection
    batch: Batch
    show: Callable[[], Awaitable[None]]
    contacts_checked: set[str] = field(default_factory=set)  # of those that Xero has refused
    leaves_out_url: bool = False  # Xero has refused the link to Paymo
    former: dict[int | None, XeroInvoice] | None = None  # by Paymo's ids, once they were read


@dataclass(frozen=True, slots=True)
class _Known:
    """What the checks of a group need, read once in the transaction that saves it."""

    session: Session
    connection: Connection
    ledger: LedgerSettings  # without a contact
    ledgers: dict[tuple[str, Addition], LedgerSettings] = field(default_factory=dict)

    async def ledger_with(self, contact_id: str, adding: Addition) -> LedgerSettings:
        """Return the settings for one contact."""
        key = contact_id, adding
        if key not in self.ledgers:
            self.ledgers[key] = await ledger_settings.with_contact(
                self.session, self.connection, self.ledger, *key
            )
        return self.ledgers[key]


@dataclass(frozen=True, slots=True)
class GroupSender:
    """Sends what can go in groups, and draws the view again, at most once a second."""

    database: Database
    paymo: PaymoClients
    xero: XeroClients
    mirror: Mirror
    contacts: Contacts
    existing: ExistingInvoices
    recorder: Recorder
    links: Links
    now: Callable[[], datetime]

    async def send_all(
        self, connection: Connection, batch: Batch, show: Callable[[], Awaitable[None]]
    ) -> None:
        """Send everything that can go in groups. Raises `ServiceError` when it has to wait."""
        go = _Go(connection, batch, show)
        await self.mirror.refresh_ledger(connection, at_most_old=_FRESH, of_copied=True)
        drawn_at = None
        while members := (await self._unsent(batch))[:HEADS]:
            members = await self._unchanged(go, await self._without_former(go, members))
            compared_at = self.now()
            for group in chunks(members, MOST):
                if self.now() - compared_at > _FRESH:
                    break  # Paymo is asked about the rest again
                await self._send(go, group)
                if drawn_at is None or self.now() - drawn_at >= timedelta(seconds=1):
                    drawn_at = self.now()
                    await show()

    async def _unsent(self, batch: Batch) -> list[Member]:
        async with self.database.sessions.begin() as session:
            await batch_lifecycle.go_on(session, batch)
            found = await batches.list_unsent(session, batch.id)
        return [member for member in found if _is_groupable(member[1])]

    async def _without_former(self, go: _Go, members: Sequence[Member]) -> list[Member]:
        """Return what Xero does not have yet; what a lost database knew is recorded instead."""
        old = {export.id for row, export in members if _may_be_there(go.connection, row, export)}
        if old and go.former is None:
            xero = self.xero.of(go.connection)
            own = [each for each in await xero.own_invoices() if each.status not in compare.DEAD]
            go.former = {Links.paymo_id(each.url): each for each in own if each.url}
        left = []
        for row, export in members:
            former = (go.former or {}).get(row.paymo_invoice_id) if export.id in old else None
            if former is None or not await self.existing.free(go.connection, export, [former]):
                left.append((row, export))
                continue
            with suppress(Lost):
                await self.recorder.succeed(go.connection, export, former)
        return left

    async def _unchanged(self, go: _Go, members: Sequence[Member]) -> list[Member]:
        """Return what Paymo still has as it was shown; the others are refused.

        Heads tell which invoices were touched. Only those are read again, since a client who opens
        an invoice touches it too, and that changes nothing which Xero is sent.
        """
        paymo = self.paymo.client(go.connection.paymo_api_key)
        ids = [row.paymo_invoice_id for row, _ in members]
        heads = {each.id: each for each in await paymo.headers_of(ids)}
        touched = {export.id for row, export in members if not _is_untouched(export, heads)}
        suspects = [row.paymo_invoice_id for row, export in members if export.id in touched]
        found = await _read_again(paymo, suspects, heads)
        refused: dict[int, Refused] = {}
        async with self.database.sessions.begin() as session:
            await batch_lifecycle.go_on(session, go.batch)
            for row, export in members:
                if export.id not in touched:
                    continue
                invoice = _same_or_refused(row, export, found.get(row.paymo_invoice_id))
                if isinstance(invoice, Refused):
                    refused[export.id] = invoice
                else:
                    await batches.renew(session, row, export, invoice.as_json(), invoice.updated_on)
        for _, export in members:
            if export.id in refused:
                await self._refuse(go, export, refused[export.id])
        return [member for member in members if member[1].id not in refused]

    async def _refuse(self, go: _Go, export: Export, refusal: Refused) -> None:
        with suppress(Lost):
            await self.recorder.fail(go.connection, export, refusal)

    async def _send(self, go: _Go, members: Sequence[Member]) -> None:
        group = await self._write_down(go, members)
        if not group:
            return
        key = idempotency_key(
            tenant_id=go.connection.tenant_id,
            about="group",
            attempt=0,
            body=[each.idempotency_key for each in group],
        )
        xero = self.xero.of(go.connection)
        bodies = [checking.body_of(each) for each in group]
        try:
            made = await xero.create_invoices(bodies, key=key)
        except (Throttled, NotConnected, Unreachable):
            # Refused at the door, or never there: nothing was done, so all wait as if never sent.
            await self._take_back(group, is_alone=False)
            raise
        except Unavailable as refusal:
            # What is left waits until Xero is well again, instead of getting lost as well.
            await self._lose(go, group, refusal)
            raise
        except ServiceError as refusal:
            # Nothing was taken, and which one is to blame is not said: each goes alone.
            log.warning("group_refused", batch=go.batch.id, refusal=refusal)
            await self._take_back(group, is_alone=True)
            return
        await self._record(go, group, made)

    async def _record(self, go: _Go, group: Sequence[Export], made: Sequence[XeroInvoice]) -> None:
        """Record at once what Xero created, then whatever else it says about each."""
        answers = list(zip(group, answers_for(group, made), strict=True))
        there = [(export, each) for export, each in answers if each and _is_made(each)]
        await self.recorder.succeed_all(go.connection, there)
        for export, answer in answers:
            if answer is None or not _is_made(answer):
                await self._settle(go, export, answer)
        async with self.database.sessions.begin() as session:
            await batch_lifecycle.advance(session, go.batch)
        if any(each.is_refused for each in made):
            # What the mirror says is old, and the cures are made of it.
            await self.mirror.refresh_ledger(go.connection, at_most_old=timedelta(0))

    async def _write_down(self, go: _Go, members: Sequence[Member]) -> Sequence[Export]:
        """Save what each will send, and under which key; leave out refused ones."""
        refused: list[tuple[Export, Refused]] = []
        leaving: dict[Export, Leaving] = {}
        async with self.database.sessions.begin() as session:
            await batch_lifecycle.go_on(session, go.batch)
            connection = await connections.get(session, go.connection.id)
            ledger = await ledger_settings.load(session, connection, "")
            known = _Known(session, connection, ledger)
            for member in members:
                try:
                    if prepared := await self._prepared(go, known, member):
                        now = self.now()
                        leaving[member[1]] = Leaving(prepared, now, now + ALONE_AFTER)
                except Refused as refusal:
                    refused.append((member[1], refusal))
            group = await lifecycle.send_in_group(session, leaving)
        for export, why in refused:
            await self._refuse(go, export, why)
        return group

    async def _prepared(self, go: _Go, known: _Known, member: Member) -> ExportColumns | None:
        """Return what to write down, or None where a second person has to approve first."""
        row, export = member
        session = known.session
        checking.require_same_organisation(go.connection, export)
        invoice = Invoice.from_json(row.invoice or {})
        ledger = await known.ledger_with(export.contact_id, adding_of(invoice))
        contact_id = ledger.contact.contact_id if ledger.contact else export.contact_id
        url = "" if go.leaves_out_url else self.links.paymo_for_xero(invoice.id)
        sent = checking.checked(export, invoice, ledger, contact_id, url)
        at, shown = Telling(self.now(), self.links), Shown(invoice, sent)
        if not await approvals.let_through(session, known.connection, export, shown, at):
            return None
        name = ledger.contact.name if ledger.contact else ""
        values = checking.written(export, invoice, name, sent)
        values["contact_id"] = contact_id
        return values

    async def _settle(self, go: _Go, export: Export, created: XeroInvoice | None) -> None:
        """Record what Xero refused or didn't answer."""
        try:
            if created is None or not created.is_refused:
                raise Unavailable(_UNSAID)
            refusal = refusal_of(created)
            if is_url_refused(refusal) and "Url" in (export.sent or {}):
                go.leaves_out_url = True
                await self._take_back([export], is_alone=False)
                return
            if not is_taken(refusal):
                raise await self._why(go, export, refusal)
            created = await self.existing.holder_of_number(go.connection, export)
        except Refused as refusal:
            await self._refuse(go, export, refusal)
        except ServiceError as refusal:
            await self._lose(go, [export], Unavailable(str(refusal)))
        else:
            with suppress(Lost):
                await self.recorder.succeed(go.connection, export, created)

    async def _why(self, go: _Go, export: Export, refusal: Rejected) -> Refused:
        why = from_xero(refusal)
        if RefusalCode.CONTACT in why.codes and export.contact_id not in go.contacts_checked:
            go.contacts_checked.add(export.contact_id)
            await self.contacts.check(go.connection, export.contact_id)
        return why

    async def _lose(self, go: _Go, group: Sequence[Export], refusal: Unavailable) -> None:
        """Have each checked separately: nobody knows which arrived."""
        for export in group:
            with suppress(Lost):
                await self.recorder.lose(go.connection, export, refusal, _SOON)

    async def _take_back(self, group: Sequence[Export], *, is_alone: bool) -> None:
        due_at = self.now() if is_alone else None
        async with self.database.sessions.begin() as session:
            for export in group:
                with suppress(Lost):  # somebody else has taken it meanwhile
                    await lifecycle.regroup(session, export, due_at)


def _is_groupable(export: Export) -> bool:
    """Say whether it can go with others: its contact is in Xero, and nothing is to be looked up."""
    is_new = export.contact_id == NEW_CONTACT
    return export.state is ExportState.QUEUED and not is_new and export.sent_at is None


def _may_be_there(connection: Connection, row: BatchRow, export: Export) -> bool:
    """Say whether a lost database may have known it, and Xero would take it a second time."""
    has_number = money.fits_number(export.number) and not export.leave_out_number
    day = str(export.issue_on or (row.invoice or {}).get("date") or "")
    return not has_number and was_before(connection, day)


def answers_for(
    group: Sequence[Export], made: Sequence[XeroInvoice]
) -> Iterator[XeroInvoice | None]:
    """Yield Xero's answer about each: by the link to Paymo, else by number or reference.

    Where two fit, neither is used: the invoice is looked up alone.
    """
    for export in group:
        fitting = [each for each in made if names_export(each, export)]
        yield fitting[0] if len(fitting) == 1 else None


def _is_made(created: XeroInvoice) -> bool:
    return bool(created.invoice_id) and not created.is_refused


def _is_untouched(export: Export, heads: dict[int, Header]) -> bool:
    head = heads.get(export.paymo_invoice_id)
    return head is not None and head.updated_on == export.seen_updated_on


def _same_or_refused(
    row: BatchRow, export: Export, found: Invoice | Rejected | None
) -> Invoice | Refused:
    if found is None:
        return checking.gone(export)
    if isinstance(found, Rejected):
        return Refused(str(found), RefusalCode.REJECTED)
    if checking.is_same(Invoice.from_json(row.invoice or {}), found):
        return found
    return checking.changed(export, found)


async def _read_again(
    paymo: PaymoClient, ids: Sequence[int], heads: dict[int, Header]
) -> dict[int, Invoice | Rejected]:
    """Return those that Paymo has, with lines, or why one is not read.

    One that the list lacks is read alone.
    """
    listed = await paymo.invoices_with_items([each for each in ids if each in heads])
    found: dict[int, Invoice | Rejected] = {each.id: await whole(paymo, each) for each in listed}
    for missing in (each for each in ids if each not in found):
        try:
            found[missing] = await paymo.invoice_with_terms(missing)
        except NotFound:
            continue
        except Rejected as refusal:
            found[missing] = refusal
    return found
