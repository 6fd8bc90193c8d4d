"""How long to wait before something that may have passed is tried again."""

from collections.abc import Sequence
from datetime import timedelta

# The whole of a write, from its first queue to the last byte of its answer. When it is over we
# have given up, and what was sent has taken effect or will not be seen to.
CALL_LIMIT = timedelta(seconds=20)


def pause_after(tries: int, seconds: Sequence[int]) -> timedelta:
    """Return the pause after this many tries, from 1; the last one is for all that follow."""
    return timedelta(seconds=seconds[min(tries, len(seconds)) - 1])
