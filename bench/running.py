"""Run benchmarks, and hold their ratios to those that were recorded."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from bench.measuring import Benchmark, measured

Prepare = Callable[[Path], AbstractAsyncContextManager[Sequence[Benchmark]]]
Modules = Mapping[tuple[str, ...], Prepare]
Rows = dict[str, dict[str, Any]]

_WORSE = 1.4
_PAIRS = 9  # a median of at least seven


async def run(modules: Modules, pairs: int, chosen: Sequence[str]) -> Rows:
    """Run those that are chosen, or all."""
    found = {}
    for names, prepare in modules.items():
        wanted = [each for each in names if not chosen or each in chosen]
        if not wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            async with prepare(Path(folder)) as prepared:
                for each in prepared:
                    if each.name in wanted:
                        found[each.name] = (await measured(each, pairs)).as_json(each)
    return found


async def check(
    modules: Modules, names: Sequence[str], recorded: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Return a line for each that is worse than recorded by more than 40 %, twice in a row."""
    known = [each for each in names if recorded.get(each, {}).get("ours_to_limit") is not None]
    worse: Rows = {}
    for _ in range(2):
        found = await run(modules, _PAIRS, known) if known else {}
        worse = {
            name: row
            for name, row in found.items()
            if row["ours_to_limit"] > recorded[name]["ours_to_limit"] * _WORSE
        }
        known = list(worse)
    return [
        f"{name}: {row['ours_to_limit']} times the limit, "
        f"where {recorded[name]['ours_to_limit']} is recorded"
        for name, row in worse.items()
    ]
