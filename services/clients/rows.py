"""Reads rows as remote systems really write them: one odd row doesn't spoil the others.

Null counts as absent, numbers may come as text and texts as numbers; unknown fields are ignored.
A row that lacks its id, an amount, a day or a status is left out and named: a missing amount is
never zero, and a row left out never counts as deleted.
"""

import types
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Annotated, Any, Generic, Self, TypeVar

import msgspec

from services import money
from services.errors import Unavailable, Unreadable
from services.model import days

T = TypeVar("T", bound=msgspec.Struct)
Json = dict[str, Any]

NO_ID = "00000000-0000-0000-0000-000000000000"  # of what Xero did not make
_ODD = object()  # there, and unreadable
# What a struct says about its row, and what judges it as a whole.
FIELDS_OF_OURS = frozenset(
    {"lacks", "said", "is_refused", "has_errors", "has_validation_errors"}
    | {"status_attribute_string", "validation_errors"}
)
_NAMES = ("InvoiceNumber", "number", "Name", "name", "TaxType", "Code", "event")
_LONGEST_NUMBER = 14  # digits before the point, less one
TOO_LONG = 10 ** (_LONGEST_NUMBER + 1)  # a number with more digits than that
_LONGEST_NAME = 80
LONGEST_ID, BIGGEST_ID = 64, 2**63 - 1
_TRUE, _FALSE = {"true", "yes", "on", "y", "t"}, {"false", "no", "off", "n", "f"}
# Marks of fields; what is strict is never read as absent where it can't be read.
STRICT, DAY, BLANK = "strict", "day", "blank"
# A yes or no on which money hangs: one that cannot be read is never taken for a no.
Decisive = Annotated[bool, msgspec.Meta(extra={STRICT: True})]
# A day as it is written; one that can't be read is none.
Dated = Annotated[str, msgspec.Meta(extra={DAY: True})]
# A text that may be blank, since whoever reads it knows what to make of that.
Blank = Annotated[str, msgspec.Meta(extra={BLANK: True})]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that cannot be read, as people know it; `key` is its id, or "" where it has none."""

    what: str  # "invoice", and where: "Xero"
    where: str
    name: str
    key: str
    lacks: tuple[str, ...]

    def __str__(self) -> str:
        """Name the row and its problem."""
        name = f" {self.name}" if self.name else " without an ID"
        return f"{self.what}{name} in {self.where} ({', '.join(self.lacks[:3])})"


@dataclass(frozen=True, slots=True)
class Rows(Generic[T]):
    """The rows of one answer: `count` of them, those left out included."""

    found: tuple[T, ...]
    left_out: tuple[LeftOut, ...] = ()
    count: int = 0
    pages: object = None  # how many there are, if the answer says so

    @classmethod
    def of(cls, rows: Sequence[T | LeftOut], pages: object = None) -> Self:
        """Part them."""
        odd = tuple(each for each in rows if isinstance(each, LeftOut))
        whole = (each for each in rows if not isinstance(each, LeftOut))
        return cls(tuple(whole), odd, len(rows), pages)

    @property
    def keys(self) -> list[str]:
        """The ids of all of them, as text."""
        ids = [str(getattr(each, each.__struct_fields__[0])) for each in self.found]
        return ids + [each.key for each in self.left_out]


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """What an answer's rows are: the struct, what people call one, and whose they are.

    A struct's first field is its id. One that has `judged` says by itself what it `lacks`, and is
    never left out here.
    """

    struct: type[T]
    what: str
    where: str

    @property
    def key(self) -> str:
        """The name of the id."""
        return self.struct.__struct_fields__[0]

    def rows(self, found: object) -> Rows[T]:
        """Read a list of rows; an object alone is a list of one."""
        raw = [found] if isinstance(found, dict) else found
        if not isinstance(raw, list):
            raise Unavailable(f"{self.where} answered without a list of {self.what}s.")
        return Rows.of([self.row(each if isinstance(each, dict) else {}) for each in raw])

    def row(self, raw: Json) -> T | LeftOut:
        """Read one row, or say why not."""
        row, lacks = _read(self.struct, raw)
        return row if row is not None else self.left_out(raw, lacks)

    def left_out(self, raw: Json, lacks: Sequence[str]) -> LeftOut:
        """Name a row that is left out."""
        key = _key(self.struct, raw)
        name = next((text for each in _NAMES if (text := _text(raw.get(each)))), key)
        return LeftOut(self.what, self.where, name[:_LONGEST_NAME], key, tuple(lacks))

    def only(self, rows: Rows[T]) -> T:
        """The one row of an answer about one object. Raises `Unreadable`."""
        if rows.left_out:
            odd = rows.left_out[0]
            raise Unreadable(f"Part of {odd} can't be read. Check it there, then try again.")
        if len(rows.found) != 1:
            raise Unavailable(f"{self.where} answered with no {self.what} where one was expected.")
        return rows.found[0]


# ---- one row


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a row, and how it is read."""

    name: str
    key: str
    kind: Any  # its type without None and width
    read: Callable[[Any], Any]
    required: bool
    is_id: bool
    marks: set[str]
    may_be_empty: bool  # as text; elsewhere an empty one counts as none
    empty: object = field(repr=False)

    def value(self, found: Any) -> Any:
        """Read what the row has here."""
        if found is None or (found == "" and self.may_be_empty):
            return found
        return self.read(found)


def _read(struct: type[T], raw: Json) -> tuple[T | None, list[str]]:
    values: Json = {}
    lacks: list[str] = []
    for each in plan_of(struct):
        found = raw.get(each.key)
        value = each.value(found)
        if isinstance(value, _Lacking):
            lacks += [f"{each.key}: {lack}" for lack in value.lacks]
        elif value is _ODD or value is None:
            if each.required or (value is _ODD and STRICT in each.marks):
                lacks.append(each.key)
        else:
            values[each.name] = value
    judged: Callable[[Json], Json] | None = getattr(struct, "judged", None)
    if judged is not None:
        empty = {each.name: each.empty for each in plan_of(struct) if each.required}
        more = judged(raw)
        lacks += more.pop("lacks", ())
        values = empty | values | more | {"lacks": tuple(lacks)}
    elif lacks:
        return None, lacks
    return struct(**values), lacks


@cache
def plan_of(struct: type[msgspec.Struct]) -> tuple[Field, ...]:
    """How the fields of a row are read."""
    fields = msgspec.structs.fields(struct)
    return tuple(_planned(each) for each in fields if each.name not in FIELDS_OF_OURS)


def _planned(each: msgspec.structs.FieldInfo) -> Field:
    kind, is_id, marks = _plain_type(each.type), _is_id(each), _marks(each.type)
    own = _dated if DAY in marks else _blank if BLANK in marks else None
    if kind is Decimal or typing.get_origin(kind) is tuple:
        marks.add(STRICT)
    return Field(
        each.name,
        each.encode_name,
        kind,
        own or _reader(kind, is_id=is_id, width=width_of(each.type)),
        each.required,
        is_id,
        marks,
        may_be_empty=kind is str and not each.required and each.default in ("", None),
        empty=_EMPTY.get(kind),
    )


def _is_id(each: msgspec.structs.FieldInfo) -> bool:
    """Say whether a number names something; 0 names nothing."""
    return each.required or each.encode_name.endswith("_id")


def _metas(kind: Any) -> list[msgspec.Meta]:
    found = [kind, *typing.get_args(kind)]
    return [meta for each in found for meta in getattr(each, "__metadata__", ())]


def _marks(kind: Any) -> set[str]:
    return {mark for meta in _metas(kind) for mark in meta.extra or ()}


def width_of(kind: Any) -> int | None:
    """How long a text of this type may be, where its type says so."""
    return next((meta.max_length for meta in _metas(kind) if meta.max_length), None)


def _plain_type(kind: Any) -> Any:
    """The type without None and width; of several, text takes everything."""
    if typing.get_origin(kind) is typing.Annotated:
        return typing.get_args(kind)[0]
    if typing.get_origin(kind) in {typing.Union, types.UnionType}:
        kinds = [each for each in typing.get_args(kind) if each is not types.NoneType]
        return _plain_type(kinds[0]) if len(kinds) == 1 else str
    return kind


@dataclass(frozen=True, slots=True)
class _Lacking:
    """A list some of whose rows lack something."""

    lacks: tuple[str, ...]


def _reader(kind: Any, *, is_id: bool, width: int | None) -> Callable[[Any], Any]:
    if kind is str and width is not None:
        return lambda value: _short(value, width, is_id=is_id)
    if typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)[0]
        return lambda value: _read_list(inner, value)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return lambda value: _read_object(kind, value)
    if typing.get_origin(kind) is dict:
        return _dict
    if kind is int and is_id:
        return _id
    return _READERS[kind]


def _read_list(struct: type[msgspec.Struct], value: Any) -> Any:
    if not isinstance(value, list):
        return _ODD
    found: list[msgspec.Struct] = []
    lacks: list[str] = []
    first = next(iter(plan_of(struct))).key
    for each in value:
        raw = {first: each} if isinstance(each, int | str) else each  # an id alone
        row, lacking = _read(struct, raw) if isinstance(raw, dict) else (None, ["row"])
        lacks += lacking if each is not None else []
        found += [row] if row is not None else []
    return _Lacking(tuple(lacks)) if lacks else tuple(found)


def _read_object(struct: type[msgspec.Struct], value: Any) -> Any:
    row = _read(struct, value)[0] if isinstance(value, dict) else None
    return _ODD if row is None else row


def _key(struct: type[msgspec.Struct], raw: Json) -> str:
    first = next(iter(plan_of(struct)))
    value = first.read(raw[first.key]) if raw.get(first.key) is not None else None
    return "" if value is None or value is _ODD else str(value)


# ---- one value: what it is, None where it is as good as absent, or _ODD


def _text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    text = str(value).replace("\x00", "")  # PostgreSQL holds none
    return None if not text.strip() or text == NO_ID else text


def _str(value: Any) -> Any:
    text = _text(value)
    return _ODD if text is None and not isinstance(value, str) else text


def _blank(value: Any) -> Any:
    return value.replace("\x00", "") if isinstance(value, str) else _str(value)


def _short(value: Any, width: int, *, is_id: bool) -> Any:
    """Cut a text, such as a status that nobody knew of; an id that is cut would be another one."""
    text = _str(value)
    if not isinstance(text, str) or len(text) <= width:
        return text
    return _ODD if is_id and width == LONGEST_ID else text[:width]


def _decimal(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return _ODD
    if isinstance(value, str) and not value.strip():
        return None
    try:
        found = Decimal(value.strip()) if isinstance(value, str) else Decimal(value)
        if not found.is_finite() or found.adjusted() > _LONGEST_NUMBER:
            return _ODD
        return money.exact(found)
    except InvalidOperation:
        return _ODD


def as_amount(value: object) -> Decimal | None:
    """The amount that a value states, or None where it cannot be read as one."""
    found = _decimal(value)
    return found if isinstance(found, Decimal) else None


def _int(value: Any) -> Any:
    found = _decimal(value)
    if found is None or found is _ODD:
        return found
    is_whole = found == found.to_integral_value() and abs(found) <= BIGGEST_ID
    return int(found) if is_whole else _ODD


def _id(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 0 < value <= BIGGEST_ID else _ODD
    found = _int(value)
    return found if isinstance(found, int) and found > 0 else _ODD


def _bool(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    text = value.strip().lower() if isinstance(value, str) else None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    number = _decimal(value)
    return bool(number) if isinstance(number, Decimal) else number


def _dict(value: Any) -> Any:
    return value if isinstance(value, dict) else _ODD


def _date(value: Any) -> Any:
    return days.read_day(value) or _ODD if isinstance(value, str) else _ODD


def _dated(value: Any) -> Any:
    return value if isinstance(value, str) and days.read_day(value) else _ODD


def _datetime(value: Any) -> Any:
    return days.read_moment(value) or _ODD if isinstance(value, str) else _ODD


_READERS: dict[Any, Callable[[Any], Any]] = {
    str: _str,
    Decimal: _decimal,
    int: _int,
    bool: _bool,
    date: _date,
    datetime: _datetime,
}
_EMPTY: dict[Any, object] = {str: "", Decimal: Decimal(0), int: 0, bool: False}


def texts_of(left_out: Iterable[LeftOut]) -> dict[str, str]:
    """What people are told of rows that are left out, by their ids."""
    return {each.key: str(each) for each in left_out}
