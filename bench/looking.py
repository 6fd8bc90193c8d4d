"""What the program asks its database all the time, with much in it beside little."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.measuring import Act, Benchmark
from bench.stage import FEW, MANY, NOW, WAITING, Stage, open_stage
from services.store import exports, notices, payments
from services.store.engine import Session
from services.store.tables import Connection


@asynccontextmanager
async def prepare(folder: Path) -> AsyncIterator[list[Benchmark]]:
    """Prepare `sweep_idle` and `channel`."""
    async with open_stage(folder) as stage:
        yield [_sweep_idle(stage), _channel(stage)]


def _sweep_idle(stage: Stage) -> Benchmark:
    """Everything that a sweep without news asks the database."""

    def of(connection: Connection) -> Act:
        async def act() -> None:
            async with stage.database.sessions.begin() as session:
                await _ask(session, connection)

        return act

    what = f"what an idle sweep asks the database, {MANY:,} exports"
    return Benchmark(
        "sweep_idle", what, of(stage.large), of(stage.small), f"{FEW} exports", by_cpu=True
    )


async def _ask(session: Session, connection: Connection) -> None:
    await exports.list_followed_ids(session, connection, not_of="app")
    await payments.list_due(session, connection.id, NOW)
    await exports.list_unsettled(session, connection)
    await exports.list_unchecked(session, connection, 100)
    found = await exports.list_longest_checked(session, connection, 100)
    ids = [each.id for each in found]
    await payments.list_of(session, ids)
    await exports.mark_checked(session, ids, NOW, is_hinted=False)


def _channel(stage: Stage) -> Benchmark:
    """Looking for a message while the channel's first has to wait."""

    def of(connection: Connection) -> Act:
        async def act() -> None:
            async with stage.database.sessions.begin() as session:
                for _ in range(10):
                    await notices.take_due(session, connection.workspace_id, NOW)

        return act

    what = f"ten looks for the next message, {WAITING:,} waiting"
    return Benchmark(
        "channel", what, of(stage.large), of(stage.small), f"{FEW // 5} waiting", by_cpu=True
    )
