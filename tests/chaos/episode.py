"""One episode of a campaign: a stage, and fault after fault from one seed."""

import asyncio
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.bot.program import waited
from tests.chaos import invariants
from tests.chaos.acts import ACTS, Act, Step, export, export_draft, export_several
from tests.chaos.faults import KINDS, RETRIES, Kind
from tests.chaos.people import PATIENCE, Person, Stuck
from tests.chaos.report import Report
from tests.chaos.stage import SHAPES, Fate, Shape, Stage, staged
from tests.chaos.steps import named

SOON = 30  # seconds
Tell = Callable[[str], None]


@dataclass(slots=True)
class Round:
    """What happens at once: acts of several people, and faults."""

    acts: list[tuple[Person, Act, Sequence[Fate]]] = field(default_factory=list)
    faults: list[tuple[Kind, Step]] = field(default_factory=list)

    def __str__(self) -> str:
        """Say it in a line."""
        acts = " and ".join(act.name for _, act, _ in self.acts)
        faults = "; ".join(f"{kind.name} at {' '.join(step)}" for kind, step in self.faults)
        return f"{acts}, with {faults}"


@dataclass(slots=True)
class Episode:
    """A stage and what has been learned on it."""

    seed: int
    stage: Stage
    tell: Tell
    report: Report = field(default_factory=Report)
    is_over: bool = False
    drawn: Counter[object] = field(default_factory=Counter)
    lost: list[tuple[float, float]] = field(default_factory=list)  # when, and how many seconds

    async def begin(self) -> None:
        """Connect, let a second person export, and export what the first acts need."""
        try:
            await self._prepare()
        except Stuck as stuck:
            self._violated("the beginning", (invariants.STUCK, str(stuck)))
            return
        await self._settle("the beginning", time.monotonic(), ())

    async def _prepare(self) -> None:
        anna, slack = Person(self.stage), self.stage.slack
        await anna.connect()
        view = await anna.form("settings", "settings", "Export")
        await slack.choose("Anna", view.id, "exporters", [slack.user("Ben").id])
        await slack.submit("Anna", view.id)
        for act in (export, export_draft, export_several, export_several):
            await act(anna, (), self._chance("begin"))

    def _chance(self, what: object) -> Random:
        return Random(f"{self.seed}/{what}")  # noqa: S311 - chance, no secret

    def draw(self, number: int) -> Round:
        """Choose what happens next; the same seed and number choose the same."""
        rng, drawn, free = self._chance(number), Round(), list(self.stage.fates)
        for name in ("Anna", "Ben"):
            able = [act for act in ACTS if len(_fitting(act, free)) >= act.takes]
            act = rng.choice([each for each in able if not (each.is_alone and drawn.acts)])
            chosen = rng.sample(_fitting(act, free), act.takes)
            free = [each for each in free if each not in chosen]
            drawn.acts.append((Person(self.stage, name), act, chosen))
            if act.is_alone:
                break
        for _, act, _ in drawn.acts:
            kind, step = self._fault(rng, act)
            if kind.is_alone:
                drawn.faults = [(kind, step)]
                break
            drawn.faults.append((kind, step))
        return drawn

    def _fault(self, rng: Random, act: Act) -> tuple[Kind, Step]:
        """Choose what was drawn least of all that can strike here, and where."""

        def steps(kind: Kind) -> list[Step]:
            is_odd = act.is_alone and (kind.is_alone or kind.name == RETRIES)
            return [] if is_odd else [each for each in act.steps if each[0] in kind.systems]

        def turn(kind: Kind) -> float:
            first = self._chance(kind.name).random()  # so that each episode begins elsewhere
            return (self.drawn[kind.name] + first) / kind.weight

        able = [each for each in KINDS if each.fits(self.stage) and steps(each)]
        kind = min(able, key=turn)
        self.drawn[kind.name] += 1
        found = rng.sample(steps(kind), len(steps(kind)))
        step = min(found, key=lambda each: self.drawn[kind.name, each])
        self.drawn[kind.name, step] += 1
        return kind, step

    async def play(self, number: int) -> None:
        """Let it happen, and hold what came of it against what must hold."""
        drawn, rng = self.draw(number), self._chance(f"{number}/faults")
        began, what = time.monotonic(), f"round {number}: {drawn}"
        overs = [await kind.inflict(self.stage, rng, step) for kind, step in drawn.faults]
        acting = [
            asyncio.create_task(act.do(person, fates, rng)) for person, act, fates in drawn.acts
        ]
        try:
            ended = await asyncio.gather(*(over() for over in overs))
            await asyncio.gather(*acting)
        except Stuck as stuck:
            self._violated(what, (invariants.STUCK, str(stuck)))
            return
        struck = [
            (kind.name, step, end)
            for (kind, step), end in zip(drawn.faults, ended, strict=True)
            if end is not None
        ]
        for name, step, _ in struck:
            self.report.struck(name, named(step))
        self.report.missed += len(ended) - len(struck)
        self.report.acts.update(act.name for _, act, _ in drawn.acts)
        since = max([self.stage.acted_at, *(end for _, _, end in struck)])
        await self._settle(what, since, [name for name, _, _ in struck])
        try:
            await asyncio.gather(*(each.ready() for each in self.stage.workers))
        except TimeoutError:
            self._violated(what, (invariants.STUCK, "a process isn't ready"))
        took = f"{time.monotonic() - began:.0f} s"
        met = ", ".join(name for name, _, _ in struck) or "nothing"
        self.tell(f"seed {self.seed}, {took}, {what}; struck: {met}")

    async def _settle(self, what: str, since: float, kinds: Sequence[str]) -> None:
        """Wait until all is as it must be, and note how long that took."""
        end = time.monotonic() + PATIENCE
        while (problems := await invariants.soon(self.stage)) and time.monotonic() < end:
            await asyncio.sleep(0.3)
        lost = sum(seconds for at, seconds in self.lost if at > since)
        seconds = max(0.0, time.monotonic() - since - lost)
        for kind in kinds:
            self.report.recovered(kind, seconds)
        self.report.rounds += 1
        for each in (*problems, *invariants.never(self.stage)):
            self._violated(what, each)
        if not problems and seconds > SOON:
            self._violated(what, (invariants.IN_TIME, f"{seconds:.0f} seconds"))

    async def watch(self) -> None:
        """Note for how long the machine runs others in place of the program, or of us."""
        before = waited(os.getpid())
        while True:
            await asyncio.sleep(0.3)
            ours, before = waited(os.getpid()) - before, waited(os.getpid())
            theirs = max(each.kept_waiting() for each in self.stage.workers)
            self.lost.append((time.monotonic(), max(ours, theirs)))

    def _violated(self, what: str, problem: invariants.Problem) -> None:
        place = f"SEED={self.seed} ({self.stage.shape.name}), {what}"
        self.report.break_off(place, problem)
        self.tell(f"VIOLATION: {self.report.violations[-1]}")
        self.is_over |= problem[0] != invariants.IN_TIME


def _fitting(act: Act, free: Sequence[Fate]) -> list[Fate]:
    return [each for each in free if act.fits(each)]


def shape_of(seed: int) -> Shape:
    """Return how the program runs in the episode of this seed."""
    return SHAPES[seed % len(SHAPES)]


async def run(
    seed: int,
    faults: int,
    tell: Tell,
    *,
    over: asyncio.Event | None = None,
    logs: Path | None = None,
) -> Report:
    """Play until so many faults have struck, it is over, or something is broken for good."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as name:
        async with staged(shape_of(seed), Path(name)) as stage:
            episode, number = Episode(seed, stage, tell), 0
            watching = asyncio.create_task(episode.watch())
            await episode.begin()
            while not episode.is_over and episode.report.faults.total() < faults:
                number += 1
                await episode.play(number)
                if over is not None and over.is_set():
                    break
            watching.cancel()
        report = episode.report
        report.shapes[stage.shape.name] += report.faults.total()
        report.repeats = (invariants.said(stage) - invariants.wanted(stage)).total()
        if logs is not None and report.violations:
            for each in stage.workers:
                (logs / f"chaos-{seed}-{each.number}.log").write_bytes(each.log.read_bytes())
    return report
