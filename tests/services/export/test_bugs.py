"""A bug in one export: it is counted, put off, and said where people look."""

from dataclasses import dataclass, fields
from datetime import timedelta
from functools import partial

from services.export.sending import ExportStep
from services.jobs.runner import Turn, Worker
from services.model.export import ExportState
from services.model.jobs import Job
from services.store.engine import Database
from services.store.tables import Export
from tests.services.bridge import Bridge
from tests.services.store_seeds import export_of


@dataclass(frozen=True, slots=True)
class Failing(ExportStep):
    """A step with a bug."""

    async def run(self, turn: Turn[Export]) -> None:
        """Meet it."""
        raise RuntimeError("a bug")


async def test_a_row_that_met_a_bug_waits_and_says_so(database: Database) -> None:
    bridge = await Bridge.with_acme(database)
    counted: list[Job] = []

    async def count(job: Job, _: int) -> None:
        counted.append(job)

    export = export_of(await bridge.connection(), state=ExportState.UNKNOWN, due_at=bridge.clock())
    async with database.sessions.begin() as session:
        session.add(export)
    sound = bridge.export_step
    failing = Failing(*(getattr(sound, each.name) for each in fields(sound)))
    run = partial(bridge.runner.run, failing)
    await Worker({Job.EXPORT: run}, count).run(Job.EXPORT, export.id)
    [row] = await bridge.exports()
    await bridge.close()

    assert (counted, row.due_at) == ([Job.EXPORT], bridge.clock() + timedelta(minutes=5))
    assert "try again" in row.reason
    assert row.state is ExportState.UNKNOWN
