"""The local mirror of Xero's and Paymo's lists, rows that couldn't be read, and menu searches."""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, delete, false, func, or_, select, type_coerce, update

from services import money
from services.model import chunks, numbers
from services.store import contacts
from services.store.engine import Session, put_all
from services.store.tables import (
    Account,
    Base,
    Client,
    Connection,
    Contact,
    Currency,
    InvoiceHeader,
    TaxRate,
)

_WIDEST = 255  # the folded columns' width; folding can make a text longer
_AT_ONCE = 500
_MERGES = 5  # how many merges in a row are followed
_KEYS = {
    Contact: "contact_id",
    Account: "account_id",
    TaxRate: "tax_type",
    Currency: "code",
    Client: "client_id",
    InvoiceHeader: "invoice_id",
}
IS_ITS_CLIENT = (Client.connection_id == InvoiceHeader.connection_id) & (
    Client.client_id == InvoiceHeader.client_id
)
_MOST_LEFT_OUT = 200  # rows of one list that are kept by name
_SHOWN_LEFT_OUT = 3


def folded(number: str) -> str:
    """Return a number as people search for it: any case, with or without the leading #."""
    return number.strip().removeprefix("#").casefold()[:_WIDEST]


def folded_name(name: str) -> str:
    """Return a name as people search for it: any case, accents, and kind of quotes and dashes."""
    apart = unicodedata.normalize("NFKD", numbers.with_plain_marks(name).strip().casefold())
    return "".join(each for each in apart if not unicodedata.combining(each))[:_WIDEST]


async def replace(
    session: Session,
    connection_id: int,
    table: type[Base],
    rows: Sequence[dict[str, Any]],
    expected: Collection[Any] | None = None,
) -> bool:
    """Make the mirror equal to a complete list; delete rows that the list lacks.

    Of these only `expected` ones go, if that is given: others may be newer than the list. Returns
    whether anything was not as it was.
    """
    key = _KEYS[table]
    column = getattr(table, key)
    owner = table.connection_id  # type: ignore[attr-defined]
    known = await list_ids(session, connection_id, table) if expected is None else expected
    gone = sorted({*known} - {row[key] for row in rows})
    for some in chunks(gone, _AT_ONCE):
        await session.write(delete(table).where(owner == connection_id, column.in_(some)))
    rows = await _changed(session, connection_id, table, rows)
    if table is Contact and gone and not rows:
        await contacts.mark(session, connection_id)
    await put(session, connection_id, table, rows)
    return bool(rows or gone)


async def list_ids(session: Session, connection_id: int, table: type[Base]) -> set[Any]:
    """Return the ids of the rows that the mirror holds."""
    owner = table.connection_id  # type: ignore[attr-defined]
    found = await session.scalars(
        select(getattr(table, _KEYS[table])).where(owner == connection_id)
    )
    return set(found)


async def put_changed_headers(
    session: Session, connection_id: int, rows: Sequence[dict[str, Any]]
) -> bool:
    """Bring the heads of some invoices up to date; return whether any was not."""
    changed: list[dict[str, Any]] = []
    for some in chunks(rows, _AT_ONCE):
        these = InvoiceHeader.invoice_id.in_([each["invoice_id"] for each in some])
        changed += await _changed(session, connection_id, InvoiceHeader, some, these)
    await put(session, connection_id, InvoiceHeader, changed)
    return bool(changed)


async def _changed(
    session: Session,
    connection_id: int,
    table: type[Base],
    rows: Sequence[dict[str, Any]],
    *only: ColumnElement[bool],
) -> Sequence[dict[str, Any]]:
    """Return the rows that the mirror does not hold as they are; few change from list to list."""
    if not rows:
        return []
    names = [_KEYS[table], *_row(connection_id, table, rows[0])]
    owner = table.connection_id  # type: ignore[attr-defined]
    stored = await session.execute(
        select(*[getattr(table, each) for each in names]).where(owner == connection_id, *only)
    )
    known = {key: tuple(values) for key, *values in stored}
    made = [(each, _row(connection_id, table, each)) for each in rows]
    return [each for each, row in made if known.get(each[_KEYS[table]]) != tuple(row.values())]


async def put_changed(session: Session, connection_id: int, rows: Sequence[dict[str, Any]]) -> None:
    """Bring contacts up to date where they are not; the others need not be written."""
    rows = await _changed(session, connection_id, Contact, rows)
    await put(session, connection_id, Contact, rows)


async def put(
    session: Session, connection_id: int, table: type[Base], rows: Sequence[dict[str, Any]]
) -> None:
    """Bring some rows up to date, or add them; what is searched for is folded here."""
    for some in chunks(rows, _AT_ONCE):
        await put_all(session, table, [_row(connection_id, table, row) for row in some])
    if table is Contact and rows:
        await contacts.mark(session, connection_id)


def _row(connection_id: int, table: type[Base], row: dict[str, Any]) -> dict[str, Any]:
    made = {"connection_id": connection_id, **{name: _cut(table, name, row[name]) for name in row}}
    if table in {Contact, Client}:
        made["folded_name"] = folded_name(row["name"])
    if table is InvoiceHeader:
        made["folded_number"] = folded(row["number"])
    return made


def _cut(table: type[Base], name: str, value: Any) -> Any:
    """Cut a text to its column's width: PostgreSQL refuses longer ones, SQLite takes them."""
    if not isinstance(value, str):
        return value
    width = getattr(table.__table__.c[name].type, "length", None)
    return value[:width]


async def forget(session: Session, connection_id: int) -> None:
    """Empty the mirror of a connection that ended."""
    for table in _KEYS:
        owner = table.connection_id  # type: ignore[attr-defined]
        await session.execute(delete(table).where(owner == connection_id))
    await session.write(
        update(Connection)
        .where(Connection.id == connection_id)
        .values(contacts_whole_at=None, contacts_read_at=None)
    )
    await contacts.mark(session, connection_id)


async def statuses(
    session: Session, connection_id: int, invoice_ids: Collection[int]
) -> dict[int, str]:
    """Return the status of these invoices in Paymo as it was last copied."""
    rows = await session.execute(
        select(InvoiceHeader.invoice_id, InvoiceHeader.status).where(
            InvoiceHeader.connection_id == connection_id,
            InvoiceHeader.invoice_id.in_(invoice_ids),
        )
    )
    return {row[0]: row[1] for row in rows}


async def list_accounts(session: Session, connection_id: int) -> Sequence[Account]:
    """Return every account."""
    return await session.every(
        select(Account)
        .where(Account.connection_id == connection_id)
        .order_by(Account.type, Account.code, Account.name)
    )


async def list_tax_rates(session: Session, connection_id: int) -> Sequence[TaxRate]:
    """Return every tax rate."""
    return await session.every(
        select(TaxRate).where(TaxRate.connection_id == connection_id).order_by(TaxRate.name)
    )


async def list_currencies(session: Session, connection_id: int) -> Sequence[str]:
    """Return the codes of the currencies that are enabled."""
    return await session.every(select(Currency.code).where(Currency.connection_id == connection_id))


async def find_contact(
    session: Session, connection_id: int, contact_id: str, *, follows: bool = False
) -> Contact | None:
    """Return one contact, archived or not; or, following merges, the one that it is now."""
    found = await session.get(Contact, (connection_id, contact_id))
    for _ in range(_MERGES if follows else 0):
        if found is None or not found.merged_to:
            break
        found = await session.get(Contact, (connection_id, found.merged_to)) or found
    return found


async def find_namesake(
    session: Session, connection_id: int, name: str, number: str
) -> Contact | None:
    """Return the contact that has this number or this name, in any case; follows merges.

    An active one comes before an archived one, and the number before the name.
    """
    is_number = (Contact.number == number) & (Contact.number != "")
    found = await session.scalars(
        select(Contact)
        .where(
            Contact.connection_id == connection_id,
            or_(is_number, Contact.folded_name == folded_name(name)),
        )
        .order_by(Contact.is_active.desc(), is_number.desc(), Contact.contact_id)
    )
    for each in found:
        if money.folded(each.name) == money.folded(name) or number == each.number != "":
            return await find_contact(session, connection_id, each.contact_id, follows=True)
    return None


async def find_account(session: Session, connection_id: int, account_id: str) -> Account | None:
    """Return one account."""
    return await session.get(Account, (connection_id, account_id))


async def find_client(session: Session, connection_id: int, client_id: int) -> Client | None:
    """Return one Paymo client."""
    return await session.get(Client, (connection_id, client_id))


async def count_clients(session: Session, connection_id: int) -> int:
    """Return how many active clients Paymo has."""
    own = (Client.connection_id == connection_id) & Client.is_active
    return await session.count(own)


async def newest_header(session: Session, connection_id: int) -> datetime | None:
    """Return the newest time of a change among the copied invoices."""
    newest, own = func.max(InvoiceHeader.updated_on), InvoiceHeader.connection_id == connection_id
    return await session.scalar(select(newest).where(own))


async def find_header(
    session: Session, connection_id: int, invoice_id: int
) -> InvoiceHeader | None:
    """Return the head of one Paymo invoice."""
    return await session.get(InvoiceHeader, (connection_id, invoice_id))


async def find_header_by_number(
    session: Session, connection_id: int, number: str
) -> InvoiceHeader | None:
    """Return the invoice with this number, however it was typed; of two, the newer."""
    return await session.scalar(
        select(InvoiceHeader)
        .where(
            InvoiceHeader.connection_id == connection_id,
            InvoiceHeader.folded_number == folded(number),
        )
        .order_by(
            (InvoiceHeader.number == number).desc(),
            InvoiceHeader.issued_on.desc(),
            InvoiceHeader.invoice_id.desc(),
        )
        .limit(1)
    )


async def has_contacts(session: Session, connection_id: int) -> bool:
    """Say whether there is a contact that isn't archived."""
    return await session.has(Contact.connection_id == connection_id, Contact.is_active)


async def search_clients(
    session: Session,
    connection_id: int,
    query: str,
    limit: int,
    wanted: ColumnElement[bool] | None = None,
) -> Sequence[Client]:
    """Return Paymo's clients whose name holds the query, beginnings first; active ones, usually."""
    text = folded_name(query)
    starts = Client.folded_name.startswith(text, autoescape=True)
    return await session.every(
        select(Client)
        .where(Client.connection_id == connection_id)
        .where(Client.is_active if wanted is None else wanted)
        .where(Client.folded_name.contains(text, autoescape=True))
        .order_by(starts.desc(), Client.folded_name)
        .limit(limit)
    )


async def search_invoices(
    session: Session, connection_id: int, query: str, limit: int
) -> Sequence[tuple[InvoiceHeader, str]]:
    """Return invoices that aren't void, with their client's name, by number, client or total.

    The newest come first.
    """
    by_number = InvoiceHeader.folded_number.contains(folded(query), autoescape=True)
    by_name = Client.folded_name.contains(folded_name(query), autoescape=True)
    rows = await session.execute(
        select(InvoiceHeader, func.coalesce(Client.name, ""))
        .outerjoin(Client, IS_ITS_CLIENT)
        .where(
            InvoiceHeader.connection_id == connection_id,
            or_(by_number, by_name, _is_total(query)),
            InvoiceHeader.status != "void",
        )
        .order_by(InvoiceHeader.issued_on.desc(), InvoiceHeader.invoice_id.desc())
        .limit(limit)
    )
    return [(header, name) for header, name in rows]


def _is_total(query: str) -> ColumnElement[bool]:
    """Compare the totals, which are kept as text, with what may be an amount or its beginning."""
    has_three = InvoiceHeader.currency.in_(money.THREE_DECIMALS)
    in_three = _begins(numbers.amount(query, has_three=True)) & has_three
    return or_(_begins(numbers.amount(query)), in_three)


def _begins(typed: tuple[str, str | None] | None) -> ColumnElement[bool]:
    if typed is None:
        return false()
    (whole, decimals), total = typed, type_coerce(InvoiceHeader.total, String)
    if decimals is None:
        return or_(total == whole, total.startswith(f"{whole}."))
    if not decimals.strip("0"):
        return total.in_([whole, *(f"{whole}.{'0' * places}" for places in (1, 2, 3))])
    return total.startswith(f"{whole}.{decimals.rstrip('0')}")


def note_left_out(connection: Connection, name: str, rows: Mapping[str, str]) -> None:
    """Note what a whole list left out; `rows` are the sentences' parts by the rows' ids."""
    kept = dict(list(rows.items())[:_MOST_LEFT_OUT])
    others = {key: value for key, value in (connection.left_out or {}).items() if key != name}
    connection.left_out = {**others, name: kept} if kept else others


def merge_left_out(
    connection: Connection, name: str, rows: Mapping[str, str], read: Collection[str]
) -> None:
    """Note what a part of a list left out; what was `read` is left out no longer."""
    before = (connection.left_out or {}).get(name, {})
    after = {key: text for key, text in before.items() if key not in read} | dict(rows)
    if after != before:
        note_left_out(connection, name, after)


def left_out_of(connection: Connection) -> str:
    """Return a sentence that names what is left out, or ""."""
    found = [text for rows in (connection.left_out or {}).values() for text in rows.values()]
    if not found:
        return ""
    more = len(found) - _SHOWN_LEFT_OUT
    listed = ", ".join([*found[:_SHOWN_LEFT_OUT], *([f"{more} more"] if more > 0 else [])])
    return f"Left out because they can't be read: {listed}. Check them there."
