"""From a claimed row to the invoice as it will be sent, written down before it is sent."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

import msgspec

from services import money
from services.clients.paymo import Header, Invoice
from services.clients.xero import Contact, NewContact, NewLine
from services.errors import NotFound, Rejected, ServiceError
from services.export import books, claims
from services.export.books import Books
from services.export.checks import Case, examine, first_red
from services.export.claims import WIDEST
from services.export.figures import Target, new_invoice
from services.export.kit import Kit
from services.export.shapes import ExportChoice
from services.matching.contacts import contact_row, name_in_xero
from services.model import NEW_CONTACT, ExportState
from services.store import mirror, tables
from services.store.fence import fenced
from services.store.tables import Connection, Export

_FRESH = timedelta(minutes=1)
_MERGES = 5  # how many merges in a row are followed


class Refused(ServiceError):
    """This export does not go; `problem` is the static name of why."""

    def __init__(self, text: str, *, problem: str) -> None:
        """Keep the name, by which the buttons that help are chosen."""
        super().__init__(text)
        self.problem = problem


class Lost(ServiceError):
    """Somebody else took the row meanwhile; they go on with it."""


async def prepare(kit: Kit, connection: Connection, export: Export) -> None:
    """Read, check and write down what will be sent, under which key. Raises `Refused`."""
    invoice = await _invoice(kit, connection, export)
    await kit.mirror.refresh_books(connection, at_most_old=_FRESH)
    contact = await _contact(kit, connection, export, invoice)
    async with kit.database.sessions() as session:
        known = await books.load(session, connection, contact.contact_id)
    sent = checked(export, invoice, known, contact.contact_id)
    async with kit.database.sessions.begin() as session:
        values = written(export, invoice, contact.name, sent)
        if not await fenced(session, export, export.fence, **values):
            raise Lost("Somebody else goes on with this export.")


def checked(export: Export, invoice: Invoice, known: Books, contact_id: str) -> dict[str, object]:
    """Look at everything once more, and return what will be sent. Raises `Refused`."""
    choice = ExportChoice(
        invoice_id=invoice.id,
        contact_id=contact_id,
        account_id=export.account_id,
        tax_type=export.tax_type,
        xero_status=export.xero_status,
    )
    case = Case(invoice, choice, known)
    red = first_red(examine(case))
    account = case.account
    if red is not None or account is None:
        text = red.text if red is not None else "Choose the Xero account for all items."
        raise Refused(text, problem=red.name if red is not None else "account")
    target = Target(
        contact_id=contact_id,
        account=account,
        books=known,
        xero_status=export.xero_status,
        leave_out_number=export.leave_out_number,
    )
    body: dict[str, object] = msgspec.to_builtins(new_invoice(invoice, target).body())
    return body


def written(
    export: Export, invoice: Invoice, contact_name: str, sent: dict[str, object]
) -> dict[str, Any]:
    """Return what the row says before the request leaves: what goes out, under which key."""
    return {
        "state": ExportState.SENDING,
        "sent": sent,
        "idempotency_key": _key(export, export.attempt, sent),
        "problem": "",
        "reason": "",
        "number": invoice.number[:WIDEST],
        "reference": money.reference(invoice.number, invoice.id),
        "client_id": invoice.client_id,
        "client_name": invoice.client_name[:WIDEST],
        "contact_name": contact_name[:WIDEST],
        "currency": money.currency_code(invoice.currency),
        "total": invoice.total,
    }


def require_same_organisation(connection: Connection, export: Export) -> None:
    """Refuse what was asked for before the connection led to another organisation."""
    if export.tenant_id != connection.tenant_id:
        raise Refused(
            f"Invoice {export.number} was asked for in another Xero organisation than "
            f"{connection.organisation_name}, so it was not sent.",
            problem="other_organisation",
        )


def body_of(export: Export) -> dict[str, object]:
    """Return the invoice exactly as it was written down, amounts as numbers again."""
    sent = export.sent or {}
    return {**sent, "LineItems": msgspec.convert(sent["LineItems"], list[NewLine])}


async def next_attempt(kit: Kit, export: Export) -> None:
    """Go on under another key: Xero would answer the old one with the old failure."""
    attempt = export.attempt + 1
    async with kit.database.sessions.begin() as session:
        written = await fenced(
            session,
            export,
            export.fence,
            state=ExportState.SENDING,
            problem="",
            attempt=attempt,
            idempotency_key=_key(export, attempt, export.sent or {}),
        )
    if not written:
        raise Lost("Somebody else goes on with this export.")


async def _invoice(kit: Kit, connection: Connection, export: Export) -> Invoice:
    try:
        invoice = await kit.paymo.client(connection.paymo_api_key).invoice(export.paymo_invoice_id)
    except NotFound:
        raise gone(export) from None
    if export.seen_updated_on is not None and invoice.updated_on != export.seen_updated_on:
        raise changed(export, invoice)
    return invoice


def gone(export: Export) -> Refused:
    """Return the refusal of an invoice that Paymo does not have any more."""
    text = f"Invoice {export.number} is not in Paymo any more, so it was not exported."
    return Refused(text, problem="gone")


def changed(export: Export, invoice: Invoice | Header) -> Refused:
    """Return the refusal of an invoice that is not what the person saw."""
    total = money.format_amount(invoice.total, invoice.currency)
    return Refused(
        f"Invoice {export.number} was changed in Paymo after it was shown; its total is "
        f"{total} now. Look at it, then press Retry to export it as it is now.",
        problem="changed",
    )


async def _contact(kit: Kit, connection: Connection, export: Export, invoice: Invoice) -> Contact:
    if export.contact_id == NEW_CONTACT:
        return await _add_contact(kit, connection, export, invoice)
    contact_id = export.contact_id
    xero = kit.xero.client(connection.tenant_id, connection.grant_id)
    for _ in range(_MERGES):
        try:
            contact = await xero.contact(contact_id)
        except NotFound:
            break
        if not contact.merged_to:
            await _mirror(kit, connection, contact)
            if contact_id != export.contact_id:
                await _remember(kit, export, contact_id)
            return contact
        contact_id = contact.merged_to
    raise Refused(
        "Xero does not list the contact that was chosen. Choose another one with "
        f"/paymo-xero export {export.number}.",
        problem="contact",
    )


async def _add_contact(
    kit: Kit, connection: Connection, export: Export, invoice: Invoice
) -> Contact:
    """Add the client to Xero, or take the contact that a lost answer has left there."""
    xero = kit.xero.client(connection.tenant_id, connection.grant_id)
    wanted = _new_contact(invoice)
    found = await xero.contact_named(wanted.name)
    if found is not None and found.contact_number != wanted.number:
        raise Refused(
            f"Xero already has a contact called {found.name}. Choose it in the menu with "
            f"/paymo-xero export {export.number}, so that nothing is there twice.",
            problem="contact",
        )
    if found is None:
        key = sha256(f"{connection.tenant_id}|contact|{wanted!r}".encode()).hexdigest()
        try:
            found = await xero.add_contact(wanted, key=f"{key}-{export.attempt}")
        except Rejected as refusal:
            raise Refused(f"The contact was not added. {refusal}", problem="contact") from refusal
    await _mirror(kit, connection, found)
    await _remember(kit, export, found.contact_id)
    return found


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
    return NewContact(
        name=name_in_xero(client.name),
        number=f"paymo:{client.id}",
        email=(client.email or "").strip(),
        tax_number=(client.fiscal_information or "").strip()[:50],
        address={name: text for name, text in address.items() if text},
        phone=(client.phone or "").strip()[:50],
    )


async def _mirror(kit: Kit, connection: Connection, contact: Contact) -> None:
    async with kit.database.sessions.begin() as session:
        await mirror.put(session, connection.id, tables.Contact, [contact_row(contact)])


async def _remember(kit: Kit, export: Export, contact_id: str) -> None:
    """Note the contact at once, so that it is never added twice."""
    async with kit.database.sessions.begin() as session:
        if not await fenced(session, export, export.fence, contact_id=contact_id):
            raise Lost("Somebody else goes on with this export.")
        await claims.remember_match(session, export, kit.now())


def _key(export: Export, attempt: int, sent: dict[str, object]) -> str:
    """Return the same key for the same request, and another for any other."""
    parts = (
        export.tenant_id,
        str(export.paymo_invoice_id),
        str(export.generation),
        str(attempt),
        msgspec.json.encode(sent, order="sorted").decode(),
    )
    return sha256("|".join(parts).encode()).hexdigest()
