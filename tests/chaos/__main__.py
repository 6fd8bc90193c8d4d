"""The campaign as a program: episodes side by side, then the table of what came of them.

`python -m tests.chaos [--faults N] [--seed N] [--minutes N] [--beside N] [--logs FOLDER] [--sum F]`
"""

import argparse
import asyncio
import itertools
import signal
import sys
import time
from pathlib import Path

from tests.chaos.episode import run
from tests.chaos.report import Report

_EACH = 25  # faults in an episode


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=500, help="how many must strike in all")
    parser.add_argument("--seed", type=int, default=None, help="play this episode again, alone")
    parser.add_argument("--first", type=int, default=1, help="the seed of the first episode")
    parser.add_argument("--minutes", type=float, default=600, help="after which none begins")
    parser.add_argument("--beside", type=int, default=3, help="how many episodes at once")
    parser.add_argument("--logs", type=Path, default=None, help="where to keep logs of violations")
    parser.add_argument("--sum", type=Path, default=None, help="a file to add the numbers to")
    asked = parser.parse_args()
    if asked.logs is not None:
        asked.logs.mkdir(parents=True, exist_ok=True)
    return asked


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def campaign(asked: argparse.Namespace) -> Report:
    """Play episodes until enough faults have struck, time is up, or somebody ends it."""
    whole, seeds, over = Report(), itertools.count(asked.first), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.call_later(asked.minutes * 60, over.set)
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, over.set)

    async def play_on() -> None:
        while (left := asked.faults - whole.faults.total()) > 0 and not over.is_set():
            seed = next(seeds) if asked.seed is None else asked.seed
            report = await run(seed, min(_EACH, left), _tell, over=over, logs=asked.logs)
            whole.add(report)
            if asked.sum is not None:
                total = Report.kept(asked.sum)
                total.add(report)
                total.keep(asked.sum)
            if asked.seed is not None:
                over.set()

    beside = asked.beside if asked.seed is None else 1
    await asyncio.gather(*(play_on() for _ in range(beside)))
    return whole


def main() -> int:
    """Say what came of it; the status is 1 where something was violated."""
    asked, began = _asked(), time.monotonic()
    report = asyncio.run(campaign(asked))
    _tell(f"\n{time.monotonic() - began:.0f} seconds.")
    for line in (*report.lines(), *report.violations):
        _tell(line)
    return bool(report.violations)


if __name__ == "__main__":
    sys.exit(main())
