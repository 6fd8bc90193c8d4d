"""One spelling for the many ways to write a name: alphabets, accents, signs, dots.

Everything here holds for names in general. Nothing is about one business.
"""

import re
import unicodedata
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
