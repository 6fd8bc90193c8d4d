"""What happens when a side has been connected: half, whole, mended, or back after an end."""

from datetime import datetime

from services.connect import checklists
from services.errors import ServiceError
from services.model import ConnectionState, NoticeKind
from services.store import acts, connections, grants, links, notices, pairs
from services.store.acts import Deed
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
)


async def settle(session: Session, connection: Connection, side: str, now: datetime) -> Connection:
    """Bring a connection on after `side` was connected; return the row that goes on.

    The same company with the same organisation goes on in its former row, so that nothing is
    exported twice.
    """
    _note(session, connection, f"{side.lower()}_connected", now)
    if side == "Paymo":
        # The new key may be another person's, who sees and owns no webhooks of ours yet.
        connection.paymo_hooks_checked_at = None
    if connection.state is ConnectionState.BROKEN and connection.broken_side == side:
        await _mend(session, connection, now)
    elif connection.state is ConnectionState.PENDING and checklists.is_complete(connection):
        connection = await _begin(session, connection, now)
    return connection


async def _mend(session: Session, connection: Connection, now: datetime) -> None:
    checklists.start_again(connection, now)
    await session.flush()
    await connections.release_parked(session, connection, now)
    news = notices.News(
        kind=NoticeKind.CONNECTION_RESTORED,
        source=f"restored:{connection.id}:{connection.broken_times}",
        facts=connections.common_facts(connection) | {"by": connection.owner_id},
    )
    await notices.announce(session, connection, news, now)


async def _begin(session: Session, connection: Connection, now: datetime) -> Connection:
    await session.flush()
    # Of two that are completed at once, the second waits here and sees what the first became.
    await session.get_one(Workspace, connection.workspace_id, with_for_update=True)
    if await pairs.find_rival(session, connection) is not None:
        raise ServiceError(
            f"{connection.paymo_company_name} in Paymo is connected with "
            f"{connection.organisation_name} in Xero already. Use another company's key or choose "
            "another organisation, or go on with the connection that there is."
        )
    former = await connections.find_former(session, connection)
    if former is None:
        checklists.start_again(connection, now)
        return connection
    for name in _CARRIED:
        setattr(former, name, getattr(connection, name))
    checklists.start_again(former, now)
    former.is_paused = False
    await links.move(session, connection.id, former.id)
    connection.paymo_api_key = connection.grant_id = connection.paymo_company_id = None
    connection.tenant_id, connection.state = "", ConnectionState.ENDED
    await session.flush()
    await connections.release_parked(session, former, now)
    _note(session, former, "reconnected", now)
    return former


async def change_grant(session: Session, connection: Connection, grant_id: int | None) -> None:
    """Use another token set; one that nobody uses any more is thrown away."""
    former, connection.grant_id = connection.grant_id, grant_id
    await session.flush()
    if former is not None and former != grant_id:
        await grants.remove_unused(session, former)


def _note(session: Session, connection: Connection, what: str, now: datetime) -> None:
    acts.note(session, connection, Deed(what, now, connection.owner_id))
