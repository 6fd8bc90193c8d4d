"""What tests of the services share."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import make_url

from services.store.engine import Database
from tests.databases import LastingDatabase, open_database
from tests.services.beside import beside
from tests.services.bridge import Bridge


@pytest.fixture
async def database(
    database_url: str, lasting_databases: dict[str, LastingDatabase]
) -> AsyncIterator[Database]:
    """An open, empty database, once of each kind."""
    kind = make_url(database_url).drivername
    lasting = lasting_databases.get(kind) or LastingDatabase.open(database_url)
    lasting_databases[kind] = lasting
    database = lasting.aim(database_url)
    yield database
    await database.close()


@pytest.fixture
async def other(bridge: Bridge, database_url: str) -> AsyncIterator[Bridge]:
    """Another process on the same database."""
    database = open_database(database_url)
    yield beside(bridge, database)
    await database.close()
