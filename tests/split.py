"""Which tests `make test` leaves to `make test-all`: what needs PostgreSQL or a browser, and walks.

A test is marked `thorough` by the fixtures it asks for; a few that take both cores for seconds say
so themselves. Properties run in both: `make test-all` tries them with more examples.
"""

from collections.abc import Iterable

import pytest
from hypothesis import is_hypothesis_test

_POSTGRES = {"postgres_server", "postgres_url"}
_BROWSER = {"page", "browser"}
_WALKS = {"walk", "quick_walk", "crowd"}
_CALLS = {"walking", "chromium"}  # what those fixtures call, and a few tests themselves


def is_thorough(item: pytest.Function) -> bool:
    """Say whether a test needs what not everybody has, or longer than everybody waits."""
    callspec = getattr(item, "callspec", None)
    given = {} if callspec is None else callspec.params
    fixtures = set(item.fixturenames) - set(given)
    return (
        given.get("database_url") == "postgres"
        or not fixtures.isdisjoint(_POSTGRES | _BROWSER | _WALKS)
        or not _CALLS.isdisjoint(item.function.__code__.co_names)
    )


def mark(items: Iterable[pytest.Item]) -> None:
    """Mark what is thorough, and what is a property."""
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        if is_thorough(item):
            item.add_marker(pytest.mark.thorough)
        if is_hypothesis_test(item.obj):
            item.add_marker(pytest.mark.property)
