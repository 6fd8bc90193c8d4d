"""An organisation's settings, gathered from the copies for checking one invoice."""

from dataclasses import replace

from services.clients.xero import Addition
from services.mapping.case import LedgerSettings
from services.model.export import NEW_CONTACT
from services.store import connections, matches, mirror
from services.store.engine import Session
from services.store.tables import Connection

_NOBODY = Addition()


async def load(
    session: Session, connection: Connection, contact_id: str, adding: Addition = _NOBODY
) -> LedgerSettings:
    """Gather what was copied; the lock dates may be newer than the row that is at hand."""
    connection = await connections.get(session, connection.id)
    rates = await mirror.list_tax_rates(session, connection.id)
    accounts = await mirror.list_accounts(session, connection.id)
    known = LedgerSettings(
        organisation=connection.organisation_name,
        locked_until=connection.locked_until,
        currencies=frozenset(await mirror.list_currencies(session, connection.id)),
        accounts={each.account_id: each for each in accounts},
        tax_rates={each.tax_type: each for each in rates},
        contact=None,
        tax_choices=await matches.list_tax_choices(session, connection),
    )
    return await for_contact(session, connection, known, contact_id, adding)


async def for_contact(
    session: Session,
    connection: Connection,
    known: LedgerSettings,
    contact_id: str,
    adding: Addition,
) -> LedgerSettings:
    """Return the same settings with another contact; one that was merged is followed."""
    contact, merged_from, namesake = None, "", None
    if contact_id == NEW_CONTACT:
        namesake = await mirror.find_namesake(session, connection.id, adding.name, adding.number)
    elif contact_id:
        first = await mirror.find_contact(session, connection.id, contact_id)
        contact = await mirror.find_contact(session, connection.id, contact_id, follows=True)
        if first is not None and contact is not None and first.contact_id != contact.contact_id:
            merged_from = first.name
    return replace(known, contact=contact, merged_from=merged_from, namesake=namesake)
