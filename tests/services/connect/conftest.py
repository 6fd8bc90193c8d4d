"""What tests of connecting begin with."""

from collections.abc import AsyncIterator

import pytest

from services.store.engine import Database
from tests.services.connecting import Connecting


@pytest.fixture
async def stand(database: Database) -> AsyncIterator[Connecting]:
    """Nothing is connected yet."""
    made = await Connecting.open(database)
    yield made
    await made.close()
