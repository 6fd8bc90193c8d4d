"""What tests of the handlers share."""

from collections.abc import AsyncIterator

import pytest

from tests.handlers.desk import Desk
from tests.walk import Walk, walking


@pytest.fixture
async def walk(sqlite_url: str) -> AsyncIterator[Walk]:
    """Everything up, nothing connected yet; at the end no answer was late or wrong."""
    async with walking(sqlite_url) as made:
        yield made
        assert made.town.slack.failures == []


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """Slack's stand-in with our side of it."""
    async with Desk.open() as made:
        yield made
