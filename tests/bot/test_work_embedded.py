"""Nudges inside one process: merged, repeated when needed, fair, drained."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from bot.work import Alarm, EmbeddedWork, Tasks
from services.model.jobs import Job

PATIENCE = timedelta(seconds=5)


@dataclass
class Looks:
    """Jobs that go on until they are let go."""

    seen: list[tuple[Job, int]] = field(default_factory=list)
    ended: list[tuple[Job, int]] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    most: int = 0

    async def run(self, job: Job, key: int) -> None:
        """Look until let go."""
        self.seen.append((job, key))
        self.most = max(self.most, len(self.seen) - len(self.ended))
        await self.go.wait()
        self.ended.append((job, key))


async def until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_true():
            await asyncio.sleep(0)


async def test_many_nudges_for_a_waiting_row_are_one_look() -> None:
    looks = Looks()
    work = EmbeddedWork(looks.run, at_once=1)
    await work.nudge(Job.SWEEP, 1)
    for _ in range(5):
        await work.nudge(Job.SWEEP, 2)

    looks.go.set()
    await work.settle()

    assert looks.ended == [(Job.SWEEP, 1), (Job.SWEEP, 2)]


async def test_a_row_nudged_while_it_is_looked_at_is_looked_at_once_more() -> None:
    looks = Looks()
    work = EmbeddedWork(looks.run)
    await work.nudge(Job.EXPORT, 1)
    await until(lambda: len(looks.seen) == 1)
    await work.nudge(Job.EXPORT, 1)
    await work.nudge(Job.EXPORT, 1)

    looks.go.set()
    await work.settle()

    assert looks.ended == [(Job.EXPORT, 1)] * 2
    assert looks.most == 1


async def test_no_kind_of_job_keeps_out_the_others() -> None:
    looks = Looks()
    work = EmbeddedWork(looks.run, at_once=3, of_a_kind=2)
    for key in range(9):
        await work.nudge(Job.SWEEP, key)
    await work.nudge(Job.EXPORT, 1)

    await until(lambda: len(looks.seen) == 3)
    assert sorted(looks.seen) == [(Job.EXPORT, 1), (Job.SWEEP, 0), (Job.SWEEP, 1)]

    looks.go.set()
    await work.settle()
    assert len(looks.ended) == 10
    assert looks.most == 3


async def test_what_does_not_fit_in_line_is_left_to_the_clock() -> None:
    looks = Looks()
    work = EmbeddedWork(looks.run, at_once=1, longest_line=2)
    for key in range(9):
        await work.nudge(Job.EXPORT, key)

    looks.go.set()
    await work.settle()

    assert [key for _, key in looks.ended] == [0, 1, 2]


async def test_stopping_lets_what_runs_end_and_begins_nothing_more() -> None:
    looks = Looks()
    work = EmbeddedWork(looks.run, at_once=1)
    await work.nudge(Job.EXPORT, 1)
    await work.nudge(Job.EXPORT, 2)
    await until(lambda: len(looks.seen) == 1)

    stopping = asyncio.create_task(work.stop(PATIENCE))
    await until(lambda: work.is_stopping)
    await work.nudge(Job.EXPORT, 3)
    looks.go.set()
    await stopping

    assert looks.ended == [(Job.EXPORT, 1)]


async def test_an_alarm_rings_in_a_while_but_not_once_work_has_stopped() -> None:
    looks = Looks()
    looks.go.set()
    work, tasks = EmbeddedWork(looks.run), Tasks()
    wake = Alarm(work, tasks)
    wake(Job.NOTICES, 1, timedelta(milliseconds=1))
    await until(lambda: looks.ended == [(Job.NOTICES, 1)])
    await work.stop(PATIENCE)
    wake(Job.NOTICES, 2, timedelta(0))
    turned = asyncio.Event()
    asyncio.get_running_loop().call_later(0.001, turned.set)
    await turned.wait()

    assert looks.ended == [(Job.NOTICES, 1)]


async def test_what_does_not_end_in_time_is_cut_short() -> None:
    looks = Looks()
    work = EmbeddedWork(looks.run)
    await work.nudge(Job.EXPORT, 1)
    await until(lambda: len(looks.seen) == 1)

    await work.stop(timedelta(milliseconds=20))

    assert looks.ended == []
    assert not work.tasks.running


async def test_a_job_that_fails_frees_its_place() -> None:
    seen: list[int] = []

    async def run(_job: Job, key: int) -> None:
        seen.append(key)
        if key == 1:
            raise RuntimeError("a bug")

    work = EmbeddedWork(run, at_once=1)
    await work.nudge(Job.EXPORT, 1)
    await work.nudge(Job.EXPORT, 2)
    await work.settle()

    assert seen == [1, 2]
