"""Invoices, books and choices to look at, with one thing changed at a time."""

from datetime import date
from decimal import Decimal
from typing import Any

from services.clients.paymo import Client, Invoice, Item
from services.mapping import checks
from services.mapping.case import ExportChoice, LedgerSettings
from services.model.export import Check, Colour
from services.store.tables import Account, Contact, TaxRate
from tests.services.store_seeds import NOW

GREEN, AMBER, RED = Colour.GREEN, Colour.AMBER, Colour.RED


def item(price: str = "100", **fields: Any) -> Item:
    usual: dict[str, Any] = {
        "id": 1,
        "item": "Design",
        "price_unit": Decimal(price),
        "quantity": Decimal(1),
        "apply_tax": True,
    }
    return Item(**{**usual, **fields})


def invoice(**fields: Any) -> Invoice:
    """One invoice of 100 and 15% tax, with what is named instead."""
    usual: dict[str, Any] = {
        "id": 98,
        "number": "INV-7",
        "client_id": 5,
        "status": "sent",
        "currency": "NZD",
        "issued_on": date(2026, 11, 20),
        "due_on": date(2026, 12, 20),
        "subtotal": Decimal(100),
        "tax": Decimal(15),
        "tax_amount": Decimal(15),
        "total": Decimal(115),
        "updated_on": NOW,
        "items": (item(),),
        "client": Client(id=5, name="Acme"),
    }
    return Invoice(**{**usual, **fields})


def account(account_id: str, name: str, tax_type: str, **fields: Any) -> Account:
    usual = {"code": account_id, "type": "REVENUE", "is_usable": True}
    return Account(account_id=account_id, name=name, tax_type=tax_type, **{**usual, **fields})


def rate(tax_type: str, name: str, per_cent: str, *, is_usable: bool = True) -> TaxRate:
    return TaxRate(
        tax_type=tax_type, name=name, effective_rate=Decimal(per_cent), is_usable=is_usable
    )


RATES = (
    rate("OUTPUT2", "15% GST", "15"),
    rate("TAX001", "Texas", "6.25"),
    rate("NONE", "No Tax", "0"),
    rate("ZERO", "Zero Rated", "0"),
    rate("OLD", "Old rate", "9", is_usable=False),
)
ACCOUNTS = (
    account("200", "Sales", "OUTPUT2"),
    account("260", "Other Revenue", "NONE"),
    account("290", "Closed", "OUTPUT2", is_usable=False, why_not="archived"),
)
BOOKS = LedgerSettings(
    country="NZ",
    organisation="Harbour Studio",
    locked_until=date(2026, 10, 31),
    currencies=frozenset({"NZD", "EUR"}),
    accounts={each.account_id: each for each in ACCOUNTS},
    tax_rates={each.tax_type: each for each in RATES},
    contact=Contact(contact_id="c1", name="Acme Ltd", is_active=True),
)
CHOICE = ExportChoice(invoice_id=98, contact_id="c1", account_id="200")


def case(
    paymo: Invoice | None = None, choice: ExportChoice = CHOICE, books: LedgerSettings = BOOKS
) -> checks.Case:
    return checks.Case(invoice() if paymo is None else paymo, choice, books)


def look(name: str, at: checks.Case) -> Check:
    """Return the one check with this name."""
    [found] = [each for each in checks.examine(at) if each.name == name]
    return found
