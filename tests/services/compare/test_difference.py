"""An invoice that Xero states otherwise than Paymo: loud, then undone or accepted, and paid."""

from datetime import date
from decimal import Decimal

import pytest

from services.errors import AlreadyRequested
from services.model.export import ExportState
from services.model.invoice import InvoiceState, PaymentState
from services.store import audit
from tests.databases import SQLITE_ALONE
from tests.services.bridge import ANNA, Bridge, reply_to
from tests.services.fixtures import acme, bridge_of, paid

DAY = date(2026, 11, 20)

pytestmark = SQLITE_ALONE


bridge = bridge_of(acme("INV-1"))


async def differ(bridge: Bridge, by: str, *, rounded: str = "0") -> int:
    """Export while Xero works the tax out by itself, as some organisations do."""
    bridge.xero.faults.add(method="PUT", path="/Invoices", hang_up="after")
    await bridge.export_it("INV-1")
    (invoice,) = bridge.xero.invoices.values()
    invoice.total_tax += Decimal(by)
    bridge.xero.books.round_to(invoice.invoice_id, Decimal(rounded))
    await bridge.look()
    (export,) = await bridge.exports()
    assert export.state is ExportState.DIFFERENT
    return export.id


async def pay(bridge: Bridge, amount: str) -> list[Decimal]:
    """Pay in Xero, look, and return the payments in Paymo."""
    (xero_id,) = bridge.xero.invoices
    bridge.xero.books.pay(xero_id, Decimal(amount), date=DAY)
    await bridge.look()
    return paid(bridge)


async def test_e27_a_difference_is_loud_and_can_be_accepted_once(bridge: Bridge) -> None:
    export_id = await differ(bridge, "0.02")
    card = (await bridge.notices())[-1][1]
    assert (card["state"], bridge.screen.results[-1].state) == ("different", ExportState.DIFFERENT)

    said = await bridge.undo.accept(ANNA, export_id)

    assert "0.02" in said
    (export,) = await bridge.exports()
    assert (export.state, export.accepted_difference) == (ExportState.EXPORTED, Decimal("0.02"))
    assert (await bridge.notices())[-1][1]["state"] == "open"
    async with bridge.database.sessions() as session:
        act = (await audit.list_of(session, export_id))[-1]
    assert (act.what, act.user_id, act.before["paymo"], act.before["xero"]) == (
        "difference_accepted",
        "U1",
        "$115.00",
        "$115.02",
    )
    with pytest.raises(AlreadyRequested, match=r"U1.* already accepted it at"):
        await bridge.undo.accept(ANNA, export_id)


async def test_e27_a_difference_can_be_undone(bridge: Bridge) -> None:
    export_id = await differ(bridge, "0.02")

    await bridge.undo.undo(ANNA, export_id, reply_to())
    await bridge.run()

    (export,) = await bridge.exports()
    assert export.invoice_state is InvoiceState.UNDONE


@pytest.mark.parametrize(
    ("accepted", "paid", "recorded", "status"),
    [
        ("0.05", ["115.05"], ["115.00"], "paid"),
        ("0.05", ["100", "15.05"], ["100.00", "15.00"], "paid"),
        ("-0.05", ["114.95"], ["115.00"], "paid"),
        ("-0.05", ["100", "14.95"], ["100.00", "15.00"], "paid"),
        ("-0.05", ["100"], ["100.00"], "sent"),
    ],
)
async def test_e37_payments_tolerate_exactly_the_accepted_difference(
    bridge: Bridge, accepted: str, paid: list[str], recorded: list[str], status: str
) -> None:
    await bridge.undo.accept(ANNA, await differ(bridge, accepted))

    for amount in paid:
        found = await pay(bridge, amount)

    assert found == [Decimal(each) for each in recorded]
    assert bridge.paymo.company.numbered("INV-1").status == status


async def test_e37_what_xero_rounds_is_no_part_of_the_accepted_difference(bridge: Bridge) -> None:
    said = await bridge.undo.accept(ANNA, await differ(bridge, "0.05", rounded="0.02"))

    assert "The difference of $0.05 " in said
    assert await pay(bridge, "115.07") == [Decimal(115)]


async def test_e37_an_update_ends_what_was_accepted(bridge: Bridge) -> None:
    export_id, company = await differ(bridge, "0.05"), bridge.paymo.company
    await bridge.undo.accept(ANNA, export_id)
    await bridge.look()
    invoice = company.numbered("INV-1")
    invoice.items[0].price_unit = Decimal(200)
    company.edit(invoice.id)
    await bridge.look()
    await bridge.update.ask(ANNA, export_id, reply_to())
    await bridge.run()
    company.pay(invoice.id, "0.05", notes="cash")

    assert await pay(bridge, "230") == [Decimal("0.05")]  # a person is asked


@pytest.mark.parametrize(("typed", "amount"), [("15", "99.95"), ("0.01", "114.95")])
async def test_e37_what_somebody_typed_in_paymo_is_no_part_of_the_accepted_difference(
    bridge: Bridge, typed: str, amount: str
) -> None:
    """Neither while more is due in Xero, nor where it makes another difference."""
    await bridge.undo.accept(ANNA, await differ(bridge, "-0.05"))
    company = bridge.paymo.company
    company.pay(company.numbered("INV-1").id, typed, notes="cash")

    assert await pay(bridge, amount) == [Decimal(typed), Decimal(amount)]


@pytest.mark.parametrize("is_accepted", [True, False])
async def test_e37_more_than_the_difference_is_asked_about(
    bridge: Bridge, *, is_accepted: bool
) -> None:
    export_id = await differ(bridge, "0.05")
    if is_accepted:
        await bridge.undo.accept(ANNA, export_id)
        company = bridge.paymo.company
        company.pay(company.numbered("INV-1").id, "0.01", notes="cash")

    await pay(bridge, "115.05")

    (row,) = await bridge.payments()
    assert row.state is PaymentState.ASKED
