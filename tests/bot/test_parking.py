"""A bug in one row: it is logged, counted, put off, and said where people look."""

from datetime import timedelta

import pytest

from bot.parking import Parking
from services.jobs.work import Worker
from services.model.export import ExportState
from services.model.jobs import Job
from services.store.tables import Connection, Export
from tests.databases import open_database
from tests.services.store_seeds import NOW, connected, export_of


async def fail(_: int) -> None:
    """Meet a bug."""
    raise RuntimeError("a bug")


@pytest.mark.parametrize("job", [Job.EXPORT, Job.SWEEP])
async def test_a_row_that_met_a_bug_waits_and_says_so(database_url: str, job: Job) -> None:
    database = open_database(database_url)
    counted: list[Job] = []

    async def count(job: Job, _: int) -> None:
        counted.append(job)

    connection = await connected(database, sweep_due_at=NOW)
    export = export_of(connection, state=ExportState.UNKNOWN)
    async with database.sessions.begin() as session:
        session.add(export)
    worker = Worker({job: fail}, Parking(database, count, lambda: NOW).park)
    await worker.run(job, export.id if job is Job.EXPORT else connection.id)
    async with database.sessions() as session:
        row = await session.get_one(Export, export.id)
        organisation = await session.get_one(Connection, connection.id)
    await database.close()

    due_at, said = (
        (row.due_at, row.reason)
        if job is Job.EXPORT
        else (organisation.sweep_due_at, organisation.sweep_problem)
    )
    assert (counted, due_at) == ([job], NOW + timedelta(minutes=5))
    assert "tried again" in said
    assert row.state is ExportState.UNKNOWN
