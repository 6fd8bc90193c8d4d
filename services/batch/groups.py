"""Sending many invoices with one request: written down, sent, and each judged by itself.

An invoice whose outcome is not known goes its way alone from there, which looks it up before
anything is sent again. So does one whose worker died after it was written down.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
import structlog

from services import money
from services.batch.reading import whole
from services.clients.paymo import Header, Invoice, PaymoClient
from services.clients.paymo.transport import HEADS
from services.clients.xero import XeroInvoice
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
from services.export import adopting, books, contacts, preparing, recording
from services.export.kit import Kit
from services.export.preparing import read_invoice
from services.export.refusals import (
    Refused,
    from_xero,
    is_about_contact,
    is_taken,
    is_url_refused,
)
from services.lifecycle import batch as batch_lifecycle
from services.lifecycle import export as lifecycle
from services.mapping.case import LedgerSettings, adding_of
from services.model import chunks
from services.model.export import NEW_CONTACT, ExportState, RefusalCode
from services.model.invoice import ISSUED_IN_PAYMO, Links
from services.model.jobs import CALL_LIMIT
from services.store import batches
from services.store.engine import Session
from services.store.tables import Batch, BatchRow, Connection, Export

log = structlog.get_logger(__name__)

_SOON = timedelta(seconds=5)
_ALONE_AFTER = CALL_LIMIT + _SOON  # the whole of the request, and what is written of its answer
_FRESH = timedelta(minutes=1)
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_UNSAID = "Xero’s answer does not say what became of this invoice. It is being looked up."

Member = tuple[BatchRow, Export]


@dataclass(slots=True)
class GroupSender:
    """Sends what can go in groups; `show` draws the view again, at most once a second."""

    kit: Kit
    connection: Connection
    batch: Batch
    show: Callable[[], Awaitable[None]]
    looked_at: set[str] = field(default_factory=set)  # contacts that Xero has refused
    leaves_out_url: bool = False  # Xero has refused the link to Paymo

    async def send_all(self) -> None:
        """Send everything that can go in groups. Raises `ServiceError` when it has to wait."""
        kit = self.kit
        await kit.mirror.refresh_books(self.connection, at_most_old=_FRESH)
        drawn_at = None
        while members := (await self._unsent())[:HEADS]:
            members = await self._unchanged(members)
            looked_at = kit.now()
            for group in chunks(members, MOST):
                if kit.now() - looked_at > _FRESH:
                    break  # Paymo is asked about the rest again
                await self._send(group)
                if drawn_at is None or kit.now() - drawn_at >= timedelta(seconds=1):
                    drawn_at = kit.now()
                    await self.show()

    async def _unsent(self) -> list[Member]:
        async with self.kit.database.sessions.begin() as session:
            await batch_lifecycle.go_on(session, self.batch)
            found = await batches.list_unsent(session, self.batch.id)
        return [member for member in found if _is_groupable(member[1])]

    async def _unchanged(self, members: Sequence[Member]) -> list[Member]:
        """Return what Paymo still has as it was shown; the others are refused."""
        paymo = self.kit.paymo.client(self.connection.paymo_api_key)
        compared = await _compare(paymo, members)
        async with self.kit.database.sessions.begin() as session:
            await batch_lifecycle.go_on(session, self.batch)
            for row, export, invoice in compared.touched:
                await batches.renew(session, row, export, invoice.as_json(), invoice.updated_on)
        for export, refusal in compared.refused:
            await self._refuse(export, refusal)
        touched = [(row, export) for row, export, _ in compared.touched]
        return sorted([*compared.unchanged, *touched], key=lambda member: member[0].id)

    async def _refuse(self, export: Export, refusal: Refused) -> None:
        with suppress(Lost):
            await recording.fail(self.kit, self.connection, export, refusal)

    async def _send(self, members: Sequence[Member]) -> None:
        group = await self._write_down(members)
        if not group:
            return
        key = idempotency_key(
            tenant_id=self.connection.tenant_id,
            about="group",
            attempt=0,
            body=[each.idempotency_key for each in group],
        )
        xero = self.kit.xero.client(self.connection.tenant_id, self.connection.grant_id)
        bodies = [preparing.body_of(each) for each in group]
        try:
            made = await xero.create_invoices(bodies, key=key)
        except (Throttled, NotConnected, Unreachable):
            # Refused at the door, or never there: nothing was done, so all wait as if never sent.
            await self._take_back(group, is_alone=False)
            raise
        except Unavailable as refusal:
            # What is left waits until Xero is well again, instead of getting lost as well.
            await self._lose(group, refusal)
            raise
        except ServiceError as refusal:
            # Nothing was taken, and which one is to blame is not said: each goes alone.
            log.warning("group_refused", batch=self.batch.id, refusal=refusal)
            await self._take_back(group, is_alone=True)
            return
        for export, created in zip(group, answers_for(group, made), strict=True):
            await self._record(export, created)
        async with self.kit.database.sessions.begin() as session:
            await batch_lifecycle.advance(session, self.batch)
        if any(each.is_refused for each in made):
            # What the mirror says is old, and the cures are made of it.
            await self.kit.mirror.refresh_books(self.connection, at_most_old=timedelta(0))

    async def _write_down(self, members: Sequence[Member]) -> list[Export]:
        """Write what will be sent of each, under which key; what is refused is left out."""
        refused: list[tuple[Export, Refused]] = []
        group: list[Export] = []
        async with self.kit.database.sessions.begin() as session:
            await batch_lifecycle.go_on(session, self.batch)
            known = await books.load(session, self.connection, "")
            for row, export in members:
                try:
                    if taken := await self._write(session, row, export, known):
                        group.append(taken)
                except Refused as refusal:
                    refused.append((export, refusal))
        for export, why in refused:
            await self._refuse(export, why)
        return group

    async def _write(
        self, session: Session, row: BatchRow, export: Export, known: LedgerSettings
    ) -> Export | None:
        preparing.require_same_organisation(self.connection, export)
        invoice = Invoice.from_json(row.invoice or {})
        known = await books.for_contact(
            session, self.connection, known, export.contact_id, adding_of(invoice)
        )
        contact_id = known.contact.contact_id if known.contact else export.contact_id
        url = "" if self.leaves_out_url else self.kit.links.paymo_for_xero(invoice.id)
        sent = preparing.checked(export, invoice, known, contact_id, url)
        name = known.contact.name if known.contact else ""
        values = preparing.written(export, invoice, name, sent)
        values["contact_id"] = contact_id
        now = self.kit.now()
        if not await lifecycle.send_in_group(session, export, values, now, now + _ALONE_AFTER):
            return None
        return export

    async def _record(self, export: Export, created: XeroInvoice | None) -> None:
        try:
            if created is None or not (created.invoice_id or created.is_refused):
                raise Unavailable(_UNSAID)
            if created.is_refused:
                refusal = refusal_of(created)
                if is_url_refused(refusal) and "Url" in (export.sent or {}):
                    self.leaves_out_url = True
                    await self._take_back([export], is_alone=False)
                    return
                if not is_taken(refusal):
                    raise await self._why(export, refusal)
                created = await adopting.holder_of_number(self.kit, self.connection, export)
        except Refused as refusal:
            await self._refuse(export, refusal)
        except ServiceError as refusal:
            await self._lose([export], Unavailable(str(refusal)))
        else:
            with suppress(Lost):
                await recording.succeed(self.kit, self.connection, export, created)

    async def _why(self, export: Export, refusal: Rejected) -> Refused:
        why = from_xero(refusal)
        if is_about_contact(why) and export.contact_id not in self.looked_at:
            self.looked_at.add(export.contact_id)
            await contacts.look(self.kit, self.connection, export.contact_id)
        return why

    async def _lose(self, group: Sequence[Export], refusal: Unavailable) -> None:
        """Have each looked up by itself, for nobody knows what was done."""
        for export in group:
            with suppress(Lost):
                await recording.unknown(self.kit, self.connection, export, refusal, _SOON)

    async def _take_back(self, group: Sequence[Export], *, is_alone: bool) -> None:
        due_at = self.kit.now() if is_alone else None
        async with self.kit.database.sessions.begin() as session:
            for export in group:
                with suppress(Lost):  # somebody has it by now, and goes on with it alone
                    await lifecycle.regroup(session, export, due_at)


def _is_groupable(export: Export) -> bool:
    """Say whether it can go with others: its contact is in Xero, and nothing is to be looked up."""
    is_new = export.contact_id == NEW_CONTACT
    return export.state is ExportState.QUEUED and not is_new and export.sent_at is None


def answers_for(
    group: Sequence[Export], made: Sequence[XeroInvoice]
) -> Iterator[XeroInvoice | None]:
    """Yield Xero's answer about each: by the link to Paymo, else by number or reference.

    Where two fit, none is taken: the invoice is looked up by itself then.
    """
    for export in group:
        sent = export.sent or {}
        name = "InvoiceNumber" if "InvoiceNumber" in sent else "Reference"
        text = money.folded(str(sent.get(name, "")))
        fitting = [
            each
            for each in made
            if (
                Links.paymo_id(each.url) == export.paymo_invoice_id
                if each.url
                else text
                == money.folded(each.invoice_number if name != "Reference" else each.reference)
            )
        ]
        yield fitting[0] if len(fitting) == 1 else None


@dataclass(slots=True)
class _Compared:
    """The invoices that can go as they were shown, and those that cannot."""

    unchanged: list[Member] = field(default_factory=list)
    touched: list[tuple[BatchRow, Export, Invoice]] = field(default_factory=list)  # as they are now
    refused: list[tuple[Export, Refused]] = field(default_factory=list)


async def _compare(paymo: PaymoClient, members: Sequence[Member]) -> _Compared:
    """Find out whether Paymo still has what the table showed.

    Heads tell which invoices were touched. Only those are read again, since a client who opens an
    invoice touches it too, and that changes nothing which Xero is sent.
    """
    ids = [row.paymo_invoice_id for row, _ in members]
    heads = {each.id: each for each in await paymo.headers_of(ids)}
    suspects = [each for each in members if not _is_untouched(each, heads)]
    now, unread = await _read_again(paymo, [row.paymo_invoice_id for row, _ in suspects], heads)
    compared = _Compared()
    for member in members:
        row, export = member
        if _is_untouched(member, heads):
            compared.unchanged.append(member)
            continue
        invoice = now.get(row.paymo_invoice_id)
        if why := unread.get(row.paymo_invoice_id):
            compared.refused.append((export, Refused(why, RefusalCode.REJECTED)))
        elif invoice is None:
            compared.refused.append((export, preparing.gone(export)))
        elif _is_same(Invoice.from_json(row.invoice or {}), invoice):
            compared.touched.append((row, export, invoice))
        else:
            compared.refused.append((export, preparing.changed(export, invoice)))
    return compared


def _is_untouched(member: Member, heads: dict[int, Header]) -> bool:
    row, export = member
    head = heads.get(row.paymo_invoice_id)
    return head is not None and head.updated_on == export.seen_updated_on


async def _read_again(
    paymo: PaymoClient, ids: Sequence[int], heads: dict[int, Header]
) -> tuple[dict[int, Invoice], dict[int, str]]:
    """Return those that Paymo has, with lines, and why others are not read.

    One that a list lacks is asked for by itself.
    """
    listed = await paymo.invoices_with_items([each for each in ids if each in heads])
    found = {each.id: await whole(paymo, each) for each in listed}
    unread: dict[int, str] = {}
    for missing in (each for each in ids if each not in found):
        try:
            found[missing] = await read_invoice(paymo, missing)
        except NotFound:
            continue
        except Rejected as refusal:
            unread[missing] = str(refusal)
    return found, unread


def _is_same(shown: Invoice, now: Invoice) -> bool:
    """Say whether Xero would be sent the same: its status there says nothing to Xero."""
    if shown.status != now.status and not {shown.status, now.status} <= set(ISSUED_IN_PAYMO):
        return False
    return _printed(shown) == _printed(now)


def _printed(invoice: Invoice) -> Invoice:
    return msgspec.structs.replace(
        invoice, status="", updated_on=_ANY_TIME, payments=(), client=None, notes=None
    )
