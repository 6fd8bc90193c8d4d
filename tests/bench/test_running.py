"""A benchmark that got worse fails the check; one that was disturbed does not."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import HELD, MODULES, shown
from bench.measuring import Benchmark
from bench.running import Modules, check, run

RECORDED: dict[str, dict[str, Any]] = {"walk": {"ours_to_limit": 2.0}}


def walking(times: Iterator[float]) -> Modules:
    """Return a benchmark that takes these times, where its limit takes a second."""

    async def ours() -> float:
        return next(times)

    async def limit() -> float:
        return 1.0

    async def peer() -> float:
        return 30.0

    @asynccontextmanager
    async def prepare(_folder: Path) -> AsyncIterator[list[Benchmark]]:
        walk = Benchmark("walk", "a walk", ours, limit, "a run", peer, "a ride", reach=1.5)
        yield [walk]

    return {("walk",): prepare}


@pytest.mark.parametrize(
    ("times", "worse"),
    [
        (repeat(2.7), []),
        (repeat(2.9), ["walk: 2.9 times the limit, where 2.0 is recorded"]),
        (chain(repeat(9.0, 10), repeat(2.0)), []),
        (chain([9.0, 9.0, 9.0], repeat(2.0)), []),
    ],
    ids=["a little worse", "worse twice", "worse once", "disturbed for a moment"],
)
async def test_only_what_is_much_worse_twice_fails(
    times: Iterator[float], worse: list[str]
) -> None:
    assert await check(walking(times), ["walk"], RECORDED) == worse


async def test_what_was_never_recorded_fails_nothing() -> None:
    assert await check(walking(repeat(9.0)), ["walk"], {}) == []


async def test_the_table_shows_what_is_wanted_beside_what_was_measured() -> None:
    found = await run(walking(repeat(3.0)), 7, [])

    assert found["walk"]["ours_to_limit"] == 3.0
    assert found["walk"]["peer_to_ours"] == 10.0
    assert shown(found).splitlines()[1].split()[:8] == [
        *("walk", "3000.0", "1000.0", "30000.0", "3.0", "1.5", "10.0", "–"),
    ]


def test_what_is_held_can_be_measured() -> None:
    assert set(HELD) <= {name for names in MODULES for name in names}
