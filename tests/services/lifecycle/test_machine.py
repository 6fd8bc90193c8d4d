"""The machines as code and as pictures, and what keeps two writers apart."""

import pkgutil
import re
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

import services.lifecycle
from services.errors import Lost
from services.lifecycle.machine import Machine
from services.model.export import BatchState
from services.store.engine import Database
from services.store.tables import Batch
from tests.services.store_seeds import NOW, connected

MODULES = [
    import_module(f"services.lifecycle.{each.name}")
    for each in pkgutil.iter_modules(services.lifecycle.__path__)
]
MACHINES = [each.machine for each in MODULES if hasattr(each, "machine")]
DOCS = (Path(__file__).parents[3] / "docs" / "architecture.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("machine", MACHINES, ids=lambda each: each.name)
def test_the_picture_in_the_docs_is_the_code(machine: Machine[Any, Any, Any]) -> None:
    pattern = rf"^### {machine.name.capitalize()}\n.*?^```mermaid\n(.*?)\n```$"
    drawn = re.search(pattern, DOCS, re.MULTILINE | re.DOTALL)

    assert drawn is not None, machine.diagram()
    assert drawn[1] == machine.diagram()


@pytest.mark.parametrize("machine", MACHINES, ids=lambda each: each.name)
def test_what_arrows_write_has_the_types_of_the_columns(machine: Machine[Any, Any, Any]) -> None:
    stated, held = get_type_hints(machine.columns), get_type_hints(machine.table)

    assert {name: get_args(held[name]) for name in stated} == {
        name: (hint,) for name, hint in stated.items()
    }


def lights() -> Machine[Batch, BatchState, dict[str, object]]:
    """Return a machine of a test's own, on a table that has a fence."""
    return Machine("lights", Batch, Batch.state, dict[str, object])


async def batch_of(database: Database) -> Batch:
    """Add a row of that table."""
    await connected(database)
    batch = Batch(
        connection_id=1,
        state=BatchState.READING,
        asked_by="U1",
        reply_to={},
        created_at=NOW,
    )
    async with database.sessions.begin() as session:
        session.add(batch)
    return batch


async def kept(database: Database, batch: Batch) -> Batch:
    """Return the row as the database has it."""
    async with database.sessions() as session:
        return await session.get_one(Batch, batch.id)


async def test_an_arrow_writes_and_the_row_in_memory_follows(database: Database) -> None:
    batch, machine = await batch_of(database), lights()

    @machine.arrow([BatchState.READING], BatchState.READY)
    def read(_batch: Batch, problem: str) -> dict[str, object]:
        return {"problem": problem}

    async with database.sessions.begin() as session:
        await read(session, batch, "none")

    assert (batch.state, batch.problem) == (BatchState.READY, "none")
    there = await kept(database, batch)
    assert (there.state, there.problem) == (BatchState.READY, "none")


@pytest.mark.parametrize("hindered_by", ["fence", "state"])
async def test_an_arrow_is_lost_where_somebody_was_faster(
    database: Database, hindered_by: str
) -> None:
    batch, machine = await batch_of(database), lights()
    source = BatchState.READY if hindered_by == "state" else BatchState.READING

    @machine.arrow([source], BatchState.DONE)
    def finish(_batch: Batch) -> dict[str, object]:
        return {}

    if hindered_by == "fence":
        async with database.sessions.begin() as session:
            (await session.get_one(Batch, batch.id)).fence += 1

    with pytest.raises(Lost):
        async with database.sessions.begin() as session:
            await finish(session, batch)
    assert batch.state is BatchState.READING
    assert (await kept(database, batch)).state is BatchState.READING


async def test_of_two_who_press_one_gets_it(database: Database) -> None:
    batch, machine = await batch_of(database), lights()

    @machine.press([BatchState.READING], BatchState.RUNNING, grows=[Batch.fence])
    def press(_batch: Batch) -> dict[str, object]:
        return {}

    async with database.sessions.begin() as session:
        assert await press(session, batch)
    assert batch.fence == 1
    async with database.sessions.begin() as session:
        assert not await press(session, batch)


async def test_a_press_is_for_what_the_person_has_read(database: Database) -> None:
    batch, machine = await batch_of(database), lights()

    @machine.press([BatchState.READING], BatchState.RUNNING, as_read=[Batch.problem])
    def press(_batch: Batch) -> dict[str, object]:
        return {}

    async with database.sessions.begin() as session:
        (await session.get_one(Batch, batch.id)).problem = "Something else by now."

    async with database.sessions.begin() as session:
        assert not await press(session, batch)


async def test_every_row_that_fits_goes_along(database: Database) -> None:
    batch, machine = await batch_of(database), lights()

    @machine.each([BatchState.READING], BatchState.DONE)
    def end(problem: str) -> dict[str, object]:
        return {"problem": problem}

    async with database.sessions.begin() as session:
        ended = await end(session, Batch.connection_id == 1, "over")
        again = await end(session, Batch.connection_id == 1, "over")

    assert [each.id for each in ended] == [batch.id]
    assert list(again) == []
    assert (await kept(database, batch)).problem == "over"


async def test_a_note_needs_the_fence_alone(database: Database) -> None:
    batch, machine = await batch_of(database), lights()

    @machine.note
    def say(_batch: Batch, problem: str) -> dict[str, object]:
        return {"problem": problem}

    async with database.sessions.begin() as session:
        await say(session, batch, "slow")
    assert (await kept(database, batch)).problem == "slow"
    batch.fence = 7
    with pytest.raises(Lost):
        async with database.sessions.begin() as session:
            await say(session, batch, "late")


def test_the_picture_has_a_line_for_each_way_and_begins_with_the_start() -> None:
    machine = lights()

    @machine.start(BatchState.READING)
    def open_table() -> Batch:
        return Batch(state=BatchState.READING)

    for name in ("stop", "give_up"):

        def done(_batch: Batch) -> dict[str, object]:
            return {}

        done.__name__ = name
        machine.arrow([BatchState.RUNNING, BatchState.READING], BatchState.DONE)(done)

    assert open_table().state is BatchState.READING
    assert machine.diagram().splitlines() == [
        "stateDiagram-v2",
        "    [*] --> reading: open_table",
        "    reading --> done: stop, give_up",
        "    running --> done: stop, give_up",
    ]
