"""The copied settings of an organisation that the checks need, and suggestions from them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from services.clients.paymo import Invoice
from services.clients.xero import Addition
from services.mapping.case import LedgerSettings
from services.matching.index import Index, Party, index_of
from services.matching.suggestions import suggest, surest
from services.model.export import NEW_CONTACT, KnownAccount, KnownRate
from services.store import connections, matches, mirror
from services.store.engine import Session, memory_of
from services.store.tables import Connection, Match

_NOBODY = Addition()
_KEPT = 50  # organisations whose lists a process remembers


class Mirror(Protocol):
    """The copying of both systems' lists, as far as exporting asks for it out of turn."""

    async def refresh_ledger(
        self, connection: Connection, *, at_most_old: timedelta, of_copied: bool = False
    ) -> None:
        """Copy accounts, tax rates, currencies and lock dates that are older than this."""

    async def refresh_contacts(self, connection: Connection) -> None:
        """Copy Xero's contacts now."""

    async def refresh_invoices(self, connection: Connection) -> None:
        """Copy the heads of Paymo's invoices that changed since the last time."""


async def load(
    session: Session, connection: Connection, contact_id: str, adding: Addition = _NOBODY
) -> LedgerSettings:
    """Gather what was copied; the lock dates may be newer than the row that is at hand."""
    connection = await connections.get(session, connection.id)
    lists = await _lists(session, connection)
    known = LedgerSettings(
        organisation=connection.organisation_name,
        country=connection.country,
        locked_until=connection.locked_until,
        currencies=lists.currencies,
        accounts=lists.accounts,
        tax_rates=lists.tax_rates,
        contact=None,
        tax_choices=lists.tax_choices,
    )
    return await with_contact(session, connection, known, contact_id, adding)


@dataclass(frozen=True, slots=True)
class _Lists:
    """The lists of one organisation, as they are while the connection's row has this mark."""

    tenant_id: str
    mark: str
    currencies: frozenset[str]
    accounts: Mapping[str, KnownAccount]
    tax_rates: Mapping[str, KnownRate]
    tax_choices: Mapping[str, str]


async def _lists(session: Session, connection: Connection) -> _Lists:
    """Read the lists, or remember them if the row says that nothing of them has changed."""
    memory, key = memory_of(session), ("ledger", connection.id)
    known: _Lists | None = memory.pop(key, None)
    of = connection.tenant_id, connection.ledger_mark
    if known is None or not known.mark or (known.tenant_id, known.mark) != of:
        accounts = await mirror.list_accounts(session, connection.id)
        rates = await mirror.list_tax_rates(session, connection.id)
        known = _Lists(
            *of,
            currencies=frozenset(await mirror.list_currencies(session, connection.id)),
            accounts={each.account_id: each for each in accounts},
            tax_rates={each.tax_type: each for each in rates},
            tax_choices=await matches.list_tax_choices(session, connection),
        )
        for each in (*accounts, *rates):
            session.expunge(each)  # so that they outlive the session
        for old in [each for each in memory if each[0] == key[0]][:-_KEPT]:
            del memory[old]
    memory[key] = known  # the one that was asked for last stands at the end
    return known


async def with_contact(
    session: Session,
    connection: Connection,
    known: LedgerSettings,
    contact_id: str,
    adding: Addition,
) -> LedgerSettings:
    """Return the settings with this contact; a merged one is followed."""
    contact, merged_from, namesake = None, "", None
    if contact_id == NEW_CONTACT:
        namesake = await mirror.find_namesake(session, connection.id, adding.name, adding.number)
    elif contact_id:
        first = await mirror.find_contact(session, connection.id, contact_id)
        contact = await mirror.find_contact(session, connection.id, contact_id, follows=True)
        if first is not None and contact is not None and first.contact_id != contact.contact_id:
            merged_from = first.name
    return replace(known, contact=contact, merged_from=merged_from, namesake=namesake)


@dataclass(frozen=True, slots=True)
class Proposer:
    """Everything that proposals are made of, read once for one invoice or for hundreds."""

    ledger: LedgerSettings
    contacts: Index  # empty where every client's contact is known
    matches: Mapping[int, Match]
    last_account: str
    suggested: dict[int, str]  # what was found, by client

    def contact_of(self, invoice: Invoice) -> str:
        """Return the contact used before, or the only one that this client surely is, or ""."""
        known = self.matches.get(invoice.client_id)
        if known is not None and known.contact_id:
            return known.contact_id
        if invoice.client_id not in self.suggested:
            best = surest(suggest(party_of(invoice), self.contacts))
            self.suggested[invoice.client_id] = best.contact.contact_id if best else ""
        return self.suggested[invoice.client_id]

    def account_of(self, invoice: Invoice) -> str:
        """Return the id of the account used before, or of one with the invoice's tax, or ""."""
        known = self.matches.get(invoice.client_id)
        if known is not None and known.account_id:
            return known.account_id
        fitting = [each.account_id for each in self.ledger.accounts_with(invoice.rate)]
        if self.last_account in fitting:
            return self.last_account
        return fitting[0] if len(fitting) == 1 else ""


async def proposer_for(
    session: Session,
    connection: Connection,
    client_ids: Collection[int],
    suggested: Mapping[int, str] | None = None,
) -> Proposer:
    """Read what proposals for these clients need; nobody is looked for who is in `suggested`."""
    known = await matches.find_all(session, connection, client_ids)
    told = suggested or {}
    are_known = all(
        each in told or (each in known and known[each].contact_id) for each in client_ids
    )
    return Proposer(
        ledger=await load(session, connection, ""),
        contacts=Index() if are_known else await index_of(session, connection.id),
        matches=known,
        last_account=await matches.find_last_account(session, connection.id, connection.tenant_id),
        suggested=dict(told),
    )


def party_of(invoice: Invoice) -> Party:
    """Return what the invoice's client can be recognised by."""
    client = invoice.client
    if client is None:
        return Party(name="")
    return Party(client.name, client.email or "", client.fiscal_information or "")
