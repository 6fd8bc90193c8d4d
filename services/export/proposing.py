"""Which contact and account an invoice would go to: what was used before, or what surely fits."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from services import money
from services.clients.paymo import Invoice
from services.export import books
from services.mapping.case import LedgerSettings
from services.matching.index import Index, index_of
from services.matching.suggestions import Party, suggest, surest
from services.store import matches
from services.store.engine import Session
from services.store.tables import Connection, Match


@dataclass(frozen=True, slots=True)
class Proposer:
    """Everything that proposals are made of, read once for one invoice or for hundreds."""

    books: LedgerSettings
    contacts: Index  # empty where every client's contact is known
    matches: Mapping[int, Match]
    last_account: str
    suggested: dict[int, str] = field(default_factory=dict)  # what was found, by client

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
        """Return the account used before, or one whose tax equals the invoice's, or ""."""
        known = self.matches.get(invoice.client_id)
        if known is not None and known.account_id:
            return known.account_id
        wanted = invoice.rate
        fitting = [
            each.account_id
            for each in self.books.accounts.values()
            if each.is_usable
            and not each.is_liability
            and (rate := self.books.rate_of(each)) is not None
            and money.rates_agree(rate, wanted)
        ]
        if self.last_account in fitting:
            return self.last_account
        return fitting[0] if len(fitting) == 1 else ""


async def load(
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
        books=await books.load(session, connection, ""),
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
