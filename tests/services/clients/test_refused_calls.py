"""What Xero or Paymo refuses is one call's affair; the connection is over when the account is."""

from decimal import Decimal

import pytest

from services.model.connection import ConnectionState
from services.model.export import ExportState
from services.model.jobs import Job
from tests.databases import SQLITE_ALONE
from tests.services.bridge import Bridge
from tests.services.fixtures import bridge_of, exported

pytestmark = SQLITE_ALONE

PLAN = {"status": 403, "body": '{"message": "Not in your plan"}'}
TIER = {"status": 403, "body": '{"title": "Forbidden", "detail": "Not in this tier"}'}
PAGE = {"status": 403, "body": "<html>", "headers": {"Content-Type": "text/html"}}


bridge = bridge_of(exported(1, spare=1))


@pytest.mark.parametrize("fault", [TIER, PAGE])
async def test_a_refused_export_fails_with_the_reason_and_breaks_nothing(
    bridge: Bridge, fault: dict[str, object]
) -> None:
    bridge.xero.faults.add(method="PUT", path="Invoices", **fault)
    result = await bridge.export_it("INV-2")

    assert result.state is ExportState.FAILED
    assert ("Not in this tier" in result.reason) is (fault is TIER)
    assert (await bridge.connection()).state is ConnectionState.ACTIVE
    assert (await bridge.export_it("INV-2")).state is ExportState.EXPORTED


@pytest.mark.parametrize("fault", [PLAN, PAGE])
async def test_one_invoice_that_paymo_refuses_keeps_no_other_from_being_paid(
    bridge: Bridge, fault: dict[str, object]
) -> None:
    await bridge.export_it("INV-2")
    for each in list(bridge.xero.invoices.values()):
        bridge.xero.books.pay(each.invoice_id, Decimal(15), date=bridge.clock().date())
    first = bridge.paymo.company.numbered("INV-1").id
    for path in (r"/invoices$", rf"/invoices/{first}$"):
        bridge.paymo.faults.add(path=path, times=99, **fault)
    await bridge.look()
    paid = [each.invoice_id for each in bridge.paymo.company.payments.values()]
    assert paid == [bridge.paymo.company.numbered("INV-2").id]
    assert "INV-1" in (await bridge.schedule(Job.SWEEP)).problem

    bridge.paymo.faults.clear()
    await bridge.wait(hours=1)
    assert len(bridge.paymo.company.payments) == 2
    assert (await bridge.connection()).state is ConnectionState.ACTIVE


async def test_a_list_that_is_refused_is_said_and_the_other_side_is_copied(bridge: Bridge) -> None:
    bridge.paymo.company.add_client("Beta")
    await bridge.change(xero_mirrored_at=None, paymo_mirrored_at=None, mirror_due_at=bridge.clock())
    bridge.xero.faults.add(path="TaxRates", times=9, **TIER)
    await bridge.copy()
    connection = await bridge.connection()

    assert "Not in this tier" in (await bridge.schedule(Job.MIRROR)).problem
    assert connection.paymo_mirrored_at is not None
    assert connection.state is ConnectionState.ACTIVE


async def test_a_connection_that_somebody_ended_in_xero_is_broken_all_the_same(
    bridge: Bridge,
) -> None:
    bridge.xero.disconnect(bridge.xero.books.tenant_id)
    await bridge.look()
    connection = await bridge.connection()

    assert (connection.state, connection.broken_side) == (ConnectionState.BROKEN, "Xero")


async def test_an_account_that_paymo_refuses_is_broken(bridge: Bridge) -> None:
    bridge.paymo.faults.add(path="", times=99, **PLAN)
    await bridge.wait(hours=2)
    connection = await bridge.connection()

    assert (connection.state, connection.broken_side) == (ConnectionState.BROKEN, "Paymo")
