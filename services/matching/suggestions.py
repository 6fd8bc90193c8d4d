"""Suggests contacts for a client, likeliest first, and fills the menus with them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from services import money
from services.clients.xero import name_in_xero
from services.matching.index import (
    Index,
    NameList,
    Party,
    Recognisable,
    domain_of,
    email_of,
    index_of,
    label_of,
    names_of,
    tax_numbers,
)
from services.matching.likeness import OTHER_FORM, Likeness, likeness
from services.matching.readings import readings
from services.model.export import NEW_CONTACT, KnownRate
from services.model.people import Option, OptionGroup
from services.store import mirror
from services.store.engine import Session
from services.store.tables import Account, Client, Connection, TaxRate

# From here on a suggestion is selected beforehand; a person still presses the button.
_SURE = 90
_DOUBTFUL = 85
_LIKELY = 55
_RELATED = 60
_CLOSE = 78
_VERY, _EXACT = 97, 98
_UNRELATED = 45
_MOST_SUGGESTED = 5
_MOST_ROWS = 90
_SHORTEST_LABEL = 3
_NAMED = "named in the e-mail address"
_SAYS_SOMETHING = re.compile(r"\w")
_NOTHING_LIKE = "No contact looks like this client. Type a name to search."
_ADVANCES = "For advance payments (liabilities)"
_TYPES = {"REVENUE": "Revenue", "SALES": "Sales", "OTHERINCOME": "Other income"}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A contact that the client may be; `confidence` from 0 to 100."""

    contact: Recognisable
    reason: str
    confidence: int
    fine: int  # orders those of one confidence
    is_numbered: bool  # with the same tax number
    is_addressed: bool  # with the same e-mail address, or domain


def suggest(party: Party, index: Index) -> Sequence[Suggestion]:
    """The contacts that the client may be, the likeliest first."""
    compared = (_compare(party, each) for each in index.shortlist(party))
    found = [each for each in compared if each is not None]
    found.sort(key=_order)
    return _without_rivals(found)[:_MOST_SUGGESTED]


def reason_for(party: Party, contact: Recognisable) -> str:
    """Why the client may be this contact, or ""."""
    found = _compare(party, contact)
    return found.reason if found else ""


def _order(each: Suggestion) -> tuple[int, bool, int, str]:
    return (-each.confidence, not each.is_addressed, -each.fine, each.contact.folded_name)


def surest(suggestions: Sequence[Suggestion]) -> Suggestion | None:
    """The suggestion to select beforehand: sure, and surer than every other."""
    if not suggestions or suggestions[0].confidence < _SURE:
        return None
    rivals = [each for each in suggestions if each.confidence == suggestions[0].confidence]
    return suggestions[0] if len(rivals) == 1 else None


def _compare(party: Party, contact: Recognisable) -> Suggestion | None:
    alike = likeness(party.name, contact.name)
    proven = _tax_agrees(party, contact)
    is_mailed = bool(party.email) and email_of(party.email) == email_of(contact.email)
    confidence, reason = _by_name(party, contact, alike)
    if proven:
        confidence, reason = _by_number(confidence, reason, alike)
    elif is_mailed:
        confidence, reason = _by_email(party, contact, confidence, reason, alike)
    elif not alike.is_same:
        confidence, reason = _by_domain(party, contact, confidence, reason, alike)
    if proven is False and confidence >= _SURE:
        confidence, reason = OTHER_FORM, f"{reason}, different tax number"
    if confidence < _LIKELY:
        return None
    return Suggestion(
        contact,
        reason,
        confidence,
        alike.fine,
        is_numbered=bool(proven),
        is_addressed=is_mailed or _same_domain(party, contact),
    )


def _by_name(party: Party, contact: Recognisable, alike: Likeness) -> tuple[int, str]:
    if mirror.folded_name(party.name) == contact.folded_name and _SAYS_SOMETHING.search(party.name):
        return _EXACT, "same name"
    return alike.score, alike.reason


def _by_number(confidence: int, reason: str, alike: Likeness) -> tuple[int, str]:
    if confidence >= _SURE:
        return (100, reason) if confidence >= _EXACT else (_EXACT + 1, "same tax number")
    # A trading name is quite another; a name that is half the same is a sister's in a VAT group.
    is_sister = confidence > _UNRELATED and not alike.is_near
    return (_DOUBTFUL if is_sister else 97), "same tax number"


def _by_email(
    party: Party, contact: Recognisable, confidence: int, reason: str, alike: Likeness
) -> tuple[int, str]:
    if confidence >= _EXACT:
        return confidence + 1, reason
    # Groups and bookkeepers share an address, so it needs a name that is not another's.
    is_own = _is_named(party.email, party.name) or _is_named(party.email, contact.name)
    is_close = alike.is_whole and confidence >= _CLOSE and (alike.is_near or is_own)
    is_related = alike.is_same or is_close
    return (max(confidence, 96) if is_related else _DOUBTFUL), "same e-mail"


def _by_domain(
    party: Party, contact: Recognisable, confidence: int, reason: str, alike: Likeness
) -> tuple[int, str]:
    is_named = _is_named(party.email, contact.name) or _is_named(contact.email, party.name)
    if not _same_domain(party, contact):
        return (max(confidence, _RELATED), _NAMED) if is_named else (confidence, reason)
    if is_named:
        return max(confidence, _CLOSE), _NAMED
    if alike.is_whole and alike.is_near and confidence >= _CLOSE:
        return _SURE + 1, f"{reason}, same e-mail domain"
    if confidence >= _RELATED:
        return min(confidence + 3, OTHER_FORM - 1), f"{reason}, same e-mail domain"
    return _RELATED, "same e-mail domain"


def _without_rivals(found: Sequence[Suggestion]) -> Sequence[Suggestion]:
    """Doubt the likeliest where another is called the same, or proven; a full proof stays."""
    if not found or found[0].confidence < _SURE:
        return found
    best, others = found[0], found[1:]
    is_rivalled = any(
        (each.is_numbered and not best.is_numbered)
        or (best.confidence < _EXACT and each.confidence >= _rivals_from(best))
        or (
            best.confidence < _EXACT
            and each.is_addressed
            and not (best.is_addressed or best.is_numbered)
        )
        for each in others
    )
    if not is_rivalled:
        return found
    return [replace(each, confidence=min(each.confidence, _SURE - 1)) for each in found]


def _rivals_from(best: Suggestion) -> int:
    # A name in its very legal form is not another's for being like one in another form.
    return _SURE if best.confidence >= _VERY else OTHER_FORM


def _tax_agrees(party: Party, contact: Recognisable) -> bool | None:
    """Say whether both have one number, or two that differ; None where nothing can be said."""
    mine, theirs = tax_numbers(party.tax_number), tax_numbers(contact.tax_number)
    if any(one.equals(other) for one in mine for other in theirs):
        return True
    return False if any(a.contradicts(b) for a in mine for b in theirs) else None


def _same_domain(party: Party, contact: Recognisable) -> bool:
    domain = domain_of(party.email)
    return bool(domain) and domain == domain_of(contact.email)


def _is_named(email: str, name: str) -> bool:
    label = label_of(domain_of(email))
    return len(label) > _SHORTEST_LABEL and any(each.joined == label for each in readings(name))


def party_of(client: Client) -> Party:
    """What identifies a client of the mirror."""
    return Party(name=client.name, email=client.email, tax_number=client.tax_number)


async def contact_groups(
    session: Session, connection: Connection, query: str, client: Client | None
) -> tuple[OptionGroup, ...]:
    """Suggestions with their reasons, all contacts that fit, and the row that adds a new one.

    If no contact is like the client, it offers only to add it until somebody types: nobody
    chooses another contact by accident.
    """
    party = party_of(client) if client is not None else None
    names = await names_of(session, connection)
    suggested: Sequence[Suggestion] = ()
    is_untyped = not query.strip()
    if party is not None and is_untyped:
        suggested = suggest(party, await index_of(session, connection.id))
    added = _new(names, party)
    if added and is_untyped and not suggested:
        return (OptionGroup(_NOTHING_LIKE, added),)
    found = names.search(query, _MOST_ROWS)
    named = {each.contact.contact_id for each in suggested}
    groups = (
        OptionGroup("Suggested", tuple(_suggested(each) for each in suggested)),
        OptionGroup(
            f"In {connection.organisation_name or 'Xero'}",
            tuple(contact_option(each) for each in found if each.contact_id not in named),
        ),
    )
    offered = (*groups, OptionGroup("Not in Xero yet?", added))
    return tuple(each for each in offered if each.options)


def contact_option(contact: Recognisable) -> Option:
    """Draw a contact as a row."""
    return Option(contact.contact_id, contact.name, contact.email)


def new_option(name: str) -> Option:
    """The row that adds a client to Xero."""
    return Option(NEW_CONTACT, f"Add “{name}” to Xero", "Adds the contact when you export")


def _suggested(suggestion: Suggestion) -> Option:
    contact = suggestion.contact
    return Option(contact.contact_id, contact.name, suggestion.reason)


def _new(names: NameList, party: Party | None) -> tuple[Option, ...]:
    """Offer to add the client, unless Xero would refuse because the name is taken."""
    if party is None or names.hold(name_in_xero(party.name)):
        return ()
    return (new_option(party.name),)


async def account_groups(
    session: Session, connection: Connection, query: str
) -> tuple[OptionGroup, ...]:
    """The accounts that can take sales, by type, each with its tax; liabilities last."""
    rates = {each.tax_type: each for each in await mirror.list_tax_rates(session, connection.id)}
    wanted = mirror.folded_name(query)
    groups: dict[str, list[Option]] = {}
    accounts = await mirror.list_accounts(session, connection.id)
    for account in sorted(accounts, key=lambda each: each.is_liability):
        if account.is_usable and wanted in mirror.folded_name(f"{account.code} {account.name}"):
            usual = _TYPES.get(account.type, account.type.capitalize())
            label = _ADVANCES if account.is_liability else usual
            groups.setdefault(label, []).append(account_option(connection, account, rates))
    return tuple(OptionGroup(label, tuple(rows[:_MOST_ROWS])) for label, rows in groups.items())


def account_option(
    connection: Connection, account: Account, rates: Mapping[str, TaxRate]
) -> Option:
    """An account as a row: name, code, and the tax it carries."""
    rate = rates.get(account.tax_type)
    tax = "no tax rate"
    if rate is not None:
        per_cent = money.format_rate(rate.effective_rate, connection.country)
        tax = rate.name if per_cent in rate.name else f"{rate.name} · {per_cent}"
    return Option(account.account_id, account.title, tax)


def tax_option(rate: KnownRate, country: str) -> Option:
    """A tax rate as a row."""
    return Option(rate.tax_type, rate.name, money.format_rate(rate.effective_rate, country))
