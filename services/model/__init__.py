"""The types that services, store and handlers share: states, kinds, and small frozen facts."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

Each = TypeVar("Each")


def chunks(rows: Sequence[Each], size: int) -> Iterator[Sequence[Each]]:
    """Part a long list, in its order, where a statement, an address or a turn has room for less."""
    return (rows[start : start + size] for start in range(0, len(rows), size))
