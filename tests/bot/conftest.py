"""What tests of the running program share."""

from collections.abc import AsyncIterator, Iterator

import pytest
import structlog

from tests.bot.town import Town
from tests.bot.town import town as open_town


@pytest.fixture
async def town(sqlite_url: str) -> AsyncIterator[Town]:
    """The program for one workspace, on SQLite, between the stand-ins."""
    async with open_town(sqlite_url) as made:
        yield made


@pytest.fixture(autouse=True)
def plain_logs() -> Iterator[None]:
    """Write tracebacks as text; drawing them with every local takes the loop for seconds."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ]
    )
    yield
    structlog.reset_defaults()
