"""One invoice that somebody wants to export, its destination, and what Xero would get."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from services import money
from services.clients.paymo import Invoice
from services.clients.xero import Addition, NewInvoice, NewLine
from services.model import numbers
from services.model.export import (
    DUE_BY_TERMS,
    DUE_ON_DATE,
    UNTAXED,
    KnownAccount,
    KnownContact,
    KnownRate,
    due_day,
)
from services.model.invoice import InvoiceLine, InvoicePicture
from services.money import XeroLine

DRAFT = "DRAFT"


def adding_of(invoice: Invoice) -> Addition:
    """How the invoice's client would be added to Xero."""
    return Addition.of(invoice.client_id, invoice.client_name)


def email_of(invoice: Invoice) -> str:
    """The client's address as a contact in Xero would have it."""
    return numbers.spaced(invoice.client.email or "") if invoice.client else ""


@dataclass(frozen=True, slots=True)
class ExportChoice:
    """The fields of the export form; empty means nothing chosen."""

    invoice_id: int | None = None
    contact_id: str = ""  # "new" adds the client to Xero
    account_id: str = ""
    tax_type: str = ""
    untaxed_type: str = ""  # of lines without tax
    xero_status: str = "AUTHORISED"
    override_tax: bool = False  # the owner lets the account's tax differ from Paymo's
    issue_on: date | None = None  # the date in Xero where it is not to be Paymo's
    due_rule: str = ""  # "terms", "date" or a day where Paymo's due date does not serve
    leave_out_number: bool = False  # so that Xero gives its own


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """Accounts, rates, currencies and lock dates of one organisation, and one of its contacts."""

    organisation: str
    country: str  # as Xero writes it, by ISO 3166
    locked_until: date | None  # the later of the two lock dates
    currencies: frozenset[str]
    accounts: Mapping[str, KnownAccount]
    tax_rates: Mapping[str, KnownRate]
    contact: KnownContact | None
    merged_from: str = ""  # the name of the contact that was chosen, where it was merged
    is_unlike: bool = False  # nothing about the contact is like the client
    namesake: KnownContact | None = None  # has the name under which a client would be added
    tax_choices: Mapping[str, str] = field(default_factory=dict)  # tax types by Paymo's rate

    def written(self, rate: Decimal) -> str:
        """Write a rate as people of the organisation's country do."""
        return money.format_rate(rate, self.country)

    def choice_for(self, rate: Decimal) -> str:
        """The tax type that was chosen before for this rate of Paymo's, or ""."""
        return self.tax_choices.get(money.plain(rate), "")

    def rate_of(self, account: KnownAccount) -> Decimal | None:
        """The per cent that this account's tax comes to, or None when it has none."""
        tax = self.tax_rates.get(account.tax_type)
        return tax.effective_rate if tax is not None and tax.is_usable else None

    def accounts_with(self, rate: Decimal) -> list[KnownAccount]:
        """The accounts for sales whose own tax comes to this many per cent."""
        return [
            each
            for each in self.accounts.values()
            if each.is_usable
            and not each.is_liability
            and (its_rate := self.rate_of(each)) is not None
            and money.rates_agree(its_rate, rate)
        ]

    def zero_rates(self) -> tuple[KnownRate, ...]:
        """Every rate that lines without tax could have."""
        return tuple(each for each in self.tax_rates.values() if each.is_zero)

    def zero_rate(self, chosen: str = "") -> KnownRate | None:
        """The rate for lines that Paymo leaves untaxed, or None while nobody has chosen.

        It is the only one, else the one chosen now, else the one that is remembered.
        """
        zeros = {each.tax_type: each for each in self.zero_rates()}
        if len(zeros) == 1:
            return next(iter(zeros.values()))
        return zeros.get(chosen) or zeros.get(self.tax_choices.get(UNTAXED, ""))


@dataclass(frozen=True, slots=True)
class Case:
    """One invoice that somebody wants exported, with everything there is to know about it."""

    invoice: Invoice
    choice: ExportChoice
    ledger: LedgerSettings

    @property
    def account(self) -> KnownAccount | None:
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
    def is_locked(self) -> bool:
        """Whether a lock date in Xero forbids its date."""
        locked = self.ledger.locked_until
        return locked is not None and self.issued_on <= locked and not self.is_draft

    @property
    def due_on(self) -> date | None:
        """The due date in Xero.

        Paymo's stays when the date is moved, but for one that would then come before the date:
        such an invoice is due on its date.
        """
        invoice, terms = self.invoice, self.invoice.terms
        if self.choice.due_rule == DUE_ON_DATE:
            return self.issued_on
        if (chosen := due_day(self.choice.due_rule)) is not None:
            return chosen
        if self.choice.due_rule == DUE_BY_TERMS and terms is not None:
            return self.issued_on + timedelta(days=terms)
        if invoice.due_on is None or invoice.due_on < invoice.issued_on:
            return invoice.due_on
        return max(invoice.due_on, self.issued_on)

    @property
    def is_due_known(self) -> bool:
        """Whether the due date in Xero is there, and not before the invoice's own."""
        return self.due_on is not None and self.due_on >= self.issued_on


@dataclass(frozen=True, slots=True)
class Target:
    """Where one invoice goes in Xero, everything resolved; empty means as the account has it."""

    contact_id: str
    account: KnownAccount
    xero_status: str
    leave_out_number: bool
    tax_type: str = ""
    untaxed_type: str = ""
    issued_on: date | None = None
    due_on: date | None = None
    url: str = ""  # the link to Paymo that Xero shows to staff


def new_invoice(invoice: Invoice, target: Target) -> NewInvoice:
    """The invoice as Xero is sent it: exclusive lines, each with its discount and tax."""
    figures = invoice.figures
    keeps_number = money.fits_number(invoice.number) and not target.leave_out_number
    return NewInvoice(
        contact_id=target.contact_id,
        status=target.xero_status,
        issued_on=target.issued_on or invoice.issued_on,
        due_on=target.due_on or invoice.due_on,
        number=invoice.number if keeps_number else None,
        reference="" if keeps_number else money.reference(invoice.number),
        url=target.url,
        currency=money.currency_code(invoice.currency),
        lines=[_new_line(line, target) for line in money.xero_lines(figures)],
    )


def _new_line(line: XeroLine, target: Target) -> NewLine:
    account = target.account
    taxed = target.tax_type or account.tax_type
    return NewLine(
        description=line.description,
        quantity=line.quantity,
        unit_amount=line.unit_amount,
        account_code=account.code,
        account_id="" if account.code else account.account_id,
        tax_type=taxed if line.is_taxed else target.untaxed_type or taxed,
        tax_amount=line.tax_amount,
        discount_amount=line.discount_amount or None,
    )


def picture_of(invoice: Invoice, country: str) -> InvoicePicture:
    """The invoice as Xero will show it. Raises when its figures do not add up."""
    figures = invoice.figures
    lines = tuple(
        InvoiceLine(
            description=each.description,
            quantity=each.quantity,
            unit_amount=each.unit_amount,
            amount=each.amount,
            tax=each.tax_amount,
        )
        for each in money.xero_lines(figures)
    )
    sub_total, tax_total, total = money.expected_totals(figures)
    return InvoicePicture(
        currency=money.currency_code(invoice.currency),
        country=country,
        issued_on=invoice.issued_on,
        due_on=invoice.due_on,
        lines=lines,
        sub_total=sub_total,
        tax_total=tax_total,
        total=total,
    )
