"""People: their roles, their names, when they first met the app, and Home tabs to redraw.

Whatever concerns a person marks their Home as out of date (`outdate`); a few seconds later the
outbox publishes it once, with everything that happened meanwhile. A new day does so, too.
"""

import zlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_, select, update

from services.errors import NotAllowed
from services.model import days
from services.model.connection import ConnectionState
from services.model.people import Person, Role
from services.model.wording import Member
from services.store import leases
from services.store.engine import Session, insert_into
from services.store.leases import fenced
from services.store.tables import Acquaintance, Connection, Subscription

_TOGETHER = timedelta(seconds=3)  # what happens within is drawn at once
_INTEREST = timedelta(days=30)  # who has not opened Home for longer opens it anew
_SPREAD = 60  # minutes after midnight in which Homes count a day more, some at a time


_WHY = {
    Role.VIEWER: "You don't have access here. Ask the owner, {owner}.",
    Role.EXPORTER: "You need the exporter role for this. Ask the owner, {owner}.",
    Role.OWNER: "Only the owner, {owner}, can do this.",
}


async def has_met(session: Session, workspace_id: int, user_id: str) -> bool:
    """Say whether the app has told this person what it is."""
    met = _of(workspace_id, user_id).where(Acquaintance.met_at.is_not(None))
    return await session.scalar(met) is not None


async def meet(session: Session, workspace_id: int, user_id: str, now: datetime) -> bool:
    """Say once for each person that the app has not met them before."""
    return await _put(session, (workspace_id, user_id), Acquaintance.met_at.is_(None), met_at=now)


async def open_home(session: Session, workspace_id: int, user_id: str, now: datetime) -> None:
    """Note that a person opened Home; from now on it is kept up to date.

    What is being drawn at the moment may come later than what they are shown now, and be older.
    """
    await _put(session, (workspace_id, user_id), home_at=now)
    own = (Acquaintance.workspace_id == workspace_id, Acquaintance.user_id == user_id)
    soon = now + _TOGETHER
    await _draw_again(session, soon, *own, Acquaintance.leased_until.is_not(None))
    if day_ends_at := await _day_ends_at(session, workspace_id, user_id, now):
        await _draw_again(session, day_ends_at, *own, Acquaintance.due_at.is_(None))


async def find_name(
    session: Session, workspace_id: int, user_id: str, since: datetime
) -> str | None:
    """Return a person's name if it was asked for since then; "" if Slack gave none."""
    found = await session.scalar(_of(workspace_id, user_id).where(Acquaintance.named_at > since))
    return found.name if found is not None else None


async def put_name(session: Session, key: tuple[int, str], name: str, now: datetime) -> None:
    """Keep the name that Slack shows for a person."""
    await _put(session, key, name=name[:100], named_at=now)


async def outdate(
    session: Session, connection: Connection, now: datetime, also: Collection[str] = ()
) -> None:
    """Have Home drawn again for those who may see a connection and look at it, and a few others."""
    concerned = {connection.owner_id, *connection.exporters, *connection.viewers, *also}
    soon = now + _TOGETHER
    is_later = (Acquaintance.due_at > soon) & (Acquaintance.tries == 0)  # else Slack says when
    await _draw_again(
        session,
        soon,
        Acquaintance.workspace_id == connection.workspace_id,
        Acquaintance.user_id.in_(concerned),
        Acquaintance.home_at > now - _INTEREST,
        or_(Acquaintance.due_at.is_(None), Acquaintance.leased_until.is_not(None), is_later),
    )


async def _draw_again(session: Session, at: datetime, *whose: ColumnElement[bool]) -> None:
    await session.write(
        update(Acquaintance).where(*whose).values(**leases.wanted(Acquaintance, at), tries=0)
    )


async def take_outdated(session: Session, workspace_id: int, now: datetime) -> Acquaintance | None:
    """Take the person whose Home has been out of date for longest."""
    oldest = (
        select(Acquaintance.id)
        .where(Acquaintance.workspace_id == workspace_id, leases.is_free(Acquaintance, now))
        .order_by(Acquaintance.due_at, Acquaintance.id)
        .limit(1)
        .scalar_subquery()
    )
    return await leases.take_where(session, Acquaintance, Acquaintance.id == oldest, now)


async def close(session: Session, person: Acquaintance, now: datetime) -> bool:
    """Note that Home is up to date until the day ends, unless something happened meanwhile."""
    again_at = None
    if person.home_at is not None and person.home_at > now - _INTEREST:
        again_at = await _day_ends_at(session, person.workspace_id, person.user_id, now)
    return await fenced(session, person, person.fence, due_at=again_at, tries=0)


async def _day_ends_at(
    session: Session, workspace_id: int, user_id: str, now: datetime
) -> datetime | None:
    """Return when a day is over, and a little more, where an organisation of this person is."""
    its = Connection
    rows: Any = await session.execute(
        select(its.time_zone, its.owner_id, its.exporters, its.viewers).where(
            its.workspace_id == workspace_id, its.state == ConnectionState.ACTIVE
        )
    )
    zones = {each.time_zone for each in rows if named_role(each, user_id) is not Role.NOBODY}
    ends = [
        days.begin_of(days.zone_of(each), days.day_in(each, now) + timedelta(days=1))
        for each in zones
    ]
    return min(ends) + timedelta(minutes=zlib.crc32(user_id.encode()) % _SPREAD) if ends else None


def _of(workspace_id: int, user_id: str) -> Any:
    return select(Acquaintance).where(
        Acquaintance.workspace_id == workspace_id, Acquaintance.user_id == user_id
    )


async def _put(
    session: Session,
    key: tuple[int, str],
    only: ColumnElement[bool] | None = None,
    **values: object,
) -> bool:
    """Write it to the person's row, which is added where there is none; say whether it was."""
    row = {"workspace_id": key[0], "user_id": key[1], "name": "", "fence": 0, "tries": 0}
    insert = insert_into(session, Acquaintance).values(**(row | values))
    written = insert.on_conflict_do_update(
        index_elements=["workspace_id", "user_id"],
        set_=values,
        where=only,
    ).returning(Acquaintance.id)
    return await session.scalar(written) is not None


@dataclass(frozen=True, slots=True)
class Place:
    """What decides about roles in one connection, and its subscribed channels."""

    id: int
    state: ConnectionState
    owner_id: str
    exporters: list[str]
    viewers: list[str]
    channel_viewers: bool
    is_begun: bool
    channels: dict[str, bool]  # False while notifications are paused there

    def role_of(self, person: Person) -> Role:
        """Return what this person may do, as `role_of` below does."""
        named = named_role(self, person.user_id)
        is_heard = self.channel_viewers and self.channels.get(person.channel_id, False)
        return Role.VIEWER if named is Role.NOBODY and is_heard else named


async def role_of(session: Session, connection: Connection, person: Person) -> Role:
    """Return what this person may do with a connection, there where they are."""
    named = named_role(connection, person.user_id)
    if named is not Role.NOBODY or not connection.channel_viewers:
        return named
    return Role.NOBODY if await _heard(session, connection, person) is None else Role.VIEWER


def named_role(connection: Connection | Place, user_id: str) -> Role:
    """Return what this person may do anywhere: as the owner, or because the owner named them."""
    if user_id == connection.owner_id:
        return Role.OWNER
    if user_id in connection.exporters:
        return Role.EXPORTER
    return Role.VIEWER if user_id in connection.viewers else Role.NOBODY


def heir_of(heard: Subscription, connection: Connection) -> str:
    """Return the channel; while it is paused who is told instead: its subscriber, or the owner."""
    if not heard.paused_because:
        return heard.channel_id
    return heard.set_by if named_role(connection, heard.set_by) else connection.owner_id


async def require(session: Session, connection: Connection, person: Person, role: Role) -> Role:
    """Return the person's role, or refuse whoever has less than this one."""
    has = await role_of(session, connection, person)
    if has >= role:
        return has
    raise refusal(connection, role, has)


def refusal(connection: Connection | Place, role: Role, has: Role) -> NotAllowed:
    """Return why not, with the role that this person can ask for: one step from what they have."""
    wanted = role if has is Role.EXPORTER else min(role, Role.EXPORTER)
    why = _WHY[role].format(owner=Member(connection.owner_id))
    return NotAllowed(why, connection_id=connection.id, wants=wanted.word)


async def require_sight(
    session: Session, connection: Connection, person: Person, client_id: int | None
) -> Role:
    """Refuse whoever may not ask about an invoice of this client; return the person's role.

    A channel subscribed for one client gives no sight of the others.
    """
    has = await require(session, connection, person, Role.VIEWER)
    if await only_client(session, connection, person) not in {None, client_id}:
        raise NotAllowed(
            "This channel gets notifications about one client only. Look up other clients where "
            f"you have access, or ask the owner, {Member(connection.owner_id)}, for it.",
            connection_id=connection.id,
            wants=Role.VIEWER.word,
        )
    return has


async def only_client(session: Session, connection: Connection, person: Person) -> int | None:
    """Return the one client about whom this person may ask here, or None where it is any."""
    if named_role(connection, person.user_id) is not Role.NOBODY:
        return None
    heard = await _heard(session, connection, person)
    return heard.client_id if heard is not None else None


async def _heard(session: Session, connection: Connection, person: Person) -> Subscription | None:
    """Return the active subscription of the person's channel, if there is one."""
    return await session.scalar(
        select(Subscription).where(
            Subscription.connection_id == connection.id,
            Subscription.channel_id == (person.channel_id or None),
            Subscription.paused_because == "",
        )
    )
