"""Decoding a whole page of rows by their types, where `rows` would read the same.

Rows that the types refuse, or that `rows` would read differently, are read one by one there. So an
odd row costs only its own time, and both readings come from one definition.
"""

import types
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import (
    Clamped,
    Context,
    Decimal,
    DecimalException,
    Inexact,
    InvalidOperation,
    Rounded,
    localcontext,
)
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import Any, TypeVar

import msgspec

from services.clients.rows import (
    BIGGEST_ID,
    NO_ID,
    TOO_LONG,
    UNREADABLE,
    Field,
    Kind,
    LeftOut,
    Rows,
    decoded,
    plan_of,
)
from services.model import days

T = TypeVar("T", bound=msgspec.Struct)
V = TypeVar("V")

_NONE = NO_ID.encode()
# Adding up shows that no amount has more than four decimals, fifteen digits or an exponent.
_EXACT = Context(prec=19, Emax=18, clamp=1, traps=[Clamped, Inexact, Rounded, InvalidOperation])
_NO_AMOUNT = Decimal("0.0000")


def rows_in(body: bytes, kind: Kind[T], key: str) -> Rows[T] | None:
    """The rows of an answer, or None if it has no list of them under this key."""
    whole, raw = _pages(kind.struct, key)
    if not _is_doubtful(kind.struct, body):
        page = _decode(whole, body)
        if page is not None and _are_alike(kind.struct, page.rows):
            return Rows(page.rows, (), len(page.rows), _page_count(page))
    page = _decode(raw, body)
    if page is None:
        return None
    return Rows.of([_row(kind, bytes(each)) for each in page.rows], _page_count(page))


def _page_count(page: Any) -> object:
    said = page.pagination
    return said.get("pageCount") if isinstance(said, dict) else None


def _row(kind: Kind[T], raw: bytes) -> T | LeftOut:
    if not _is_doubtful(kind.struct, raw):
        row: T | None = _decode(_decoder(kind.struct), raw)
        if row is not None and _are_alike(kind.struct, [row]):
            return row
    found = decoded(raw, kind.where)
    return kind.row(found if isinstance(found, dict) else {})


def _is_doubtful(struct: type[msgspec.Struct], body: bytes) -> bool:
    """Say whether its texts hold what `rows` removes, or a moment that needs rounding."""
    is_passed_over = _NONE in body or (b"\\" in body and b"\\u0000" in body)
    return is_passed_over or (_has_moments(struct) and b".999999" in body)


@cache
def _has_moments(struct: type[msgspec.Struct]) -> bool:
    return any(each.kind is datetime for each in plan_of(struct))


def _decode(decoder: "msgspec.json.Decoder[Any]", body: bytes) -> Any:
    try:
        return decoder.decode(body)
    except UNREADABLE:
        return None


@cache
def _decoder(kind: Any) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(kind, float_hook=Decimal)


@cache
def _pages(
    struct: type[msgspec.Struct], key: str
) -> tuple["msgspec.json.Decoder[Any]", "msgspec.json.Decoder[Any]"]:
    """The decoders of a page with its rows, and of one with its rows still unread."""
    lists = (types.GenericAlias(tuple, (each, ...)) for each in (struct, msgspec.Raw))
    whole, raw = (
        msgspec.defstruct(
            "Page", [("rows", each, msgspec.field(name=key)), ("pagination", Any, None)]
        )
        for each in lists
    )
    return _decoder(whole), _decoder(raw)


# ---- whether `rows` would read the same


@dataclass(frozen=True, slots=True)
class _Check:
    """What must hold for all values of some fields."""

    names: tuple[str, ...]
    is_met: Callable[[Iterable[Any]], bool]

    def holds(self, rows: Sequence[msgspec.Struct]) -> bool:
        """Say whether it holds for these rows; absent values don't count."""
        values = map(attrgetter(*self.names), rows)
        return self.is_met(chain.from_iterable(values) if len(self.names) > 1 else values)


def _are_alike(struct: type[msgspec.Struct], rows: Sequence[msgspec.Struct]) -> bool:
    return all(each.holds(rows) for each in _checks(struct))


@cache
def _checks(struct: type[msgspec.Struct]) -> tuple[_Check, ...]:
    fields = plan_of(struct)
    by_test: dict[Callable[[Iterable[Any]], bool], list[str]] = {}
    for each in fields:
        test = _test_of(each)
        if test is not None:
            by_test.setdefault(test, []).append(each.name)
    found = [_Check(tuple(names), test) for test, names in by_test.items()]
    if hasattr(struct, "is_plain"):
        found.append(_Check(("is_plain",), all))
    return tuple(found)


def _test_of(field: Field) -> Callable[[Iterable[Any]], bool] | None:
    kind = field.kind
    if typing.get_origin(kind) is tuple:
        return _inner(typing.get_args(kind)[0], is_list=True)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _inner(kind, is_list=False)
    if kind is str:
        return _are_days if field.is_day else _are_texts if field.may_be_empty else _are_told
    if kind is int:
        return _are_ids if field.is_id else _are_whole
    return _TESTS.get(kind)


@cache
def _inner(struct: type[msgspec.Struct], *, is_list: bool) -> Callable[[Iterable[Any]], bool]:
    def are_alike(values: Iterable[Any]) -> bool:
        there = filter(None, values)
        rows = list(chain.from_iterable(there) if is_list else there)
        return not rows or _are_alike(struct, rows)

    return are_alike


def _are_texts(values: Iterable[str | None]) -> bool:
    return not any(map(str.isspace, filter(None, values)))


def _are_told(values: Iterable[str]) -> bool:
    return all(map(str.strip, values))


def _are_days(values: Iterable[str]) -> bool:
    return all(map(days.read_day, values))


def _are_exact(values: Iterable[Decimal | None]) -> bool:
    try:
        with localcontext(_EXACT):
            total = sum(map(abs, _there(values)), _NO_AMOUNT)
    except DecimalException:
        return False
    return total.as_tuple().exponent == _NO_AMOUNT.as_tuple().exponent


def _are_ids(values: Iterable[int | None]) -> bool:
    return all(0 < each <= BIGGEST_ID for each in _there(values))


def _are_whole(values: Iterable[int | None]) -> bool:
    return all(abs(each) < TOO_LONG for each in _there(values))


def _are_dates(values: Iterable[date | None]) -> bool:
    return all(days.is_usual(each) for each in _there(values))


def _are_moments(values: Iterable[datetime | None]) -> bool:
    return all(
        each.tzinfo is UTC and not each.microsecond and days.is_usual(each)
        for each in _there(values)
    )


def _there(values: Iterable[V | None]) -> Sequence[V]:
    return [each for each in values if each is not None]


_TESTS: dict[Any, Callable[[Iterable[Any]], bool]] = {
    Decimal: _are_exact,
    date: _are_dates,
    datetime: _are_moments,
}
