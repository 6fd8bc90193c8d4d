"""The ways to read a name: its words in one spelling, and what is set apart from them.

Everything here holds for names in general. Nothing is about one business.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

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
    """Take the brackets off a legal form, as in "(Pty)", and off nothing else."""
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


# ---- one spelling for the many ways to write a name: alphabets, accents, signs, dots

_LETTERS = str.maketrans(
    {
        "ß": "ss",
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
        "&": " and ",
        "+": " and ",
        "\N{RIGHT SINGLE QUOTATION MARK}": "",
        "'": "",
        "`": "",
        "\N{ACUTE ACCENT}": "",
    }
)
_CYRILLIC = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґўјљњћђџѓќѕ",
        "a b v g d e yo zh z i i k l m n o p r s t u f kh ts ch sh shch  y  e yu ya i i ye g u j "
        "lj nj c dj dz g k dz".split(" "),
        strict=True,
    )
)
_UKRAINIAN = _CYRILLIC | dict(zip("гий", "hyi", strict=True))
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρσςτυφχψω",
        "a v g d e z i th i k l m n x o p r s s t y f ch ps o".split(),
        strict=True,
    )
)
_ALPHABETS = str.maketrans(_CYRILLIC | _GREEK)
_UKRAINIAN_ALPHABET = str.maketrans(_UKRAINIAN | _GREEK)
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "đ": "dj"})
_OTHER_ALPHABET = re.compile(r"[\u0370-\u03ff\u0400-\u04ff]")
_UKRAINIAN_LETTER = re.compile(r"[іїєґ]")
# Legal forms of names that are written without spaces.
_EASTERN = (
    (re.compile(r"株式会社|\(株\)"), " kk "),
    (re.compile(r"有限会社|\(有\)"), " yk "),
    (re.compile(r"合同会社|\(同\)"), " gk "),
    (re.compile(r"股[份分]有限公司"), " plc "),
    (re.compile(r"有限(?:责任|責任)?公司"), " coltd "),
    (re.compile(r"주식회사|\(주\)"), " kk "),
    (re.compile(r"유한회사|\(유\)"), " yk "),
)
_SPECIAL = (
    (re.compile(r"\bsté\b"), "societe"),  # "ste" without its accent is "sainte"
    (re.compile(r"\bco-op\b"), "coop"),
    (re.compile(r"\(p\)\s*(?=ltd|limited)"), "pvt "),
    (re.compile(r"(?<=\w)#"), " sharp "),
    (re.compile(r"(?<=\w)\+\+"), " plusplus "),
)
_HAS_SPECIAL = re.compile(r"[#(\-]|\+\+|sté|www\.")
_GREEK_VOWELS = (
    (re.compile("\N{GREEK SMALL LETTER OMICRON}[υύ]"), "ou"),
    (re.compile("([αε])[υύ]"), r"\1v"),
)
_GREEK_LETTER = re.compile(r"[\u03b1-\u03c9]")
_WEB = re.compile(r"^(?:https?://)?www\.([^/\s]+?)(?:\.com?)?\.\w{2,}/?$")
_DOTTED = re.compile(r"\b(?:\w[./]\s?){1,6}\w?(?!\w)")
_DOT = re.compile(r"[./\s]")
_NOT_A_LETTER = re.compile(r"[^\w]+|_+")
_SPACED = re.compile(r"(?<!\S)[^\W\d](?: [^\W\d]){1,6}(?!\S)")
# Between languages a sound has many spellings; these are taken for one.
_SOUNDS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"shch|sht|sch|sh", "s"),
        (r"tch|ch|kh", "h"),
        (r"zh", "z"),
        (r"t[sz]|cz", "c"),
        (r"ph", "f"),
        (r"th", "t"),
        (r"oo|ou", "u"),
        (r"[yj]", "i"),
        (r"w|b(?=\b)", "v"),
        (r"mp", "b"),
        (r"nt", "d"),
        (r"gk|gg", "g"),
        (r"ks", "x"),
        (r"ck|c(?![h])|q", "k"),
        (r"i+e|ee", "e"),
        (r"i+o", "o"),
        (r"i+a", "a"),
        (r"i+u", "u"),
        (r"ei|oi", "i"),
        (r"(\w)\1+", r"\1"),
    )
)


def folded(name: str) -> str:
    """A name in small letters, wide ones and ligatures as plain ones."""
    text = name.casefold() if name.isascii() else _folded_letters(name)
    if not _HAS_SPECIAL.search(text):
        return text.strip()
    for short, plain in _SPECIAL:
        text = short.sub(plain, text)
    return _WEB.sub(r"\1", text.strip())


def _folded_letters(name: str) -> str:
    text = unicodedata.normalize("NFKC", name).casefold()
    for form, plain in _EASTERN:
        text = form.sub(plain, text)
    for short, plain in _GREEK_VOWELS:
        text = short.sub(plain, text)
    return unicodedata.normalize("NFC", text)


def with_umlauts_spelled(text: str) -> str:
    """The text with umlauts as two letters."""
    return unicodedata.normalize("NFC", text).translate(_UMLAUTS)


def is_of_another_alphabet(text: str) -> bool:
    """Say whether the text holds Greek or Cyrillic letters."""
    return _OTHER_ALPHABET.search(text) is not None


def without_signs(text: str) -> str:
    """The letters and figures alone."""
    return _NOT_A_LETTER.sub("", text)


def tokens_of(text: str) -> list[str]:
    """The words of a folded text, in plain Latin letters where there are any."""
    text = (text if text.isascii() else _in_latin(text)).translate(_LETTERS)
    if "." in text or "/" in text:
        text = _DOTTED.sub(lambda dotted: " " + _DOT.sub("", dotted[0]) + " ", text)
    text = _NOT_A_LETTER.sub(" ", text)
    return _SPACED.sub(lambda letters: letters[0].replace(" ", ""), text).split()


def _in_latin(text: str) -> str:
    is_ukrainian = _UKRAINIAN_LETTER.search(text) is not None
    text = unicodedata.normalize("NFC", _without_greek_accents(text))
    text = text.translate(_UKRAINIAN_ALPHABET if is_ukrainian else _ALPHABETS)
    text = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return "".join(each for each in text if not unicodedata.combining(each))


@lru_cache(maxsize=4096)
def sound_of(text: str) -> str:
    """Roughly how a text sounds, to compare it with one from another alphabet."""
    for pattern, sound in _SOUNDS:
        text = pattern.sub(sound, text)
    return text


def _without_greek_accents(text: str) -> str:
    if not is_of_another_alphabet(text):
        return text
    apart = unicodedata.normalize("NFD", text)
    kept: list[str] = []
    for each in apart:
        # Greek's accents say nothing; Cyrillic's make letters of their own.
        if unicodedata.combining(each) and kept and _GREEK_LETTER.match(kept[-1]):
            continue
        kept.append(each)
    return "".join(kept)
