"""Take ours, a limit and a peer in turn, so that only ratios within one run are told."""

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# An act that returns a float has taken its own time, in seconds; any other is timed from outside.
Act = Callable[[], Awaitable[object]]


def _nothing() -> Mapping[str, float]:
    return {}


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One line of the table; a peer is what one would do without us.

    `reach` is the ratio to the limit that is wanted at most, `ahead` the peer's to ours at least.
    `figures` is called at the end, for what is no ratio: milliseconds, MB, counts. What takes long
    is taken `at_most` so often. What waits for nobody is taken `by_cpu`: the seconds
    that this process used, whatever else the machine does.
    """

    name: str
    what: str
    ours: Act
    limit: Act
    limit_is: str
    peer: Act | None = None
    peer_is: str = ""
    reach: float | None = None
    ahead: float | None = None
    figures: Callable[[], Mapping[str, float]] = _nothing
    at_most: int | None = None
    by_cpu: bool = False


@dataclass(slots=True)
class Taken:
    """Times in seconds, in the order in which they were taken."""

    ours: list[float] = field(default_factory=list)
    limit: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)

    def as_json(self, benchmark: Benchmark) -> dict[str, Any]:
        """Return the medians, and the medians of the ratios pair by pair."""
        return {
            "what": benchmark.what,
            "limit": benchmark.limit_is,
            "peer": benchmark.peer_is,
            "pairs": len(self.ours),
            "ours_ms": _ms(self.ours),
            "limit_ms": _ms(self.limit),
            "peer_ms": _ms(self.peer),
            "ours_to_limit": _ratio(self.ours, self.limit),
            "reach": benchmark.reach,
            "peer_to_ours": _ratio(self.peer, self.ours),
            "ahead": benchmark.ahead,
            "figures": {name: round(each, 2) for name, each in benchmark.figures().items()},
        }


def _ms(times: Sequence[float]) -> float | None:
    return round(statistics.median(times) * 1000, 2) if times else None


def _ratio(one: Sequence[float], other: Sequence[float]) -> float | None:
    pairs = [a / b for a, b in zip(one, other, strict=False)]
    return round(statistics.median(pairs), 2) if pairs else None


async def _time(act: Act, clock: Callable[[], float]) -> float:
    """Return how long it takes, or what it says itself: a share of it, or a median."""
    begun = clock()
    own = await act()
    return own if isinstance(own, float) else clock() - begun


async def measured(benchmark: Benchmark, pairs: int) -> Taken:
    """Take them in turn, after one round that counts for nothing.

    What counts CPU is done twice, and the second time counts: whoever comes after another finds
    nothing of its own in the processor's cache.
    """
    taken, clock = Taken(), time.process_time if benchmark.by_cpu else time.perf_counter
    acts = [(benchmark.ours, taken.ours), (benchmark.limit, taken.limit)]
    acts += [(benchmark.peer, taken.peer)] if benchmark.peer is not None else []
    for at in range(min(pairs, benchmark.at_most or pairs) + 1):
        for act, times in acts:
            if benchmark.by_cpu:
                await act()
            took = await _time(act, clock)
            times.extend([took] if at else [])
    return taken
