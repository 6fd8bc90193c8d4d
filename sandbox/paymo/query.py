"""The `where`, `include` and paging of Paymo's lists."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any

from aiohttp import web

from sandbox.paymo.model import Refused
from sandbox.serving import Json

MOST = 2500
_TERM = re.compile(r"\s*(\w+)\s*(not in|in|not like|like|!=|<=|>=|=|<|>)\s*(.+?)\s*")
_TIMES = frozenset({"created_on", "updated_on"})


def matching(rows: Sequence[Json], where: str) -> list[Json]:
    """The rows that fit every condition."""
    terms = [_parsed(each) for each in re.split(r"\s+and\s+", where)] if where else []
    try:
        return [row for row in rows if all(_fits(row, *term) for term in terms)]
    except (ValueError, InvalidOperation):
        raise _invalid(where) from None


def _invalid(text: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, f'Invalid condition in "where" param: {text}')


def _parsed(text: str) -> tuple[str, str, str]:
    found = _TERM.fullmatch(text)
    if found is None:
        raise _invalid(text)
    return found[1], found[2], found[3]


def _fits(row: Json, name: str, sign: str, value: str) -> bool:
    if name not in row:
        raise _invalid(name)
    if sign in {"in", "not in"}:
        listed = [_plain(each) for each in value.strip("() ").split(",")]
        return (str(row[name]) in listed) == (sign == "in")
    if sign in {"like", "not like"}:
        pattern = re.escape(_plain(value)).replace("%", ".*")
        return bool(re.fullmatch(pattern, str(row[name]), re.IGNORECASE)) == (sign == "like")
    mine, theirs = _comparable(name, row[name], _plain(value))
    return _compared(mine, theirs, sign)


def _plain(value: str) -> str:
    return value.strip().strip('"')


def _comparable(name: str, mine: Any, theirs: str) -> tuple[Any, Any]:
    if name in _TIMES:
        time = datetime.strptime(mine, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        return int(time.timestamp()), int(theirs)
    if isinstance(mine, bool):
        return str(mine).lower(), theirs.lower()
    if isinstance(mine, int | Decimal):
        return Decimal(mine), Decimal(theirs)
    return str(mine), theirs


def _compared(mine: Any, theirs: Any, sign: str) -> bool:
    answers: dict[str, bool] = {
        "=": mine == theirs,
        "!=": mine != theirs,
        "<": mine < theirs,
        "<=": mine <= theirs,
        ">": mine > theirs,
        ">=": mine >= theirs,
    }
    return answers[sign]


def paged(request: web.Request, rows: list[Json]) -> list[Json]:
    """One page, from 0 on; without paging at most 2,500 rows."""
    size, page = _count(request, "page_size", MOST), _count(request, "page", 0)
    return rows[page * size : page * size + min(size, MOST)]


def _count(request: web.Request, name: str, usual: int) -> int:
    text = request.query.get(name, str(usual))
    if not text.isdecimal():
        raise Refused(HTTPStatus.BAD_REQUEST, f"Invalid value for param: {name}")
    return int(text)


def included(request: web.Request, known: Sequence[str]) -> list[str]:
    """What is asked for besides the object itself."""
    asked = [each.strip() for each in request.query.get("include", "").split(",") if each.strip()]
    for each in asked:
        parent = each.split(".")[0]
        if each not in known and (parent not in known or parent == "invoiceitems"):
            raise Refused(HTTPStatus.BAD_REQUEST, f"Unknown field or reference: {each}")
    return asked
