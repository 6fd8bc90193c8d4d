"""Months, as people type them."""

import re
from dataclasses import dataclass
from datetime import date, timedelta

from services.errors import ServiceError

ALL = "all"
NAMES = (
    "January February March April May June July August September October November December"
).split()
_SHORTEST = 3  # letters that tell the months apart
_YEAR_FIRST = re.compile(r"(2\d{3})[-/. ](\d{1,2})")
_YEAR_LAST = re.compile(r"(\d{1,2})[-/. ](2\d{3})")
_NAMED = re.compile(r"([a-z]+)\.?(?:[-/. ]+(2\d{3}))?")
_THIS = frozenset({"", "this", "this month", "now", "current"})
_LAST = frozenset({"last", "last month", "previous", "previous month"})
_ALL = frozenset({ALL, "everything", "all months"})
_LONGEST_ECHO = 40


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """One calendar month; `ALL` has neither beginning nor end."""

    key: str
    first: date | None = None
    after: date | None = None  # the first day of the next

    @property
    def label(self) -> str:
        """As people read it."""
        return (
            "all months"
            if self.first is None
            else f"{NAMES[self.first.month - 1]} {self.first.year}"
        )


def month_at(day: date) -> Month:
    """The month of a day."""
    first = day.replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    return Month(f"{first:%Y-%m}", first, after)


def month_before(day: date) -> Month:
    """The month before that of a day."""
    return month_at(day.replace(day=1) - timedelta(days=1))


def month_of(text: str, today: date) -> Month:
    """Understand a month. Raises a refusal with examples when it is none, or has not begun."""
    typed = " ".join(text.casefold().split())
    if typed in _ALL:
        return Month(ALL)
    if typed in _THIS:
        return month_at(today)
    if typed in _LAST:
        return month_before(today)
    first = _first_day(typed, today)
    if first is None:
        raise ServiceError(
            f"“{text.strip()[:_LONGEST_ECHO]}” is not a month. Type 2026-11, november, last, all, "
            "or nothing for this month."
        )
    if first > today:
        raise ServiceError(
            f"{month_at(first).label} has not begun yet. Type 2026-11, november, last, all, or "
            "nothing for this month."
        )
    return month_at(first)


def _first_day(typed: str, today: date) -> date | None:
    if found := _YEAR_FIRST.fullmatch(typed):
        return _day(int(found[1]), int(found[2]))
    if found := _YEAR_LAST.fullmatch(typed):
        return _day(int(found[2]), int(found[1]))
    found = _NAMED.fullmatch(typed)
    number = _number(found[1]) if found else 0
    if found is None or not number:
        return None
    if found[2]:
        return _day(int(found[2]), number)
    # Without a year it is the last month of this name that has begun.
    return _day(today.year - (number > today.month), number)


def _number(word: str) -> int:
    fits = [nth for nth, name in enumerate(NAMES, 1) if name.casefold().startswith(word)]
    return fits[0] if len(fits) == 1 and len(word) >= _SHORTEST else 0


def _day(year: int, month: int) -> date | None:
    return date(year, month, 1) if 1 <= month <= len(NAMES) else None
