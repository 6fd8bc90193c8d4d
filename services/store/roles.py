"""Roles: who may do what with a connection. It is decided here, and nowhere else."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.errors import NotAllowed
from services.model.people import Person, Role
from services.model.wording import Member
from services.store.tables import Connection, Subscription

_WHY = {
    Role.VIEWER: "You don't have access here. Ask the owner, {owner}.",
    Role.EXPORTER: "You need the exporter role for this. Ask the owner, {owner}.",
    Role.OWNER: "Only the owner, {owner}, can do this.",
}


async def role_of(session: AsyncSession, connection: Connection, person: Person) -> Role:
    """Return what this person may do with a connection, there where they are."""
    named = named_role(connection, person.user_id)
    if named is not Role.NOBODY or not connection.channel_viewers:
        return named
    return Role.NOBODY if await _heard(session, connection, person) is None else Role.VIEWER


def named_role(connection: Connection, user_id: str) -> Role:
    """Return what this person may do anywhere: as the owner, or because the owner named them."""
    if user_id == connection.owner_id:
        return Role.OWNER
    if user_id in connection.exporters:
        return Role.EXPORTER
    return Role.VIEWER if user_id in connection.viewers else Role.NOBODY


async def require(
    session: AsyncSession, connection: Connection, person: Person, role: Role
) -> Role:
    """Return the person's role, or refuse whoever has less than this one."""
    has = await role_of(session, connection, person)
    if has >= role:
        return has
    raise refusal(connection, role, has)


def refusal(connection: Connection, role: Role, has: Role) -> NotAllowed:
    """Return why not, with the role that this person can ask for: one step from what they have."""
    wanted = role if has is Role.EXPORTER else min(role, Role.EXPORTER)
    why = _WHY[role].format(owner=Member(connection.owner_id))
    return NotAllowed(why, connection_id=connection.id, wants=wanted.word)


async def require_sight(
    session: AsyncSession, connection: Connection, person: Person, client_id: int | None
) -> Role:
    """Refuse whoever may not ask about an invoice of this client; return the person's role.

    A channel that hears of one client is no place to ask about the others.
    """
    has = await require(session, connection, person, Role.VIEWER)
    if await only_client(session, connection, person) not in {None, client_id}:
        raise NotAllowed(
            "This channel gets notifications about one client only. Ask about other clients "
            f"where you have access, or ask the owner, {Member(connection.owner_id)}, for it.",
            connection_id=connection.id,
            wants=Role.VIEWER.word,
        )
    return has


async def only_client(session: AsyncSession, connection: Connection, person: Person) -> int | None:
    """Return the one client about whom this person may ask here, or None where it is any."""
    if named_role(connection, person.user_id) is not Role.NOBODY:
        return None
    heard = await _heard(session, connection, person)
    return heard.client_id if heard is not None else None


async def _heard(
    session: AsyncSession, connection: Connection, person: Person
) -> Subscription | None:
    """Return what the person's channel hears of this connection now, if anything."""
    return await session.scalar(
        select(Subscription).where(
            Subscription.connection_id == connection.id,
            Subscription.channel_id == (person.channel_id or None),
            Subscription.paused_because == "",
        )
    )
