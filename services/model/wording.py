"""What sentences for people are put together from."""

from collections.abc import Sequence

_MOST_NAMED = 5


def listed(names: Sequence[str]) -> str:
    """Return the names as a sentence has them: "a, b and c"."""
    *before, last = names or [""]
    return f"{', '.join(before)} and {last}" if before else last


def some_of(names: Sequence[str]) -> str:
    """Return the first few of these names, and how many more there are."""
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def mention(user_id: str) -> str:
    """Name a person of Slack's in a sentence, so that no other text can be taken for one.

    The marks are control characters; text from outside never holds any (see `texts`).
    """
    return f"\x02<@{user_id}>\x03"
