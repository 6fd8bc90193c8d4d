"""What is read from the database to compare both systems."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.store import payments
from services.store.tables import Client, Connection, Contact, Export, Match, Payment

T = TypeVar("T")

_AT_ONCE = 500  # ids in one statement


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
    """Return what is recorded of the invoices with these ids on either side."""
    wanted = set(paymo_ids)
    for some in _chunks(sorted(xero_ids)):
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
    for some_ids in _chunks(sorted(wanted)):
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
    """Return what is recorded of these invoices, and of everything that was ever exported."""
    ever = await session.scalars(select(Export.paymo_invoice_id).where(*_own(connection)))
    return await load(session, connection, paymo_ids={*paymo_ids, *ever}, xero_ids=())


def _own(connection: Connection) -> tuple[ColumnElement[bool], ...]:
    return (
        Export.paymo_company_id == connection.paymo_company_id,
        Export.tenant_id == connection.tenant_id,
    )


def _chunks(ids: Iterable[T]) -> Iterator[Sequence[T]]:
    left = iter(ids)
    while some := list(islice(left, _AT_ONCE)):
        yield some


async def _add_payments(session: AsyncSession, known: Recorded) -> None:
    for some in _chunks(each.id for each in known.exports.values()):
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
