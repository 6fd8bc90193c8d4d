"""`make test` and `make test-all` together run every test; the first needs nothing installed."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CHOSEN = re.compile(r'\$\(PYTEST\) -m "([^"]+)"')
KEPT_FOR_LATER = {"postgres_server", "postgres_url", "browser", "walk", "crowd"}


def test_no_test_falls_between_the_two_runs() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert CHOSEN.findall(makefile) == ["not thorough", "thorough or property"]
    assert "test-all: test test-rest\n" in makefile


def test_ci_runs_both_and_forbids_skipping() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()

    assert [each.split("  #")[0] for each in lines[-5:]] == [
        "export FORBID_SKIPS=1",
        "make test",
        "make bench-check",
        "make try-readme",
        "make test-rest",
    ]


def test_what_needs_postgres_or_a_browser_or_walks_is_left_to_the_second(
    request: pytest.FixtureRequest,
) -> None:
    """Judged by names, not by what the marking itself goes by."""
    quick = [each for each in request.session.items if not each.get_closest_marker("thorough")]

    assert [each.nodeid for each in quick if re.search(r"[\[-]postgres[-\]]", each.name)] == []
    for each in quick:
        assert KEPT_FOR_LATER.isdisjoint(getattr(each, "fixturenames", ())), each.nodeid
