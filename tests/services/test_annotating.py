"""The note in Xero's own history: a courtesy that never costs an export anything."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from services.export.annotating import AnnotateService
from services.model import ConnectionState, ErrandState, ExportState, Job
from services.store.engine import Database
from services.store.tables import Errand
from tests.services.bridge import Bridge

PATH = "/History"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One kind of database is enough: what is tested here is what Xero is sent."""
    return sqlite_url


@pytest.fixture
async def bridge(database: Database) -> AsyncIterator[Bridge]:
    """A connected pair with one exported invoice."""
    made = await Bridge.with_acme(database, "INV-1")
    yield made
    await made.close()


async def annotate(bridge: Bridge) -> Errand:
    """Do what was left to do about the note, twice, and return the errand."""
    for _ in range(2):
        async with bridge.database.sessions() as session:
            asked = select(Errand).where(Errand.job == Job.ANNOTATE)
            errand = (await session.scalars(asked)).one()
        await AnnotateService.of(bridge.export).run_annotate(errand.id)
        bridge.clock.turn(minutes=10)
    async with bridge.database.sessions() as session:
        return (await session.scalars(asked)).one()


def notes(bridge: Bridge) -> list[str]:
    """Return what the invoice's history in Xero tells in words."""
    (invoice,) = bridge.xero.invoices.values()
    return [each.details for each in invoice.history if each.changes == "Note"]


async def test_d21_xeros_history_says_who_exported_it_and_from_where(bridge: Bridge) -> None:
    await bridge.export_it("INV-1")

    errand = await annotate(bridge)

    (text,) = notes(bridge)
    assert "invoice INV-1" in text
    assert "Slack user U1" in text
    assert errand.state is ErrandState.DONE


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
async def test_a_note_that_is_refused_spoils_nothing(bridge: Bridge, status: int) -> None:
    result = await bridge.export_it("INV-1")
    bridge.xero.faults.add(method="PUT", path=PATH, status=status, times=9)

    errand = await annotate(bridge)

    assert errand.state is ErrandState.REFUSED
    assert (await bridge.exports())[0].state is ExportState.EXPORTED is result.state
    assert (await bridge.connection()).state is ConnectionState.ACTIVE


async def test_a_lost_answer_writes_no_second_note(bridge: Bridge) -> None:
    await bridge.export_it("INV-1")
    bridge.xero.faults.add(method="PUT", path=PATH, hang_up="after", times=9)

    await annotate(bridge)
    bridge.xero.faults.clear()
    await annotate(bridge)

    assert len(notes(bridge)) == 1


async def test_a_throttled_note_comes_later(bridge: Bridge) -> None:
    await bridge.export_it("INV-1")
    headers = {"Retry-After": "30", "X-Rate-Limit-Problem": "minute"}
    bridge.xero.faults.add(method="PUT", path=PATH, status=429, headers=headers)

    errand = await annotate(bridge)

    assert (len(notes(bridge)), errand.state) == (1, ErrandState.DONE)
