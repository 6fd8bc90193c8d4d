"""Exporting many invoices: the table, one confirmation, and the report."""

from collections import Counter
from datetime import date

import pytest

from handlers.batch.text import drafts_text
from services.batch.table import BatchForm
from services.errors import AlreadyRequested, NotAccepted, ServiceError
from services.matching.service import MatchChoice
from services.model.export import BatchState, ExportState
from services.store import batches, upkeep
from tests.databases import SQLITE_ALONE, overheard
from tests.services.batching import (
    ended,
    export_all,
    in_xero,
    invoices,
    marks,
    opened,
    table,
    words,
)
from tests.services.bridge import ANNA, BEN, Bridge, reply_to
from tests.services.fixtures import bridge_of

pytestmark = SQLITE_ALONE


bridge = bridge_of(opened)


async def test_all_that_is_ready_goes_out_with_one_confirmation(bridge: Bridge) -> None:
    """Sent ones only: drafts are not ready, void ones never go."""
    invoices(bridge, 3)
    invoices(bridge, 1, status="draft")
    invoices(bridge, 1, status="void")

    report = await export_all(bridge)

    assert in_xero(bridge) == Counter(["INV-1", "INV-2", "INV-3"])
    assert report.state is BatchState.DONE
    assert [each.number for each in report.sent_as(ExportState.EXPORTED)] == [
        "INV-1",
        "INV-2",
        "INV-3",
    ]
    assert bridge.screen.results == [], "the batch speaks for its invoices"
    totals = {each.number: each.total for each in bridge.xero.invoices.values()}
    assert totals["INV-1"] == bridge.paymo.company.numbered("INV-1").total


async def test_an_invoice_that_is_exported_is_not_in_the_next_table(bridge: Bridge) -> None:
    """What went out once, goes out again only by its number."""
    invoices(bridge, 2)
    await export_all(bridge)
    invoices(bridge, 1)

    assert words(await table(bridge)) == {"ready": ["INV-3"]}
    again = await table(bridge, "INV-1", "#inv-3", "NONE-7")
    assert words(again) == {"ready": ["INV-3"], "taken": ["INV-1"]}
    assert again.unknown == ("NONE-7",)


async def taken_back_and_restored(bridge: Bridge) -> BatchForm:
    """Return the table after INV-1 was taken back from Xero, and INV-2 restored in Paymo."""
    await bridge.change(xero_status="DRAFT")
    invoices(bridge, 3)
    await export_all(bridge)
    first, second, _ = await bridge.exports()
    await bridge.undo.undo(ANNA, first.id, reply_to())
    bridge.xero.books.delete(second.xero_invoice_id or "")
    await bridge.look()
    await bridge.restore.restore_number(ANNA, "INV-2", reply_to())
    await bridge.run()
    bridge.screen.ended.clear()
    return await table(bridge)


async def test_what_was_taken_back_or_restored_is_listed_and_the_table_says_so(
    bridge: Bridge,
) -> None:
    form = await taken_back_and_restored(bridge)

    assert words(form) == {"ready": ["INV-2"], "undone": ["INV-1"]}
    assert {each.number: each.reason for group in form.groups for each in group.lines} == {
        "INV-1": "Invoice INV-1 was undone in Maple Books. This exports it again.",
        "INV-2": "Invoice INV-2 was deleted in Maple Books and restored in Paymo. This exports it "
        "again.",
    }


async def test_what_was_taken_back_goes_again_only_where_it_is_ticked(bridge: Bridge) -> None:
    """A person sees it, and ticks: two of anything is one all the same."""
    form = await taken_back_and_restored(bridge)
    await bridge.batches.confirm(ANNA, form.batch_id)
    await ended(bridge)
    assert live(bridge) == Counter(["INV-2", "INV-3"])

    form = await table(bridge)
    with pytest.raises(NotAccepted) as refusal:
        await bridge.batches.confirm(ANNA, form.batch_id)
    assert list(refusal.value.fields) == ["selected"]
    bridge.screen.ended.clear()
    await bridge.batches.confirm(ANNA, form.batch_id, marks(form, "INV-1"))
    await ended(bridge)

    assert live(bridge) == Counter(["INV-1", "INV-2", "INV-3"])
    assert words(await table(bridge)) == {}


async def test_an_invoice_that_was_taken_back_is_ready_where_it_is_named(bridge: Bridge) -> None:
    invoices(bridge, 2)
    await export_all(bridge)
    first, _ = await bridge.exports()
    await bridge.undo.undo(ANNA, first.id, reply_to())
    await bridge.run()

    assert words(await table(bridge, "INV-1", "INV-2")) == {"ready": ["INV-1"], "taken": ["INV-2"]}


def live(bridge: Bridge) -> Counter[str]:
    """Return the numbers of what is live in Xero."""
    gone = {"DELETED", "VOIDED"}
    return Counter(each.number for each in bridge.xero.invoices.values() if each.status not in gone)


async def test_each_obstacle_has_its_word(bridge: Bridge) -> None:
    """Contact, tax, old, taken; what no answer helps with comes first."""
    company, books = bridge.paymo.company, bridge.xero.books
    books.period_lock_date = date(2026, 10, 31)
    bridge.clock.turn(minutes=2)
    company.add_client("Nobody Knows")
    invoices(bridge, 1)
    invoices(bridge, 1, client="Nobody Knows")
    invoices(bridge, 1, issued=date(2026, 10, 30), due=date(2026, 11, 30))
    invoices(bridge, 1, issued=date(2025, 3, 1), due=date(2025, 4, 1))
    invoices(bridge, 1, tax=7)
    await bridge.export_it("INV-1")
    bridge.foreign_invoice()
    invoices(bridge, 1)
    next(each for each in books.invoices.values() if each.number == "HAND-1").number = "INV-6"

    found = words(await table(bridge))
    assert found == {
        "contact": ["INV-2"],
        "old": ["INV-4", "INV-3"],
        "tax": ["INV-5"],
        "held": ["INV-6"],
    }


@pytest.mark.parametrize("status", [400, 404])
async def test_where_xero_takes_no_question_about_numbers_the_table_is_shown_all_the_same(
    bridge: Bridge, status: int
) -> None:
    invoices(bridge, 2)
    bridge.xero.faults.add(method="GET", path="/Invoices$", status=status)
    form = await table(bridge)
    assert words(form) == {"ready": ["INV-1", "INV-2"]}
    assert not bridge.xero.faults.waiting


async def test_d9_one_answer_releases_every_invoice_that_it_blocked(bridge: Bridge) -> None:
    """D9: what is missing is collected by client, and said once."""
    company = bridge.paymo.company
    company.add_client("Nobody Knows")
    bridge.xero.books.add_contact("Something Else Entirely")
    invoices(bridge, 3, client="Nobody Knows")
    invoices(bridge, 1)
    form = await table(bridge)
    (missing,) = form.missing
    assert (missing.name, missing.what, missing.count) == ("Nobody Knows", "contact", 3)

    contact = next(
        each for each in bridge.xero.books.contacts.values() if each.name.startswith("Something")
    )
    await bridge.matching.save(ANNA, MatchChoice(missing.client_id, contact.contact_id))
    form = await bridge.batches.matched(ANNA, form.batch_id)

    assert (form.missing, form.count("ready")) == ((), 4)
    await bridge.batches.confirm(ANNA, form.batch_id)
    await ended(bridge)
    assert len(in_xero(bridge)) == 4


async def test_a_client_that_xero_lacks_is_added_once_for_all_its_invoices(bridge: Bridge) -> None:
    """The first goes alone and adds it, the others follow together."""
    client = bridge.paymo.company.add_client("Kiwi Farm")
    invoices(bridge, 4, client="Kiwi Farm")
    form = await table(bridge)
    await bridge.matching.save(ANNA, MatchChoice(client.id, "new"))
    form = await bridge.batches.matched(ANNA, form.batch_id)
    assert form.count("ready") == 4
    await bridge.batches.confirm(ANNA, form.batch_id)
    await ended(bridge)

    assert in_xero(bridge) == Counter(["INV-1", "INV-2", "INV-3", "INV-4"])
    named = [each.name for each in bridge.xero.books.contacts.values()]
    assert named.count("Kiwi Farm") == 1
    assert len(bridge.xero.calls("PUT", "Invoices")) == 2


@pytest.mark.thorough
async def test_d8_three_hundred_cost_fifteen_calls_from_the_command_to_the_report(
    bridge: Bridge,
) -> None:
    """D8: what is new, one list with lines, and one question before sending; then by fifty.

    Xero is asked for contacts, settings and the numbers that it has, but for no currency: all that
    the invoices have are known.
    """
    invoices(bridge, 300)
    bridge.clock.turn(minutes=10)
    invoices(bridge, 1, status="void")
    await bridge.run()
    before = [len(bridge.paymo.calls("", "/api/")), len(bridge.xero.calls("", "api.xro"))]

    report = await export_all(bridge)

    assert len(report.sent_as(ExportState.EXPORTED)) == 300
    assert set(in_xero(bridge).values()) == {1}
    assert len(bridge.xero.calls("PUT", "Invoices")) == 6
    assert len(bridge.paymo.calls("", "/api/")) - before[0] == 3
    assert len(bridge.xero.calls("", "api.xro")) - before[1] == 12


async def test_c1_w7_lines_that_a_list_leaves_out_are_read_singly(bridge: Bridge) -> None:
    """Past 2,500 objects Paymo leaves lines out without a word; alone they are all there."""
    company = bridge.paymo.company
    owner = next(iter(company.clients.values()))
    for number in ("INV-1", "INV-2", "INV-3"):
        company.add_invoice(number, owner, [("Hour", "", 1, "1")] * 1000, tax=15, status="sent")

    report = await export_all(bridge)

    assert len(report.sent_as(ExportState.EXPORTED)) == 3
    assert [len(each.lines) for each in bridge.xero.invoices.values()] == [1000] * 3
    assert len(bridge.paymo.calls("GET", r"/invoices/\d+")) == 1


async def test_lines_that_a_long_list_leaves_out_are_asked_for_by_the_hundred(
    bridge: Bridge,
) -> None:
    """Of 150 invoices with 20 lines each, 2,500 lines come with the first answer."""
    company = bridge.paymo.company
    owner = next(iter(company.clients.values()))
    for nth in range(150):
        company.add_invoice(f"INV-{nth}", owner, [("Hour", "", 1, "1")] * 20, tax=15, status="sent")
    await bridge.wait(minutes=10)

    report = await export_all(bridge)

    assert len(report.sent_as(ExportState.EXPORTED)) == 150
    assert {len(each.lines) for each in bridge.xero.invoices.values()} == {20}
    lists = [each for each in bridge.paymo.calls("GET", "/invoices$") if "include" in each.query]
    assert len(lists) == 2
    assert not bridge.paymo.calls("GET", r"/invoices/\d+")


async def test_of_two_presses_on_one_table_the_second_is_refused(bridge: Bridge) -> None:
    """Two of anything is one; somebody else's table is nobody's business."""
    invoices(bridge, 1)
    form = await table(bridge)
    with pytest.raises(ServiceError, match="This list is gone"):
        await bridge.batches.confirm(BEN, form.batch_id)
    await bridge.batches.confirm(ANNA, form.batch_id)
    with pytest.raises(AlreadyRequested):
        await bridge.batches.confirm(ANNA, form.batch_id)
    empty = await table(bridge, "INV-1")
    with pytest.raises(NotAccepted):
        await bridge.batches.confirm(ANNA, empty.batch_id)


async def test_a_table_that_nobody_confirms_is_forgotten(bridge: Bridge) -> None:
    """Nor are Paymo's invoices kept when a batch is over."""
    invoices(bridge, 1)
    form = await table(bridge)
    bridge.clock.turn(hours=72)
    async with bridge.database.sessions.begin() as session:
        await upkeep.purge(session, bridge.clock())
    with pytest.raises(ServiceError, match="This list is gone"):
        await bridge.batches.confirm(ANNA, form.batch_id)
    report = await export_all(bridge)
    async with bridge.database.sessions() as session:
        rows = await batches.list_rows(session, report.batch_id)
    assert [each.invoice for each in rows] == [None]


async def test_drafts_are_left_out_and_counted(bridge: Bridge) -> None:
    invoices(bridge, 2)
    invoices(bridge, 3, status="draft")
    await bridge.wait(hours=2)

    form = await table(bridge)
    assert (form.count("ready"), form.drafts) == (2, 3)
    assert "Left out: 3 drafts." in drafts_text(form)
    assert (await table(bridge, "INV-1")).drafts == 0


@pytest.mark.parametrize("number", ["OLD-90{:03}", "inv {}", "{}"])
async def test_a_hundred_numbers_are_looked_up_by_as_many_statements_as_three(
    bridge: Bridge, number: str
) -> None:
    """Known and unknown ones, since Slack gives three seconds for the table to open."""
    invoices(bridge, 3)
    await table(bridge)
    opening: list[int] = []
    reading: list[int] = []
    for count in (3, 100):
        with overheard(bridge.database) as heard:
            typed = [number.format(each + 1) for each in range(count)]
            form = await bridge.batches.open(ANNA, typed)
        opening.append(len(heard))
        await bridge.batches.attach_view(ANNA, form.batch_id, "V1")
        with overheard(bridge.database) as heard:
            await bridge.run()
        reading.append(len(heard))
        form = await bridge.batches.form(ANNA, form.batch_id)
        known = [] if number.startswith("OLD") else ["INV-1", "INV-2", "INV-3"]
        assert words(form) == ({"ready": known} if known else {})
        assert len(form.unknown) == count - len(known)
    assert opening[0] == opening[1]
    assert abs(reading[0] - reading[1]) < 10, "clients and times of reading come between"


async def test_four_hundred_numbers_take_a_handful_of_statements(bridge: Bridge) -> None:
    with overheard(bridge.database) as heard:
        await bridge.batches.open(ANNA, [f"OLD-{each}" for each in range(400)])
    assert len(heard) <= 20


async def test_of_two_invoices_with_one_number_the_newer_goes_unless_it_is_typed_as_the_other(
    bridge: Bridge,
) -> None:
    invoices(bridge, 1)
    company = bridge.paymo.company
    owner = company.numbered("INV-1").client_id
    more = {"tax": 15, "status": "sent", "issued": date(2026, 11, 28)}
    company.add_invoice("inv-1", company.clients[owner], [("Work", "", 1, "7.00")], **more)
    await table(bridge)

    for typed, number in (("Inv-1", "inv-1"), ("INV-1", "INV-1"), ("#inv-1", "inv-1")):
        assert words(await table(bridge, typed)) == {"ready": [number]}
