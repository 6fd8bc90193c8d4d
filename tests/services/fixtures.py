"""The fixture `bridge`, made of whatever a module's tests begin with, and both sides of it."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from sandbox.paymo import Invoice
from sandbox.xero.model import Invoice as XeroInvoice
from services.model.jobs import Job
from services.store.engine import Database
from services.store.tables import AuditEntry, Export, Task
from tests.services.bridge import Bridge, Builder, prepared
from tests.services.store_seeds import rows_of


def bridge_of(build: Builder) -> Any:
    """Return the fixture `bridge`: what this builds, closed after the test."""

    @pytest.fixture(name="bridge")
    async def opened(database: Database) -> AsyncIterator[Bridge]:
        made = await build(database)
        yield made
        await made.close()

    return opened


def acme(*numbers: str) -> Builder:
    """Return what builds a connected pair with Acme Ltd and these invoices of 115.00 in Paymo."""
    return lambda database: Bridge.with_acme(database, *numbers)


def exported(count: int, *, spare: int = 0) -> Builder:
    """Return what builds a connected pair with so many exported invoices of 115.00, from INV-1 on.

    There are `spare` ones more in Paymo alone.
    """
    numbers = [f"INV-{nth}" for nth in range(1, count + spare + 1)]

    async def build(database: Database) -> Bridge:
        made = await Bridge.with_acme(database, *numbers)
        for number in numbers[:count]:
            await made.export_it(number)
        return made

    async def copied(database: Database) -> Bridge:
        return await prepared(database, ("exported", str(count), *numbers), build)

    return copied


async def row(bridge: Bridge) -> Export:
    """Return the only export."""
    (export,) = await bridge.exports()
    return export


async def audited(bridge: Bridge, what: str) -> list[AuditEntry]:
    """Return who did this, in order."""
    found = await rows_of(bridge.database, AuditEntry)
    return [each for each in found if each.what == what]


async def comparisons(bridge: Bridge) -> list[Task]:
    """Return every comparison that was asked for, in order."""
    found = await rows_of(bridge.database, Task)
    return [each for each in found if each.job is Job.RECONCILE]


def in_paymo(bridge: Bridge, number: str = "INV-1") -> Invoice:
    """Return an invoice as it stands in Paymo."""
    return bridge.paymo.company.numbered(number)


def in_xero(bridge: Bridge, number: str = "INV-1") -> XeroInvoice:
    """Return an invoice as it stands in Xero."""
    return next(each for each in bridge.xero.invoices.values() if each.number == number)


def paid(bridge: Bridge, number: str = "INV-1") -> list[Decimal]:
    """Return the amounts of an invoice's payments in Paymo."""
    payments = bridge.paymo.company.payments_of(in_paymo(bridge, number).id)
    return [each.amount for each in payments]


async def void_all(bridge: Bridge) -> None:
    """Void every invoice in Xero, and look."""
    for each in list(bridge.xero.invoices.values()):
        bridge.xero.books.void(each.invoice_id)
    await bridge.look()
