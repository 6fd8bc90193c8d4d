"""What a comparison looks like, and the month's digest."""

import csv
import io
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from playwright.async_api import expect

from handlers import blocks, names
from handlers.notices.listeners import SlackNoticeBoard
from handlers.notices.text import text_of
from handlers.notices.views import notice_blocks
from handlers.reconcile.listeners import SlackReconcileScreen
from handlers.reconcile.text import report_text
from handlers.reconcile.views import report_blocks
from services.compare import Mismatch
from services.model.actions import Action
from services.model.notice import NoticeKind
from services.model.people import ReplyTarget
from services.notices.delivery import Message
from services.reconcile.report import Outcome, Report, Row, Side
from tests.browser import SCHEMES, WIDTHS, Scheme, chromium, cut_off, findings, opened
from tests.days import day
from tests.handlers import samples
from tests.handlers.desk import Desk
from tests.handlers.judging import buttons, judge_message, said

DAY = date(2026, 2, 3)


def side(name: str) -> Side:
    return Side(name, name, "NZD", DAY, DAY, Decimal("115.00"), Decimal(0), "sent")


def row(outcome: Outcome, name: str = "INV-7", **changes: Any) -> Row:
    links: dict[str, Any] = {
        "paymo_url": "https://app.paymo.example/7",
        "xero_url": "https://go.xero.example/7",
    }
    finding = Mismatch("total", name, name, name, is_decided=False)
    findings = () if outcome is Outcome.AGREES else (finding,) * 4
    made = Row(outcome, name, name, side(name), side(name), findings, **links)
    return replace(made, **changes)


def report(*rows: Row, **changes: Any) -> Report:
    name = "Maple Books"
    made = Report(name, "Maple Studio", "2026-02", "February 2026", samples.NOW, rows, others=0)
    return replace(made, **changes)


HELPS = (
    None,
    Action.EXPORT,
    Action.UPDATE_IN_XERO,
    Action.BRING_BACK,
    Action.RECORD_PAYMENT,
    Action.RESTORE,
    Action.DELETE_IN_PAYMO,
    Action.OPEN_XERO,
    Action.OPEN_PAYMO,
)


def agreeing(count: int) -> list[Row]:
    return [row(Outcome.AGREES)] * count


@pytest.mark.parametrize("name", samples.NAMES, ids=["plain", "hostile"])
@pytest.mark.parametrize("count", [1, 60])
def test_slack_takes_the_comparison_and_nobody_is_called(name: str, count: int) -> None:
    rows = [
        row(outcome, name, help=way, help_value="41")
        for outcome in Outcome
        for way in HELPS
        for _ in range(count)
    ]
    made = report(*rows, organisation=name, company=name, others=3)

    judge_message(report_text(made), report_blocks(made))


def test_all_that_agree_are_one_line_with_the_time() -> None:
    made = report(*agreeing(143))

    assert report_text(made) == f"✅ *February 2026:* all 143 agree at {blocks.time_of(made.at)}."
    assert len(report_blocks(made)) == 2


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.AGREES, "✅ *All months:* the only invoice agrees at {}."),
        (
            Outcome.DECIDED,
            "the only invoice agrees at {}, with a difference that somebody accepted.",
        ),
        (Outcome.DIFFERS, "⚠️ *All months* at {}: 0 of 1 agrees; 1 differs."),
    ],
)
def test_the_only_invoice_is_told_as_one(outcome: Outcome, words: str) -> None:
    made = report(row(outcome), label="all months")

    assert report_text(made).endswith(words.format(blocks.time_of(made.at)))


def test_what_was_decided_is_told_and_does_not_spoil_it() -> None:
    made = report(*agreeing(141), *[row(Outcome.DECIDED)] * 2, others=1)

    assert f"agree at {blocks.time_of(made.at)}, 2 of them with" in report_text(made)
    assert "1 other sales invoice in Xero didn't come from paymo-xero" in report_text(made)


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.DIFFERS, "3 of 4 agree; 1 differs."),
        (Outcome.ONLY_PAYMO, "3 of 3 agree; 1 is only in Paymo."),
        (Outcome.ONLY_XERO, "3 of 3 agree; 1 is only in Xero."),
        (Outcome.UNREAD, "3 of 3 agree; 1 wasn’t shown by Xero."),
    ],
)
def test_what_differs_is_counted_by_how(outcome: Outcome, words: str) -> None:
    text = report_text(report(*agreeing(3), row(outcome)))

    assert text.startswith("⚠️ *February 2026* at <!date^")
    assert text.endswith(words)


@pytest.mark.parametrize(
    ("way", "value", "name"),
    [
        (Action.EXPORT, "INV-7", names.EXPORT),
        (Action.BRING_BACK, "8", Action.BRING_BACK),
        (Action.RECORD_PAYMENT, "8", Action.BRING_BACK),
        (Action.UPDATE_IN_XERO, "5", Action.UPDATE_IN_XERO),
        (Action.RESTORE, "5", Action.RESTORE),
        (Action.DELETE_IN_PAYMO, "5", Action.DELETE_IN_PAYMO),
        (Action.OPEN_XERO, "", names.OPEN_XERO),
        (Action.OPEN_PAYMO, "", names.OPEN_PAYMO),
    ],
)
def test_each_has_the_one_button_that_helps(way: Action, value: str, name: str) -> None:
    drawn = report_blocks(report(row(Outcome.DIFFERS, help=way, help_value=value)))

    assert buttons(drawn) == {name: value}


def test_a_long_list_ends_with_how_many_are_left() -> None:
    drawn = report_blocks(report(*[row(Outcome.DIFFERS)] * 40))

    assert len(drawn) == 17
    assert "25 more are in the file" in said(drawn[-1])


def test_both_sides_and_the_reason_are_read_in_one_line() -> None:
    finding = Mismatch("paid", "$40.00", "$0.00", "Paid in Paymo only: $40.00.")

    drawn = report_blocks(report(row(Outcome.DIFFERS, findings=(finding,))))

    assert "• paid: $40.00 in Paymo, $0.00 in Xero. Paid in Paymo only" in said(drawn)


async def test_the_answer_is_read_by_whoever_asked(desk: Desk) -> None:
    screen = SlackReconcileScreen(desk)
    reply_to = ReplyTarget(1, desk.bench.anna.id, desk.bench.room.id)

    await screen.show_report(reply_to, report(*agreeing(2)))
    await screen.show_wait(reply_to, "Xero asks for patience <!channel>.")
    await screen.show_refusal(reply_to, "Nothing is concluded.")

    first, second, third, *sent = desk.read_by_anna
    assert "all 2 agree" in first
    assert sent[0] == "All 2 invoices for February 2026, compared:"
    assert second == "⏳ Xero asks for patience &lt;!channel&gt;."
    assert third == "⛔ Nothing is concluded."


async def test_every_invoice_is_in_the_file_both_sides_beside_each_other(desk: Desk) -> None:
    finding = Mismatch("total", "$115.00", "$116.00", "Why not?")
    rows = [row(Outcome.DIFFERS, "=1+1", findings=(finding,)), row(Outcome.AGREES, xero=None)]
    reply_to = ReplyTarget(1, desk.bench.anna.id, desk.bench.room.id)

    await SlackReconcileScreen(desk).show_report(reply_to, report(*rows))

    (file,) = desk.bench.world.messages(desk.bench.world.direct("Anna"))[-1].files
    table = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
    assert file.name == "paymo-xero-2026-02.csv"
    assert [each["number"] for each in table] == ["'=1+1", "INV-7"]
    assert table[0]["what differs"] == "total: $115.00 in Paymo, $116.00 in Xero. Why not?"
    assert (table[0]["total in Paymo"], table[0]["date in Xero"]) == ("115.00", "2026-02-03")
    assert (table[1]["result"], table[1]["status in Xero"]) == ("agrees", "")


async def test_a_file_that_slack_does_not_take_is_said(desk: Desk) -> None:
    desk.bench.world.team.scopes.discard("files:write")

    await SlackReconcileScreen(desk).show_report(
        ReplyTarget(1, desk.bench.anna.id, desk.bench.room.id), report(*agreeing(2))
    )

    assert any("Ask an admin to install it again" in each for each in desk.read_by_anna)


def digest(**changes: Any) -> Message:
    told = {"problem": "", "client": "", "minimum": ""}
    return samples.message(NoticeKind.DIGEST, **told | changes)


def block_of(kind: str, message: Message) -> list[dict[str, Any]]:
    return [each for each in notice_blocks(message) if each["type"] == kind]


def test_a_digest_names_who_is_late_and_what_is_not_there() -> None:
    message = digest()
    text = text_of(message)

    assert text.startswith("⚠️ *Digest: February 2026* · ")
    assert "141 of 143 February invoices agree. 2 differ, 1 is only in Xero and 1 wasn't" in text
    assert "*Received:* $1,380.00 and US$20.00, 12 payments\n" in text
    assert "*Exported:* $1,380.00 and US$20.00, 12 invoices\n" in text
    assert "*Failed:* Acme Ltd, Acme Ltd, Acme Ltd and 9 more\n" in text
    assert f"• Acme Ltd · Acme Ltd · $115.00 · due {day('2026-03-01')}" in text
    assert f"12 of these are in a locked period: Xero is locked up to {day('2026-02-28')}." in text
    assert buttons(notice_blocks(message)) == {
        names.RECONCILE: "2026-02",
        names.OPEN_XERO: "",
        names.OPEN_PAYMO: "",
    }


@pytest.mark.parametrize(
    ("compared", "agreeing", "only_xero", "said"),
    [
        (0, 0, 0, "nothing to compare in February."),
        (0, 0, 1, "1 is only in Xero."),
        (1, 1, 0, "the one February invoice agrees."),
        (1, 0, 2, "0 of 1 February invoices agree. 1 differs and 2 are only in Xero."),
    ],
)
def test_differences_are_counted(compared: int, agreeing: int, only_xero: int, said: str) -> None:
    counts = {"compared": compared, "agreeing": agreeing, "only_xero": only_xero, "unread": 0}

    assert f"*Differences:* {said}\n" in text_of(digest(**counts))


def test_its_two_pictures_show_one_currency_and_the_table_has_them_all() -> None:
    message = digest(currency="NZD")
    owed, received = block_of("data_visualization", message)
    (table,) = block_of("data_table", message)

    assert (owed["title"], received["title"]) == (
        "Receivables by age, NZD",
        "Cash received by week, NZD",
    )
    (series,) = owed["chart"]["series"]
    assert [each["value"] for each in series["data"]] == [3200, 981, 410, 0]
    assert [each["label"] for each in series["data"]] == owed["chart"]["axis_config"]["categories"]
    written = [[cell["text"] for cell in row] for row in table["rows"]]
    assert written[:3] == [
        ["Amounts", "NZD", "USD"],
        ["Not due yet", "$3,200.00", "US$0.00"],
        ["1–30 days overdue", "$980.50", "US$20.00"],
    ]
    assert len(written) == 1 + 4 + 8
    assert "The charts show NZD only." in said(notice_blocks(message))


def test_whoever_cannot_see_the_pictures_is_told_what_they_show() -> None:
    text = text_of(digest())

    assert "*Receivables by age:* $3,200.00 not due yet, $980.50 1–30 days overdue, " in text
    assert f"$920.00 in the week of {day('2026-02-23')}." in text


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2026-02-03", "2026-02-03", day("2026-02-03")),
        ("2026-02-02", "2026-02-08", f"{day('2026-02-02')} to {day('2026-02-08')}"),
        ("2026-01-01", "2026-02-28", f"{day('2026-01-01')} to {day('2026-02-28')}"),
        ("2028-02-01", "2028-02-29", "February 2028"),
    ],
)
def test_its_days_are_named(first: str, last: str, said: str) -> None:
    assert f"*Digest: {said}* · " in text_of(digest(first=first, last=last))


def test_a_digest_of_a_fine_month_is_short_and_has_no_pictures() -> None:
    none = {"count": 0, "sums": {}, "first": []}
    groups = dict.fromkeys(("received", "exported", "overdue", "failures", "not_exported"), none)
    fine = {"agreeing": 143, "only_xero": 0, "unread": 0, "ages": {}, "weeks": []}
    message = digest(**fine, **groups, client="Acme", minimum="500")

    assert text_of(message).startswith("✅ *Digest: February 2026* · ")
    assert " · Acme only · from 500\n" in text_of(message)
    assert "all 143 February invoices agree." in text_of(message)
    assert "Compare Again" in said(notice_blocks(message))
    assert text_of(message).count("\n") == 5
    assert {each["type"] for each in notice_blocks(message)} == {"section", "context", "actions"}


async def test_a_workspace_that_takes_no_pictures_gets_the_digest_in_words(desk: Desk) -> None:
    bench = desk.bench
    refusal = json.dumps({"ok": False, "error": "invalid_blocks"})
    bench.world.faults.add(
        path="chat.postMessage$",
        body=refusal,
        status=200,
        headers={"Content-Type": "application/json"},
    )
    message = replace(digest(), channel_id=bench.room.id)

    await SlackNoticeBoard(desk).post(message)

    (told,) = [each for each in bench.world.messages(bench.room) if "Digest" in each.text]
    assert {each["type"] for each in told.blocks} == {"section", "context", "actions"}
    assert "*Receivables by age:* $3,200.00 not due yet" in said(told.blocks)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_digest_fits_and_satisfies_axe(desk: Desk, scheme: Scheme) -> None:
    """With its pictures and its table, in every width, light and dark."""
    bench = desk.bench
    await SlackNoticeBoard(desk).post(replace(digest(), channel_id=bench.room.id))

    async with chromium() as browser, opened(browser, color_scheme=scheme) as page:
        await page.goto(bench.world.url)
        await expect(page.get_by_role("img", name="Receivables by age")).to_be_visible()
        await expect(page.get_by_role("img", name="Cash received by week")).to_be_visible()
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 900})
            assert (width, await cut_off(page), await findings(page)) == (width, [], [])
