"""What the mirror knows of an organisation, gathered for checking one invoice."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from services.clients.xero import Addition
from services.model.export import NEW_CONTACT
from services.store import connections, mirror, tax_choices, untaxed
from services.store.engine import Session
from services.store.tables import Account, Connection, Contact, TaxRate

_NOBODY = Addition()


@dataclass(frozen=True, slots=True)
class Books:
    """One organisation as far as checking one invoice needs it."""

    organisation: str
    locked_until: date | None  # the later of the two lock dates
    currencies: frozenset[str]
    accounts: Mapping[str, Account]
    tax_rates: Mapping[str, TaxRate]
    contact: Contact | None
    merged_from: str = ""  # the name of the contact that was chosen, where it was merged
    namesake: Contact | None = None  # has the name under which a client would be added
    tax_choices: Mapping[str, str] = field(default_factory=dict)  # tax types by Paymo's rate

    def choice_for(self, rate: Decimal) -> str:
        """Return the tax type that was chosen before for this rate of Paymo's, or ""."""
        return self.tax_choices.get(tax_choices.rate_key(rate), "")

    def rate_of(self, account: Account) -> Decimal | None:
        """Return the per cent that this account's tax comes to, or None when it has none."""
        tax = self.tax_rates.get(account.tax_type)
        return tax.effective_rate if tax is not None and tax.is_usable else None

    def zero_rates(self) -> tuple[TaxRate, ...]:
        """Return every rate that lines without tax could have."""
        return untaxed.zero_rates(self.tax_rates.values())

    def zero_rate(self, chosen: str = "") -> TaxRate | None:
        """Return the rate for lines that Paymo leaves untaxed, or None while nobody has chosen.

        It is the only one, else the one chosen now, else the one that is remembered.
        """
        zeros = {each.tax_type: each for each in self.zero_rates()}
        if len(zeros) == 1:
            return next(iter(zeros.values()))
        return zeros.get(chosen) or zeros.get(self.tax_choices.get(untaxed.KEY, ""))


async def load(
    session: Session, connection: Connection, contact_id: str, adding: Addition = _NOBODY
) -> Books:
    """Gather what the mirror knows; the lock dates may be newer than the row that is at hand."""
    connection = await connections.get(session, connection.id)
    rates = await mirror.list_tax_rates(session, connection.id)
    accounts = await mirror.list_accounts(session, connection.id)
    codes = await mirror.list_currencies(session, connection.id)
    known = Books(
        organisation=connection.organisation_name,
        locked_until=connection.locked_until,
        currencies=frozenset(codes),
        accounts={each.account_id: each for each in accounts},
        tax_rates={each.tax_type: each for each in rates},
        contact=None,
        tax_choices=await tax_choices.list_all(session, connection),
    )
    return await turned_to(session, connection, known, contact_id, adding)


async def turned_to(
    session: Session, connection: Connection, known: Books, contact_id: str, adding: Addition
) -> Books:
    """Return the same books for another contact; one that was merged is followed."""
    contact, merged_from, namesake = None, "", None
    if contact_id == NEW_CONTACT:
        namesake = await mirror.find_namesake(session, connection.id, adding.name, adding.number)
    elif contact_id:
        first = await mirror.find_contact(session, connection.id, contact_id)
        contact = await mirror.find_contact(session, connection.id, contact_id, follows=True)
        if first is not None and contact is not None and first.contact_id != contact.contact_id:
            merged_from = first.name
    return replace(known, contact=contact, merged_from=merged_from, namesake=namesake)
