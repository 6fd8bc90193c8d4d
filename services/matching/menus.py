"""The rows of the contact, account and tax menus, from the copies of Xero's lists."""

from collections.abc import Mapping, Sequence

from services import money
from services.clients.xero import name_in_xero
from services.matching.index import Names, Recognisable, index_of, names_of
from services.matching.suggestions import Party, Suggestion, suggest
from services.model.export import NEW_CONTACT, KnownRate
from services.model.people import Option, OptionGroup
from services.store import mirror
from services.store.engine import Session
from services.store.tables import Account, Client, Connection, TaxRate

_NOTHING_LIKE = "No contact looks like this client. Type a name to search."
_MOST = 90
_ADVANCES = "For advance payments (liabilities)"
_TYPES = {"REVENUE": "Revenue", "SALES": "Sales", "OTHERINCOME": "Other income"}


def party_of(client: Client) -> Party:
    """What a client of the mirror can be recognised by."""
    return Party(name=client.name, email=client.email, tax_number=client.tax_number)


async def contact_groups(
    session: Session, connection: Connection, query: str, client_id: int | None
) -> tuple[OptionGroup, ...]:
    """Suggestions for this client with their reasons, all contacts that fit, and adding a new one.

    Where nothing is like the client, only adding it is offered until something is typed: no other
    contact is chosen by accident.
    """
    client = None
    if client_id is not None:
        client = await mirror.find_client(session, connection.id, client_id)
    party = party_of(client) if client is not None else None
    names = await names_of(session, connection)
    suggested: Sequence[Suggestion] = ()
    is_untyped = party is not None and not query.strip()
    if party is not None and is_untyped:
        suggested = suggest(party, await index_of(session, connection.id))
    added = _new(names, party)
    if added and is_untyped and not suggested:
        return (OptionGroup(_NOTHING_LIKE, added),)
    found = names.search(query, _MOST)
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
    return Option(NEW_CONTACT, f"Add “{name}” to Xero", "Adds the contact with this export")


def _suggested(suggestion: Suggestion) -> Option:
    contact = suggestion.contact
    return Option(contact.contact_id, contact.name, suggestion.reason)


def _new(names: Names, party: Party | None) -> tuple[Option, ...]:
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
    return tuple(OptionGroup(label, tuple(rows[:_MOST])) for label, rows in groups.items())


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
