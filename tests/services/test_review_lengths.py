"""Text from outside may be longer than a column; PostgreSQL refuses it where SQLite does not."""

from services.model.export import ExportState
from services.model.jobs import Job
from services.store.engine import Database
from tests.services.bridge import ANNA, Bridge, built_once
from tests.services.fixtures import bridge_of

LONG = "Ä" * 300


@built_once
async def pair(database: Database) -> Bridge:
    """A connected pair with a client that has a lot to say."""
    made = await Bridge.open(database)
    more = {"email": f"{LONG}@long.example", "fiscal_information": LONG}
    client = made.paymo.company.add_client(LONG, **more)
    made.paymo.company.add_invoice("INV-1", client, [("Work", "", 1, "100")], tax=15)
    await made.wait(hours=2)
    return made


bridge = bridge_of(pair)


async def test_a_client_with_a_long_name_is_exported_like_any_other(bridge: Bridge) -> None:
    """Its name goes to Xero as long as Xero takes it."""
    made = bridge.xero.books.add_contact("Acme Ltd")
    await bridge.mirror.refresh_contacts(await bridge.connection())
    result = await bridge.export_it("INV-1", contact_id=made.contact_id)
    assert result.state is ExportState.EXPORTED, result.reason
    assert result.client_name == LONG[:255]


async def test_a_number_longer_than_any_is_simply_not_found(bridge: Bridge) -> None:
    """Whatever is typed after the command gets an answer."""
    form = await bridge.forms.open(ANNA, LONG)
    await bridge.run()
    form = await bridge.forms.form(form.draft_id, ANNA)
    assert "no invoice" in form.problem


async def test_a_long_refusal_of_paymo_does_not_stop_the_looking(bridge: Bridge) -> None:
    """The problem is shown as far as there is room."""
    contact = bridge.xero.books.add_contact("Acme Ltd")
    await bridge.mirror.refresh_contacts(await bridge.connection())
    result = await bridge.export_it("INV-1", contact_id=contact.contact_id, xero_status="DRAFT")
    said = '{"message": "' + "No. " * 400 + '"}'
    bridge.paymo.faults.add(method="DELETE", path="invoices", status=400, body=said)
    bridge.xero.books.delete(result.xero_invoice_id)
    await bridge.look()
    row = await bridge.connection()
    assert "stays in Paymo" in (await bridge.schedule(Job.SWEEP)).problem
    assert row.swept_at == bridge.clock()
