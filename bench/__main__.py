"""`make bench`: ours, a limit and a peer in turn, so that only ratios within one run are told.

What depends on the machine is printed beside them and says little: see docs/performance.md.
"""

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from bench import (
    answering,
    busy,
    exporting,
    growing,
    looking,
    menus,
    noticing,
    reading,
    starting,
    telling,
)
from bench.running import Modules, Rows, check, run

# What each module can measure; only a module with a chosen name is prepared.
MODULES: Modules = {
    ("sweep_idle", "channel"): looking.prepare,
    ("options", "options_32"): menus.prepare,
    ("parse",): reading.prepare,
    ("start",): starting.prepare,
    ("notice",): noticing.prepare,
    ("sweep_busy",): busy.prepare,
    ("export_one", "export_300"): exporting.prepare,
    ("grow",): growing.prepare,
    ("grow_4",): growing.prepare_four,
    ("ack", "ack_p99", "ack_one", "status_one", "event"): answering.prepare,
}
# What `make bench-check` holds: about a minute, and steady on a busy machine.
HELD = ("sweep_idle", "channel", "parse")
RESULTS = Path(__file__).with_name("results.json")
_COLUMNS = "ours_ms limit_ms peer_ms ours_to_limit reach peer_to_ours ahead".split()


def shown(found: Rows) -> str:
    """Write the table."""
    lines = [" " * 12 + "".join(f"{each:>14}" for each in _COLUMNS)]
    for name, row in found.items():
        cells = ["–" if row[each] is None else str(row[each]) for each in _COLUMNS]
        figures = "".join(f"{each:>14}" for each in cells)
        lines.append(f"{name:<12}{figures}  {row['what']}; limit: {row['limit']}")
        lines += [f"{'':<12}  {each}: {value}" for each, value in row["figures"].items()]
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table, and write it down; or hold a few to what it says."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these")
    parser.add_argument("--pairs", type=int, default=15, help="how often each is taken")
    parser.add_argument("--check", action="store_true", help="fail where one is much worse now")
    asked = parser.parse_args()
    if asked.check:
        recorded = json.loads(RESULTS.read_text(encoding="utf-8"))["benchmarks"]
        worse = asyncio.run(check(MODULES, asked.names or HELD, recorded))
        print("\n".join(worse) or "as fast as recorded")
        sys.exit(bool(worse))
    before = os.getloadavg()[0]
    found = asyncio.run(run(MODULES, asked.pairs, asked.names))
    load = {"cores": os.cpu_count(), "load_before": before, "load_after": os.getloadavg()[0]}
    if not asked.names:
        _write({"machine": load, "benchmarks": found})
    print(shown(found))
    print(f"load {load['load_before']:.1f} to {load['load_after']:.1f} on {load['cores']} cores")


def _write(results: dict[str, Any]) -> None:
    RESULTS.write_text(f"{json.dumps(results, indent=2)}\n", encoding="utf-8")
    telling.write(results)


if __name__ == "__main__":
    main()
