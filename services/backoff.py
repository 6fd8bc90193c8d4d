"""How long to wait before something that may have passed is tried again."""

from collections.abc import Sequence
from datetime import timedelta


def pause_after(tries: int, seconds: Sequence[int]) -> timedelta:
    """Return the pause after this many tries, from 1; the last one is for all that follow."""
    return timedelta(seconds=seconds[min(tries, len(seconds)) - 1])
