"""Blocks of every kind that the app sends, or may send, for tests of how Slack's stand-in draws."""

from typing import Any

from tests.sandbox.slack_bench import Json, actions, button, entry, option, words

SURE = {
    "title": words("Undo it?"),
    "text": words("Xero keeps a copy."),
    "confirm": words("Undo"),
    "deny": words("Keep"),
}
RECEIVED = {"Nov 9": 0, "Nov 16": 1850, "Nov 23": 2652}
AGES = {"Not due": 3200, "1–30 days": 980, "31–60 days": 410}


def mrkdwn(text: str) -> Json:
    """Return a text in Slack's markup."""
    return {"type": "mrkdwn", "text": text}


def section(text: str, **more: Any) -> Json:
    """Return a paragraph."""
    return {"type": "section", "text": mrkdwn(text), **more}


def cell(value: str) -> Json:
    """Return a cell of a table: figures apart from words."""
    digits = value.replace(",", "")
    if digits.replace(".", "").isdigit():
        return {"type": "raw_number", "value": int(digits.split(".")[0]), "text": value}
    return {"type": "raw_text", "text": value}


def rows(*lines: str) -> list[list[Json]]:
    """Return rows of cells that are parted by bars."""
    return [[cell(each) for each in line.split("|")] for line in lines]


def points(figures: dict[str, int]) -> list[Json]:
    """Return the points of a chart."""
    return [{"label": label, "value": value} for label, value in figures.items()]


def plotted(kind: str) -> Json:
    """Return a chart of what came in, as bars, lines or areas."""
    axes = {"categories": list(RECEIVED), "x_label": "Week", "y_label": "GBP"}
    series = [{"name": "Received", "data": points(RECEIVED)}]
    chart = {"type": kind, "series": series, "axis_config": axes}
    return {"type": "data_visualization", "title": "Cash received", "chart": chart}


PIE = {
    "type": "data_visualization",
    "title": "Receivables by age",
    "chart": {"type": "pie", "segments": points(AGES)},
}
TABLE = {
    "type": "table",
    "column_settings": [{"align": "left"}, {"align": "right"}],
    "rows": rows("Line|Amount", "Brand refresh|1,850.00", "Menu boards|360.00"),
}
DATA_TABLE = {
    "type": "data_table",
    "caption": "Overdue",
    "page_size": 2,
    "rows": rows(
        "Invoice|Client|Due",
        "INV-1|Acme|120.00",
        "INV-2|Blue Bird Bakery|396.99",
        "INV-3|Sunrise Yoga|288.00",
    ),
}
CARD = [
    {"type": "header", "text": words("Invoice INV-2041")},
    section("💰 *Paid* · Lighthouse Coffee · £2,652.00"),
    section("Facts", fields=[mrkdwn("*Date*\n16 Nov"), mrkdwn("*Due*\n16 Dec")]),
    {"type": "context", "elements": [mrkdwn("Exported by someone · *today*")]},
    {"type": "divider"},
    actions(
        {**button("xero", url="https://xero.example"), "text": words("Open in Xero")},
        {**button("undo", confirm=SURE, style="danger"), "text": words("Undo…")},
        {"type": "overflow", "action_id": "more", "options": [option("a", "A"), option("b", "B")]},
    ),
]
DIGEST = [{"type": "header", "text": words("This week")}, plotted("bar"), PIE, DATA_TABLE]
FIELDS = [
    {"type": "alert", "level": "warning", "text": words("2 things to fix")},
    {"type": "alert", "level": "success", "text": mrkdwn("*Ready to export*")},
    entry("due", {"type": "datepicker", "initial_date": "2026-12-16"}),
    entry("number", {"type": "plain_text_input"}, hint=words("At most 22 characters")),
    entry(
        "which",
        {"type": "checkboxes", "options": [option("1", "INV-1"), option("2", "INV-2")]},
    ),
    entry(
        "how", {"type": "radio_buttons", "options": [option("t", "Thread"), option("f", "Flat")]}
    ),
    entry("room", {"type": "conversations_select"}, optional=True),
]
