"""The contact of an export as it is in Xero now: followed, found again, or added."""

import re
from dataclasses import dataclass

import msgspec
import structlog

from services import money
from services.clients.paymo import Invoice
from services.clients.xero import Addition, Contact, NewContact, is_email, name_in_xero
from services.clients.xero.invoices import idempotency_key
from services.errors import NotFound, Rejected, ServiceError
from services.export import adopting, claims
from services.export.kit import Kit
from services.export.refusals import Refused, from_xero
from services.lifecycle.export import note
from services.mapping.case import adding_of
from services.mapping.checks import taken_text
from services.mirror.lists import contact_row
from services.model import numbers
from services.model.export import NEW_CONTACT, RefusalCode
from services.store import audit, exports, leaving, mirror, tables
from services.store.audit import AuditNote
from services.store.tables import Connection, Export

log = structlog.get_logger(__name__)

_HELD = re.compile(
    r"already|unique|assigned|another contact|archived|exist|in use|duplicat", re.IGNORECASE
)
_MERGES = 5  # how many merges in a row are followed


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


async def find(kit: Kit, connection: Connection, export: Export, invoice: Invoice) -> Found:
    """Look at the chosen contact in Xero, and follow it where it was merged; add nothing."""
    if export.contact_id == NEW_CONTACT:
        return await _find_new(kit, connection, export, invoice)
    contact_id, first = export.contact_id, ""
    xero = kit.xero.client(connection.tenant_id, connection.grant_id)
    for _ in range(_MERGES):
        try:
            contact = await xero.contact(contact_id)
        except NotFound:
            break
        await _mirror(kit, connection, contact)
        if not contact.merged_to:
            if contact_id != export.contact_id:
                await _remember(kit, connection, export, contact_id)
            merged_from = first if contact.name != first else ""
            return Found(contact_id, contact.name, merged_from)
        first, contact_id = first or contact.name, contact.merged_to
    return Found()


async def look(kit: Kit, connection: Connection, contact_id: str) -> None:
    """Learn what Xero says of a contact that it refused, so that its return is noticed."""
    xero = kit.xero.client(connection.tenant_id, connection.grant_id)
    try:
        await _mirror(kit, connection, await xero.contact(contact_id))
    except ServiceError as refusal:
        log.info("contact_not_read", contact=contact_id, refusal=refusal)


async def _find_new(kit: Kit, connection: Connection, export: Export, invoice: Invoice) -> Found:
    """Look for what a lost answer has left in Xero, or for another contact of the same name."""
    adding = adding_of(invoice)
    wanted = adding.name
    if not wanted:
        return Found(NEW_CONTACT)
    xero = kit.xero.client(connection.tenant_id, connection.grant_id)
    found = await xero.contact_named(wanted)
    if found is not None and found.merged_to:
        found = await xero.contact(found.merged_to)
    if found is None:
        async with kit.database.sessions() as session:
            known = await mirror.find_namesake(session, connection.id, "", adding.number)
        return Found(NEW_CONTACT, wanted, namesake=known)
    await _mirror(kit, connection, found)
    if found.contact_number == adding.number and found.contact_status == "ACTIVE":
        if export.sent is None:
            leaving.settle(export)
        await _remember(kit, connection, export, found.contact_id)
        return Found(found.contact_id, found.name)
    return Found(NEW_CONTACT, wanted, namesake=tables.Contact(**contact_row(found)))


async def add(kit: Kit, connection: Connection, export: Export, invoice: Invoice) -> Found:
    """Add the client to Xero. Raises `Refused`; where Xero has the client, that is offered."""
    made, sent = await _added(kit, connection, export, _new_contact(invoice))
    await _mirror(kit, connection, made)
    await _remember(kit, connection, export, made.contact_id)
    return Found(made.contact_id, made.name, said=_left_out(invoice, sent, made))


async def _added(
    kit: Kit, connection: Connection, export: Export, wanted: NewContact
) -> tuple[Contact, NewContact]:
    """Return the contact, and what of it was sent: without an e-mail address that Xero refuses."""
    try:
        return await _send(kit, connection, export, wanted), wanted
    except Rejected as refusal:
        if not wanted.email or RefusalCode.EMAIL not in from_xero(refusal).codes:
            return await _holder(kit, connection, wanted, refusal), wanted
    plain = msgspec.structs.replace(wanted, email="")
    return await _added(kit, connection, export, plain)


async def _send(kit: Kit, connection: Connection, export: Export, wanted: NewContact) -> Contact:
    xero = kit.xero.client(connection.tenant_id, connection.grant_id)
    key = idempotency_key(
        tenant_id=connection.tenant_id, about="contact", attempt=export.attempt, body=wanted
    )
    earlier = await adopting.leave(kit, export)
    with leaving.answered(export, earlier):
        return await xero.add_contact(wanted, key=key)


async def _holder(
    kit: Kit, connection: Connection, wanted: NewContact, refusal: Rejected
) -> Contact:
    """Return our own contact of a former try. Raises `Refused`, which offers anybody else's."""
    xero = kit.xero.client(connection.tenant_id, connection.grant_id)
    holder = None
    if any(_HELD.search(text) for text in refusal.messages):
        holder = await xero.contact_holding(wanted.name, wanted.number)
    if holder is not None and holder.merged_to:
        holder = await xero.contact(holder.merged_to)
    if holder is None:
        raise Refused(
            f"The contact was not added. {refusal} Choose another contact, or put it right at the "
            "client in Paymo.",
            RefusalCode.CONTACT,
        )
    is_ours = holder.contact_number == wanted.number and holder.contact_status == "ACTIVE"
    if is_ours and money.folded(holder.name) == money.folded(wanted.name):
        return holder
    await _mirror(kit, connection, holder)
    there, adding = tables.Contact(**contact_row(holder)), Addition(wanted.name, wanted.number)
    raise Refused(taken_text(there, adding), RefusalCode.CONTACT_TAKEN)


def _left_out(invoice: Invoice, sent: NewContact, made: Contact) -> str:
    """Say that the client's e-mail address stayed behind, or ""."""
    email = _email_of(invoice)
    if not email or sent.email:
        return ""
    return (
        f"{made.name} was added to Xero without {email}, which Xero doesn't take as an e-mail "
        "address."
    )


def _email_of(invoice: Invoice) -> str:
    return numbers.spaced(invoice.client.email or "") if invoice.client else ""


def _new_contact(invoice: Invoice) -> NewContact:
    client = invoice.client
    if client is None or not name_in_xero(client.name):
        raise Refused("The client has no name in Paymo, and Xero needs one.", RefusalCode.CONTACT)
    address = {
        "AddressLine1": (client.address or "")[:500],
        "City": (client.city or "")[:255],
        "Region": (client.state or "")[:255],
        "PostalCode": (client.postal_code or "")[:50],
        "Country": (client.country or "")[:50],
    }
    email = _email_of(invoice)
    return NewContact(
        name=name_in_xero(client.name),
        number=adding_of(invoice).number,
        email=email if is_email(email) else "",
        tax_number=(client.fiscal_information or "").strip()[:50],
        address={name: text for name, text in address.items() if text},
        phone=(client.phone or "").strip()[:50],
    )


async def _mirror(kit: Kit, connection: Connection, contact: Contact) -> None:
    """Copy what Xero says of one contact; what it held up while it was archived goes on."""
    row = contact_row(contact)
    async with kit.database.sessions.begin() as session:
        known = await mirror.find_contact(session, connection.id, contact.contact_id)
        await mirror.put(session, connection.id, tables.Contact, [row])
        if known is None or known.is_active != row["is_active"]:
            await exports.nudge_refused(session, connection, kit.now())


async def _remember(kit: Kit, connection: Connection, export: Export, contact_id: str) -> None:
    """Note the contact at once, so that it is never added twice."""
    before, now = {"contact_id": export.contact_id}, kit.now()
    async with kit.database.sessions.begin() as session:
        await note(session, export, {"contact_id": contact_id, "sent_at": export.sent_at})
        await claims.remember_match(session, export, now)
        if before["contact_id"] != NEW_CONTACT:
            after = {"contact_id": contact_id}
            entry = AuditNote(
                "contact_merged", now, export_id=export.id, before=before, after=after
            )
            audit.record(session, connection, entry)
