"""One difference, and how its two values are written so that a person sees what changed."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256

from services import money

PAYMO = "Paymo"
XERO = "Xero"
_LONGEST = 120  # characters of a value that are shown
_LEAD = 20  # characters before the place where two long values part


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
    """Return the difference between two values, whatever their length."""
    mark = sha256(f"{name}={was}>{now}".encode()).hexdigest()[:16]
    return Difference(part, name, *_cut(was, now), mark)


def plain(number: Decimal) -> str:
    """Write a number without exponent or closing zeros."""
    return f"{number.normalize():f}" if number else "0"


def code_of(paymo_code: str) -> str:
    """Return the ISO code, or Paymo's own where there is none."""
    try:
        return money.currency_code(paymo_code)
    except money.NotExportable:
        return paymo_code


def _cut(was: str, now: str) -> tuple[str, str]:
    """Leave out what two long values begin with in common, and what is too much."""
    if max(len(was), len(now)) <= _LONGEST:
        return was, now
    pairs = enumerate(zip(was, now, strict=False))
    parted = next(
        (reply_to for reply_to, (one, other) in pairs if one != other), min(len(was), len(now))
    )
    start = max(0, parted - _LEAD)
    return _window(was, start), _window(now, start)


def _window(text: str, start: int) -> str:
    shown = text[start : start + _LONGEST]
    before = "…" if start and text else ""
    after = "…" if len(text) > start + _LONGEST else ""
    return f"{before}{shown}{after}"
