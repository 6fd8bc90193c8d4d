"""docs/performance.md tells what was measured, and nothing else."""

import json
import re

import pytest

from bench import telling
from bench.__main__ import MODULES, RESULTS

RECORDED = json.loads(RESULTS.read_text(encoding="utf-8"))
NAMES = RECORDED["benchmarks"].keys()


def test_the_table_and_the_picture_are_those_of_the_recorded_results() -> None:
    page = telling.PAGE.read_text(encoding="utf-8")

    assert re.findall(r"^\| `(\w+)`", telling.table(RECORDED), re.MULTILINE) == [*NAMES]
    assert page == telling.with_table(page, RECORDED)
    assert telling.PICTURE.read_text(encoding="utf-8") == telling.picture(RECORDED["benchmarks"])


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_can_be_taken_and_is_explained(name: str) -> None:
    told = telling.PAGE.read_text(encoding="utf-8").split("## What each figure says", 1)[1]

    assert name in {each for names in MODULES for each in names}
    assert f"`{name.split('_', maxsplit=1)[0]}" in told


def test_what_is_wanted_and_the_peer_stand_in_the_picture() -> None:
    row = {"ours_to_limit": 2.5, "peer_to_ours": 4.0, "reach": 1.2}
    bare = {"ours_to_limit": 0.5, "peer_to_ours": None}

    assert telling.picture({"walk": row}).count('class="wanted"') == 2
    assert telling.picture({"walk": row}).count('class="peer"') == 2
    assert telling.picture({"walk": bare}).count('class="wanted"') == 1
    assert ">0.5 ×<" in telling.picture({"walk": bare})
