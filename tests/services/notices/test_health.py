"""What will soon be a problem is told to the owner: once, and again only after it was well."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select, update

from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.notices.health import Concern, HealthService
from services.store import schedules
from services.store.tables import Connection, Grant, InvoiceHeader, Notice
from tests.services.bridge import Bridge
from tests.services.fixtures import bridge_of, exported, in_xero

bridge = bridge_of(exported(1))
HOOKS = (Concern.XERO_WEBHOOKS, Concern.PAYMO_WEBHOOKS)


def service(bridge: Bridge, **more: object) -> HealthService:
    has_hooks = bool(more.get("hooks", False))
    return HealthService(bridge.database, bridge.clock, has_xero_webhooks=has_hooks)


async def told(bridge: Bridge) -> list[str]:
    """Return what the owner was warned of, in order."""
    return [str(facts["problem"]) for kind, facts in await bridge.notices() if kind == "health"]


async def concerns(bridge: Bridge, **more: object) -> set[Concern]:
    async with bridge.database.sessions() as session:
        [(_, found)] = await service(bridge, **more).found(session)
    return set(found)


async def ail(bridge: Bridge, concern: Concern) -> None:
    """Have something go wrong slowly."""
    now = bridge.clock()
    async with bridge.database.sessions.begin() as session:
        row = await session.get_one(Connection, bridge.connection_id)
        if concern is Concern.TOKEN:
            await session.execute(update(Grant).values(expires_at=now - timedelta(days=11)))
        elif concern is Concern.CLOCK:
            schedule = await schedules.find(session, row.id, Job.SWEEP)
            assert schedule is not None
            schedule.due_at = now - timedelta(minutes=20)
        else:
            row.day_calls_left = 199


async def heal(bridge: Bridge) -> None:
    later = bridge.clock() + timedelta(hours=1)
    async with bridge.database.sessions.begin() as session:
        row = await session.get_one(Connection, bridge.connection_id)
        schedule = await schedules.find(session, row.id, Job.SWEEP)
        assert schedule is not None
        await session.execute(update(Grant).values(expires_at=later))
        schedule.due_at, row.day_calls_left = later, 1900


@pytest.mark.parametrize("concern", [Concern.TOKEN, Concern.CLOCK, Concern.LIMIT])
async def test_the_owner_is_told_once_and_again_after_it_was_well(
    bridge: Bridge, concern: Concern
) -> None:
    health = service(bridge)
    await health.check()
    assert await told(bridge) == []

    await ail(bridge, concern)
    for _ in range(8):
        await health.check()
        bridge.clock.turn(seconds=60)
    assert len(await told(bridge)) == 1
    assert await concerns(bridge) == {concern}
    assert await health.counts() == {concern.value: 1}

    await heal(bridge)
    await health.check()
    assert (await bridge.connection()).warned == {}
    await ail(bridge, concern)
    for _ in range(8):
        await health.check()
    assert len(await told(bridge)) == 2


async def test_a_sync_that_waits_its_turn_after_the_program_was_down_worries_nobody(
    bridge: Bridge,
) -> None:
    await ail(bridge, Concern.CLOCK)
    health = service(bridge)
    for _ in range(5):
        await health.check()
    await heal(bridge)
    await health.check()
    await ail(bridge, Concern.CLOCK)
    await health.check()

    assert await told(bridge) == []
    assert await concerns(bridge) == {Concern.CLOCK}


async def test_it_goes_to_the_owner_alone(bridge: Bridge) -> None:
    await ail(bridge, Concern.LIMIT)
    await service(bridge).check()

    asked = select(Notice.channel_id).where(Notice.kind == NoticeKind.HEALTH)
    async with bridge.database.sessions() as session:
        assert (await session.scalars(asked)).all() == ["U1"]


async def test_webhooks_that_stay_away_while_things_change_are_told_and_one_that_comes_ends_it(
    bridge: Bridge,
) -> None:
    """A quiet day is no silence; a change that no webhook told of is one."""
    assert await concerns(bridge, hooks=True) == set()
    bridge.clock.turn(hours=3)
    today = bridge.clock().date()
    bridge.xero.books.pay(in_xero(bridge).invoice_id, Decimal(40), date=today)
    await bridge.look()
    await bridge.change(paymo_hooks_checked_at=bridge.clock(), paymo_hook_secret="s")
    async with bridge.database.sessions.begin() as session:
        await session.execute(update(InvoiceHeader).values(updated_on=bridge.clock()))
    assert await concerns(bridge, hooks=True) == set()
    bridge.clock.turn(hours=2)
    await heal(bridge)
    assert await concerns(bridge, hooks=True) == set(HOOKS)
    assert await concerns(bridge) == {Concern.PAYMO_WEBHOOKS}

    await bridge.hints.from_xero({bridge.xero.books.tenant_id: ["anything"]})
    assert await concerns(bridge, hooks=True) == {Concern.PAYMO_WEBHOOKS}


async def test_the_disk_is_looked_at_where_the_database_is_a_file(
    bridge: Bridge, tmp_path: Path
) -> None:
    with_file = HealthService(bridge.database, bridge.clock, tmp_path)
    without = HealthService(bridge.database, bridge.clock)

    assert with_file.has_room()
    assert without.has_room()
    assert without.disk() == {}
    assert set(with_file.disk()) <= {Concern.DISK}


@pytest.mark.parametrize(("left", "is_short"), [(1100, False), (700, True)])
async def test_the_owner_hears_of_xeros_limit_exactly_when_syncs_slow_down(
    bridge: Bridge, left: int, *, is_short: bool
) -> None:
    """By the plan: of 5,000 calls the last 1,000 are for exports."""
    day = bridge.xero.limits.usages[bridge.xero.books.tenant_id].day
    bridge.xero.limits.per_day = day.used + 5000
    await bridge.look()
    bridge.xero.limits.per_day = day.used + left
    bridge.clock.turn(minutes=20)
    await bridge.look()
    await service(bridge).check()
    sweep = await bridge.schedule(Job.SWEEP)

    assert (sweep.held_until is not None) is is_short
    assert ("sync once an hour" in sweep.problem) is is_short
    assert await told(bridge) == [sweep.problem] * is_short
    assert await concerns(bridge) == ({Concern.LIMIT} if is_short else set())
