"""Reading lists: `where`, `order`, pages, and If-Modified-Since."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from aiohttp import web

from sandbox.serving import Json
from sandbox.xero.wire import bad_query, from_ms

Test = Callable[[Json], bool]

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<guid>guid\(\s*"[^"]*"\s*\)) | (?P<moment>DateTime\([\d,\s]*\)) | (?P<text>"[^"]*")
    | (?P<number>-?\d+(?:\.\d+)?) | (?P<call>[A-Za-z_][\w.]*\.(?:Contains|StartsWith|EndsWith))\(
    | (?P<name>[A-Za-z_][\w.]*) | (?P<sign>==|!=|>=|<=|>|<|&&|\|\||\(|\))
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": eq,
    "!=": ne,
    ">=": ge,
    "<=": le,
    ">": gt,
    "<": lt,
}
_CALLS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
}
_CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None}
_SINCE = "%Y-%m-%dT%H:%M:%S"
MOST_ROWS = 1000
USUAL_ROWS = 100


@dataclass(slots=True)
class _Parser:
    tokens: list[tuple[str, str]] = field(default_factory=list)

    def peek(self) -> str:
        return self.tokens[0][1].lower() if self.tokens else ""

    def pop(self) -> tuple[str, str]:
        if not self.tokens:
            raise bad_query("Expression expected")
        return self.tokens.pop(0)

    def either(self) -> Test:
        tests = [self.all()]
        while self.peek() in {"or", "||"}:
            self.pop()
            tests.append(self.all())
        return lambda row: any(test(row) for test in tests)

    def all(self) -> Test:
        tests = [self.one()]
        while self.peek() in {"and", "&&"}:
            self.pop()
            tests.append(self.one())
        return lambda row: all(test(row) for test in tests)

    def one(self) -> Test:
        kind, token = self.pop()
        if token == "(":
            inner = self.either()
            self.close()
            return inner
        if kind == "call":
            name, _, method = token.rpartition(".")
            part = self.value()
            self.close()
            return lambda row: _CALLS[method.lower()](str(_value(row, name) or "").lower(), part)
        if kind != "name":
            raise bad_query("Operator expected")
        return self.comparison(token)

    def comparison(self, name: str) -> Test:
        _, sign = self.pop()
        if sign not in _COMPARE:
            raise bad_query("Operator expected")
        wanted = self.value()
        return lambda row: _compare(sign, _value(row, name), wanted)

    def close(self) -> None:
        if self.pop()[1] != ")":
            raise bad_query("')' or operator expected")

    def value(self) -> Any:
        kind, token = self.pop()
        if kind in {"text", "guid"}:
            return token.split('"')[1].lower()
        if kind == "number":
            return Decimal(token)
        if kind == "moment":
            return _moment(token)
        if token.lower() in _CONSTANTS:
            return _CONSTANTS[token.lower()]
        raise bad_query("Expression expected")


def _moment(token: str) -> datetime:
    parts = [int(part) for part in token[len("DateTime(") : -1].split(",") if part.strip()]
    try:
        return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]  # six numbers at most
    except (TypeError, ValueError) as error:
        raise bad_query("No applicable constructor exists in type 'DateTime'") from error


def _value(row: Json, name: str) -> Any:
    value: Any = row
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, str):
        return from_ms(value) or value.lower()
    return value


def _compare(sign: str, value: Any, wanted: Any) -> bool:
    if value is None and sign in {">=", "<=", ">", "<"}:
        return False
    try:
        return _COMPARE[sign](value, wanted)
    except TypeError as error:
        raise bad_query(f"Operator '{sign}' incompatible with operand types") from error


def parse_where(text: str) -> Test:
    """Turn a `where` into a test of a row; text is compared without regard to case."""
    tokens: list[tuple[str, str]] = []
    at = 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if found is None:
            rest = text[at:].strip()
            wrong = rest.startswith('"')
            raise bad_query("Unterminated string literal" if wrong else f"Syntax error '{rest[0]}'")
        kind = found.lastgroup or ""
        tokens.append((kind, found[kind]))
        at = found.end()
    parser = _Parser(tokens)
    test = parser.either()
    if parser.tokens:
        raise bad_query("Syntax error")
    return test


def chosen(request: web.Request, rows: Iterable[Json]) -> list[Json]:
    """The rows that fit `where`, in the order asked for."""
    kept = list(rows)
    if where := request.query.get("where"):
        test = parse_where(where)
        kept = [row for row in kept if test(row)]
    for part in reversed((request.query.get("order") or "").split(",")):
        name, _, direction = part.strip().partition(" ")
        if name:
            kept.sort(
                key=lambda row, name=name: _sortable(_value(row, name)),  # type: ignore[misc]
                reverse=direction.strip().upper() in {"DESC", "DESCENDING"},
            )
    return kept


def _sortable(value: Any) -> tuple[int, Any]:
    return (0, "") if value is None else (1, value)


def listed(request: web.Request, name: str) -> set[str]:
    """A comma-separated parameter, in lower case."""
    return {part.strip().lower() for part in request.query.get(name, "").split(",") if part.strip()}


def truthy(request: web.Request, name: str) -> bool:
    """A parameter that is on or off."""
    return request.query.get(name, "").lower() == "true"


def since(request: web.Request) -> datetime | None:
    """If-Modified-Since, a header in one form only; any other form is ignored, silently."""
    try:
        header = request.headers.get("If-Modified-Since", "")
        return datetime.strptime(header, _SINCE).replace(tzinfo=UTC)
    except ValueError:
        return None


def page(request: web.Request, rows: list[Json]) -> tuple[list[Json], Json]:
    """One page of the rows, and what to say beside it."""
    number = max(1, _whole(request, "page", 1))
    size = min(MOST_ROWS, max(1, _whole(request, "pageSize", USUAL_ROWS)))
    pages = -(-len(rows) // size)
    about = {"page": number, "pageSize": size, "pageCount": pages, "itemCount": len(rows)}
    return rows[(number - 1) * size : number * size], {"pagination": about}


def _whole(request: web.Request, name: str, usual: int) -> int:
    text = request.query.get(name, "")
    return int(text) if text.isdigit() else usual
