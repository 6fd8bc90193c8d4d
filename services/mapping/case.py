"""One invoice that somebody wants exported, with what was chosen for it."""

from dataclasses import dataclass
from datetime import date, timedelta

from services.clients.paymo import Invoice
from services.clients.xero import Addition
from services.export.shapes import ExportChoice
from services.mapping.ledger import LedgerSettings
from services.model.export import DUE_BY_TERMS, DUE_ON_DATE
from services.store.tables import Account

DRAFT = "DRAFT"


def adding_of(invoice: Invoice) -> Addition:
    """Return how the invoice's client would be added to Xero."""
    return Addition.of(invoice.client_id, invoice.client_name)


@dataclass(frozen=True, slots=True)
class Case:
    """One invoice that somebody wants exported, with everything there is to know about it."""

    invoice: Invoice
    choice: ExportChoice
    ledger: LedgerSettings

    @property
    def account(self) -> Account | None:
        """The account that was chosen, if the mirror knows it."""
        return self.ledger.accounts.get(self.choice.account_id)

    @property
    def is_draft(self) -> bool:
        """Whether it is to be a draft in Xero."""
        return self.choice.xero_status == DRAFT

    @property
    def issued_on(self) -> date:
        """The date in Xero: Paymo's, unless a person chose another one."""
        return self.choice.issue_on or self.invoice.issued_on

    @property
    def due_on(self) -> date | None:
        """The due date in Xero.

        Paymo's stays when the date is moved, but for one that would then come before the date:
        such an invoice is due on its date.
        """
        invoice, terms = self.invoice, self.invoice.terms
        if self.choice.due_rule == DUE_ON_DATE:
            return self.issued_on
        if self.choice.due_rule == DUE_BY_TERMS and terms is not None:
            return self.issued_on + timedelta(days=terms)
        if invoice.due_on is None or invoice.due_on < invoice.issued_on:
            return invoice.due_on
        return max(invoice.due_on, self.issued_on)
