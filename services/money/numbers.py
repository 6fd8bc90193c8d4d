"""Invoice numbers and other short texts, as Xero takes, keeps and finds them."""

import re
import unicodedata

LONGEST_NUMBER = 22
_LONGEST_REFERENCE = 255
_BASIC = 0xFFFF  # what lies beyond may get lost on the way
_UNKEPT = frozenset({"So", "Me", "Cn", "Co", "Cs"})
_PICTURED = re.compile(r"[\u00ad\u200b\u200d-\u200f\u2060\ufe00-\ufe0f\ufeff\U0001f3fb-\U0001f3ff]")
# Printable ASCII with single blanks inside, and nothing that a filter takes for its own.
_PLAIN = re.compile(r"""(?:(?![,"'\\])[!-~])+(?: (?:(?![,"'\\])[!-~])+)*""")


def fits_number(number: str) -> bool:
    """Say whether the number goes to Xero, counted in characters and not in bytes."""
    return len(number) <= LONGEST_NUMBER


def reference(number: str) -> str:
    """Return what Xero's Reference holds where the number is left out: the full number."""
    return number[:_LONGEST_REFERENCE].strip()


def is_plain(text: str) -> bool:
    """Say whether Xero keeps the text as it is, so that its filters find it."""
    return _PLAIN.fullmatch(text) is not None


def kept(text: str) -> str:
    """Return a short text as Xero keeps it: without emoji and invisible marks, blanks folded."""
    seen = (
        " " if unicodedata.category(char) == "Cc" else char
        for char in _PICTURED.sub("", unicodedata.normalize("NFC", text))
        if unicodedata.category(char) not in _UNKEPT
    )
    return " ".join("".join(seen).split())


def folded(text: str) -> str:
    """Return the text for comparing what was sent with what Xero made of it, in any case."""
    basic = "".join(char for char in kept(text) if ord(char) <= _BASIC)
    return " ".join(basic.split()).casefold()
