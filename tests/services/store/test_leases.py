"""Whose turn it is: a worker that was paused writes nothing, and a hint is never lost."""

from datetime import datetime, timedelta

import pytest

from services.model.jobs import Job
from services.store import leases, schedules
from services.store.engine import Database
from services.store.leases import LEASE
from services.store.tables import Schedule
from tests.services.store_seeds import NOW, connected, schedule_of

LATER = NOW + LEASE
HOUR = timedelta(hours=1)


async def taken(database: Database, at: datetime = NOW) -> Schedule | None:
    """Take the look that is due."""
    async with database.sessions.begin() as session:
        return await schedules.take(session, 1, Job.SWEEP, at)


async def surely_taken(database: Database, at: datetime = NOW) -> Schedule:
    """Take the look that is due."""
    found = await taken(database, at)
    assert found is not None
    return found


async def renewed(database: Database, row: Schedule, at: datetime = NOW) -> bool:
    """Ask for another lease."""
    async with database.sessions.begin() as session:
        return await leases.renew(session, row, at)


async def finished(database: Database, row: Schedule, at: datetime = NOW + HOUR) -> bool:
    """Finish a look, with the next one due at some time."""
    async with database.sessions.begin() as session:
        return await schedules.conclude(session, row, at, problem="", is_held=False)


async def hinted(database: Database, at: datetime) -> None:
    """Want a look at some time."""
    async with database.sessions.begin() as session:
        await schedules.want(session, [1], [Job.SWEEP], at)


async def due_at(database: Database) -> datetime | None:
    """Return when the next look is due."""
    return (await schedule_of(database, 1, Job.SWEEP)).due_at


async def test_a_look_that_was_taken_over_writes_nothing(database: Database) -> None:
    await connected(database, sweep_due_at=NOW)
    paused = await surely_taken(database)
    going_on = await surely_taken(database, LATER)

    assert not await renewed(database, paused, LATER)
    assert not await finished(database, paused)
    assert await renewed(database, going_on, LATER)


async def test_e61_a_long_look_keeps_others_away_and_a_killed_one_for_seconds(
    database: Database,
) -> None:
    await connected(database, sweep_due_at=NOW)
    look = await surely_taken(database)
    almost = LATER - timedelta(seconds=1)

    assert await renewed(database, look, almost)
    assert await taken(database, LATER) is None
    assert await taken(database, almost + LEASE) is not None


@pytest.mark.parametrize("renewals", [0, 1, 9])
@pytest.mark.parametrize("ahead", [0, 2])
async def test_a_hint_during_a_look_is_followed_by_another_look(
    database: Database, renewals: int, ahead: int
) -> None:
    """However long the look has gone on when the hint comes."""
    await connected(database, sweep_due_at=NOW)
    look = await surely_taken(database)
    now = NOW
    for _ in range(renewals):
        now += LEASE / 2
        assert await renewed(database, look, now)
    soon = now + timedelta(seconds=ahead)
    await hinted(database, soon)

    assert await taken(database, soon) is None, "the hint ends no lease"
    assert await renewed(database, look, now)
    assert await finished(database, look)
    assert await due_at(database) == soon


async def test_of_two_hints_the_sooner_one_counts(database: Database) -> None:
    await connected(database)
    for minutes in (5, 2, 9):
        await hinted(database, NOW + timedelta(minutes=minutes))

    assert await due_at(database) == NOW + timedelta(minutes=2)


async def test_a_limits_pause_is_not_shortened_by_a_hint(database: Database) -> None:
    await connected(database, sweep_due_at=NOW)
    look = await surely_taken(database)
    async with database.sessions.begin() as session:
        await schedules.conclude(session, look, NOW + HOUR, problem="A limit.", is_held=True)
    await hinted(database, NOW)

    assert await taken(database, NOW + HOUR - timedelta(seconds=1)) is None
    assert await taken(database, NOW + HOUR) is not None
