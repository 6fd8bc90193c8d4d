"""Finds an invoice by its number: its header in Paymo, and all its exports."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import ColumnElement, func, or_, select

from services import money
from services.errors import Fitting, SeveralFit
from services.model import chunks, numbers
from services.model.people import Person
from services.store import exports, mirror, people
from services.store.engine import Session
from services.store.tables import Client, Connection, Export, InvoiceHeader

_MOST = 1000  # numbers that are compared with what was typed
_AT_ONCE = 100  # typed numbers that one statement looks for


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
    session: Session, connection: Connection, typed: str, person: Person | None = None
) -> str:
    """Return the number of the invoice that is meant, as Paymo writes it.

    What was typed wins where it exists, and is returned where nothing fits. Only what this person
    may ask about is compared. Raises `SeveralFit`.
    """
    [found] = (await each_meant(session, connection, [typed], person)).values()
    return the_one(typed, found)


def the_one(typed: str, found: Sequence[Fitting]) -> str:
    """Return the only number that fits what was typed. Raises `SeveralFit`."""
    if len(found) > 1:
        raise SeveralFit(numbers.spaced(typed), tuple(found))
    return found[0].number


async def each_meant(
    session: Session, connection: Connection, typed: Sequence[str], person: Person | None = None
) -> dict[str, tuple[Fitting, ...]]:
    """Return which numbers each of these may mean, by a few statements for all of them."""
    there = await _existing(session, connection, typed)
    found: dict[str, tuple[Fitting, ...]] = {each: (Fitting(each, ""),) for each in typed}
    unknown = [each for each in found if mirror.folded(each) not in there and numbers.core(each)]
    client_id = await people.only_client(session, connection, person) if person else None
    for some in chunks(unknown, _AT_ONCE):
        listed = await _holding(session, connection, some, client_id)
        for each in some:
            part = numbers.core(each)
            holding = [number for number, (held, _) in listed.items() if part in held][:_MOST]
            fitting = numbers.fitting(each, holding)[: numbers.MOST]
            if fitting:
                found[each] = tuple(Fitting(number, listed[number][1]()) for number in fitting)
    return found


async def list_ids(session: Session, connection: Connection, typed: Sequence[str]) -> Sequence[int]:
    """Return Paymo's ids of the invoices with these numbers, each once; of two, the newer's."""
    exact: dict[str, int] = {}
    known: dict[str, int] = {}
    for some in chunks(typed, _AT_ONCE):
        rows = await session.execute(
            select(InvoiceHeader.number, InvoiceHeader.folded_number, InvoiceHeader.invoice_id)
            .where(
                InvoiceHeader.connection_id == connection.id,
                InvoiceHeader.folded_number.in_({mirror.folded(each) for each in some}),
            )
            .order_by(InvoiceHeader.issued_on, InvoiceHeader.invoice_id)
        )
        for number, folded, invoice_id in rows:
            exact[number] = known[folded] = invoice_id
    found = (exact.get(each, known.get(mirror.folded(each))) for each in typed)
    return list(dict.fromkeys(each for each in found if each is not None))


async def mentioned(session: Session, connection: Connection, text: str) -> list[str]:
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


async def is_known(session: Session, connection: Connection, number: str) -> bool:
    """Say whether an invoice has this very number, in any case."""
    return bool(await _existing(session, connection, [number]))


async def _existing(session: Session, connection: Connection, typed: Sequence[str]) -> set[str]:
    """Return those of these numbers, folded, that an invoice has."""
    found: set[str] = set()
    for some in chunks(typed, _AT_ONCE):
        wanted = {mirror.folded(each) for each in some}
        found.update(
            await session.scalars(
                select(InvoiceHeader.folded_number).where(
                    InvoiceHeader.connection_id == connection.id,
                    InvoiceHeader.folded_number.in_(wanted),
                )
            )
        )
        former = await session.scalars(
            select(Export.number).where(exports.of_pair(connection), _is_named(some))
        )
        found.update(mirror.folded(each) for each in former)
    return found


def _is_named(typed: Sequence[str]) -> ColumnElement[bool]:
    """Compare an export's number with these, however they were typed."""
    bare = [each.strip() for each in typed]
    folded = [mirror.folded(each) for each in typed]
    return or_(
        Export.number.in_([*bare, *(each.removeprefix("#") for each in bare)]),
        func.lower(Export.number).in_([*folded, *(f"#{each}" for each in folded)]),
    )


async def search(
    session: Session, connection: Connection, query: str, limit: int
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
    session: Session, connection: Connection, typed: Sequence[str], client_id: int | None
) -> dict[str, tuple[str, partial[str]]]:
    """Return the numbers that hold a part of these: what is compared, and what is said of each."""
    parts = dict.fromkeys(numbers.core(each) for each in typed)
    most = _MOST * len(parts)
    held = InvoiceHeader.folded_number
    rows = await session.execute(
        select(InvoiceHeader, func.coalesce(Client.name, ""))
        .outerjoin(Client, mirror.IS_ITS_CLIENT)
        .where(
            InvoiceHeader.connection_id == connection.id,
            or_(*(held.contains(mirror.folded(each), autoescape=True) for each in parts)),
        )
        .order_by(InvoiceHeader.issued_on.desc(), InvoiceHeader.invoice_id.desc())
        .limit(most)
    )
    listed = {
        header.number: (header.folded_number, partial(_said, connection, header, name))
        for header, name in rows
        if client_id in {None, header.client_id}
    }
    number = func.lower(Export.number)
    former = await session.scalars(
        select(Export)
        .where(
            exports.of_pair(connection),
            or_(*(number.contains(each, autoescape=True) for each in parts)),
        )
        .order_by(Export.id.desc())
        .limit(most)
    )
    seen = [each for each in former if client_id in {None, each.client_id}]
    told = {each.number: (each.number.lower(), partial(str, each.client_name)) for each in seen}
    return told | listed


def _said(connection: Connection, header: InvoiceHeader, name: str) -> str:
    return f"{name} · {money.format_amount(header.total, header.currency, connection.country)}"


async def find(session: Session, connection: Connection, number: str) -> Numbered:
    """Return what is known under this number, however it was typed."""
    header = await mirror.find_header_by_number(session, connection.id, number)
    is_same = Export.paymo_invoice_id == (header.invoice_id if header else 0)
    found = await session.scalars(
        select(Export)
        .where(
            exports.of_pair(connection),
            or_(_is_named([number]), is_same),
        )
        .order_by(Export.id.desc())
    )
    return Numbered(header, found.all())


async def find_export(session: Session, connection: Connection, number: str) -> Export | None:
    """Return the newest export of the invoice that has this number in Paymo now."""
    header = await mirror.find_header_by_number(session, connection.id, number)
    if header is None:
        return None
    return await exports.find_latest(session, connection, header.invoice_id)
