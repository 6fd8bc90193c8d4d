"""How an edit after the export is told, and the button that brings Xero after Paymo."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from handlers import names
from handlers.notices.text import text_of
from handlers.notices.views import drift_buttons, notice_blocks
from services.model.actions import Action
from services.model.notice import NoticeKind
from services.model.wording import Amount, Day
from tests.days import day
from tests.handlers import samples
from tests.handlers.judging import buttons

DRIFTED = NoticeKind.INVOICE_DRIFTED
SECOND = str(Day(date(2026, 3, 2)))
TOTAL = [
    ["total", str(Amount(Decimal(115), "NZD")), str(Amount(Decimal(230), "NZD"))],
    ["date", str(Day(date(2026, 3, 1))), SECOND],
]


def facts(**changes: Any) -> dict[str, Any]:
    return {"side": "Paymo", "differences": TOTAL, "advice": "", "by": "", **changes}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "was *edited in Paymo* after its export"),
        ({}, f"• total: $115.00 → $230.00\n• date: {day('2026-03-01')} → {day('2026-03-02')}"),
        ({"advice": "Make it up."}, "Xero hasn’t changed. Make it up."),
        ({"side": "Xero"}, "was *changed in Xero* after its export"),
        ({"differences": []}, "is back to how it was exported"),
        ({"differences": [], "is_shared": True}, "the same way in Paymo and in Xero"),
        ({"more": 3}, f"{day('2026-03-02')}\n• and 3 more\nXero hasn"),
        (
            {"differences": [["due date", "", str(Day(date(2026, 3, 2)))]]},
            f"• due date: – → {day('2026-03-02')}",
        ),
        ({"differences": [["line 1, text", "<!here>", "a\nb"]]}, "&lt;!here&gt; → a b"),
        ({"by": "U1"}, "✅ <@U1> updated Acme Ltd (Acme Ltd)"),
    ],
)
def test_an_edit_is_told_with_both_figures(changes: dict[str, Any], words: str) -> None:
    assert words in text_of(samples.message(DRIFTED, **facts(**changes)))


@pytest.mark.parametrize(
    ("sides", "words"),
    [
        ([], ""),
        (["Paymo"], "\nIt was edited in Paymo after its export, so the two differ."),
        (["Paymo", "Xero"], "edited in Paymo and changed in Xero after its export"),
    ],
)
def test_the_card_says_so_as_long_as_they_differ(sides: list[str], words: str) -> None:
    said = text_of(samples.message(NoticeKind.INVOICE_EXPORTED, edited_in=sides))

    assert words in said
    assert said.startswith("⚠️") is bool(sides)


def test_the_button_asks_once_more_before_it_writes_over() -> None:
    (button,) = drift_buttons(samples.facts("Acme") | facts())

    assert (button["action_id"], button["value"]) == (Action.UPDATE_IN_XERO, "5")
    assert "confirm" in button


@pytest.mark.parametrize(
    "changes", [{"advice": "Make it up."}, {"side": "Xero"}, {"differences": []}, {"by": "U1"}]
)
def test_where_it_is_not_safe_there_is_no_button(changes: dict[str, Any]) -> None:
    drawn = notice_blocks(samples.message(DRIFTED, **facts(**changes)))

    assert set(buttons(drawn)) == {names.OPEN_XERO, names.OPEN_PAYMO}
