"""Who owns a connection, and requests to the owner for a role or to hand over.

A person has one open request, which is answered once, whoever presses.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update

from services.model.notice import NoticeKind
from services.model.people import Role
from services.store import audit, connections, links, notices, people, settled
from services.store.audit import AuditNote
from services.store.engine import LOCK, Session, add_new
from services.store.notices import Notification
from services.store.tables import AccessRequest, Connection

PATIENCE = timedelta(days=7)  # that an owner has to answer whoever asks to take over
ASK_AGAIN = timedelta(days=1)  # after a no
GIVEN = "given"  # the owner handed it over
TAKEN = "taken"  # the owner did not answer, and an exporter connected Xero again
ORDERED = "ordered"  # the operator decided


async def find(session: Session, request_id: int) -> AccessRequest | None:
    """Return the request with this id, if there is one."""
    return await session.get(AccessRequest, request_id)


async def _find_handover(
    session: Session, connection_id: int, user_id: str
) -> AccessRequest | None:
    """Return this person's request to become the owner, while nobody has answered it."""
    return await session.scalar(
        select(AccessRequest).where(
            AccessRequest.connection_id == connection_id,
            AccessRequest.user_id == user_id,
            AccessRequest.is_handover,
            AccessRequest.answered_at.is_(None),
        )
    )


async def was_declined(
    session: Session, connection_id: int, user_id: str, role: Role, now: datetime
) -> bool:
    """Say whether the owner declined the same request of this person less than a day ago."""
    return await session.has(
        AccessRequest.connection_id == connection_id,
        AccessRequest.user_id == user_id,
        AccessRequest.role == role.word,
        AccessRequest.given == "",
        AccessRequest.answered_at > now - ASK_AGAIN,
    )


async def list_open(session: Session, connection_id: int) -> Sequence[AccessRequest]:
    """Return every request that nobody has answered yet."""
    return await session.every(
        select(AccessRequest)
        .where(AccessRequest.connection_id == connection_id, AccessRequest.answered_at.is_(None))
        .order_by(AccessRequest.id)
    )


async def ask(
    session: Session, connection: Connection, user_id: str, role: Role, now: datetime
) -> bool:
    """Ask the owner for a role, once; return whether this is a new request."""
    asked = AccessRequest(
        connection_id=connection.id,
        user_id=user_id,
        is_handover=role is Role.OWNER,
        role=role.word,
        asked_at=now,
    )
    request = await add_new(session, asked)
    if request is not None:
        await tell_owner(session, connection, request, now)
    return request is not None


async def tell_owner(
    session: Session, connection: Connection, request: AccessRequest, now: datetime
) -> None:
    """Show the request to whoever is the owner now."""
    facts = _facts(connection) | {
        "request_id": request.id,
        "by": request.user_id,
        "role": request.role,
    }
    source = f"{_source(request)}{request.asked_at:%Y%m%d%H%M%S}"
    also = [connection.owner_id]
    notification = Notification(NoticeKind.ACCESS_ASKED, source, facts, also=also)
    await notices.enqueue(session, connection, notification, now)


async def tell_undelivered(session: Session, request_id: int, now: datetime) -> None:
    """Tell who asked that Slack can't reach the owner, who may have left."""
    request = await find(session, request_id)
    if request is None or request.answered_at is not None:
        return
    connection = await connections.get(session, request.connection_id)
    facts = _facts(connection) | {"given": "", "is_handover": request.is_handover}
    facts["is_undelivered"] = True
    source = f"{_source(request)}undelivered:{connection.owner_id}"
    notification = Notification(NoticeKind.ACCESS_ANSWERED, source, facts, also=[request.user_id])
    await notices.enqueue(session, connection, notification, now)


def _source(request: AccessRequest) -> str:
    return f"access:{request.id}:"


async def _stop_asking(
    session: Session, connection: Connection, request: AccessRequest, what: str, now: datetime
) -> None:
    asked = (NoticeKind.ACCESS_ASKED,)
    over = settled.Settled(asked, connection.owner_id, what, source=_source(request))
    await settled.settle(session, connection, over, now)


def _facts(connection: Connection) -> dict[str, object]:
    """Return the facts that every message about a role has."""
    return connections.common_facts(connection) | {"owner": connection.owner_id}


async def answer(
    session: Session, connection: Connection, request: AccessRequest, given: str, now: datetime
) -> bool:
    """Answer a request and tell who asked; of two answers, the first counts."""
    if not await session.write(
        update(AccessRequest)
        .where(AccessRequest.id == request.id, AccessRequest.answered_at.is_(None))
        .values(answered_at=now, answered_by=connection.owner_id, given=given)
    ):
        return False
    done = "handed it over" if request.is_handover else "allowed it"
    await _stop_asking(session, connection, request, done if given else "declined it", now)
    facts = _facts(connection) | {"given": given, "is_handover": request.is_handover}
    source = f"access_answered:{request.id}"
    notification = Notification(NoticeKind.ACCESS_ANSWERED, source, facts, also=[request.user_id])
    await notices.enqueue(session, connection, notification, now)
    return True


async def settle(session: Session, connection: Connection, now: datetime) -> None:
    """Answer the requests of people who already have the role that they asked for."""
    for request in await list_open(session, connection.id):
        has = people.named_role(connection, request.user_id)
        if has >= Role[request.role.upper()]:
            await answer(session, connection, request, has.word, now)


def give(connection: Connection, user_id: str, role: Role) -> None:
    """Name a person as an exporter or a viewer; nobody loses what they have."""
    if role <= people.named_role(connection, user_id):
        return
    viewers = [each for each in connection.viewers if each != user_id]
    if role is Role.EXPORTER:
        connection.exporters = [*connection.exporters, user_id]
    else:
        viewers.append(user_id)
    connection.viewers = viewers


async def change_owner(
    session: Session, connection: Connection, user_id: str, how: str, now: datetime
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
    facts = _facts(connection) | {"former": former, "by_way": how}
    source = f"owner:{connection.id}:{now.isoformat()}"
    notification = Notification(NoticeKind.OWNER_CHANGED, source, facts, also=[user_id, former])
    await notices.enqueue(session, connection, notification, now)
    await settle(session, connection, now)
    await links.forget(session, connection.id, user_id=former)
    for request in await list_open(session, connection.id):
        request.asked_at = now  # the new owner has as long to answer
        await _stop_asking(session, connection, request, "became the owner", now)
        await tell_owner(session, connection, request, now)
    return True


async def may_take_over(
    session: Session, connection: Connection, user_id: str, now: datetime
) -> bool:
    """Say whether this exporter asked the owner to hand over and got no answer in time."""
    if people.named_role(connection, user_id) is not Role.EXPORTER:
        return False
    request = await _find_handover(session, connection.id, user_id)
    return request is not None and now - request.asked_at >= PATIENCE


async def require_connector(
    session: Session, connection: Connection, user_id: str, now: datetime
) -> None:
    """Refuse whoever may not connect any more; who may take over owns it from here on."""
    if user_id == connection.owner_id:
        return
    await session.refresh(connection, with_for_update=LOCK)  # of two who take over, one does
    if not await may_take_over(session, connection, user_id, now):
        has = people.named_role(connection, user_id)
        raise people.refusal(connection, Role.OWNER, has)
    await change_owner(session, connection, user_id, TAKEN, now)


async def list_in(session: Session, workspace_id: int) -> list[Connection]:
    """Lock and return the workspace's connections."""
    found = await session.scalars(
        select(Connection)
        .where(Connection.workspace_id == workspace_id, Connection.state.in_(connections.IN_USE))
        .order_by(Connection.id)
        .with_for_update(**LOCK)
    )
    return list(found)
