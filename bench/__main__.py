"""`make bench`: ours, a limit and a peer in turn, so that only ratios within one run are told.

What depends on the machine is printed beside them and says little: see docs/performance.md.
"""

import argparse
import asyncio
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import looking, menus, reading
from bench.measuring import measured

# What each module can measure; only a module with a chosen name is prepared.
MODULES = {
    ("sweep_idle", "channel"): looking.prepare,
    ("options", "options_32"): menus.prepare,
    ("parse",): reading.prepare,
}


async def run(pairs: int, chosen: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Run those that are chosen, or all."""
    found = {}
    for names, prepare in MODULES.items():
        wanted = [each for each in names if not chosen or each in chosen]
        if not wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            async with prepare(Path(folder)) as prepared:
                for each in prepared:
                    if each.name in wanted:
                        found[each.name] = (await measured(each, pairs)).as_json(each)
    return found


def shown(found: dict[str, dict[str, Any]]) -> str:
    """Write the table."""
    columns = ("ours_ms", "limit_ms", "peer_ms", "ours_to_limit", "peer_to_ours")
    lines = [" " * 12 + "".join(f"{each:>14}" for each in columns)]
    for name, row in found.items():
        cells = ["–" if row[each] is None else str(row[each]) for each in columns]
        figures = "".join(f"{each:>14}" for each in cells)
        lines.append(f"{name:<12}{figures}  {row['what']}; limit: {row['limit']}")
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table, and write `bench/results.json`."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these")
    parser.add_argument("--pairs", type=int, default=15, help="how often each is taken")
    asked = parser.parse_args()
    before = os.getloadavg()[0]
    found = asyncio.run(run(asked.pairs, asked.names))
    load = {"cores": os.cpu_count(), "load_before": before, "load_after": os.getloadavg()[0]}
    if not asked.names:
        results = json.dumps({"machine": load, "benchmarks": found}, indent=2)
        Path(__file__).with_name("results.json").write_text(f"{results}\n", encoding="utf-8")
    print(shown(found))
    print(f"load {load['load_before']:.1f} to {load['load_after']:.1f} on {load['cores']} cores")


if __name__ == "__main__":
    main()
