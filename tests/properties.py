"""How many examples a property is tried with: few in `make test`, many times that in `test-all`."""

import os
from typing import Any

from hypothesis import settings

EXAMPLES = int(os.environ.get("EXAMPLES", "1"))
USUAL = settings(max_examples=100 * EXAMPLES, deadline=None)


def tried(times: int, **more: Any) -> settings:
    """Return settings for so many examples, the same ones in every run."""
    return settings(
        max_examples=times * EXAMPLES, deadline=None, database=None, derandomize=True, **more
    )
