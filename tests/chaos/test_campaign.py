"""The campaign in short: a few faults on SQLite. The whole of it is `make chaos`."""

import pytest

from tests.chaos.episode import run

pytestmark = pytest.mark.thorough  # programs take their time to start

_SEED = 8  # of an episode on SQLite
_SECONDS = 10  # after which no other fault begins


async def test_a_few_faults_break_nothing() -> None:
    told: list[str] = []

    report = await run(_SEED, faults=3, tell=told.append, seconds=_SECONDS)

    assert report.violations == [], "\n".join(told)
    assert report.faults.total() >= 1
