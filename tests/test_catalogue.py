"""Every row of the catalogue of failures is proved by a test that carries its number."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent
ROWS = frozenset(range(1, 71))
_NAMED = re.compile(r"test_e(\d{2})_\w{10,}")


def proved_rows() -> set[int]:
    """Read the names of all tests, without running any."""
    rows = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (
                found := _NAMED.fullmatch(node.name)
            ):
                rows.add(int(found[1]))
    return rows


def test_every_row_has_a_test_that_is_named_after_it() -> None:
    assert sorted(ROWS - proved_rows()) == []


def test_no_name_claims_a_row_that_does_not_exist() -> None:
    assert proved_rows() <= ROWS
