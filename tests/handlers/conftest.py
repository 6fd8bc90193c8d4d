"""What tests of the handlers share."""

from collections.abc import AsyncIterator

import pytest

from tests.handlers.desk import Desk


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """Slack's stand-in with our side of it."""
    async with Desk.open() as made:
        yield made
