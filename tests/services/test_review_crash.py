"""A crash between any two lines: the remote work is done, and our own row never heard of it.

Rows are put back to what they were before the answer; what is due then is done again.
"""

import asyncio
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import delete

from sandbox.xero.model import TaxComponent
from services.errors import AlreadyRequested
from services.model.export import ExportState
from services.model.invoice import InvoiceState, PaymentState
from services.store import exports, payments
from services.store.engine import Database
from services.store.tables import Notice
from tests.services.bridge import ANNA, BEN, Bridge, built_once, reply_to
from tests.services.fixtures import bridge_of

LONG = "INV-2026-11-25-00000001"
FAR_PAST = date(1999, 12, 31)


@built_once
async def pair(database: Database) -> Bridge:
    """A connected pair with one exported invoice of 115.00, without a number in Xero."""
    made = await Bridge.with_acme(database, LONG)
    await made.export_it(LONG)
    return made


bridge = bridge_of(pair)


async def kinds(bridge: Bridge) -> list[str]:
    """Return the kinds of all notices."""
    return [kind for kind, _ in await bridge.notices()]


async def forget_export(bridge: Bridge, **values: object) -> None:
    """Put the export's row back, and what was told with it."""
    async with bridge.database.sessions.begin() as session:
        export = await exports.get(session, 1)
        for name, value in values.items():
            setattr(export, name, value)
        await session.execute(delete(Notice))


async def forget_payment(bridge: Bridge, **values: object) -> None:
    """Put the payment's row back, and what was told with it; have Xero looked at now."""
    async with bridge.database.sessions.begin() as session:
        payment = await payments.get(session, 1)
        for name, value in values.items():
            setattr(payment, name, value)
        payment.due_at = bridge.clock()
        await session.execute(delete(Notice))
    await bridge.change(sweep_due_at=bridge.clock())


async def test_e09_an_export_that_never_heard_of_its_invoice_adopts_it(bridge: Bridge) -> None:
    """Nothing is sent again, and nothing is told again."""
    sent = len(bridge.xero.calls("PUT", "Invoices"))
    await forget_export(
        bridge, state=ExportState.SENDING, xero_invoice_id=None, due_at=bridge.clock()
    )
    await bridge.run()
    (export,) = await bridge.exports()
    assert (export.state, export.is_linked) == (ExportState.EXPORTED, False)
    assert list(bridge.xero.invoices) == [export.xero_invoice_id]
    assert len(bridge.xero.calls("PUT", "Invoices")) == sent
    assert await kinds(bridge) == ["invoice_exported"]


async def test_e62_a_payment_that_never_heard_of_its_copy_adopts_it(bridge: Bridge) -> None:
    """However long ago it was paid, it is in Paymo once, and told once."""
    bridge.xero.books.pay(next(iter(bridge.xero.invoices)), Decimal(40), date=FAR_PAST)
    await bridge.look()
    await forget_payment(bridge, state=PaymentState.ADDING, paymo_payment_id=None)
    await bridge.run()
    company = bridge.paymo.company
    (copy,) = company.payments_of(company.numbered(LONG).id)
    assert (copy.amount, copy.paid_on) == (Decimal(40), FAR_PAST)
    assert len(bridge.paymo.calls("POST")) == 1
    (payment,) = await bridge.payments()
    assert payment.paymo_payment_id == copy.id
    assert await kinds(bridge) == ["payment_received"]


async def test_a_removal_that_never_heard_of_its_end_is_told_once(bridge: Bridge) -> None:
    """The copy is gone already, which is what was wanted."""
    payment = bridge.xero.books.pay(next(iter(bridge.xero.invoices)), Decimal(40), date=FAR_PAST)
    await bridge.look()
    (row,) = await bridge.payments()
    bridge.xero.books.remove_payment(payment.payment_id)
    await bridge.look()
    await forget_payment(bridge, state=PaymentState.REMOVING, paymo_payment_id=row.paymo_payment_id)
    await bridge.run()
    (row,) = await bridge.payments()
    assert row.state is PaymentState.REMOVED
    assert await kinds(bridge) == ["payment_removed"]


async def test_a_deletion_that_never_heard_of_its_end_is_told_once(bridge: Bridge) -> None:
    """It was our own hand, so it is settled as that, with the snapshot kept."""
    await bridge.change(void_means="delete")
    bridge.xero.books.void(next(iter(bridge.xero.invoices)))
    await bridge.look()
    await forget_export(bridge, invoice_state=InvoiceState.VOID_SEEN)
    await bridge.look()
    (export,) = await bridge.exports()
    assert export.invoice_state is InvoiceState.DELETED
    assert (export.snapshot or {})["number"] == LONG
    assert await kinds(bridge) == ["invoice_voided"]
    assert (await bridge.notices())[-1][1]["in_paymo"] == "deleted"


async def test_two_who_press_at_once_claim_one_invoice(bridge: Bridge) -> None:
    """From two forms, in one moment, with a constraint that decides."""
    await bridge.change(exporters=[BEN.user_id])
    acme = next(iter(bridge.paymo.company.clients.values()))
    bridge.paymo.company.add_invoice("INV-2", acme, [("Work", "", 1, "100")], tax=15)
    await bridge.look()
    forms = [(each, await bridge.form_for("INV-2", each)) for each in (ANNA, BEN)]
    asked = [
        bridge.requests.request(each, form.draft_id, bridge.choice(form), reply_to())
        for each, form in forms
    ]
    said = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in said if each != "INV-2"] == [AlreadyRequested]
    await bridge.run()
    assert len(bridge.xero.invoices) == 2


@pytest.mark.parametrize(
    ("currency", "prices"),
    [
        ("NZD", ("85.505", "19.99", "-12.34", "7.77", "0.05")),
        ("JPY", ("8551", "1999", "-1234", "777", "5")),
    ],
)
async def test_five_lines_with_discount_and_tax_on_tax_are_equal_in_xero(
    bridge: Bridge, currency: str, prices: tuple[str, ...]
) -> None:
    """Xero reckons by its own rules, and arrives at Paymo's figures, whatever the currency."""
    books = bridge.xero.books
    books.add_currency("JPY")
    federal, regional = Decimal(5), Decimal("9.975")
    parts = (TaxComponent("GST", federal), TaxComponent("QST", regional, compound=True))
    books.add_tax_rate("TAX007", "Both", Decimal(0), *parts)
    books.add_account("201", "Sales with both", tax_type="TAX007")
    acme = next(iter(bridge.paymo.company.clients.values()))
    lines = [(f"Line {price}", "", "3.33", price) for price in prices]
    lines.append(("Expense", "", "1", "10", False))  # type: ignore[arg-type]
    taxes = {"tax": federal, "tax2": regional, "tax_on_tax": True, "discount": "10"}
    bridge.paymo.company.add_invoice("INV-3", acme, lines, currency=currency, **taxes)
    await bridge.wait(hours=2)
    account = next(each for each in books.accounts.values() if each.code == "201")
    result = await bridge.export_it("INV-3", account_id=account.account_id)
    assert result.state is ExportState.EXPORTED, result.reason
    invoice = bridge.paymo.company.numbered("INV-3")
    assert bridge.xero.invoices[result.xero_invoice_id].total == invoice.total == result.xero_total
