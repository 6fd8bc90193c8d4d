"""What an earlier try left in Xero: the invoice, and the contact."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
import structlog

from services import money
from services.clients.paymo import Invoice
from services.clients.xero import (
    Addition,
    Contact,
    NewContact,
    XeroClients,
    XeroInvoice,
)
from services.clients.xero.invoices import idempotency_key
from services.errors import NotFound, Rejected, ServiceError
from services.export import checking, claims
from services.export.refusals import Refused, from_xero, number_of_another, number_taken
from services.lifecycle import export as lifecycle
from services.mapping.case import adding_of, email_of
from services.mapping.checks import taken_texts
from services.mirror.lists import contact_row
from services.model.days import CLOCKS_DIFFER
from services.model.export import NEW_CONTACT, RefusalCode
from services.model.invoice import InvoiceState, Links
from services.model.jobs import Job
from services.store import audit, exports, leases, mirror, schedules, tables
from services.store.audit import AuditNote
from services.store.engine import Database
from services.store.tables import Connection, Export

log = structlog.get_logger(__name__)

_NOW = timedelta(0)
_FRESH = timedelta(minutes=1)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # before any invoice of the app
_HELD = re.compile(
    r"already|unique|assigned|another contact|archived|exist|in use|duplicat", re.IGNORECASE
)
_MERGES = 5  # how many merges in a row are followed


@dataclass(frozen=True, slots=True)
class ExistingInvoices:
    """Finds in Xero what may have been sent before, and what is to be linked."""

    database: Database
    xero: XeroClients

    async def find_earlier(self, connection: Connection, export: Export) -> XeroInvoice | None:
        """Return the live invoice that an earlier try has left in Xero, if any.

        Its link to Paymo decides; without a link, number, contact, total and currency must agree.
        Raises `Refused` where Xero does not let us look for it at all.
        """
        xero = self.xero.of(connection)
        number, reference = _sent(export, "InvoiceNumber"), _sent(export, "Reference")
        # By Xero's own clock, too: ours may be far ahead.
        times = (export.requested_at, export.sent_at, connection.cursor or _EARLIEST)
        try:
            since = min(filter(None, times)) - CLOCKS_DIFFER
            found = await xero.find_own(number, reference, since)
        except (Rejected, NotFound) as refusal:
            raise _unfindable(connection, export) from refusal
        ours = await self.free(
            connection, export, (each for each in found if _is_ours(each, export))
        )
        return min(ours, key=lambda each: each.updated_at, default=None)

    async def find_former(self, connection: Connection, export: Export) -> XeroInvoice | None:
        """Return what was exported before the database was lost, by its link to Paymo.

        For all that can't be there unseen, Xero refuses the number, or nobody could have sent it.
        """
        if not may_be_unseen(connection, export.sent or {}):
            return None
        day, reference = _sent(export, "Date"), _sent(export, "Reference")
        since = datetime.fromisoformat(day).replace(tzinfo=UTC) - CLOCKS_DIFFER
        try:
            found = await self.xero.of(connection).find_own("", reference, since)
        except (Rejected, NotFound) as refusal:
            raise _unfindable(connection, export) from refusal
        linked = [each for each in found if each.url and _is_ours(each, export)]
        return next(iter(await self.free(connection, export, linked)), None)

    async def free(
        self, connection: Connection, export: Export, found: Iterable[XeroInvoice]
    ) -> list[XeroInvoice]:
        """Return those that no other export is linked to."""
        rows = list(found)
        async with self.database.sessions() as session:
            ids = [each.invoice_id for each in rows]
            known = await exports.list_by_xero_ids(session, connection, ids)
        return [each for each in rows if known.get(each.invoice_id, export).id == export.id]

    async def holder_of_number(self, connection: Connection, export: Export) -> XeroInvoice:
        """Return our own invoice of a former try, whose number stood in the way. Raises `Refused`.

        One typed in Xero may look the same; only a person links that one.
        """
        try:
            created_before = await self.find_earlier(connection, export)
        except Refused as refusal:
            log.warning("lookup_failed", export=export.id, refusal=refusal)
            created_before = None
        if created_before is None:
            raise await self._number_taken(connection, export)
        return created_before

    async def find_same_number(self, connection: Connection, export: Export) -> XeroInvoice:
        """Return the invoice that has this number in Xero. Raises `Refused` for another one."""
        found = await self._numbered(connection, export)
        if found is not None:
            former = await self._former(connection, export, found)
            if _may_link(export, found, former):
                return found
        raise await self._number_taken(connection, export)

    async def _number_taken(self, connection: Connection, export: Export) -> Refused:
        """Return why the number cannot be used, and note the invoice that has it."""
        found = await self._numbered(connection, export)
        former = await self._former(connection, export, found) if found is not None else None
        async with self.database.sessions.begin() as session:
            rival_id = found.invoice_id if found is not None else ""
            await lifecycle.note(session, export, {"rival_id": rival_id})
            if former is not None:
                # Paymo may not have it any more: the next sweep asks for it first, and comes now.
                await exports.uncheck(session, [former.id])
                at = export.requested_at
                await schedules.want(session, [connection.id], [Job.SWEEP], at)
        if found is not None and _may_link(export, found, former):
            return number_taken(export)
        return number_of_another(export, found, former)

    async def _numbered(self, connection: Connection, export: Export) -> XeroInvoice | None:
        xero = self.xero.of(connection)
        return next(iter(await xero.find_by_number(export.number)), None)

    async def _former(
        self, connection: Connection, export: Export, found: XeroInvoice
    ) -> Export | None:
        """Return the export that it is linked to, where that is of another invoice in Paymo."""
        async with self.database.sessions() as session:
            known = await exports.list_by_xero_ids(session, connection, [found.invoice_id])
        former = known.get(found.invoice_id, export)
        return former if former.id != export.id else None


def may_be_unseen(connection: Connection, sent: Mapping[str, object]) -> bool:
    """Say whether it may be in Xero unseen: without a number, and older than this connection."""
    return not sent.get("InvoiceNumber") and was_before(connection, str(sent.get("Date", "")))


def was_before(connection: Connection, day: str) -> bool:
    """Say whether an invoice of this day may have been exported before this connection began."""
    return bool(day) and day <= connection.created_at.date().isoformat()


def _is_ours(found: XeroInvoice, export: Export) -> bool:
    return names_export(found, export) and bool(found.url or _is_same(found, export))


def names_export(found: XeroInvoice, export: Export) -> bool:
    """Say whether it names this export: by its link to Paymo, else by number or reference."""
    if found.url:
        return Links.paymo_id(found.url) == export.paymo_invoice_id
    number, reference = _sent(export, "InvoiceNumber"), _sent(export, "Reference")
    stated, sent = (found.invoice_number, number) if number else (found.reference, reference)
    return money.folded(stated) == money.folded(sent)


def _may_link(export: Export, found: XeroInvoice, former: Export | None) -> bool:
    """Say whether it may be the same invoice: alike, and linked to no other one in Paymo."""
    if former is not None:
        is_free = former.invoice_state is InvoiceState.GONE
    else:
        is_free = Links.paymo_id(found.url) in {None, export.paymo_invoice_id}
    return is_free and _is_same(found, export)


def _is_same(found: XeroInvoice, export: Export) -> bool:
    return (
        found.contact.contact_id == export.contact_id
        and found.total == export.total
        and found.currency_code == export.currency
    )


def _sent(export: Export, name: str) -> str:
    return str((export.sent or {}).get(name, ""))


def _unfindable(connection: Connection, export: Export) -> Refused:
    return Refused(
        f"Xero didn't answer when we sent invoice {export.number}, and we can't search Xero now.",
        RefusalCode.UNFINDABLE,
        cure=f"Look for it in {connection.organisation_name}. Export it again only if it isn't "
        "there.",
    )


@dataclass(frozen=True, slots=True)
class Found:
    """What Xero says of the chosen contact; one that is to be added has the id "new".

    Without an id Xero does not know it. `namesake` has the name under which it would be added.
    """

    contact_id: str = ""
    name: str = ""
    merged_from: str = ""
    namesake: tables.Contact | None = None
    said: str = ""  # what is told with the outcome


@dataclass(frozen=True, slots=True)
class Contacts:
    """Follows the contact of an export in Xero, finds it again, or adds it."""

    database: Database
    xero: XeroClients
    now: Callable[[], datetime]

    async def find_chosen(
        self,
        connection: Connection,
        export: Export,
        at_most_old: timedelta = _NOW,
    ) -> Found:
        """Check the chosen contact in Xero, and follow a merged one; add nothing.

        Within `at_most_old`, Xero isn't asked again about one that was active.
        """
        known = await self._known(connection, export.contact_id, at_most_old)
        if known is not None:
            return Found(known.contact_id, known.name)
        contact_id, first = export.contact_id, ""
        xero = self.xero.of(connection)
        for _ in range(_MERGES):
            try:
                contact = await xero.contact(contact_id)
            except NotFound:
                break
            await self._copy(connection, contact)
            if not contact.merged_to:
                if contact_id != export.contact_id:
                    await self._remember(connection, export, contact_id)
                merged_from = first if contact.name != first else ""
                return Found(contact_id, contact.name, merged_from)
            first, contact_id = first or contact.name, contact.merged_to
        return Found()

    async def check(self, connection: Connection, contact_id: str) -> Contact | None:
        """Learn what Xero says of a contact that it refused, so that its return is noticed."""
        xero = self.xero.of(connection)
        try:
            contact = await xero.contact(contact_id)
            await self._copy(connection, contact)
        except ServiceError as refusal:
            log.info("contact_not_read", contact=contact_id, refusal=refusal)
            return None
        return contact

    async def look_ahead(self, connection: Connection, contact_id: str) -> bool:
        """Read a contact ahead of the export; return False if few calls are left."""
        if self.xero.of(connection).allowance.is_short:
            return False
        is_chosen = contact_id not in {"", NEW_CONTACT}
        if is_chosen and await self._known(connection, contact_id, _FRESH) is None:
            await self.check(connection, contact_id)
        return True

    async def _known(
        self, connection: Connection, contact_id: str, at_most_old: timedelta
    ) -> tables.Contact | None:
        """Return the contact if Xero called it active at most this long ago."""
        async with self.database.sessions() as session:
            known = await mirror.find_contact(session, connection.id, contact_id)
        if known is None or not known.is_active or known.asked_at is None:
            return None
        return known if self.now() - known.asked_at < at_most_old else None

    async def find_new(self, connection: Connection, export: Export, invoice: Invoice) -> Found:
        """Look for the contact that a lost answer left, or for another one with this name."""
        adding = adding_of(invoice)
        if not adding.name:
            return Found(NEW_CONTACT)
        xero = self.xero.of(connection)
        found = await xero.contact_named(adding.name)
        if found is not None and found.merged_to:
            found = await xero.contact(found.merged_to)
        if found is None:
            async with self.database.sessions() as session:
                known = await mirror.find_namesake(session, connection.id, "", adding.number)
            return Found(NEW_CONTACT, adding.name, namesake=known)
        await self._copy(connection, found)
        if found.contact_number == adding.number and found.contact_status == "ACTIVE":
            if export.sent is None:
                leases.settle(export)
            await self._remember(connection, export, found.contact_id)
            return Found(found.contact_id, found.name)
        return Found(NEW_CONTACT, adding.name, namesake=tables.Contact(**contact_row(found)))

    async def add_client(self, connection: Connection, export: Export, invoice: Invoice) -> Found:
        """Add the client to Xero. Raises `Refused`; where Xero has the client, that is offered."""
        made, sent = await self._added(connection, export, checking.new_contact(invoice))
        await self._copy(connection, made)
        await self._remember(connection, export, made.contact_id)
        email, said = email_of(invoice), ""
        if email and not sent.email:
            said = (
                f"{made.name} was added to Xero without {email}, which Xero doesn't accept as an "
                "e-mail address."
            )
        return Found(made.contact_id, made.name, said=said)

    async def _added(
        self, connection: Connection, export: Export, wanted: NewContact
    ) -> tuple[Contact, NewContact]:
        """Return the contact, and what was sent: without an e-mail address that Xero refuses."""
        try:
            return await self._send(connection, export, wanted), wanted
        except Rejected as refusal:
            if not wanted.email or RefusalCode.EMAIL not in from_xero(refusal).codes:
                return await self._holder(connection, wanted, refusal), wanted
        plain = msgspec.structs.replace(wanted, email="")
        return await self._added(connection, export, plain)

    async def _send(self, connection: Connection, export: Export, wanted: NewContact) -> Contact:
        xero = self.xero.of(connection)
        key = idempotency_key(
            tenant_id=connection.tenant_id, about="contact", attempt=export.attempt, body=wanted
        )
        earlier = export.sent_at
        async with self.database.sessions.begin() as session:
            await lifecycle.leave(session, export, self.now())
        with leases.answered(export, earlier):
            return await xero.add_contact(wanted, key=key)

    async def _holder(
        self, connection: Connection, wanted: NewContact, refusal: Rejected
    ) -> Contact:
        """Return our own contact of a former try. Raises `Refused`, which offers anybody else's."""
        xero = self.xero.of(connection)
        holder = None
        if any(_HELD.search(text) for text in refusal.messages):
            holder = await xero.contact_holding(wanted.name, wanted.number)
        if holder is not None and holder.merged_to:
            holder = await xero.contact(holder.merged_to)
        if holder is None:
            raise Refused(
                f"The contact wasn't added. {refusal}",
                RefusalCode.CONTACT,
                cure="Choose another contact, or correct the client in Paymo.",
            )
        is_ours = holder.contact_number == wanted.number and holder.contact_status == "ACTIVE"
        if is_ours and money.folded(holder.name) == money.folded(wanted.name):
            return holder
        await self._copy(connection, holder)
        there, adding = tables.Contact(**contact_row(holder)), Addition(wanted.name, wanted.number)
        fact, cure = taken_texts(there, adding)
        raise Refused(fact, RefusalCode.CONTACT_TAKEN, cure=cure)

    async def _copy(self, connection: Connection, contact: Contact) -> None:
        """Copy one contact from Xero; exports that waited for it to be restored go on."""
        row = contact_row(contact)
        async with self.database.sessions.begin() as session:
            known = await mirror.find_contact(session, connection.id, contact.contact_id)
            if known is not None and all(getattr(known, name) == row[name] for name in row):
                known.asked_at = self.now()
                return  # who knows the names needn't read them again
            asked = {**row, "asked_at": self.now()}
            await mirror.put(session, connection.id, tables.Contact, [asked])
            if known is None or known.is_active != row["is_active"]:
                await exports.nudge_refused(session, connection, self.now())

    async def _remember(self, connection: Connection, export: Export, contact_id: str) -> None:
        """Note the contact at once, so that it is never added twice."""
        before, now = {"contact_id": export.contact_id}, self.now()
        after = {"contact_id": contact_id}
        async with self.database.sessions.begin() as session:
            await lifecycle.note(
                session, export, {"contact_id": contact_id, "sent_at": export.sent_at}
            )
            await claims.remember_match(session, export, now)
            if before["contact_id"] != NEW_CONTACT:
                entry = AuditNote("contact_merged", now, "", export.id, before, after)
                audit.record(session, connection, entry)
