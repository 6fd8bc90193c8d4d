"""What tests of the services share."""

from collections.abc import AsyncIterator

import pytest

from services.store.engine import Database
from tests.databases import open_database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open, empty database, once of each kind."""
    database = open_database(database_url)
    yield database
    await database.close()
