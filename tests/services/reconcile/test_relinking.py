"""A lost database is no lost history: exports and payments are found again, and go on."""

from datetime import date
from decimal import Decimal

import pytest

from services.errors import AlreadyRequested
from services.model.export import ExportState
from services.model.invoice import InvoiceState, PaymentState
from services.reconcile.relinking import Relinkable, Relinking
from tests.services.batching import LINES, export_all
from tests.services.bridge import ANNA, Bridge, reply_to
from tests.services.fixtures import bridge_of, exported, in_paymo, in_xero, paid
from tests.services.losing import lose_database

DAY = date(2026, 11, 20)
bridge = bridge_of(exported(4, spare=1))


def relinking(bridge: Bridge) -> Relinking:
    return Relinking(bridge.database, bridge.paymos, bridge.xeros, bridge.clock)


async def find(bridge: Bridge) -> Relinkable:
    return await relinking(bridge).find(await bridge.connection())


async def relink(bridge: Bridge) -> int:
    """Find, write, and do what is due then."""
    count = await relinking(bridge).write(await find(bridge))
    await bridge.run()
    return count


async def pay(bridge: Bridge, number: str, amount: str) -> str:
    made = bridge.xero.books.pay(in_xero(bridge, number).invoice_id, Decimal(amount), date=DAY)
    await bridge.look()
    return made.payment_id


async def test_after_a_lost_database_everything_goes_on_and_nothing_is_doubled(
    bridge: Bridge,
) -> None:
    """Export, pay, lose the database, pay meanwhile, connect anew, relink, pay again, void."""
    await pay(bridge, "INV-1", "40")
    bridge.xero.books.pay(in_xero(bridge, "INV-2").invoice_id, Decimal(50), date=DAY)
    await lose_database(bridge)
    before = len(bridge.xero.invoices)

    found = await find(bridge)
    assert [len(found.pairs), sum(each.owed for each in found.pairs)] == [4, 1]
    assert await bridge.exports() == []
    bridge.clock.turn(days=2)
    assert await relink(bridge) == 4
    # What Paymo had already is no news to a digest.
    seen = {each.amount: each.seen_at.date() for each in await bridge.payments()}
    assert seen == {Decimal(40): DAY, Decimal(50): bridge.clock().date()}

    assert [paid(bridge, each) for each in ("INV-1", "INV-2")] == [[Decimal(40)], [Decimal(50)]]
    rows = await bridge.exports()
    assert {each.state for each in rows} == {ExportState.EXPORTED}
    assert {each.xero_invoice_id for each in rows} == set(bridge.xero.invoices)
    await pay(bridge, "INV-1", "75")
    assert (sum(paid(bridge)), in_paymo(bridge).status) == (Decimal(115), "paid")
    bridge.xero.books.void(in_xero(bridge, "INV-3").invoice_id)
    await bridge.look()
    assert in_paymo(bridge, "INV-3").status == "void"
    with pytest.raises(AlreadyRequested):
        await bridge.export_it("INV-4")
    await bridge.export_it("INV-5")
    assert len(bridge.xero.invoices) == before + 1


async def test_the_owner_is_told_how_to_find_them_once(bridge: Bridge) -> None:
    assert [kind for kind, _ in await bridge.notices()].count("health") == 0
    await lose_database(bridge)
    await bridge.look()

    told = [facts for kind, facts in await bridge.notices() if kind == "health"]
    assert len(told) == 1
    assert "no record of: 4." in str(told[0]["problem"])
    assert "paymo-xero relink --workspace" in str(told[0]["problem"])
    assert told[0]["former"] is True


@pytest.mark.parametrize("read", range(4))
async def test_the_owner_is_told_although_the_first_sync_is_cut_short(
    bridge: Bridge, read: int
) -> None:
    """Wherever it is cut short."""
    bridge.xero.faults.add(method="GET", path="/Invoices$", status=500, times=3, skip=read)
    await lose_database(bridge)
    for _ in range(3):
        await bridge.look()

    assert [kind for kind, _ in await bridge.notices()].count("health") == 1


async def test_what_was_deleted_in_xero_meanwhile_leaves_paymo_and_a_second_time_does_nothing(
    bridge: Bridge,
) -> None:
    gone = await pay(bridge, "INV-1", "40")
    await pay(bridge, "INV-1", "25")
    bridge.xero.books.remove_payment(gone)
    await lose_database(bridge)

    assert await relink(bridge) == 4
    again = await find(bridge)

    assert paid(bridge) == [Decimal(25)]
    states = sorted(each.state for each in await bridge.payments())
    assert states == [PaymentState.RECORDED, PaymentState.REMOVED]
    assert (again.pairs, again.known) == ((), 4)
    assert await relink(bridge) == 0


async def test_a_credit_is_known_again_by_its_copy(bridge: Bridge) -> None:
    invoice = in_xero(bridge)
    bridge.xero.books.apply_credit(invoice.invoice_id, Decimal(15))
    await bridge.look()
    assert paid(bridge) == [Decimal(15)]
    await lose_database(bridge)

    await relink(bridge)
    await bridge.look()

    assert paid(bridge) == [Decimal(15)]
    assert [each.state for each in await bridge.payments()] == [PaymentState.RECORDED]


async def test_what_is_void_or_there_twice_is_named_and_only_what_is_live_is_linked(
    bridge: Bridge,
) -> None:
    bridge.xero.books.void(in_xero(bridge, "INV-2").invoice_id)
    bridge.paymo.company.delete_invoice(in_paymo(bridge, "INV-3").id)
    await lose_database(bridge)

    found = await find(bridge)
    await relink(bridge)
    await bridge.look()

    assert (found.ended, len(found.pairs)) == (("INV-2",), 2)
    assert in_paymo(bridge, "INV-2").status != "void"
    assert {each.number for each in await bridge.exports()} == {"INV-1", "INV-4"}
    assert {each.invoice_state for each in await bridge.exports()} == {InvoiceState.LIVE}


async def test_an_invoice_that_somebody_else_made_is_known_by_the_copies_of_its_payments(
    bridge: Bridge,
) -> None:
    """It was linked, or the operator used another Xero app before."""
    await pay(bridge, "INV-1", "40")
    for number in ("INV-1", "INV-2"):
        in_xero(bridge, number).created_by = "another app"
        in_xero(bridge, number).url = ""
    await lose_database(bridge)

    assert await relink(bridge) == 3
    await pay(bridge, "INV-1", "75")

    assert {each.number for each in await bridge.exports()} == {"INV-1", "INV-3", "INV-4"}
    assert in_paymo(bridge).status == "paid"


async def test_without_relinking_nothing_is_doubled_either(bridge: Bridge) -> None:
    """What is exported again finds its former self in Xero; the rest is linked afterwards."""
    await lose_database(bridge)
    before = len(bridge.xero.invoices)

    result = await bridge.export_it("INV-1")
    assert (result.state, len(bridge.xero.invoices)) == (ExportState.EXPORTED, before)
    assert await relink(bridge) == 3

    await pay(bridge, "INV-1", "115")
    assert in_paymo(bridge).status == "paid"
    assert len(bridge.xero.invoices) == before
    await bridge.sync.request(ANNA, reply_to())
    await bridge.run()
    assert paid(bridge) == [Decimal(115)]


LONG = "INV-2026-11-25-00000001"


async def test_what_went_without_a_number_is_found_by_its_link_when_it_is_exported_again(
    bridge: Bridge,
) -> None:
    """Alone, and in a batch: Xero would refuse no number."""
    acme = bridge.paymo.company.clients[in_paymo(bridge).client_id]
    numbers = [f"{LONG}-{nth}" for nth in range(3)]
    for number in numbers:
        bridge.paymo.company.add_invoice(number, acme, LINES, tax=15, status="sent")
    await bridge.look()
    for number in numbers:
        await bridge.export_it(number)
    before = set(bridge.xero.invoices)
    await lose_database(bridge)

    await bridge.export_it(numbers[0])
    await export_all(bridge, *numbers[1:])

    assert set(bridge.xero.invoices) == before
    rows = await bridge.exports()
    assert {each.state for each in rows} == {ExportState.EXPORTED}
    assert len(rows) == 3


async def test_where_nothing_is_left_to_link_nobody_is_asked_any_more(bridge: Bridge) -> None:
    await lose_database(bridge)
    await bridge.look()
    for each in bridge.xero.invoices.values():
        bridge.xero.books.void(each.invoice_id)
    assert await relink(bridge) == 0

    (facts,) = [facts for kind, facts in await bridge.notices() if kind == "health"]
    assert "found no former exports to link" in str(facts["done"])
