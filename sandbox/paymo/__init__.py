"""A stand-in for Paymo: its REST API, its rules, and the people who work in it."""

from sandbox.paymo.company import Company
from sandbox.paymo.model import Client, Invoice, Item, Payment
from sandbox.paymo.server import PaymoWorld

__all__ = ["Client", "Company", "Invoice", "Item", "Payment", "PaymoWorld"]
