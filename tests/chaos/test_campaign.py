"""The campaign in short: one episode on SQLite, until a fault has struck. All is `make chaos`."""

import pytest

from tests.chaos.episode import run
from tests.chaos.invariants import IN_TIME

pytestmark = pytest.mark.thorough  # programs take their time to start

_SEED = 8  # of an episode on SQLite


async def test_a_fault_breaks_nothing() -> None:
    """How long it takes depends on what else runs here, so only `make chaos` judges that."""
    told: list[str] = []

    report = await run(_SEED, faults=1, tell=told.append)

    assert report.broken.total() == report.broken[IN_TIME], "\n".join(told)
    assert report.faults.total() >= 1
