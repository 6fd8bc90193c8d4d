"""Batches in Slack: every state within its limits, and a person's way through the program."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from handlers import names
from handlers.batch.listeners import SlackBatchScreen
from handlers.batch.text import bar, report_text
from handlers.batch.views import batch_view, report_blocks
from handlers.matching.views import match_view
from handlers.routing import note_of
from services.batch.table import VERDICTS, BatchForm, BatchGroup, BatchLine, Missing
from services.model.export import BatchState, ExportState
from services.model.people import ReplyTarget
from tests.handlers import samples
from tests.handlers.desk import Desk
from tests.handlers.judging import buttons, judge_message, judge_view, said
from tests.walk import LINES, Walk, text_in


def lines(name: str, count: int, state: ExportState | None = None) -> tuple[BatchLine, ...]:
    return tuple(BatchLine(name, name, "$1,234.50", name * 3, state) for _ in range(count))


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
        groups=(BatchGroup("ready", lines("INV-1", 300), ("$1,234.50", "€3.00")),),
        missing=(),
        sent=(),
    )
    return replace(made, **changes)


def everything(name: str) -> dict[str, Any]:
    """Return the most that a batch can hold, by the fields of the form."""
    totals = ("$1.00",) * 30
    return {
        "groups": tuple(BatchGroup(each, lines(name, 400), totals) for each in VERDICTS),
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
        drawn = form(name, state, **changes)
        judge_view(batch_view(drawn))
        judge_message(report_text(drawn), report_blocks(drawn))


def test_the_table_shows_each_of_300_invoices_and_asks_once() -> None:
    view = batch_view(form("Acme", groups=(BatchGroup("ready", lines("INV-1", 300), ()),)))

    assert said(view).count("INV-1 · INV-1 · ") == 300
    assert view["submit"]["text"] == "Export 300 Invoices"
    assert note_of(view).batch_id == 7
    assert "submit" not in batch_view(form("Acme", groups=()))
    assert "submit" not in batch_view(form("Acme", BatchState.RUNNING))


def test_what_is_missing_has_a_button_for_each_client() -> None:
    missing = tuple(Missing(each, f"Client {each}", "account", 2) for each in range(1, 15))

    view = batch_view(form("Acme", missing=missing))

    assert said(view).count('"action_id": "match_client"') == 10
    assert "4 more clients" in said(view)
    assert note_of(match_view(samples.match_form("Acme"), batch_id=7)).batch_id == 7


def test_progress_and_report_count_what_became_of_it() -> None:
    sent = (
        *lines("INV-9", 2, ExportState.FAILED),
        *lines("INV-1", 3, ExportState.EXPORTED),
        *lines("INV-5", 1, ExportState.UNKNOWN),
    )

    running = said(batch_view(form("Acme", BatchState.RUNNING, sent=sent, groups=())))
    done = batch_view(form("Acme", BatchState.DONE, sent=sent, groups=()))

    assert "▓▓▓▓▓▓▓▓░░ 5/6" in running
    assert "3 exported · ⛔ 2 failed · ⏳ 1 waiting" in running
    assert buttons(done["blocks"]) == {"fix_failed": "7"}
    assert "Fix the 2 That Failed" in said(done)
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

    assert desk.read_by_anna == ["✅ 0 invoices exported to Acme."]


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


async def test_a_person_exports_all_after_one_answer(walk: Walk) -> None:
    slack = walk.town.slack
    view = await until_ready(walk, "Match")
    assert "Export 3 Invoices" in text_in(view.payload)
    assert (await slack.press("Anna", view, "match_client")).ok
    match = await walk.modal("match")
    await slack.choose("Anna", match.id, "contact", "Acme Ltd")
    answer = await slack.submit("Anna", match.id)
    assert answer.ok, answer.errors
    view = await walk.modal_saying("Export 5 Invoices")
    answer = await slack.submit("Anna", view.id)
    assert answer.ok, answer.errors

    await walk.modal_saying("5 invoices exported to Maple Books")

    assert sorted(each.number for each in walk.books.invoices.values()) == [
        "INV-1",
        "INV-2",
        "INV-3",
        "K-1",
        "K-2",
    ]


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
