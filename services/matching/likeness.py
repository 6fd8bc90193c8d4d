"""How alike two names are, and in which way."""

from dataclasses import dataclass, replace

from rapidfuzz import fuzz

from services.matching.closeness import Found, find
from services.matching.readings import Reading, readings
from services.matching.spelling import sound_of
from services.matching.vocabulary import COMMON, FILLERS

MOST_ALIKE = 84
_MEANT = 84  # how close two words are that are surely meant as one
_APART = 14  # what the letters say of two names, where the words say less
OTHER_FORM = 86
_OTHER_ALPHABET = "same name in another alphabet"
_ENOUGH_TO_REORDER = 3


@dataclass(frozen=True, slots=True)
class Likeness:
    """From 0 to 100, with the reason; only what says the same name may be called `is_same`.

    `fine` orders names of one score; `is_near` says that every word is surely meant as its
    like in the other name, and `is_whole` that every word has one.
    """

    score: int
    reason: str
    is_same: bool = False
    is_near: bool = False
    is_whole: bool = False
    fine: int = 0


def likeness(mine: str, theirs: str) -> Likeness:
    """Compare two names in every way that they can be read."""
    one, other = readings(mine), readings(theirs)
    found = [_compare(a, b) for a in one for b in other]
    best = max(found, key=lambda each: (each.score, each.fine))
    if best.is_same and (len(one) > 1 or len(other) > 1):
        return Likeness(best.score - 2, "trades under this name", is_same=True, is_near=True)
    return best


def _compare(a: Reading, b: Reading) -> Likeness:
    if a.is_acronym or b.is_acronym:
        score = MOST_ALIKE if a.joined == b.joined else 0
        return Likeness(score, "same initials", is_near=bool(score), fine=100)
    return _same(a, b) if _is_same(a, b) else _compare_words(a, b)


def _compare_words(a: Reading, b: Reading) -> Likeness:
    found = find(a.words, b.words)
    if found.is_reordered:
        return _reordered(a, b)
    if found.is_mistyped and _same(a, b).is_same:
        return Likeness(91, "same name but for a slip", is_same=True, is_near=True, is_whole=True)
    if a.is_foreign != b.is_foreign and _sound(a) == _sound(b):
        same = _same(a, b)
        return replace(same, reason=_OTHER_ALPHABET) if same.is_same else same
    if _is_short_for(a, b) or _is_short_for(b, a):
        return Likeness(78, "same initials", is_near=True)
    return _similar(a, b, found)


def _similar(a: Reading, b: Reading, found: Found) -> Likeness:
    joined = fuzz.ratio(a.joined, b.joined)
    by_words = _alike(a, b, found)
    score = min(MOST_ALIKE, int(max(by_words // 100, joined - _APART)))
    is_near = not found.is_contradicted and all(close >= _MEANT for *_, close in found.pairs)
    return Likeness(
        score,
        "similar name",
        is_near=is_near,
        is_whole=found.is_whole,
        fine=by_words + int(joined),
    )


def _is_same(a: Reading, b: Reading) -> bool:
    if not _says_something(a) or not _says_something(b):
        return False
    if a.joined == b.joined and _numbers(a) == _numbers(b):
        return True
    pairs = zip(a.words, b.words, strict=False)
    return len(a.words) == len(b.words) and all(one.equals(other) for one, other in pairs)


def _same(a: Reading, b: Reading) -> Likeness:
    if a.forms != b.forms and not (_sure(a) <= _sure(b) or _sure(b) <= _sure(a)):
        return Likeness(OTHER_FORM, "same name, another legal form", is_near=True)
    if any(each.endswith("?") and each[:-1] not in a.forms | b.forms for each in a.forms ^ b.forms):
        return Likeness(OTHER_FORM, "same name but for one word", is_near=True)
    if a.titles != b.titles:
        return Likeness(OTHER_FORM, "same name but for a title", is_near=True, is_whole=True)
    score = 97 if _sure(a) == _sure(b) else 95
    return Likeness(score, "same name, written otherwise", is_same=True, is_near=True)


def _reordered(a: Reading, b: Reading) -> Likeness:
    # "James Paul" and "Paul James" may be two.
    common = sum(each.plain in COMMON for each in a.words)
    is_clear = common < len(a.words) and (
        common > 0 or len(a.words) >= _ENOUGH_TO_REORDER or a.is_inverted != b.is_inverted
    )
    same = _same(a, b)
    if is_clear and same.is_same:
        return Likeness(92, "same words in another order", is_same=True, is_near=True)
    return Likeness(MOST_ALIKE + 1, "same words in another order", is_near=True, fine=100)


def _says_something(reading: Reading) -> bool:
    """Say whether a name is more than signs, figures and words like "the"."""
    telling = (each.plain for each in reading.words if each.plain not in FILLERS)
    return any(letter.isalpha() for word in telling for letter in word)


def _numbers(reading: Reading) -> list[str]:
    return [each.plain for each in reading.words if each.plain.isdigit()]


def _sound(reading: Reading) -> str:
    return sound_of(" ".join(sorted(each.plain for each in reading.words)))


def _sure(reading: Reading) -> frozenset[str]:
    return frozenset(each.rstrip("?") for each in reading.forms)


def _is_short_for(short: Reading, long: Reading) -> bool:
    """Say whether one is the other's initials: "bbc" or "b b c"."""
    return len(long.words) > 1 and len(short.joined) > 1 and short.joined in long.initials


def _alike(a: Reading, b: Reading, found: Found) -> int:
    """Return in hundredths of a per cent how much of both is in the other, as words and whole."""
    score = found.score()
    joined = fuzz.ratio(a.joined, b.joined)
    # A name that begins the other one is likelier than one that shares as many words.
    first = 300 if found.pairs and a.words[0].equals(b.words[0]) else 0
    form = 200 if _sure(a) and _sure(a) == _sure(b) else 0
    if a.is_foreign != b.is_foreign:
        score = max(score, int(fuzz.ratio(_sound(a), _sound(b)) - 3) * 100)
    return score * 9 // 10 + int(joined * 8) + first + form - 300
