"""What sentences for people are put together from.

A sentence is plain text. What each surface says in its own way, such as a person or what is to be
typed, stands in it as a fact, between two control characters that no text from outside holds (see
`texts`): a client's name is never taken for one. `parts` reads a sentence back.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from services.model import texts

_MOST_NAMED = 5
_FACT = re.compile("\x02([@/#=~])([^\x02\x03]*)\x03")


class Command(StrEnum):
    """What a person can ask for by typing; the value is the word that is typed."""

    CONNECT = "connect"
    EXPORT = "export"
    SHOW = "show"
    WHY = "why"
    HISTORY = "history"
    MATCH = "match"
    STATUS = "status"
    SYNC = "sync"
    RECONCILE = "reconcile"
    UNDO = "undo"
    RESTORE = "restore"
    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    SETTINGS = "settings"
    DISCONNECT = "disconnect"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class Member:
    """A person in a sentence, by id; `f"Ask {Member(user_id)}."`."""

    user_id: str

    def __str__(self) -> str:
        """Write the fact into a sentence."""
        return _fact("@", self.user_id)


@dataclass(frozen=True, slots=True)
class Typed:
    """What to type, in a sentence; `f"Run {Typed(Command.WHY, number)}."`."""

    command: Command
    about: str = ""

    def __str__(self) -> str:
        """Write the fact into a sentence."""
        return _fact("/", f"{self.command} {self.about}".strip())


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount of money in a sentence."""

    value: Decimal
    currency: str

    def __str__(self) -> str:
        """Write the fact into a sentence."""
        return _fact("#", f"{self.value} {self.currency}")


@dataclass(frozen=True, slots=True)
class Day:
    """A day in a sentence."""

    on: date

    def __str__(self) -> str:
        """Write the fact into a sentence."""
        return _fact("=", self.on.isoformat())


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment in a sentence, such as when something goes on."""

    at: datetime

    def __str__(self) -> str:
        """Write the fact into a sentence."""
        return _fact("~", self.at.isoformat())


Fact = Member | Typed | Amount | Day | Moment


def has_facts(sentence: str) -> bool:
    """Say whether there is more in a sentence than plain text."""
    return _FACT.search(sentence) is not None


def parts(sentence: str) -> Iterator[str | Fact]:
    """Yield the plain texts of a sentence and the facts between them, in order."""
    end = 0
    for found in _FACT.finditer(sentence):
        yield texts.clean(sentence[end : found.start()])
        yield _read(*found.groups())
        end = found.end()
    yield texts.clean(sentence[end:])


def listed(names: Sequence[str]) -> str:
    """The names as a sentence has them: "a, b and c"."""
    *before, last = names or [""]
    return f"{', '.join(before)} and {last}" if before else last


def some_of(names: Sequence[str]) -> str:
    """The first few of these names, and how many more there are."""
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _fact(kind: str, value: str) -> str:
    return f"\x02{kind}{texts.clean(value)}\x03"


def _read(kind: str, value: str) -> Fact:
    first, _, rest = value.partition(" ")
    match kind:
        case "@":
            return Member(value)
        case "#":
            return Amount(Decimal(first), rest)
        case "=":
            return Day(date.fromisoformat(value))
        case "~":
            return Moment(datetime.fromisoformat(value))
        case _:
            return Typed(Command(first), rest)
