"""Which contact a client may be: suggestions, each with its reason, the likeliest first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from services.matching.index import Party, bare_number, index_of, plain_email
from services.matching.likeness import OTHER_FORM, likeness
from services.store import mirror
from services.store.tables import Contact

__all__ = ["SURE", "Party", "Suggestion", "suggest", "surest"]

# From here on a suggestion is selected beforehand; a person still presses the button.
SURE = 90
_DOUBTFUL = 85
_LIKELY = 55
_RELATED = 60
_CLOSE = 78
_PROVEN = 98
_MOST = 5
_EVERYBODYS = frozenset(
    "gmail.com googlemail.com outlook.com hotmail.com live.com yahoo.com icloud.com me.com aol.com "
    "gmx.de gmx.net web.de proton.me protonmail.com mail.ru qq.com 163.com orange.fr free.fr "
    "t-online.de btinternet.com xtra.co.nz bigpond.com".split()
)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A contact that the client may be; `confidence` from 0 to 100."""

    contact: Contact
    reason: str
    confidence: int


def suggest(party: Party, contacts: Iterable[Contact]) -> Sequence[Suggestion]:
    """Return the contacts that the client may be, the likeliest first."""
    known = list(contacts)
    index = index_of(tuple((each.name, each.email, each.tax_number) for each in known))
    compared = (_compare(party, known[place]) for place in index.shortlist(party))
    found = [each for each in compared if each is not None]
    found.sort(key=lambda each: (-each.confidence, each.contact.folded_name))
    return _without_rivals(found)[:_MOST]


def surest(suggestions: Sequence[Suggestion]) -> Suggestion | None:
    """Return the suggestion to select beforehand: sure, and surer than every other."""
    if not suggestions or suggestions[0].confidence < SURE:
        return None
    rivals = [each for each in suggestions if each.confidence == suggestions[0].confidence]
    return suggestions[0] if len(rivals) == 1 else None


def _compare(party: Party, contact: Contact) -> Suggestion | None:
    if mirror.folded_name(party.name) == contact.folded_name:
        return Suggestion(contact, "same name", 100)
    alike = likeness(party.name, contact.name)
    number = bare_number(party.tax_number)
    if number and number == bare_number(contact.tax_number):
        return Suggestion(contact, "same tax number", 98)
    if party.email and plain_email(party.email) == plain_email(contact.email):
        # Groups and bookkeepers share an address, so it needs a name that is not another's.
        is_related = alike.score >= _CLOSE
        return Suggestion(contact, "same e-mail", 96 if is_related else _DOUBTFUL)
    score, reason = alike.score, alike.reason
    if not alike.is_same and score >= _RELATED and _same_domain(party.email, contact.email):
        score, reason = min(score + 3, OTHER_FORM - 1), f"{reason}, same e-mail domain"
    if score < _LIKELY:
        return None
    return Suggestion(contact, reason, score)


def _without_rivals(found: Sequence[Suggestion]) -> Sequence[Suggestion]:
    """Doubt the likeliest where another is called the same; a full proof stays."""
    rivals = [each for each in found[1:] if each.confidence >= OTHER_FORM]
    if not rivals or found[0].confidence >= _PROVEN:
        return found
    return [replace(each, confidence=min(each.confidence, SURE - 1)) for each in found]


def _same_domain(mine: str, theirs: str) -> bool:
    domain = plain_email(mine).rpartition("@")[2]
    return bool(domain) and domain not in _EVERYBODYS and plain_email(theirs).endswith(f"@{domain}")
