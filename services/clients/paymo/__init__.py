"""Paymo's REST API, as far as the bridge needs it."""

from services.clients.paymo.client import PaymoClient, PaymoClients
from services.clients.paymo.wire import Client, Company, Header, Hook, Invoice, Item, Payment

__all__ = [
    "Client",
    "Company",
    "Header",
    "Hook",
    "Invoice",
    "Item",
    "Payment",
    "PaymoClient",
    "PaymoClients",
]
