"""Finding in Xero what may have been sent before, and what is to be linked."""

from decimal import Decimal

from services import money
from services.clients.xero import XeroInvoice
from services.export.kit import Kit
from services.export.refusals import NUMBER_TAKEN, Refused
from services.store.fence import fenced
from services.store.tables import Connection, Export

NUMBER_OTHER = "number_other"  # another invoice has the number, so there is nothing to link


async def already_there(kit: Kit, connection: Connection, export: Export) -> XeroInvoice | None:
    """Return the invoice that an earlier try has left in Xero, if any.

    It is looked for by exactly our reference, then by number, contact and total.
    """
    found = await with_our_reference(kit, connection, export)
    if found is not None:
        return found
    xero = kit.xero.client(connection.tenant_id, connection.grant_id)
    number = str((export.sent or {}).get("InvoiceNumber", ""))
    if not number:
        return None
    return next(
        (
            each
            for each in await xero.find_by_number(number)
            if _is_same(each, export) and money.invoice_id_in(each.reference) is None
        ),
        None,
    )


async def with_our_reference(
    kit: Kit, connection: Connection, export: Export
) -> XeroInvoice | None:
    """Return the invoice that carries exactly our reference, if any."""
    xero = kit.xero.client(connection.tenant_id, connection.grant_id)
    found = await xero.find_by_reference(export.reference)
    return min(found, key=lambda each: each.updated_at, default=None)


async def same_number(kit: Kit, connection: Connection, export: Export) -> XeroInvoice:
    """Return the invoice that has this number in Xero. Raises `Refused` when it is another one."""
    found = await _numbered(kit, connection, export)
    if found is None or not _may_link(found, export):
        raise await number_taken(kit, connection, export)
    return found


async def number_taken(kit: Kit, connection: Connection, export: Export) -> Refused:
    """Return why the number cannot be used, and note the invoice that has it."""
    found = await _numbered(kit, connection, export)
    async with kit.database.sessions.begin() as session:
        rival_id = found.invoice_id if found is not None else ""
        await fenced(session, export, export.fence, rival_id=rival_id)
    if found is None:
        return Refused(
            f"The number {export.number} was used in Xero already, by an invoice that is void now. "
            "Export this one without the number, or give it another one in Paymo.",
            problem=NUMBER_OTHER,
        )
    if _may_link(found, export):
        return Refused(
            f"Xero already has invoice {export.number}, with the same contact and the same total. "
            "Link this export to that one if it is the same invoice, or export without the number.",
            problem=NUMBER_TAKEN,
        )
    mine = money.format_amount(export.total or Decimal(0), export.currency)
    theirs = money.format_amount(found.total, found.currency_code)
    return Refused(
        f"Invoice {export.number} in Xero is another one: {found.contact.name}, {theirs}, "
        f"where Paymo has {export.client_name}, {mine}. Export without the number instead, or "
        "give this one another number in Paymo.",
        problem=NUMBER_OTHER,
    )


async def _numbered(kit: Kit, connection: Connection, export: Export) -> XeroInvoice | None:
    xero = kit.xero.client(connection.tenant_id, connection.grant_id)
    return next(iter(await xero.find_by_number(export.number)), None)


def _may_link(found: XeroInvoice, export: Export) -> bool:
    """Say whether it is the same invoice, and came from no other one of Paymo's."""
    owner = money.invoice_id_in(found.reference)
    return owner in {None, export.paymo_invoice_id} and _is_same(found, export)


def _is_same(found: XeroInvoice, export: Export) -> bool:
    return (
        found.contact.contact_id == export.contact_id
        and found.total == export.total
        and found.currency_code == export.currency
    )
