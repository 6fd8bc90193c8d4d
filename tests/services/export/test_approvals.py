"""A second person: what waits for one, who that may be, and that no way leads around it."""

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from handlers.blocks import render_plain
from sandbox.xero.model import new_id
from services.errors import AlreadyRequested, NotAccepted, NotAllowed, ServiceError
from services.explain.service import ExplainService
from services.lifecycle.export import end_with_connection
from services.matching.service import MatchChoice
from services.model.actions import Action
from services.model.export import ExportState
from services.model.people import Person
from services.settings.service import SettingsService
from services.store.engine import Database
from services.store.tables import AuditEntry, Export, Notice
from tests.databases import SQLITE_ALONE
from tests.services.batching import ended, table
from tests.services.bridge import ANNA, BEN, Bridge, Deaf, built_once, reply_to
from tests.services.fixtures import bridge_of

pytestmark = SQLITE_ALONE

CARA = Person("", "T1", "U3", "C1")


@built_once
async def pair(database: Database) -> Bridge:
    """A pair that lets 100.00 go alone, with an invoice below that and others above."""
    made = await Bridge.with_acme(database, "BIG-1", "BIG-2", "BIG-3", "BIG-4")
    acme = next(iter(made.paymo.company.clients.values()))
    made.paymo.company.add_invoice("SMALL", acme, [("Work", "", 1, "80")], tax=15)
    await made.change(exporters=["U2"], approve_above=Decimal(100))
    await made.wait(hours=2)
    return made


bridge = bridge_of(pair)


def numbers(bridge: Bridge) -> list[str]:
    """Return what is in Xero."""
    return sorted(each.number for each in bridge.xero.invoices.values())


async def asked(bridge: Bridge) -> list[Notice]:
    """Return who was asked to approve what, in order."""
    async with bridge.database.sessions() as session:
        found = await session.scalars(
            select(Notice).where(Notice.kind == "approval_asked").order_by(Notice.id)
        )
        return list(found)


async def test_what_one_approves_asks_no_other_and_leaves_other_questions_open(
    bridge: Bridge,
) -> None:
    await bridge.change(exporters=["U2", "U3"])
    for number in ("BIG-1", "BIG-2"):
        await bridge.export_it(number)
    await approve(bridge, nth=0)

    done = [
        (each.channel_id, each.facts["number"], "done" in each.facts)
        for each in await asked(bridge)
    ]
    assert done == [
        ("U2", "BIG-1", True),
        ("U3", "BIG-1", True),
        ("U2", "BIG-2", False),
        ("U3", "BIG-2", False),
    ]


async def approve(bridge: Bridge, by: Person = BEN, nth: int = -1) -> str:
    """Press Approve on a message."""
    notice = (await asked(bridge))[nth]
    export_id, _, seen = str(notice.facts["approval"]).partition(":")
    said = await bridge.requests.approve(by, int(export_id), seen)
    await bridge.run()
    return said


async def save(bridge: Bridge, **changes: Any) -> None:
    """Save the settings as the owner does."""
    service = SettingsService(bridge.database, Deaf(), bridge.clock)
    await service.save(ANNA, replace(await service.open(ANNA), **changes))
    await bridge.run()


def reprice(bridge: Bridge, number: str, price: str) -> None:
    """Have somebody edit the invoice in Paymo."""
    bridge.clock.turn(minutes=1)
    invoice = bridge.paymo.company.numbered(number)
    invoice.items[0].price_unit = Decimal(price)
    bridge.paymo.company.edit(invoice.id)


async def test_above_the_amount_another_exporter_lets_it_go_and_both_are_named(
    bridge: Bridge,
) -> None:
    assert (await bridge.export_it("SMALL")).state is ExportState.EXPORTED
    waiting = await bridge.export_it("BIG-1")

    assert (waiting.state, waiting.actions) == (ExportState.AWAITING, (Action.CANCEL,))
    assert numbers(bridge) == ["SMALL"]
    (notice,) = await asked(bridge)
    shown = notice.facts
    assert (notice.channel_id, shown["by"], shown["contact"]) == ("U2", "U1", "Acme Ltd")
    assert (Decimal(shown["total"]), shown["lines"]) == (Decimal(115), [["Work", "100.00"]])

    await approve(bridge)

    result = bridge.screen.results[-1]
    assert (numbers(bridge), result.state) == (["BIG-1", "SMALL"], ExportState.EXPORTED)
    assert (result.requested_by, result.approved_by) == ("U1", "U2")
    assert result.approved_at == bridge.clock()
    card = [facts for kind, facts in await bridge.notices() if kind == "invoice_exported"][-1]
    assert (card["by"], card["approved_by"]) == ("U1", "U2")
    async with bridge.database.sessions() as session:
        acts = {each.what: each for each in await session.scalars(select(AuditEntry))}
    assert (acts["approval_asked"].user_id, acts["export_approved"].user_id) == ("U1", "U2")


async def test_the_maker_is_not_the_checker_in_any_role(bridge: Bridge) -> None:
    form = await bridge.form_for("BIG-1", BEN)
    await bridge.requests.request(BEN, form.draft_id, bridge.choice(form), reply_to())
    await bridge.run()
    (notice,) = await asked(bridge)
    assert notice.channel_id == "U1"

    with pytest.raises(ServiceError, match="somebody else"):
        await approve(bridge, BEN)
    with pytest.raises(NotAllowed):
        await approve(bridge, CARA)
    await bridge.change(owner_id="U2", exporters=["U1"])  # Ben is the owner now
    with pytest.raises(ServiceError, match="somebody else"):
        await approve(bridge, BEN)
    assert numbers(bridge) == []
    await approve(bridge, ANNA)
    assert numbers(bridge) == ["BIG-1"]
    with pytest.raises(AlreadyRequested, match="approved it at"):
        await approve(bridge, ANNA)


async def test_another_currency_always_waits(bridge: Bridge) -> None:
    acme = next(iter(bridge.paymo.company.clients.values()))
    bridge.xero.books.add_currency("USD")
    bridge.paymo.company.add_invoice("USD-1", acme, [("Work", "", 1, "5")], tax=15, currency="USD")
    await bridge.wait(hours=2)
    assert (await bridge.export_it("USD-1")).state is ExportState.AWAITING
    assert numbers(bridge) == []


async def test_a_batch_sends_the_rest_and_leaves_these_waiting(bridge: Bridge) -> None:
    form = await table(bridge, "SMALL", "BIG-1", "BIG-2")
    await bridge.batches.confirm(ANNA, form.batch_id)
    await ended(bridge)

    assert numbers(bridge) == ["SMALL"]
    states = {line.number: line.state for line in bridge.screen.ended[-1].sent}
    assert states["BIG-1"] is states["BIG-2"] is ExportState.AWAITING
    await approve(bridge)
    await approve(bridge, nth=0)
    assert numbers(bridge) == ["BIG-1", "BIG-2", "SMALL"]


async def wait_automatically(bridge: Bridge) -> Notice:
    """Have an automatic export wait for a second person; return what they read."""
    await bridge.change(approve_above=None)
    for number in ("BIG-1", "BIG-2", "BIG-3"):
        await bridge.export_it(number)
    company = bridge.paymo.company
    company.set_status(company.numbered("BIG-4").id, "draft")
    await bridge.wait(hours=2)
    await save(bridge, auto_export="on", approve_above="100")
    bridge.clock.turn(minutes=1)
    company.set_status(company.numbered("BIG-4").id, "sent")
    await bridge.look()

    (notice,) = await asked(bridge)
    assert (notice.channel_id, "BIG-4" in numbers(bridge)) == ("U2", False)
    return notice


@pytest.mark.parametrize("now", [{}, {"owner_id": "U2", "exporters": ["U1"]}])
async def test_an_automatic_export_waits_for_somebody_else_than_who_ordered_it(
    bridge: Bridge, now: dict[str, Any]
) -> None:
    """Whoever owns the connection by then."""
    await wait_automatically(bridge)
    await bridge.change(**now)
    with pytest.raises(ServiceError, match="somebody else"):
        await approve(bridge, ANNA)
    await approve(bridge)
    assert "BIG-4" in numbers(bridge)


async def test_once_automatic_export_is_off_nobody_is_asked_to_approve_what_it_wanted(
    bridge: Bridge,
) -> None:
    assert "done" not in (await wait_automatically(bridge)).facts
    await save(bridge, auto_export="off")

    (notice,) = await asked(bridge)
    assert notice.facts["done"]["by"] == "U1"
    assert notice.facts["done"]["what"] == "turned off automatic export"
    with pytest.raises(AlreadyRequested):
        await approve(bridge)


async def test_what_was_approved_and_refused_by_xero_is_asked_anew(bridge: Bridge) -> None:
    await bridge.export_it("BIG-1")
    bridge.xero.faults.add(method="PUT", path="Invoices", status=400, body="{}")
    await approve(bridge)
    assert bridge.screen.results[-1].state is ExportState.FAILED
    export_id = bridge.screen.results[-1].export_id
    async with bridge.database.sessions.begin() as session:
        (await session.get_one(Export, export_id)).changed_by = "U1"

    await bridge.requests.act(BEN, export_id, reply_to(), Action.RETRY)
    await bridge.run()
    assert (await bridge.exports())[0].state is ExportState.AWAITING
    assert [each.channel_id for each in await asked(bridge)] == ["U2", "U1"]
    with pytest.raises(ServiceError, match="somebody else"):
        await approve(bridge, BEN)  # who pressed Try Again asked for this one
    assert numbers(bridge) == []
    await approve(bridge, ANNA)  # what she changed before was Ben's to send now
    assert numbers(bridge) == ["BIG-1"]


async def test_what_changed_since_it_was_shown_is_asked_anew(bridge: Bridge) -> None:
    await bridge.export_it("BIG-1")
    reprice(bridge, "BIG-1", "900")
    await approve(bridge)

    refused = bridge.screen.results[-1]
    assert (refused.state, numbers(bridge)) == (ExportState.FAILED, [])
    assert "changed in Paymo" in render_plain(refused.reason)
    await bridge.requests.act(ANNA, refused.export_id, reply_to(), Action.RETRY)
    await bridge.run()
    assert numbers(bridge) == []
    with pytest.raises(ServiceError, match=r"Press \*Approve\* on the newest message"):
        await approve(bridge, nth=0)
    await approve(bridge)
    assert [each.total for each in bridge.xero.invoices.values()] == [Decimal(1035)]


async def test_without_a_second_exporter_it_cannot_be_switched_on(bridge: Bridge) -> None:
    await save(bridge, approve_above="", exporters=())
    with pytest.raises(NotAccepted) as refusal:
        await save(bridge, approve_above="100")
    assert "another exporter" in refusal.value.fields["approve_above"]
    for odd in ("-1", "NaN", "much"):
        with pytest.raises(NotAccepted):
            await save(bridge, approve_above=odd, exporters=("U2",))
    await save(bridge, approve_above="100", exporters=("U2",))
    assert (await bridge.connection()).approve_above == Decimal(100)


async def test_once_the_second_exporter_is_gone_it_waits_and_says_why(bridge: Bridge) -> None:
    await bridge.export_it("BIG-1")
    await save(bridge, exporters=())
    waiting = bridge.screen.results[-1]
    assert (waiting.state, numbers(bridge)) == (ExportState.AWAITING, [])
    assert "Nobody else can approve it" in waiting.reason
    explain = ExplainService(bridge.database, bridge.links, bridge.work, bridge.clock)
    [needing] = (await explain.worklist(ANNA)).needs
    assert "name another exporter in the settings" in needing.text
    with pytest.raises(NotAllowed):
        await approve(bridge, BEN, nth=0)

    await save(bridge, exporters=("U3",))
    assert [each.channel_id for each in await asked(bridge)] == ["U2", "U1", "U3"]
    assert (await explain.worklist(ANNA)).needs == ()
    await approve(bridge, CARA)
    assert numbers(bridge) == ["BIG-1"]


async def test_the_only_approver_who_loses_the_role_is_asked_no_more_and_later_anew(
    bridge: Bridge,
) -> None:
    await bridge.export_it("BIG-1")
    for exporters, is_asked in (((), False), (("U2",), True), ((), False)):
        await save(bridge, exporters=exporters)
        facts = {each.channel_id: each.facts for each in await asked(bridge)}
        assert ("done" not in facts["U2"]) is is_asked
        assert ("done" not in facts["U1"]) is not is_asked, "the owner reads that nobody can"
    with pytest.raises(NotAllowed) as refusal:
        await approve(bridge, nth=0)
    assert refusal.value.wants == "exporter", "so there is a button to ask for the role"


async def test_what_waits_can_be_cancelled_and_is_let_go_once_nobody_has_to_approve(
    bridge: Bridge,
) -> None:
    first, second = await bridge.export_it("BIG-1"), await bridge.export_it("BIG-2")
    with pytest.raises(AlreadyRequested, match="waiting for approval"):
        await bridge.export_it("BIG-1")
    await bridge.requests.cancel(BEN, first.export_id)
    with pytest.raises(AlreadyRequested):
        await approve(bridge, nth=0)
    await save(bridge, approve_above="")
    assert (numbers(bridge), second.number) == (["BIG-2"], "BIG-2")


async def test_a_match_by_another_makes_them_a_maker_too(bridge: Bridge) -> None:
    await bridge.change(exporters=["U2", "U3"])
    form = await bridge.form_for("BIG-1")
    await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form), reply_to())
    books, company = bridge.xero.books, bridge.paymo.company
    books.archive_contact(next(iter(books.contacts)))
    await bridge.run()
    other = books.add_contact("Acme Group")
    await bridge.wait(hours=2)
    choice = MatchChoice(next(iter(company.clients)), other.contact_id, "")
    await bridge.matching.save(BEN, choice)
    await bridge.run()

    (notice,) = await asked(bridge)
    assert (notice.channel_id, notice.facts["changed_by"]) == ("U3", "U2")
    with pytest.raises(ServiceError, match="somebody else"):
        await approve(bridge, BEN)
    assert numbers(bridge) == []
    await approve(bridge, CARA)
    assert numbers(bridge) == ["BIG-1"]


async def test_an_update_in_xero_does_not_lead_around_it(bridge: Bridge) -> None:
    await bridge.change(approve_above=None)
    await bridge.export_it("BIG-1")
    reprice(bridge, "BIG-1", "900")
    await bridge.look()
    await bridge.change(approve_above=Decimal(100))
    (export,) = await bridge.exports()
    await bridge.update.ask(ANNA, export.id, reply_to())
    await bridge.run()
    assert "second person" in bridge.screen.sayings[-1].text
    assert [each.total for each in bridge.xero.invoices.values()] == [Decimal(115)]


async def test_neither_does_linking_it_to_what_xero_has(bridge: Bridge) -> None:
    await bridge.change(approve_above=None)
    first = await bridge.export_it("BIG-1")
    template = bridge.xero.invoices.pop(first.xero_invoice_id)
    by_hand = replace(template, invoice_id=new_id(), number="BIG-2", url="", created_by="")
    bridge.xero.books.invoices[by_hand.invoice_id] = by_hand
    form = await bridge.form_for("BIG-2")
    await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form), reply_to())
    await bridge.run()
    refused = bridge.screen.results[-1]
    await bridge.change(approve_above=Decimal(100))
    await bridge.requests.act(ANNA, refused.export_id, reply_to(), Action.LINK_EXISTING)
    await bridge.run()

    assert (await bridge.exports())[-1].xero_invoice_id is None
    await approve(bridge)
    export = (await bridge.exports())[-1]
    assert (export.xero_invoice_id, export.approved_by) == (by_hand.invoice_id, "U2")


async def test_an_invoice_that_was_restored_waits_like_any_other(bridge: Bridge) -> None:
    await bridge.change(approve_above=None)
    first = await bridge.export_it("BIG-1", xero_status="DRAFT")
    bridge.xero.books.delete(first.xero_invoice_id)
    await bridge.look()
    await bridge.change(approve_above=Decimal(100))
    await bridge.restore.restore_number(ANNA, "BIG-1", reply_to())
    await bridge.run()
    await bridge.wait(hours=2)
    assert (await bridge.export_it("BIG-1")).state is ExportState.AWAITING


def test_two_ways_lead_to_xero_and_both_ask_for_the_second_person() -> None:
    services = Path(__file__).parents[3] / "services"
    texts = {str(each.relative_to(services)): each.read_text() for each in services.rglob("*.py")}
    makes = re.compile(
        r"xero\.create_invoices?\(|\.mark_sending\(|\.send_in_group\(|is_linked=True"
    )
    making = {name for name, text in texts.items() if makes.search(text)}

    assert making == {"export/sending.py", "batch/groups.py"}
    assert all("approvals.let_through(" in texts[each] for each in making)


async def test_an_end_of_the_connection_ends_what_waits(bridge: Bridge) -> None:
    await bridge.export_it("BIG-1")
    async with bridge.database.sessions.begin() as session:
        own = Export.connection_id == bridge.connection_id
        await end_with_connection(session, own, "The connection was ended.")
    with pytest.raises(AlreadyRequested):
        await approve(bridge)
    assert numbers(bridge) == []
