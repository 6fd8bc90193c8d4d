"""An organisation's books, and the moves that both its people and the API make in them."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import count

from sandbox.serving import Clock, Numbers
from sandbox.xero.model import (
    ZERO,
    Account,
    Allocation,
    Announce,
    Contact,
    Credit,
    Invoice,
    Line,
    Note,
    Payment,
    TaxRate,
    new_id,
)
from sandbox.xero.wire import Invalid

NOT_MODIFIABLE = "Invoice not of valid status for modification"
_HAS_MONEY = (
    "The status VOIDED cannot be applied to the invoice because it has payments "
    "or credit notes allocated to it."
)
_ARCHIVED = (
    "The specified contact details matched an archived contact. "
    "Archived contacts cannot currently be edited via the API."
)
_UNUSABLE = (
    "The contact with the specified contact details has been archived. "
    "The contact must be un-archived before creating new invoices or credit notes."
)


@dataclass(slots=True, kw_only=True)
class Ledger:
    """Books that keep themselves straight."""

    name: str
    country: str
    currency: str
    short_code: str
    now: Clock
    announce: Announce
    is_demo: bool = False
    tenant_id: str = field(default_factory=new_id)
    timezone: str = "UTC"
    period_lock_date: date | None = None
    end_of_year_lock_date: date | None = None
    forbidden_actions: set[str] = field(default_factory=set)
    takes_account_ids: bool = True  # on lines, in place of a code; nobody has proved it
    combines_filters: bool = True  # createdByMyApp with others; nobody has proved it
    url_refusal: str = ""  # the words in which every Url is refused
    approvals_left: int | None = None  # small plans approve a few invoices a month
    accounts: dict[str, Account] = field(default_factory=dict)
    tax_rates: dict[str, TaxRate] = field(default_factory=dict)
    currencies: dict[str, str] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    invoices: dict[str, Invoice] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    credits: dict[str, Credit] = field(default_factory=dict)
    numbers: Numbers = field(default_factory=Numbers)

    def moment(self) -> datetime:
        """Now, in whole milliseconds."""
        now = self.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def account(self, code: str) -> Account | None:
        """The account with this code."""
        return next((found for found in self.accounts.values() if found.code == code), None)

    def account_of(self, line: Line) -> Account | None:
        """The account of a line, by its id or else by its code."""
        return self.accounts.get(line.account_id) or self.account(line.account_code)

    def rate_of(self, tax_type: str) -> Decimal:
        """The effective rate, in percent."""
        rate = self.tax_rates.get(tax_type)
        return rate.effective if rate else ZERO

    def usable_contact(self, contact: Contact, *, on_document: bool = False) -> Contact:
        """The contact, unless it is archived."""
        if contact.status != "ACTIVE":
            raise Invalid(_UNUSABLE if on_document else _ARCHIVED)
        return contact

    def contact_named(self, name: str) -> Contact | None:
        """The active contact with this name, in any case."""
        wanted = name.strip().casefold()
        active = (found for found in self.contacts.values() if found.status == "ACTIVE")
        return next((found for found in active if found.name.casefold() == wanted), None)

    def invoice_numbered(self, number: str) -> Invoice | None:
        """The sales invoice that holds a number; deleted ones have let go of theirs."""
        wanted = number.casefold()
        for invoice in self.invoices.values():
            holds = invoice.kind == "ACCREC" and invoice.status != "DELETED"
            if holds and invoice.number.casefold() == wanted:
                return invoice
        return None

    def next_number(self) -> str:
        """The next number of the organisation's own."""
        return next(
            number
            for number in (f"INV-{next(self.numbers):04}" for _ in count())
            if self.invoice_numbered(number) is None
        )

    def check_lock(self, day: date) -> None:
        """Nothing may be dated inside a locked period."""
        locks = {"period": self.period_lock_date, "end of year": self.end_of_year_lock_date}
        for name, locked in locks.items():
            if locked is not None and day <= locked:
                raise Invalid(
                    f"The document date cannot be before the {name} lock date, "
                    f"currently set at {locked:%d %B %Y}"
                )

    def touch(self, invoice: Invoice, *, event: str = "UPDATE") -> None:
        """The invoice changed: its time moves on and webhooks are told."""
        invoice.updated = self.moment()
        self.announce("INVOICE", event, invoice.invoice_id, {})

    def note(self, invoice: Invoice, changes: str, details: str = "", user: str = "") -> None:
        """Add to the invoice's history."""
        invoice.history.append(Note(changes, details, user, self.moment()))

    def add_invoice(self, invoice: Invoice) -> None:
        """Keep a new invoice."""
        self.invoices[invoice.invoice_id] = invoice
        self.contacts[invoice.contact_id].is_customer |= invoice.kind == "ACCREC"
        self.note(invoice, "Created")
        self.settle(invoice, invoice.day)
        self.touch(invoice, event="CREATE")

    def advance(self, invoice: Invoice, status: str) -> None:
        """Move the invoice to another status, if its own allows it."""
        if status in {"DELETED", "VOIDED"}:
            self._end(invoice, status)
        elif (invoice.status, status) in {
            ("DRAFT", "SUBMITTED"),
            ("DRAFT", "AUTHORISED"),
            ("SUBMITTED", "AUTHORISED"),
        }:
            if status == "AUTHORISED":
                self.check_lock(invoice.day)
            invoice.status = status
        elif status != invoice.status:
            raise Invalid(NOT_MODIFIABLE)
        self.settle(invoice, invoice.day)

    def _end(self, invoice: Invoice, status: str) -> None:
        if status == "VOIDED" and invoice.is_touched:
            raise Invalid(_HAS_MONEY)
        allowed = {"AUTHORISED"} if status == "VOIDED" else {"DRAFT", "SUBMITTED"}
        if invoice.status not in allowed:
            raise Invalid(NOT_MODIFIABLE)
        if status == "VOIDED":
            self.check_lock(invoice.day)
        invoice.status = status

    def settle(self, invoice: Invoice, day: date) -> None:
        """An approved invoice on which nothing is owed is paid, and the other way round."""
        if invoice.status == "AUTHORISED" and invoice.due_amount == ZERO:
            invoice.status, invoice.paid_on = "PAID", day
        elif invoice.status == "PAID" and invoice.due_amount != ZERO:
            invoice.status, invoice.paid_on = "AUTHORISED", None

    def check_money(self, invoice: Invoice, amount: Decimal, day: date) -> None:
        """Refuse an amount that the invoice cannot take."""
        if invoice.status != "AUTHORISED":
            raise Invalid("Payments can only be made against Authorised documents")
        if amount <= ZERO:
            raise Invalid("Payment amount must be greater than 0")
        if amount > invoice.due_amount:
            raise Invalid("Payment amount exceeds the amount outstanding on this document")
        self.check_lock(day)

    def check_payment(self, payment: Payment) -> None:
        """Refuse a payment that cannot be added."""
        account = self.accounts.get(payment.account_id)
        if account is None or not (account.kind == "BANK" or account.takes_payments):
            raise Invalid("The account type is invalid for payments")
        self.check_money(self.invoices[payment.invoice_id], payment.amount, payment.day)

    def add_payment(self, payment: Payment) -> None:
        """Settle an invoice with money."""
        self.check_payment(payment)
        invoice = self.invoices[payment.invoice_id]
        self.payments[payment.payment_id] = payment
        invoice.payments.append(payment)
        self._money_moved(invoice, payment.day)
        self._tell_payment(payment, invoice, event="CREATE")

    def drop_payment(self, payment: Payment) -> None:
        """Delete a payment; its invoice is owed again."""
        if payment.status == "DELETED":
            raise Invalid("This payment has already been deleted")
        self.check_lock(payment.day)
        payment.status = "DELETED"
        invoice = self.invoices[payment.invoice_id]
        invoice.payments.remove(payment)
        self._money_moved(invoice, payment.day)
        self._tell_payment(payment, invoice, event="UPDATE")

    def _tell_payment(self, payment: Payment, invoice: Invoice, *, event: str) -> None:
        """A payment's event names the payment, and not its invoice."""
        payment.updated = invoice.updated
        self.announce("PAYMENT", event, payment.payment_id, {})

    def allocate(self, allocation: Allocation) -> None:
        """Apply a part of a credit to an invoice."""
        credit = allocation.credit
        invoice = self.invoices[allocation.invoice_id]
        if credit.status != "AUTHORISED":
            raise Invalid(f"The {credit.kind} must be authorised and have remaining credit")
        if allocation.amount > credit.remaining:
            raise Invalid("The amount to allocate exceeds the remaining credit")
        self.check_money(invoice, allocation.amount, allocation.day)
        credit.allocations.append(allocation)
        invoice.allocations.append(allocation)
        credit.status = "PAID" if credit.remaining == ZERO else credit.status
        self._money_moved(invoice, allocation.day)
        self.tell_credit(credit)

    def release(self, allocation: Allocation) -> None:
        """Take an allocation back."""
        credit, invoice = allocation.credit, self.invoices[allocation.invoice_id]
        credit.allocations.remove(allocation)
        invoice.allocations.remove(allocation)
        credit.status = "AUTHORISED"
        self._money_moved(invoice, allocation.day)
        self.tell_credit(credit)

    def tell_credit(self, credit: Credit, *, event: str = "UPDATE") -> None:
        """A credit changed; webhooks know of every kind."""
        credit.updated = self.moment()
        data = {"Type": "ACCRECCREDIT", "Status": credit.status}
        known = data if credit.kind == "CreditNote" else {}
        self.announce(credit.kind.upper(), event, credit.credit_id, known)

    def _money_moved(self, invoice: Invoice, day: date) -> None:
        self.settle(invoice, day)
        self.touch(invoice)
