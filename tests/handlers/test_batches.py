"""Batches in Slack: every state within its limits, and a person's way through the program."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from handlers import names
from handlers.batch.listeners import SlackBatchScreen
from handlers.batch.text import bar, needs_text, report_text
from handlers.batch.views import batch_view, report_blocks
from handlers.matching.views import match_view
from handlers.routing import note_of
from sandbox.slack import View
from services.batch.table import BatchForm, BatchGroup, BatchLine, Missing
from services.model.export import BatchState, ExportState, Verdict
from services.model.people import ReplyTarget
from tests.handlers import samples
from tests.handlers.desk import Desk
from tests.handlers.judging import buttons, judge_message, judge_view, said
from tests.walk import LINES, Walk, text_in


def lines(name: str, count: int, state: ExportState | None = None) -> tuple[BatchLine, ...]:
    return tuple(
        BatchLine(name, name, "$1,234.50", name * 3, name * 2, state, each, is_selected=True)
        for each in range(1, count + 1)
    )


def test_a_line_keeps_what_to_do_however_long_the_reason_is() -> None:
    said = needs_text(BatchLine("INV-1", "Acme", "$1.00", "W" * 400, "Choose another."))
    assert said.endswith("W… Choose another._")


def form(name: str, state: BatchState = BatchState.READY, **changes: Any) -> BatchForm:
    made = BatchForm(
        batch_id=7,
        view_id="V1",
        channel_id="C1",
        state=state,
        organisation=name,
        company=name,
        is_demo=True,
        is_all=True,
        problem="",
        unknown=(),
        groups=(BatchGroup(Verdict.READY, lines("INV-1", 300), ("$1,234.50", "€3.00")),),
        missing=(),
        sent=(),
    )
    return replace(made, **changes)


def everything(name: str) -> dict[str, Any]:
    """Return the most that a batch can hold, by the fields of the form."""
    totals = ("$1.00",) * 30
    return {
        "groups": tuple(BatchGroup(each, lines(name, 400), totals) for each in Verdict),
        "missing": tuple(Missing(each, name, "contact", 30) for each in range(1, 300)),
        "unknown": (name,) * 300,
        "problem": name * 4,
        "sent": tuple(line for state in ExportState for line in lines(name, 300, state)),
    }


@pytest.mark.parametrize("name", samples.NAMES, ids=["plain", "hostile"])
@pytest.mark.parametrize("state", list(BatchState))
def test_slack_takes_a_batch_in_every_state_and_nobody_is_called(
    state: BatchState, name: str
) -> None:
    for changes in ({}, {"groups": ()}, everything(name)):
        for page in (None, 0, 7, 8, 16, 40, 999):
            judge_view(batch_view(form(name, state, **changes, page=page, since=name)))
        drawn = form(name, state, **changes)
        judge_view(batch_view(drawn))
        judge_message(report_text(drawn), report_blocks(drawn))


def test_300_invoices_are_boxes_in_groups_of_ten_on_six_pages() -> None:
    ready = (BatchGroup(Verdict.READY, lines("INV-1", 300), ()),)
    pages = [batch_view(form("Acme", groups=ready, selected=300, page=each)) for each in range(6)]

    groups = [boxes_in(view) for view in pages]
    assert [len(each) for each in groups] == [5] * 6
    offered = [each for page in groups for ids in page for each in ids]
    assert [len(ids) for page in groups for ids in page] == [10] * 30
    assert offered == [str(each) for each in range(1, 301)]
    assert {view["submit"]["text"] for view in pages} == {"Export 300 Invoices"}
    assert "Page 6 of 6" in said(pages[5])
    ways = set(buttons(pages[5]["blocks"]))
    assert ways == {"select_all", "select_none", "previous_page", "show_overview"}
    assert note_of(pages[0]).batch_id == 7
    assert "submit" not in batch_view(form("Acme", groups=()))


def boxes_in(view: Any) -> list[list[str]]:
    """Return the values of each group of boxes."""
    elements = [each.get("element", {}) for each in view["blocks"]]
    boxes = [each for each in elements if each.get("type") == "checkboxes"]
    return [[option["value"] for option in each["options"]] for each in boxes]


def test_a_box_tells_number_amount_and_client_even_where_a_name_is_long() -> None:
    long = (BatchGroup(Verdict.READY, lines("N" * 200, 1), ()),)

    blocks = batch_view(form("Acme", groups=long))["blocks"]
    [option] = next(each["element"]["options"] for each in blocks if "element" in each)

    assert option["text"]["text"].endswith("… · $1,234.50")
    assert option["description"]["text"].startswith("NNN")


def test_each_that_needs_something_has_a_way_to_fix_it() -> None:
    groups = tuple(
        BatchGroup(each, lines("INV-1", 40), ())
        for each in (Verdict.TAX, Verdict.OTHER, Verdict.TAKEN)
    )
    first, last = (batch_view(form("Acme", groups=groups, page=each)) for each in (0, 2))

    assert said(first).count('"action_id": "fix_invoice"') == 50
    assert "fix_invoice" not in said(last), "what is exported already needs nothing"
    assert said(last).count("INV-1 · INV-1") == 20


def test_an_overview_has_one_act_for_each_group_and_exports_nothing() -> None:
    missing = (Missing(3, "Kiwi", "contact", 2), Missing(4, "Oak", "account", 1))
    groups = tuple(BatchGroup(each, lines("INV-1", 60), ("$5.00",)) for each in Verdict)
    view = batch_view(form("Acme", groups=groups, missing=missing, page=None, since="30 Aug"))

    ways = [each["accessory"] for each in view["blocks"] if each.get("accessory")]
    found = {(each["text"]["text"], each["action_id"], each["value"]) for each in ways}
    assert {
        ("Export Invoices…", "show_invoices", "0"),
        ("Match Client", "match_client", "3"),
        ("Choose Account", "match_client", "4"),
        ("See Invoices", "show_invoices", "7"),
    } <= found
    assert "*60 of 660 sent invoices dated 30 Aug or later are ready to export.*" in said(view)
    assert "Client: Kiwi" in said(view)
    assert ("submit" in view, view["title"]["text"]) == (False, "Last 90 Days")
    assert "submit" not in batch_view(form("Acme", BatchState.RUNNING))


def test_what_is_missing_has_a_button_for_each_client() -> None:
    missing = tuple(Missing(each, f"Client {each}", "account", 2) for each in range(1, 15))

    view = batch_view(form("Acme", missing=missing))

    assert said(view).count('"action_id": "match_client"') == 10
    assert "4 more clients" in said(view)
    assert said(view).rindex("match_client") < said(view).index("select_all")  # beside the boxes
    assert note_of(match_view(samples.match_form("Acme"), batch_id=7)).batch_id == 7


def test_progress_and_report_count_what_became_of_it() -> None:
    sent = (
        *lines("INV-9", 2, ExportState.FAILED),
        *lines("INV-1", 3, ExportState.EXPORTED),
        *lines("INV-5", 1, ExportState.UNKNOWN),
    )

    running = said(batch_view(form("Acme", BatchState.RUNNING, sent=sent, groups=())))
    unmatched = BatchGroup(Verdict.CONTACT, lines("INV-3", 1), ())
    done = batch_view(form("Acme", BatchState.DONE, sent=sent, groups=(unmatched,)))

    assert "▓▓▓▓▓▓▓▓░░ 5/6" in running
    assert "3 exported · ⛔ 2 failed · ⏳ 1 waiting" in running
    assert buttons(done["blocks"]) == {"fix_failed": "7"}
    assert "Fix 2 Failed Invoices" in said(done)
    assert "type `/paymo-xero match`" in said(done)
    assert said(done).index("INV-9") < said(done).index("INV-1 ")
    assert (bar(0, 0), bar(299, 300)) == ("░" * 10, "▓" * 9 + "░")


@pytest.mark.parametrize("is_open", [True, False])
async def test_the_report_comes_into_the_view_or_to_the_person(
    desk: Desk, *, is_open: bool
) -> None:
    bench = desk.bench
    view_id = "V-GONE"
    if is_open:
        await bench.world.command(bench.anna, bench.room, "export all")
    reply_to = ReplyTarget(1, bench.anna.id, bench.room.id, view_id=view_id)
    screen = SlackBatchScreen(desk)

    await screen.show_batch(reply_to, form("Acme", BatchState.RUNNING))
    await screen.show_ended(reply_to, form("Acme", BatchState.DONE, groups=()))

    assert desk.read_by_anna == ["⚠️ No invoices exported to Acme."]


@pytest.fixture
async def walk(walk: Walk) -> AsyncIterator[Walk]:
    """Three and two invoices were sent, and all is connected; at the end Slack refused nothing."""
    for number in ("INV-1", "INV-2", "INV-3"):
        walk.company.set_status(walk.in_paymo(number).id, "sent")
    kiwi = next(each for each in walk.company.clients.values() if each.name.startswith("Kiwi"))
    for number in ("K-1", "K-2"):
        walk.company.add_invoice(number, kiwi, LINES, tax=15, status="sent")
    await walk.connect()
    yield walk
    assert walk.refused() == []


async def until_ready(walk: Walk, button: str) -> Any:
    """Type until the lists were read, and return the table."""
    for _ in range(100):
        await walk.type("export all")
        view = await walk.town.slack.wait_for(_table(walk), 60)
        if button in said(view.payload):
            return view
        await walk.close()
    pytest.fail("the lists were never read")


def _table(walk: Walk) -> Callable[[], Any]:
    def read() -> Any:
        view = walk.town.slack.top_view("Anna")
        is_table = view is not None and view.callback_id == names.EXPORT_ALL
        return view if view and is_table and "Reading" not in text_in(view.payload) else None

    return read


async def test_a_person_exports_all_after_one_answer_for_each_client(walk: Walk) -> None:
    """Both are asked about in one form, one after the other."""
    slack = walk.town.slack
    oak = walk.company.add_client("Oak Trading")
    walk.company.add_invoice("O-1", oak, LINES, tax=15, status="sent")
    view = await until_ready(walk, "Match")
    assert "Export 3 Invoices" in text_in(view.payload)
    assert (await slack.press("Anna", view, "match_client")).ok
    match = await walk.modal("match")
    await slack.options("Anna", match.id, "contact", "acme")
    await slack.choose("Anna", match.id, "contact", "Acme Ltd")
    await walk.submit(match)
    await walk.modal_saying("is matched. You choose the account when you export. 1 client left")
    match = await walk.modal_saying("Contact in Xero")
    assert "Oak Trading" in text_in(match.payload)
    assert "Export 5 Invoices" in text_in(slack.state.stacks[slack.user("Anna").id][0].payload)
    await slack.choose("Anna", match.id, "contact", "new")
    await walk.submit(match)
    view = await walk.modal_saying("Export 6 Invoices")
    await walk.submit(view)

    await walk.modal_saying("6 invoices exported to Maple Books")

    numbers = sorted(each.number for each in walk.books.invoices.values())
    assert numbers == ["INV-1", "INV-2", "INV-3", "K-1", "K-2", "O-1"]


async def test_a_closed_view_gets_its_report_and_the_failed_ones_a_new_table(walk: Walk) -> None:
    slack = walk.town.slack
    await until_ready(walk, "Match")
    await walk.close()
    await walk.type("export INV-1, INV-2 NONE-1")
    view = await walk.modal_saying("Export 2 Invoices")
    assert "no invoice with the number NONE-1" in text_in(view.payload)
    # Once for the group and once for each alone; nothing but a press lets them go on after that.
    said = '{"Type": "ValidationException", "Message": "Not today"}'
    walk.town.xero.faults.add(method="PUT", path="/Invoices", status=400, body=said, times=3)
    await slack.submit("Anna", view.id)
    await walk.close()

    told = await walk.ephemeral("2 failed")
    assert (await slack.press("Anna", told, "fix_failed")).ok
    view = await walk.modal_saying("Export 2 Invoices")
    await slack.submit("Anna", view.id)
    await walk.modal_saying("2 invoices exported to Maple Books")


async def test_what_is_ticked_outlives_pages_and_alone_goes_out(walk: Walk) -> None:
    """By hand: none and all, a box, the next page and back, the overview, and then the press."""
    slack, acme = walk.town.slack, next(iter(walk.company.clients.values()))
    for place in range(50):
        walk.company.add_invoice(f"M-{place}", acme, LINES, tax=15, status="sent")
    view = await until_ready(walk, "Match")
    view = await none_selected(walk, view)
    ids = [str(walk.in_paymo(each).id) for each in ("INV-1", "INV-3")]
    await slack.choose("Anna", view.id, "selected", ids)
    view = await walk.modal_saying("2 of 53 selected* · $2,826.66")
    assert "Export 2 Invoices" in text_in(view.payload)

    await slack.press("Anna", view, "next_page")
    view = await walk.modal_saying("Page 2 of 2")
    last = str(walk.in_paymo("M-49").id)
    await slack.choose("Anna", view.id, "selected", [last])
    view = await walk.modal_saying("3 of 53 selected")
    await slack.press("Anna", view, "show_overview")
    view = await walk.modal_saying("are ready to export")
    await slack.press("Anna", view, "show_invoices", _block_of(view, "Export Invoices…"))
    view = await walk.modal_saying("3 of 53 selected")
    assert "Page 1 of 2" in text_in(view.payload)
    await walk.submit(view)
    await walk.modal_saying("3 invoices exported to Maple Books")

    assert {each.number for each in walk.books.invoices.values()} == {"INV-1", "INV-3", "M-49"}


async def none_selected(walk: Walk, view: View) -> View:
    """Take every tick away, and see that the press asks for some."""
    await walk.town.slack.press("Anna", view, "select_none")
    view = await walk.modal_saying("0 of 53 selected")
    answer = await walk.town.slack.submit("Anna", view.id)
    assert list(answer.errors.values()) == ["Select the invoices to export."]
    return view


def _block_of(view: View, words: str) -> str:
    """Return the block with these words on its button."""
    return str(next(each["block_id"] for each in view.blocks if words in str(each)))


async def test_fix_opens_the_form_on_top_and_coming_back_shows_what_came_of_it(
    walk: Walk,
) -> None:
    slack = walk.town.slack
    view = await until_ready(walk, "Match")
    ticked = str(walk.in_paymo("INV-2").id)
    await slack.choose("Anna", view.id, "selected", [ticked])
    view = await walk.modal_saying("1 of 3 selected")
    await slack.press("Anna", view, "fix_invoice")
    form = await walk.modal("export")
    form = await walk.modal_saying("K-1")
    await walk.modal_saying("passed")
    await slack.choose("Anna", form.id, "contact", "new")
    await walk.submit(form)
    await walk.modal_saying("exported to")
    await slack.close_view("Anna")

    view = await walk.modal_saying("2 of 4 selected")
    assert view.callback_id == "export_all"
    assert "K-2 · Kiwi" not in text_in(view.payload)  # it has its contact now, and is ready
    assert "Already exported or on its way: 1" in text_in(view.payload)
    await walk.submit(view)
    await walk.modal_saying("2 invoices exported to Maple Books")
    assert {each.number for each in walk.books.invoices.values()} == {"K-1", "K-2", "INV-2"}


async def test_after_connecting_the_last_90_days_are_checked_and_nothing_is_exported(
    walk: Walk,
) -> None:
    slack = walk.town.slack
    await walk.type("connect")
    view = await walk.modal("connect")
    await slack.submit("Anna", view.id)
    view = await walk.modal_saying("Paymo and Xero are connected")
    await slack.press("Anna", view, "check_recent")
    view = await walk.modal_saying("of 5 sent invoices dated")
    drawn = text_in(view.payload)
    assert "Left out: 3 drafts." in drawn
    assert "Client: Kiwi" in drawn
    assert len(slack.state.stacks[slack.user("Anna").id]) == 1

    await slack.press("Anna", view, "match_client")
    match = await walk.modal("match")
    await slack.choose("Anna", match.id, "contact", "new")
    await walk.submit(match)
    await walk.modal_saying("*5 of 5 sent invoices dated")
    assert walk.books.invoices == {}


async def test_an_open_table_follows_what_others_export_and_undo_and_keeps_the_ticks(
    walk: Walk,
) -> None:
    slack = walk.town.slack
    await until_ready(walk, "Match")
    await walk.close()
    await walk.add_exporter("Ben")
    await walk.close()
    view = await until_ready(walk, "of 3 selected")
    ids = [str(walk.in_paymo(each).id) for each in ("INV-1", "INV-2")]
    await slack.choose("Anna", view.id, "selected", ids)
    await walk.modal_saying("2 of 3 selected")
    await walk.type("export INV-1", "Ben")
    form = await walk.modal_saying("passed", "Ben")
    await slack.submit("Ben", form.id)
    view = await walk.modal_saying("1 of 2 selected")
    assert "Already exported or on its way: 1" in text_in(view.payload)

    await walk.notice("invoice_exported")
    await walk.type("undo INV-1", "Ben")
    await slack.press("Ben", await walk.ephemeral("Undo the export of INV-1", "Ben"), "undo")
    view = await walk.modal_saying("Undone invoices to export again")
    assert "1 of 3 selected" in text_in(view.payload)
    await walk.submit(view)
    await walk.modal_saying("1 invoice exported to Maple Books")
    assert [each.number for each in walk.books.invoices.values()][1:] == ["INV-2"]
