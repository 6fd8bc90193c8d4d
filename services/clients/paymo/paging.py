"""How Paymo's lists are asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from services.clients.rows import LeftOut

PAGE = 100  # staff advise pages of 100: an answer holds at most 2,500 objects of each type
MOST = 2500  # objects of one type in an answer; beyond, lists are cut short without a word
HEADS = 300  # short rows, and as many ids as an address surely holds


def question(ids: Sequence[int]) -> dict[str, str]:
    """Return the question for these rows, all on one page."""
    return {
        "where": f"id in ({','.join(str(each) for each in ids)})",
        "page": "0",
        "page_size": str(len(ids)),
    }


@dataclass(slots=True)
class Progress:
    """How far a list was read, so that the reading goes on there after a wait."""

    page: int = 0
    found: dict[int, Any] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    left_out: list[LeftOut] = field(default_factory=list)
