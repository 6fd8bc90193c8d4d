"""Which day it is where an organisation keeps its books, by the time zone that Xero states."""

from datetime import UTC, date, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tzlocal.windows_tz import win_tz

_LEFT_OUT = str.maketrans("", "", " .-")


def _as_xero_writes(windows_name: str) -> str:
    """Return "EAUSTRALIASTANDARDTIME" for "E. Australia Standard Time"."""
    return windows_name.upper().translate(_LEFT_OUT)


_NAMES = {_as_xero_writes(windows_name): name for windows_name, name in win_tz.items()}


def zone_of(stated: str) -> tzinfo:
    """Return the zone that Xero states, or UTC where it is not known here."""
    try:
        return ZoneInfo(_NAMES[_as_xero_writes(stated)])
    except (KeyError, ZoneInfoNotFoundError):
        return UTC


def day_in(stated: str, now: datetime) -> date:
    """Return the day that it is in the zone which Xero states."""
    return now.astimezone(zone_of(stated)).date()
