"""A number that is edited in Paymo has one place in Xero, and people keep their reference."""

import pytest

from tests.databases import SQLITE_ALONE
from tests.services.bridge import Bridge
from tests.services.drifting import change, edit, in_paymo, in_xero, open_bridge, press, told
from tests.services.fixtures import bridge_of

LONG = "INV-2026-11-25-00000001"

pytestmark = SQLITE_ALONE


bridge = bridge_of(open_bridge)


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
        bridge.clock.turn(minutes=10)
        await bridge.run()

    assert in_xero(bridge).number == "INV 5"
    assert len(bridge.xero.calls("POST", "/Invoices")) == 1
