"""An invoice that the sync deleted in Paymo is made again from what was kept of it."""

import json
from datetime import date
from decimal import Decimal

import pytest

from handlers.notices.text import text_of
from handlers.notices.views import notice_blocks
from sandbox.paymo import Invoice
from sandbox.paymo.projects import Entry, Expense, Project
from sandbox.serving import Seen
from services.errors import AlreadyRequested, NotAllowed, NotFound, ServiceError
from services.model.export import ExportState
from services.model.notice import NoticeKind
from services.store.engine import Database
from tests.databases import SQLITE_ALONE
from tests.handlers import samples
from tests.handlers.judging import buttons
from tests.services.bridge import ANNA, BEN, Bridge, built_once, reply_to
from tests.services.fixtures import bridge_of

DAY = date(2026, 11, 20)

pytestmark = SQLITE_ALONE


@built_once
async def pair(database: Database) -> Bridge:
    """A connected pair; INV-1 was exported as a draft, and deleted in Xero and so in Paymo."""
    made = await Bridge.open(database)
    made.xero.books.add_contact("Acme Ltd")
    acme = made.paymo.company.add_client("Acme Ltd")
    made.paymo.company.add_invoice(
        "INV-1",
        acme,
        [("Work", "Three days", 3, "100.10"), ("Travel", "", 1, "12.00", False)],
        tax=15,
        discount="7.5",
        status="sent",
        texts={"notes": "Call first", "footer": "Thank you", "title": "INVOICE"},
    )
    await made.wait(hours=2)
    await made.export_it("INV-1", xero_status="DRAFT")
    return made


bridge = bridge_of(pair)


def tie(bridge: Bridge) -> tuple[Project, Expense, list[Entry]]:
    """Put INV-1 on a project, bill time with its first line and an expense with the second."""
    company = bridge.paymo.company
    invoice = company.numbered("INV-1")
    client = company.clients[invoice.client_id]
    project = company.add_project(client, "Website")
    expense = company.add_expense(client, "12.00", "Taxi")
    entries = [company.add_entry(project, 3600 * hours, "Layout") for hours in (8, 16)]
    work, travel = invoice.items
    company.bill(work, entry_ids=[each.id for each in entries])
    company.bill(travel, expense_id=expense.id)
    company.assign(invoice.id, project)
    return project, expense, entries


async def delete_all_the_same(bridge: Bridge) -> None:
    """Delete the draft in Xero, and press the button that deletes in Paymo what hangs together."""
    (xero_id,) = bridge.xero.invoices
    bridge.xero.books.delete(xero_id)
    await bridge.look()
    (export,) = await bridge.exports()
    await bridge.sync.delete_in_paymo(ANNA, export.id)
    await bridge.run()
    assert not bridge.paymo.company.invoices


async def delete(bridge: Bridge) -> Invoice:
    """Delete the draft in Xero, and look; return the invoice that Paymo had."""
    former = bridge.paymo.company.numbered("INV-1")
    (xero_id,) = bridge.xero.invoices
    bridge.xero.books.delete(xero_id)
    await bridge.look()
    assert not bridge.paymo.company.invoices
    return former


def writes(bridge: Bridge) -> list[Seen]:
    """Return what was written to Paymo's invoices."""
    return bridge.paymo.calls("POST", "/api/invoices$")


async def restored(bridge: Bridge) -> Invoice:
    """Restore it, do what is due, and return it."""
    await bridge.restore.restore_number(ANNA, "inv-1", reply_to())
    await bridge.run()
    return bridge.paymo.company.numbered("INV-1")


async def test_e48_a_deleted_invoice_is_made_again_as_it_was(bridge: Bridge) -> None:
    former = await delete(bridge)

    made = await restored(bridge)

    assert made.amounts() == former.amounts()
    assert (made.status, made.texts["notes"]) == ("sent", "Call first")
    own = [(each.item, each.quantity, each.price_unit, each.apply_tax) for each in made.items]
    assert own == [
        ("Work", Decimal(3), Decimal("100.10"), True),
        ("Travel", Decimal(1), Decimal(12), False),
    ]
    kind, facts = (await bridge.notices())[-1]
    assert (kind, facts["by"], facts["lost"]) == ("invoice_restored", "U1", "")
    assert str(made.id) in bridge.screen.sayings[-1].paymo_url


async def test_the_payments_that_were_there_come_back(bridge: Bridge) -> None:
    """Those were typed by hand, so a person had said that the invoice goes all the same."""
    company = bridge.paymo.company
    former = company.numbered("INV-1")
    company.pay(former.id, "50", paid_on=DAY, notes="cash")
    company.pay(former.id, "50", paid_on=DAY, notes="cash")
    (xero_id,) = bridge.xero.invoices
    bridge.xero.books.delete(xero_id)
    await bridge.look()
    (export,) = await bridge.exports()
    await bridge.sync.delete_in_paymo(ANNA, export.id)
    await bridge.run()
    assert not company.invoices
    bridge.paymo.faults.add(method="POST", path="invoicepayments", hang_up="after")

    made = await restored(bridge)
    company.set_status(made.id, "viewed")
    await bridge.look()

    assert made.status == "viewed"  # by its client, meanwhile
    there = company.payments_of(made.id)
    assert [(each.amount, each.paid_on, each.notes) for each in there] == [
        (Decimal(50), DAY, "cash"),
        (Decimal(50), DAY, "cash"),
    ]
    assert (await bridge.notices())[-1][1]["kept"] == "its lines, taxes and 2 payments"


@pytest.mark.parametrize("hours", [1, 72])
async def test_one_whose_answer_was_lost_is_found_by_a_clock_that_is_ahead_of_paymos(
    bridge: Bridge, hours: int
) -> None:
    stopped, company = bridge.clock(), bridge.paymo.company
    company.now = lambda: stopped
    bridge.clock.turn(hours=hours)
    former = await delete(bridge)
    company.add_invoice("INV-2", company.clients[former.client_id], [("Other", "", 1, "9")])
    await bridge.wait(hours=1)
    bridge.paymo.faults.add(method="POST", path="/api/invoices$", hang_up="after")
    await restored(bridge)
    await bridge.look()

    assert (await bridge.notices())[-1][0] == "invoice_restored"
    assert (len(writes(bridge)), len(company.invoices)) == (1, 2)


@pytest.mark.parametrize(
    ("hang_up", "is_readable"), [("before", True), ("after", True), ("after", False)]
)
async def test_a_lost_answer_makes_no_second_invoice(
    bridge: Bridge, hang_up: str, *, is_readable: bool
) -> None:
    """What cannot be read in Paymo's list might be the invoice that is looked for."""
    await delete(bridge)
    bridge.paymo.faults.add(method="POST", path="/api/invoices", hang_up=hang_up)
    if not is_readable:
        odd: dict[str, object] = {"invoices/0/total": None}
        bridge.paymo.faults.add(method="GET", path="/api/invoices$", alter=odd, times=99)
    await bridge.restore.restore_number(ANNA, "INV-1", reply_to())
    for sweep in range(4):
        await bridge.look()
        if sweep:
            bridge.paymo.faults.clear()

    assert [each.number for each in bridge.paymo.company.invoices.values()] == ["INV-1"]
    assert bridge.screen.sayings[-1].is_well


@pytest.mark.parametrize(
    ("number", "name", "days"),
    [("INV-1", "Acme Ltd", 9), ("INV-1", "Other Ltd", 3), ("INV-2", "Acme Ltd", 3)],
)
async def test_what_is_only_like_the_restored_one_is_never_taken_for_it(
    bridge: Bridge, number: str, name: str, days: int
) -> None:
    """The request was lost on its way, and somebody has made another invoice meanwhile."""
    await delete(bridge)
    company, is_free = bridge.paymo.company, number == "INV-2"
    client = next((each for each in company.clients.values() if each.name == name), None)
    lines = [("Work", "", days, "100.10"), ("Travel", "", 1, "12.00", False)]
    bridge.paymo.faults.add(method="POST", path="/api/invoices$", hang_up="before")
    await bridge.restore.restore_number(ANNA, "INV-1", reply_to())
    await bridge.run()
    other = company.add_invoice(
        number, client or company.add_client(name), lines, tax=15, discount="7.5"
    )
    for _ in range(3):
        await bridge.look()

    assert len(writes(bridge)) == 2
    assert next(iter(company.invoices)) == other.id
    assert len(company.invoices) == 1 + is_free
    said = bridge.screen.sayings[-1]
    assert (said.is_well, "already exists" in said.text) == (is_free, not is_free)


async def test_what_a_lost_answer_made_is_finished_as_soon_as_it_is_found(bridge: Bridge) -> None:
    """Nothing of that call can arrive any more, so what follows doesn't wait for its end."""
    await delete(bridge)
    bridge.paymo.faults.add(method="POST", path="/api/invoices", hang_up="after")
    await bridge.restore.restore_number(ANNA, "INV-1", reply_to())
    await bridge.run()
    bridge.clock.turn(seconds=3)
    await bridge.run()

    assert bridge.paymo.company.numbered("INV-1").status == "sent"
    assert bridge.screen.sayings[-1].is_well


async def test_one_that_cannot_be_read_whole_is_made_once(bridge: Bridge) -> None:
    await delete(bridge)
    odd: dict[str, object] = {"invoices/0/total": None}
    bridge.paymo.faults.add(method="POST", path="/api/invoices$", alter=odd)
    bridge.paymo.faults.add(method="GET", path=r"/api/invoices/\d+$", alter=odd)
    await bridge.restore.restore_number(ANNA, "INV-1", reply_to())
    for _ in range(3):
        await bridge.look()

    assert bridge.screen.sayings[-1].is_well
    assert len(writes(bridge)) == len(bridge.paymo.company.invoices) == 1


async def test_what_was_paid_is_sent_and_then_paid_again(bridge: Bridge) -> None:
    """Only its payments make it paid."""
    company = bridge.paymo.company
    former = company.numbered("INV-1")
    total = former.amounts()["total"]
    company.pay(former.id, total, notes="cash")
    assert former.status == "paid"
    await delete_all_the_same(bridge)
    set_before = len(bridge.paymo.calls("PUT", "/api/invoices/"))

    made = await restored(bridge)

    assert (made.status, [each.amount for each in company.payments_of(made.id)]) == (
        "paid",
        [total],
    )
    calls = bridge.paymo.calls("PUT", "/api/invoices/")[set_before:]
    assert [json.loads(each.body) for each in calls] == [{"status": "sent"}]


async def test_a_total_that_is_another_one_now_is_said(bridge: Bridge) -> None:
    await delete(bridge)
    other: dict[str, object] = {"invoices/0/total": 99}
    bridge.paymo.faults.add(method="GET", path=r"/api/invoices/\d+$", alter=other, times=9)
    await restored(bridge)

    assert "Its total is $99.00 now. It was $3" in bridge.screen.sayings[-1].text


async def test_what_is_restored_can_be_exported_again(bridge: Bridge) -> None:
    await delete(bridge)
    await restored(bridge)

    result = await bridge.export_it("INV-1")

    assert (result.state, result.xero_number) == (ExportState.EXPORTED, "INV-1")


async def test_it_is_restored_once_and_only_by_exporters(bridge: Bridge) -> None:
    with pytest.raises(NotFound, match="nothing to restore"):
        await bridge.restore.restore_number(ANNA, "INV-1", reply_to())
    await delete(bridge)
    with pytest.raises(NotAllowed):
        await bridge.restore.restore_number(BEN, "INV-1", reply_to())
    await bridge.restore.restore_number(ANNA, "INV-1", reply_to())
    with pytest.raises(AlreadyRequested, match=r"being restored. .*U1.* asked for it at"):
        await bridge.restore.restore_number(ANNA, "INV-1", reply_to())
    await bridge.run()
    with pytest.raises(AlreadyRequested, match=r"restored. .*U1.* already restored it at"):
        await bridge.restore.restore_number(ANNA, "INV-1", reply_to())


async def test_what_hung_on_it_hangs_on_it_again(bridge: Bridge) -> None:
    project, expense, entries = tie(bridge)
    await delete_all_the_same(bridge)
    assert not expense.is_billed
    assert not any(each.is_billed for each in entries)

    made = await restored(bridge)

    work, travel = made.items
    assert (made.project_id, travel.expense_id, expense.item_id) == (
        project.id,
        expense.id,
        travel.id,
    )
    assert [each.item_id for each in entries] == [work.id, work.id]
    assert all("options" not in each.body.decode() for each in writes(bridge))
    said = bridge.screen.sayings[-1].text
    assert "its project, 1 expense and 2 time entries" in said
    # Paymo's own list goes by what no program should write.
    assert "list of invoices doesn't show its project Website" in said


async def test_what_another_invoice_bills_by_now_stays_there_and_is_named(bridge: Bridge) -> None:
    project, expense, entries = tie(bridge)
    await delete_all_the_same(bridge)
    company = bridge.paymo.company
    other = company.add_invoice("INV-2", next(iter(company.clients.values())), [("All", "", 1, 9)])
    company.bill(other.items[0], expense_id=expense.id, entry_ids=[entries[0].id])
    del company.entries[entries[1].id]

    made = await restored(bridge)

    assert (expense.item_id, entries[0].item_id) == (other.items[0].id, other.items[0].id)
    assert (made.items[1].expense_id, made.project_id) == (None, project.id)
    lost = bridge.screen.sayings[-1].text.split("\n")[1:]
    assert lost[1:] == [
        "• Line 1, Work: 1 time entry isn't on it any more. Another invoice bills it now.",
        "• Line 1, Work: 1 time entry isn't on it any more. It was deleted in Paymo.",
        "• Line 2, Travel: its expense isn't on it any more. Another invoice bills it now.",
    ]
    kind, facts = (await bridge.notices())[-1]
    shown = text_of(samples.message(NoticeKind(kind), lost=str(facts["lost"])))
    assert all(each in shown for each in lost)


async def test_where_paymo_takes_none_of_it_the_invoice_is_made_and_all_is_named(
    bridge: Bridge,
) -> None:
    project, expense, entries = tie(bridge)
    await delete_all_the_same(bridge)
    del bridge.paymo.company.projects[project.id]

    made = await restored(bridge)

    assert (made.project_id, expense.is_billed) == (None, False)
    assert not any(each.is_billed for each in entries)
    said = bridge.screen.sayings[-1].text
    assert "It isn't on its project any more" in said
    assert "2 time entries aren't on it any more. So that they aren't billed again" in said
    assert "its expense isn't on it any more. So that it isn't billed again" in said


async def test_where_time_must_be_asked_for_by_client_it_comes_back_too(bridge: Bridge) -> None:
    _, _, entries = tie(bridge)
    bridge.paymo.company.includes_time = False
    await delete_all_the_same(bridge)

    made = await restored(bridge)

    assert [each.item_id for each in entries] == [made.items[0].id] * 2


async def test_before_a_deletion_cuts_something_off_voiding_is_offered(bridge: Bridge) -> None:
    _, expense, entries = tie(bridge)
    (xero_id,) = bridge.xero.invoices
    bridge.xero.books.delete(xero_id)
    await bridge.look()
    await bridge.look()

    invoice = bridge.paymo.company.numbered("INV-1")
    assert invoice.status == "sent"
    kind, facts = (await bridge.notices())[-1]
    assert (kind, facts["in_paymo"]) == ("invoice_deleted", "asked")
    message = samples.message(NoticeKind(kind), in_paymo="asked", cuts=str(facts["cuts"]))
    assert "its project, 1 expense and 2 time entries" in text_of(message)
    assert list(buttons(notice_blocks(message)))[:2] == ["void_in_paymo", "delete_in_paymo"]

    (export,) = await bridge.exports()
    await bridge.sync.void_in_paymo(ANNA, export.id)
    await bridge.run()

    assert invoice.status == "void"
    assert expense.is_billed
    assert all(each.is_billed for each in entries)
    assert (await bridge.notices())[-1][1]["in_paymo"] == "void"
    with pytest.raises(ServiceError, match="already chose to void it"):
        await bridge.sync.void_in_paymo(ANNA, export.id)
