"""Invoice numbers and other short texts, as Xero takes, keeps and finds them."""

import re
import unicodedata

LONGEST_NUMBER = 22
_LONGEST_REFERENCE = 255
_BASIC = 0xFFFF  # Xero drops what lies beyond, most emoji among it
_UNKEPT = frozenset({"So", "Mn", "Me", "Cf", "Cn", "Co", "Cs"})
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


def folded(text: str) -> str:
    """Return the text for comparing what was sent with what Xero made of it.

    Xero drops emoji, folds blanks, trims, and tells numbers apart in small letters.
    """
    composed = unicodedata.normalize("NFC", text)
    kept = (
        " " if unicodedata.category(char) == "Cc" else char
        for char in composed
        if ord(char) <= _BASIC and unicodedata.category(char) not in _UNKEPT
    )
    return " ".join("".join(kept).split()).casefold()
