"""How Paymo's lists are asked for."""

from collections.abc import Sequence

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
