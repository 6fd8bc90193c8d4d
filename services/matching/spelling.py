"""One spelling for the many ways to write a business's name.

Everything here holds for names in general: alphabets, accents, connecting words, legal forms,
usual abbreviations. Nothing is about one business.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

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
        "’": "",
        "'": "",
        "`": "",
    }
)
_CYRILLIC = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґ",
        "a b v g d e e zh z i i k l m n o p r s t u f kh ts ch sh shch  y  e yu ya i i e g".split(
            " "
        ),
        strict=True,
    )
)
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρσςτυφχψω",
        "a v g d e z i th i k l m n x o p r s s t y f ch ps o".split(),
        strict=True,
    )
)
_ALPHABETS = str.maketrans(_CYRILLIC | _GREEK)
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
_DOTTED = re.compile(r"\b(?:\w[./]\s?){1,5}\w\b")
_POLISH = re.compile(r"\bsp (?:zoo|z oo)$")
_SPACED = re.compile(r"(?<!\S)\w(?: \w){1,5}(?!\S)")
_LEADING = frozenset("ao oao ooo pao pt sa sarl sas too zao".split())
_NOT_A_LETTER = re.compile(r"[^\w]+|_+")
_ALIAS = re.compile(
    r"\s*\(?\b(?:t/a|trading as|d/?b/?a|d\.b\.a\.|doing business as|also known as|aka|formerly)\b"
    r"[:.]?\s*",
    re.IGNORECASE,
)
CONNECTORS = frozenset("and und et e y i og och en ja".split())
_FORMS = frozenset(
    "ab ag ao aps as asa bhd bv bvba cc co corp cv doo dd eg ek eirl eireli ep eu eurl ev gbr gie "
    "gmbh gp hf inc jsc kft kg kgaa kk lda llc llp lp ltd ltda ltee mbh nv ohg ood ooo oy oyj plc "
    "pt pte pty pvt sa sab sae sapi sarl sas sasu sc sca scop sdn se sicav sl slu snc spa spk spol "
    "sro srl srls sp ug vof zrt zs".split()
)
_SAME_FORM = {
    "limited": "ltd",
    "ltee": "ltd",
    "incorporated": "inc",
    "corporation": "corp",
    "company": "co",
    "proprietary": "pty",
    "private": "pvt",
    "limitada": "ltda",
    "aktiengesellschaft": "ag",
    "aktiebolag": "ab",
    "cia": "co",
    "compagnie": "co",
    "mbh": "gmbh",
}
_SHORT = {
    "accts": "accounts",
    "assoc": "associates",
    "assocs": "associates",
    "bldg": "building",
    "bldrs": "builders",
    "bros": "brothers",
    "centre": "center",
    "comms": "communications",
    "const": "construction",
    "constr": "construction",
    "ctr": "center",
    "dept": "department",
    "dev": "development",
    "dist": "distribution",
    "eng": "engineering",
    "engg": "engineering",
    "gebr": "gebruder",
    "gebrueder": "gebruder",
    "grp": "group",
    "hldgs": "holdings",
    "hosp": "hospital",
    "inst": "institute",
    "intl": "international",
    "int": "international",
    "lab": "laboratory",
    "labs": "laboratories",
    "mfg": "manufacturing",
    "mgmt": "management",
    "mgt": "management",
    "mkt": "market",
    "mktg": "marketing",
    "mt": "mount",
    "natl": "national",
    "organisation": "organization",
    "pharm": "pharmacy",
    "prod": "productions",
    "prods": "productions",
    "props": "properties",
    "pub": "publishing",
    "saint": "st",
    "sainte": "ste",
    "svc": "services",
    "svcs": "services",
    "serv": "services",
    "service": "services",
    "sols": "solutions",
    "soc": "society",
    "sys": "systems",
    "theatre": "theater",
    "transp": "transport",
    "univ": "university",
    "whse": "warehouse",
}


# Words that are a legal form in one name and a part of another: a spa, a company of artists.
AMBIGUOUS = frozenset("as cc co gp sc se sp spa".split())


@dataclass(frozen=True, slots=True)
class Reading:
    """A name as it is compared: its words in one spelling, and what was set apart from them."""

    words: tuple[str, ...]
    spelled: tuple[str, ...]  # the same, umlauts as two letters
    forms: frozenset[str]
    initials: str
    joined: str
    text: str
    ordered: str  # the words in the order of the alphabet


@lru_cache(maxsize=65_536)
def readings(name: str) -> tuple[Reading, ...]:
    """Return how a name can be read; the parts of "Bright Ltd t/a Sunny Café" are names too."""
    parts = [part.strip(" ()[],;-") for part in _ALIAS.split(name)]
    found = [_read(part) for part in parts if part]
    return tuple(found) or (_read(name),)


def _read(name: str) -> Reading:
    text = unicodedata.normalize("NFC", name).casefold()
    words, forms = _words(text)
    spelled, _ = _words(text.translate(_UMLAUTS))
    return Reading(
        words=words,
        spelled=spelled,
        forms=forms,
        initials="".join(word[0] for word in words),
        joined="".join(words),
        text=" ".join(words),
        ordered=" ".join(sorted(words)),
    )


def _words(text: str) -> tuple[tuple[str, ...], frozenset[str]]:
    tokens = _tokens(text)
    words, forms = _without_forms(tokens)
    kept = [_SHORT.get(word, word) for word in words if word not in CONNECTORS]
    if len(kept) > 1 and kept[0] == "the":
        kept.pop(0)
    return tuple(kept or tokens or [text]), frozenset(forms)


def _tokens(text: str) -> list[str]:
    text = unicodedata.normalize("NFKD", text.translate(_ALPHABETS).translate(_LETTERS))
    text = "".join(each for each in text if not unicodedata.combining(each))
    text = _DOTTED.sub(lambda dotted: re.sub(r"[./\s]", "", dotted[0]), text)
    text = _NOT_A_LETTER.sub(" ", text)
    return _SPACED.sub(lambda letters: letters[0].replace(" ", ""), text).split()


def _without_forms(tokens: list[str]) -> tuple[list[str], list[str]]:
    """Take the legal forms off both ends; "& Co" says something about the name, and stays."""
    words, forms = list(tokens), list[str]()
    if len(words) > 1 and words[0] in _LEADING:
        forms.append(words.pop(0))
    while len(words) > 1:
        form = _SAME_FORM.get(words[-1], words[-1])
        if form in {"zoo", "oo"} and _POLISH.search(" ".join(words)):
            words = words[: -1 if form == "zoo" else -2]
            continue
        is_partners = form == "co" and words[-2] in CONNECTORS and "gmbh" not in words
        if is_partners:
            words[-1] = "co"
            break
        if form not in _FORMS and not (form in CONNECTORS and forms):
            break
        words.pop()
        if form in _FORMS:
            forms.append(form)
    return words, forms
