"""A batch under way: crashes, lost answers, limits, and two people at once."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from sandbox.serving import Fault
from services.batch.service import BatchService
from services.batch.table import BatchForm
from services.errors import AlreadyRequested, Lost
from services.export import claims
from services.lifecycle.export import ExportColumns
from services.mapping.case import ExportChoice
from services.model.connection import ConnectionState
from services.model.export import BatchState, ExportState
from services.model.jobs import Job
from services.model.people import ReplyTarget
from services.model.wording import Command, Typed
from services.store import batches, connections, leases
from services.store.engine import Database
from services.store.tables import Batch, Export
from tests.services.batching import (
    LONG,
    by_reference,
    confirmed,
    ended,
    export_all,
    in_xero,
    invoices,
    opened,
    table,
    words,
)
from tests.services.bridge import ANNA, BEN, Bridge
from tests.services.fixtures import bridge_of
from tests.services.store_seeds import NOW, connected

bridge = bridge_of(opened)


@pytest.mark.thorough
async def test_a_batch_of_300_killed_half_way_resumes_and_sends_each_once(
    bridge: Bridge,
) -> None:
    """The process dies in a request whose answer nobody hears; another one goes on."""
    invoices(bridge, 300, prefix=LONG)
    batch_id = await confirmed(bridge)
    work = asyncio.create_task(bridge.work_on(Job.BATCH, batch_id))
    while len(bridge.xero.invoices) < 120:
        await asyncio.sleep(0.001)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    there = len(bridge.xero.invoices)
    assert 100 < there < 300

    second = replace(bridge.batches)
    assert isinstance(second, BatchService)
    bridge.batches = second
    await bridge.run()
    assert bridge.screen.ended == [], "what was on its way is leased, and waits"
    await ended(bridge)

    assert set(by_reference(bridge).values()) == {1}
    assert len(by_reference(bridge)) == 300
    assert len(bridge.screen.ended[-1].sent_as(ExportState.EXPORTED)) == 300


@pytest.mark.parametrize(
    "fault",
    [
        {"hang_up": "after"},
        {"hang_up": "before"},
        {"status": 503},
        {"status": 500},
        {"garbled": True},
    ],
)
async def test_a_group_whose_outcome_nobody_heard_is_looked_up_one_by_one(
    bridge: Bridge, fault: dict[str, Any]
) -> None:
    """Nothing is sent again before it was looked for; what is there is taken over."""
    invoices(bridge, 3, prefix=LONG)
    await confirmed(bridge)
    bridge.xero.faults.waiting.append(Fault(path="/Invoices$", method="PUT", **fault))
    await ended(bridge)

    assert sorted(by_reference(bridge).values()) == [1, 1, 1]
    assert len(bridge.screen.ended[-1].sent_as(ExportState.EXPORTED)) == 3


@pytest.mark.parametrize("prefix", ["INV-", "INV  🎉 ", LONG])
@pytest.mark.parametrize("words", ["", "Url must be a valid URL", "This link is not allowed."])
async def test_each_knows_its_own_answer_whatever_xero_made_of_its_number(
    bridge: Bridge, prefix: str, words: str
) -> None:
    """Where Xero refuses the links, all go once more without them, under another key."""
    invoices(bridge, 3, prefix=prefix)
    bridge.xero.books.url_refusal = words
    await export_all(bridge)

    assert len(bridge.screen.ended[-1].sent_as(ExportState.EXPORTED)) == 3
    assert len(bridge.xero.calls("PUT", "Invoices")) == (2 if words else 1)
    for each in await bridge.exports():
        made = bridge.xero.invoices[each.xero_invoice_id or ""]
        digit = each.number[-1]
        assert (made.number if len(each.number) <= 22 else made.reference).endswith(digit)
        assert made.url == ("" if words else bridge.links.paymo(each.paymo_invoice_id))


@pytest.mark.thorough
async def test_while_xero_is_down_one_group_gets_lost_at_a_time(bridge: Bridge) -> None:
    """What is left waits longer each time, and goes once Xero is well again."""
    invoices(bridge, 51, prefix=LONG)
    batch_id = await confirmed(bridge)
    bridge.xero.faults.add(path="/Invoices$", method="PUT", status=503, times=2)
    for pause, lost in ((0, 50), (1, 50), (1, 51)):
        bridge.clock.turn(seconds=pause)
        await bridge.work_on(Job.BATCH, batch_id)
        states = Counter(each.state for each in await bridge.exports())
        assert (states[ExportState.UNKNOWN], states[ExportState.QUEUED]) == (lost, 51 - lost)
    assert "Xero is busy or down (503)" in bridge.screen.batches[-1].problem
    await ended(bridge)

    assert set(by_reference(bridge).values()) == {1}
    assert len(bridge.screen.ended[-1].sent_as(ExportState.EXPORTED)) == 51


async def test_e10_two_people_press_and_each_invoice_goes_out_once(bridge: Bridge) -> None:
    """The row decides; the second person is told who has it."""
    invoices(bridge, 6)
    mine, theirs = await table(bridge), await table(bridge, person=BEN)
    await bridge.batches.confirm(ANNA, mine.batch_id)
    await bridge.batches.confirm(BEN, theirs.batch_id)
    await asyncio.gather(
        bridge.work_on(Job.BATCH, mine.batch_id), bridge.work_on(Job.BATCH, theirs.batch_id)
    )
    await ended(bridge)
    await ended(bridge)

    assert in_xero(bridge) == Counter({f"INV-{place}": 1 for place in range(1, 7)})
    ends = [
        await bridge.batches.form(*each) for each in ((ANNA, mine.batch_id), (BEN, theirs.batch_id))
    ]
    assert sum(len(each.sent) for each in ends) == 6
    assert sum(each.count("taken") for each in ends) == 6
    assert all(
        "INV-" in line.reason for each in ends for group in each.groups for line in group.lines
    )


def request_for(invoice_id: int) -> claims.Request:
    choice = ExportChoice(
        invoice_id=invoice_id, contact_id="contact", account_id="account", xero_status="DRAFT"
    )
    invoice: ExportColumns = {"number": f"INV-{invoice_id}", "total": Decimal("12.30")}
    return claims.Request("U1", ReplyTarget(1, "U1"), NOW, choice, invoice)


async def test_batches_in_opposite_orders_share_their_invoices_and_never_deadlock(
    database: Database,
) -> None:
    """Fifty of sixty are in both; PostgreSQL would end one of two that wait for each other."""
    connection = await connected(database)

    async def claim(ids: range) -> list[Export | AlreadyRequested]:
        requests = [request_for(each) for each in ids]
        async with database.sessions.begin() as session:
            return await claims.claim_all(session, connection, requests, {})

    for first in range(0, 1000, 100):
        both = range(first, first + 60), range(first + 69, first + 9, -1)
        mine, theirs = await asyncio.gather(*map(claim, both))
        claimed = [each.number for each in mine + theirs if isinstance(each, Export)]
        refused = [str(each) for each in mine + theirs if isinstance(each, AlreadyRequested)]

        assert len(claimed) == len(set(claimed)) == 70
        assert len(refused) == 50
        assert all("is exporting invoice INV-" in each for each in refused)


async def refused(bridge: Bridge) -> BatchForm:
    """Export five invoices of which Xero refuses three: an archived contact, a number taken."""
    books = bridge.xero.books
    other = books.add_contact("Birch Ltd")
    bridge.paymo.company.add_client("Birch Ltd")
    invoices(bridge, 1)
    invoices(bridge, 2, client="Birch Ltd")
    await bridge.export_it("INV-1")
    invoices(bridge, 2)
    form = await table(bridge)
    bridge.foreign_invoice()
    hand = next(each for each in books.invoices.values() if each.number == "HAND-1")
    hand.number = "INV-5"
    books.archive_contact(other.contact_id)
    await bridge.batches.confirm(ANNA, form.batch_id)
    await ended(bridge)
    return bridge.screen.ended[-1]


async def test_elements_that_xero_refuses_fail_alone(bridge: Bridge) -> None:
    """Each element is judged by itself, with the same cures as ever."""
    report = await refused(bridge)
    failed = report.sent_as(ExportState.FAILED)
    assert [each.number for each in failed] == ["INV-2", "INV-3", "INV-5"]
    assert [each.number for each in report.sent_as(ExportState.EXPORTED)] == ["INV-4"]
    assert "already has an invoice INV-5" in failed[2].reason
    problems = [each.refusals for each in await bridge.exports()]
    assert problems == [[], ["contact"], ["contact"], [], ["number_taken"]]
    assert len(bridge.xero.calls("PUT", "Invoices")) == 2
    told = [facts for kind, facts in await bridge.notices() if kind == "batch_exported"]
    assert [(each["count"], each["failed"]) for each in told] == [(1, 3)]


async def test_a_new_table_holds_only_those_that_failed(bridge: Bridge) -> None:
    """What is mended meanwhile goes out, that of the restored contact by itself; once each."""
    report = await refused(bridge)
    books = bridge.xero.books
    next(each for each in books.invoices.values() if not each.url).number = "HAND-1"
    birch = next(each for each in books.contacts.values() if each.name == "Birch Ltd")
    books.restore_contact(birch.contact_id)
    bridge.screen.ended.clear()
    again = await bridge.batches.open_failed(ANNA, report.batch_id)
    await bridge.batches.attach_view(ANNA, again.batch_id, "V2")
    await bridge.run()
    again = await bridge.batches.form(ANNA, again.batch_id)
    assert words(again) == {"ready": ["INV-5"], "taken": ["INV-2", "INV-3"]}
    await bridge.batches.confirm(ANNA, again.batch_id)
    await ended(bridge)
    expected = ["HAND-1", *(f"INV-{place}" for place in range(1, 6))]
    assert in_xero(bridge) == Counter(expected)


async def test_a_report_that_comes_again_is_not_drawn_over_the_next_table(bridge: Bridge) -> None:
    report = await refused(bridge)
    await bridge.batches.open_failed(ANNA, report.batch_id)
    async with bridge.database.sessions.begin() as session:
        await batches.report_again(session, report.batch_id, bridge.clock())
    await bridge.run()
    again = bridge.screen.ended[-1]
    assert report.view_id
    assert (again.batch_id, again.view_id) == (report.batch_id, "")


async def test_e33_what_changed_in_paymo_after_the_table_is_not_sent(bridge: Bridge) -> None:
    """Changed, void, withdrawn, deleted: refused by name. What a client only opened goes."""
    invoices(bridge, 6)
    form = await table(bridge)
    company = bridge.paymo.company
    bridge.clock.turn(minutes=1)
    company.delete_invoice(company.numbered("INV-1").id)
    for number, status in (("INV-2", "void"), ("INV-3", "draft"), ("INV-4", "viewed")):
        company.set_status(company.numbered(number).id, status)
    changed = company.numbered("INV-5")
    changed.items[1].item, changed.updated = "Flight", bridge.clock()
    await bridge.batches.confirm(ANNA, form.batch_id)
    await ended(bridge)

    assert in_xero(bridge) == Counter(["INV-4", "INV-6"])
    failed = {
        each.number: each.reason for each in bridge.screen.ended[-1].sent_as(ExportState.FAILED)
    }
    assert "no longer in Paymo" in failed.pop("INV-1")
    assert sorted(failed) == ["INV-2", "INV-3", "INV-5"]
    assert all("was changed in Paymo after it was shown" in each for each in failed.values())


@pytest.mark.parametrize(
    ("name", "problem", "seconds"),
    [("e57", "minute", 40), ("e58", "day", 18 * 3600)],
)
async def test_e57_e58_a_limit_puts_the_batch_off_and_says_until_when(
    bridge: Bridge, name: str, problem: str, seconds: int
) -> None:
    """Nothing is slept through, and nothing is lost or sent twice."""
    invoices(bridge, 6)
    form = await table(bridge)
    await bridge.batches.confirm(ANNA, form.batch_id)
    headers = {"Retry-After": str(seconds), "X-Rate-Limit-Problem": problem}
    fault = Fault(path="/Invoices$", method="PUT", status=429, headers=headers)
    bridge.xero.faults.waiting.append(fault)
    await bridge.run()

    waiting = await bridge.batches.form(ANNA, form.batch_id)
    assert (waiting.state, len(in_xero(bridge))) == (BatchState.RUNNING, 0), name
    assert "Xero asked us to wait" in waiting.problem
    assert "We'll go on at" in waiting.problem
    assert bridge.screen.batches[-1] == waiting
    bridge.clock.turn(seconds=seconds)
    await ended(bridge)
    assert in_xero(bridge) == Counter({f"INV-{place}": 1 for place in range(1, 7)})


async def nothing_drawn() -> None:
    """Draw nothing."""


async def test_a_worker_that_wakes_up_late_sends_nothing(bridge: Bridge) -> None:
    """Its lease is over and another one went on: the row's fence decides."""
    invoices(bridge, 2)
    batch_id = await confirmed(bridge)
    async with bridge.database.sessions.begin() as session:
        late = await leases.take(session, Batch, batch_id, bridge.clock())
        connection = await connections.get(session, bridge.connection_id)
    assert late is not None
    bridge.clock.turn(minutes=4)
    await ended(bridge)
    sent = len(bridge.xero.calls("PUT", "Invoices"))
    with pytest.raises(Lost):
        await bridge.group_sender.send_all(connection, late, nothing_drawn)
    assert len(bridge.xero.calls("PUT", "Invoices")) == sent == 1


async def test_a_batch_looks_again_soon_while_somebody_is_at_its_invoices(bridge: Bridge) -> None:
    """They may be done long before the lease ends, which is for who dies meanwhile."""
    invoices(bridge, 1)
    batch_id = await confirmed(bridge)
    bridge.xero.faults.waiting.append(Fault(path="/Invoices$", method="PUT", hang_up="after"))
    await bridge.run()
    bridge.clock.turn(seconds=30)
    [export] = await bridge.exports()
    async with bridge.database.sessions.begin() as session:
        assert await leases.take(session, Export, export.id, bridge.clock()) is not None
    await bridge.run()

    async with bridge.database.sessions() as session:
        batch = await session.get_one(Batch, batch_id)
    assert batch.due_at is not None
    assert batch.due_at - bridge.clock() <= timedelta(seconds=2)


async def test_a_batch_ends_with_its_connection(bridge: Bridge) -> None:
    """What was not sent is said, and nothing is tried for ever."""
    invoices(bridge, 1)
    await confirmed(bridge)
    await bridge.change(state=ConnectionState.ENDED)
    await ended(bridge)
    (report,) = bridge.screen.ended
    assert (report.state, report.count("ready")) == (BatchState.DONE, 1)


async def test_a_connection_that_is_broken_parks_the_batch(bridge: Bridge) -> None:
    """It says so, and goes on when it is connected again."""
    invoices(bridge, 1)
    await confirmed(bridge)
    await bridge.change(state=ConnectionState.BROKEN)
    await bridge.run()
    assert str(Typed(Command.CONNECT)) in bridge.screen.batches[-1].problem
    await bridge.change(state=ConnectionState.ACTIVE)
    bridge.clock.turn(hours=1)
    await ended(bridge)
    assert in_xero(bridge) == Counter(["INV-1"])
