"""What the export form shows and finds."""

from tests.services.bridge import ANNA, Bridge
from tests.services.fixtures import bridge_of

bridge = bridge_of(Bridge.open)


async def test_a_form_opened_by_number_names_client_and_total_before_paymo_is_read(
    bridge: Bridge,
) -> None:
    client = bridge.paymo.company.add_client("Sunrise Yoga")
    bridge.paymo.company.add_invoice("INV-1", client, [("Work", "", 1, "100")], tax=15)
    bridge.clock.turn(hours=2)
    await bridge.run()

    form = await bridge.forms.open(ANNA, "INV-1")

    assert form.is_reading
    assert form.invoice is not None
    assert form.invoice.text == "INV-1 · Sunrise Yoga · $115.00"


async def test_the_total_is_seen_however_long_the_names_are(bridge: Bridge) -> None:
    client = bridge.paymo.company.add_client("Sunrise Yoga " * 15)
    bridge.paymo.company.add_invoice("INV-" + "1" * 40, client, [("Work", "", 1, "100")], tax=15)
    bridge.clock.turn(hours=2)
    await bridge.run()

    [row] = await bridge.forms.invoice_options(ANNA, "yoga")

    assert len(row.text) <= 75
    assert row.text.endswith("$115.00")
    assert "Sunrise Yoga" in row.text
