"""Finding in Xero what may have been sent before, and what is to be linked."""

from decimal import Decimal

from services import money
from services.clients.xero import XeroInvoice
from services.export.kit import Kit
from services.export.preparing import Refused
from services.store.tables import Connection, Export


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
    found = await kit.xero.client(connection.tenant_id, connection.grant_id).find_by_number(
        export.number
    )
    if not found:
        raise Refused(
            f"Xero has no live invoice with the number {export.number}; a void one may keep it. "
            "Try again, or export without the number.",
            problem="number_taken",
        )
    other = found[0]
    owner = money.invoice_id_in(other.reference)
    if owner not in {None, export.paymo_invoice_id}:
        raise Refused(
            f"Invoice {export.number} in Xero came from another Paymo invoice. Export without the "
            "number instead.",
            problem="number_taken",
        )
    if _is_same(other, export):
        return other
    mine = money.format_amount(export.total or Decimal(0), export.currency)
    theirs = money.format_amount(other.total, other.currency_code)
    raise Refused(
        f"Invoice {export.number} in Xero is another one: {other.contact.name}, {theirs}, "
        f"where Paymo has {export.client_name}, {mine}. Export without the number instead.",
        problem="number_taken",
    )


def _is_same(found: XeroInvoice, export: Export) -> bool:
    return (
        found.contact.contact_id == export.contact_id
        and found.total == export.total
        and found.currency_code == export.currency
    )
