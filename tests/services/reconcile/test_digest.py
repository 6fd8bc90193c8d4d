"""The digest that each channel gets: when, how often, and what it counts."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from services.explain.worklist import load
from services.history.service import OwedService
from services.model.connection import ConnectionState
from services.model.jobs import TaskState
from services.model.notice import Every, Rhythm, Topic
from services.model.people import Role
from services.notices.service import NoticeService, Only
from services.reconcile.service import ask_due
from services.store import upkeep
from services.store.tables import Connection, Export, Subscription
from tests.databases import BOTH_DATABASES, SQLITE_ALONE
from tests.services.bridge import ANNA, Bridge, Deaf
from tests.services.fixtures import bridge_of, comparisons, exported, in_xero

pytestmark = SQLITE_ALONE

MORNING = datetime(2026, 12, 1, 7, 0, tzinfo=UTC)
MONTHLY = Rhythm()


bridge = bridge_of(exported(2, spare=1))


async def listen(bridge: Bridge, rhythm: Rhythm = MONTHLY) -> None:
    """Have the channel get a digest."""
    service = NoticeService(bridge.database, Deaf(), bridge.clock)
    await service.subscribe(ANNA, ANNA.channel_id, [*Topic], rhythm=rhythm)


async def change_subscription(bridge: Bridge, **changes: Any) -> None:
    """Write into the channel's row."""
    async with bridge.database.sessions.begin() as session:
        heard = (await session.scalars(select(Subscription))).one()
        for name, value in changes.items():
            setattr(heard, name, value)


async def tick(bridge: Bridge, at: datetime) -> list[int]:
    """Let the clock's chore run at a time, then do what is due."""
    bridge.clock.time = at
    async with bridge.database.sessions.begin() as session:
        asked = list(await ask_due(session, at))
    await bridge.run()
    return asked


async def digest_of(bridge: Bridge) -> list[dict[str, Any]]:
    """Return the facts of every digest that is owed."""
    return [facts for kind, facts in await bridge.notices() if kind == "digest"]


@BOTH_DATABASES
@pytest.mark.parametrize(
    ("zone", "ahead"), [("UTC", 0), ("NEWZEALANDSTANDARDTIME", 13), ("HAWAIIANSTANDARDTIME", -10)]
)
async def test_a_months_digest_comes_once_on_the_first_at_seven(
    bridge: Bridge, zone: str, ahead: int
) -> None:
    """It is seven where the books are kept, unless another zone is chosen."""
    bridge.xero.books.timezone = zone
    await bridge.change(time_zone=zone)
    seven = MORNING - timedelta(hours=ahead)
    await listen(bridge)
    assert await tick(bridge, seven - timedelta(seconds=1)) == []
    asked = [await tick(bridge, seven + timedelta(minutes=nth)) for nth in range(3)]

    assert [len(each) for each in asked] == [1, 0, 0]
    (facts,) = await digest_of(bridge)
    assert (facts["first"], facts["last"]) == ("2026-11-01", "2026-11-30")
    assert (facts["month"], facts["compared"], facts["agreeing"]) == ("2026-11", 2, 2)
    assert bridge.screen.reports == []
    ((owner, report),) = bridge.screen.files
    assert (owner, report.compared) == ("U1", 2)


@pytest.mark.parametrize(
    ("rhythm", "due", "days"),
    [
        (Rhythm(Every.DAILY, 9, "Asia/Tokyo"), "2026-11-26T00:00", ("2026-11-25", "2026-11-25")),
        (Rhythm(Every.WEEKLY, 0, "UTC"), "2026-11-30T00:00", ("2026-11-23", "2026-11-29")),
        (Rhythm(Every.MONTHLY, 23, "UTC"), "2026-12-01T23:00", ("2026-11-01", "2026-11-30")),
    ],
)
async def test_each_channel_has_its_own_rhythm(
    bridge: Bridge, rhythm: Rhythm, due: str, days: tuple[str, str]
) -> None:
    await listen(bridge, rhythm)
    at = datetime.fromisoformat(due).replace(tzinfo=UTC)
    assert await tick(bridge, at - timedelta(seconds=1)) == []
    await tick(bridge, at)
    await tick(bridge, at + timedelta(minutes=1))

    (facts,) = await digest_of(bridge)
    assert (facts["first"], facts["last"], facts["every"]) == (*days, rhythm.every)


@pytest.mark.parametrize(
    ("rhythm", "first", "at", "after"),
    [
        # London skips 01:00 to 02:00 in March; in October Berlin has 02:00 twice.
        (Rhythm(Every.DAILY, 1, "Europe/London"), "2026-03-28", "2026-03-29T00:59:59", None),
        (Rhythm(Every.DAILY, 1, "Europe/London"), "2026-03-28", "2026-03-29T01:00", "2026-03-29"),
        (Rhythm(Every.DAILY, 2, "Europe/Berlin"), "2026-10-24", "2026-10-25T00:00", "2026-10-25"),
        (Rhythm(Every.DAILY, 2, "Europe/Berlin"), "2026-10-25", "2026-10-25T01:30", None),
        (Rhythm(Every.DAILY, 7, "Europe/London"), "2026-03-28", "2026-03-29T06:00", "2026-03-29"),
        (Rhythm(Every.MONTHLY, 7, "UTC"), "2028-02-01", "2028-02-29T23:59", None),
        (Rhythm(Every.MONTHLY, 7, "UTC"), "2028-02-01", "2028-03-01T07:00", "2028-03-01"),
        (Rhythm(Every.MONTHLY, 7, "UTC"), "2026-12-01", "2027-03-31T07:00", "2027-03-01"),
        (Rhythm(Every.MONTHLY, 7, "UTC"), "2026-12-01", "2027-01-01T06:59", None),
        (Rhythm(Every.WEEKLY, 7, "UTC"), "2026-11-23", "2026-12-06T23:59", "2026-11-30"),
        (Rhythm(Every.WEEKLY, 7, "UTC"), "2026-11-23", "2026-12-14T06:59", "2026-12-07"),
    ],
)
def test_summer_time_and_the_lengths_of_months_are_minded(
    rhythm: Rhythm, first: str, at: str, after: str | None
) -> None:
    now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    ended = rhythm.ended(date.fromisoformat(first), now, ZoneInfo(rhythm.zone))

    assert (ended.isoformat() if ended else None) == after


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        # Somebody moves it a minute before it is due.
        (Rhythm(), Rhythm(hour=10), ("2026-11-01", "2026-11-30")),
        (Rhythm(), Rhythm(Every.DAILY, 10), ("2026-11-01", "2026-11-30")),
        (
            Rhythm(Every.DAILY, 7, "America/New_York"),
            Rhythm(Every.DAILY, 7, "Pacific/Auckland"),
            ("2026-11-30", "2026-11-30"),
        ),
    ],
)
async def test_a_digest_that_is_moved_leaves_out_no_day(
    bridge: Bridge, before: Rhythm, after: Rhythm, told: tuple[str, str]
) -> None:
    await listen(bridge, before)
    await tick(bridge, MORNING - timedelta(minutes=1))
    earlier = len(await digest_of(bridge))
    await listen(bridge, after)
    await tick(bridge, MORNING + timedelta(hours=3))

    facts = (await digest_of(bridge))[earlier]
    assert (facts["first"], facts["last"]) == told


@BOTH_DATABASES
async def test_a_changed_rhythm_begins_anew_and_the_same_one_goes_on(bridge: Bridge) -> None:
    """A channel that was paused has no digest of that time."""
    service = NoticeService(bridge.database, Deaf(), bridge.clock)

    async def begins() -> date | None:
        async with bridge.database.sessions() as session:
            return (await session.scalars(select(Subscription))).one().digest_from

    await listen(bridge)
    bridge.clock.time = MORNING - timedelta(hours=12)
    assert await begins() == date(2026, 11, 1)
    await service.add(ANNA, ANNA.channel_id, [Topic.PAYMENTS], only=Only(minimum=Decimal(5)))
    assert await begins() == date(2026, 11, 1)
    await listen(bridge, Rhythm(Every.DAILY, 7, "Asia/Tokyo"))
    assert await begins() == date(2026, 12, 1)  # it is December there
    await change_subscription(bridge, paused_because="archived", digest_from=date(2026, 1, 1))
    await service.resume(ANNA, ANNA.channel_id)
    assert await begins() == date(2026, 12, 1)
    await service.subscribe(ANNA, ANNA.channel_id, [Topic.PAYMENTS])
    assert await begins() is None


async def test_days_that_were_missed_are_one_digest(bridge: Bridge) -> None:
    """The process was down for four days."""
    await listen(bridge, Rhythm(Every.DAILY, 7, "UTC"))
    await tick(bridge, MORNING - timedelta(hours=1))
    await tick(bridge, MORNING)

    told = [(each["first"], each["last"]) for each in await digest_of(bridge)]
    assert told == [("2026-11-25", "2026-11-29"), ("2026-11-30", "2026-11-30")]


async def test_after_a_clock_that_was_far_ahead_the_next_days_have_their_digest(
    bridge: Bridge,
) -> None:
    await listen(bridge, Rhythm(Every.DAILY, 7, "UTC"))
    ahead = timedelta(days=3)
    await tick(bridge, MORNING + ahead)
    async with bridge.database.sessions.begin() as session:
        await upkeep.set_back(session, MORNING, ahead)
    await tick(bridge, MORNING)
    await tick(bridge, MORNING + timedelta(days=1))

    told = [(each["first"], each["last"]) for each in await digest_of(bridge)]
    assert told == [("2026-11-25", "2026-12-03"), ("2026-12-01", "2026-12-01")]


@BOTH_DATABASES
async def test_two_processes_ask_for_the_digest_once(bridge: Bridge) -> None:
    await listen(bridge)

    async def asked_now() -> int:
        async with bridge.database.sessions.begin() as session:
            return len(await ask_due(session, MORNING))

    asked = await asyncio.gather(*(asked_now() for _ in range(4)))

    assert sorted(asked) == [0, 0, 0, 1]
    assert len(await comparisons(bridge)) == 1


@pytest.mark.parametrize(
    "changes",
    [{"paused_because": "archived"}, {"topics": ["exports"], "digest_from": None}],
    ids=["paused", "left"],
)
async def test_whoever_wants_none_any_more_gets_none(
    bridge: Bridge, changes: dict[str, Any]
) -> None:
    """Also where it was asked for before that."""
    await listen(bridge)
    async with bridge.database.sessions.begin() as session:
        (owed,) = await ask_due(session, MORNING)
    await change_subscription(bridge, **changes)
    await tick(bridge, MORNING + timedelta(minutes=1))

    assert owed
    assert await digest_of(bridge) == []
    assert [each.state for each in await comparisons(bridge)] == [TaskState.DONE]
    assert await tick(bridge, MORNING + timedelta(days=40)) == []


async def test_nothing_is_asked_of_what_ended(bridge: Bridge) -> None:
    await listen(bridge)
    await bridge.change(state=ConnectionState.ENDED)

    assert await tick(bridge, MORNING) == []


@BOTH_DATABASES
async def test_the_digest_counts_what_came_what_is_owed_and_what_is_missing(
    bridge: Bridge,
) -> None:
    company, books = bridge.paymo.company, bridge.xero.books
    await listen(bridge)
    books.pay(in_xero(bridge).invoice_id, Decimal(115), date=date(2026, 11, 25))
    books.apply_credit(in_xero(bridge, "INV-2").invoice_id, Decimal(15))
    in_xero(bridge, "INV-2").due = date(2026, 11, 26)
    company.set_status(company.numbered("INV-3").id, "sent")
    await bridge.look()
    await bridge.change(period_lock_on=date(2026, 11, 30), mirror_due_at=None)

    await tick(bridge, MORNING)

    (facts,) = await digest_of(bridge)
    counts = {
        name: facts[name]["count"] for name in ("received", "exported", "overdue", "failures")
    }
    assert counts == {"received": 1, "exported": 2, "overdue": 1, "failures": 0}
    assert facts["received"]["sums"] == {"NZD": "115"}
    assert facts["overdue"]["sums"] == {"NZD": "100.00"}
    assert facts["ages"] == {"NZD": ["0", "100.00", "0", "0"]}
    paid = {each["monday"]: each["sums"] for each in facts["weeks"] if each["sums"]}
    assert paid == {"2026-11-23": {"NZD": "115"}}
    assert [each["number"] for each in facts["not_exported"]["first"]] == ["INV-3"]
    assert (facts["locked"]["count"], facts["lock_on"]) == (1, "2026-11-30")


async def test_what_is_overdue_is_the_same_wherever_it_is_asked(bridge: Bridge) -> None:
    """Also where an invoice was exported by a connection of this pair that ended since."""
    await listen(bridge)
    for number in ("INV-1", "INV-2"):
        in_xero(bridge, number).due = date(2026, 11, 26)
    bridge.xero.books.pay(in_xero(bridge).invoice_id, Decimal(115), date=date(2026, 11, 25))
    await bridge.look()
    async with bridge.database.sessions.begin() as session:
        ended = Connection(workspace_id=1, state=ConnectionState.ENDED, owner_id="U1")
        ended.created_at = bridge.clock()
        session.add(ended)
        await session.flush()
        await session.execute(update(Export).values(connection_id=ended.id))
    await tick(bridge, MORNING)

    (facts,) = await digest_of(bridge)
    owed = await OwedService(bridge.database, bridge.clock).overdue(ANNA)
    viewer = (ANNA.user_id, Role.VIEWER)
    async with bridge.database.sessions() as session:
        work = await load(session, await bridge.connection(), viewer, bridge.clock())
    told = [each["number"] for each in facts["overdue"]["first"]]
    asked = [each.number for each in owed.open if each.days_late > 0]
    assert told == asked == [each.number for each in work.overdue] == ["INV-2"]


async def test_a_payment_that_is_edited_in_xero_is_received_once(bridge: Bridge) -> None:
    books, invoice_id = bridge.xero.books, in_xero(bridge).invoice_id
    await listen(bridge, Rhythm(Every.DAILY, 7, "UTC"))
    paid = books.pay(invoice_id, Decimal(50), date=date(2026, 11, 25))
    await bridge.look()
    await tick(bridge, MORNING - timedelta(days=5))
    books.remove_payment(paid.payment_id)
    books.pay(invoice_id, Decimal(40), date=date(2026, 11, 25))
    await bridge.look()
    await tick(bridge, MORNING - timedelta(days=4))

    first, second = await digest_of(bridge)
    assert first["received"]["sums"] == {"NZD": "50"}
    assert second["received"]["count"] == 0
    assert second["weeks"][-1]["sums"] == {"NZD": "40"}


@pytest.mark.parametrize(
    ("changes", "exported", "compared"),
    [({"client_id": 1}, 0, 0), ({"minimum": Decimal(116)}, 0, 0), ({"minimum": Decimal(5)}, 2, 2)],
    ids=["another client", "too small", "large enough"],
)
async def test_the_channels_filters_hold_for_its_digest(
    bridge: Bridge, changes: dict[str, Any], exported: int, compared: int
) -> None:
    await listen(bridge)
    await change_subscription(bridge, **changes)
    await tick(bridge, MORNING)

    (facts,) = await digest_of(bridge)
    assert (facts["exported"]["count"], facts["compared"]) == (exported, compared)
    assert (facts["ages"] != {}) is bool(exported)


async def test_a_digest_waits_for_paymo_and_there_is_no_second_one(bridge: Bridge) -> None:
    await listen(bridge)
    bridge.paymo.faults.add(method="GET", path="/invoices$", status=500, times=6)
    await bridge.change(mirror_due_at=None)
    await tick(bridge, MORNING)
    assert await digest_of(bridge) == []

    for _ in range(3):
        bridge.clock.turn(minutes=16)
        await tick(bridge, bridge.clock())

    assert len(await digest_of(bridge)) == 1
    assert len(await comparisons(bridge)) == 1


async def test_without_an_answer_for_two_hours_the_digest_is_told_without_comparison(
    bridge: Bridge,
) -> None:
    """So it is where Xero's calls of the day are kept for exports, and that at once."""
    await listen(bridge, Rhythm(Every.DAILY, 7, "UTC"))
    bridge.paymo.faults.add(method="GET", path="/invoices$", status=500, times=99)
    await bridge.change(mirror_due_at=None, sweep_due_at=None)
    await tick(bridge, MORNING)
    for _ in range(8):
        await bridge.wait(minutes=16)
    bridge.paymo.faults.clear()
    await bridge.change(day_calls_left=150)
    await tick(bridge, MORNING + timedelta(days=1))

    first, second = await digest_of(bridge)
    assert first["problem"]
    assert "150 more calls today" in second["problem"]
    assert (first["exported"]["count"], second["last"]) == (2, "2026-12-01")
    assert bridge.screen.files == []
