"""What an organisation in Xero is set up with, as far as one invoice needs it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from services import money
from services.store.tables import Account, Contact, TaxRate
from services.store.tax_choices import UNTAXED


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """Accounts, rates, currencies and lock dates of one organisation, and one of its contacts."""

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
        return self.tax_choices.get(money.plain(rate), "")

    def rate_of(self, account: Account) -> Decimal | None:
        """Return the per cent that this account's tax comes to, or None when it has none."""
        tax = self.tax_rates.get(account.tax_type)
        return tax.effective_rate if tax is not None and tax.is_usable else None

    def zero_rates(self) -> tuple[TaxRate, ...]:
        """Return every rate that lines without tax could have."""
        return tuple(each for each in self.tax_rates.values() if each.is_zero)

    def zero_rate(self, chosen: str = "") -> TaxRate | None:
        """Return the rate for lines that Paymo leaves untaxed, or None while nobody has chosen.

        It is the only one, else the one chosen now, else the one that is remembered.
        """
        zeros = {each.tax_type: each for each in self.zero_rates()}
        if len(zeros) == 1:
            return next(iter(zeros.values()))
        return zeros.get(chosen) or zeros.get(self.tax_choices.get(UNTAXED, ""))
