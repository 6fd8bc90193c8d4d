"""An invoice by the number that people know it by: its head in Paymo, and all its exports."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services import money
from services.errors import Fitting, SeveralFit
from services.model import numbers
from services.model.people import Person
from services.store import exports, mirror, people
from services.store.tables import Connection, Export, InvoiceHeader

_MOST = 1000  # numbers that are compared with what was typed


@dataclass(frozen=True, slots=True)
class Numbered:
    """What is known under one number; `exports` holds every generation, the newest first."""

    header: InvoiceHeader | None  # None when Paymo's list does not have it (any more)
    exports: Sequence[Export]

    @property
    def latest(self) -> Export | None:
        """Return the invoice's current export."""
        header = self.header
        own = [
            each for each in self.exports if header and each.paymo_invoice_id == header.invoice_id
        ]
        return next(iter(own if header else self.exports), None)


async def meant(
    session: AsyncSession, connection: Connection, typed: str, person: Person | None = None
) -> str:
    """Return the number of the invoice that is meant, as Paymo writes it.

    What was typed wins where it exists, and is returned where nothing fits. Only what this person
    may ask about is compared. Raises `SeveralFit`.
    """
    if await is_known(session, connection, typed):
        return typed
    part = numbers.core(typed)
    client_id = await people.only_client(session, connection, person) if person else None
    listed = await _holding(session, connection, part, client_id) if part else {}
    found = numbers.fitting(typed, listed)
    if len(found) > 1:
        fitting = tuple(Fitting(each, listed[each]) for each in found[: numbers.MOST])
        raise SeveralFit(numbers.spaced(typed), fitting)
    return next(iter(found), typed)


async def mentioned(session: AsyncSession, connection: Connection, text: str) -> list[str]:
    """Return the numbers of Paymo's invoices that a message names, in order, each once."""
    said = numbers.mentioned(text)
    asked = {mirror.folded(each) for whole, pieces in said for each in (*whole, *pieces)} - {""}
    rows = await session.scalars(
        select(InvoiceHeader.number).where(
            InvoiceHeader.connection_id == connection.id, InvoiceHeader.folded_number.in_(asked)
        )
    )
    known = {mirror.folded(each): each for each in rows}
    found = [_among(known, whole)[:1] or _among(known, pieces) for whole, pieces in said]
    return list(dict.fromkeys(each for some in found for each in some))


def _among(known: dict[str, str], words: Sequence[str]) -> list[str]:
    return [known[key] for each in words if (key := mirror.folded(each)) in known]


async def is_known(session: AsyncSession, connection: Connection, number: str) -> bool:
    """Say whether an invoice has this very number, in any case."""
    found = await find(session, connection, number)
    return found.header is not None or bool(found.exports)


async def search(
    session: AsyncSession, connection: Connection, query: str, limit: int
) -> Sequence[tuple[InvoiceHeader, str]]:
    """Return invoices with their client's name for a menu: as typed, then cleaned, then fitting."""
    for text in dict.fromkeys((query, numbers.spaced(query), numbers.cleaned(query))):
        if found := await mirror.search_invoices(session, connection.id, text, limit):
            return found
    part = numbers.core(query)
    rows = await mirror.search_invoices(session, connection.id, part, _MOST)
    fitting = numbers.fitting(query, [header.number for header, _ in rows]) if part else ()
    return [row for row in rows if row[0].number in fitting][:limit]


async def _holding(
    session: AsyncSession, connection: Connection, part: str, client_id: int | None
) -> dict[str, str]:
    """Return the numbers that hold this part, the newest first, with what is said of each."""
    rows = await mirror.search_invoices(session, connection.id, part, _MOST, is_number=True)
    listed = {
        header.number: f"{name} · "
        + money.format_amount(header.total, header.currency, connection.country)
        for header, name in rows
        if client_id in {None, header.client_id}
    }
    former = await session.scalars(
        select(Export)
        .where(
            exports.of_pair(connection),
            func.lower(Export.number).contains(part, autoescape=True),
        )
        .order_by(Export.id.desc())
        .limit(_MOST)
    )
    seen = [each for each in former if client_id in {None, each.client_id}]
    return {each.number: each.client_name for each in seen} | listed


async def find(session: AsyncSession, connection: Connection, number: str) -> Numbered:
    """Return what is known under this number, however it was typed."""
    header = await mirror.find_header_by_number(session, connection.id, number)
    text = mirror.folded(number)
    typed = [number.strip(), number.strip().removeprefix("#")]
    is_named = or_(Export.number.in_(typed), func.lower(Export.number).in_([text, f"#{text}"]))
    is_same = Export.paymo_invoice_id == (header.invoice_id if header else 0)
    found = await session.scalars(
        select(Export)
        .where(
            exports.of_pair(connection),
            or_(is_named, is_same),
        )
        .order_by(Export.id.desc())
    )
    return Numbered(header, found.all())


async def find_export(session: AsyncSession, connection: Connection, number: str) -> Export | None:
    """Return the newest export of the invoice that has this number in Paymo now."""
    header = await mirror.find_header_by_number(session, connection.id, number)
    if header is None:
        return None
    return await exports.find_latest(session, connection, header.invoice_id)
