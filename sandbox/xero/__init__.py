"""A stand-in for Xero: consent and tokens, the accounting API, its limits, and its webhooks."""

from sandbox.serving import Seen
from sandbox.xero.identity import Consent
from sandbox.xero.model import Contact, Invoice, Payment, TaxComponent
from sandbox.xero.organisation import Organisation
from sandbox.xero.server import XeroWorld
from sandbox.xero.wire import Invalid

__all__ = [
    "Consent",
    "Contact",
    "Invalid",
    "Invoice",
    "Organisation",
    "Payment",
    "Seen",
    "TaxComponent",
    "XeroWorld",
]
