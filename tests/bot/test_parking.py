"""A bug in one row: it is logged, counted, put off, and said where people look."""

from datetime import timedelta

from bot.parking import Parking
from services.jobs.work import Worker
from services.model.export import ExportState
from services.model.jobs import Job
from services.store.tables import Export
from tests.databases import open_database
from tests.services.store_seeds import NOW, connected, export_of


async def fail(_: int) -> None:
    """Meet a bug."""
    raise RuntimeError("a bug")


async def test_a_row_that_met_a_bug_waits_and_says_so(database_url: str) -> None:
    database = open_database(database_url)
    counted: list[Job] = []

    async def count(job: Job, _: int) -> None:
        counted.append(job)

    connection = await connected(database)
    export = export_of(connection, state=ExportState.UNKNOWN)
    async with database.sessions.begin() as session:
        session.add(export)
    worker = Worker({Job.EXPORT: fail}, Parking(database, count, lambda: NOW).park)
    await worker.run(Job.EXPORT, export.id)
    async with database.sessions() as session:
        row = await session.get_one(Export, export.id)
    await database.close()

    assert (counted, row.due_at) == ([Job.EXPORT], NOW + timedelta(minutes=5))
    assert "tried again" in row.reason
    assert row.state is ExportState.UNKNOWN
