"""Copying Xero's contacts: what changed whenever that is due, and everything once a night.

Twenty thousand contacts are twenty calls. What was archived or merged counts as changed; what is
not there any more only shows in the whole list.
"""

from datetime import datetime, timedelta
from typing import Any

from services.clients.paymo import Client
from services.clients.rows import texts_of
from services.clients.xero import Contact, XeroClient
from services.lifecycle.task import ask_again
from services.model import days
from services.store import connections, exports, mirror, tables
from services.store.engine import Database, Session
from services.store.tables import Connection

_NAME = "contacts in Xero"
_NIGHT = timedelta(hours=2)  # after midnight, where the books are kept
_CLOCKS_DIFFER = timedelta(minutes=30)  # at most, between Xero and us


async def copy(database: Database, xero: XeroClient, connection_id: int, now: datetime) -> None:
    """Copy what changed, or everything where that was not done since the last night."""
    async with database.sessions() as session:
        known = await connections.get(session, connection_id)
    since = _since(known, now)
    if _is_night_over(known, now) and not xero.allowance.is_short:
        since = None
    found = await xero.contacts(changed_since=since)
    async with database.sessions.begin() as session:
        row = await connections.get(session, connection_id)
        odd = texts_of(xero.left_out)
        if since is None:
            mirror.note_left_out(row, _NAME, odd)
            row.contacts_whole_at = now
        else:
            mirror.merge_left_out(row, _NAME, odd, {each.contact_id for each in found})
        row.contacts_read_at = now
        rows = [contact_row(each) for each in found]
        usable = {each["contact_id"] for each in rows if each["is_active"]}
        restored = usable & await mirror.list_archived_ids(session, row.id)
        if since is None:
            await mirror.replace(session, row.id, tables.Contact, rows, odd)
        else:
            await mirror.put_changed(session, row.id, rows)
        await _settle(session, row, now, is_restored=bool(restored))


async def _settle(
    session: Session, connection: Connection, now: datetime, *, is_restored: bool
) -> None:
    await exports.nudge_refused(session, connection, now)
    if is_restored:
        await ask_again(session, connection, now)


def _since(known: Connection, now: datetime) -> datetime | None:
    """Return since when to ask; None where nothing was copied whole yet."""
    if known.contacts_whole_at is None or known.contacts_read_at is None:
        return None
    return min(known.contacts_read_at, now) - _CLOCKS_DIFFER


def _is_night_over(known: Connection, now: datetime) -> bool:
    zone, whole_at = known.time_zone, known.contacts_whole_at or now
    return days.day_in(zone, whole_at - _NIGHT) < days.day_in(zone, now - _NIGHT)


def contact_row(contact: Contact) -> dict[str, Any]:
    """Return the mirror's row for a contact."""
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
    """Return the mirror's row for a client."""
    return {
        "client_id": client.id,
        "name": client.name,
        "email": client.email or "",
        "tax_number": client.fiscal_information or "",
        "details": {},
        "is_active": client.active,
    }
