"""What a person typed behind the slash command, understood as far as it can be."""

import difflib
import html
import re
import shlex
from dataclasses import dataclass, field

from handlers import names
from services.model import numbers
from services.model.wording import Command

VERBS = tuple(Command)
ALL = "all"  # behind "export"
_ALL = frozenset({ALL, "all invoices", "everything"})
SEVERAL = "several"
PANEL = "panel"
UNKNOWN = "unknown"
_ALIASES = {
    alias: command
    for command, aliases in {
        Command.CONNECT: ("link", "setup", "signin", "reconnect"),
        Command.EXPORT: ("send", "push"),
        Command.MATCH: ("map", "mapping", "matching"),
        Command.STATUS: ("info", "state"),
        Command.SYNC: ("refresh",),
        Command.WHY: ("explain",),
        Command.HISTORY: ("log", "audit"),
        Command.RECONCILE: ("compare", "check"),
        Command.OVERDUE: ("owed", "aged"),
        Command.SUBSCRIBE: ("notify", "listen"),
        Command.UNSUBSCRIBE: ("mute",),
        Command.SETTINGS: ("preferences", "config"),
        Command.DISCONNECT: ("unlink", "revoke", "logout"),
        Command.HELP: ("?", "-h", "--help"),
    }.items()
    for alias in aliases
}
_OF_AN_INVOICE = frozenset(
    {
        Command.SHOW,
        Command.WHY,
        Command.HISTORY,
        Command.UNDO,
        Command.RESTORE,
        Command.CLIENT,  # its name is one, too
    }
)
# Nearly always typed plainly, and so understood at once.
_ALONE = frozenset(VERBS) - {Command.EXPORT}
_QUOTES = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb", '"'))
_DIGIT = re.compile(r"[0-9]")
# What Slack makes of an address or a telephone number; mentions stay as they are.
_LINK = re.compile(r"<(?![@#!])(?:(?:https?://|mailto:|tel:)?([^<>|]*))(?:\|([^<>]*))?>")
_COMMAS = r",;\uff0c\uff1b\u3001\u060c"
_LISTED = re.compile(rf'"([^"]*)"|([^\s"{_COMMAS}]+|")|([{_COMMAS}\n])')
_AND = frozenset({"and", "&", "+"})


@dataclass(frozen=True, slots=True)
class Words:
    """A verb, and what follows it; `nearest` helps where the verb is not known.

    Several words may all the same be one number: `whole` is that, and `alone` the verb it has then.
    """

    verb: str
    rest: tuple[str, ...] = ()
    nearest: str = ""
    typed: str = ""
    whole: str = field(default="", compare=False)
    alone: str = field(default="", compare=False)


def parse(text: str) -> Words:
    """Understand the text: case, blanks, invisible marks, Slack's markup and quotes do not matter.

    What follows a verb that wants one number is handed on as it was typed.
    """
    return Words(text, typed=text) if text in _ALONE else _parse(text)


def _parse(text: str) -> Words:
    lines = html.unescape(_LINK.sub(_labelled, text)).splitlines()
    said = "\n".join(numbers.spaced(line) for line in lines).strip()
    first, *rest = said.split(maxsplit=1) or [""]
    after = "".join(rest)
    verb = _verb(first)
    if verb == names.COMMAND:
        return parse(html.escape(after, quote=False))
    if verb == Command.EXPORT:
        return _export(after, Command.EXPORT)
    if verb in _OF_AN_INVOICE:
        return Words(verb, (numbers.spaced(after),) if after else (), typed=first)
    if verb in VERBS or verb == PANEL:
        return Words(verb, tuple(_split(after)), typed=first)
    nearest = "" if _DIGIT.search(numbers.cleaned(first)) else _nearest(verb)
    if nearest or not _DIGIT.search(numbers.cleaned(said)):
        return Words(UNKNOWN, tuple(_split(after)), nearest, first)
    found = _export(said, Command.SHOW)
    return found if found.verb == SEVERAL else Words(Command.SHOW, found.rest, typed=first)


def naming(text: str, typed: str, chosen: str) -> str:
    """Return the command with this number in place of what was typed, for `parse`."""
    found = parse(text)
    if found.verb != SEVERAL:
        return html.escape(f"{found.verb} {chosen}", quote=False)
    listed = [chosen if each == typed else each for each in found.rest]
    quoted = (f'"{each}"' if _LISTED.fullmatch(each) is None else each for each in listed)
    return html.escape(f"{Command.EXPORT} {', '.join(quoted)}", quote=False)


def _labelled(link: re.Match[str]) -> str:
    return link[2] or link[1]


def _verb(first: str) -> str:
    """Return the verb that the first word means, or the word itself in small letters."""
    for word in (first.casefold(), numbers.cleaned(first).casefold()):
        verb = _ALIASES.get(word, word)
        if verb in {*VERBS, names.COMMAND}:
            return verb
    return first.casefold() or PANEL


def _nearest(verb: str) -> str:
    found = difflib.get_close_matches(verb, [*VERBS, *_ALIASES], n=1)
    return _ALIASES.get(found[0], found[0]) if found else ""


def _export(text: str, alone: str) -> Words:
    """One number, or none, is a form; more of them, or "all", are a table."""
    listed = _listed(text.translate(_QUOTES))
    if listed and numbers.cleaned(listed[0]).casefold() in _ALL:
        return Words(ALL)
    whole = numbers.spaced(text)
    if len(listed) > 1:
        return Words(SEVERAL, tuple(listed), whole=whole, alone=alone)
    number = listed[0] if listed and f'"{listed[0]}"' == whole.translate(_QUOTES) else whole
    return Words(alone, (number,) if number else ())


def _listed(text: str) -> list[str]:
    """Return the numbers of a list.

    A word without a figure belongs to the number after it, or before it where none comes after.
    """
    found: list[str] = []
    for part in _apart(text):
        waiting: list[str] = []
        before = len(found)
        for word in part:
            waiting.append(word)
            if _DIGIT.search(numbers.cleaned(word)):
                found.append(" ".join(waiting))
                waiting = []
        if waiting and len(found) > before:
            waiting = [found.pop(), *waiting]
        found += [" ".join(waiting)] if waiting else []
    return found


def _apart(text: str) -> list[list[str]]:
    """Return the words between commas, semicolons, line ends and "and"; what is quoted is one."""
    found: list[list[str]] = [[]]
    for quoted, word, separator in _LISTED.findall(text):
        if quoted:
            found += [[quoted], []]
        elif separator or word.casefold() in _AND:
            found.append([])
        elif numbers.parts(word):
            found[-1].append(word)
    return found


def _split(text: str) -> list[str]:
    """Split like a shell, but take backslashes and lone quotes for what they are."""
    lexer = shlex.shlex(text.translate(_QUOTES), posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters, lexer.escape, lexer.quotes = True, "", "", '"'
    try:
        return list(lexer)
    except ValueError:
        return text.split()
