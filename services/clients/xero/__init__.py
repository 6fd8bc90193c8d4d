"""Xero's accounting API and its connections, as far as this program needs them."""

from services.clients.xero.client import (
    AppliedCredit,
    XeroClient,
    XeroClients,
    applied_credits,
    settlements_of,
)
from services.clients.xero.wire import (
    LONGEST_NAME,
    Account,
    Addition,
    Contact,
    EnabledCurrency,
    InvoicePayment,
    NewContact,
    NewInvoice,
    NewLine,
    TaxRate,
    Tenant,
    XeroInvoice,
    XeroOrganisation,
    is_email,
    name_in_xero,
)

__all__ = [
    "LONGEST_NAME",
    "Account",
    "Addition",
    "AppliedCredit",
    "Contact",
    "EnabledCurrency",
    "InvoicePayment",
    "NewContact",
    "NewInvoice",
    "NewLine",
    "TaxRate",
    "Tenant",
    "XeroClient",
    "XeroClients",
    "XeroInvoice",
    "XeroOrganisation",
    "applied_credits",
    "is_email",
    "name_in_xero",
    "settlements_of",
]
