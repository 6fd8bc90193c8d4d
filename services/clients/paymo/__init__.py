"""Paymo's REST API, as far as this program needs it."""

from services.clients.paymo.client import PaymoClient, PaymoClients
from services.clients.paymo.wire import (
    Billed,
    Client,
    Company,
    Header,
    Hook,
    Invoice,
    Item,
    Payment,
)

__all__ = [
    "Billed",
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
