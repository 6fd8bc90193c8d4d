"""One odd row of Paymo's or Xero's: it is named where people look, and all else goes on."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.model.export import ExportState
from services.model.jobs import Job
from services.reconcile.report import Outcome
from services.store import mirror, schedules
from services.store.engine import Database
from tests.databases import BOTH_DATABASES, SQLITE_ALONE
from tests.services import batching
from tests.services.bridge import ANNA, Bridge, reply_to
from tests.services.fixtures import bridge_of, exported

pytestmark = SQLITE_ALONE
LINES = [("Work", "", 1, "100")]


bridge = bridge_of(exported(2, spare=1))


def pay_both(bridge: Bridge) -> None:
    for each in list(bridge.xero.invoices.values()):
        bridge.xero.books.pay(each.invoice_id, Decimal(15), date=bridge.clock().date())


async def told(bridge: Bridge) -> str:
    """Return what `status` names as left out."""
    async with bridge.database.sessions() as session:
        return await schedules.trouble_of(session, await bridge.connection())


async def test_what_stops_the_sync_and_the_copying_alike_is_told_once(bridge: Bridge) -> None:
    bridge.xero.faults.add(status=503, times=30)
    await bridge.change(xero_mirrored_at=None, mirror_due_at=bridge.clock())
    await bridge.look()
    problems = [(await bridge.schedule(each)).problem for each in (Job.SWEEP, Job.MIRROR)]

    assert problems == [await told(bridge)] * 2
    assert "Xero" in problems[0]


def paid_in_paymo(bridge: Bridge) -> list[str]:
    company = bridge.paymo.company
    return sorted(company.invoices[each.invoice_id].number for each in company.payments.values())


@BOTH_DATABASES
@pytest.mark.parametrize(
    "alter",
    [
        {"Invoices/0/Total": None},
        {"Invoices/0/Payments/0/Amount": {"is": 15}},
        {"Invoices/0/Status": None, "Invoices/0/UpdatedDateUTC": "/Date(9e99)/"},
    ],
)
async def test_an_odd_invoice_in_xero_is_named_until_it_can_be_read(
    bridge: Bridge, alter: dict[str, Any]
) -> None:
    pay_both(bridge)
    bridge.xero.faults.add(method="GET", path="Invoices", alter=alter)
    await bridge.look()
    odd = await told(bridge)
    first = paid_in_paymo(bridge)
    assert "invoice INV-1 in Xero" in odd
    assert first == ["INV-2"]

    await bridge.wait(hours=25)
    assert paid_in_paymo(bridge) == ["INV-1", "INV-2"]
    assert await told(bridge) == ""


@BOTH_DATABASES
async def test_what_xero_and_paymo_never_said_before_stops_nothing(bridge: Bridge) -> None:
    pay_both(bridge)
    long = "PARTLY-SPENT-AND-ON-ITS-WAY-TO-SOMEWHERE"
    new = {"Invoices/0/Status": long, "Invoices/0/CurrencyCode": "NZD-NEW-NEW", "Invoices/0/Y": {}}
    bridge.xero.faults.add(method="GET", path="Invoices", alter=new)
    bridge.xero.faults.add(path="Organisation", times=9, alter={"Organisations/0/ShortCode": long})
    bridge.paymo.faults.add(path="/invoices$", times=9, alter={"invoices/*/status": long})
    await bridge.change(xero_mirrored_at=None, paymo_mirrored_at=None)
    await bridge.look()

    assert paid_in_paymo(bridge) == ["INV-1", "INV-2"]
    assert (await bridge.schedule(Job.MIRROR)).problem == ""


async def test_a_time_far_ahead_passes_no_later_change_over(bridge: Bridge) -> None:
    pay_both(bridge)
    ahead = {"Invoices/1/UpdatedDateUTC": "/Date(4102444800000+0000)/"}
    bridge.xero.faults.add(method="GET", path="Invoices", alter=ahead)
    await bridge.look()
    bridge.xero.books.pay(next(iter(bridge.xero.invoices)), Decimal(20), date=bridge.clock().date())
    await bridge.look()

    assert paid_in_paymo(bridge) == ["INV-1", "INV-1", "INV-2"]


@BOTH_DATABASES
async def test_an_odd_invoice_or_client_in_paymo_stays_in_the_menus_and_is_named(
    bridge: Bridge,
) -> None:
    bridge.paymo.company.add_client("Beta")
    await bridge.change(paymo_mirrored_at=None, mirror_due_at=bridge.clock())
    bridge.paymo.faults.add(path="/invoices$", alter={"invoices/0/total": None})
    bridge.paymo.faults.add(path="/clients$", alter={"clients/0/name": None})
    await bridge.run()
    async with bridge.database.sessions() as session:
        listed = await mirror.search_invoices(session, bridge.connection_id, "INV", 9)
        clients = await mirror.search_clients(session, bridge.connection_id, "", 9)

    assert {head.number for head, _ in listed} == {"INV-1", "INV-2", "INV-3"}
    assert {each.name for each in clients} == {"Acme Ltd", "Beta"}
    assert "client" in await told(bridge)
    assert "invoice INV-1 in Paymo (total)" in await told(bridge)


async def test_one_invoice_that_cannot_be_read_singly_keeps_no_other_waiting(
    bridge: Bridge,
) -> None:
    pay_both(bridge)
    first = next(iter(bridge.paymo.company.invoices))
    for path in (r"/invoices$", rf"/invoices/{first}$"):
        bridge.paymo.faults.add(path=path, times=99, alter={"invoices/0/updated_on": None})
    await bridge.look()

    assert paid_in_paymo(bridge) == ["INV-2"]
    assert "INV-1" in (await bridge.schedule(Job.SWEEP)).problem


async def test_a_comparison_never_takes_what_cannot_be_read_for_missing(bridge: Bridge) -> None:
    bridge.paymo.faults.add(path="/invoices$", times=9, alter={"invoices/0/total": "?"})
    await bridge.reconcile.ask(ANNA, "", reply_to())
    await bridge.run()
    [report] = bridge.screen.reports
    bridge.paymo.faults.clear()
    bridge.xero.faults.add(path="Invoices", times=9, alter={"Invoices/0/Total": None})
    await bridge.reconcile.ask(ANNA, "", reply_to())
    await bridge.run()
    second = bridge.screen.reports[-1]

    for each in (report, second):
        [odd] = [row for row in each.rows if row.outcome is Outcome.ODD]
        assert odd.number in {"INV-1", "INV-2"}
        assert each.count(Outcome.ONLY_PAYMO, Outcome.ONLY_XERO, Outcome.UNREAD) == 0
        assert not each.is_fine


@pytest.mark.parametrize("is_odd_again", [False, True])
async def test_an_export_that_xero_took_is_no_riddle_because_a_field_is_odd(
    bridge: Bridge, *, is_odd_again: bool
) -> None:
    odd = {"Invoices/0/Total": {"is": 115}}
    bridge.xero.faults.add(method="PUT", path="Invoices", alter=odd)
    if is_odd_again:
        bridge.xero.faults.add(method="GET", path="Invoices/", times=9, alter=odd)
    result = await bridge.export_it("INV-3")

    assert [each.number for each in bridge.xero.invoices.values()].count("INV-3") == 1
    assert len(bridge.xero.calls("PUT", "Invoices")) == 3
    assert result.state is (ExportState.DIFFERENT if is_odd_again else ExportState.EXPORTED)
    assert ("can't be read" in result.reason) is is_odd_again


async def test_a_batch_names_what_cannot_be_read_and_exports_the_rest(database: Database) -> None:
    bridge = await batching.opened(database)
    batching.invoices(bridge, 3)
    await bridge.wait(hours=2)
    odd = {"invoices/1/invoiceitems/0/price_unit": None}
    bridge.paymo.faults.add(path="/invoices", times=99, alter=odd)
    form = await batching.export_all(bridge)
    held = {each.number for each in bridge.xero.invoices.values()}
    await bridge.close()

    said = [line for group in form.groups for line in group.lines if line.number == "INV-2"]
    assert held == {"INV-1", "INV-3"}
    assert ["can't be read" in line.reason for line in said] == [True]


async def test_what_a_batch_is_not_told_the_id_of_is_looked_up(database: Database) -> None:
    """Without the id in Xero nobody would ever see it paid."""
    bridge = await batching.opened(database)
    batching.invoices(bridge, 3)
    await bridge.wait(hours=2)
    bridge.xero.faults.add(method="PUT", path="/Invoices$", alter={"Invoices/1/InvoiceID": None})
    await batching.export_all(bridge)
    rows = await bridge.exports()
    await bridge.close()

    assert {each.state for each in rows} == {ExportState.EXPORTED}
    assert {each.xero_invoice_id for each in rows} == set(bridge.xero.invoices)
    assert len(bridge.xero.calls("PUT", "Invoices")) == 1


@pytest.mark.parametrize("window", [10, 30])
async def test_the_menus_fill_however_slowly_paymo_lets_us_read(
    database: Database, window: int
) -> None:
    bridge = await Bridge.open(database)
    company = bridge.paymo.company
    owner = company.add_client("Acme Ltd")
    for number in range(730):
        company.add_invoice(f"INV-{number}", owner, LINES)
    bridge.paymo.requests.clear()
    limit = bridge.paymo.limit
    limit.requests, limit.window = 2, timedelta(seconds=window)
    await bridge.change(paymo_mirrored_at=None, mirror_due_at=bridge.clock())
    counts, said = [], []
    for _ in range(40):
        await bridge.copy()
        connection = await bridge.connection()
        async with bridge.database.sessions() as session:
            counts.append(len(await mirror.search_invoices(session, connection.id, "INV", 999)))
        said.append((await bridge.schedule(Job.MIRROR)).problem)
        if connection.paymo_mirrored_at is not None:
            break
        bridge.clock.turn(seconds=window)
    asked = bridge.paymo.calls("GET", "/invoices$")
    pages = [each.query["page"] for each in asked if each.status == 200]
    await bridge.close()

    assert len(pages) == len(set(pages)), "what was read is not read again"
    assert counts[-1] == 730
    assert counts == sorted(counts)
    assert any("so far" in each for each in said)
    assert said[-1] == ""
