"""An invoice that the sync deleted in Paymo is made again from what was kept of it."""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal

import pytest

from sandbox.paymo import Invoice
from services.errors import AlreadyRequested, NotAllowed, NotFound
from services.model import ExportState
from services.store.engine import Database
from tests.databases import SQLITE_ALONE
from tests.services.bridge import ANNA, BEN, Bridge, place

DAY = date(2026, 11, 20)

pytestmark = SQLITE_ALONE


@pytest.fixture
async def bridge(database: Database) -> AsyncIterator[Bridge]:
    """A connected pair; INV-1 was exported as a draft, and deleted in Xero and so in Paymo."""
    made = await Bridge.open(database)
    made.xero.books.add_contact("Acme Ltd")
    acme = made.paymo.company.add_client("Acme Ltd")
    made.paymo.company.add_invoice(
        "INV-1",
        acme,
        [("Work", "Three days", 3, "100.10"), ("Travel", "", 1, "12.00", False)],
        tax=15,
        discount="7.5",
        status="sent",
        texts={"notes": "Call first", "footer": "Thank you", "title": "INVOICE"},
    )
    made.clock.turn(hours=2)
    await made.run()
    await made.export_it("INV-1", xero_status="DRAFT")
    yield made
    await made.close()


async def delete(bridge: Bridge) -> Invoice:
    """Delete the draft in Xero, and look; return the invoice that Paymo had."""
    former = bridge.paymo.company.numbered("INV-1")
    (xero_id,) = bridge.xero.invoices
    bridge.xero.books.delete(xero_id)
    await bridge.look()
    assert not bridge.paymo.company.invoices
    return former


async def restored(bridge: Bridge) -> Invoice:
    """Restore it, do what is due, and return it."""
    await bridge.restore.restore_number(ANNA, "inv-1", place())
    await bridge.run()
    return bridge.paymo.company.numbered("INV-1")


async def test_e48_a_deleted_invoice_is_made_again_as_it_was(bridge: Bridge) -> None:
    former = await delete(bridge)

    made = await restored(bridge)

    assert made.amounts() == former.amounts()
    assert (made.status, made.texts["notes"]) == ("sent", "Call first")
    own = [(each.item, each.quantity, each.price_unit, each.apply_tax) for each in made.items]
    assert own == [
        ("Work", Decimal(3), Decimal("100.10"), True),
        ("Travel", Decimal(1), Decimal(12), False),
    ]
    kind, facts = (await bridge.notices())[-1]
    assert (kind, facts["by"], facts["lost"]) == ("invoice_restored", "U1", "")
    assert str(made.id) in bridge.screen.sayings[-1].paymo_url


async def test_the_payments_that_were_there_come_back(bridge: Bridge) -> None:
    """Those were typed by hand, so a person had said that the invoice goes all the same."""
    company = bridge.paymo.company
    former = company.numbered("INV-1")
    company.pay(former.id, "50", paid_on=DAY, notes="cash")
    company.pay(former.id, "50", paid_on=DAY, notes="cash")
    (xero_id,) = bridge.xero.invoices
    bridge.xero.books.delete(xero_id)
    await bridge.look()
    (export,) = await bridge.exports()
    await bridge.sync.delete_in_paymo(ANNA, export.id)
    await bridge.run()
    assert not company.invoices
    bridge.paymo.faults.add(method="POST", path="invoicepayments", hang_up="after")

    await restored(bridge)
    await bridge.look()

    there = company.payments_of(company.numbered("INV-1").id)
    assert [(each.amount, each.paid_on, each.notes) for each in there] == [
        (Decimal(50), DAY, "cash"),
        (Decimal(50), DAY, "cash"),
    ]


@pytest.mark.parametrize("hang_up", ["before", "after"])
async def test_a_lost_answer_makes_no_second_invoice(bridge: Bridge, hang_up: str) -> None:
    await delete(bridge)
    bridge.paymo.faults.add(method="POST", path="/api/invoices", hang_up=hang_up)
    await bridge.restore.restore_number(ANNA, "INV-1", place())
    for _ in range(3):
        await bridge.look()

    assert [each.number for each in bridge.paymo.company.invoices.values()] == ["INV-1"]
    assert bridge.screen.sayings[-1].is_well


async def test_a_number_that_is_used_again_is_never_taken_for_the_restored_one(
    bridge: Bridge,
) -> None:
    former = await delete(bridge)
    client = bridge.paymo.company.clients[former.client_id]
    other = bridge.paymo.company.add_invoice("INV-1", client, [("Other", "", 1, "9")])

    await bridge.restore.restore_number(ANNA, "INV-1", place())
    await bridge.run()

    assert list(bridge.paymo.company.invoices) == [other.id]
    said = bridge.screen.sayings[-1]
    assert (said.is_well, "already exists" in said.text) == (False, True)


async def test_what_is_restored_can_be_exported_again(bridge: Bridge) -> None:
    await delete(bridge)
    await restored(bridge)

    result = await bridge.export_it("INV-1")

    assert (result.state, result.xero_number) == (ExportState.EXPORTED, "INV-1")


async def test_it_is_restored_once_and_only_by_exporters(bridge: Bridge) -> None:
    with pytest.raises(NotFound, match="nothing to restore"):
        await bridge.restore.restore_number(ANNA, "INV-1", place())
    await delete(bridge)
    with pytest.raises(NotAllowed):
        await bridge.restore.restore_number(BEN, "INV-1", place())
    await bridge.restore.restore_number(ANNA, "INV-1", place())
    with pytest.raises(AlreadyRequested, match="being restored"):
        await bridge.restore.restore_number(ANNA, "INV-1", place())
    await bridge.run()
    with pytest.raises(AlreadyRequested, match="restored already"):
        await bridge.restore.restore_number(ANNA, "INV-1", place())
