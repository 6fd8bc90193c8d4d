"""Decodes answers, and a whole page of rows by type where `rows` would read the same.

Rows that the types refuse, or that `rows` would read differently, are read one by one there. So an
odd row costs only its own time, and both readings come from one definition.
"""

import types
import typing
from collections import deque
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
    Overflow,
    Rounded,
    localcontext,
)
from functools import cache
from itertools import chain, repeat
from operator import attrgetter, mul
from typing import Any, TypeVar

import msgspec
from msgspec.structs import astuple

from services.clients.http import Answer
from services.clients.rows import (
    BIGGEST_ID,
    BLANK,
    DAY,
    NO_ID,
    TOO_LONG,
    Field,
    Json,
    Kind,
    LeftOut,
    Rows,
    plan_of,
)
from services.errors import Unavailable
from services.model import days, wording

T = TypeVar("T", bound=msgspec.Struct)

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError)
_NONE = NO_ID.encode()
# Such a product is exact if an amount has no more than four decimals or fifteen digits, and no
# exponent.
_SMALL = Decimal("1E-14")
_EXACT = Context(
    prec=15, Emin=-4, Emax=0, clamp=1, traps=[Clamped, Inexact, InvalidOperation, Overflow, Rounded]
)
_CHUNK = 200  # rows whose columns stay in the processor's cache


def objects_of(answer: Answer) -> Json:
    """The object that an answer's body is, amounts exact."""
    found = content_of(answer)
    if isinstance(found, dict):
        return found
    raise Unavailable(f"{answer.system} answered with something other than an object.")


def content_of(answer: Answer) -> object:
    """An answer's body decoded, amounts exact."""
    return decoded(answer.body, answer.system)


def decoded(body: bytes, system: str) -> object:
    """A body decoded, amounts exact. Raises `Unavailable`, for it may have been a yes."""
    try:
        try:
            return _decoder(Any).decode(body)
        except msgspec.DecodeError:
            return _decoder(Any).decode(wording.cleaned_json(body))
    except UNREADABLE as error:
        raise Unavailable(
            f"{system} gave an answer that we can't read, so we don't know what it did. We'll "
            "check before we send anything again."
        ) from error


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

Test = Callable[[Iterable[Any]], bool]


@dataclass(frozen=True, slots=True)
class _Check:
    """What must hold for all values of some columns."""

    is_met: Test
    places: tuple[int, ...]

    def holds(self, columns: Sequence[Sequence[Any]]) -> bool:
        """Say whether it holds for these columns of rows; absent values don't count."""
        some = [columns[at] for at in self.places]
        try:
            return self.is_met(chain.from_iterable(some))
        except TypeError:  # None is among them
            return self.is_met(each for each in chain.from_iterable(some) if each is not None)


def _are_alike(struct: type[msgspec.Struct], rows: Sequence[msgspec.Struct]) -> bool:
    if hasattr(struct, "is_plain") and not all(map(attrgetter("is_plain"), rows)):
        return False
    checks = _checks(struct)
    for at in range(0, len(rows), _CHUNK):
        columns = tuple(zip(*map(astuple, rows[at : at + _CHUNK]), strict=True))
        if not all(each.holds(columns) for each in checks):
            return False
    return True


@cache
def _checks(struct: type[msgspec.Struct]) -> tuple[_Check, ...]:
    plan = {each.name: each for each in plan_of(struct)}
    found: dict[Test, list[int]] = {}
    for at, name in enumerate(struct.__struct_fields__):
        test = _test_of(plan[name]) if name in plan else _are_empty
        if test is not None:
            found.setdefault(test, []).append(at)
    return tuple(_Check(test, tuple(places)) for test, places in found.items())


def _test_of(field: Field) -> Test | None:
    kind = field.kind
    if typing.get_origin(kind) is tuple:
        return _inner(typing.get_args(kind)[0], is_list=True)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _inner(kind, is_list=False)
    if BLANK in field.marks:
        return None
    if kind is str:
        return _are_days if DAY in field.marks else _are_texts if field.may_be_empty else _are_told
    if kind is int:
        return _are_ids if field.is_id else _are_whole
    return _TESTS.get(kind)


@cache
def _inner(struct: type[msgspec.Struct], *, is_list: bool) -> Test:
    def are_alike(values: Iterable[Any]) -> bool:
        return _are_alike(struct, tuple(chain.from_iterable(values) if is_list else values))

    return are_alike


def _are_empty(values: Iterable[object]) -> bool:
    return not any(values)


def _are_texts(values: Iterable[str]) -> bool:
    return not any(map(str.isspace, values))


def _are_told(values: Iterable[str]) -> bool:
    return all(map(str.strip, values))


def _are_days(values: Iterable[str]) -> bool:
    return all(map(days.read_day, values))


def _are_exact(values: Iterable[Decimal]) -> bool:
    amounts = tuple(values)
    try:
        with localcontext(_EXACT):
            deque(map(mul, amounts, repeat(_SMALL)), 0)
    except DecimalException:
        return False
    return all(map(Decimal.is_finite, amounts))


def _are_ids(values: Iterable[int]) -> bool:
    return all(0 < each <= BIGGEST_ID for each in values)


def _are_whole(values: Iterable[int]) -> bool:
    return all(abs(each) < TOO_LONG for each in values)


def _are_dates(values: Iterable[date]) -> bool:
    return all(map(days.is_usual, filter(None, values)))


def _are_moments(values: Iterable[datetime]) -> bool:
    return all(
        each.tzinfo is UTC and not each.microsecond and days.is_usual(each)
        for each in filter(None, values)
    )


_TESTS: dict[Any, Test] = {
    Decimal: _are_exact,
    date: _are_dates,
    datetime: _are_moments,
}
