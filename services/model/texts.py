"""Text from outside without what nobody can see, and that breaks whatever keeps or shows it.

PostgreSQL refuses NUL, nothing encodes half a surrogate pair, marks of direction turn a sentence
around, and what has no width makes two names of one. The sentences of services mark people with
control characters, so no text from outside may hold any.
"""

import re
import unicodedata

# Controls but for tab and line ends, marks of direction, what has no width, and no characters.
_UNSEEN = (
    "\\x00-\\x08\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f\\xad\\u061c\\u180e\\u200b\\u200e\\u200f"
    "\\u202a-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\ufffe\\uffff"
)
_GONE = re.compile(f"[{_UNSEEN}\\ud800-\\udfff]")
_GONE_IN_JSON = re.compile(f"[{_UNSEEN}]")
_BREAKS = re.compile("[\\x0b\\x0c\\x85\\u2028\\u2029]")
_SUSPECT = re.compile(r"\\(?:[bf]|u(?:00|06|18|20|[dD][89a-fA-F]|[fF][eEfF]))")
_SHORT = {r"\b": "", r"\f": r"\n"}
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u([0-9a-fA-F]{4})|\\."
)


def clean(text: str) -> str:
    """The text as it can be read; other ways to break a line become line ends."""
    return _GONE.sub("", _BREAKS.sub("\n", text))


def clean_json(body: bytes) -> str:
    """A JSON document whose texts are clean, written out or escaped."""
    text = _BREAKS.sub(r"\\n", _GONE_IN_JSON.sub("", body.decode("utf-8", "replace")))
    return _ESCAPE.sub(_clean_escape, text) if _SUSPECT.search(text) else text


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
