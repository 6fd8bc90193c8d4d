"""The runner: all work is rows, and only the runner works on them.

    take     the row that is due, leased to this worker for 12 seconds: fence + 1, tries + 1
    run      the step; meanwhile the lease is renewed, so that a killed worker's row is soon free
    policy   a refusal, or a bug, ends in a wait or in giving up (services.jobs.policy)
    after    what the step collected is done once the row is written: nudges, screens
    cut off  a step that is cancelled gives its row back at once; what it has sent stays `sent_at`

A new job is a row type (`Leased`), a line in the table of policies, and a step:

    class PreviewStep(Step[Draft]):
        job, table, policy = Job.PREVIEW, Draft, policy.PREVIEW

        async def run(self, turn: Turn[Draft]) -> None:
            invoice = await self.paymo.invoice(turn.row.invoice_id)
            async with self.database.sessions.begin() as session:
                await lifecycle.mark_read(session, turn.row, invoice)  # under the fence, or Lost
            turn.then(partial(self.screen.show_form, invoice))
            turn.nudge(Job.NOTICES, turn.row.workspace_id)

        async def put_off(self, session, turn, wait) -> dict[str, object]:
            return {"reason": wait.sentence()}  # written together with the time of the next try

        async def give_up(self, turn: Turn[Draft], refusal: ServiceError) -> None:
            ...  # END in the table, or the last try: record it through the lifecycle, say it

A nudge only says "work on row X now": a lost or doubled one is harmless, and nothing here knows
which engine carries it.

Whatever ends a step writes `due_at` (None: no more work), and with that lets go of the row. A step
that writes no `due_at` is taken up again when its lease would have run out. A row that is worked
on inside another one's step, such as a payment in a sweep, is run with `Runner.run` likewise.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import structlog
from structlog.contextvars import bind_contextvars, clear_contextvars, reset_contextvars

from services.errors import Lost, NotConnected, ServiceError, Unreachable
from services.jobs.policy import BUG, Policy, Wait
from services.lifecycle.connection import mark_broken
from services.model.jobs import Job
from services.store import is_outage, leases, schedules
from services.store.engine import Database, Session
from services.store.tables import Schedule
from services.store.types import Leased, Sends, Traced

log = structlog.get_logger(__name__)

_RENEWED_EVERY = timedelta(seconds=2)

R = TypeVar("R", bound=Leased)
P = TypeVar("P", bound=Exception)
A = TypeVar("A")
B = TypeVar("B")
After = Callable[[], Awaitable[None]]
Run = Callable[[int], Awaitable[object]]
Renew = Callable[[Session], Awaitable[bool]]


class Work(Protocol):
    """Where services say that a row wants work."""

    async def nudge(self, job: Job, key: int) -> None:
        """Have a worker take this row soon; a nudge that already waits is enough."""


@dataclass(slots=True)
class Turn(Generic[R]):
    """One go at a row, and what is to be done once it is written."""

    row: R
    nudges: dict[tuple[Job, int], None] = field(default_factory=dict)
    afterwards: list[After] = field(default_factory=list)

    def nudge(self, job: Job, key: int) -> None:
        """Have another row worked on."""
        self.nudges[job, key] = None

    def then(self, after: After) -> None:
        """Do this, say draw a screen, once the row is written."""
        self.afterwards.append(after)


class Step(Generic[R]):
    """One kind of job."""

    job: ClassVar[Job]
    table: ClassVar[type[Leased]]
    policy: ClassVar[Policy]
    is_queue: ClassVar[bool] = False  # its key stands for many rows

    async def take(self, session: Session, key: int, now: datetime) -> R | None:
        """Take the row with this key if it is due, with one statement."""
        taken: Any = await leases.take(session, self.table, key, now)
        return taken  # type: ignore[no-any-return]

    def policy_for(self, row: R) -> Policy:
        """Return the line of the table that holds for this row."""
        return self.policy

    @abstractmethod
    async def run(self, turn: Turn[R]) -> None:
        """Bring the row a step on: read, call, record."""

    async def put_off(self, session: Session, turn: Turn[R], wait: Wait) -> Mapping[str, object]:
        """Return what else to write while the row waits; what is to be said goes into `turn`."""
        return {}

    async def give_up(self, turn: Turn[R], refusal: ServiceError) -> None:
        """Record that nothing more is tried."""
        raise NotImplementedError


class ScheduledStep(Step[Schedule]):
    """A regular job of a connection, by the connection's id."""

    table = Schedule

    async def take(self, session: Session, key: int, now: datetime) -> Schedule | None:
        """Take it if it is due."""
        return await schedules.take(session, key, self.job, now)


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs steps, a row at a time."""

    database: Database
    work: Work
    now: Callable[[], datetime]

    async def run(self, step: Step[R], key: int) -> bool:
        """Bring a row a step on; False when it is not its turn. Bugs are raised."""
        async with self.database.sessions() as session:
            row = await step.take(session, key, self.now())
        if row is None:
            return False
        turn = Turn(row)
        with _on_behalf_of(row):
            async with _Held(self, step, turn):
                await step.run(turn)
            for after in turn.afterwards:
                await after()
            for job, other in turn.nudges:
                await self.work.nudge(job, other)
        return True

    async def run_many(
        self,
        step: Step[R],
        keys: Sequence[int],
        act: Callable[[Sequence[Turn[R]]], Awaitable[None]],
    ) -> Wait | None:
        """Bring many rows on together, as far as they are due.

        `act` settles each row that it has brought on. A refusal puts off all that are left, as the
        table of policies says; without one they are due at once again, to be run one by one.
        """
        async with self.database.sessions.begin() as session:
            rows: Sequence[Any] = await leases.take_all(session, step.table, keys, self.now())
        turns = [Turn(row) for row in rows]
        problem, ended = None, asyncio.Event()
        keeping = asyncio.create_task(self._keep_all(rows, ended), name=f"leases of {step.job}")
        try:
            await act(turns)
        except ServiceError as refusal:
            problem = refusal
        finally:
            await _stop(keeping, ended)
            wait = await self._let_all_go(step, turns, problem)
        return wait

    async def _let_all_go(
        self, step: Step[R], turns: Sequence[Turn[R]], problem: ServiceError | None
    ) -> Wait | None:
        wait: Wait | None = None
        if problem is not None and turns:
            problem = await self._still(turns[0], problem)
        values: dict[R, dict[str, object]] = {}
        for turn in turns:
            row = turn.row
            if row.leased_until is None:
                continue
            decided = None
            if problem is not None:
                decided = step.policy_for(row).decide(problem, row.tries, self.now())
                if decided is None:  # it was the last try
                    await self.settle(step, turn, problem)
                    continue
                wait = decided
            values[row] = {"due_at": decided.until if decided else self.now()}
            values[row] |= _kept(row, is_try=decided is not None and decided.is_try)
        async with self.database.sessions.begin() as session:
            await leases.write_all(session, values, step.table.leased_until.is_not(None))
            if wait is not None and values:
                await step.put_off(session, Turn(next(iter(values))), wait)
        return wait

    async def _keep_all(self, rows: Sequence[Leased], ended: asyncio.Event) -> None:
        async def renew(session: Session) -> bool:
            await leases.renew_all(session, rows, self.now())
            return True

        if rows:
            await self._keep_renewing(renew, ended, _RENEWED_EVERY)

    async def run_all(self, steps: Sequence[Step[Any]], key: int) -> None:
        """Bring on what this key stands for: one row, or all of a queue whose turn it is."""
        for step in steps:
            while await self.run(step, key) and step.is_queue:
                pass

    async def settle(self, step: Step[R], turn: Turn[R], problem: BaseException | None) -> bool:
        """Let go of the row as its step ended; say whether that is all about the problem."""
        try:
            if isinstance(problem, Lost):
                raise problem
            if isinstance(problem, Exception):
                await self._refused(step, turn, problem)
            else:
                await self._let_go(turn, is_cut_off=problem is not None)
        except Lost:
            log.info("job_taken_over", job=step.job)
            turn.afterwards.clear()
            turn.nudges.clear()
        return isinstance(problem, ServiceError | Lost)

    async def _refused(self, step: Step[R], turn: Turn[R], problem: Exception) -> None:
        problem = await self._still(turn, problem)
        wait = step.policy_for(turn.row).decide(problem, turn.row.tries, self.now())
        if wait is not None:
            await self._put_off(step, turn, wait)
        else:
            refusal = problem if isinstance(problem, ServiceError) else ServiceError(BUG)
            await step.give_up(turn, refusal)

    async def _put_off(self, step: Step[R], turn: Turn[R], wait: Wait) -> None:
        row = turn.row
        values = _kept(row, is_try=wait.is_try)
        async with self.database.sessions.begin() as session:
            values |= await step.put_off(session, turn, wait)
            if not await leases.let_go(session, row, wait.until, **values):
                raise Lost
        seconds = (wait.until - self.now()).total_seconds()
        log.info("job_put_off", job=step.job, seconds=seconds)

    async def _let_go(self, turn: Turn[R], *, is_cut_off: bool) -> None:
        row = turn.row
        if row.leased_until is None:
            return
        async with self.database.sessions.begin() as session:
            if is_cut_off:
                await leases.let_go(session, row, self.now(), tries=max(row.tries - 1, 0))
            else:
                await leases.let_go(session, row)

    async def _still(self, turn: Turn[R], problem: P) -> P | Unreachable:
        """Break the connection off if its access was refused, unless that is another one now."""
        if not isinstance(problem, NotConnected):
            return problem
        connection_id: int = turn.row.connection_id  # type: ignore[attr-defined]
        async with self.database.sessions.begin() as session:
            is_broken = await mark_broken(session, connection_id, problem, self.now())
        return problem if is_broken else Unreachable(str(problem))

    async def keep(
        self, row: Leased, ended: asyncio.Event, every: timedelta = _RENEWED_EVERY
    ) -> None:
        """Renew the lease until the step has ended; it is never cancelled amid a write."""

        async def renew(session: Session) -> bool:
            return await leases.renew(session, row, self.now())

        await self._keep_renewing(renew, ended, every)

    async def _keep_renewing(self, renew: Renew, ended: asyncio.Event, every: timedelta) -> None:
        """Go on where one renewal fails: the database may be back for the next."""

        async def once() -> bool:
            async with self.database.sessions.begin() as session:
                return await renew(session)

        while not await _is_set_within(ended, every):
            [is_held] = await asyncio.gather(once(), return_exceptions=True)
            if isinstance(is_held, BaseException):
                log.warning("lease_not_renewed", exc_info=is_held)
            elif not is_held:
                return


@dataclass(slots=True)
class _Held(Generic[R]):
    """Keeps a row leased while its step runs, and settles it in the end."""

    runner: Runner
    step: Step[R]
    turn: Turn[R]
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    keeping: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        keep = self.runner.keep(self.turn.row, self.ended)
        self.keeping = asyncio.create_task(keep, name=f"lease of {self.step.job}")

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if self.keeping is not None:
            await _stop(self.keeping, self.ended)
        return await self.runner.settle(self.step, self.turn, problem)


@dataclass(frozen=True, slots=True)
class Worker:
    """Runs jobs, one call each, for whichever engine carries the nudges; bugs are counted."""

    runners: Mapping[Job, Run]
    count: Callable[[Job, int], Awaitable[None]]

    async def run(self, job: Job, key: int) -> None:
        """Work on one row. What fails by our fault is logged, and work goes on."""
        clear_contextvars()  # whoever nudged may have worked for another request
        try:
            await self.runners[job](key)
        # The only broad one here: a bug in one row must not stop the work on all others.
        except Exception as error:
            log.exception("job_failed", job=job, key=key)
            if not is_outage(error):
                await self.count(job, key)


async def both(one: Awaitable[A], other: Awaitable[B]) -> tuple[A, B]:
    """Do both at the same time; if both fail, the first one's failure counts."""
    first, second = await asyncio.gather(one, other, return_exceptions=True)
    if isinstance(first, BaseException):
        raise first
    if isinstance(second, BaseException):
        raise second
    return first, second


@contextmanager
def _on_behalf_of(row: Leased) -> Iterator[None]:
    """Have logs name the Slack request that the row is worked on for; after a bug, too."""
    request_id = row.request_id if isinstance(row, Traced) else ""
    tokens = bind_contextvars(request_id=request_id) if request_id else {}
    yield
    reset_contextvars(**tokens)


def _kept(row: Leased, *, is_try: bool) -> dict[str, object]:
    """Return what a row that is let go of keeps: how often it was tried, and what it has sent."""
    tries: dict[str, object] = {"tries": row.tries if is_try else max(row.tries - 1, 0)}
    return tries | ({"sent_at": row.sent_at} if isinstance(row, Sends) else {})


async def _stop(keeping: asyncio.Task[None], ended: asyncio.Event) -> None:
    """End the renewing of leases; it may have been cancelled with the step."""
    ended.set()
    await asyncio.gather(keeping, return_exceptions=True)


async def _is_set_within(event: asyncio.Event, time: timedelta) -> bool:
    try:
        async with asyncio.timeout(time.total_seconds()):
            await event.wait()
    except TimeoutError:
        return False
    return True
