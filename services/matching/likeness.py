"""How similar two words or two names are, and in what way."""

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from services.matching.readings import Reading, Word, readings, sound_of
from services.matching.vocabulary import COMMON, COUNTRIES, EITHER, FILLERS, NICKNAMES

_FILLER_WEIGHT, _ASIDE_WEIGHT, _COMMON_WEIGHT, _RARE_WEIGHT = 1, 2, 4, 10
_SAME = 100
_INITIALS = 82
# How many letters a word needs so that one, two, three of them may be mistaken.
_LETTERS_FOR = {1: 4, 2: 7, 3: 11}
_LETTERS_OF_A_WORD = 6
_TWO, _TELLING, _FEW = 2, 3, 5
_FIRST_LETTER, _SHORT_OR_LAST = 20, 12
_LETTERS_FOR_TWO_SLIPS = 11
_LETTERS_OF_A_SLIP = 8  # so long that no other word is one letter away
_MISTAKEN = {1: 92, 2: 80, 3: 72}
# An ending, and how many letters stand before it at least: "Webber" is no "Webb".
_ENDINGS = {"ies": 3, "ing": 5, "ers": 5, "er": 5, "es": 3, "en": 4, "s": 3, "e": 3, "y": 3}
MOST_ALIKE = 84
_MEANT = 84  # how close two words are that are surely meant as one
_APART = 14  # what the letters say of two names, where the words say less
OTHER_FORM = 86
_OTHER_ALPHABET = "same name in another alphabet"
_ENOUGH_TO_REORDER = 3


@dataclass(frozen=True, slots=True)
class SharedWords:
    """What two names share: pairs of words, and the words that only one of them has."""

    pairs: tuple[tuple[Word, Word, int], ...]
    only_mine: tuple[Word, ...]
    only_theirs: tuple[Word, ...]

    @property
    def is_whole(self) -> bool:
        """Say whether every word of both has its like in the other, but for "of" and such."""
        return all(each.plain in FILLERS for each in (*self.only_mine, *self.only_theirs))

    @property
    def is_reordered(self) -> bool:
        """Say whether both are made of the same words."""
        is_paired = not self.only_mine and not self.only_theirs
        return is_paired and all(close == _SAME for *_, close in self.pairs)

    @property
    def is_mistyped(self) -> bool:
        """Say whether all that differs is one letter of a long word that everybody uses."""
        other = [(a.plain, b.plain) for a, b, close in self.pairs if close != _SAME]
        has_rare = any(_weight(a) == _RARE_WEIGHT for a, _, close in self.pairs if close == _SAME)
        is_paired = not self.only_mine and not self.only_theirs
        return is_paired and has_rare and len(other) == 1 and _is_slip(*other[0])

    @property
    def is_contradicted(self) -> bool:
        """Say whether each has a word of its own, or words that oppose each other."""
        return bool(self.only_mine and self.only_theirs)

    def score(self) -> int:
        """In hundredths of a per cent, what is shared; contradictions count most."""
        shared = sum(close * (_weight(a) + _weight(b)) for a, b, close in self.pairs)
        whole = sum(_weight(a) + _weight(b) for a, b, _ in self.pairs)
        mine, theirs = _total(self.only_mine), _total(self.only_theirs)
        against = 20 * min(mine, theirs) + 4 * abs(mine - theirs)
        if _has_figures(self.only_mine) and _has_figures(self.only_theirs):
            against += _RARE_WEIGHT * 20
        return 1000 * shared // (10 * whole + against) if whole else 0


def _weight(word: Word) -> int:
    """How much a word says about whose name it is."""
    if word.plain in FILLERS:
        return _FILLER_WEIGHT
    if word.is_aside or word.plain in COUNTRIES:
        return _ASIDE_WEIGHT
    return _COMMON_WEIGHT if word.plain in COMMON else _RARE_WEIGHT


def _shared_words(mine: Sequence[Word], theirs: Sequence[Word]) -> SharedWords:
    """Pair the words of two names, the closest first."""
    mine, theirs = _as_written(mine, theirs), _as_written(theirs, mine)
    possible = sorted(
        (
            (close, _weight(a) + _weight(b), -abs(i - j), i, j)
            for i, a in enumerate(mine)
            for j, b in enumerate(theirs)
            if (close := _closeness(a, b))
        ),
        reverse=True,
    )
    left, right = dict(enumerate(mine)), dict(enumerate(theirs))
    pairs = []
    for close, _, _, i, j in possible:
        if i in left and j in right:
            pairs.append((left.pop(i), right.pop(j), close))
    return SharedWords(tuple(pairs), tuple(left.values()), tuple(right.values()))


def _closeness(mine: Word, theirs: Word) -> int:
    """From 0 to 100, how likely two words are meant as one."""
    if mine.equals(theirs):
        return _INITIALS if mine.is_initials or theirs.is_initials else _SAME
    return max(
        _close(mine.plain, theirs.plain),
        _close(mine.spelled, theirs.plain),
        _close(mine.plain, theirs.spelled),
    )


@lru_cache(maxsize=65_536)
def _close(mine: str, theirs: str) -> int:
    if any(each.isdigit() for each in mine + theirs):
        return 0  # Studio 54 is not Studio 45
    if any(mine in group and theirs in group for group in EITHER):
        return 0
    if NICKNAMES.get(mine, mine) == NICKNAMES.get(theirs, theirs):
        return 88
    shorter, longer = sorted((mine, theirs), key=len)
    return max(_shortened(shorter, longer), _mistyped(shorter, longer), _inflected(mine, theirs))


def _shortened(shorter: str, longer: str) -> int:
    if len(shorter) == len(longer) or shorter[0] != longer[0]:
        return 0
    if longer.startswith(shorter):
        # "Tech" for "Technology", and "J" for "Jonathan"; but "Paul" is not short for "Paula".
        if len(longer) < _FEW and len(shorter) > 1:
            return 40
        is_clear = len(shorter) >= _TELLING and len(longer) - len(shorter) >= _TELLING
        return 85 if is_clear else 75
    if len(shorter) > _FEW or len(shorter) * 3 > len(longer) * 2:
        return 0
    letters = iter(longer)
    return 70 if all(each in letters for each in shorter) and len(shorter) > 1 else 0


def _mistyped(shorter: str, longer: str) -> int:
    mistakes = OSA.distance(shorter, longer, score_cutoff=3)
    if mistakes not in _MISTAKEN or len(longer) < _LETTERS_FOR[mistakes]:
        return 0
    if shorter in COMMON and longer in COMMON:
        return 0  # two words that both exist
    against = _FIRST_LETTER if shorter[0] != longer[0] else 0
    if len(longer) < _LETTERS_OF_A_WORD or longer[:-1] in (shorter, shorter[:-1]):
        # "Tara" and "Bara", "Martin" and "Martine", "Maria" and "Mario" may be two.
        against += _SHORT_OR_LAST
    return _MISTAKEN[mistakes] - against


def _inflected(mine: str, theirs: str) -> int:
    one, other = _stem(mine), _stem(theirs)
    if one == other and len(one) >= _TELLING:
        return 90
    shared = 0
    for a, b in zip(mine, theirs, strict=False):
        if a != b:
            break
        shared += 1
    # "Florist" and "Flowers" share too little; "Consulting" and "Consultants" enough.
    return 65 if shared >= _FEW and shared * 2 >= max(len(mine), len(theirs)) else 0


def _stem(word: str) -> str:
    for ending, letters in _ENDINGS.items():
        if word.endswith(ending) and len(word) - len(ending) >= letters:
            return word[: -len(ending)]
    return word


def _as_written(mine: Sequence[Word], theirs: Sequence[Word]) -> Sequence[Word]:
    """Write words as one where the other name does: "Boat Yard" for "Boatyard", "BBC" for three."""
    whole = {each.plain for each in theirs}
    made: list[Word] = []
    place = 0
    while place < len(mine):
        length, word = _longest_written(mine[place:], whole)
        made.append(word)
        place += length
    return made


def _longest_written(words: Sequence[Word], whole: Container[str]) -> tuple[int, Word]:
    for length in range(len(words), 1, -1):
        some = words[:length]
        together = "".join(each.plain for each in some)
        if length == _TWO and together in whole:
            return length, Word(together, "".join(each.spelled for each in some))
        initials = "".join(each.plain[0] for each in some)
        if initials in whole:
            return length, Word(initials, initials, is_initials=True)
    return 1, words[0]


def _is_slip(mine: str, theirs: str) -> bool:
    known = {mine, theirs} & COMMON
    return (
        len(known) == 1
        and min(len(mine), len(theirs)) >= _LETTERS_OF_A_SLIP
        and mine[0] == theirs[0]
        and mine.rstrip("s") != theirs.rstrip("s")
        and OSA.distance(mine, theirs) <= (1 if len(mine) < _LETTERS_FOR_TWO_SLIPS else 2)
    )


def _total(words: Sequence[Word]) -> int:
    return sum(map(_weight, words))


def _has_figures(words: Sequence[Word]) -> bool:
    return any(letter.isdigit() for each in words for letter in each.plain)


@dataclass(frozen=True, slots=True)
class Likeness:
    """A score from 0 to 100, with its reason; `is_same` holds only for the same name.

    `fine` orders names of one score. `is_near`: every word is surely a spelling of one in the
    other name. `is_whole`: every word has a similar one there.
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
    found = _shared_words(a.words, b.words)
    if found.is_reordered:
        return _reordered(a, b)
    if found.is_mistyped and _same(a, b).is_same:
        return Likeness(
            91, "same name except for a typo", is_same=True, is_near=True, is_whole=True
        )
    if a.is_foreign != b.is_foreign and _sound(a) == _sound(b):
        same = _same(a, b)
        return replace(same, reason=_OTHER_ALPHABET) if same.is_same else same
    if _is_short_for(a, b) or _is_short_for(b, a):
        return Likeness(78, "same initials", is_near=True)
    return _similar(a, b, found)


def _similar(a: Reading, b: Reading, found: SharedWords) -> Likeness:
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
        return Likeness(OTHER_FORM, "same name except for one word", is_near=True)
    if a.titles != b.titles:
        return Likeness(OTHER_FORM, "same name except for a title", is_near=True, is_whole=True)
    score = 97 if _sure(a) == _sure(b) else 95
    return Likeness(score, "similar name", is_same=True, is_near=True)


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


def _alike(a: Reading, b: Reading, found: SharedWords) -> int:
    """In hundredths of a per cent, how much of both is in the other, as words and whole."""
    score = found.score()
    joined = fuzz.ratio(a.joined, b.joined)
    # A name that begins the other one is likelier than one that shares as many words.
    first = 300 if found.pairs and a.words[0].equals(b.words[0]) else 0
    form = 200 if _sure(a) and _sure(a) == _sure(b) else 0
    if a.is_foreign != b.is_foreign:
        score = max(score, int(fuzz.ratio(_sound(a), _sound(b)) - 3) * 100)
    return score * 9 // 10 + int(joined * 8) + first + form - 300
