"""An exported invoice that somebody edits in Paymo, or changes in Xero."""

from decimal import Decimal
from typing import Any

from sandbox.paymo import Invoice
from sandbox.xero.model import Invoice as XeroInvoice
from services.model.people import Person
from services.store.engine import Database
from tests.services.bridge import ANNA, Bridge, built_once, reply_to


@built_once
async def open_bridge(database: Database) -> Bridge:
    """Return a connected pair with one exported invoice of 115.00."""
    made = await Bridge.open(database)
    made.xero.books.add_contact("Acme Ltd")
    made.xero.books.add_currency("USD")
    acme = made.paymo.company.add_client("Acme Ltd")
    made.paymo.company.add_invoice("INV-1", acme, [("Work", "", 1, "100")], tax=15)
    await made.wait(hours=2)
    await made.export_it("INV-1")
    return made


def in_paymo(bridge: Bridge) -> Invoice:
    """Return the invoice as it stands in Paymo."""
    return next(iter(bridge.paymo.company.invoices.values()))


def in_xero(bridge: Bridge) -> XeroInvoice:
    """Return the invoice as it stands in Xero."""
    return next(iter(bridge.xero.invoices.values()))


def edit(bridge: Bridge, **fields: Any) -> None:
    """Have somebody edit the invoice in Paymo."""
    bridge.paymo.company.edit(in_paymo(bridge).id, **fields)


def reprice(bridge: Bridge, price: str) -> None:
    """Have somebody edit the price of its only line."""
    invoice = in_paymo(bridge)
    invoice.items[0].price_unit = Decimal(price)
    edit(bridge)


def change(bridge: Bridge, **fields: Any) -> None:
    """Have somebody change the invoice in Xero."""
    invoice = in_xero(bridge)
    for name, value in fields.items():
        setattr(invoice, name, value)
    bridge.xero.books.touch(invoice)


async def told(bridge: Bridge) -> list[dict[str, Any]]:
    """Return the facts of what was told of edits."""
    return [dict(facts) for kind, facts in await bridge.notices() if kind == "invoice_drifted"]


def writes(bridge: Bridge) -> list[str]:
    """Return what was written to Xero's invoices since the export."""
    return [each.path for each in bridge.xero.calls("POST", "/Invoices")]


async def press(bridge: Bridge, person: Person = ANNA) -> None:
    """Press the button under what was told, and let it happen."""
    (export,) = await bridge.exports()
    await bridge.update.ask(person, export.id, reply_to())
    await bridge.run()
