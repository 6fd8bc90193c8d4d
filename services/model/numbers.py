"""Invoice numbers as people paste them and phones type them, and which one somebody means."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

MOST = 25  # how many that fit are offered
_MOST_KEPT = 2048  # of a long list, since many typed numbers are compared with the same ones
_EDGES = frozenset("`*_~\"'<>.,;:!?\u00b7\u2022\u2026")
_EDGE_KINDS = frozenset({"Pi", "Pf", "Ps", "Pe"})  # quotes and brackets of all kinds
_DROPPED = frozenset({"Cf", "Cc", "Cs", "Co", "Cn"})
_MARKS = re.compile(r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f]")
_BLANKS = re.compile(r"[\s\u2800\u3164\uffa0]+")
_DASHES = re.compile(r"[\u02d7\u2043\u2212\u2796]")
# Phones type some that keyboards lack.
_PLAIN_MARKS = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201b\u02bc\u2032\u00b4`", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
)
_PARTS = re.compile(r"[^\W\d_]+|\d+")
_LINK = re.compile(r"<(?:https?://|mailto:|tel:)([^<>|]*)(?:\|([^<>]*))?>")  # as Slack writes one
_SIGN = r"(?:F )?[^\W\d_]{1,4}\.?"  # of a currency, in letters
_CURRENCY = re.compile(rf"^{_SIGN}(?: |(?=\d.*[.,' ]))|(?<=\d)(?:[^\W\d_]{{3}}| {_SIGN})$")
_THREE_DECIMALS = re.compile(r"(\d+)[.,](\d{3})")
# Three digits behind the last mark are decimals where another mark, or a zero, comes before it.
_AMOUNTS = tuple(
    re.compile(each)
    for each in (
        r"(0|\d[\d.' ]*[.' ]\d{3}),(\d{3})",
        r"(0|\d[\d,' ]*[,' ]\d{3})\.(\d{3})",
        r"(\d[\d.,' ]*?)(?:[.,](\d{1,2}))?",
    )
)
_PIECES = re.compile("[,;/+&]")  # what stands between numbers without a blank
_LONGEST_MESSAGE = 500  # words
_SHORTEST_END = 3  # fewer characters end too many numbers
_FILLERS = frozenset({"invoice", "number", "num", "no", "nr"})


def spaced(text: str) -> str:
    """The text with plain single blanks in place of all kinds, and nothing invisible."""
    plain = _BLANKS.sub(" ", text)
    seen = (char for char in _MARKS.sub("", plain) if unicodedata.category(char) not in _DROPPED)
    return " ".join("".join(seen).split())


def with_plain_marks(text: str) -> str:
    """The text with the quotes, apostrophes and dashes of a keyboard."""
    return text.translate(_PLAIN_MARKS)


def cleaned(text: str) -> str:
    """The number without what was pasted around it: one kind of dash, digit and letter."""
    unlinked = _LINK.sub(lambda link: link[2] or link[1], text)
    plain = unicodedata.normalize("NFKC", spaced(unlinked))
    return _bare("".join(_one_kind(char) for char in _DASHES.sub("-", spaced(plain))), "#-", "-")


def mentioned(text: str) -> tuple[tuple[tuple[str, str], list[str]], ...]:
    """For each word of a message with a figure: it with the one before, alone, and its pieces."""
    words = [cleaned(each) for each in _LINK.sub(_label, text).split()[:_LONGEST_MESSAGE]]
    before = ["", *words]
    return tuple(
        ((f"{before[place]} {word}", word), _PIECES.split(word))
        for place, word in enumerate(words)
        if any(char.isdigit() for char in word)
    )


def _label(link: re.Match[str]) -> str:
    return f" {link[2] or link[1]} "


def _bare(text: str, before: str = "", after: str = "") -> str:
    """The text without quotes, brackets and stops around it, and these before and after it.

    Each end is read once: a message may be all edges, and everybody else waits meanwhile.
    """
    start, end = 0, len(text)
    while start < end and (text[start] in before or _is_edge(text[start])):
        start += 1
    while start < end and (text[end - 1] in after or _is_edge(text[end - 1])):
        end -= 1
    return text[start:end]


def _is_edge(char: str) -> bool:
    return char in _EDGES or char.isspace() or unicodedata.category(char) in _EDGE_KINDS


def _one_kind(char: str) -> str:
    if unicodedata.category(char) == "Pd":
        return "-"
    digit = unicodedata.decimal(char, None)
    return char if digit is None else str(digit)


def parts(text: str) -> tuple[str, ...]:
    """The words and figures of a number in small letters, without leading zeros."""
    found = _PARTS.findall(cleaned(text).casefold())
    return tuple(each.lstrip("0") or "0" if each.isdigit() else each for each in found)


def core(text: str) -> str:
    """What every number that fits holds, to look for it in a long list; "" fits none."""
    found = parts(text)
    return next((each for each in reversed(found) if each.isdigit()), "".join(found[-1:]))


def fitting(typed: str, numbers: Iterable[str]) -> tuple[str, ...]:
    """Those that fit best: the same once cleaned, the same words, or the same end."""
    known = tuple(dict.fromkeys(numbers))
    for fits in _tests(typed) if parts(typed) else ():
        if found := tuple(each for each in known if fits(each)):
            return found
    return ()


def _tests(typed: str) -> Iterator[Callable[[str], bool]]:
    """Yield looser and looser ways to fit what was typed."""
    said, wanted, end = cleaned(typed).casefold(), parts(typed), _end(typed)
    bare = _bare(spaced(typed)).casefold()
    yield lambda each: spaced(each).casefold() == bare
    yield lambda each: spaced(each).casefold() == said
    yield lambda each: _listed(each)[0] == said
    yield lambda each: _listed(each)[1] == wanted
    yield lambda each: _listed(each)[1][-len(wanted) :] == wanted
    if len(end) >= _SHORTEST_END:
        yield lambda each: _listed(each)[2].endswith(end)
    if wanted[0] in _FILLERS and len(wanted) > 1:
        yield from _tests(said.partition(wanted[0])[2])


@lru_cache(_MOST_KEPT)
def _listed(number: str) -> tuple[str, tuple[str, ...], str]:
    """What a number of a long list is compared by: cleaned in small letters, its parts, its end."""
    return cleaned(number).casefold(), parts(number), _end(number)


def amount(typed: str, *, has_three: bool = False) -> tuple[str, str | None] | None:
    """The whole and the decimals of an amount as people write one, or None where it is none.

    The decimals are None where none were typed. Three digits behind the only mark are decimals
    where its currency has three.
    """
    plain = with_plain_marks(typed)
    signs = (" " if unicodedata.category(char) == "Sc" else char for char in spaced(plain))
    bare = _CURRENCY.sub("", spaced("".join(signs)), count=1).strip()
    forms = (_THREE_DECIMALS, *_AMOUNTS) if has_three else _AMOUNTS
    found = next(filter(None, (each.fullmatch(bare) for each in forms)), None)
    if found is None:
        return None
    whole = re.sub(r"\D", "", found[1]).lstrip("0") or "0"
    return whole, found[2]


def _end(text: str) -> str:
    return "".join(_PARTS.findall(cleaned(text).casefold()))
