"""The one way to run a job: take, run, and what follows where it does not come through."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from services.errors import (
    Lost,
    NotConnected,
    ServiceError,
    StillUnderWay,
    Throttled,
    Unavailable,
    Unreachable,
)
from services.jobs.policy import (
    BUG,
    EXPORT,
    OUTAGE,
    PARKED,
    PAYMENT,
    SENDING,
    Policy,
    Then,
    Wait,
)
from services.jobs.runner import Runner, Step, Turn, Worker
from services.model.connection import ConnectionState
from services.model.jobs import Job
from services.store import drafts, leases
from services.store.engine import Database, Session
from services.store.leases import LEASE, fenced
from services.store.tables import Connection, Draft
from tests.services.connecting import Nudges
from tests.services.prepared import Clock
from tests.services.store_seeds import connected

Act = Callable[[Turn[Draft]], Awaitable[None]]
ALMOST = LEASE - timedelta(seconds=1)


@dataclass
class Reading(Step[Draft]):
    """A step that does what the test wants, and remembers what followed."""

    act: Act
    policy: Policy = field(default_factory=lambda: Policy((5, 60), 3))  # type: ignore[misc]
    given_up: list[str] = field(default_factory=list)

    job = Job.PREVIEW
    table = Draft

    async def run(self, turn: Turn[Draft]) -> None:
        """Do it."""
        await self.act(turn)

    async def put_off(
        self, session: Session, turn: Turn[Draft], wait: Wait
    ) -> Mapping[str, object]:
        """Write why."""
        turn.nudge(Job.NOTICES, 1)
        return {"reason": wait.why}

    async def give_up(self, turn: Turn[Draft], refusal: ServiceError) -> None:
        """Remember it."""
        self.given_up.append(str(refusal))


@dataclass
class Stand:
    """A draft that is due, and the worker that takes it."""

    database: Database
    clock: Clock
    work: Nudges
    runner: Runner

    async def draft(self) -> Draft:
        """Return the draft as it stands now."""
        async with self.database.sessions() as session:
            return await session.get_one(Draft, 1)

    async def run(self, act: Act, policy: Policy | None = None) -> Reading:
        """Have the draft brought on, whatever comes of it."""
        step = Reading(act, policy) if policy is not None else Reading(act)
        await self.runner.run(step, 1)
        return step


@pytest.fixture
async def stand(database: Database) -> Stand:
    """A connection with a draft."""
    clock, work = Clock(), Nudges()
    connection = await connected(database)
    draft = Draft(
        connection_id=connection.id,
        workspace_id=connection.workspace_id,
        user_id="U1",
        due_at=clock(),
        created_at=clock(),
    )
    async with database.sessions.begin() as session:
        session.add(draft)
    return Stand(database, clock, work, Runner(database, work, clock))


def refusing(problem: Exception) -> Act:
    """Return an act that meets this."""

    async def act(_: Turn[Draft]) -> None:
        raise problem.with_traceback(None)  # it would grow with each time it is raised

    return act


async def test_a_row_is_taken_by_one_and_let_go_of_when_it_is_written(stand: Stand) -> None:
    told: list[str] = []

    async def act(turn: Turn[Draft]) -> None:
        async def say() -> None:
            told.append((await stand.draft()).reason)

        turn.then(say)
        assert not await stand.runner.run(Reading(act), 1), "somebody is at it"
        async with stand.database.sessions.begin() as session:
            await fenced(session, turn.row, turn.row.fence, due_at=None, reason="read")

    await stand.run(act)
    draft = await stand.draft()

    assert (draft.due_at, draft.leased_until, draft.fence, draft.tries) == (None, None, 1, 1)
    assert told == ["read"], "said once it is written"


@pytest.mark.parametrize(
    ("problem", "pause", "tries"),
    [
        (Unavailable("Down."), timedelta(seconds=5), 1),
        (Unreachable("Down."), timedelta(seconds=5), 1),
        (Throttled("Slow.", retry_after=timedelta(hours=2)), timedelta(hours=2), 0),
        (NotConnected("Gone.", system="Xero"), PARKED, 0),
    ],
    ids=["unavailable", "unreachable", "throttled", "disconnected"],
)
async def test_a_refusal_puts_the_row_off_as_the_table_has_it(
    stand: Stand, problem: ServiceError, pause: timedelta, tries: int
) -> None:
    step = await stand.run(refusing(problem))
    draft = await stand.draft()

    assert draft.due_at == stand.clock() + pause
    assert (draft.leased_until, draft.tries, draft.reason) == (None, tries, str(problem))
    assert (step.given_up, stand.work.made) == ([], [(Job.NOTICES, 1)])
    async with stand.database.sessions() as session:
        connection = await session.get_one(Connection, 1)
    is_broken = isinstance(problem, NotConnected)
    assert (connection.state is ConnectionState.BROKEN) is is_broken


async def test_what_the_former_consent_was_refused_is_tried_soon_with_the_new_one(
    stand: Stand,
) -> None:
    refusal = NotConnected("Gone.", system="Xero")
    refusal.access = 7  # of a grant that the connection doesn't have
    await stand.run(refusing(refusal))

    assert (await stand.draft()).due_at == stand.clock() + timedelta(seconds=5)
    async with stand.database.sessions() as session:
        assert (await session.get_one(Connection, 1)).state is ConnectionState.ACTIVE


async def test_what_may_still_arrive_is_waited_for_and_is_no_try(stand: Stand) -> None:
    until = stand.clock() + timedelta(seconds=17)
    await stand.run(refusing(StillUnderWay(until=until)))
    draft = await stand.draft()

    assert (draft.due_at, draft.tries) == (until, 0)


async def test_the_last_try_and_what_the_table_ends_are_given_up(stand: Stand) -> None:
    for _ in range(2):
        step = await stand.run(refusing(Unavailable("Down.")))
        assert step.given_up == []
        stand.clock.turn(minutes=1)
    step = await stand.run(refusing(Unavailable("Down.")))
    assert step.given_up == ["Down."]

    stand.clock.turn(minutes=1)
    ending = Policy((5,), disconnected=Then.END)
    step = await stand.run(refusing(NotConnected("Gone.", system="Xero")), ending)
    assert step.given_up == ["Gone."]


async def test_a_bug_is_counted_and_its_row_waits(stand: Stand) -> None:
    """Also with its last try: a bug ends nothing that a person asked for."""
    counted: list[tuple[Job, int]] = []

    async def count(job: Job, key: int) -> None:
        counted.append((job, key))

    async def look(_key: int) -> None:
        await stand.run(refusing(RuntimeError("a bug")), Policy((5,), 1))

    await Worker({Job.PREVIEW: look}, count).run(Job.PREVIEW, 1)
    draft = await stand.draft()

    assert counted == [(Job.PREVIEW, 1)]
    assert draft.due_at == stand.clock() + timedelta(minutes=5)
    assert (draft.leased_until, draft.reason) == (None, BUG)


async def test_a_full_disk_is_waited_out_for_seconds_and_ends_nothing(stand: Stand) -> None:
    counted: list[tuple[Job, int]] = []
    full = OperationalError("INSERT", {}, Exception("database or disk is full"))
    ending = Policy((60,), 3, unavailable=Then.END, refused=Then.END, bug=Then.END)
    pauses, tries = [], []

    async def count(job: Job, key: int) -> None:
        counted.append((job, key))

    async def look(_key: int) -> None:
        await stand.run(refusing(full), ending)

    for _ in range(9):
        await Worker({Job.PREVIEW: look}, count).run(Job.PREVIEW, 1)
        draft = await stand.draft()
        assert draft.due_at is not None
        pauses.append((draft.due_at - stand.clock()).seconds)
        tries.append(draft.tries)
        stand.clock.turn(seconds=pauses[-1])

    assert counted == []
    assert (pauses[0], max(pauses), max(tries)) == (2, 5, 1)
    assert draft.reason == OUTAGE


@pytest.mark.parametrize(("policy", "asked", "waits"), [(PAYMENT, 1, 15), (PAYMENT, 60, 60)])
def test_a_limit_is_waited_for_and_no_less_than_the_table_says(
    policy: Policy, asked: int, waits: int
) -> None:
    now = Clock()()
    wait = policy.decide(Throttled("Busy.", retry_after=timedelta(seconds=asked)), 1, now)

    assert wait is not None
    assert (wait.until - now, wait.is_limit) == (timedelta(seconds=waits), True)


def test_a_database_that_is_down_for_long_is_asked_every_twenty_seconds() -> None:
    now, tries, pauses = Clock()(), 0, []
    for _ in range(8):
        wait = EXPORT.decide(ConnectionRefusedError(), tries + 1, now)
        assert wait is not None
        pauses.append((wait.until - now).seconds)
        tries += wait.is_try

    assert pauses == [2, 5, 15, 20, 20, 20, 20, 20]
    assert not SENDING.is_over(tries + 1)


async def test_whoever_is_overtaken_writes_and_says_nothing(stand: Stand) -> None:
    said: list[str] = []

    async def say() -> None:
        said.append("done")

    async def act(turn: Turn[Draft]) -> None:
        async with stand.database.sessions.begin() as session:
            draft = await session.get_one(Draft, 1)
            await drafts.choose_invoice(session, draft, 7, stand.clock())
        turn.nudge(Job.NOTICES, 1)
        turn.then(say)
        raise Lost

    await stand.run(act)
    draft = await stand.draft()
    assert (draft.due_at, draft.leased_until, draft.invoice_id) == (stand.clock(), None, 7)
    assert (stand.work.made, said) == ([], [])


async def test_a_refusal_of_one_that_was_overtaken_changes_nothing(stand: Stand) -> None:
    async def act(_: Turn[Draft]) -> None:
        async with stand.database.sessions.begin() as session:
            draft = await session.get_one(Draft, 1)
            await drafts.choose_invoice(session, draft, 7, stand.clock())
        raise Unavailable("Down.")

    await stand.run(act)
    draft = await stand.draft()
    assert (draft.due_at, draft.reason, stand.work.made) == (stand.clock(), "", [])


async def test_a_step_that_is_cut_off_gives_its_row_back_at_once(stand: Stand) -> None:
    begun = asyncio.Event()

    async def act(_: Turn[Draft]) -> None:
        begun.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(stand.run(act))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    draft = await stand.draft()

    assert (draft.due_at, draft.leased_until, draft.tries) == (stand.clock(), None, 0)


async def test_a_killed_workers_row_is_free_when_its_lease_runs_out(stand: Stand) -> None:
    async with stand.database.sessions.begin() as session:
        killed = await leases.take(session, Draft, 1, stand.clock())
    assert killed is not None
    looked: list[datetime] = []

    async def act(_: Turn[Draft]) -> None:
        looked.append(stand.clock())

    began = stand.clock()
    while not looked:
        stand.clock.turn(seconds=1)
        await stand.run(act)
    assert looked == [began + LEASE]


@asynccontextmanager
async def renewing(stand: Stand, row: Draft) -> AsyncIterator[None]:
    """Have the lease renewed again and again, until that has worked after what happens in here."""
    ended, before = asyncio.Event(), row.leased_until
    keeping = asyncio.create_task(stand.runner.keep(row, ended, timedelta(0)))
    yield
    async with asyncio.timeout(60):
        while (await stand.draft()).leased_until == before:
            await asyncio.sleep(0.01)
    ended.set()
    await keeping


async def test_the_lease_is_renewed_while_a_step_runs(stand: Stand) -> None:
    async def act(turn: Turn[Draft]) -> None:
        stand.clock.time += ALMOST
        async with renewing(stand, turn.row):
            pass
        stand.clock.time += ALMOST
        assert not await stand.runner.run(Reading(act), 1)

    await stand.run(act)
    assert (await stand.draft()).fence == 1


async def test_the_lease_is_renewed_again_once_the_database_is_back(stand: Stand) -> None:
    async with stand.database.sessions.begin() as session:
        row = await leases.take(session, Draft, 1, stand.clock())
    assert row is not None
    stand.clock.time += ALMOST
    with capture_logs() as logs:
        await rename(stand.database, "drafts", "lost")
        async with renewing(stand, row), asyncio.timeout(60):
            while not logs:
                await asyncio.sleep(0.01)
            await rename(stand.database, "lost", "drafts")
    stand.clock.time += ALMOST

    assert logs[0]["event"] == "lease_not_renewed"
    async with stand.database.sessions.begin() as session:
        assert await leases.take(session, Draft, 1, stand.clock()) is None


async def rename(database: Database, table: str, to: str) -> None:
    """Take a table away, or bring it back."""
    async with database.sessions.begin() as session:
        await session.execute(text(f"ALTER TABLE {table} RENAME TO {to}"))
