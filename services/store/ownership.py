"""Who owns a connection: handing it over, and taking it over from somebody who doesn't answer."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.model.connection import ConnectionState
from services.model.notice import NoticeKind
from services.model.people import Role
from services.store import access, audit, links, notices, roles
from services.store.audit import AuditNote
from services.store.notices import Notification
from services.store.tables import Connection

GIVEN = "given"  # the owner handed it over
TAKEN = "taken"  # the owner did not answer, and an exporter connected Xero again
ORDERED = "ordered"  # the operator decided
_IN_USE = (ConnectionState.ACTIVE, ConnectionState.BROKEN)


async def change(
    session: AsyncSession, connection: Connection, user_id: str, how: str, now: datetime
) -> bool:
    """Make somebody the owner, and tell both; the former owner stays an exporter."""
    former = connection.owner_id
    if user_id == former:
        return False
    before = {"owner": former, "exporters": list(connection.exporters)}
    connection.owner_id = user_id
    others = [each for each in connection.exporters if each not in {user_id, former}]
    connection.exporters = [*others, former]
    connection.viewers = [each for each in connection.viewers if each not in {user_id, former}]
    after = {"owner": user_id, "exporters": list(connection.exporters), "by_way": how}
    by = {GIVEN: former, TAKEN: user_id}.get(how, "")
    audit.record(
        session, connection, AuditNote("owner_changed", now, by, before=before, after=after)
    )
    facts = access.common_facts(connection) | {"former": former, "by_way": how}
    source = f"owner:{connection.id}:{now.isoformat()}"
    notification = Notification(NoticeKind.OWNER_CHANGED, source, facts, also=[user_id, former])
    await notices.enqueue(session, connection, notification, now)
    await access.settle(session, connection, now)
    await links.forget(session, connection.id, user_id=former)
    for request in await access.list_open(session, connection.id):
        request.asked_at = now  # the new owner has as long to answer
        await access.tell_owner(session, connection, request, now)
    return True


async def may_take_over(
    session: AsyncSession, connection: Connection, user_id: str, now: datetime
) -> bool:
    """Say whether this exporter asked the owner to hand over, and waited long enough in vain."""
    if roles.named_role(connection, user_id) is not Role.EXPORTER:
        return False
    request = await access.find_open(session, connection.id, user_id, is_handover=True)
    return request is not None and now - request.asked_at >= access.PATIENCE


async def require_connector(
    session: AsyncSession, connection: Connection, user_id: str, now: datetime
) -> None:
    """Refuse whoever may not connect any more; who may take over owns it from here on."""
    if user_id == connection.owner_id:
        return
    await session.refresh(connection, with_for_update=True)  # of two who take over, one does
    if not await may_take_over(session, connection, user_id, now):
        has = roles.named_role(connection, user_id)
        raise roles.refusal(connection, Role.OWNER, has)
    await change(session, connection, user_id, TAKEN, now)


async def list_in(session: AsyncSession, workspace_id: int) -> list[Connection]:
    """Return what is connected in a workspace, for nobody else to change meanwhile."""
    found = await session.scalars(
        select(Connection)
        .where(Connection.workspace_id == workspace_id, Connection.state.in_(_IN_USE))
        .order_by(Connection.id)
        .with_for_update()
    )
    return list(found)
