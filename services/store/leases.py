"""Leases: only one worker at a time has a row, and a killed one keeps it for seconds only.

A lease ends when its worker lets go of the row, and expires if nobody renews it. Whoever wants
something else done with the row takes it away (`wanted`); each write of the former worker is
fenced, so it writes nothing more.

A write to a remote system may take effect until the call's whole time is over. The row keeps
`sent_at`, committed before the request leaves and cleared by an answer that settles what came of
it. Whoever takes the row over may look it up at once. Nothing is sent again, and nothing counts as
missing, before the call is over.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    and_,
    bindparam,
    case,
    inspect,
    or_,
    select,
    update,
)
from sqlalchemy.orm.attributes import set_committed_value

from services.errors import (
    NotConnected,
    NotFound,
    Rejected,
    StillUnderWay,
    Throttled,
    Unreachable,
)
from services.model.jobs import CALL_LIMIT
from services.store.engine import Session
from services.store.types import Base, Leased, Sends, Traced, request_at_work

# Renewed every two seconds, it outlives a pause of ten. A longer pause while a message is being
# posted may repeat that message; writes to Xero and Paymo have `sent_at`.
LEASE = timedelta(seconds=12)

R = TypeVar("R", bound=Leased)
Row = TypeVar("Row", bound=Base | Leased)


_NOTHING_DONE = (NotConnected, NotFound, Rejected, Throttled, Unreachable)


def is_free(table: type[Leased], now: Any) -> ColumnElement[bool]:
    """Say whether a row's time has come, and nobody is at it."""
    return and_(table.due_at <= now, or_(table.leased_until.is_(None), table.leased_until <= now))


async def take(session: Session, table: type[R], key: int, now: datetime) -> R | None:
    """Take the row with this id if it is free; of several who try, one gets it."""
    return await take_where(session, table, inspect(table).primary_key[0] == key, now)


async def take_where(
    session: Session, table: type[R], which: ColumnElement[bool], now: datetime
) -> R | None:
    """Take the row that `which` chooses, as `take` does."""
    taken: R | None = await session.scalar(_taking(table, which & is_free(table, now), now))
    return taken


async def take_all(
    session: Session, table: type[R], keys: Sequence[int], now: datetime
) -> Sequence[R]:
    """Take the free ones of these rows, in the order of their ids."""
    key = inspect(table).primary_key[0]
    free = select(key).where(key.in_(keys), is_free(table, now)).order_by(key).with_for_update()
    return sorted(await session.scalars(_taking(table, key.in_(free), now)), key=_key_of)


def _taking(table: type[Leased], which: ColumnElement[bool], now: datetime) -> Any:
    until = now + LEASE
    return (
        update(table)
        .where(which)
        .values(due_at=until, leased_until=until, fence=table.fence + 1, tries=table.tries + 1)
        .returning(table)
        .execution_options(populate_existing=True, synchronize_session=False)
    )


def ended(table: type[Any], values: Mapping[str, object]) -> dict[str, Any]:
    """Return what to write: whoever says when a row is wanted next lets go of it.

    Where that is said for somebody in Slack, the row keeps for which request.
    """
    ends = issubclass(table, Leased) and "due_at" in values
    request_id = request_at_work() if ends and issubclass(table, Traced) else ""
    asked = {"request_id": request_id} if request_id else {}
    return {**({"leased_until": None} if ends else {}), **asked, **values}


def wanted(table: type[Leased], at: datetime) -> dict[str, Any]:
    """Return what to write where a row is wanted at `at`, and whoever is at it is to stop."""
    return {"due_at": at, "leased_until": None, "fence": table.fence + 1}


async def renew(session: Session, row: Leased, now: datetime) -> bool:
    """Keep the row for another lease; False where it was let go of, or taken away.

    In a transaction that writes something else, this is the fence.
    """
    table, until = type(row), now + LEASE
    values = {"due_at": unless_hinted(table, until), "leased_until": until}
    return await _write(session, row, _is_held(row), values) is not None


async def renew_all(session: Session, rows: Sequence[Leased], now: datetime) -> None:
    """Renew the leases of those of these rows that nobody has taken."""
    table, until = type(rows[0]), now + LEASE
    key = inspect(table).primary_key[0]
    held = await _hold(session, rows, table.leased_until.is_not(None))
    await session.write(
        update(table)
        .where(key.in_([_key_of(each) for each in held]))
        .values(due_at=unless_hinted(table, until), leased_until=until)
    )


async def let_go(
    session: Session, row: Leased, due_at: datetime | None = None, **values: Any
) -> bool:
    """Write `values` and end the lease; False where that has happened, or it was taken away.

    The row is due again at `due_at`, or at once where a hint came meanwhile.
    """
    if due_at is not None:
        values["due_at"] = unless_hinted(type(row), due_at)
    return await write_where(session, row, _is_held(row), leased_until=None, **values)


def unless_hinted(table: type[Leased], at: datetime | None) -> Any:
    """Return when a row is due again: at once where somebody wanted it during the lease."""
    return case((table.due_at == table.leased_until, at), else_=table.due_at)


def _is_held(row: Leased) -> ColumnElement[bool]:
    table = type(row)
    return and_(table.fence == row.fence, table.leased_until.is_not(None))


async def fenced(session: Session, row: Base, fence: int, **values: Any) -> bool:
    """Write `values` unless somebody took the row since; the row in memory follows."""
    table = type(row)
    return await write_where(session, row, table.fence == fence, **values)  # type: ignore[attr-defined]


async def write_where(
    session: Session, row: Base | Leased, as_read: ColumnElement[bool], **values: Any
) -> bool:
    """Write `values` if the row in the database still is `as_read`; the row in memory follows."""
    written = await _write(session, row, as_read, ended(type(row), values))
    for name, value in (written or {}).items():
        # Already in the database: marking it changed would write it again, unguarded.
        set_committed_value(row, name, value)
    return written is not None


async def write_all(
    session: Session, values: Mapping[Row, Mapping[str, Any]], as_read: ColumnElement[bool]
) -> Sequence[Row]:
    """Write to many rows, each under its fence; return those that still were `as_read`.

    All are given the same columns.
    """
    if not values:
        return ()
    table: Any = type(next(iter(values)))
    if len(values) == 1:
        [(only, its)] = values.items()
        same = as_read & (table.fence == getattr(only, table.fence.key))
        return [only] if await write_where(session, only, same, **its) else ()
    held = await _hold(session, list(values), as_read)
    written = {row: ended(table, values[row]) for row in held}
    if written:
        connection = await session.connection()
        await connection.execute(*_updating(table, written))
    for row, each in written.items():
        for name, value in each.items():
            set_committed_value(row, name, value)
    return list(written)


def _updating(table: Any, written: Mapping[Any, Mapping[str, Any]]) -> tuple[Any, ...]:
    """A statement on the table, not the class, so that no row comes back; and what it is given.

    The rows are held, so one statement is enough where all are given the same values.
    """
    key: Any = inspect(table).primary_key[0]
    plain: Any = inspect(table).local_table
    values = next(iter(written.values()))
    if all(each == values for each in written.values()):
        return (update(plain).where(key.in_([_key_of(row) for row in written])).values(values),)
    own = (key == bindparam("own_key")) & (plain.c.fence == bindparam("own_fence"))
    new: dict[str, Any] = {name: bindparam(f"new_{name}") for name in values}
    return update(plain).where(own).values(new), [_bound(*each) for each in written.items()]


def _bound(row: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    own = {"own_key": _key_of(row), "own_fence": row.fence}
    return own | {f"new_{name}": value for name, value in values.items()}


def _key_of(row: Any) -> Any:
    return getattr(row, inspect(type(row)).primary_key[0].name)


async def _hold(
    session: Session, rows: Sequence[Row], as_read: ColumnElement[bool]
) -> Sequence[Row]:
    """Return those of these rows that still are `as_read`, and that nobody took since.

    They are locked in the order of their ids, so that two who write many never wait for each other.
    """
    table: Any = type(rows[0])
    key: Any = inspect(table).primary_key[0]
    known: dict[Any, Any] = {_key_of(row): row for row in rows}
    same = select(key, table.fence).where(key.in_(known), as_read).order_by(key).with_for_update()
    return [known[own] for own, fence in await session.execute(same) if known[own].fence == fence]


async def _write(
    session: Session, row: Base | Leased, as_read: ColumnElement[bool], values: Mapping[str, Any]
) -> Mapping[Any, Any] | None:
    """Return what the database has written, or None where it wrote nothing."""
    table = type(row)
    own = [column == getattr(row, column.name) for column in inspect(table).primary_key]
    if not any(isinstance(each, ClauseElement) for each in values.values()):
        # On the table, not the class: what is written is known, so nothing comes back.
        await session.flush()
        plain: Any = inspect(table).local_table
        changed = update(plain).where(*own, as_read).values(values)
        return values if await session.write(changed) else None
    written = await session.execute(
        update(table)
        .where(*own, as_read)
        .values(**values)
        .returning(*(getattr(table, name) for name in values))
        .execution_options(synchronize_session=False)
    )
    return written.mappings().one_or_none()


def is_under_way(row: Sends, now: datetime) -> bool:
    """Say whether a call about this row may still take effect."""
    return row.sent_at is not None and now < row.sent_at + CALL_LIMIT


def over_at(row: Sends, now: datetime) -> datetime:
    """Return when nothing that was sent can take effect any more."""
    return max(now, row.sent_at + CALL_LIMIT) if row.sent_at is not None else now


def require_over(row: Sends, now: datetime) -> None:
    """Raise `StillUnderWay` while what was sent may still take effect."""
    if is_under_way(row, now):
        raise StillUnderWay(until=over_at(row, now))


def has_ended(table: type[Sends], now: datetime) -> ColumnElement[bool]:
    """Return the rows about which no call is under way."""
    return or_(table.sent_at.is_(None), table.sent_at <= now - CALL_LIMIT)


@contextmanager
def answered(row: Sends, earlier: datetime | None = None) -> Iterator[None]:
    """Forget that the write in here left, unless its outcome is unknown.

    The row in memory forgets; what is written of it next says so. What was sent `earlier`, and is
    not settled by this, stays to be looked for.
    """
    try:
        yield
    except _NOTHING_DONE:
        set_committed_value(row, "sent_at", earlier)
        raise
    set_committed_value(row, "sent_at", earlier)


def settle(row: Sends) -> None:
    """Forget what was sent: its outcome is known."""
    set_committed_value(row, "sent_at", None)
