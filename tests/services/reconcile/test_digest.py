"""When a comparison cannot be made, and the digest that the clock asks for."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from services.model.connection import ConnectionState
from services.model.jobs import Job, TaskState
from services.model.notice import Every, Rhythm, Topic
from services.model.wording import Moment
from services.notices.service import NoticeService
from services.reconcile.report import Outcome
from services.reconcile.service import ask_due
from services.store.tables import Subscription, Task
from tests.databases import BOTH_DATABASES, SQLITE_ALONE
from tests.services.bridge import ANNA, BEN, Bridge, Deaf, reply_to
from tests.services.fixtures import bridge_of, exported, in_xero

pytestmark = SQLITE_ALONE

MORNING = datetime(2026, 12, 1, 7, 0, tzinfo=UTC)
MONTHLY = Rhythm()


bridge = bridge_of(exported(2, spare=1))


async def ask(bridge: Bridge) -> None:
    """Have this month compared."""
    await bridge.reconcile.ask(ANNA, "", reply_to())
    await bridge.run()


async def tasks_of(bridge: Bridge) -> list[Task]:
    """Return every comparison that was asked for."""
    async with bridge.database.sessions() as session:
        rows = await session.scalars(
            select(Task).where(Task.job == Job.RECONCILE).order_by(Task.id)
        )
        return list(rows)


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


async def test_e50_what_xero_does_not_show_is_an_error_and_never_missing(bridge: Bridge) -> None:
    """An organisation that was reset, or a list that came back empty."""
    invoices = bridge.xero.books.invoices
    lost = dict(invoices)
    invoices.clear()
    for _ in range(3):
        await ask(bridge)
        bridge.clock.turn(minutes=1)

    assert bridge.screen.reports == []
    assert "none of the 2 exported invoices, so we can't compare" in bridge.screen.said[0]
    assert [each.state for each in await tasks_of(bridge)] == [TaskState.REFUSED]

    first = next(iter(lost))
    invoices[first] = lost[first]
    await ask(bridge)
    report = bridge.screen.reports[-1]

    assert sorted(row.outcome for row in report.rows) == [Outcome.AGREES, Outcome.UNREAD]
    assert not report.is_fine


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("side", ["xero", "paymo"])
async def test_e50_a_refused_list_concludes_nothing(bridge: Bridge, side: str, status: int) -> None:
    faults = bridge.xero.faults if side == "xero" else bridge.paymo.faults
    faults.add(method="GET", path="(?i)/invoices$", status=status, times=20)
    await ask(bridge)

    assert bridge.screen.reports == []
    assert len(bridge.screen.said) == 1


async def test_e50_an_empty_list_of_paymos_is_no_proof(bridge: Bridge) -> None:
    """A key whose owner may not see the invoices any more looks like a company without any."""
    acme = next(iter(bridge.paymo.company.clients.values()))
    for number in ("INV-5", "INV-6"):
        bridge.paymo.company.add_invoice(number, acme, [("Work", "", 1, "100")], tax=15)
    await bridge.mirror.refresh_invoices(await bridge.connection())
    for number in ("INV-5", "INV-6"):
        await bridge.export_it(number)
    bridge.paymo.company.invoices.clear()
    await bridge.change(sweep_due_at=None, mirror_due_at=None)
    for _ in range(3):
        await ask(bridge)
        bridge.clock.turn(minutes=1)

    assert bridge.screen.reports == []
    assert "Paymo shows none of the 4 exported invoices, so we can't" in bridge.screen.said[0]


async def test_a_passing_outage_is_tried_again_by_itself(bridge: Bridge) -> None:
    bridge.paymo.faults.add(method="GET", path="/invoices$", status=500, times=3)
    await ask(bridge)
    assert (bridge.screen.reports, bridge.screen.said) == ([], [])

    bridge.clock.turn(seconds=30)
    await bridge.run()

    assert bridge.screen.reports[-1].is_fine


async def test_e58_a_used_up_day_is_said_with_the_time_and_nobody_waits(bridge: Bridge) -> None:
    bridge.xero.faults.add(
        path="/Invoices",
        status=429,
        headers={"Retry-After": "7200", "X-Rate-Limit-Problem": "day"},
    )
    at = bridge.clock() + timedelta(hours=2)
    await ask(bridge)

    assert bridge.screen.said[0].endswith(f"We'll compare again at {Moment(at)}.")
    bridge.clock.time = at
    await bridge.run()
    assert bridge.screen.reports[-1].is_fine
    assert len(bridge.screen.said) == 1


async def test_e58_the_days_last_calls_are_kept_for_exports(bridge: Bridge) -> None:
    await bridge.change(day_calls_left=150, sweep_due_at=None)
    bridge.xero.requests.clear()
    await ask(bridge)

    assert "150 more calls today, and we keep them for exports" in bridge.screen.said[0]
    assert bridge.xero.calls("GET", "/Invoices") == []
    await bridge.change(day_calls_left=4000)
    bridge.clock.turn(hours=1)
    await bridge.run()
    assert bridge.screen.reports[-1].is_fine


@BOTH_DATABASES
async def test_two_presses_are_one_comparison_and_two_people_get_two(bridge: Bridge) -> None:
    await bridge.change(exporters=[BEN.user_id])
    begun = [
        await bridge.reconcile.ask(person, text, reply_to())
        for person, text in ((ANNA, ""), (ANNA, "november"), (BEN, ""))
    ]
    await bridge.run()

    assert [each.is_new for each in begun] == [True, False, True]
    assert len(bridge.screen.reports) == 2


async def test_a_broken_connection_is_said_and_marked(bridge: Bridge) -> None:
    bridge.paymo.company.keys.clear()
    await ask(bridge)

    assert (await bridge.connection()).state is ConnectionState.BROKEN
    assert len(bridge.screen.said) == 1


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


async def test_days_that_were_missed_are_one_digest(bridge: Bridge) -> None:
    """The process was down for four days, and one was missed as its channel was paused."""
    await listen(bridge, Rhythm(Every.DAILY, 7, "UTC"))
    await tick(bridge, MORNING - timedelta(hours=1))
    await tick(bridge, MORNING)

    told = [(each["first"], each["last"]) for each in await digest_of(bridge)]
    assert told == [("2026-11-25", "2026-11-29"), ("2026-11-30", "2026-11-30")]


@BOTH_DATABASES
async def test_two_processes_ask_for_the_digest_once(bridge: Bridge) -> None:
    await listen(bridge)

    async def asked_now() -> int:
        async with bridge.database.sessions.begin() as session:
            return len(await ask_due(session, MORNING))

    asked = await asyncio.gather(*(asked_now() for _ in range(4)))

    assert sorted(asked) == [0, 0, 0, 1]
    assert len(await tasks_of(bridge)) == 1


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
    assert [each.state for each in await tasks_of(bridge)] == [TaskState.DONE]
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
    assert len(await tasks_of(bridge)) == 1


async def test_without_an_answer_for_two_hours_the_digest_is_told_without_comparison(
    bridge: Bridge,
) -> None:
    """So it is where Xero's calls of the day are kept for exports, and that at once."""
    await listen(bridge, Rhythm(Every.DAILY, 7, "UTC"))
    bridge.paymo.faults.add(method="GET", path="/invoices$", status=500, times=99)
    await bridge.change(mirror_due_at=None, sweep_due_at=None)
    await tick(bridge, MORNING)
    for _ in range(8):
        bridge.clock.turn(minutes=16)
        await bridge.run()
    bridge.paymo.faults.clear()
    await bridge.change(day_calls_left=150)
    await tick(bridge, MORNING + timedelta(days=1))

    first, second = await digest_of(bridge)
    assert first["problem"]
    assert "150 more calls today" in second["problem"]
    assert (first["exported"]["count"], second["last"]) == (2, "2026-12-01")
    assert bridge.screen.files == []
