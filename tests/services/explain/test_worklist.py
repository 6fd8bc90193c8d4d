"""What the Home tab lists for one connection."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, update

from handlers.blocks import render_plain
from sandbox.paymo.model import Client
from services.errors import NotAllowed
from services.explain.service import ExplainService
from services.explain.worklist import HomeStep, WorkList
from services.model.people import Person, Role
from services.model.wording import situated
from services.settings.service import AccessService
from services.store import people, workspaces
from services.store.engine import Database
from services.store.tables import Acquaintance, Export
from tests.databases import BOTH_DATABASES, SQLITE_ALONE
from tests.days import day
from tests.services.batching import table
from tests.services.bridge import ANNA, Bridge, built_once, reply_to
from tests.services.fixtures import bridge_of

pytestmark = SQLITE_ALONE


@built_once
async def pair(database: Database) -> Bridge:
    """A connected pair with three invoices that went out."""
    made = await Bridge.open(database)
    made.xero.books.add_contact("Acme Ltd", email="pay@acme.example")
    acme = made.paymo.company.add_client("ACME Ltd.", email="pay@acme.example")
    for nth in (1, 2, 3):
        made.paymo.company.add_invoice(
            f"INV-{nth}", acme, [("Design", "Pages", 1, "100.00")], tax=15, status="sent"
        )
    await made.wait(hours=2)
    return made


bridge = bridge_of(pair)


@BOTH_DATABASES
async def test_each_invoice_is_listed_where_it_needs_somebody(bridge: Bridge) -> None:
    """One is paid, one was refused, one was never exported."""
    explain = ExplainService(bridge.database, bridge.links, bridge.work, bridge.clock)
    paid = await bridge.export_it("INV-1")
    bridge.xero.books.pay(paid.xero_invoice_id, Decimal("115.00"), date=bridge.clock().date())
    await bridge.look()
    form = await bridge.form_for("INV-2")
    company = bridge.paymo.company
    company.edit(company.numbered("INV-2").id, discount=Decimal(10))
    await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form), reply_to())
    await bridge.run()

    found = await explain.worklist(ANNA)

    [refused] = found.needs
    assert (refused.number, refused.text) == ("INV-2", bridge.screen.results[-1].reason)
    assert refused.action == bridge.screen.results[-1].actions[0]
    assert ([each.number for each in found.ready], found.ready_count) == (["INV-3"], 1)
    assert [each.number for each in found.paid] == ["INV-1"]
    assert found.overdue == ()


async def worked_out(bridge: Bridge) -> WorkList:
    explain = ExplainService(bridge.database, bridge.links, bridge.work, bridge.clock)
    return await explain.worklist(ANNA)


async def test_what_is_known_to_need_something_first_is_listed_apart(bridge: Bridge) -> None:
    """A contact, a currency, an open date; or why, as the last table of everything found."""
    company, books = bridge.paymo.company, bridge.xero.books
    books.add_account("400", "Exports", tax_type="ZERORATEDOUTPUT")
    books.period_lock_date = date(2026, 10, 31)
    acme = next(iter(company.clients.values()))
    stranger = company.add_client("Sunrise Yoga")
    work = [("Design", "Pages", 1, "100.00")]
    invoices: list[tuple[Client, dict[str, Any]]] = [
        (stranger, {}),
        (acme, {"currency": "SEK"}),
        (acme, {"issued": date(2026, 10, 2)}),
        (acme, {"tax": 9}),
        (acme, {"currency": "ANG"}),
    ]
    for nth, (client, odd) in enumerate(invoices, 4):
        company.add_invoice(f"INV-{nth}", client, work, **{"tax": 15, "status": "sent", **odd})
    await bridge.wait(hours=2)
    form = await table(bridge)
    reasons = {each.number: each.cure for group in form.groups for each in group.lines}

    found = await worked_out(bridge)

    numbers = [each.number for each in found.ready]
    assert (numbers, found.unready_count, found.unjudged) == (["INV-1", "INV-2", "INV-3"], 5, 0)
    said = {each.number: render_plain(each.text) for each in found.unready}
    assert said["INV-4"] == "Choose a contact in Xero for Sunrise Yoga."
    assert said["INV-5"].startswith("Maple Books doesn't use SEK yet.")
    assert f"is locked up to {day('2026-10-31')}." in said["INV-6"]
    assert said["INV-7"] == reasons["INV-7"] == "Choose the account for this invoice."
    assert "ANG" in said["INV-8"]
    helped = {each.number: (each.missing, each.client_id) for each in found.unready if each.missing}
    assert helped == {"INV-4": ("contact", stranger.id), "INV-7": ("account", acme.id)}


@pytest.mark.parametrize("ahead", [0, 1], ids=["clocks alike", "Paymo's clock ahead"])
async def test_what_a_table_found_is_said_until_the_invoice_is_edited(
    bridge: Bridge, ahead: int
) -> None:
    bridge.xero.books.add_account("400", "Exports", tax_type="ZERORATEDOUTPUT")
    company = bridge.paymo.company
    invoice = company.numbered("INV-3")
    company.edit(invoice.id, tax=Decimal(9))
    invoice.updated = bridge.clock() + timedelta(hours=ahead)
    await bridge.run()
    await bridge.wait(minutes=6)
    await table(bridge)

    found = await worked_out(bridge)
    assert [(each.number, each.missing) for each in found.unready] == [("INV-3", "account")]

    bridge.clock.turn(hours=2)
    company.edit(invoice.id, tax=Decimal(8))
    await bridge.run()
    assert (await worked_out(bridge)).unready == ()


async def test_why_xero_refused_it_is_said_until_it_is_edited(bridge: Bridge) -> None:
    """An automatic export is nobody's, so that nobody is asked about it on Home."""
    explain = ExplainService(bridge.database, bridge.links, bridge.work, bridge.clock)
    form = await bridge.form_for("INV-2")
    company = bridge.paymo.company
    company.edit(company.numbered("INV-2").id, discount=Decimal(10))
    await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form), reply_to())
    await bridge.run()
    async with bridge.database.sessions.begin() as session:
        export = (await session.scalars(select(Export))).one()
        export.requested_by, why = "", export.reason

    [refused] = (await explain.worklist(ANNA)).unready

    assert (refused.number, refused.text) == ("INV-2", situated(why, "NZ"))
    assert refused.action is not None
    bridge.clock.turn(hours=2)
    company.edit(company.numbered("INV-2").id, discount=Decimal(5))
    await bridge.run()
    assert (await explain.worklist(ANNA)).unready == ()


async def test_what_is_overdue_says_for_how_long(bridge: Bridge) -> None:
    explain = ExplainService(bridge.database, bridge.links, bridge.work, bridge.clock)
    await bridge.export_it("INV-1")
    [export] = await bridge.exports()
    assert export.due_on is not None
    bridge.clock.turn(hours=24 * ((export.due_on - bridge.clock().date()).days + 5))

    [late] = (await explain.worklist(ANNA)).overdue

    assert late.number == "INV-1"
    assert re.fullmatch(r"overdue by [456] days", late.text)


@dataclass(frozen=True, slots=True)
class Homes:
    """Keeps what a Home tab says is overdue, each time it is published."""

    explain: ExplainService
    drawn: list[list[str]] = field(default_factory=list)

    async def publish(self, workspace_id: int, person: Person) -> None:
        """Read it as Home does."""
        self.drawn.append([each.text for each in (await self.explain.worklist(person)).overdue])


@BOTH_DATABASES
async def test_home_counts_one_day_more_each_midnight_there_for_who_opened_it_lately(
    bridge: Bridge,
) -> None:
    await bridge.change(time_zone="NEWZEALANDSTANDARDTIME")
    await bridge.export_it("INV-1")
    [export] = await bridge.exports()
    assert export.due_on is not None
    workspace_id = (await bridge.connection()).workspace_id
    homes = Homes(ExplainService(bridge.database, bridge.links, bridge.work, bridge.clock))
    step = HomeStep(bridge.database, homes, bridge.clock)
    # In New Zealand it is 19:00 or 20:00.
    bridge.clock.time = datetime.combine(export.due_on + timedelta(days=1), time(7), UTC)
    async with bridge.database.sessions.begin() as session:
        await people.open_home(session, workspace_id, "U1", bridge.clock())
    seen = []
    for hours in (3, 3, 20, 4, 24 * 40, 24):
        bridge.clock.turn(hours=hours)
        await bridge.runner.run_all([step], workspace_id)
        seen.append(len(homes.drawn))

    assert seen == [0, 1, 1, 2, 3, 3]
    assert homes.drawn[:2] == [["overdue by 2 days"], ["overdue by 3 days"]]


async def test_the_owner_sees_who_asks_and_nobody_else_sees_anything(bridge: Bridge) -> None:
    explain = ExplainService(bridge.database, bridge.links, bridge.work, bridge.clock)
    access = AccessService(bridge.database, bridge.work, bridge.clock)
    await access.ask(Person("", "T1", "U9"), Role.EXPORTER)

    found = await explain.worklist(ANNA)

    assert [(each.user_id, each.role) for each in found.asked] == [("U9", "exporter")]
    with pytest.raises(NotAllowed):
        await explain.worklist(Person("", "T1", "U9"))


async def test_home_is_drawn_again_for_what_came_or_changed_in_paymo(bridge: Bridge) -> None:
    """Not for what is as it was: a list is read every few minutes."""
    company = bridge.paymo.company
    connection = await bridge.connection()
    await bridge.mirror.refresh_invoices(connection)

    async def is_drawn_again() -> bool:
        async with bridge.database.sessions.begin() as session:
            await people.open_home(session, connection.workspace_id, "U1", bridge.clock())
            await session.execute(update(Acquaintance).values(due_at=None))
        await bridge.mirror.refresh_invoices(connection)
        async with bridge.database.sessions() as session:
            return (await session.scalars(select(Acquaintance))).one().due_at is not None

    assert not await is_drawn_again()
    client = next(iter(company.clients.values()))
    company.add_invoice("NEW-1", client, [("Seeds", "", 1, "10.00")], status="sent")
    assert await is_drawn_again()
    assert not await is_drawn_again()
    company.set_status(company.numbered("NEW-1").id, "paid")
    assert await is_drawn_again()


async def test_home_is_drawn_again_for_who_has_a_role_there_and_looked_lately(
    bridge: Bridge,
) -> None:
    await bridge.change(exporters=["U2"], viewers=["U3", "U4"])
    here, now = (await bridge.connection()).workspace_id, bridge.clock()
    homes = Homes(ExplainService(bridge.database, bridge.links, bridge.work, bridge.clock))
    async with bridge.database.sessions.begin() as session:
        there = (await workspaces.find_or_add(session, "", "T2", now)).id
        for workspace_id, who in ((here, "U1 U2 U3 U9"), (there, "U1")):
            for each in who.split():
                await people.open_home(session, workspace_id, each, now)
        await people.open_home(session, here, "U4", now - timedelta(days=31))
        await session.execute(update(Acquaintance).values(due_at=None))

    await bridge.export_it("INV-1")

    async with bridge.database.sessions() as session:
        due = await session.execute(
            select(Acquaintance.workspace_id, Acquaintance.user_id)
            .where(Acquaintance.due_at.is_not(None))
            .order_by(Acquaintance.user_id)
        )
        assert due.all() == [(here, "U1"), (here, "U2"), (here, "U3")]
    bridge.clock.turn(minutes=1)
    for workspace_id, count in ((there, 0), (here, 3)):
        step = HomeStep(bridge.database, homes, bridge.clock)
        await bridge.runner.run_all([step], workspace_id)
        assert len(homes.drawn) == count
