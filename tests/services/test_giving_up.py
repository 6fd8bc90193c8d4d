"""A failure that does not pass: it ends, it is said, and nothing that arrives late is doubled."""

from collections.abc import AsyncIterator

import pytest

from services.model import ExportState
from services.store.engine import Database
from services.store.tables import Export
from tests.databases import SQLITE_ALONE
from tests.services.bridge import ANNA, Bridge, place

pytestmark = SQLITE_ALONE

LONG = "INV-2026-11-25-00000001"  # too long for Xero to guard it as a number
PUT = ("PUT", "/Invoices$")
EMPTY = '{"Invoices": []}'
OFTEN = 10_000


@pytest.fixture
async def bridge(database: Database) -> AsyncIterator[Bridge]:
    """A connected pair with an invoice that goes without its number."""
    made = await Bridge.with_acme(database, LONG)
    yield made
    await made.close()


async def order(bridge: Bridge) -> None:
    """Ask for the export, as a person does."""
    form = await bridge.form_for(LONG)
    await bridge.export.request(ANNA, form.draft_id, bridge.choice(form), place())


async def hours(bridge: Bridge, count: int) -> None:
    """Let hours pass, a few minutes at a time."""
    for _ in range(count * 6):
        bridge.clock.turn(minutes=10)
        await bridge.run()


async def row(bridge: Bridge) -> Export:
    """Return the only export."""
    (export,) = await bridge.exports()
    return export


def fail(bridge: Bridge, method: str, path: str, status: int = 500, **more: object) -> None:
    """Have Xero fail from now on."""
    bridge.xero.faults.add(method=method, path=path, status=status, times=OFTEN, **more)


async def test_an_invoice_that_xero_never_takes_ends_as_failed(bridge: Bridge) -> None:
    """After a handful of tries, said once, with what can be done."""
    await order(bridge)
    fail(bridge, *PUT)
    await hours(bridge, 2)
    sent = len(bridge.xero.calls(*PUT))
    await hours(bridge, 24)

    export, told = await row(bridge), bridge.screen.results[-1]
    assert (export.state, len(bridge.xero.calls(*PUT))) == (ExportState.FAILED, sent)
    assert 2 < sent < 10
    assert told.cures == ("retry", "cancel")
    assert "does not have it" in told.reason
    assert [kind for kind, _ in await bridge.notices()] == ["export_failed"]


@pytest.mark.parametrize("is_blind", [True, False])
async def test_what_xero_took_while_it_failed_is_linked_and_not_doubled(
    bridge: Bridge, *, is_blind: bool
) -> None:
    """Its list comes alive later; so the next try begins with a look."""
    await order(bridge)
    bridge.xero.faults.add(method="PUT", path=PUT[1], status=500, is_done=True)
    fail(bridge, *PUT)
    if is_blind:
        fail(bridge, "GET", "/Invoices$", status=200, body=EMPTY)
    else:
        fail(bridge, "GET", "/Invoices$")
    await hours(bridge, 3)
    failed = await row(bridge)
    bridge.xero.faults.clear()
    await bridge.export.retry(ANNA, failed.id, place())
    await bridge.run()

    export = await row(bridge)
    assert (failed.state, export.state) == (ExportState.FAILED, ExportState.EXPORTED)
    assert ("may or may not" in failed.reason) is not is_blind
    assert list(bridge.xero.invoices) == [export.xero_invoice_id]


async def test_what_never_left_ends_too_and_says_so(bridge: Bridge) -> None:
    """Paymo cannot be read, so there is nothing to send."""
    await order(bridge)
    bridge.paymo.faults.add(path="/invoices/", status=503, times=OFTEN)
    await hours(bridge, 3)
    asked = len(bridge.paymo.calls("GET", "/invoices/"))
    await hours(bridge, 3)

    export = await row(bridge)
    assert (export.state, export.problem) == (ExportState.FAILED, "no_answer")
    assert "nothing was sent" in export.reason
    assert len(bridge.paymo.calls("GET", "/invoices/")) == asked
    assert not bridge.xero.calls(*PUT)


@pytest.mark.parametrize("is_there", [False, True])
async def test_an_export_of_unknown_outcome_can_be_cancelled(
    bridge: Bridge, *, is_there: bool
) -> None:
    """It ends once a look has found nothing; what is there stays exported, and is said to be."""
    await order(bridge)
    bridge.xero.faults.add(method="PUT", path=PUT[1], status=500, is_done=is_there)
    fail(bridge, *PUT)
    await bridge.run()
    assert bridge.screen.results[-1].cures == ("cancel",)
    said = await bridge.export.cancel(ANNA, 1)
    bridge.clock.turn(seconds=20)
    await bridge.run()
    await hours(bridge, 1)

    export = await row(bridge)
    assert "ends as soon as" in said
    assert len(bridge.xero.calls(*PUT)) == 1
    if is_there:
        assert (export.state, export.wanted) == (ExportState.EXPORTED, "")
    else:
        assert (export.state, export.problem) == (ExportState.FAILED, "cancelled")
        assert "does not have it" in bridge.screen.results[-1].reason


async def test_a_limit_is_no_failure(bridge: Bridge) -> None:
    """However often Xero asks for a pause, the export goes when it is over."""
    await order(bridge)
    waits = {"Retry-After": "3600", "X-Rate-Limit-Problem": "day"}
    bridge.xero.faults.add(method="PUT", path=PUT[1], status=429, headers=waits, times=20)
    await hours(bridge, 22)

    assert (await row(bridge)).state is ExportState.EXPORTED
