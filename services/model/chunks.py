"""A long list in parts that a statement, an address or a turn has room for."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

Each = TypeVar("Each")


def chunks(rows: Sequence[Each], size: int) -> Iterator[Sequence[Each]]:
    """Return the rows in their order, at most so many at once."""
    return (rows[start : start + size] for start in range(0, len(rows), size))
