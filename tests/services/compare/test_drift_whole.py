"""Edits that leave the sums alone, the same change on both sides, and what looking costs."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from sandbox.paymo.model import Item
from sandbox.serving import Seen
from services.matching.service import MatchChoice
from services.model.invoice import InvoiceState
from services.model.wording import Command, Typed
from services.store import notices
from services.store.tables import Export
from tests.databases import SQLITE_ALONE
from tests.services.bridge import ANNA, TODAY, Bridge
from tests.services.drifting import (
    change,
    edit,
    in_paymo,
    in_xero,
    open_bridge,
    press,
    reprice,
    told,
    writes,
)
from tests.services.fixtures import bridge_of

pytestmark = SQLITE_ALONE

LONG = "INV-2026-11-25-00000001"


bridge = bridge_of(open_bridge)


def reword(bridge: Bridge, text: str) -> None:
    """Have somebody edit the text of its only line."""
    in_paymo(bridge).items[0].item = text
    edit(bridge)


async def edited_in(bridge: Bridge) -> list[str]:
    """Return the sides that the invoice's card calls edited."""
    (export,) = await bridge.exports()
    connection = await bridge.connection()
    facts = notices.card_facts(export, connection, bridge.links, [], bridge.clock())
    found: list[str] = facts["edited_in"]
    return found


def single_reads(bridge: Bridge) -> int:
    """Return how often Paymo was asked for one invoice."""
    return len(bridge.paymo.calls("GET", r"/invoices/\d+$"))


def whole_reads(bridge: Bridge) -> list[Seen]:
    """Return the calls that asked Paymo for invoices with their payments, in a list or singly."""
    calls = bridge.paymo.calls("GET", "/invoices")
    return [each for each in calls if "invoicepayments" in each.query.get("include", "")]


async def test_c8_another_text_is_told_once_and_the_card_says_so_until_it_is_taken_back(
    bridge: Bridge,
) -> None:
    await bridge.look()
    reword(bridge, "Design")
    await bridge.look()
    await bridge.look()

    (facts,) = await told(bridge)
    assert facts["differences"] == [["line 1, text", "Work", "Design"]]
    assert (facts["more"], facts["advice"]) == (0, "")
    assert await edited_in(bridge) == ["Paymo"]
    reword(bridge, "Work")
    await bridge.look()
    assert [each["differences"] for each in (await told(bridge))[1:]] == [[]]
    assert await edited_in(bridge) == []


async def test_pressing_update_brings_everything_over_and_leaves_no_difference(
    bridge: Bridge,
) -> None:
    beta = bridge.paymo.company.add_client("Beta Ltd")
    there = bridge.xero.books.add_contact("Beta Ltd").contact_id
    await bridge.wait(hours=2)
    items = [
        Item(901, "Design", "In May", Decimal("85.505"), Decimal("3.33")),
        Item(902, "Train", "", Decimal(20), Decimal(1), apply_tax=False),
        Item(903, "Free", "", Decimal(0), Decimal(1)),
    ]
    dates = {"issued": TODAY - timedelta(days=3), "due": TODAY + timedelta(days=9)}
    edit(bridge, number="INV-9", client_id=beta.id, items=items, discount=Decimal(10), **dates)
    await bridge.look()
    await press(bridge)
    assert f"Match the client with {Typed(Command.MATCH)}" in bridge.screen.sayings[-1].text
    assert writes(bridge) == []

    (export,) = await bridge.exports()
    await bridge.matching.save(ANNA, MatchChoice(beta.id, there, export.account_id))
    await press(bridge)
    await bridge.look()
    made, theirs, (export,) = in_xero(bridge), in_paymo(bridge), await bridge.exports()
    assert (made.number, made.contact_id, made.day, made.due) == ("INV-9", there, *dates.values())
    assert made.total == theirs.total
    assert [each.description.split("\n")[0] for each in made.lines] == ["Design", "Train", "Free"]
    assert (export.drift, export.client_name, export.contact_name) == ("", "Beta Ltd", "Beta Ltd")
    assert await edited_in(bridge) == []
    assert [each["by"] for each in await told(bridge)] == ["", "U1"]


async def test_the_same_change_on_both_sides_is_told_of_neither(bridge: Bridge) -> None:
    await bridge.look()
    reprice(bridge, "200")
    line = in_xero(bridge).lines[0]
    line.unit_amount, line.line_amount, line.tax_amount = Decimal(200), Decimal(200), Decimal(30)
    change(bridge, sub_total=Decimal(200), total_tax=Decimal(30))
    await bridge.look()

    assert await told(bridge) == []
    assert await edited_in(bridge) == []


async def test_what_was_told_of_both_sides_ends_once_when_they_agree(bridge: Bridge) -> None:
    await bridge.look()
    edit(bridge, due=date(2027, 1, 31))
    await bridge.look()
    change(bridge, due=date(2027, 1, 30))
    await bridge.look()
    change(bridge, due=date(2027, 1, 31))
    await bridge.look()
    await bridge.look()

    *said, last = await told(bridge)
    assert [(each["side"], each["differences"][0][0]) for each in said] == [
        ("Paymo", "due date"),
        ("Xero", "due date"),
    ]
    assert (last["is_shared"], last["differences"]) == (True, [])
    assert await edited_in(bridge) == []


async def test_a_look_reads_one_invoice_more_only_where_the_list_says_it_changed(
    bridge: Bridge,
) -> None:
    company = bridge.paymo.company
    company.add_invoice("INV-2", company.clients[in_paymo(bridge).client_id], [("A", "", 1, "9")])
    await bridge.look()
    await bridge.look()
    reword(bridge, "Design")
    bridge.clock.turn(minutes=6)
    before = single_reads(bridge)
    await bridge.copy()

    assert single_reads(bridge) == before
    assert [each.paymo_checked_at for each in await bridge.exports()] == [None]
    await bridge.run()
    assert single_reads(bridge) == before + 1
    company.delete_invoice(in_paymo(bridge).id)
    bridge.clock.turn(hours=2)
    await bridge.copy()
    assert [each.paymo_checked_at for each in await bridge.exports()] == [None]


async def test_a_sweep_in_which_nothing_changed_asks_each_side_once(bridge: Bridge) -> None:
    await bridge.look()
    before = len(whole_reads(bridge)), len(bridge.xero.calls("GET", "/Invoices"))
    await bridge.look()

    assert len(whole_reads(bridge)) == before[0] + 1
    assert len(bridge.xero.calls("GET", "/Invoices")) == before[1] + 1
    company = bridge.paymo.company
    company.delete_invoice(in_paymo(bridge).id)
    await bridge.look()
    assert [each.invoice_state for each in await bridge.exports()] == [InvoiceState.GONE]


async def test_what_paymo_s_list_does_not_show_is_read_singly(bridge: Bridge) -> None:
    await bridge.look()
    bridge.paymo.faults.add(method="GET", path=r"/invoices$", status=400)
    reword(bridge, "Design")
    await bridge.look()

    assert [each["side"] for each in await told(bridge)] == ["Paymo"]


@pytest.mark.parametrize("is_moved", [False, True])
async def test_an_update_that_never_came_is_not_taken_for_one_that_did(
    bridge: Bridge, *, is_moved: bool
) -> None:
    beta = bridge.paymo.company.add_client("Beta Ltd")
    there = bridge.xero.books.add_contact("Beta Ltd").contact_id
    await bridge.wait(hours=2)
    if is_moved:
        (export,) = await bridge.exports()
        await bridge.matching.save(ANNA, MatchChoice(beta.id, there, export.account_id))
        edit(bridge, client_id=beta.id)
    else:
        reword(bridge, "Design")
    await bridge.look()
    bridge.xero.faults.add(method="POST", path="/Invoices", hang_up="before")
    await press(bridge)
    bridge.clock.turn(minutes=1)
    bridge.xero.books.mark_sent(in_xero(bridge).invoice_id)
    await bridge.run()

    made = in_xero(bridge)
    assert (made.lines[0].description == "Design", made.contact_id == there) == (
        not is_moved,
        is_moved,
    )


async def test_lines_that_somebody_wrote_in_xero_are_not_written_over(bridge: Bridge) -> None:
    await bridge.look()
    in_xero(bridge).lines[0].description = "Work, as agreed"
    change(bridge)
    reword(bridge, "Design")
    await bridge.look()
    await press(bridge)

    assert [each["side"] for each in await told(bridge)] == ["Paymo"]
    assert "changed it in Xero as well (lines)" in bridge.screen.sayings[-1].text
    assert writes(bridge) == []


async def test_a_linked_invoice_is_told_of_but_never_written_over(bridge: Bridge) -> None:
    await bridge.look()
    async with bridge.database.sessions.begin() as session:
        (export,) = await bridge.exports()
        (await session.get_one(Export, export.id)).is_linked = True
    reword(bridge, "Design")
    change(bridge, day=date(2026, 11, 20))
    await bridge.look()

    said = {each["side"]: each for each in await told(bridge)}
    assert said["Paymo"]["differences"] == [["line 1, text", "Work", "Design"]]
    assert [each[0] for each in said["Xero"]["differences"]] == ["date"]
    assert "only linked" in said["Paymo"]["advice"]


# ---- a number has one place in Xero, and people keep their reference


async def renumber(bridge: Bridge, number: str) -> None:
    edit(bridge, number=number)
    await bridge.look()
    await press(bridge)


async def test_a_reference_that_somebody_typed_in_xero_survives_an_update(bridge: Bridge) -> None:
    change(bridge, reference="PO 4711")
    await renumber(bridge, "INV-2")

    assert (in_xero(bridge).number, in_xero(bridge).reference) == ("INV-2", "PO 4711")
    assert in_xero(bridge).url.endswith(f"/{in_paymo(bridge).id}")


@pytest.mark.parametrize("longer", [LONG, f"{LONG} \U0001f389  b"])
async def test_a_longer_number_moves_to_the_reference_and_back(bridge: Bridge, longer: str) -> None:
    kept = " ".join(longer.replace("\U0001f389", "").split())
    await renumber(bridge, longer)
    assert in_xero(bridge).reference == kept
    await renumber(bridge, "INV-3")

    assert (in_xero(bridge).number, in_xero(bridge).reference) == ("INV-3", "")


async def test_what_xero_drops_from_a_number_is_no_difference(bridge: Bridge) -> None:
    await renumber(bridge, "INV \U0001f389  4")
    before = len(await told(bridge))
    for _ in range(3):
        await bridge.look()

    assert in_xero(bridge).number == "INV 4"
    assert len(await told(bridge)) == before


async def test_an_update_whose_answer_got_lost_is_known_by_what_xero_made_of_it(
    bridge: Bridge,
) -> None:
    bridge.xero.faults.add(method="POST", path="Invoices", hang_up="after")
    await renumber(bridge, "INV \U0001f389  5")
    for _ in range(3):
        await bridge.wait(minutes=10)

    assert in_xero(bridge).number == "INV 5"
    assert len(bridge.xero.calls("POST", "/Invoices")) == 1
