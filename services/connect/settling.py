"""What happens when a side has been connected: half, whole, mended, or back after an end."""

from dataclasses import dataclass
from datetime import datetime

from services.connect import checklists
from services.errors import ServiceError
from services.lifecycle import connection as lifecycle
from services.model.connection import ConnectionState
from services.model.notice import NoticeKind
from services.store import audit, connections, links, notices
from services.store.audit import AuditNote
from services.store.engine import Session
from services.store.tables import Connection, Workspace

_CARRIED = (
    "paymo_api_key",
    "paymo_company_name",
    "grant_id",
    "xero_connection_id",
    "organisation_name",
    "country",
    "base_currency",
    "short_code",
    "time_zone",
    "is_demo",
    "owner_id",
    "names",
)


@dataclass(frozen=True, slots=True)
class Finished:
    """A side that somebody has connected just now."""

    side: str  # "Paymo" or "Xero"
    by: str  # Slack user; not always the owner
    at: datetime


async def settle(session: Session, connection: Connection, done: Finished) -> Connection:
    """Bring a connection on after a side was connected; return the row that goes on.

    The same company with the same organisation goes on in its former row, so that nothing is
    exported twice.
    """
    _note(session, connection, f"{done.side.lower()}_connected", done)
    if done.side == "Paymo":
        # The new key may be another person's, who sees and owns no webhooks of ours yet.
        connection.paymo_hooks_checked_at = None
    if connection.broken_side == done.side:
        await _mend(session, connection, done)
    elif connection.state is ConnectionState.PENDING and checklists.is_complete(connection):
        connection = await _begin(session, connection, done)
    # What else was handed out for this side could only fill it anew.
    await links.forget(session, connection.id, purposes=checklists.PURPOSES[done.side])
    return connection


async def _mend(session: Session, connection: Connection, done: Finished) -> None:
    if not await lifecycle.mend(session, connection):
        return
    await _read_all(session, connection, done)
    notification = notices.Notification(
        kind=NoticeKind.CONNECTION_RESTORED,
        source=f"restored:{connection.id}:{connection.broken_times}",
        facts=connections.common_facts(connection) | {"by": done.by},
    )
    await notices.enqueue(session, connection, notification, done.at)


async def _begin(session: Session, connection: Connection, done: Finished) -> Connection:
    await session.flush()
    # Of two that are completed at once, the second waits here and sees what the first became.
    await session.get_one(Workspace, connection.workspace_id, with_for_update=True)
    rival = await connections.find_rival(session, connection)
    if rival is not None:
        name = rival.names.get(rival.owner_id, "")
        raise ServiceError(
            f"{connection.paymo_company_name} in Paymo is connected with "
            f"{connection.organisation_name} in Xero already"
            f"{f', by {name}' if name else ''}. Use that connection, or choose another company "
            "or organisation."
        )
    former = await connections.find_former(session, connection)
    if former is None:
        await lifecycle.activate(session, connection)
        await _read_all(session, connection, done)
        return connection
    for name in _CARRIED:
        setattr(former, name, getattr(connection, name))
    await lifecycle.resume(session, former)
    await links.move(session, connection.id, former.id)
    await lifecycle.give_way(session, connection)
    await _read_all(session, former, done)
    _note(session, former, "reconnected", done)
    return former


async def _read_all(session: Session, connection: Connection, done: Finished) -> None:
    """Have both systems' lists and Xero's changes read at once, and what was parked go on."""
    connection.xero_mirrored_at = connection.paymo_mirrored_at = None
    connection.contacts_whole_at = None
    await session.flush()
    await connections.release_parked(session, connection, done.at)


def _note(session: Session, connection: Connection, what: str, done: Finished) -> None:
    audit.record(session, connection, AuditNote(what, done.at, done.by))
