"""What a person typed behind the slash command, understood as far as it can be."""

import difflib
import html
import re
import shlex
from dataclasses import dataclass

from handlers import names

VERBS = (
    names.CONNECT,
    names.EXPORT,
    names.SHOW,
    names.WHY,
    names.HISTORY,
    names.MATCH,
    names.STATUS,
    names.SYNC,
    names.RECONCILE,
    names.UNDO,
    names.RESTORE,
    names.SUBSCRIBE,
    names.UNSUBSCRIBE,
    names.SETTINGS,
    names.DISCONNECT,
    names.HELP,
)
ALL = "all"  # behind "export"
SEVERAL = "several"
PANEL = "panel"
UNKNOWN = "unknown"
_ALIASES = {
    "link": names.CONNECT,
    "setup": names.CONNECT,
    "signin": names.CONNECT,
    "reconnect": names.CONNECT,
    "send": names.EXPORT,
    "push": names.EXPORT,
    "map": names.MATCH,
    "mapping": names.MATCH,
    "matching": names.MATCH,
    "info": names.STATUS,
    "state": names.STATUS,
    "refresh": names.SYNC,
    "explain": names.WHY,
    "log": names.HISTORY,
    "audit": names.HISTORY,
    "compare": names.RECONCILE,
    "check": names.RECONCILE,
    "notify": names.SUBSCRIBE,
    "listen": names.SUBSCRIBE,
    "mute": names.UNSUBSCRIBE,
    "preferences": names.SETTINGS,
    "config": names.SETTINGS,
    "unlink": names.DISCONNECT,
    "revoke": names.DISCONNECT,
    "logout": names.DISCONNECT,
    "?": names.HELP,
    "-h": names.HELP,
    "--help": names.HELP,
}
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"'})
_DIGIT = re.compile(r"[0-9]")


@dataclass(frozen=True, slots=True)
class Words:
    """A verb, and what follows it; `nearest` helps where the verb is not known."""

    verb: str
    rest: tuple[str, ...] = ()
    nearest: str = ""
    typed: str = ""


def parse(text: str) -> Words:
    """Understand the text: case, stray spaces and quotes do not matter."""
    first, *rest = _split(html.unescape(text).translate(_QUOTES)) or [PANEL]
    verb = _ALIASES.get(first.casefold(), first.casefold())
    if verb == names.EXPORT:
        return _export(rest)
    if verb in VERBS or verb == PANEL:
        return Words(verb, tuple(rest), typed=first)
    if _DIGIT.search(first):
        return _export([first, *rest]) if rest else Words(names.SHOW, (first,), typed=first)
    return Words(UNKNOWN, tuple(rest), _nearest(verb), first)


def _nearest(verb: str) -> str:
    found = difflib.get_close_matches(verb, [*VERBS, *_ALIASES], n=1)
    return _ALIASES.get(found[0], found[0]) if found else ""


def _export(numbers: list[str]) -> Words:
    """One number, or none, is a form; more of them, or "all", are a table."""
    if numbers and numbers[0].casefold() == ALL:
        return Words(ALL)
    if not numbers[1:]:
        return Words(names.EXPORT, tuple(numbers))
    listed = (each.strip(",;") for each in numbers)
    return Words(SEVERAL, tuple(each for each in listed if each))


def _split(text: str) -> list[str]:
    """Split like a shell, but take backslashes and lone quotes for what they are."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters, lexer.escape, lexer.quotes = True, "", "", '"'
    try:
        return list(lexer)
    except ValueError:
        return text.split()
