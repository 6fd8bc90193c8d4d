"""When a comparison cannot be made, and what is concluded then: nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.model.connection import ConnectionState
from services.model.jobs import TaskState
from services.model.wording import Moment
from services.reconcile.report import Outcome
from tests.databases import BOTH_DATABASES, SQLITE_ALONE
from tests.services.beside import held
from tests.services.bridge import ANNA, BEN, Bridge, reply_to
from tests.services.fixtures import bridge_of, comparisons, exported

pytestmark = SQLITE_ALONE

bridge = bridge_of(exported(2, spare=1))


async def ask(bridge: Bridge) -> None:
    """Have this month compared."""
    await bridge.reconcile.ask(ANNA, "", reply_to())
    await bridge.run()


async def test_e50_what_xero_does_not_show_is_an_error_and_never_missing(bridge: Bridge) -> None:
    """An organisation that was reset, or a list that came back empty."""
    invoices = bridge.xero.books.invoices
    lost = dict(invoices)
    invoices.clear()
    for _ in range(3):
        await ask(bridge)
        bridge.clock.turn(minutes=1)

    assert bridge.screen.reports == []
    assert "Xero shows none of the exported invoices, so we can't compare" in bridge.screen.said[0]
    assert [each.state for each in await comparisons(bridge)] == [TaskState.REFUSED]

    first = next(iter(lost))
    invoices[first] = lost[first]
    await ask(bridge)
    report = bridge.screen.reports[-1]

    assert sorted(row.outcome for row in report.rows) == [Outcome.AGREES, Outcome.UNREAD]
    assert not report.is_fine


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("side", ["xero", "paymo"])
async def test_e50_a_refused_list_concludes_nothing(bridge: Bridge, side: str, status: int) -> None:
    faults = bridge.xero.faults if side == "xero" else bridge.paymo.faults
    faults.add(method="GET", path="(?i)/invoices$", status=status, times=20)
    await ask(bridge)

    assert bridge.screen.reports == []
    assert len(bridge.screen.said) == 1


async def test_e50_an_empty_list_of_paymos_is_no_proof(bridge: Bridge) -> None:
    """A key whose owner may not see the invoices any more looks like a company without any."""
    acme = next(iter(bridge.paymo.company.clients.values()))
    for number in ("INV-5", "INV-6"):
        bridge.paymo.company.add_invoice(number, acme, [("Work", "", 1, "100")], tax=15)
    await bridge.mirror.refresh_invoices(await bridge.connection())
    for number in ("INV-5", "INV-6"):
        await bridge.export_it(number)
    bridge.paymo.company.invoices.clear()
    await bridge.change(sweep_due_at=None, mirror_due_at=None)
    for _ in range(3):
        await ask(bridge)
        bridge.clock.turn(minutes=1)

    assert bridge.screen.reports == []
    assert "Paymo shows none of the 4 exported invoices, so we can't" in bridge.screen.said[0]


async def test_a_passing_outage_is_tried_again_by_itself(bridge: Bridge) -> None:
    bridge.paymo.faults.add(method="GET", path="/invoices$", status=500, times=3)
    await ask(bridge)
    assert (bridge.screen.reports, bridge.screen.said) == ([], [])

    await bridge.wait(seconds=30)

    assert bridge.screen.reports[-1].is_fine


async def test_e58_a_used_up_day_is_said_with_the_time_and_nobody_waits(bridge: Bridge) -> None:
    bridge.xero.faults.add(
        path="/Invoices",
        status=429,
        headers={"Retry-After": "7200", "X-Rate-Limit-Problem": "day"},
    )
    at = bridge.clock() + timedelta(hours=2)
    await ask(bridge)

    assert bridge.screen.said[0].endswith(f"We'll try again at {Moment(at)}.")
    bridge.clock.time = at
    await bridge.run()
    assert bridge.screen.reports[-1].is_fine
    assert len(bridge.screen.said) == 1


@pytest.mark.parametrize(("left", "said"), [(150, "150 more calls"), (1, "1 more call")])
async def test_e58_the_days_last_calls_are_kept_for_exports(
    bridge: Bridge, left: int, said: str
) -> None:
    await bridge.change(day_calls_left=left, sweep_due_at=None)
    bridge.xero.requests.clear()
    await ask(bridge)

    assert f"{said} today, and we keep them for exports" in bridge.screen.said[0]
    assert bridge.xero.calls("GET", "/Invoices") == []
    await bridge.change(day_calls_left=4000)
    await bridge.wait(hours=1)
    assert bridge.screen.reports[-1].is_fine


@BOTH_DATABASES
async def test_two_presses_are_one_comparison_and_two_people_get_two(bridge: Bridge) -> None:
    await bridge.change(exporters=[BEN.user_id])
    begun = [
        await bridge.reconcile.ask(person, text, replace(reply_to(), view_id=view_id))
        for person, text, view_id in ((BEN, "", "V2"), (ANNA, "", "V1"), (ANNA, "november", "V1"))
    ]
    await bridge.run()

    assert [each.is_new for each in begun] == [True, True, False]
    assert bridge.screen.shown_in == ["V2", "V1"]


@BOTH_DATABASES
async def test_what_is_asked_for_twice_is_shown_where_it_was_asked_for_last(bridge: Bridge) -> None:
    """Also when the comparison has begun by then."""
    await bridge.reconcile.ask(ANNA, "", reply_to())
    reading = bridge.xero.faults.hold("GET", "/Invoices")
    async with held(reading, bridge.run()) as first:
        begun = await bridge.reconcile.ask(ANNA, "", replace(reply_to(), view_id="V2"))
        await first.let_go()

    assert (begun.is_new, bridge.screen.shown_in) == (False, ["V2"])


async def test_a_broken_connection_is_said_and_marked(bridge: Bridge) -> None:
    bridge.paymo.company.keys.clear()
    await ask(bridge)

    assert (await bridge.connection()).state is ConnectionState.BROKEN
    assert len(bridge.screen.said) == 1
