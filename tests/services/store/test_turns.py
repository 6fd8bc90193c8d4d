"""Whose turn it is: a worker that was paused writes nothing, and a hint is never lost."""

from datetime import timedelta

import pytest

from services.store import connections, turns
from services.store.engine import Database
from services.store.tables import Connection
from tests.services.store_seeds import NOW, connected

LATER = NOW + timedelta(minutes=3)


async def taken(database: Database, at: object = NOW) -> Connection:
    """Take the look that is due."""
    async with database.sessions.begin() as session:
        found = await turns.take_sweep(session, 1, NOW if at is NOW else LATER)
    assert found is not None
    return found


async def renewed(database: Database, connection: Connection) -> bool:
    """Ask for another lease."""
    async with database.sessions.begin() as session:
        return await turns.renew_sweep(session, connection, LATER)


async def due_at(database: Database) -> object:
    """Return when the next look is due."""
    async with database.sessions() as session:
        return (await connections.get(session, 1)).sweep_due_at


async def test_a_look_that_was_taken_over_is_not_renewed(database: Database) -> None:
    await connected(database, sweep_due_at=NOW)
    paused = await taken(database)
    going_on = await taken(database, LATER)

    assert not await renewed(database, paused)
    assert await renewed(database, going_on)


async def test_e61_a_long_look_keeps_others_away(database: Database) -> None:
    await connected(database, sweep_due_at=NOW)
    look = await taken(database)

    assert await renewed(database, look)
    async with database.sessions.begin() as session:
        assert await turns.take_sweep(session, 1, LATER) is None


@pytest.mark.parametrize("is_renewed", [True, False])
async def test_a_hint_during_a_look_is_followed_by_another_look(
    database: Database, *, is_renewed: bool
) -> None:
    await connected(database, sweep_due_at=NOW)
    look = await taken(database)
    hinted = NOW + timedelta(seconds=2)
    async with database.sessions.begin() as session:
        (await connections.get(session, 1)).sweep_due_at = hinted

    if is_renewed:
        assert await renewed(database, look)
    async with database.sessions.begin() as session:
        assert await turns.finish_sweep(session, look, NOW + timedelta(hours=1))

    assert await due_at(database) == hinted
