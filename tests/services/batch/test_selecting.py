"""What is selected of a batch's table, what was fixed beside it, and the last 90 days."""

from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from services.batch.table import BatchForm
from services.errors import NotAccepted, ServiceError
from services.export.forms import ExportForm
from services.mapping.case import ExportChoice
from services.matching.service import MatchChoice
from services.model.export import BatchState, ExportState, Marks
from tests.databases import SQLITE_ALONE
from tests.services.batching import ended, in_xero, invoices, marks, opened, table, words
from tests.services.bridge import ANNA, BEN, Bridge, reply_to
from tests.services.fixtures import bridge_of

pytestmark = SQLITE_ALONE

bridge = bridge_of(opened)


async def marked(bridge: Bridge, form: BatchForm, marks: Marks) -> BatchForm:
    """Tick boxes as a person does, and return what is drawn then."""
    await bridge.batches.mark(ANNA, form.batch_id, marks)
    return await bridge.batches.form(ANNA, form.batch_id)


async def test_only_what_is_selected_goes_and_the_rest_waits_for_the_next_table(
    bridge: Bridge,
) -> None:
    invoices(bridge, 4)
    form = await table(bridge)
    assert (form.selected, len(form.selected_totals)) == (4, 1)

    form = await marked(bridge, form, marks(form, "INV-1", "INV-3"))
    assert form.selected == 2
    await bridge.batches.confirm(ANNA, form.batch_id, marks(form, "INV-2", "INV-3"))
    await ended(bridge)

    assert in_xero(bridge) == Counter(["INV-2", "INV-3"])
    report = bridge.screen.ended[-1]
    assert words(report) == {"skipped": ["INV-1", "INV-4"]}
    assert len(report.sent_as(ExportState.EXPORTED)) == 2
    assert words(await table(bridge)) == {"ready": ["INV-1", "INV-4"]}


async def test_what_is_selected_comes_to_a_sum_in_each_currency(bridge: Bridge) -> None:
    for each in ("EUR", "USD"):
        bridge.xero.books.add_currency(each)
    bridge.clock.turn(minutes=2)
    for currency in ("NZD", "NZD", "EUR", "USD"):
        invoices(bridge, 1, currency=currency)
    form = await table(bridge)
    (ready,) = form.groups
    assert (ready.verdict, len(ready.lines), len(form.selected_totals)) == ("ready", 4, 3)

    form = await marked(bridge, form, marks(form, "INV-1", "INV-3"))

    totals = {each.number: each.total for each in ready.lines}
    assert set(form.selected_totals) == {totals["INV-1"], totals["INV-3"]}


async def test_all_and_none_reach_every_page_and_what_was_undone_only_none(bridge: Bridge) -> None:
    invoices(bridge, 3)
    first = await table(bridge, "INV-1")
    await bridge.batches.confirm(ANNA, first.batch_id)
    await ended(bridge)
    (export,) = await bridge.exports()
    await bridge.undo.undo(ANNA, export.id, reply_to())
    await bridge.run()
    form = await table(bridge)
    assert words(form) == {"ready": ["INV-2", "INV-3"], "undone": ["INV-1"]}

    form = await marked(bridge, form, marks(form, "INV-1"))
    form = await bridge.batches.select_all(ANNA, form.batch_id, is_all=True)
    assert form.selected == 3
    form = await bridge.batches.select_all(ANNA, form.batch_id, is_all=False)
    assert (form.selected, form.selected_totals) == (0, ())

    with pytest.raises(NotAccepted, match="Select the invoices"):
        await bridge.batches.confirm(ANNA, form.batch_id)
    assert words(await bridge.batches.form(ANNA, form.batch_id)) == words(form)


async def test_boxes_of_a_page_that_was_left_say_nothing_any_more(bridge: Bridge) -> None:
    """Slack may deliver a press after the next one."""
    invoices(bridge, 3)
    form = await table(bridge)
    old = marks(form, "INV-1")
    await bridge.batches.select_all(ANNA, form.batch_id, is_all=True)

    assert (await marked(bridge, form, old)).selected == 3
    form = await bridge.batches.show_page(ANNA, form.batch_id, 1)
    assert (form.page, form.selected) == (1, 3)
    foreign = Marks(form.revision, (404,), (404, 405))
    assert (await marked(bridge, form, foreign)).selected == 3


async def test_a_table_that_is_drawn_late_is_drawn_again_with_what_was_selected_since(
    bridge: Bridge,
) -> None:
    invoices(bridge, 3)
    form = await bridge.batches.open(ANNA, ())
    await bridge.batches.attach_view(ANNA, form.batch_id, "V1")
    select = bridge.batches.select_all(ANNA, form.batch_id, is_all=False)
    bridge.screen.meanwhile.append(select)
    await bridge.run()

    assert [each.selected for each in bridge.screen.batches[-2:]] == [3, 0]


async def test_nobody_selects_in_somebody_elses_table(bridge: Bridge) -> None:
    invoices(bridge, 1)
    form = await table(bridge)

    for act in (
        bridge.batches.mark(BEN, form.batch_id, marks(form)),
        bridge.batches.select_all(BEN, form.batch_id, is_all=False),
        bridge.batches.show_page(BEN, form.batch_id, 2),
        bridge.batches.fix(BEN, form.batch_id, form.groups[0].lines[0].invoice_id),
        bridge.batches.fixed(BEN, form.batch_id, 0),
    ):
        with pytest.raises(ServiceError, match="This list is gone"):
            await act
    assert (await bridge.batches.form(ANNA, form.batch_id)).selected == 1


async def unready(bridge: Bridge) -> tuple[BatchForm, ExportForm]:
    """Return a table with one invoice that needs a contact, and the form on top of it."""
    bridge.paymo.company.add_client("Nobody Knows")
    invoices(bridge, 1)
    invoices(bridge, 2, client="Nobody Knows")
    form = await table(bridge)
    assert words(form) == {"ready": ["INV-1"], "contact": ["INV-2", "INV-3"]}
    wanted = form.groups[1].lines[0].invoice_id
    fix = await bridge.batches.fix(ANNA, form.batch_id, wanted)
    await bridge.forms.attach_view(ANNA, fix.draft_id, "V2")
    await bridge.run()
    return form, await bridge.forms.form(fix.draft_id, ANNA)


async def test_what_is_exported_on_top_of_the_table_is_taken_and_frees_its_clients_others(
    bridge: Bridge,
) -> None:
    form, fix = await unready(bridge)
    assert (fix.batch_id, fix.invoice and fix.invoice.text[:5]) == (form.batch_id, "INV-2")
    account = fix.account.value if fix.account else ""
    choice = ExportChoice(form.groups[1].lines[0].invoice_id, "new", account)
    await bridge.requests.request(ANNA, fix.draft_id, choice, reply_to())

    back = await bridge.batches.fixed(ANNA, form.batch_id, fix.draft_id)
    assert words(back) == {"ready": ["INV-1", "INV-3"], "taken": ["INV-2"]}
    await bridge.run()
    await bridge.batches.confirm(ANNA, form.batch_id)
    await ended(bridge)

    assert in_xero(bridge) == Counter(["INV-1", "INV-2", "INV-3"])


async def test_what_was_mended_in_paymo_is_ready_on_coming_back(bridge: Bridge) -> None:
    invoices(bridge, 1, tax=7)
    form = await table(bridge)
    assert words(form) == {"account": ["INV-1"]}
    invoice = bridge.paymo.company.numbered("INV-1")
    bridge.paymo.company.edit(invoice.id, tax=Decimal(15))
    fix = await bridge.batches.fix(ANNA, form.batch_id, invoice.id)
    await bridge.forms.attach_view(ANNA, fix.draft_id, "V2")
    await bridge.run()

    form = await bridge.batches.fixed(ANNA, form.batch_id, fix.draft_id)

    assert (words(form), form.selected) == ({"ready": ["INV-1"]}, 1)


async def test_a_change_after_the_table_is_refused_by_the_checks(bridge: Bridge) -> None:
    """Somebody else exports one of them, and another one changes in Paymo."""
    invoices(bridge, 3)
    form = await table(bridge)
    await bridge.export_it("INV-1")
    bridge.paymo.company.set_status(bridge.paymo.company.numbered("INV-2").id, "void")

    await bridge.batches.confirm(ANNA, form.batch_id, marks(form, "INV-1", "INV-2", "INV-3"))
    await ended(bridge)

    assert in_xero(bridge) == Counter(["INV-1", "INV-3"])
    report = bridge.screen.ended[-1]
    assert [each.number for each in report.sent_as(ExportState.FAILED)] == ["INV-2"]
    assert words(report) == {"taken": ["INV-1"]}


async def checked(bridge: Bridge) -> BatchForm:
    """Return the overview of the last 90 days once it was read."""
    form = await bridge.batches.check(ANNA)
    await bridge.batches.attach_view(ANNA, form.batch_id, "V1")
    await bridge.run()
    return await bridge.batches.form(ANNA, form.batch_id)


async def test_the_last_90_days_are_counted_by_what_they_need_and_nothing_is_exported(
    bridge: Bridge,
) -> None:
    company = bridge.paymo.company
    client = company.add_client("Nobody Knows")
    invoices(bridge, 2)
    invoices(bridge, 1, client="Nobody Knows")
    invoices(bridge, 1, tax=7)
    invoices(bridge, 2, status="draft")
    invoices(bridge, 1, issued=date(2026, 8, 1), due=date(2026, 9, 1))
    invoices(bridge, 1, status="draft", issued=date(2026, 8, 1), due=date(2026, 9, 1))

    form = await checked(bridge)

    assert words(form) == {"ready": ["INV-1", "INV-2"], "contact": ["INV-3"], "account": ["INV-4"]}
    assert (form.page, form.drafts, form.state) == (None, 2, BatchState.READY)
    assert all(each.totals for each in form.groups)
    held_up = {(each.name, each.what) for each in form.missing}
    assert held_up == {("Nobody Knows", "contact"), ("Acme Ltd", "account")}
    await bridge.matching.save(ANNA, MatchChoice(client.id, "new"))
    form = await bridge.batches.matched(ANNA, form.batch_id)
    assert words(form)["ready"] == ["INV-1", "INV-2", "INV-3"]
    assert in_xero(bridge) == Counter()

    form = await bridge.batches.show_page(ANNA, form.batch_id, 0)
    await bridge.batches.confirm(ANNA, form.batch_id, marks(form, "INV-1"))
    await ended(bridge)
    assert in_xero(bridge) == Counter(["INV-1"])
