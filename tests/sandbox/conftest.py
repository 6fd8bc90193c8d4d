"""What the tests of the stand-ins' pages share."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from tests.browser import chromium


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A browser is slow to start, so one serves a whole file, and all run in its event loop."""
    async with chromium() as browser:
        yield browser
