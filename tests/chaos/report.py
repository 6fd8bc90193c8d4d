"""What came of a campaign, in numbers and as a table."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Self

from tests.chaos import invariants
from tests.chaos.faults import KINDS, UNWRITTEN, WRITTEN

_COUNTED = ("faults", "acts", "shapes", "broken", "unwritten", "written")


@dataclass(slots=True)
class Report:
    """What came of one episode; those of several add up."""

    faults: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)
    shapes: Counter[str] = field(default_factory=Counter)  # faults by how the program ran
    unwritten: Counter[str] = field(default_factory=Counter)  # kills before a step was written
    written: Counter[str] = field(default_factory=Counter)  # and after
    slowest: dict[str, float] = field(default_factory=dict)  # seconds, by kind of fault
    broken: Counter[str] = field(default_factory=Counter)  # by invariant
    violations: list[str] = field(default_factory=list)
    rounds: int = 0  # after each, every invariant was looked at
    repeats: int = 0  # messages that Slack has twice, as a kill or a cut answer may do
    missed: int = 0  # faults that met nothing, and do not count

    def add(self, other: "Report") -> None:
        """Take over what came of another episode."""
        for name in _COUNTED:
            getattr(self, name).update(getattr(other, name))
        for kind, seconds in other.slowest.items():
            self.recovered(kind, seconds)
        self.violations += other.violations
        self.rounds += other.rounds
        self.repeats += other.repeats
        self.missed += other.missed

    def struck(self, kind: str, step: str) -> None:
        """Note a fault that struck, and for a kill at one of the program's steps, at which."""
        self.faults[kind] += 1
        if kind in {UNWRITTEN, WRITTEN}:
            (self.unwritten if kind == UNWRITTEN else self.written)[step] += 1

    @classmethod
    def kept(cls, file: Path) -> Self:
        """Read what came of earlier episodes."""
        made = cls()
        if file.exists():
            for name, value in json.loads(file.read_text()).items():
                setattr(made, name, Counter(value) if name in _COUNTED else value)
        return made

    def keep(self, file: Path) -> None:
        """Write it down, to be added to."""
        file.write_text(json.dumps({each.name: getattr(self, each.name) for each in fields(self)}))

    def recovered(self, kind: str, seconds: float) -> None:
        """Note how long it took after a fault until all was as it must be."""
        self.slowest[kind] = max(seconds, self.slowest.get(kind, 0))

    def break_off(self, place: str, problem: invariants.Problem) -> None:
        """Note a violation, and where it happened."""
        name, words = problem
        self.broken[name] += 1
        self.violations.append(f"{place}: {name}: {words}")

    def lines(self) -> Iterator[str]:
        """Write it as Markdown."""
        yield f"{self.faults.total()} faults, {len(self.violations)} violations.\n"
        yield "| fault | struck | slowest recovery |"
        yield "|---|---|---|"
        for kind in KINDS:
            if self.faults[kind.name]:
                seconds = self.slowest.get(kind.name, 0)
                yield f"| {kind.name} | {self.faults[kind.name]} | {seconds:.0f} s |"
        yield "\n| invariant | checks | violations |"
        yield "|---|---|---|"
        for name in invariants.ALL:
            yield f"| {name} | {self.rounds} | {self.broken[name]} |"
        for title, counts in (("how it ran", self.shapes), ("act", self.acts)):
            yield f"\n| {title} | {'faults' if counts is self.shapes else 'times'} |"
            yield "|---|---|"
            yield from (f"| {name} | {count} |" for name, count in sorted(counts.items()))
        yield "\n| step | SIGKILL before it is written | once it is written |"
        yield "|---|---|---|"
        for name in sorted(self.unwritten | self.written):
            yield f"| {name} | {self.unwritten[name]} | {self.written[name]} |"
        yield f"\nMessages that Slack has twice: {self.repeats}."
        yield f"Faults that met nothing, and do not count: {self.missed}."
