"""Automatic export: what goes by itself, what is asked about, and what stops it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from services.errors import NotAccepted, NotAllowed
from services.lifecycle.task import TaskRequest, ask
from services.matching.service import MatchChoice
from services.model.connection import ConnectionState
from services.model.export import ExportState
from services.model.jobs import Job, TaskState
from services.settings.service import SettingsService
from services.store import upkeep
from services.store.engine import Database
from services.store.tables import Task
from tests.databases import SQLITE_ALONE
from tests.services.bridge import ANNA, BEN, Bridge, Deaf, built_once, reply_to
from tests.services.fixtures import audited, bridge_of

pytestmark = SQLITE_ALONE

LINES = [("Design", "Pages", 10, "120.00")]


@built_once
async def pair(database: Database) -> Bridge:
    """A pair with one client that is in Xero, and three invoices to export by hand."""
    made = await Bridge.open(database)
    made.xero.books.add_contact("Acme Ltd", email="pay@acme.example")
    made.paymo.company.add_client("ACME Ltd.", email="pay@acme.example")
    made.paymo.company.add_client("Kiwi Farm")
    for nth in (1, 2, 3):
        draft(made, f"HAND-{nth}")
    await made.wait(hours=2)
    return made


bridge = bridge_of(pair)


def draft(bridge: Bridge, number: str, client: str = "ACME Ltd.", **more: Any) -> None:
    """Write an invoice in Paymo that is not sent yet."""
    known = next(each for each in bridge.paymo.company.clients.values() if each.name == client)
    bridge.paymo.company.add_invoice(number, known, LINES, **({"tax": 15} | more))


def mark(bridge: Bridge, number: str, status: str = "sent") -> None:
    """Have somebody set an invoice's status in Paymo."""
    company = bridge.paymo.company
    company.set_status(company.numbered(number).id, status)


async def set_to(bridge: Bridge, wanted: str) -> None:
    """Switch automatic export on or off, as the owner does."""
    service = SettingsService(bridge.database, Deaf(), bridge.clock)
    await service.save(ANNA, replace(await service.open(ANNA), auto_export=wanted))
    await bridge.run()


async def ready(bridge: Bridge) -> None:
    """Export three by hand, then switch it on."""
    for nth in (1, 2, 3):
        await bridge.export_it(f"HAND-{nth}")
    await set_to(bridge, "on")
    bridge.clock.turn(minutes=1)


async def match(bridge: Bridge, number: str, contact_id: str) -> None:
    """Have somebody match an invoice's client with a contact, and with Sales."""
    sales = next(each for each in bridge.xero.books.accounts.values() if each.code == "200")
    client_id = bridge.paymo.company.numbered(number).client_id
    await bridge.matching.save(ANNA, MatchChoice(client_id, contact_id, sales.account_id))


def in_xero(bridge: Bridge) -> list[str]:
    """Return the numbers of what was exported by itself."""
    numbers = [each.number for each in bridge.xero.invoices.values()]
    return sorted(each for each in numbers if not each.startswith("HAND"))


async def told(bridge: Bridge, kind: str) -> list[dict[str, Any]]:
    """Return the facts of what channels are told of one kind."""
    return [facts for each, facts in await bridge.notices() if each == kind]


async def test_c37_it_can_be_switched_on_only_after_three_clean_exports_by_hand(
    bridge: Bridge,
) -> None:
    service = SettingsService(bridge.database, Deaf(), bridge.clock)
    for nth in (1, 2):
        await bridge.export_it(f"HAND-{nth}")
    form = await service.open(ANNA)
    assert (form.auto_export, form.clean, form.needed) == ("off", 2, 3)
    with pytest.raises(NotAccepted) as refusal:
        await service.save(ANNA, replace(form, auto_export="on"))
    assert "So far: 2" in refusal.value.fields["auto_export"]
    await bridge.export_it("HAND-3")
    with pytest.raises(NotAllowed):
        await service.save(BEN, replace(form, auto_export="on"))
    await service.save(ANNA, replace(form, auto_export="on"))

    assert (await service.open(ANNA)).auto_export == "on"
    (act,) = await audited(bridge, "settings_changed")
    assert (act.user_id, act.after["auto_export"]) == ("U1", "on")


async def test_what_is_sent_and_certain_goes_once_and_on_the_owners_order(bridge: Bridge) -> None:
    await ready(bridge)
    draft(bridge, "INV-1")
    draft(bridge, "INV-2")
    await bridge.look()
    assert in_xero(bridge) == []
    mark(bridge, "INV-1")
    await bridge.look()
    mark(bridge, "INV-1", "draft")
    await bridge.look()
    mark(bridge, "INV-1")
    await bridge.look()

    assert in_xero(bridge) == ["INV-1"]
    (act,) = [each for each in await audited(bridge, "exported") if not each.user_id]
    assert act.after["on_order_of"] == "U1"
    facts = (await told(bridge, "invoice_exported"))[-1]
    assert (facts["number"], facts["by"], facts["on_order_of"]) == ("INV-1", "", "U1")
    assert len(bridge.screen.results) == 3  # nobody waits for it, so no screen is drawn on
    await bridge.change(owner_id="U2", exporters=["U1"])
    card = await bridge.forms.card(ANNA, "INV-1")
    assert card is not None
    assert card[0]["on_order_of"] == "U1"  # whoever owns the connection since


async def test_one_that_was_written_and_sent_between_two_looks_goes_as_well(
    bridge: Bridge,
) -> None:
    await ready(bridge)
    draft(bridge, "INV-1", status="sent")
    await bridge.look()

    assert in_xero(bridge) == ["INV-1"]


async def test_a_clock_that_is_ahead_of_paymos_passes_over_nothing(bridge: Bridge) -> None:
    """What becomes sent is known by Paymo's own times, once they were seen."""
    bridge.paymo.company.now = lambda: bridge.clock() - timedelta(hours=1)
    draft(bridge, "INV-1")
    await bridge.look()
    await ready(bridge)
    mark(bridge, "INV-1")
    draft(bridge, "INV-2", status="sent")
    await bridge.look()

    assert in_xero(bridge) == ["INV-1", "INV-2"]


async def test_a_clock_that_was_ahead_when_it_was_switched_on_skips_nothing(bridge: Bridge) -> None:
    """Neither what becomes sent before Paymo is read next, nor what waits for an answer."""
    for nth in (1, 2, 3):
        await bridge.export_it(f"HAND-{nth}")
    kiwi = bridge.xero.books.add_contact("Kiwi Farm").contact_id
    service = SettingsService(bridge.database, Deaf(), bridge.clock)
    bridge.clock.turn(days=3)
    await service.save(ANNA, replace(await service.open(ANNA), auto_export="on"))
    bridge.clock.turn(days=-3)
    async with bridge.database.sessions.begin() as session:
        await upkeep.set_back(session, bridge.clock(), timedelta(days=3))
    draft(bridge, "INV-1", status="sent")
    draft(bridge, "INV-2", "Kiwi Farm", status="sent")
    await bridge.wait(hours=2)
    await match(bridge, "INV-2", kiwi)
    await bridge.run()

    assert in_xero(bridge) == ["INV-1", "INV-2"]


@pytest.mark.parametrize("fault", [{"status": 500, "times": 3}, {"status": 429}])
async def test_a_copy_that_is_cut_short_keeps_nothing_from_going(
    bridge: Bridge, fault: dict[str, Any]
) -> None:
    """What became sent is in the part that was read."""
    draft(bridge, "INV-1")
    for nth in range(100):
        draft(bridge, f"OLD-{nth}")
    await ready(bridge)
    mark(bridge, "INV-1")
    bridge.paymo.faults.add(
        method="GET", path="/invoices$", skip=1, headers={"Retry-After": "90"}, **fault
    )
    bridge.clock.turn(minutes=61)
    await bridge.copy()
    await bridge.wait(minutes=2)

    assert in_xero(bridge) == ["INV-1"]


async def test_what_was_sent_before_it_was_switched_on_stays(bridge: Bridge) -> None:
    """Even what the app had not seen yet, or what is edited afterwards."""
    draft(bridge, "OLD-1", status="sent")
    draft(bridge, "OLD-2")
    for nth in (1, 2, 3):
        await bridge.export_it(f"HAND-{nth}")
    await bridge.look()
    mark(bridge, "OLD-2")
    bridge.clock.turn(seconds=5)
    await set_to(bridge, "on")
    bridge.paymo.company.numbered("OLD-1").updated = bridge.clock()
    await bridge.look()

    assert in_xero(bridge) == []
    assert await told(bridge, "export_asked") == []


@pytest.mark.parametrize(
    ("client", "more", "reason"),
    [
        ("Kiwi Farm", {}, "needs a contact and an account"),
        ("ACME Ltd.", {"tax": 7}, "7% in Paymo"),
        ("ACME Ltd.", {"currency": "SEK"}, "doesn't use SEK"),
    ],
)
async def test_what_is_uncertain_is_asked_about_once_and_not_exported(
    bridge: Bridge, client: str, more: dict[str, Any], reason: str
) -> None:
    await ready(bridge)
    draft(bridge, "INV-1", client, **more)
    for status in ("sent", "draft", "sent"):
        mark(bridge, "INV-1", status)
        await bridge.look()

    (facts,) = await told(bridge, "export_asked")
    assert facts["number"] == "INV-1"
    assert reason in facts["reason"]
    assert in_xero(bridge) == []
    (act,) = await audited(bridge, "auto_export_asked")
    assert act.user_id == ""


@pytest.mark.parametrize("is_known", [True, False])
async def test_one_that_was_sent_and_paid_between_two_looks_is_asked_about(
    bridge: Bridge, *, is_known: bool
) -> None:
    """Nor is it missed when it was paid while Paymo could not be asked."""
    await ready(bridge)
    if is_known:
        draft(bridge, "INV-1")
        await bridge.look()
        mark(bridge, "INV-1", "paid")
    else:
        draft(bridge, "INV-1", status="sent")
        await bridge.mirror.refresh_invoices(await bridge.connection())
        mark(bridge, "INV-1", "paid")
    await bridge.look()
    await bridge.look()

    (facts,) = await told(bridge, "export_asked")
    assert "was paid in Paymo before paymo-xero saw" in facts["reason"]
    assert in_xero(bridge) == []
    await bridge.export_it("INV-1")
    assert in_xero(bridge) == ["INV-1"]


async def test_e55_what_xero_has_let_go_of_goes_again_only_by_a_person(bridge: Bridge) -> None:
    """Taken back, or deleted in Xero and restored: asked about each time, and not missed."""
    await ready(bridge)
    for number in ("INV-1", "INV-2"):
        draft(bridge, number, status="sent")
    await bridge.look()
    first, second = (await bridge.exports())[-2:]
    await bridge.undo.undo(ANNA, first.id, reply_to())
    bridge.xero.books.void(second.xero_invoice_id or "")
    await bridge.change(void_means="delete")
    await bridge.look()
    await bridge.restore.restore_number(ANNA, "INV-2", reply_to())
    await bridge.run()
    for status in ("draft", "sent"):
        mark(bridge, "INV-1", status)
        await bridge.look()

    asked = {each["number"]: each["reason"] for each in await told(bridge, "export_asked")}
    assert "was undone in Maple Books" in asked["INV-1"]
    assert "was deleted in Maple Books and restored in Paymo" in asked["INV-2"]
    assert len(asked) == 2
    statuses = [bridge.xero.invoices[each.xero_invoice_id or ""].status for each in (first, second)]
    assert (len(in_xero(bridge)), statuses) == (2, ["VOIDED", "VOIDED"])


@pytest.mark.parametrize("answer", ["match", "form", "xero"])
async def test_one_answer_releases_what_was_asked_about(bridge: Bridge, answer: str) -> None:
    """A match that is saved, an export by hand with a new match, a currency that is enabled."""
    await ready(bridge)
    client, more = ("ACME Ltd.", {"currency": "SEK"}) if answer == "xero" else ("Kiwi Farm", {})
    for number in ("INV-1", "INV-2"):
        draft(bridge, number, client, **more)
        mark(bridge, number)
    await bridge.look()
    assert len(await told(bridge, "export_asked")) == 2
    kiwi = bridge.xero.books.add_contact("Kiwi Farm").contact_id
    bridge.xero.books.add_currency("SEK")
    await bridge.wait(hours=2)
    if answer == "match":
        await match(bridge, "INV-1", kiwi)
    elif answer == "form":
        await bridge.export_it("INV-1", contact_id=kiwi)
    await bridge.run()

    assert in_xero(bridge) == ["INV-1", "INV-2"]
    assert len(await told(bridge, "export_asked")) == 2


@pytest.mark.parametrize("state", [{"state": ConnectionState.BROKEN}, {"is_paused": True}])
async def test_nothing_goes_while_the_connection_is_broken_or_paused(
    bridge: Bridge, state: dict[str, Any]
) -> None:
    await ready(bridge)
    draft(bridge, "INV-1", status="sent")
    await bridge.mirror.refresh_invoices(await bridge.connection())
    await bridge.change(**state)
    await bridge.look()
    assert in_xero(bridge) == []
    await bridge.change(state=ConnectionState.ACTIVE, is_paused=False)
    await bridge.look()

    assert in_xero(bridge) == ["INV-1"]


async def test_an_outage_is_waited_for_and_two_workers_make_one_export(bridge: Bridge) -> None:
    await ready(bridge)
    bridge.paymo.faults.add(path="/invoices/", status=503, times=3)
    draft(bridge, "INV-1", status="sent")
    await bridge.look()
    connection = await bridge.connection()
    async with bridge.database.sessions.begin() as session:
        subject = str(bridge.paymo.company.numbered("INV-1").id)
        await ask(session, connection, TaskRequest(Job.AUTO, subject, bridge.clock()))
    await bridge.look()
    await bridge.look()

    assert in_xero(bridge) == ["INV-1"]


async def test_switching_off_stops_at_once_even_what_is_claimed(bridge: Bridge) -> None:
    await ready(bridge)
    draft(bridge, "INV-1", status="sent")
    draft(bridge, "INV-2", status="sent")
    await bridge.mirror.refresh_invoices(await bridge.connection())
    async with bridge.database.sessions() as session:
        first, _ = list(await session.scalars(select(Task.id).where(Task.job == Job.AUTO)))
    await bridge.work_on(Job.AUTO, first)
    await set_to(bridge, "off")
    await bridge.look()
    async with bridge.database.sessions() as session:
        left = set(await session.scalars(select(Task.state).where(Task.job == Job.AUTO)))

    assert in_xero(bridge) == []
    assert (await bridge.exports())[-1].state is ExportState.FAILED
    assert left == {TaskState.DONE, TaskState.REFUSED}


async def test_three_failures_in_a_row_switch_it_off_and_are_told(bridge: Bridge) -> None:
    await ready(bridge)
    for nth in (1, 2, 3):
        bridge.xero.faults.add(method="PUT", path="Invoices", status=400)
        draft(bridge, f"INV-{nth}", status="sent")
        await bridge.look()
    draft(bridge, "INV-4", status="sent")
    await bridge.look()

    assert in_xero(bridge) == []
    heard = await told(bridge, "auto_export_paused")
    assert heard[0]["numbers"] == ["INV-1", "INV-2", "INV-3"]
    assert not (await bridge.connection()).auto_export
    await set_to(bridge, "on")
    done = [each["done"] for each in await told(bridge, "auto_export_paused")]
    assert {(each["by"], each["what"]) for each in done} == {("U1", "turned it on again")}


async def test_a_success_between_failures_lets_it_go_on(bridge: Bridge) -> None:
    await ready(bridge)
    for nth in range(5):
        if nth % 2 == 0:
            bridge.xero.faults.add(method="PUT", path="Invoices", status=400)
        draft(bridge, f"INV-{nth}", status="sent")
        await bridge.look()

    assert in_xero(bridge) == ["INV-1", "INV-3"]
    assert (await bridge.connection()).auto_export
