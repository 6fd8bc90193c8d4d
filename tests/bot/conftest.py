"""What tests of the running program share."""

from collections.abc import AsyncIterator

import pytest

from tests.bot.town import Town
from tests.bot.town import town as open_town


@pytest.fixture
async def town(sqlite_url: str) -> AsyncIterator[Town]:
    """The program for one workspace, on SQLite, between the stand-ins."""
    async with open_town(sqlite_url) as made:
        yield made
