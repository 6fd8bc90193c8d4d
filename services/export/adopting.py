"""Finding in Xero what may have been sent before, and what is to be linked."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from services import money
from services.clients.xero import XeroInvoice
from services.errors import Lost, NotFound, Rejected
from services.export.kit import Kit
from services.export.refusals import Refused
from services.lifecycle.export import note
from services.model.export import RefusalCode
from services.model.invoice import Links
from services.model.wording import Amount
from services.store import exports, leaving
from services.store.tables import Connection, Export

log = structlog.get_logger(__name__)

_EARLIER = timedelta(minutes=10)  # Xero's clock is another one


async def already_there(kit: Kit, connection: Connection, export: Export) -> XeroInvoice | None:
    """Return the live invoice that an earlier try has left in Xero, if any.

    Its link to Paymo decides alone; without one number, contact, total and currency must agree.
    Raises `Refused` where Xero does not let us look for it at all.
    """
    xero = kit.xero.client(connection.tenant_id, connection.grant_id)
    number, reference = _sent(export, "InvoiceNumber"), _sent(export, "Reference")
    try:
        since = min(export.requested_at, export.sent_at or export.requested_at) - _EARLIER
        found = await xero.find_own(number, reference, since)
    except (Rejected, NotFound) as refusal:
        raise _unfindable(connection, export) from refusal
    ours = await _free(kit, connection, export, (each for each in found if _is_ours(each, export)))
    return min(ours, key=lambda each: each.updated_at, default=None)


def _is_ours(found: XeroInvoice, export: Export) -> bool:
    if found.url:
        return Links.paymo_id(found.url) == export.paymo_invoice_id
    number, reference = _sent(export, "InvoiceNumber"), _sent(export, "Reference")
    stated, sent = (found.invoice_number, number) if number else (found.reference, reference)
    return money.folded(stated) == money.folded(sent) and _is_same(found, export)


async def _free(
    kit: Kit, connection: Connection, export: Export, found: Iterable[XeroInvoice]
) -> list[XeroInvoice]:
    """Return those of which no other export knows that they are its own."""
    rows = list(found)
    async with kit.database.sessions() as session:
        ids = [each.invoice_id for each in rows]
        known = await exports.list_by_xero_ids(session, connection, ids)
    return [each for each in rows if known.get(each.invoice_id, export).id == export.id]


def _sent(export: Export, name: str) -> str:
    return str((export.sent or {}).get(name, ""))


def _unfindable(connection: Connection, export: Export) -> Refused:
    return Refused(
        f"Xero did not answer when invoice {export.number} was sent, and it does not let us look "
        f"for it now. Look for it in {connection.organisation_name} yourself: export it again only "
        "if it is not there.",
        RefusalCode.UNFINDABLE,
    )


async def leave(kit: Kit, export: Export) -> datetime | None:
    """Note that a write leaves now; return when an earlier one did that is not settled.

    Raises `StillUnderWay` while that one may still take effect, or `Lost`.
    """
    earlier = export.sent_at
    async with kit.database.sessions.begin() as session:
        if not await leaving.leave(session, export, kit.now()):
            raise Lost
    return earlier


async def holder_of_number(kit: Kit, connection: Connection, export: Export) -> XeroInvoice:
    """Return our own invoice of a former try, whose number stood in the way. Raises `Refused`.

    One that was typed in Xero may look the same; that one only a person links.
    """
    try:
        created_before = await already_there(kit, connection, export)
    except Refused as refusal:
        log.warning("not_looked_up", export=export.id, refusal=refusal)
        created_before = None
    if created_before is None:
        raise await number_taken(kit, connection, export)
    return created_before


async def same_number(kit: Kit, connection: Connection, export: Export) -> XeroInvoice:
    """Return the invoice that has this number in Xero. Raises `Refused` when it is another one."""
    found = await _numbered(kit, connection, export)
    if found is None or not await _may_link(kit, connection, export, found):
        raise await number_taken(kit, connection, export)
    return found


async def number_taken(kit: Kit, connection: Connection, export: Export) -> Refused:
    """Return why the number cannot be used, and note the invoice that has it."""
    found = await _numbered(kit, connection, export)
    async with kit.database.sessions.begin() as session:
        rival_id = found.invoice_id if found is not None else ""
        await note(session, export, {"rival_id": rival_id})
    if found is None:
        return Refused(
            f"The number {export.number} was used in Xero already, by an invoice that is void now. "
            "Export this one without the number, or give it another one in Paymo.",
            RefusalCode.NUMBER_OTHER,
        )
    if await _may_link(kit, connection, export, found):
        return Refused(
            f"Xero already has invoice {export.number}, with the same contact and the same total. "
            "Link this export to that one if it is the same invoice, or export without the number.",
            RefusalCode.NUMBER_TAKEN,
        )
    mine = Amount(export.total or Decimal(0), export.currency)
    theirs = Amount(found.total, found.currency_code)
    return Refused(
        f"Invoice {export.number} in Xero is another one: {found.contact.name}, {theirs}, "
        f"where Paymo has {export.client_name}, {mine}. Export without the number instead, or "
        "give this one another number in Paymo.",
        RefusalCode.NUMBER_OTHER,
    )


async def _numbered(kit: Kit, connection: Connection, export: Export) -> XeroInvoice | None:
    xero = kit.xero.client(connection.tenant_id, connection.grant_id)
    return next(iter(await xero.find_by_number(export.number)), None)


async def _may_link(kit: Kit, connection: Connection, export: Export, found: XeroInvoice) -> bool:
    """Say whether it is the same invoice, and came from no other one of Paymo's."""
    owner = Links.paymo_id(found.url)
    if owner not in {None, export.paymo_invoice_id} or not _is_same(found, export):
        return False
    return bool(await _free(kit, connection, export, [found]))


def _is_same(found: XeroInvoice, export: Export) -> bool:
    return (
        found.contact.contact_id == export.contact_id
        and found.total == export.total
        and found.currency_code == export.currency
    )
