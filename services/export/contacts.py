"""The contact of an export as it is in Xero now: followed, found again, or added."""

from dataclasses import dataclass
from hashlib import sha256

import structlog

from services.clients.paymo import Invoice
from services.clients.xero import Contact, NewContact
from services.errors import NotFound, Rejected, ServiceError
from services.export import claims, departures
from services.export.kit import Kit
from services.export.refusals import Lost, Refused
from services.matching.contacts import contact_row, is_email, name_in_xero
from services.model import NEW_CONTACT
from services.store import acts, leaving, mirror, releasing, tables
from services.store.acts import Deed
from services.store.fence import fenced
from services.store.tables import Connection, Export

log = structlog.get_logger(__name__)

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
        log.info("contact_not_read", contact=contact_id, reason=str(refusal))


async def _find_new(kit: Kit, connection: Connection, export: Export, invoice: Invoice) -> Found:
    """Look for what a lost answer has left in Xero, or for another contact of the same name."""
    wanted = name_in_xero(invoice.client_name)
    if not wanted:
        return Found(NEW_CONTACT)
    xero = kit.xero.client(connection.tenant_id, connection.grant_id)
    found = await xero.contact_named(wanted)
    if found is not None and found.merged_to:
        found = await xero.contact(found.merged_to)
    if found is None:
        return Found(NEW_CONTACT, wanted)
    await _mirror(kit, connection, found)
    if found.contact_number == number_of(invoice) and found.contact_status == "ACTIVE":
        if export.sent is None:
            leaving.settle(export)
        await _remember(kit, connection, export, found.contact_id)
        return Found(found.contact_id, found.name)
    return Found(NEW_CONTACT, wanted, namesake=tables.Contact(**contact_row(found)))


def number_of(invoice: Invoice) -> str:
    """Return the contact number by which a client that we added is known again."""
    return f"paymo:{invoice.client_id}"


async def add(kit: Kit, connection: Connection, export: Export, invoice: Invoice) -> Found:
    """Add the client to Xero. Raises `Refused` with Xero's own words."""
    xero = kit.xero.client(connection.tenant_id, connection.grant_id)
    wanted = _new_contact(invoice)
    key = sha256(f"{connection.tenant_id}|contact|{wanted!r}".encode()).hexdigest()
    earlier = await departures.leave(kit, export)
    try:
        with leaving.answered(export, earlier):
            made = await xero.add_contact(wanted, key=f"{key}-{export.attempt}")
    except Rejected as refusal:
        raise Refused(
            f"The contact was not added. {refusal} Choose another contact, or put it right at the "
            "client in Paymo.",
            problem="contact",
        ) from refusal
    await _mirror(kit, connection, made)
    await _remember(kit, connection, export, made.contact_id)
    return Found(made.contact_id, made.name)


def _new_contact(invoice: Invoice) -> NewContact:
    client = invoice.client
    if client is None or not name_in_xero(client.name):
        raise Refused("The client has no name in Paymo, and Xero needs one.", problem="contact")
    address = {
        "AddressLine1": client.address,
        "City": client.city,
        "Region": client.state,
        "PostalCode": client.postal_code,
        "Country": client.country,
    }
    email = (client.email or "").strip()
    return NewContact(
        name=name_in_xero(client.name),
        number=number_of(invoice),
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
        was_archived = known is not None and not known.is_active
        await mirror.put(session, connection.id, tables.Contact, [row])
        if row["is_active"] and was_archived:
            restored = releasing.contacts_restored([contact.contact_id])
            await releasing.release(session, connection, restored, kit.now())


async def _remember(kit: Kit, connection: Connection, export: Export, contact_id: str) -> None:
    """Note the contact at once, so that it is never added twice."""
    before, now = {"contact_id": export.contact_id}, kit.now()
    async with kit.database.sessions.begin() as session:
        known = {"contact_id": contact_id, "sent_at": export.sent_at}
        if not await fenced(session, export, export.fence, **known):
            raise Lost("Somebody else goes on with this export.")
        await claims.remember_match(session, export, now)
        if before["contact_id"] != NEW_CONTACT:
            after = {"contact_id": contact_id}
            deed = Deed("contact_merged", now, export_id=export.id, before=before, after=after)
            acts.note(session, connection, deed)
