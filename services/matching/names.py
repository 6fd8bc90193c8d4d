"""Which contact a client may be: suggestions, each with its reason, the likeliest first."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from services.store import mirror
from services.store.tables import Contact

# From here on a suggestion is selected beforehand; a person still presses the button.
SURE = 90
_LIKELY = 80
_MOST = 5
_NOT_A_LETTER = re.compile(r"[^\w]+")
_LEGAL_FORMS = frozenset(
    "ab ag as bv co company corp corporation gmbh inc incorporated kg limited llc llp ltd nv oy "
    "plc pty sa sarl sas sl spa srl the".split()
)


@dataclass(frozen=True, slots=True)
class Party:
    """A client, as far as it can be recognised by."""

    name: str
    email: str = ""
    tax_number: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A contact that the client may be; `confidence` from 0 to 100."""

    contact: Contact
    reason: str
    confidence: int


def suggest(party: Party, contacts: Iterable[Contact]) -> Sequence[Suggestion]:
    """Return the contacts that the client may be, the likeliest first."""
    found = [each for contact in contacts if (each := _compare(party, contact)) is not None]
    found.sort(key=lambda each: (-each.confidence, each.contact.folded_name))
    return found[:_MOST]


def surest(suggestions: Sequence[Suggestion]) -> Suggestion | None:
    """Return the suggestion to select beforehand: sure, and surer than every other."""
    if not suggestions or suggestions[0].confidence < SURE:
        return None
    rivals = [each for each in suggestions if each.confidence == suggestions[0].confidence]
    return suggestions[0] if len(rivals) == 1 else None


def _compare(party: Party, contact: Contact) -> Suggestion | None:
    mine, theirs = mirror.folded_name(party.name), contact.folded_name
    if mine == theirs:
        return Suggestion(contact, "same name", 100)
    number = _bare(party.tax_number)
    if number and number == _bare(contact.tax_number):
        return Suggestion(contact, "same tax number", 98)
    if _same_email(party.email, contact.email):
        return Suggestion(contact, "same e-mail", 95)
    alike = fuzz.token_sort_ratio(_core(mine), _core(theirs))
    if alike < _LIKELY:
        return None
    # Alike is never as sure as equal.
    return Suggestion(contact, "similar name", min(int(alike), SURE + 2))


def _same_email(mine: str, theirs: str) -> bool:
    return bool(mine) and mine.strip().casefold() == theirs.strip().casefold()


def _bare(number: str) -> str:
    return _NOT_A_LETTER.sub("", number).casefold()


def _core(name: str) -> str:
    """Return a name without legal forms and signs; a name of nothing else stays whole."""
    words = _NOT_A_LETTER.sub(" ", name).split()
    return " ".join(word for word in words if word not in _LEGAL_FORMS) or name
