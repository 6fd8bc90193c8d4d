"""What was sent to Xero may arrive later: it is looked for, and never sent twice or given up on."""

from collections.abc import AsyncIterator

import pytest

from sandbox.serving import Fault
from services.model.actions import Action
from services.model.export import ExportState
from services.store.engine import Database
from tests.services.batching import export_all, invoices
from tests.services.beside import beside, held, start_anew
from tests.services.bridge import ANNA, Bridge, reply_to
from tests.services.fixtures import row

PUT = ("PUT", "/Invoices$")
CONTACT = ("PUT", "/Contacts$")


@pytest.fixture
async def bridge(database: Database) -> AsyncIterator[Bridge]:
    """A connected pair with an invoice whose number is too long for Xero to guard it."""
    made = await Bridge.with_acme(database, "INV-2026-11-25-00000001")
    yield beside(made, database)
    await made.close()


async def order(bridge: Bridge, number: str = "INV-2026-11-25-00000001", **choice: str) -> None:
    """Ask for an export, as a person does."""
    form = await bridge.form_for(number)
    await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form, **choice), reply_to())


def request(bridge: Bridge) -> Fault:
    """Have the next invoice held on its way to Xero."""
    return bridge.xero.faults.hold(*PUT)


async def test_a_press_while_an_invoice_is_sent_sends_it_once(
    bridge: Bridge, other: Bridge
) -> None:
    """The row stays with whoever sends it, however impatient people are."""
    await order(bridge)
    async with held(request(bridge), bridge.run()) as first:
        await other.requests.act(ANNA, 1, reply_to(), Action.RETRY)
        await other.run()
        assert len(bridge.xero.calls(*PUT)) == 1
        await first.let_go()
    assert (await row(other)).state is ExportState.EXPORTED
    assert len(bridge.xero.invoices) == 1


@pytest.mark.parametrize("arrives", [True, False])
async def test_what_a_killed_worker_sent_is_in_xero_exactly_once(
    bridge: Bridge, other: Bridge, *, arrives: bool
) -> None:
    """A look that finds nothing proves nothing before the call's whole time is over."""
    await order(bridge)
    async with held(request(bridge), bridge.run()) as first:
        await first.kill()
        company = bridge.paymo.company
        company.edit(next(iter(company.invoices)), currency="NZD")
        await start_anew(other)
        await other.run()
        assert (len(bridge.xero.calls(*PUT)), bridge.xero.invoices) == (1, {})
        if arrives:
            await first.arrive(lambda: bridge.xero.invoices)
        bridge.clock.turn(seconds=20)
        await other.run()
        await first.arrive(lambda: bridge.xero.invoices)
    export = await row(other)
    assert (export.state, export.sent_at) == (ExportState.EXPORTED, None)
    assert list(bridge.xero.invoices) == [export.xero_invoice_id]
    assert len(bridge.xero.calls(*PUT)) == (1 if arrives else 2)


@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_what_a_killed_worker_sent_does_not_end_before_its_time(
    bridge: Bridge, other: Bridge, *, is_cancelled: bool
) -> None:
    """Neither for a person who cancels it, nor because Xero we can't search Xero."""
    await order(bridge)
    async with held(request(bridge), bridge.run()) as first:
        await first.kill()
        if is_cancelled:
            await other.requests.cancel(ANNA, 1)
        else:
            body = '{"Type": "ValidationException", "Message": "No"}'
            bridge.xero.faults.add(method="GET", path="/Invoices$", status=400, body=body, times=9)
        bridge.clock.turn(minutes=1)
        await start_anew(other)
        await other.run()
        assert (await row(other)).state is not ExportState.FAILED
        bridge.xero.faults.clear()
        await first.arrive(lambda: bridge.xero.invoices)
        bridge.clock.turn(seconds=20)
        await other.run()
    assert (await row(other)).state is ExportState.EXPORTED


async def test_a_contact_that_a_killed_worker_added_is_there_once(
    bridge: Bridge, other: Bridge
) -> None:
    """It is found by its number when it arrives, and nothing is added before."""
    company = bridge.paymo.company
    fresh = company.add_client("Fresh Ltd")
    company.add_invoice("F-1", fresh, [("Work", "", 1, "100")], tax=15)
    await bridge.wait(hours=2)
    await order(bridge, "F-1", contact_id="new", account_id=next(iter(bridge.xero.books.accounts)))
    async with held(bridge.xero.faults.hold(*CONTACT), bridge.run()) as first:
        await first.kill()
        await start_anew(other)
        await other.run()
        assert len(bridge.xero.calls(*CONTACT)) == 1
        await first.arrive(lambda: named(bridge, "Fresh Ltd"))
        bridge.clock.turn(seconds=20)
        await other.run()
    assert (await row(other)).state is ExportState.EXPORTED
    assert len(bridge.xero.calls(*CONTACT)) == named(bridge, "Fresh Ltd") == 1


def named(bridge: Bridge, name: str) -> int:
    """Return how many contacts have this name."""
    return sum(each.name == name for each in bridge.xero.books.contacts.values())


async def test_a_batch_that_a_killed_worker_sent_is_in_xero_once(
    bridge: Bridge, other: Bridge
) -> None:
    """Each of its invoices goes its way alone, looked for first."""
    invoices(bridge, 3, prefix="INV-2026-11-25-10000000-")
    await bridge.wait(hours=2)
    async with held(request(bridge), ignored(export_all(bridge))) as first:
        await first.kill()
        await start_anew(other)
        await other.run()
        assert (len(bridge.xero.calls(*PUT)), bridge.xero.invoices) == (1, {})
        await first.arrive(lambda: bridge.xero.invoices)
        bridge.clock.turn(seconds=20)
        await other.run()
    states = {each.state for each in await other.exports()}
    assert (states, len(bridge.xero.calls(*PUT))) == ({ExportState.EXPORTED}, 1)
    assert len(bridge.xero.invoices) == len(await other.exports()) > 2


async def ignored(work: object) -> None:
    """Do it, whatever it returns."""
    await work  # type: ignore[misc]


@pytest.mark.parametrize("status", [503, 500])
async def test_what_waited_goes_on_within_half_a_minute_of_an_outage(
    bridge: Bridge, status: int
) -> None:
    """Nobody says that it is over, so the first minute is full of tries.

    To a key that Xero answered with 500 it says so again, so each try has another one.
    """
    await order(bridge)
    bridge.xero.faults.add(method="PUT", path=PUT[1], status=status, times=1000)
    for _ in range(4):
        await bridge.wait(seconds=20)
    bridge.xero.faults.clear()
    for _ in range(6):
        await bridge.wait(seconds=5)
    assert (await row(bridge)).state is ExportState.EXPORTED
