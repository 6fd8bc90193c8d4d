"""What the mirror knows of an organisation, gathered for checking one invoice."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from services.model import NEW_CONTACT
from services.store import mirror
from services.store.engine import Session
from services.store.tables import Account, Connection, Contact, TaxRate

_NO_TAX = "NONE"


@dataclass(frozen=True, slots=True)
class Books:
    """One organisation as far as checking one invoice needs it."""

    organisation: str
    locked_until: date | None  # the later of the two lock dates
    currencies: frozenset[str]
    accounts: Mapping[str, Account]
    tax_rates: Mapping[str, TaxRate]
    contact: Contact | None

    def rate_of(self, account: Account) -> Decimal | None:
        """Return the per cent that this account's tax comes to, or None when it has none."""
        tax = self.tax_rates.get(account.tax_type)
        return tax.effective_rate if tax is not None and tax.is_usable else None

    def zero_rate(self) -> TaxRate | None:
        """Return the rate for lines that Paymo leaves untaxed: "No tax" where there is one."""
        zeros = sorted(
            (
                each
                for each in self.tax_rates.values()
                if each.is_usable and not each.effective_rate
            ),
            key=lambda each: (each.tax_type != _NO_TAX, each.tax_type),
        )
        return zeros[0] if zeros else None


async def load(session: Session, connection: Connection, contact_id: str) -> Books:
    """Gather what the mirror knows."""
    rates = await mirror.list_tax_rates(session, connection.id)
    accounts = await mirror.list_accounts(session, connection.id)
    codes = await mirror.list_currencies(session, connection.id)
    contact = None
    if contact_id not in {"", NEW_CONTACT}:
        contact = await mirror.find_contact(session, connection.id, contact_id)
    locks = [each for each in (connection.period_lock_on, connection.year_lock_on) if each]
    return Books(
        organisation=connection.organisation_name,
        locked_until=max(locks, default=None),
        currencies=frozenset(codes),
        accounts={each.account_id: each for each in accounts},
        tax_rates={each.tax_type: each for each in rates},
        contact=contact,
    )
