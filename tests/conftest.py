"""What every test shares: no network but loopback, and no skipping where it is forbidden."""

import asyncio
import gc
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from hypothesis import settings

from tests import split
from tests.databases import (
    choose_databases,
    database_url,
    lasting_databases,
    postgres_server,
    postgres_url,
    sqlite_template,
    sqlite_url,
    used_databases,
)
from tests.properties import USUAL

__all__ = [
    "database_url",
    "lasting_databases",
    "postgres_server",
    "postgres_url",
    "sqlite_template",
    "sqlite_url",
    "used_databases",
]

_LOOPBACK = ("127.", "::1", "localhost")


def _refuse_the_internet(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse every connection that would leave this machine."""
    if event != "socket.connect":
        return
    address = arguments[1]
    if isinstance(address, tuple) and not str(address[0]).startswith(_LOOPBACK):
        raise AssertionError(f"a test tried to reach {address[0]}")


sys.addaudithook(_refuse_the_internet)
settings.register_profile("usual", USUAL)
settings.load_profile("usual")
# A test leaves little behind: looking for it every 700 objects costs a twentieth of all time.
gc.set_threshold(50_000, 20, 20)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run tests on the kind of loop that the program runs on."""
    return {"uvloop": uvloop.new_event_loop}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Choose the databases that a test runs on."""
    choose_databases(metafunc)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make test` leaves to `make test-all`, before anything is chosen by marks."""
    split.mark(items)


def pytest_collection_finish() -> None:
    """Spare the collector what stays: all modules, and all tests."""
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Any:
    """Turn a skip into a failure when every test has to run."""
    report = yield
    if report.skipped and os.environ.get("FORBID_SKIPS") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipping is forbidden here: {report.longrepr}"
    return report
