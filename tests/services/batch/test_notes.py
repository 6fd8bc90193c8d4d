"""The notes that a batch leaves in Xero's own history: last of all, slowly, or not at all."""

from typing import Any

import pytest
from sqlalchemy import select, update

from services.model.connection import ConnectionState
from services.model.export import ExportState
from services.model.jobs import Job
from services.store.engine import Database
from services.store.tables import AuditEntry, Export, Task
from tests.databases import SQLITE_ALONE
from tests.services.batching import export_all, invoices, opened
from tests.services.bridge import Bridge, built_once
from tests.services.fixtures import bridge_of

pytestmark = SQLITE_ALONE

PATH = "/History"


@built_once
async def pair(database: Database) -> Bridge:
    """A batch of three that has its report."""
    made = await opened(database)
    invoices(made, 3)
    await export_all(made)
    return made


bridge = bridge_of(pair)


async def wait(bridge: Bridge, times: int = 8) -> None:
    """Let time pass, and do each time what is due of the notes."""
    for _ in range(times):
        async with bridge.database.sessions() as session:
            asked = select(Task.id).where(Task.job == Job.ANNOTATE_BATCH)
            (task_id,) = await session.scalars(asked)
        await bridge.work_on(Job.ANNOTATE_BATCH, task_id)
        bridge.clock.turn(minutes=1)


def notes(bridge: Bridge) -> list[int]:
    """Return how many notes stand at each invoice."""
    return [
        sum(each.changes == "Note" for each in invoice.history)
        for invoice in bridge.xero.invoices.values()
    ]


async def said(bridge: Bridge) -> list[dict[str, Any]]:
    """Return what the history says of the notes."""
    async with bridge.database.sessions() as session:
        rows = await session.scalars(select(AuditEntry).where(AuditEntry.what == "batch_noted"))
        return [each.after for each in rows]


async def test_d21_each_gets_its_note_one_by_one_once_the_batch_is_over(bridge: Bridge) -> None:
    await wait(bridge, 1)
    assert notes(bridge) == [0, 0, 0]
    await wait(bridge, 2)
    assert notes(bridge) == [1, 1, 0]
    await wait(bridge)

    assert notes(bridge) == [1, 1, 1]
    first = next(iter(bridge.xero.invoices.values()))
    assert "invoice INV-1, id" in first.history[-1].details
    assert await said(bridge) == [{"written": 3}]


async def test_what_is_to_be_exported_goes_before_every_note(bridge: Bridge) -> None:
    async with bridge.database.sessions.begin() as session:
        waiting = update(Export).where(Export.number == "INV-3")
        await session.execute(waiting.values(state=ExportState.QUEUED))
    await wait(bridge)
    assert notes(bridge) == [0, 0, 0]
    async with bridge.database.sessions.begin() as session:
        await session.execute(waiting.values(state=ExportState.EXPORTED))
    await wait(bridge)
    assert notes(bridge) == [1, 1, 1]


@pytest.mark.parametrize(
    ("name", "written", "problem"),
    [
        ("no room", 1, "daily calls for exports"),
        ("no connection", 0, "no longer works"),
        ("refused", 0, "Xero refused"),
        ("too late", 0, "came first"),
    ],
)
async def test_what_there_is_no_room_for_is_dropped_and_the_history_says_so(
    bridge: Bridge, name: str, written: int, problem: str
) -> None:
    if name == "no room":
        used = bridge.xero.limits.usages[bridge.xero.books.tenant_id].day.used
        bridge.xero.limits.per_day = used + 500
    elif name == "no connection":
        await bridge.change(state=ConnectionState.BROKEN)
    elif name == "refused":
        bridge.xero.faults.add(method="PUT", path=PATH, status=400, times=9)
    else:
        bridge.clock.turn(hours=25)
    bridge.clock.turn(minutes=1)
    await wait(bridge)

    (after,) = await said(bridge)
    assert (sum(notes(bridge)), after["not_written"]) == (written, 3 - written)
    assert problem in after["problem"]


async def test_a_note_whose_answer_got_lost_is_not_written_again(bridge: Bridge) -> None:
    bridge.xero.faults.add(method="PUT", path=PATH, hang_up="after")
    headers = {"Retry-After": "30", "X-Rate-Limit-Problem": "minute"}
    await wait(bridge, 2)
    bridge.xero.faults.add(method="PUT", path=PATH, status=429, headers=headers, times=3)
    await wait(bridge)

    assert notes(bridge) == [1, 1, 1]
