"""Copies Xero's lists: the contacts, and the settings that can cause a refusal.

Changed contacts are copied whenever that is due, and all of them once a night: twenty thousand are
twenty calls. Archived and merged ones count as changed; only the whole list shows which are gone.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from services import money
from services.clients.paymo import Client
from services.clients.rows import texts_of
from services.clients.xero import Contact, XeroClient
from services.clients.xero import wire as xero_wire
from services.lifecycle.task import ask_again
from services.model import days
from services.store import connections, contacts, exports, mirror, tables
from services.store.engine import Database, Session
from services.store.tables import Connection

_NAME = "contacts in Xero"
_NIGHT = timedelta(hours=2)  # after midnight, where the books are kept
# Between Xero and us; a day would copy a large import anew every hour, and a night brings the rest.
_CLOCKS_DIFFER = timedelta(minutes=30)
_ACTIVE = "ACTIVE"
_REVENUE = "REVENUE"
_LIABILITY = "LIABILITY"


async def copy_contacts(
    database: Database, xero: XeroClient, connection_id: int, now: datetime
) -> None:
    """Copy what changed, or everything where that was not done since the last night."""
    async with database.sessions() as session:
        known = await connections.get(session, connection_id)
        is_night_over = _is_night_over(known, now) and not xero.allowance.is_short
        since = None if is_night_over else _since(known, now)
        ids = set() if since else await mirror.list_ids(session, connection_id, tables.Contact)
    found = await xero.contacts(changed_since=since, known=ids)
    async with database.sessions.begin() as session:
        row = await connections.get(session, connection_id)
        odd = texts_of(xero.left_out)
        rows = [contact_row(each) for each in found]
        archived = await contacts.list_archived_ids(session, row.id)
        restored = any(each["is_active"] and each["contact_id"] in archived for each in rows)
        row.contacts_read_at = now
        if since is None:
            mirror.note_left_out(row, _NAME, odd)
            row.contacts_whole_at = now
            await mirror.replace(session, row.id, tables.Contact, rows, expected(ids, odd))
        else:
            mirror.merge_left_out(row, _NAME, odd, {each.contact_id for each in found})
            await mirror.put_changed(session, row.id, rows)
        await exports.nudge_refused(session, row, now)
        if restored:
            await ask_again(session, row, now)


def expected(known: Collection[Any], left_out: Mapping[str, str]) -> set[Any]:
    """Return which rows are gone if a whole list lacks them.

    They were `known` before it was read: what came meanwhile may be newer than the list. Unreadable
    rows stay, by their ids; with an id unreadable, all do.
    """
    return set() if "" in left_out else {each for each in known if str(each) not in left_out}


def _since(known: Connection, now: datetime) -> datetime | None:
    """Since when to ask; None where nothing was copied whole yet."""
    if known.contacts_whole_at is None or known.contacts_read_at is None:
        return None
    return min(known.contacts_read_at, now) - _CLOCKS_DIFFER


def _is_night_over(known: Connection, now: datetime) -> bool:
    zone, whole_at = known.time_zone, known.contacts_whole_at or now
    return days.day_in(zone, whole_at - _NIGHT) < days.day_in(zone, now - _NIGHT)


def contact_row(contact: Contact) -> dict[str, Any]:
    """The mirror's row for a contact."""
    return {
        "contact_id": contact.contact_id,
        "name": contact.name,
        "email": contact.email_address,
        "tax_number": contact.tax_number,
        "is_active": contact.contact_status == "ACTIVE",
        "merged_to": contact.merged_to,
        "number": contact.contact_number,
    }


def client_row(client: Client) -> dict[str, Any]:
    """The mirror's row for a client."""
    return {
        "client_id": client.id,
        "name": client.name,
        "email": client.email or "",
        "tax_number": client.fiscal_information or "",
        "is_active": client.active,
    }


async def copy_settings(
    database: Database, xero: XeroClient, connection_id: int, now: datetime, *, is_whole: bool
) -> None:
    """Copy accounts, tax rates and lock dates, and if `is_whole` currencies: a call each."""
    organisation = await xero.organisation()
    accounts = [_account_row(each) for each in await xero.accounts()]
    rates = [_tax_row(each) for each in await xero.tax_rates()]
    read = [(tables.Account, accounts, "account"), (tables.TaxRate, rates, "tax rate")]
    if is_whole:
        currencies = [{"code": each.code} for each in await xero.currencies()]
        read.append((tables.Currency, currencies, "currency"))
    async with database.sessions.begin() as session:
        row = await connections.get(session, connection_id)
        before = await _refusal_facts(session, row)
        row.organisation_name = organisation.name
        row.base_currency = organisation.base_currency
        row.short_code = organisation.short_code
        row.time_zone = organisation.timezone
        row.period_lock_on = organisation.period_lock_on
        row.year_lock_on = organisation.year_lock_on
        for table, rows, what in read:
            odd = texts_of(each for each in xero.left_out if each.what == what)
            mirror.note_left_out(row, f"{what} in Xero", odd)
            held = await mirror.list_ids(session, row.id, table)
            if await mirror.replace(session, row.id, table, rows, expected(held, odd)):
                row.mark_ledger()
        if await _refusal_facts(session, row) != before:
            await exports.nudge_refused(session, row, now)
            await ask_again(session, row, now)


async def _refusal_facts(session: Session, connection: Connection) -> tuple[object, ...]:
    """What exports can be refused for."""
    accounts = await mirror.list_accounts(session, connection.id)
    rates = await mirror.list_tax_rates(session, connection.id)
    return (
        {(each.account_id, each.is_usable, each.tax_type, each.code) for each in accounts},
        {(each.tax_type, each.is_usable, each.effective_rate) for each in rates},
        set(await mirror.list_currencies(session, connection.id)),
        connection.locked_until,
    )


def _account_row(account: xero_wire.Account) -> dict[str, Any]:
    why_not = ""
    if account.status != _ACTIVE:
        why_not = "archived"
    elif account.system_account:
        why_not = "system"
    elif account.class_ not in {_REVENUE, _LIABILITY}:
        why_not = "kind"
    return {
        "account_id": account.account_id,
        "code": account.code,
        "name": account.name,
        "type": account.type,
        "tax_type": account.tax_type,
        "is_usable": not why_not,
        "is_liability": account.class_ == _LIABILITY,
        "why_not": why_not,
    }


def _tax_row(rate: xero_wire.TaxRate) -> dict[str, Any]:
    effective = rate.effective_rate
    if effective is None:
        parts = [(each.rate, each.is_compound) for each in rate.tax_components]
        effective = money.tax_components_rate(parts)
    return {
        "tax_type": rate.tax_type,
        "name": rate.name,
        "effective_rate": effective,
        "is_usable": rate.status == _ACTIVE and rate.can_apply_to_revenue,
    }
