"""How many calls a remote system says we have left."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import httpx

from services.model.connection import KEPT_OF_A_DAY, SMALLEST_DAY

# Some write what is overdrawn as less than none, or add how long a window is.
_NUMBER = re.compile(r"(-?[0-9]{1,9}(?:\.[0-9]{1,9})?)(?: *;.*)?")


@dataclass(frozen=True, slots=True)
class Window:
    """One of Paymo's limits: how many calls are left of a span of time."""

    left: int
    span: timedelta


@dataclass(slots=True)
class Allowance:
    """What the remote system last said we have left; None where it never said."""

    day_left: int | None = None
    day_most: int | None = None  # the most that was ever left: the day's allowance, or less
    windows: tuple[Window, ...] = ()  # Paymo's only limits; several may apply at once
    spans: tuple[timedelta, ...] = ()

    def read(self, headers: httpx.Headers) -> None:
        """Take over what this answer says; what it does not say stays as it was."""
        # Once for all: each look-up of httpx's goes through all of them.
        said = {name: text for name, text in headers.items() if name in _TELLING}
        if not said:
            return
        self.day_left = _smallest(said.get(_DAY, ""), self.day_left)
        self.day_most = max((each for each in (self.day_most, self.day_left) if each), default=None)
        self._read_windows(said)

    def _read_windows(self, said: Mapping[str, str]) -> None:
        """Pair counts and spans by position; what cannot be paired is taken for the worst."""
        spans = _numbers(said.get(_SPANS, ""))
        self.spans = tuple(timedelta(seconds=each) for each in spans) or self.spans
        left = _numbers(said.get(_LEFT, ""))
        if not left or not self.spans:
            return
        if len(left) == len(self.spans):
            self.windows = tuple(map(Window, left, self.spans))
        else:
            self.windows = (Window(min(left), max(self.spans)),)

    def wait(self, spare: int) -> timedelta | None:
        """How long until every window has room again, which it has from then on."""
        full = [each.span for each in self.windows if each.left < spare]
        if not full:
            return None
        self.windows = ()
        return max(full)

    def has(self, count: int) -> bool:
        """Whether every window has room for this many, as far as we know."""
        return all(each.left >= count for each in self.windows)

    @property
    def kept_for_exports(self) -> int:
        """How many of the day's calls are not spent on sweeps: the last fifth of them."""
        return max(self.day_most or 0, SMALLEST_DAY) // KEPT_OF_A_DAY

    @property
    def is_short(self) -> bool:
        """Whether the rest of the day's calls is for exports alone."""
        return self.day_left is not None and self.day_left < self.kept_for_exports

    @property
    def has_plenty(self) -> bool:
        """Whether there are calls for what nobody waits for: half of the day's are left."""
        half = max(self.day_most or 0, SMALLEST_DAY) // 2
        return self.day_left is None or self.day_left >= half


_DAY = "x-daylimit-remaining"
_LEFT, _SPANS = "x-ratelimit-remaining", "x-ratelimit-decay-period"
_TELLING = frozenset({_DAY, _LEFT, _SPANS})


def _smallest(text: str, former: int | None) -> int | None:
    """Several limits may apply at once, as a comma list; the tightest one counts."""
    return min(_numbers(text), default=former)


def largest(text: str) -> int | None:
    """Of several waits that apply at once, the longest counts, and a part of a second is one."""
    return max((math.ceil(each) for each in _exact(text)), default=None)


def _numbers(text: str) -> list[int]:
    return [math.floor(each) for each in _exact(text)]


def _exact(text: str) -> list[Decimal]:
    """The numbers of a comma list, each in its place: what is left is never less than 0."""
    found = (_NUMBER.fullmatch(part.strip()) for part in text.split(","))
    return [max(Decimal(each[1]), Decimal(0)) for each in found if each]
