"""How a name can be read: its words in one spelling, and what is set apart from them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from services.matching.spelling import (
    folded,
    is_of_another_alphabet,
    tokens_of,
    with_umlauts_spelled,
    without_signs,
)
from services.matching.vocabulary import (
    AMBIGUOUS,
    CONNECTORS,
    FIGURES,
    FILLERS,
    ROMAN,
    SHORT,
    TITLES,
    WORDS,
    without_forms,
)

_ALIAS = re.compile(
    r"(?<=\S)[\s(,]+\b(?:t/as?|trading\s+as|d\.?\s?/?b\.?\s?/?a|doing\s+business\s+as"
    r"|also\s+known\s+as|a/?k/?a|f/?k/?a|formerly(?:\s+known\s+as)?|previously|operating\s+as"
    r"|o/a|enseigne|nom\s+commercial|handelnd\s+unter|firmierend\s+als|ehemals|vormals"
    r"|anciennement|h/?o/?d/?n|nombre\s+comercial)\b[:.]?\s*",
    re.IGNORECASE,
)
# Whom a letter is for, and what somebody noted: no part of a name.
_NOTE = re.compile(
    r"\s+[-–—|,(]*\s*(?:\b(?:attn|fao|c/o|z\.?\s?hd)\b[.:]?|\b(?:att|attention)\s*[:.]).*$"
    r"|[(\[](?:old|new|closed|inactive|duplicate)(?:\s+(?:account|contact|client))?[)\]]"
    r"|\s[-–—|(]\s?(?:invoices?|invoicing|billing|accounts?(?:\s+(?:payable|dept|department))?|ap)"
    r"\s*\)?$|\*+\s*vip\s*\*+",
    re.IGNORECASE,
)
# "Rossi e Figli", "Hahn u. Henne": small letters, since a capital one is an initial.
_JOINING = re.compile(r"(?<=\w)\s+(?:[eyinuи\u0456]|u\.|'n'|’n’)\s+(?=\w)")
_JOINING_CAPITALS = re.compile(r"(?<=\w)\s+(?:[EYIИ]|U\.|'N')\s+(?=\w)")
# A place, a branch, an owner: said behind a name, and often left out.
_ASIDE = re.compile(
    r"[(\[]([^)\]]*)[)\]]|\s[-–—|]\s(.*)$"
    r"|,\s([^,]*\b(?:branch|office|filiale|niederlassung|division|department)\b.*)$",
    re.IGNORECASE,
)
_MAY_HOLD_ASIDE = re.compile(r"[(\[–—|,]| - ")
_SOMETHING = re.compile(r"[^\W_]")
_BRACKETED = re.compile(r"\(([^)]*)\)")
_ACRONYM = re.compile(r"\(([\w.]{2,8})\)")
_INVERTED = re.compile(r"[^,]+,[^,]+")
_DOTTED_FORM = re.compile(r"\b\w(?:[./]\s?\w)+\b")
_FACULTIES = frozenset("c h ing iur jur med nat phil pol rer techn".split())
_TWO = 2
_NUMBERED = frozenset("no nr num number numero nummer".split())


@dataclass(frozen=True, slots=True)
class Word:
    """A word, also with umlauts as two letters; an aside is what a name can go without."""

    plain: str
    spelled: str
    is_aside: bool = False
    is_initials: bool = False  # of several words

    def equals(self, other: "Word") -> bool:
        """Say whether both are one word, however umlauts are written."""
        return other.plain in (self.plain, self.spelled) or self.plain == other.spelled


@dataclass(frozen=True, slots=True)
class Reading:
    """A name as it is compared."""

    words: tuple[Word, ...]
    forms: frozenset[str]  # "spa?" where it may be a word as well
    titles: frozenset[str]
    initials: frozenset[str]
    joined: str
    is_foreign: bool  # in letters that are not Latin
    is_inverted: bool  # "Miller, Anna"
    is_acronym: bool = False


@lru_cache(maxsize=65_536)
def readings(name: str) -> tuple[Reading, ...]:
    """How a name can be read; the parts of "Bright Ltd t/a Sunny Café" are names too."""
    cleaned = _NOTE.sub(" ", name).strip() or name
    parts = [_trimmed(part) for part in _ALIAS.split(cleaned)]
    found = [_read(part) for part in parts if part]
    whole = found[0].joined if found else ""
    found += [
        replace(_read(short), is_acronym=True)
        for short in _ACRONYM.findall(cleaned)
        if _is_in_order(short.casefold().replace(".", ""), whole)
    ]
    return tuple(found) or (_read(name),)


def _trimmed(part: str) -> str:
    """A part without the bracket that it was cut out of."""
    bare = part.strip(" ,;-")
    return bare.strip("()[]") if bare.count("(") != bare.count(")") else bare


def _is_in_order(short: str, text: str) -> bool:
    """Say whether the text begins with the first letter and holds the others after it."""
    letters = iter(text.removesuffix(short))
    return text[:1] == short[:1] and all(each in letters for each in short)


def _read(name: str) -> Reading:
    joining = _JOINING_CAPITALS if name.isupper() else _JOINING
    text = folded(joining.sub(" & ", name))
    body, asides = _apart(text)
    words, forms, titles = _body(body)
    if AMBIGUOUS & forms:
        doubtful = AMBIGUOUS - _clear_forms(name)
        forms = frozenset(f"{each}?" if each in doubtful else each for each in forms)
    words += tuple(replace(each, is_aside=True) for each in _plain_words(asides))
    joined = "".join(each.plain for each in words)
    return Reading(
        words=words,
        forms=forms,
        titles=titles,
        initials=_initials(words),
        joined=joined,
        is_foreign=is_of_another_alphabet(text),
        is_inverted=_INVERTED.fullmatch(text) is not None and not forms,
    )


def _apart(text: str) -> tuple[str, str]:
    """The name and what is said behind it, where both say something."""
    if not _MAY_HOLD_ASIDE.search(text):
        return text, ""
    text = _BRACKETED.sub(_unless_a_form, text)
    asides = " ".join(part for found in _ASIDE.findall(text) for part in found)
    body = _ASIDE.sub(" ", text)
    return (body, asides) if _SOMETHING.search(body) else (text, "")


def _unless_a_form(bracketed: re.Match[str]) -> str:
    """Return "pty" of "(Pty)", and everything else with its brackets."""
    is_form = tuple(tokens_of(bracketed[1])) in WORDS
    return f" {bracketed[1]} " if is_form else bracketed[0]


def _body(
    text: str,
) -> tuple[tuple[Word, ...], frozenset[str], frozenset[str]]:
    tokens = tokens_of(text)
    spelled = tokens if text.isascii() else tokens_of(with_umlauts_spelled(text))
    first = without_signs(text.split(maxsplit=1)[0]) if text else ""
    bare, forms = without_forms(tokens, first if first.isascii() else "".join(tokens_of(first)))
    kept, titles = _without_titles(bare, is_inverted=_INVERTED.fullmatch(text) is not None)
    variants = dict(zip(tokens, spelled, strict=False)) if len(tokens) == len(spelled) else {}
    return _words(kept, variants), frozenset(forms), frozenset(titles)


def _plain_words(text: str) -> tuple[Word, ...]:
    return _words(tokens_of(text), {}) if text else ()


def _initials(words: Sequence[Word]) -> frozenset[str]:
    weighty = [each.plain[0] for each in words if each.plain not in FILLERS]
    return frozenset({"".join(each.plain[0] for each in words), "".join(weighty)})


def _clear_forms(name: str) -> frozenset[str]:
    """What is written as a legal form is: with dots, or in capitals among small letters."""
    dotted = {re.sub(r"[^\w]", "", each) for each in _DOTTED_FORM.findall(name)}
    capitals = {each for each in name.split() if each.isupper() and not name.isupper()}
    return frozenset("".join(tokens_of(folded(each))) for each in dotted | capitals)


def _without_titles(tokens: Sequence[str], *, is_inverted: bool) -> tuple[list[str], list[str]]:
    words, titles = list(tokens), list[str]()
    # "Dr Pepper" keeps it, and so does "Lord & Taylor".
    while len(words) > _TWO and words[0] in TITLES and words[1] not in CONNECTORS:
        titles.append(words.pop(0))
        while words[0] in _FACULTIES and len(words) > 1:
            words.pop(0)
    while len(words) > _TWO and words[-1] in TITLES:
        titles.append(words.pop())
    if is_inverted:  # "Miller, Dr Anna"
        titles += [each for each in words if each in TITLES]
        words = [each for each in words if each not in TITLES] or words
    return words, titles


def _words(tokens: Sequence[str], variants: Mapping[str, str]) -> tuple[Word, ...]:
    kept = ["and" if each in CONNECTORS else each for each in tokens]
    if len(kept) > 1 and kept[0] == "the":
        kept.pop(0)
    if len(kept) > 1 and kept[-1] == "the":
        kept.pop()
    return tuple(
        Word(_one(each, place, kept), _one(variants.get(each, each), place, kept))
        for place, each in enumerate(kept)
        if not _announces_a_number(place, kept)
    )


def _announces_a_number(place: int, words: Sequence[str]) -> bool:
    is_followed = place + 1 < len(words) and words[place + 1].isdigit()
    return words[place] in _NUMBERED and is_followed


def _one(word: str, place: int, words: Sequence[str]) -> str:
    """The one spelling of a word that has several."""
    if word in ROMAN and place and (len(word) > 1 or place == len(words) - 1):
        return ROMAN[word]
    return FIGURES.get(word) or SHORT.get(word, word)
