"""Xero's accounting API and its connections, as far as the bridge needs them."""

from services.clients.xero.client import XeroClient, XeroClients
from services.clients.xero.credits import AppliedCredit, applied_credits
from services.clients.xero.wire import (
    LONGEST_NAME,
    Account,
    Addition,
    Contact,
    Currency,
    InvoicePayment,
    NewContact,
    NewInvoice,
    NewLine,
    Organisation,
    Payment,
    TaxRate,
    Tenant,
    XeroInvoice,
    is_email,
    name_in_xero,
)

__all__ = [
    "LONGEST_NAME",
    "Account",
    "Addition",
    "AppliedCredit",
    "Contact",
    "Currency",
    "InvoicePayment",
    "NewContact",
    "NewInvoice",
    "NewLine",
    "Organisation",
    "Payment",
    "TaxRate",
    "Tenant",
    "XeroClient",
    "XeroClients",
    "XeroInvoice",
    "applied_credits",
    "is_email",
    "name_in_xero",
]
