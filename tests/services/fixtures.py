"""The fixture `bridge`, made of whatever a module's tests begin with."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.store.engine import Database
from tests.services.bridge import Bridge, Builder, built_once


def bridge_of(build: Builder) -> Any:
    """Return the fixture `bridge`: what this builds, closed after the test."""

    @pytest.fixture(name="bridge")
    async def opened(database: Database) -> AsyncIterator[Bridge]:
        made = await build(database)
        yield made
        await made.close()

    return opened


@built_once
async def one_exported(database: Database) -> Bridge:
    """A connected pair with one exported invoice of 115.00, INV-1."""
    made = await Bridge.with_acme(database, "INV-1")
    await made.export_it("INV-1")
    return made
