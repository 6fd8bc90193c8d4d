"""A connection's states, from its first side to its end."""

from datetime import datetime
from typing import TypedDict

from services.errors import NotConnected, System
from services.lifecycle.machine import Machine
from services.model.connection import ConnectionState, mark_of
from services.model.notice import NoticeKind
from services.store import connections, notices
from services.store.engine import Session
from services.store.tables import Connection

_OPEN = (ConnectionState.PENDING, ConnectionState.ACTIVE, ConnectionState.BROKEN)


class ConnectionColumns(TypedDict, total=False):
    """What the arrows may write beside the state."""

    broken_side: str
    auto_export: bool
    tenant_id: str
    paymo_company_id: int | None
    paymo_api_key: str | None
    grant_id: int | None
    xero_connection_id: str


machine = Machine("connection", Connection, Connection.state, ConnectionColumns)


@machine.start(ConnectionState.PENDING)
def begin(workspace_id: int, owner_id: str, now: datetime) -> Connection:
    """Make the row of a connection that has neither side yet."""
    return Connection(
        workspace_id=workspace_id,
        state=ConnectionState.PENDING,
        created_at=now,
        owner_id=owner_id,
    )


@machine.press([ConnectionState.PENDING], ConnectionState.ACTIVE)
def activate(_connection: Connection) -> ConnectionColumns:
    """Begin the work: both sides are connected."""
    return {"broken_side": ""}


@machine.press([ConnectionState.ENDED], ConnectionState.ACTIVE)
def resume(_connection: Connection) -> ConnectionColumns:
    """Go on in the row of a former connection of the same two; what was held is still asked."""
    return {"broken_side": ""}


@machine.press([ConnectionState.PENDING], ConnectionState.ENDED)
def give_way(_connection: Connection) -> ConnectionColumns:
    """End what was only begun: its two sides go on in their former row."""
    return {"paymo_api_key": None, "grant_id": None, "paymo_company_id": None, "tenant_id": ""}


@machine.press([ConnectionState.BROKEN], ConnectionState.ACTIVE)
def mend(_connection: Connection) -> ConnectionColumns:
    """Go on: the broken side was connected again."""
    return {"broken_side": ""}


@machine.each([ConnectionState.ACTIVE], ConnectionState.BROKEN, grows=[Connection.broken_times])
def break_off(side: System) -> ConnectionColumns:
    """Park all work: one side no longer accepts us. Nothing fails."""
    return {"broken_side": side}


@machine.press(_OPEN, ConnectionState.ENDING)
def disconnect(_connection: Connection) -> ConnectionColumns:
    """End it on both sides, because the owner disconnects."""
    return {}


@machine.each(_OPEN, ConnectionState.ENDING)
def uninstall() -> ConnectionColumns:
    """End it on both sides, because the app was removed; nobody reads the outcome."""
    return {}


@machine.press([ConnectionState.ENDING], ConnectionState.ENDED)
def mark_ended(_connection: Connection) -> ConnectionColumns:
    """Forget what gives access; whoever connects again orders automatic export again."""
    return {
        "broken_side": "",
        "auto_export": False,
        "paymo_api_key": None,
        "grant_id": None,
        "xero_connection_id": "",
    }


async def mark_broken(
    session: Session, connection_id: int, refusal: NotConnected, now: datetime
) -> bool:
    """Note that one side no longer accepts us, and notify once.

    Returns False, and changes nothing, if that side was connected anew since: what was on its way
    then still had the former access.
    """
    side = refusal.system
    if refusal.access is not None:
        held = await connections.hold(session, connection_id)
        if refusal.access != (held.grant_id if side == "Xero" else mark_of(held.paymo_api_key)):
            return False
    for connection in await break_off(session, Connection.id == connection_id, side):
        facts = {"side": side, "owner": connection.owner_id, "reason": str(refusal)}
        notification = notices.Notification(
            kind=NoticeKind.CONNECTION_BROKEN,
            source=f"broken:{connection.id}:{connection.broken_times}",
            facts=connections.common_facts(connection) | facts,
            also=[connection.owner_id],
        )
        await notices.enqueue(session, connection, notification, now)
    return True
