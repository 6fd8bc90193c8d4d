"""Names, numbers and words as nobody would type them: they arrive readable, and break nothing."""

from services.model import wording
from services.model.export import ExportState
from services.store.engine import Database
from tests.services.bridge import ANNA, Bridge, built_once
from tests.services.fixtures import bridge_of

WORST = "\x00\x07\u202e\u200b\x02"  # PostgreSQL refuses the first


@built_once
async def pair(database: Database) -> Bridge:
    """A connected pair whose people paste the worst into both systems."""
    made = await Bridge.open(database)
    made.xero.books.add_contact(f"Zebra{WORST} Zoo", email=f"zoo{WORST}@zebra.example")
    made.xero.books.add_account("201", f"Side{WORST} sales")
    client = made.paymo.company.add_client(f"Acme{WORST}\u00a0 Ltd", email="pay@acme.example")
    lines = [(f"Des{WORST}ign", f"Home{WORST} page &#8238;&#7;\x0bfor you", 1, "100")]
    for number in (f"INV{WORST}-\u200d7", f"INV{WORST}-0000000000000000000-8"):
        made.paymo.company.add_invoice(number, client, lines, tax=15)
    await made.wait(hours=2)
    return made


bridge = bridge_of(pair)


async def test_what_reaches_xero_can_be_read_and_the_lists_hold_it(bridge: Bridge) -> None:
    [group] = await bridge.forms.invoice_options(ANNA, "")
    options = group.options
    numbers = sorted(each.text.split(" ")[0] for each in options)
    assert numbers == ["INV-0000000000000000000-8", "INV-7"]

    short = await bridge.export_it(numbers[1], contact_id="new")
    long = await bridge.export_it(numbers[0])

    assert (short.state, long.state) == (ExportState.EXPORTED,) * 2, (short.reason, long.reason)
    one, other = (bridge.xero.invoices[each.xero_invoice_id] for each in (short, long))
    assert (one.number, one.reference, short.is_number_left_out) == ("INV-7", "", False)
    assert other.reference == "INV-0000000000000000000-8"
    assert one.lines[0].description == "Design\nHome page\nfor you"
    contact = bridge.xero.books.contacts[one.contact_id]
    assert contact.name == "Acme Ltd"
    assert other.contact_id == one.contact_id
    await bridge.look()
    assert [each.drift for each in await bridge.exports()] == ["", ""]


async def test_menus_show_what_the_other_system_holds_without_what_nobody_sees(
    bridge: Bridge,
) -> None:
    contacts = await bridge.matching.contact_options(ANNA, "zebra", client_id=None)
    accounts = await bridge.matching.account_options(ANNA, "side")
    shown = [row.text for group in (*contacts, *accounts) for row in group.options]

    assert shown == ["Zebra Zoo", "Side sales (201)"]
    assert all(wording.clean(each) == each for each in shown)
