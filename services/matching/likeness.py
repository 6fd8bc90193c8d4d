"""How alike two names are, and in which way."""

from dataclasses import dataclass

from rapidfuzz import fuzz

from services.matching.spelling import AMBIGUOUS, Reading, readings

# Words that many names share tell two businesses apart less than the others do.
_COMMON = frozenset(
    "agency associates brothers building center city communications construction consultants "
    "consulting design development digital distribution energy engineering enterprises "
    "financial foundation global group health holding holdings home house industries "
    "international laboratories logistics management manufacturing market marketing media "
    "national office partners productions project properties retail services shop society "
    "solutions studio studios supplies supply systems team technology trade trading transport "
    "travel union university ventures works world".split()
)
_COMMON_WEIGHT, _RARE_WEIGHT = 2, 5
_TYPING_MISTAKE = 78
_SHORTEST_TYPED = 4
_JOINED = 88
MOST_ALIKE = 84
OTHER_FORM = 86


@dataclass(frozen=True, slots=True)
class Likeness:
    """From 0 to 100, with the reason; only what says the same name may be called `same`."""

    score: int
    reason: str
    is_same: bool = False


def likeness(mine: str, theirs: str) -> Likeness:
    """Compare two names in every way that they can be read."""
    one, other = readings(mine), readings(theirs)
    found = [_compare(a, b) for a in one for b in other]
    best = max(found, key=lambda each: each.score)
    if best.is_same and (len(one) > 1 or len(other) > 1):
        return Likeness(best.score - 2, "trades under this name", is_same=True)
    return best


def _compare(a: Reading, b: Reading) -> Likeness:
    if _is_same(a, b):
        return _same(a.forms, b.forms)
    if a.ordered == b.ordered:
        # "James Paul" and "Paul James" may be two.
        return Likeness(MOST_ALIKE + 1, "same words in another order")
    if _is_short_for(a, b) or _is_short_for(b, a):
        return Likeness(78, "same initials")
    return Likeness(_alike(a, b), "similar name")


def _is_same(a: Reading, b: Reading) -> bool:
    return b.words in (a.words, a.spelled) or a.words == b.spelled or a.joined == b.joined


def _same(mine: frozenset[str], theirs: frozenset[str]) -> Likeness:
    if not (mine <= theirs or theirs <= mine):
        return Likeness(OTHER_FORM, "same name, another legal form")
    if (mine ^ theirs) & AMBIGUOUS:
        return Likeness(OTHER_FORM, "same name but for one word")
    return Likeness(97 if mine == theirs else 95, "same name, written otherwise", is_same=True)


def _is_short_for(short: Reading, long: Reading) -> bool:
    """Say whether one is the other's initials: "bbc" or "b b c"."""
    return len(long.words) > 1 and len(short.joined) > 1 and short.joined == long.initials


def _alike(a: Reading, b: Reading) -> int:
    """Return how much of both names is found in the other, rare words counting more."""
    joined = int(fuzz.ratio(a.joined, b.joined))
    shared = _shared(a.words, b.words)
    total = sum(map(_weight, a.words)) + sum(map(_weight, b.words))
    score = shared // total
    # A name that begins the other one in full is likelier than one that shares as many words.
    if a.words[: len(b.words)] == b.words or b.words[: len(a.words)] == a.words:
        score += 8
    return min(MOST_ALIKE, max(score, joined if joined >= _JOINED else joined * 7 // 10))


def _shared(mine: tuple[str, ...], theirs: tuple[str, ...]) -> int:
    left, sum_ = list(theirs), 0
    for word in mine:
        if not left:
            break
        best = max(left, key=lambda other: _closeness(word, other))
        close = _closeness(word, best)
        if close:
            left.remove(best)
            sum_ += close * (_weight(word) + _weight(best))
    return sum_


def _closeness(word: str, other: str) -> int:
    if word == other:
        return 100
    if any(each.isdigit() for each in word + other):
        return 0  # Studio 54 is not Studio 45
    shorter, longer = sorted((word, other), key=len)
    if len(shorter) == 1:
        return 60 if longer.startswith(shorter) else 0
    if len(shorter) < _SHORTEST_TYPED:
        return 70 if longer.startswith(shorter) else 0
    ratio = int(fuzz.ratio(word, other))
    if ratio >= _TYPING_MISTAKE:
        return ratio
    return 80 if longer.startswith(shorter) else 0


def _weight(word: str) -> int:
    return _COMMON_WEIGHT if word in _COMMON else _RARE_WEIGHT
