"""Tests of what the Slack stand-in refuses of tables and charts."""

from typing import Any

import pytest

from sandbox.slack.rules.surfaces import message_problems
from tests.sandbox.gallery import DATA_TABLE, PIE, RECEIVED, TABLE, plotted, points, rows
from tests.sandbox.slack_bench import Json

RICH = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": []}]}


def charted(**more: Any) -> Json:
    """Return the bars with something else in the chart."""
    bars = plotted("bar")
    return {**bars, "chart": {**bars["chart"], **more}}


def pie(**figures: int) -> Json:
    """Return a pie of these segments."""
    return {**PIE, "chart": {"type": "pie", "segments": points(figures)}}


def test_what_slack_takes_is_taken() -> None:
    assert message_problems([TABLE, DATA_TABLE, PIE, plotted("line")]) == []


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ({**DATA_TABLE, "caption": None}, "missing required field: caption"),
        ({**DATA_TABLE, "rows": rows("Head")}, "no fewer than 2"),
        ({**DATA_TABLE, "rows": rows("A|B", "1")}, "same number of cells"),
        ({**DATA_TABLE, "rows": [[RICH], *rows("1")]}, "not supported in header cells"),
        ({**DATA_TABLE, "page_size": 0}, "between 1 and 100"),
        ({**DATA_TABLE, "rows": rows("A", "x" * 10_000)}, "less than 10001 characters"),
        ({**TABLE, "rows": rows("|".join("a" * 21))}, "no more than 20"),
        ({**PIE, "title": "x" * 51}, "less than 51"),
        (pie(a=1, b=0), "must be more than 0"),
        (pie(**dict.fromkeys("abcdefg", 1)), "no more than 6"),
        (pie(**{"x" * 21: 1}), "less than 21"),
        (charted(type="donut"), "unsupported type: donut"),
        (charted(axis_config={"categories": ["Nov 9"]}), "match the categories"),
        (charted(series=[{"name": "A", "data": points(RECEIVED)}] * 2), "must be unique"),
    ],
)
def test_what_slack_would_refuse_is_refused(block: Json, complaint: str) -> None:
    assert any(complaint in each for each in message_problems([block]))


def test_a_message_holds_two_charts() -> None:
    assert message_problems([PIE] * 2) == []
    assert message_problems([PIE] * 3) != []
