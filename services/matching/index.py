"""An organisation's contacts, read once: which of them are worth comparing with a client."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz, process

from services.matching.spelling import Reading, readings

_SHORTLIST = 40
_FAR = 45
_NOT_A_LETTER = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Party:
    """A client, as far as it can be recognised by."""

    name: str
    email: str = ""
    tax_number: str = ""


@dataclass(frozen=True, slots=True)
class Index:
    """Names by their words and initials, and what proves them; places are those of the contacts."""

    places: Sequence[int]  # of each reading
    ordered: Sequence[str]
    joined: Sequence[str]
    by_mark: Mapping[str, frozenset[int]]
    by_proof: Mapping[str, frozenset[int]]

    def shortlist(self, party: Party) -> set[int]:
        """Return the places of the contacts that are worth a closer look."""
        places: set[int] = set()
        for proof in _proofs(party.email, party.tax_number):
            places |= self.by_proof.get(proof, frozenset())
        for mine in readings(party.name):
            places |= self._near(mine.ordered, self.ordered)
            places |= self._near(mine.joined, self.joined)
            for mark in _marks(mine):
                holding = self.by_mark.get(mark, frozenset())
                # What very many have says nothing.
                places |= holding if len(holding) <= _SHORTLIST else frozenset()
        return places

    def _near(self, wanted: str, names: Sequence[str]) -> set[int]:
        found = process.extract(
            wanted, names, scorer=fuzz.ratio, limit=_SHORTLIST, score_cutoff=_FAR
        )
        return {self.places[place] for _, _, place in found}


@lru_cache(maxsize=8)
def index_of(contacts: tuple[tuple[str, str, str], ...]) -> Index:
    """Read contacts, each a name, an e-mail address and a tax number.

    The last few lists are remembered, so that a menu reads ten thousand names only once.
    """
    read = [(place, each) for place, (name, *_) in enumerate(contacts) for each in readings(name)]
    return Index(
        places=[place for place, _ in read],
        ordered=[each.ordered for _, each in read],
        joined=[each.joined for _, each in read],
        by_mark=_grouped((mark, place) for place, each in read for mark in _marks(each)),
        by_proof=_grouped(
            (proof, place)
            for place, (_, email, number) in enumerate(contacts)
            for proof in _proofs(email, number)
        ),
    )


def plain_email(email: str) -> str:
    """Return an address as it is compared."""
    return email.strip().casefold()


def bare_number(number: str) -> str:
    """Return a tax number without spaces and signs."""
    return _NOT_A_LETTER.sub("", number).casefold()


def _marks(reading: Reading) -> set[str]:
    return {*reading.words, *reading.spelled, reading.joined, reading.initials}


def _proofs(email: str, tax_number: str) -> set[str]:
    return {each for each in (plain_email(email), bare_number(tax_number)) if each}


def _grouped(pairs: Iterable[tuple[str, int]]) -> dict[str, frozenset[int]]:
    groups: dict[str, set[int]] = {}
    for key, place in pairs:
        groups.setdefault(key, set()).add(place)
    return {key: frozenset(places) for key, places in groups.items()}
