"""Days and moments: how remote systems write them, and what day it is for an organisation."""

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tzlocal.windows_tz import tz_win, win_tz

_LEFT_OUT = str.maketrans("", "", " .-")
_TICKS = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/")
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ].*)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CLOCKS_DIFFER = timedelta(days=1)  # at most, between a remote system and us
_FIRST_YEAR = 1900  # earlier ones stand for "none", and leave no room to count back from
_LAST_YEAR = 9998


def _as_xero_writes(windows_name: str) -> str:
    """Return "EAUSTRALIASTANDARDTIME" for "E. Australia Standard Time"."""
    return windows_name.upper().translate(_LEFT_OUT)


ZONES = frozenset(filter(None, tz_win))  # as people choose them
_NAMES = {_as_xero_writes(windows_name): name for windows_name, name in win_tz.items()}


def zones_like(typed: str) -> list[str]:
    """The zones with this part of a name in theirs, accents and all else but letters aside."""
    wanted = _letters(typed)
    return sorted(each for each in ZONES if wanted in _letters(each))


def _letters(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in apart if each.isalnum())


def zone_of(stated: str) -> tzinfo:
    """The zone that Xero states, or UTC where it is not known here."""
    try:
        return ZoneInfo(_NAMES[_as_xero_writes(stated)])
    except (KeyError, ZoneInfoNotFoundError):
        return UTC


def zone_named(name: str, stated: str) -> tzinfo:
    """The zone that a person chose, or the one that Xero states where that is not known here."""
    try:
        return ZoneInfo(name) if name in ZONES else zone_of(stated)
    except ZoneInfoNotFoundError:
        return zone_of(stated)


def name_of_zone(stated: str) -> str:
    """How people know the zone that Xero states: "Pacific/Auckland"."""
    return str(zone_of(stated))


def day_in(stated: str, now: datetime) -> date:
    """The day that it is in the zone which Xero states."""
    return now.astimezone(zone_of(stated)).date()


def begin_of(zone: tzinfo, day: date) -> datetime:
    """The moment at which a day begins in a zone."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def read_moment(text: str) -> datetime | None:
    """Read the time in `/Date(ms+0000)/`, whose offset says nothing, or in ISO form.

    A time without a zone is UTC; fractions of any length are cut to microseconds.
    """
    text = text.strip()
    try:
        if found := _TICKS.fullmatch(text):
            when = _EPOCH + timedelta(milliseconds=int(found[1]))
        else:
            when = datetime.fromisoformat(text.upper())
            when = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return when if is_usual(when) else None


def is_usual(day: date) -> bool:
    """Say whether a day, or a moment, is one that books can hold."""
    return _FIRST_YEAR <= day.year <= _LAST_YEAR


@lru_cache(maxsize=4096)  # a page of invoices names the same few days again and again
def read_day(text: str) -> date | None:
    """Read the day as it is written, never moved into another zone."""
    text = text.strip()
    if written := _DAY.fullmatch(text):
        try:
            found = date(int(written[1]), int(written[2]), int(written[3]))
        except ValueError:
            return None
        return found if is_usual(found) else None
    when = read_moment(text)
    return when.date() if when else None


def until(text: str, stated: str) -> timedelta | None:
    """How long after one moment another one is, both as the headers of an answer write them."""
    try:
        at, now = parsedate_to_datetime(text), parsedate_to_datetime(stated)
        return at.replace(tzinfo=UTC) - now.replace(tzinfo=UTC)  # HTTP knows no other zone
    except (ValueError, TypeError, OverflowError):
        return None
