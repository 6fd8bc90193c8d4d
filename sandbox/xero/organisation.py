"""An organisation as tests and demos see it: filled with seeds, used by its people."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sandbox.xero.ledger import Ledger
from sandbox.xero.model import (
    Account,
    Allocation,
    Contact,
    Credit,
    CreditKind,
    Invoice,
    Payment,
    TaxComponent,
    TaxRate,
    new_id,
)

_CREDITS: dict[str, CreditKind] = {
    "credit_note": "CreditNote",
    "overpayment": "Overpayment",
    "prepayment": "Prepayment",
}
_ONE_RATE = "Tax"


@dataclass(slots=True, kw_only=True)
class Organisation(Ledger):
    """One set of books, its seeds and the acts of the people who keep them."""

    def __post_init__(self) -> None:
        """Every organisation knows its own currency and the rate of zero."""
        self.add_currency(self.currency)
        self.add_tax_rate("NONE", "No Tax", Decimal(0))

    # Seeds.

    def add_account(
        self, code: str, name: str, *, kind: str = "REVENUE", tax_type: str = "NONE", **more: Any
    ) -> Account:
        """Add to the chart; `more` is any of takes_payments, status, system_account, account_id."""
        account = Account(code, name, kind, tax_type, self.moment(), **more)
        self.accounts[account.account_id] = account
        return account

    def add_tax_rate(
        self, tax_type: str, name: str, rate: Decimal, *components: TaxComponent, **more: Any
    ) -> TaxRate:
        """Add a rate, of one part unless `components` are named; `more`: status, revenue, …."""
        parts = components or (TaxComponent(_ONE_RATE, Decimal(rate)),)
        self.tax_rates[tax_type] = TaxRate(tax_type, name, parts, **more)
        return self.tax_rates[tax_type]

    def add_currency(self, code: str) -> None:
        """Subscribe to a currency."""
        self.currencies[code] = code

    def add_contact(self, name: str, *, email: str = "", **fields: Any) -> Contact:
        """Add a contact; `fields` are Xero's own, such as `ContactNumber`."""
        known = fields | ({"EmailAddress": email} if email else {})
        contact = Contact(name, self.moment(), known)
        self.contacts[contact.contact_id] = contact
        self.announce("CONTACT", "CREATE", contact.contact_id, {})
        return contact

    def add_usual_books(self) -> None:
        """Sales, other revenue, a purchase account and a bank, with one tax of 15 %."""
        self.add_tax_rate("OUTPUT2", "15% Tax on Income", Decimal(15))
        self.add_tax_rate("INPUT2", "15% Tax on Expenses", Decimal(15), revenue=False)
        self.add_account("200", "Sales", tax_type="OUTPUT2")
        self.add_account("260", "Other Revenue", kind="OTHERINCOME", tax_type="NONE")
        self.add_account("400", "Advertising", kind="EXPENSE", tax_type="INPUT2")
        self.add_account("090", "Business Bank Account", kind="BANK")

    # What people do in Xero.

    def rename_contact(self, contact_id: str, name: str) -> None:
        """Call a contact something else."""
        self.contacts[contact_id].name = name
        self._contact_changed(self.contacts[contact_id])

    def archive_contact(self, contact_id: str) -> None:
        """Put a contact away; documents keep it."""
        self.contacts[contact_id].status = "ARCHIVED"
        self._contact_changed(self.contacts[contact_id])

    def restore_contact(self, contact_id: str) -> None:
        """Take a contact back out of the archive."""
        self.contacts[contact_id].status = "ACTIVE"
        self._contact_changed(self.contacts[contact_id])

    def merge_contact(self, contact_id: str, *, into: str) -> None:
        """Merge one contact into another, which takes its documents."""
        contact = self.contacts[contact_id]
        contact.status, contact.merged_to = "ARCHIVED", into
        for invoice in self.invoices.values():
            if invoice.contact_id == contact_id:
                invoice.contact_id = into
                self.touch(invoice)
        self._contact_changed(contact)

    def _contact_changed(self, contact: Contact) -> None:
        contact.updated = self.moment()
        self.announce("CONTACT", "UPDATE", contact.contact_id, {})

    def pay(
        self, invoice_id: str, amount: Decimal, *, date: date, account_code: str = ""
    ) -> Payment:
        """Record a payment, into the first bank account unless a code is given."""
        account = self.account(account_code) if account_code else self._bank()
        payment = Payment(
            invoice_id, Decimal(amount), date, account.account_id if account else "", self.moment()
        )
        self.add_payment(payment)
        self.note(self.invoices[invoice_id], "Paid")
        return payment

    def _bank(self) -> Account | None:
        return next((found for found in self.accounts.values() if found.kind == "BANK"), None)

    def reconcile(self, payment_id: str) -> None:
        """Match a payment with the bank's statement; only the payment's time moves."""
        self.payments[payment_id].reconciled = True
        self.payments[payment_id].updated = self.moment()

    def deposit(self, *payment_ids: str) -> str:
        """Bind payments into one batch, and return its id."""
        batch_id = new_id()
        for payment_id in payment_ids:
            self.payments[payment_id].batch_id = batch_id
            self.payments[payment_id].updated = self.moment()
        return batch_id

    def remove_payment(self, payment_id: str) -> Payment:
        """Remove a payment, reconciled or not."""
        payment = self.payments[payment_id]
        self.drop_payment(payment)
        self.note(self.invoices[payment.invoice_id], "Payment removed")
        return payment

    def void(self, invoice_id: str) -> Invoice:
        """Void an approved invoice with no money on it."""
        return self._move(invoice_id, "VOIDED")

    def delete(self, invoice_id: str) -> Invoice:
        """Delete a draft."""
        return self._move(invoice_id, "DELETED")

    def approve(self, invoice_id: str) -> Invoice:
        """Approve a draft."""
        return self._move(invoice_id, "AUTHORISED")

    def _move(self, invoice_id: str, status: str) -> Invoice:
        invoice = self.invoices[invoice_id]
        self.advance(invoice, status)
        self.note(invoice, status.capitalize())
        self.touch(invoice)
        return invoice

    def mark_sent(self, invoice_id: str) -> Invoice:
        """Mark as sent; with money on the invoice its time does not move."""
        invoice = self.invoices[invoice_id]
        invoice.sent = True
        self.note(invoice, "Marked as sent")
        if not invoice.is_touched:
            self.touch(invoice)
        return invoice

    def apply_credit(
        self, invoice_id: str, amount: Decimal, *, kind: str = "credit_note"
    ) -> Allocation:
        """Give credit for that amount, as credit_note, overpayment or prepayment, and apply it."""
        self.check_money(self.invoices[invoice_id], Decimal(amount), self.moment().date())
        credit = self.give_credit(invoice_id, Decimal(amount), kind=kind)
        return self.apply(credit, invoice_id, Decimal(amount))

    def give_credit(
        self, invoice_id: str, total: Decimal, *, kind: str, day: date | None = None
    ) -> Credit:
        """Give the client of an invoice credit, which is applied to nothing yet."""
        invoice = self.invoices[invoice_id]
        credit = Credit(
            _CREDITS[kind],
            invoice.contact_id,
            Decimal(total),
            day or self.moment().date(),
            self.moment(),
            invoice.currency,
            number=f"CN-{len(self.credits) + 1:04}" if kind == "credit_note" else "",
        )
        self.credits[credit.credit_id] = credit
        self.tell_credit(credit, event="CREATE")
        return credit

    def apply(self, credit: Credit, invoice_id: str, amount: Decimal) -> Allocation:
        """Apply a part of a credit to an invoice."""
        allocation = Allocation(credit, invoice_id, Decimal(amount), self.moment().date())
        self.allocate(allocation)
        return allocation

    def round_to(self, invoice_id: str, rounding: Decimal) -> None:
        """Add a few cents to an invoice's total, or take them off."""
        self.invoices[invoice_id].rounding = Decimal(rounding)
        self.touch(self.invoices[invoice_id])

    def remove_credit(self, allocation_id: str) -> None:
        """Take an applied credit off its invoice."""
        found = [
            part
            for credit in self.credits.values()
            for part in credit.allocations
            if part.allocation_id == allocation_id
        ]
        self.release(found[0])
