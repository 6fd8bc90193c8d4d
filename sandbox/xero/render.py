"""How the books look on the wire."""

from decimal import Decimal

from sandbox.serving import Json
from sandbox.xero.ledger import Ledger
from sandbox.xero.model import Account, Allocation, Contact, Credit, Invoice, Line, Payment, TaxRate
from sandbox.xero.totals import cents, places
from sandbox.xero.wire import days, ms_moment, stamps


def account_json(account: Account) -> Json:
    """An account; one without a code has no such key."""
    return ({"Code": account.code} if account.code else {}) | {
        "AccountID": account.account_id,
        "Name": account.name,
        "Status": account.status,
        "Type": account.kind,
        "TaxType": account.tax_type,
        "Class": account.account_class,
        "SystemAccount": account.system_account,
        "EnablePaymentsToAccount": account.takes_payments,
        "ShowInExpenseClaims": False,
        "BankAccountType": "BANK" if account.kind == "BANK" else "",
        "HasAttachments": False,
        "UpdatedDateUTC": ms_moment(account.updated),
        "AddToWatchlist": False,
    }


def tax_rate_json(rate: TaxRate) -> Json:
    """A tax rate with its components."""
    return {
        "Name": rate.name,
        "TaxType": rate.tax_type,
        "ReportTaxType": rate.report_type,
        "CanApplyToAssets": True,
        "CanApplyToEquity": True,
        "CanApplyToExpenses": not rate.revenue or rate.tax_type == "NONE",
        "CanApplyToLiabilities": True,
        "CanApplyToRevenue": rate.revenue,
        "DisplayTaxRate": rate.effective,
        "EffectiveRate": rate.effective,
        "Status": rate.status,
        "TaxComponents": [
            {
                "Name": part.name,
                "Rate": part.rate,
                "IsCompound": part.compound,
                "IsNonRecoverable": False,
            }
            for part in rate.components
        ],
    }


def contact_json(contact: Contact, *, summary: bool = False) -> Json:
    """A contact; summaries leave out what takes computing."""
    merged = {"MergedToContactID": contact.merged_to} if contact.merged_to else {}
    computed = {} if summary else {"IsSupplier": False, "IsCustomer": contact.is_customer}
    return {
        "ContactID": contact.contact_id,
        "ContactStatus": contact.status,
        "Name": contact.name,
        "EmailAddress": "",
        "Addresses": [],
        "Phones": [],
        "ContactGroups": [],
        "ContactPersons": [],
        "HasAttachments": False,
        "HasValidationErrors": False,
        "UpdatedDateUTC": ms_moment(contact.updated),
        **merged,
        **computed,
        **contact.fields,
    }


def _contact_stub(ledger: Ledger, contact_id: str) -> Json:
    return {
        "ContactID": contact_id,
        "Name": ledger.contacts[contact_id].name,
        "Addresses": [],
        "Phones": [],
        "ContactGroups": [],
        "ContactPersons": [],
        "HasValidationErrors": False,
    }


def invoice_head(ledger: Ledger, invoice: Invoice, *, summary: bool = False) -> Json:
    """An invoice as lists without pages show it: no lines."""
    head: Json = {
        "Type": invoice.kind,
        "InvoiceID": invoice.invoice_id,
        "InvoiceNumber": invoice.number,
        "Reference": invoice.reference,
        "CreditNotes": _credits(invoice, "CreditNote"),
        "Prepayments": _credits(invoice, "Prepayment"),
        "Overpayments": _credits(invoice, "Overpayment"),
        "AmountDue": invoice.due_amount,
        "AmountPaid": invoice.paid,
        "AmountCredited": invoice.credited,
        "SentToContact": invoice.sent,
        "CurrencyRate": invoice.currency_rate,
        "HasErrors": False,
        "IsDiscounted": _discount(invoice) != 0,
        "Contact": _contact_stub(ledger, invoice.contact_id),
        **days(Date=invoice.day, DueDate=invoice.due, FullyPaidOnDate=invoice.paid_on),
        "Status": invoice.status,
        "LineAmountTypes": invoice.tax_mode,
        "SubTotal": invoice.sub_total,
        "TotalTax": invoice.total_tax,
        "Total": invoice.total,
        **stamps(invoice.updated),
        "CurrencyCode": invoice.currency,
    }
    head.pop("FullyPaidOnDateString", None)
    if invoice.rounding:
        head["RoundingAmount"] = invoice.rounding
    if invoice.url:
        head["Url"] = invoice.url
    if not summary:
        head |= {
            "Payments": _payments(invoice),
            "LineItems": [],
            "HasAttachments": bool(invoice.files),
        }
    return head


def invoice_json(ledger: Ledger, invoice: Invoice, *, unit_places: int) -> Json:
    """A whole invoice; as recorded, what was never applied is absent rather than empty."""
    whole = invoice_head(ledger, invoice)
    for name in ("Payments", "CreditNotes"):
        if not whole[name]:
            del whole[name]
    if not invoice.allocations:
        del whole["AmountCredited"]
    contact = contact_json(ledger.contacts[invoice.contact_id])
    return whole | {"Contact": contact} | invoice_lines(ledger, invoice, unit_places)


def invoice_lines(ledger: Ledger, invoice: Invoice, unit_places: int) -> Json:
    """The lines, and the discount that their sum holds."""
    discount = _discount(invoice)
    return ({"TotalDiscount": discount} if discount else {}) | {
        "LineItems": [_line(ledger, line, unit_places) for line in invoice.lines]
    }


def _discount(invoice: Invoice) -> Decimal:
    return sum(
        (
            cents(line.quantity * line.unit_amount) - line.line_amount
            for line in invoice.lines
            if line.quantity is not None and line.unit_amount is not None
        ),
        Decimal(0),
    )


def _line(ledger: Ledger, line: Line, unit_places: int) -> Json:
    body: Json = {"LineItemID": line.line_id, "Description": line.description, "Tracking": []}
    if line.is_text or line.unit_amount is None:
        return body
    if account := ledger.account_of(line):
        coded = {"AccountCode": account.code} if account.code else {}
        body |= coded | {"AccountID": account.account_id}
    for name, value in (
        ("DiscountRate", line.discount_rate),
        ("DiscountAmount", line.discount_amount),
    ):
        if value is not None:
            body[name] = value
    return body | {
        "UnitAmount": places(line.unit_amount, unit_places),
        "Quantity": line.quantity,
        "TaxType": line.tax_type,
        "TaxAmount": line.tax_amount,
        "LineAmount": line.line_amount,
        "ValidationErrors": [],
    }


def _payments(invoice: Invoice) -> list[Json]:
    return [
        {
            "PaymentID": payment.payment_id,
            **_only_ms(days(Date=payment.day)),
            "Amount": payment.amount,
            "Reference": payment.reference,
            "CurrencyRate": invoice.currency_rate,
            "HasAccount": False,
            "HasValidationErrors": False,
        }
        for payment in invoice.payments
    ]


def _only_ms(both: Json) -> Json:
    return {name: value for name, value in both.items() if not name.endswith("String")}


def _credits(invoice: Invoice, kind: str) -> list[Json]:
    """Credit notes as they were applied, each time anew; the others whole, and once."""
    parts = [part for part in invoice.allocations if part.credit.kind == kind]
    if kind == "CreditNote":
        return [_whole(part.credit) | {"AppliedAmount": part.amount} for part in parts]
    return list({part.credit.credit_id: _whole(part.credit) for part in parts}.values())


def _whole(credit: Credit) -> Json:
    named = {"CreditNoteNumber": credit.number} if credit.kind == "CreditNote" else {}
    return named | {
        f"{credit.kind}ID": credit.credit_id,
        "ID": credit.credit_id,
        "HasErrors": False,
        "InvoiceAddresses": [],
        "Total": credit.total,
        **days(Date=credit.day),
        "LineItems": [],
    }


def payment_json(ledger: Ledger, payment: Payment) -> Json:
    """A payment with its account and its invoice."""
    invoice = ledger.invoices[payment.invoice_id]
    account = ledger.accounts[payment.account_id]
    coded = {"Code": account.code} if account.code else {}
    batch: Json = {"BatchPaymentID": payment.batch_id} if payment.batch_id else {}
    return batch | {
        "PaymentID": payment.payment_id,
        **_only_ms(days(Date=payment.day)),
        "BankAmount": payment.amount if payment.bank_amount is None else payment.bank_amount,
        "Amount": payment.amount,
        "Reference": payment.reference,
        "CurrencyRate": invoice.currency_rate,
        "PaymentType": f"{invoice.kind}PAYMENT",
        "Status": payment.status,
        **stamps(payment.updated),
        "HasAccount": True,
        "IsReconciled": payment.reconciled,
        "Account": {"AccountID": account.account_id, "Name": account.name, **coded},
        "Invoice": invoice_head(ledger, invoice),
        "HasValidationErrors": False,
    }


_CREDIT_TYPES = {
    "CreditNote": "ACCRECCREDIT",
    "Overpayment": "RECEIVE-OVERPAYMENT",
    "Prepayment": "RECEIVE-PREPAYMENT",
}


def credit_json(ledger: Ledger, credit: Credit) -> Json:
    """A credit with its allocations."""
    named = {"CreditNoteNumber": credit.number} if credit.kind == "CreditNote" else {}
    return named | {
        f"{credit.kind}ID": credit.credit_id,
        "ID": credit.credit_id,
        "Type": _CREDIT_TYPES[credit.kind],
        "Reference": credit.reference,
        "RemainingCredit": credit.remaining,
        "Allocations": [allocation_json(ledger, part) for part in credit.allocations],
        "Contact": _contact_stub(ledger, credit.contact_id),
        **days(Date=credit.day),
        "Status": credit.status,
        "LineAmountTypes": "NoTax",
        "LineItems": [],
        "SubTotal": credit.total,
        "TotalTax": Decimal(0),
        "Total": credit.total,
        **stamps(credit.updated),
        "CurrencyCode": credit.currency,
        "CurrencyRate": Decimal(1),
        "HasAttachments": False,
    }


def allocation_json(ledger: Ledger, part: Allocation) -> Json:
    """An applied part of a credit."""
    invoice = ledger.invoices[part.invoice_id]
    return {
        "AllocationID": part.allocation_id,
        "Amount": part.amount,
        **_only_ms(days(Date=part.day)),
        "Invoice": {"InvoiceID": invoice.invoice_id, "InvoiceNumber": invoice.number},
        "IsDeleted": False,
    }
