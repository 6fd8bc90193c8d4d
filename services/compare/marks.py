"""What was told of an export, kept on its row: a short text for each side."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from services.compare.shapes import Difference
from services.store.tables import Export

_MOST = 12  # differences that are told one by one


def facts_of(found: Sequence[Difference]) -> dict[str, Any]:
    """Return what a notice says of differences: the first of them, and how many more there are."""
    shown = found[:_MOST]
    return {
        "differences": [[each.name, each.was, each.now] for each in shown],
        "more": len(found) - len(shown),
    }


def values_of(found: Sequence[Difference]) -> tuple[dict[str, str], dict[str, str]]:
    """Return what the history keeps of differences: the values before, and after."""
    shown = found[:_MOST]
    return {each.name: each.was for each in shown}, {each.name: each.now for each in shown}


def fingerprint(found: Sequence[Difference]) -> str:
    """Return the same short text for the same differences, and "" for none."""
    if not found:
        return ""
    whole = "|".join(each.mark for each in found)
    return sha256(whole.encode()).hexdigest()[:24]


def told(export: Export, side: str) -> str:
    """Return the fingerprint of what was told of one side, or ""."""
    return _marks(export.drift).get(side, "")


def with_told(drift: str, side: str, mark: str) -> str:
    """Return what the row says once this was told of one side."""
    marks = _marks(drift) | {side: mark}
    return " ".join(f"{name}:{each}" for name, each in sorted(marks.items()) if each)


def _marks(drift: str) -> dict[str, str]:
    pairs = (each.partition(":") for each in drift.split())
    return {side: mark for side, _, mark in pairs}
