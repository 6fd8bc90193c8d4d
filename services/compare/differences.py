"""Differences, how their values are written, and which of them the row says are told already."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from services import money
from services.store.tables import Export

PAYMO = "Paymo"
XERO = "Xero"
_LONGEST = 120  # characters of a value that are shown
_LEAD = 20  # characters before the place where two long values part
_MOST = 12  # differences that are told one by one


class Part(StrEnum):
    """What the two sides can be compared by."""

    NUMBER = "number"
    CONTACT = "contact"
    CURRENCY = "currency"
    DATE = "date"
    DUE_DATE = "due date"
    TOTAL = "total"
    TAX = "tax"
    LINES = "lines"
    ROUNDING = "rounding"  # in Xero alone; it asks for nothing
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was exported; both values as text to read, cut short."""

    part: Part
    name: str  # "number", "client", "due date", "line 2, price", …
    was: str
    now: str
    mark: str  # the same for the same difference, however much of it is shown


def difference(part: Part, name: str, was: str, now: str) -> Difference:
    """Compare two values of any length."""
    mark = sha256(f"{name}={was}>{now}".encode()).hexdigest()[:16]
    return Difference(part, name, *_cut(was, now), mark)


def code_of(paymo_code: str) -> str:
    """The ISO code, or Paymo's own where there is none."""
    try:
        return money.currency_code(paymo_code)
    except money.NotExportable:
        return paymo_code


def facts_of(found: Sequence[Difference]) -> dict[str, Any]:
    """What a notice says of differences: the first of them, and how many more there are."""
    shown = found[:_MOST]
    return {
        "differences": [[each.name, each.was, each.now] for each in shown],
        "more": len(found) - len(shown),
    }


def values_of(found: Sequence[Difference]) -> tuple[dict[str, str], dict[str, str]]:
    """What the history keeps of differences: the values before, and after."""
    shown = found[:_MOST]
    return {each.name: each.was for each in shown}, {each.name: each.now for each in shown}


def fingerprint(found: Sequence[Difference]) -> str:
    """The same short text for the same differences, and "" for none."""
    if not found:
        return ""
    whole = "|".join(each.mark for each in found)
    return sha256(whole.encode()).hexdigest()[:24]


def told(export: Export, side: str) -> str:
    """The fingerprint of what was told of one side, or ""."""
    return _marks(export.drift).get(side, "")


def with_told(drift: str, side: str, mark: str) -> str:
    """What the row says once this was told of one side."""
    marks = _marks(drift) | {side: mark}
    return " ".join(f"{name}:{each}" for name, each in sorted(marks.items()) if each)


def _marks(drift: str) -> dict[str, str]:
    pairs = (each.partition(":") for each in drift.split())
    return {side: mark for side, _, mark in pairs}


def _cut(was: str, now: str) -> tuple[str, str]:
    """Leave out what two long values begin with in common, and what is too much."""
    if max(len(was), len(now)) <= _LONGEST:
        return was, now
    pairs = enumerate(zip(was, now, strict=False))
    parted = next((place for place, (one, other) in pairs if one != other), min(len(was), len(now)))
    start = max(0, parted - _LEAD)
    return _window(was, start), _window(now, start)


def _window(text: str, start: int) -> str:
    shown = text[start : start + _LONGEST]
    before = "…" if start and text else ""
    after = "…" if len(text) > start + _LONGEST else ""
    return f"{before}{shown}{after}"
