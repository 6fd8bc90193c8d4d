"""Connections: who may use them, and what happens when one breaks."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, bindparam, select, true, update

from services.errors import NotConnected, Pair, SeveralConnections
from services.model.connection import ConnectionState
from services.model.jobs import Job
from services.model.people import Person, Role
from services.model.wording import Command, Member, Typed
from services.store import leases, people, schedules
from services.store.engine import LOCK, Database, Session
from services.store.people import Place
from services.store.tables import Batch, Client, Connection, Export, Subscription, Task, Workspace

_OLD_LISTS = timedelta(minutes=2)  # Xero's, of which a day allows so many readings
_OLD_INVOICES = timedelta(seconds=5)  # Paymo's, of which only what changed is read
_OPEN = (
    ConnectionState.ACTIVE,
    ConnectionState.BROKEN,
    ConnectionState.PENDING,
    ConnectionState.ENDING,
)
_THEIRS = (
    Workspace.enterprise_id == bindparam("enterprise_id"),
    Workspace.team_id == bindparam("team_id"),
)
Listed = TypeVar("Listed", Place, Connection)
_OVER = "This connection has been ended. Type the command again to choose another one."
CONNECT_FIRST = f"Paymo and Xero aren't connected yet. Type {Typed(Command.CONNECT)} first."
IN_USE = (ConnectionState.ACTIVE, ConnectionState.BROKEN)


async def get(session: Session, connection_id: int) -> Connection:
    """Return the connection with this id."""
    return await session.get_one(Connection, connection_id)


async def load(database: Database, connection_id: int) -> Connection:
    """Return it as it is now, read by itself."""
    async with database.sessions() as session:
        return await get(session, connection_id)


async def hold(session: Session, connection_id: int) -> Connection:
    """Lock the row until the transaction ends; return it as it is now."""
    return await session.get_one(
        Connection, connection_id, with_for_update=LOCK, populate_existing=True
    )


async def lock_here(session: Session, person: Person, connection_id: int) -> Connection:
    """Return the connection to its owner; of two who change it at once, the second sees the first.

    Its lists of people are written whole, so nobody may write them from what was read before.
    """
    await find_here(session, person, connection_id)
    locked = await hold(session, connection_id)
    await people.require(session, locked, person, Role.OWNER)
    if locked.state not in _OPEN:
        raise NotConnected(_OVER, system="Xero")
    return locked


async def wait_for_turn(session: Session, connection: Connection) -> None:
    """Wait for whoever changes the same connection just now, until this transaction ends."""
    await session.refresh(connection, with_for_update=LOCK)


async def places(session: Session, person: Person) -> Sequence[Place]:
    """Return what decides roles in this person's workspace, for each connection."""
    found = await _open(session, person)
    heard: dict[int, dict[str, bool]] = {each.id: {} for each in found}
    for each in await session.scalars(
        select(Subscription).where(Subscription.connection_id.in_(heard))
    ):
        heard[each.connection_id][each.channel_id] = not each.paused_because
    return [
        Place(
            id=each.id,
            state=each.state,
            owner_id=each.owner_id,
            exporters=each.exporters,
            viewers=each.viewers,
            channel_viewers=each.channel_viewers,
            is_begun=is_begun(each),
            channels=heard[each.id],
        )
        for each in found
    ]


def best_role(found: Sequence[Place], person: Person) -> Role | None:
    """Return the person's highest role in any of them; None where there are none.

    Raises `NotAllowed` where there are some, and none of them is theirs to see.
    """
    roles = [role for each in found if each.is_begun and (role := each.role_of(person))]
    if roles:
        return max(roles)
    bound = {each.id for each in found if person.channel_id in each.channels}
    for each in _usual_first(found, bound):
        if each.state is not ConnectionState.PENDING:
            raise people.refusal(each, Role.VIEWER, Role.NOBODY)
    return None


def is_begun(connection: Connection) -> bool:
    """Say whether there is anything to show of a connection."""
    is_pending = connection.state is ConnectionState.PENDING
    return not is_pending or bool(connection.paymo_api_key or connection.grant_id)


async def list_open(session: Session, person: Person) -> Sequence[Connection]:
    """Return the workspace's connections that have not ended, the usual one first."""
    return _usual_first(await _open(session, person), await _bound_to(session, person.channel_id))


async def _open(session: Session, person: Person) -> Sequence[Connection]:
    return (await session.scalars(_CONNECTIONS, _workspace_of(person))).all()


def _opened(asked: Any) -> Any:
    return (
        asked.join(Workspace, Workspace.id == Connection.workspace_id)
        .where(*_THEIRS, Connection.state.in_(_OPEN))
        .order_by(Connection.id.desc())
    )


def _workspace_of(person: Person) -> dict[str, str]:
    return {"enterprise_id": person.enterprise_id, "team_id": person.team_id}


# Whatever a person does asks one of these, so they are built once.
_CONNECTIONS = _opened(select(Connection))
_ITS = and_(Client.connection_id == Connection.id, Client.client_id == bindparam("client_id"))
_WITH_CLIENT = _opened(select(Connection, Client).outerjoin(Client, _ITS))


def _usual_first(found: Sequence[Listed], bound: set[int]) -> Sequence[Listed]:
    rank = {state: place for place, state in enumerate(_OPEN)}
    return sorted(found, key=lambda each: (each.id not in bound, rank[each.state]))


async def _bound_to(session: Session, channel_id: str) -> set[int]:
    """Return the connections whose notifications a channel gets."""
    found = await session.scalars(
        select(Subscription.connection_id).where(Subscription.channel_id == channel_id)
    )
    return set(found)


async def find_current(session: Session, person: Person) -> Connection | None:
    """Return the connection that a command typed by this person, here, is about.

    Raises `SeveralConnections` where there are several and neither person nor channel says which.
    What somebody else has begun and not finished is theirs alone.
    """
    return await _current(session, person, await _open(session, person))


async def _current(
    session: Session, person: Person, open_: Sequence[Connection]
) -> Connection | None:
    found = [
        each
        for each in open_
        if each.state is not ConnectionState.PENDING or each.owner_id == person.user_id
    ]
    if person.connection_id:
        return _chosen(found, person.connection_id)
    if len(found) <= 1:
        return next(iter(found), None)
    bound = await _bound_to(session, person.channel_id)
    rivals = [each for each in found if each.state in IN_USE]
    here = [each for each in rivals if each.id in bound]
    if len(rivals) > 1:
        return here[0] if len(here) == 1 else await _only_one_known(session, rivals, person)
    return next(iter(_usual_first(found, bound)), None)


async def _only_one_known(
    session: Session, rivals: Sequence[Connection], person: Person
) -> Connection:
    """Return the only one that this person has a role in; nobody is shown the names of others."""
    known = [
        each
        for each in reversed(rivals)
        if await people.role_of(session, each, person) > Role.NOBODY
    ]
    if not known:
        raise people.refusal(rivals[-1], Role.VIEWER, Role.NOBODY)
    if len(known) > 1:
        raise SeveralConnections(tuple(pair_of(each) for each in known))
    return known[0]


def _chosen(found: Sequence[Connection], connection_id: int) -> Connection | None:
    """Return the one that was chosen, never another one in its place."""
    same = [each for each in found if each.id == connection_id]
    if found and not same:
        raise NotConnected(_OVER, system="Xero")
    return next(iter(same), None)


def require_ready(current: Connection | None) -> Connection:
    """Return the connection when it works, or say what to do."""
    if current is None or current.state in {ConnectionState.PENDING, ConnectionState.ENDED}:
        raise NotConnected(CONNECT_FIRST, system="Xero")
    if current.state is ConnectionState.ENDING:
        raise NotConnected("This connection is ending.", system="Xero")
    if current.state is ConnectionState.BROKEN:
        raise NotConnected(
            f"{current.broken_side} no longer accepts our connection. Exports and payments resume "
            f"when {Member(current.owner_id)} types {Typed(Command.CONNECT)} and reconnects.",
            system="Paymo" if current.broken_side == "Paymo" else "Xero",
        )
    return current


async def get_for(session: Session, person: Person, role: Role) -> Connection:
    """Return the current connection when it works and the person has this role."""
    return await _ready(session, person, role, await find_current(session, person))


async def _ready(
    session: Session, person: Person, role: Role, connection: Connection | None
) -> Connection:
    if connection is not None and connection.state is not ConnectionState.PENDING:
        await people.require(session, connection, person, role)
    return require_ready(connection)


async def get_for_exporter(session: Session, person: Person) -> Connection:
    """Return the current connection when it works and this person may export."""
    return await get_for(session, person, Role.EXPORTER)


async def get_with_client(
    session: Session, person: Person, client_id: int | None
) -> tuple[Connection, Client | None]:
    """Return the same, and this client of it, in one statement: a menu waits for nothing else."""
    asked = {**_workspace_of(person), "client_id": client_id}
    clients: dict[Connection, Any] = dict((await session.execute(_WITH_CLIENT, asked)).all())
    current = await _current(session, person, tuple(clients))
    connection = await _ready(session, person, Role.EXPORTER, current)
    return connection, clients[connection]


async def get_here(
    session: Session, person: Person, connection_id: int, role: Role = Role.EXPORTER
) -> Connection:
    """Return this connection when it belongs to the person's workspace and the role fits.

    Buttons carry ids that anybody could send; the workspace is checked, never assumed.
    """
    found = await find_here(session, person, connection_id)
    await people.require(session, found, person, role)
    return found


async def find_here(session: Session, person: Person, connection_id: int) -> Connection:
    """Return this connection of the person's own workspace, whatever their role."""
    found = await session.scalar(
        select(Connection).join(Workspace).where(*_THEIRS, Connection.id == connection_id),
        _workspace_of(person),
    )
    if found is None:
        raise NotConnected(CONNECT_FIRST, system="Xero")
    return found


async def find_last_ended(session: Session, person: Person) -> Connection | None:
    """Return the connection that ended last in this workspace, if its two sides were known."""
    ended = (Connection.state == ConnectionState.ENDED, Connection.tenant_id != "")
    return await session.scalar(_newest(*_THEIRS, *ended).join(Workspace), _workspace_of(person))


async def find_former(session: Session, connection: Connection) -> Connection | None:
    """Return the ended connection of the same company with the same organisation, if any."""
    return await _find_same(session, connection, [ConnectionState.ENDED])


async def find_rival(session: Session, connection: Connection) -> Connection | None:
    """Return another connection of this workspace that joins the same two, if any."""
    return await _find_same(session, connection, [*IN_USE, ConnectionState.ENDING])


async def _find_same(
    session: Session, connection: Connection, states: Sequence[ConnectionState]
) -> Connection | None:
    same = (
        Connection.paymo_company_id == connection.paymo_company_id,
        Connection.tenant_id == connection.tenant_id,
    )
    return await session.scalar(_newest(*_others(connection, states), *same))


async def has_others(session: Session, connection: Connection) -> bool:
    """Say whether the workspace has another connection that is in use."""
    return await session.scalar(_newest(*_others(connection, IN_USE))) is not None


def _others(
    connection: Connection, states: Sequence[ConnectionState]
) -> tuple[ColumnElement[bool], ...]:
    return (
        Connection.workspace_id == connection.workspace_id,
        Connection.id != connection.id,
        Connection.state.in_(states),
    )


def _newest(*conditions: ColumnElement[bool]) -> Select[Connection]:
    return select(Connection).where(*conditions).order_by(Connection.id.desc()).limit(1)


async def list_by_tenants(session: Session, tenant_ids: Sequence[str]) -> Sequence[Connection]:
    """Return the working connections with these organisations."""
    return await session.every(
        select(Connection).where(
            Connection.tenant_id.in_(tenant_ids), Connection.state == ConnectionState.ACTIVE
        )
    )


async def list_in(
    session: Session, workspace_id: int, state: ConnectionState
) -> Sequence[Connection]:
    """Return the connections of a workspace that are in this state."""
    return await session.every(
        select(Connection)
        .where(Connection.workspace_id == workspace_id, Connection.state == state)
        .order_by(Connection.id)
    )


async def want_fresh_lists(session: Session, connection: Connection, now: datetime) -> None:
    """Have both systems' lists copied soon, unless that happened just now."""
    if connection.xero_mirrored_at is not None and connection.xero_mirrored_at < now - _OLD_LISTS:
        connection.xero_mirrored_at = None
    copied = connection.paymo_mirrored_at
    if connection.xero_mirrored_at is None or copied is None or copied < now - _OLD_INVOICES:
        await schedules.want(session, [connection.id], [Job.MIRROR], now)


def common_facts(connection: Connection) -> dict[str, object]:
    """Return the facts that every notification has of its connection."""
    return {
        "connection_id": connection.id,
        "organisation": connection.organisation_name,
        "company": connection.paymo_company_name,
    }


async def release_parked(session: Session, connection: Connection, now: datetime) -> None:
    """Let everything that waited for this connection come due."""
    await schedules.begin(session, [connection.id], [Job.SWEEP, Job.MIRROR], now)
    for table, ended in (
        (Export, leases.has_ended(Export, now)),
        (Task, leases.has_ended(Task, now)),
        (Batch, true()),
    ):
        waits = and_(table.connection_id == connection.id, table.due_at > now, ended)
        await session.execute(update(table).where(waits).values(due_at=now))


def pair_of(connection: Connection) -> Pair:
    """Return the connection's two names."""
    return Pair(
        connection_id=connection.id,
        company=connection.paymo_company_name,
        organisation=connection.organisation_name,
        is_demo=connection.is_demo,
        owner_id=connection.owner_id,
    )


async def find_begun(session: Session, workspace_id: int, user_id: str) -> Connection | None:
    """Return the connection that this person has begun and not finished."""
    begun = (
        Connection.workspace_id == workspace_id,
        Connection.state == ConnectionState.PENDING,
        Connection.owner_id == user_id,
    )
    return await session.scalar(_newest(*begun))
