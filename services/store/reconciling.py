"""What a comparison of both systems reads of ours, and whose digest of a month is owed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.model import chunks, days
from services.model.connection import ConnectionState
from services.model.notice import Topic
from services.store import payments
from services.store.tables import (
    Client,
    Connection,
    Contact,
    Export,
    Match,
    Payment,
    Subscription,
    Workspace,
)

_AT_ONCE = 500  # ids in one statement
_HOUR = time(7)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is recorded of some invoices: the newest export of each, and what hangs on it."""

    exports: dict[int, Export] = field(default_factory=dict)  # by Paymo's id
    payments: dict[int, list[Payment]] = field(default_factory=dict)  # by the export's id
    clients: dict[int, str] = field(default_factory=dict)  # names, by Paymo's id
    matches: dict[int, str] = field(default_factory=dict)  # contacts, by the client's id
    left_contacts: frozenset[str] = frozenset()  # archived, or merged into another


async def load(
    session: AsyncSession,
    connection: Connection,
    *,
    paymo_ids: Collection[int],
    xero_ids: Collection[str],
) -> Recorded:
    """What is recorded of the invoices with these ids on either side."""
    wanted = set(paymo_ids)
    for some in chunks(sorted(xero_ids), _AT_ONCE):
        wanted.update(
            await session.scalars(
                select(Export.paymo_invoice_id).where(
                    *_own(connection), Export.xero_invoice_id.in_(some)
                )
            )
        )
    known = Recorded(
        clients=await _clients(session, connection),
        matches=await _matches(session, connection),
        left_contacts=await _left_contacts(session, connection),
    )
    for some_ids in chunks(sorted(wanted), _AT_ONCE):
        found = await session.scalars(
            select(Export)
            .where(*_own(connection), Export.paymo_invoice_id.in_(some_ids))
            .order_by(Export.generation)
        )
        known.exports.update({each.paymo_invoice_id: each for each in found})
    await _add_payments(session, known)
    return known


async def load_all(
    session: AsyncSession, connection: Connection, paymo_ids: Collection[int]
) -> Recorded:
    """What is recorded of these invoices, and of everything that was ever exported."""
    ever = await session.scalars(select(Export.paymo_invoice_id).where(*_own(connection)))
    return await load(session, connection, paymo_ids={*paymo_ids, *ever}, xero_ids=())


def _own(connection: Connection) -> tuple[ColumnElement[bool], ...]:
    return (
        Export.paymo_company_id == connection.paymo_company_id,
        Export.tenant_id == connection.tenant_id,
    )


async def _add_payments(session: AsyncSession, known: Recorded) -> None:
    for some in chunks([each.id for each in known.exports.values()], _AT_ONCE):
        for row in await payments.list_of(session, some):
            known.payments.setdefault(row.export_id, []).append(row)


async def _clients(session: AsyncSession, connection: Connection) -> dict[int, str]:
    rows = await session.execute(
        select(Client.client_id, Client.name).where(Client.connection_id == connection.id)
    )
    return {row[0]: row[1] for row in rows}


async def _matches(session: AsyncSession, connection: Connection) -> dict[int, str]:
    rows = await session.execute(
        select(Match.client_id, Match.contact_id).where(
            Match.connection_id == connection.id, Match.tenant_id == connection.tenant_id
        )
    )
    return {row[0]: row[1] for row in rows}


async def _left_contacts(session: AsyncSession, connection: Connection) -> frozenset[str]:
    found = await session.scalars(
        select(Contact.contact_id).where(Contact.connection_id == connection.id, ~Contact.is_active)
    )
    return frozenset(found)


async def take_owed_digests(
    session: AsyncSession, now: datetime
) -> Sequence[tuple[Connection, str]]:
    """Whose digest of the month before is owed, on the first at seven or later.

    It is seven where the books are kept. A channel that began to listen since then is told at the
    end of this month. Of several processes one moves `digest_month`, and has it.
    """
    owed = []
    for connection, listens_since in await _listened_to(session):
        begins = _begins(connection, now)
        month = f"{begins.date() - timedelta(days=1):%Y-%m}"
        if begins > now or listens_since >= begins or connection.digest_month >= month:
            continue
        if await _move(session, connection.id, month):
            owed.append((connection, month))
    return owed


def _begins(connection: Connection, now: datetime) -> datetime:
    """When this month's digest is due."""
    first = days.day_in(connection.time_zone, now).replace(day=1)
    return datetime.combine(first, _HOUR, days.zone_of(connection.time_zone))


async def _listened_to(session: AsyncSession) -> Sequence[tuple[Connection, datetime]]:
    """The connections that a channel wants digests of, and since when one does."""
    rows = await session.execute(
        select(Connection, Subscription)
        .join(Workspace, Workspace.id == Connection.workspace_id)
        .join(Subscription, Subscription.connection_id == Connection.id)
        .where(
            Workspace.is_installed,
            Connection.state == ConnectionState.ACTIVE,
            Subscription.paused_because == "",
        )
        .order_by(Connection.id, Subscription.set_at)
    )
    found: dict[int, tuple[Connection, datetime]] = {}
    for connection, heard in rows:
        if Topic.DIGEST.value in heard.topics:
            found.setdefault(connection.id, (connection, heard.set_at))
    return list(found.values())


async def _move(session: AsyncSession, connection_id: int, month: str) -> bool:
    moved = await session.scalar(
        update(Connection)
        .where(Connection.id == connection_id, Connection.digest_month < month)
        .values(digest_month=month)
        .returning(Connection.id)
        .execution_options(synchronize_session=False)
    )
    return moved is not None
