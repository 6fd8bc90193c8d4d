"""Sentences for people, with facts that each surface formats in its own way.

A sentence is plain text. A person, a command, an amount or a day is in it as a fact, between two
control characters that no text from outside has, so that a client's name is never taken for one.
`parts` reads a sentence back. `clean` removes from outside texts what nobody can see or what breaks
whatever stores or shows it: PostgreSQL refuses NUL, half a surrogate pair can't be encoded, marks
of direction turn a sentence around, and characters without width make two names of one.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

_MOST_NAMED = 3
_FACT = re.compile("\x02([@/#=~])([^\x02\x03]*)\x03")
# Controls but for tab and line ends, marks of direction, what has no width, and no characters.
_UNSEEN = (
    "\\x00-\\x08\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f\\xad\\u061c\\u180e\\u200b\\u200e\\u200f"
    "\\u202a-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\ufffe\\uffff"
)
_GONE = re.compile(f"[{_UNSEEN}\\ud800-\\udfff]")
_GONE_IN_JSON = re.compile(f"[{_UNSEEN}]")
_BREAKS = re.compile("[\\x0b\\x0c\\x85\\u2028\\u2029]")
_SUSPECT = re.compile(r"\\(?:[bf]|u(?:00|06|18|20|[dD][89a-fA-F]|[fF][eEfF]))")
_SUSPECT_IN_JSON = re.compile(_SUSPECT.pattern.encode())
_ORDINARY = bytes([*b"\t\n\r", *range(0x20, 0x7F)])
_SHORT = {r"\b": "", r"\f": r"\n"}
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u([0-9a-fA-F]{4})|\\."
)


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
    OVERDUE = "overdue"
    CLIENT = "client"
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
    """What to type, in a sentence; `f"Type {Typed(Command.WHY, number)}."`."""

    command: Command
    about: str = ""

    def __str__(self) -> str:
        """Write the fact into a sentence."""
        return _fact("/", f"{self.command} {self.about}".strip())


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount of money in a sentence, for people of a country if it is known."""

    value: Decimal
    currency: str
    country: str = ""

    def __str__(self) -> str:
        """Write the fact into a sentence."""
        figures = f"{self.value or Decimal(0):f}"
        if "." in figures:
            figures = figures.rstrip("0").rstrip(".")  # the same amount makes the same sentence
        return _fact("#", f"{figures} {self.currency} {self.country}")


@dataclass(frozen=True, slots=True)
class Day:
    """A day in a sentence, for people of a country if it is known."""

    on: date
    country: str = ""

    def __str__(self) -> str:
        """Write the fact into a sentence."""
        return _fact("=", f"{self.on.isoformat()} {self.country}")


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment in a sentence, such as when work resumes."""

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
        yield clean(sentence[end : found.start()])
        yield _read(*found.groups())
        end = found.end()
    yield clean(sentence[end:])


def situated(sentence: str, country: str) -> str:
    """Return the sentence with amounts and days for people of this country."""
    return "".join(
        str(replace(each, country=country)) if isinstance(each, Amount | Day) else str(each)
        for each in parts(sentence)
    )


def listed(names: Sequence[str]) -> str:
    """The names as a sentence has them: "a, b and c"."""
    *before, last = names or [""]
    return f"{', '.join(before)} and {last}" if before else last


def counted(count: int, what: str) -> str:
    """So many of what, as "1 invoice" or "3 invoices"."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def some_of(names: Sequence[str], count: int = 0) -> str:
    """The first few of these names, and how many more there are: `count` says of how many."""
    more = (count or len(names)) - _MOST_NAMED
    return listed([*names[:_MOST_NAMED], f"{more} more"] if more > 0 else names)


def _fact(kind: str, value: str) -> str:
    return f"\x02{kind}{clean(value)}\x03"


def _read(kind: str, value: str) -> Fact:
    first, _, rest = value.partition(" ")
    match kind:
        case "@":
            return Member(value)
        case "#":
            currency, _, country = rest.partition(" ")
            return Amount(Decimal(first), currency, country)
        case "=":
            return Day(date.fromisoformat(first), rest)
        case "~":
            return Moment(datetime.fromisoformat(value))
        case _:
            return Typed(Command(first), rest)


def sentences(texts: Iterable[str]) -> str:
    """Join what another system said, so that the next sentence can follow."""
    return " ".join(each if each.endswith((".", "!", "?", "…")) else f"{each}." for each in texts)


def clean(text: str) -> str:
    """The text as it can be read; other ways to break a line become line ends."""
    if text.isascii() and text.isprintable():
        return text
    return _GONE.sub("", _BREAKS.sub("\n", text))


def clean_json(body: bytes) -> bytes:
    """A JSON document whose texts are clean, written out or escaped.

    Controls may stay as they are in one of ASCII alone, which no decoder then takes.
    """
    return body if _is_clean(body) else cleaned_json(body)


def cleaned_json(body: bytes) -> bytes:
    """The same without looking whether it's needed; controls go, too."""
    text = _BREAKS.sub(r"\\n", _GONE_IN_JSON.sub("", body.decode("utf-8", "replace")))
    return (_ESCAPE.sub(_clean_escape, text) if _SUSPECT.search(text) else text).encode()


def _is_clean(body: bytes) -> bool:
    """Say whether nothing needs cleaning; text beyond ASCII is checked apart."""
    if b"\\" in body and _SUSPECT_IN_JSON.search(body):
        return False
    if body.isascii():
        return b"\x7f" not in body
    try:
        body.decode()
        text = body.translate(None, _ORDINARY).decode()
    except UnicodeDecodeError:
        return False
    return not (_GONE_IN_JSON.search(text) or _BREAKS.search(text))


def one_line(text: str) -> str:
    """A name or a number on one line, without anything invisible, for another system."""
    seen = (each for each in clean(text) if unicodedata.category(each) != "Cf")
    return " ".join("".join(seen).split())


def _clean_escape(found: re.Match[str]) -> str:
    if found[1] is None:
        return _SHORT.get(found[0], found[0])  # a whole pair, or an escape of another kind
    character = chr(int(found[1], 16))
    if _BREAKS.fullmatch(character):
        return r"\n"
    return "" if _GONE.fullmatch(character) else found[0]
