"""From Paymo's invoice to what Xero is sent."""

from dataclasses import dataclass
from datetime import date

from services import money
from services.clients.paymo import Invoice
from services.clients.xero import NewInvoice, NewLine
from services.model.invoice import InvoiceLine, InvoicePicture
from services.money import XeroLine
from services.store.tables import Account


@dataclass(frozen=True, slots=True)
class Target:
    """Where one invoice goes in Xero, everything resolved; empty means as the account has it."""

    contact_id: str
    account: Account
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


def picture_of(
    invoice: Invoice, *, contact_name: str, account_name: str, country: str
) -> InvoicePicture:
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
        number=invoice.number,
        client_name=invoice.client_name,
        contact_name=contact_name,
        account_name=account_name,
        currency=money.currency_code(invoice.currency),
        country=country,
        issued_on=invoice.issued_on,
        due_on=invoice.due_on,
        lines=lines,
        sub_total=sub_total,
        tax_total=tax_total,
        total=total,
    )
