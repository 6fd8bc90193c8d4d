"""The clock inside the process, where the machine's own is set back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from bot.clock import Clock, Keeping, SteadyTime
from bot.telemetry import Metrics
from bot.work import Tasks
from services.batch.groups import ALONE_AFTER
from services.clients.tokens import Tokens, XeroOAuth
from services.connect.consents import StoreVault
from services.model.jobs import Job
from services.notices.health import HealthService
from services.store import audit, leases, schedules, upkeep
from services.store.audit import AuditNote
from services.store.engine import Database
from services.store.tables import Connection, Export
from tests.databases import BOTH_DATABASES, SQLITE_ALONE, open_database
from tests.services.store_seeds import connected, export_of, granted, rows_of, schedule_of

WRONG = timedelta(minutes=4)
SOON = timedelta(seconds=15)


class Wall:
    """A calendar clock that can be turned."""

    off = timedelta(0)

    def __call__(self) -> datetime:
        """Return the time that it shows."""
        return datetime.now(UTC) + self.off


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open, empty database."""
    made = open_database(database_url)
    yield made
    await made.close()


def clock_of(database: Database, wall: Wall, nudged: list[tuple[Job, int]]) -> Clock:
    """Return a clock that goes by the wall's and writes down whom it nudges."""

    async def remind(job: Job, key: int) -> None:
        nudged.append((job, key))

    nowhere = dict.fromkeys(("login_url", "identity_url", "redirect_uri"), "http://127.0.0.1:9")
    oauth = XeroOAuth(client_id="", client_secret="", http_headers={}, now=wall, **nowhere)
    tokens = Tokens(StoreVault(database, wall), oauth, wall)
    health = HealthService(database, wall)
    keeping = Keeping(database, tokens, remind, SteadyTime(wall), timedelta(days=30), health)
    return Clock(keeping, Metrics(), Tasks())


@SQLITE_ALONE
async def test_a_clock_that_never_began_is_stopped_without_a_word(database: Database) -> None:
    """A program that fails to start stops it, and then says why it failed."""
    clock_of(database, Wall(), []).stop()


@SQLITE_ALONE
async def test_a_jump_of_years_is_one_missed_tick_to_every_chore(database: Database) -> None:
    """The scheduler asks for each time that it missed, and listing seconds of years takes hours."""
    clock = clock_of(database, Wall(), [])
    clock.start()
    try:
        for job in clock.scheduler.get_jobs():
            later = job.next_run_time + timedelta(days=3650, milliseconds=300)
            after = job.trigger.get_next_fire_time(job.next_run_time, later)
            assert timedelta(0) < after - later <= timedelta(hours=1)
            assert (after - job.next_run_time) % job.trigger.interval == timedelta(0)
    finally:
        clock.stop()


@SQLITE_ALONE
async def test_what_waits_comes_due_soon_after_the_clock_was_set_back(database: Database) -> None:
    """A row that was written while the clock was ahead."""
    wall, nudged = Wall(), list[tuple[Job, int]]()
    connection = await connected(database)
    clock = clock_of(database, wall, nudged)
    clock.start()
    wall.off = WRONG
    async with database.sessions.begin() as session:
        await schedules.want(session, [connection.id], [Job.SWEEP], wall() + timedelta(seconds=5))
    async with asyncio.timeout(60):
        while clock.beat_at is None or clock.beat_at < datetime.now(UTC) + WRONG / 2:
            await asyncio.sleep(0.05)
        wall.off = timedelta(0)
        nudged.clear()
        while (Job.SWEEP, connection.id) not in nudged:
            await asyncio.sleep(0.05)
    clock.stop()
    await clock.tasks.drain(SOON)

    due_at = (await schedule_of(database, connection.id, Job.SWEEP)).due_at
    assert due_at is not None
    assert due_at < wall()


@BOTH_DATABASES
@pytest.mark.parametrize("last", ["held", "noted", "asked", "swept"])
async def test_what_a_killed_process_wrote_ahead_of_time_waits_no_longer(
    database: Database, last: str
) -> None:
    """The clock was set back before another process was there to notice."""
    wall, nudged = Wall(), list[tuple[Job, int]]()
    connection = await connected(database)
    clock, ahead = clock_of(database, wall, nudged), wall() + WRONG
    async with database.sessions.begin() as session:
        await schedules.want(session, [connection.id], [Job.SWEEP], ahead)
        match last:
            case "held":
                held = ahead + leases.LEASE
                session.add(export_of(connection, due_at=held, leased_until=held))
            case "noted":
                audit.record(session, connection, AuditNote("exported", ahead))
            case "asked":
                session.add(export_of(connection, requested_at=ahead))
            case "swept":
                await session.execute(update(Connection).values(swept_at=ahead))
    clock.start()
    async with asyncio.timeout(60):
        while (Job.SWEEP, connection.id) not in nudged:
            await asyncio.sleep(0.05)
    clock.stop()
    await clock.tasks.drain(SOON)


@BOTH_DATABASES
async def test_a_batch_that_another_process_sends_shows_no_clock_that_was_set_back(
    database: Database,
) -> None:
    """Its exports are leased for the whole request."""
    wall = Wall()
    connection, now = await connected(database), wall()
    held = dict.fromkeys(("due_at", "leased_until"), now + ALONE_AFTER)
    async with database.sessions.begin() as session:
        session.add(export_of(connection, sent_at=now, **held))
    clock = clock_of(database, wall, [])
    clock.start()
    async with asyncio.timeout(60):
        while clock.beat_at is None:
            await asyncio.sleep(0.05)
    clock.stop()
    await clock.tasks.drain(SOON)

    assert clock.owed == timedelta(0)


@BOTH_DATABASES
async def test_no_lease_and_no_call_outlasts_one_that_begins_now(database: Database) -> None:
    """Whatever was written ahead of time; what waits longer by right goes on to wait."""
    now = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
    ahead = now + WRONG
    connection = await connected(database)
    waits = {"due_at": ahead + timedelta(hours=1)}
    held = {
        "due_at": ahead + leases.LEASE,
        "leased_until": ahead + leases.LEASE,
        "sent_at": ahead,
        "paymo_checked_at": ahead,
    }
    async with database.sessions.begin() as session:
        session.add(export_of(connection, paymo_invoice_id=1, **waits))
        session.add(export_of(connection, paymo_invoice_id=2, **held))
        await schedules.want(session, [connection.id], [Job.SWEEP], ahead)
        await upkeep.set_back(session, now, WRONG)

    first, second = sorted(await rows_of(database, Export), key=lambda each: each.paymo_invoice_id)
    assert first.due_at == now + timedelta(hours=1)
    assert (second.due_at, second.leased_until) == (now + leases.LEASE, now + leases.LEASE)
    assert (second.sent_at, second.paymo_checked_at) == (now, now)
    assert (await schedule_of(database, connection.id, Job.SWEEP)).due_at == now


@BOTH_DATABASES
async def test_nothing_under_way_counts_as_over_when_the_clock_jumps_ahead(
    database: Database,
) -> None:
    """It could be sent twice; what begins later goes by the new time."""
    wall, hour = Wall(), timedelta(hours=1)
    connection = await connected(database)
    clock = clock_of(database, wall, [])
    now = clock.keeping.now
    async with database.sessions.begin() as session:
        session.add(export_of(connection, due_at=now()))
    async with database.sessions.begin() as session:
        taken = await leases.take(session, Export, 1, now())
        assert taken is not None
        taken.sent_at = now()
    wall.off = hour
    async with database.sessions.begin() as session:
        assert await leases.take(session, Export, 1, now()) is None
    clock.start()
    async with asyncio.timeout(60):
        while now.held_back or now() < wall() - WRONG:
            await asyncio.sleep(0.05)
    clock.stop()
    await clock.tasks.drain(SOON)

    [row] = await rows_of(database, Export)
    assert leases.is_under_way(row, wall() - SOON)
    async with database.sessions.begin() as session:
        assert await leases.take(session, Export, 1, now()) is None
        assert await leases.take(session, Export, 1, now() + leases.LEASE) is not None


def test_time_that_jumps_ahead_and_back_again_was_never_ahead() -> None:
    wall = Wall()
    now = SteadyTime(wall)
    before = now()
    wall.off = WRONG
    ahead, held = now(), now.held_back
    wall.off = timedelta(0)

    assert ahead - before < SOON
    assert abs(held - WRONG) < SOON
    assert now.held_back == timedelta(0)
    assert abs(now() - wall()) < SOON


def test_a_set_back_right_after_a_jump_was_let_in_is_noticed() -> None:
    wall = Wall()
    now = SteadyTime(wall)
    wall.off = WRONG
    now.accept(now.held_back)
    wall.off = timedelta(0)

    assert abs(now.take_lost() - WRONG) < SOON
    assert now.take_lost() == timedelta(0)


async def test_the_clock_counts_what_is_left_undone(database: Database) -> None:
    wall = Wall()
    connection, clock = await connected(database), clock_of(database, wall, [])
    async with database.sessions.begin() as session:
        session.add(export_of(connection, requested_at=wall() - timedelta(hours=1)))
    await clock.count()

    shown = {
        (sample.name, *sample.labels.values()): sample.value
        for family in clock.metrics.registry.collect()
        for sample in family.samples
    }
    assert shown["exports_open", "waiting"] == 1
    assert shown["exports_open", "failed"] == 0
    assert shown["notifications_undelivered", "waiting"] == 0


async def test_a_consent_that_cannot_be_renewed_holds_up_no_other_and_no_warning(
    database: Database,
) -> None:
    for team_id in ("T1", "T2"):
        grant = await granted(database)
        await connected(database, team_id, grant_id=grant.id)
    clock = clock_of(database, Wall(), [])
    await clock.keeping.keep_tokens()

    assert clock.keeping.kept.is_set()
