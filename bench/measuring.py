"""Take ours, a limit and a peer in turn, so that only ratios within one run are told."""

import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Act = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One line of the table; a peer is what one would do without us."""

    name: str
    what: str
    ours: Act
    limit: Act
    limit_is: str
    peer: Act | None = None
    peer_is: str = ""


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
            "peer_to_ours": _ratio(self.peer, self.ours),
        }


def _ms(times: Sequence[float]) -> float | None:
    return round(statistics.median(times) * 1000, 2) if times else None


def _ratio(one: Sequence[float], other: Sequence[float]) -> float | None:
    pairs = [a / b for a, b in zip(one, other, strict=False)]
    return round(statistics.median(pairs), 2) if pairs else None


async def _time(act: Act) -> float:
    begun = time.perf_counter()
    await act()
    return time.perf_counter() - begun


async def measured(benchmark: Benchmark, pairs: int) -> Taken:
    """Take them in turn, after one round that counts for nothing."""
    taken = Taken()
    for at in range(pairs + 1):
        ours, limit = await _time(benchmark.ours), await _time(benchmark.limit)
        peer = await _time(benchmark.peer) if benchmark.peer is not None else None
        if at:
            taken.ours.append(ours)
            taken.limit.append(limit)
            taken.peer += [peer] if peer is not None else []
    return taken
