"""Logs: one line each, fields kept, secrets hidden wherever they stand."""

import errno
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import LiteralString

import pytest
import structlog
from procrastinate import PsycopgConnector
from procrastinate.exceptions import ConnectorException
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError

from bot import telemetry
from bot.distributed import DistributedWork
from services.errors import Rejected
from services.model.jobs import Job
from tests.databases import Cluster, open_database
from tests.walk import walking

PUT_INVOICES = ("PUT", "/api.xro/2.0/Invoices")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where logs go during a test."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    telemetry.configure("INFO", "json", stream)
    yield stream
    root.handlers = handlers
    root.setLevel(level)
    for name in ("bot", "handlers", "services", "sandbox"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.reset_defaults()


def told(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_object_a_line_with_its_fields(stream: io.StringIO) -> None:
    structlog.get_logger("services.x").info("swept", connection_id=7)
    logging.getLogger("library").warning("slow %s", "answer")

    [ours, theirs] = told(stream)

    assert (ours["event"], ours["connection_id"], ours["level"]) == ("swept", 7, "info")
    assert (theirs["event"], theirs["logger"]) == ("slow answer", "library")


@pytest.mark.parametrize(
    "text",
    [
        "refused xoxb-hunter2",
        "refused xapp-1-hunter2",
        "Bearer hunter2hunter2",
        "postgresql://me:hunter2@host/name",
        "GET /paymo/connect?nonce=hunter2 200",
        "GET /xero/callback?code=hunter2&state=hunter2",
        "POST /webhooks/paymo/hunter2",
        "eyJhunter2xx.hunter2.hunter2",
        "invalid input for query argument $1: 'hunter2' (a bytes-like object is required)",
    ],
)
def test_secrets_in_a_text_are_hidden(stream: io.StringIO, text: str) -> None:
    logging.getLogger("library").warning(text)

    assert "hunter2" not in stream.getvalue()
    assert telemetry.HIDDEN in stream.getvalue()


def test_secrets_are_hidden_by_their_name_also_inside_others(stream: io.StringIO) -> None:
    structlog.get_logger("services.x").info(
        "asked", api_key="hunter2", headers=[{"Cookie": "hunter2"}]
    )

    assert "hunter2" not in stream.getvalue()


def test_at_debug_libraries_stay_quiet_and_our_own_code_does_not(stream: io.StringIO) -> None:
    telemetry.configure("DEBUG", "json", stream)
    for name in ("sqlalchemy.engine.Engine", "aiosqlite", "slack_bolt.App", "a.new.library"):
        logging.getLogger(name).debug("Row ('Zoë', 'zoe@example.com', 12.50)")
    structlog.get_logger("services.x").debug("swept")

    assert [each["event"] for each in told(stream)] == ["swept"]


def test_a_refusal_is_logged_by_its_kind_and_not_by_what_it_says(stream: io.StringIO) -> None:
    refusal = Rejected("Xero refused: zoe@example.com is no e-mail address.")
    structlog.get_logger("services.x").warning("mirror_failed", refusal=refusal)

    assert [each["refusal"] for each in told(stream)] == ["Rejected"]


def test_e69_secrets_in_a_traceback_are_hidden(stream: io.StringIO) -> None:
    try:
        int("xoxb-hunter2")
    except ValueError:
        structlog.get_logger("services.x").exception("job_failed")

    assert "hunter2" not in stream.getvalue()
    assert "ValueError" in stream.getvalue()


async def test_one_id_leads_from_the_press_in_slack_to_the_call_at_xero(
    stream: io.StringIO, database_url: str
) -> None:
    async with walking(database_url) as walk:
        await walk.connect()
        await walk.export("INV-1")
        await walk.export("INV-2")
        await walk.notice("invoice_exported", 2)
    lines = told(stream)

    asked = [each for each in lines if (each["event"], each.get("job")) == ("asked", Job.EXPORT)]
    sent = [each for each in lines if (each.get("method"), each.get("path")) == PUT_INVOICES]
    assert len({each["request_id"] for each in asked}) == 2
    assert [each["request_id"] for each in sent] == [each["request_id"] for each in asked]
    assert [each["status"] for each in sent] == [200, 200]


def test_what_fails_again_and_again_is_told_once_and_a_full_disk_without_a_traceback(
    stream: io.StringIO,
) -> None:
    log = structlog.get_logger("services.x")
    problems: list[Exception] = [
        OperationalError("INSERT", {}, Exception("database or disk is full")),
        OSError(errno.ENOSPC, "No space left on device"),
        ValueError("a bug"),
        KeyError("another one"),
    ]
    for problem in problems * 3:
        try:
            raise problem
        except (OperationalError, OSError, ValueError, KeyError):
            log.exception("job_failed")
            logging.getLogger("library").exception("failed")

    lines = told(stream)
    assert len(lines) == 8
    traced = [str(each.get("exception", "")) for each in lines if each["event"] == "job_failed"]
    assert ["Traceback" in each for each in traced] == [False, False, True, True]


def test_what_a_library_says_again_and_again_takes_one_line_a_minute(stream: io.StringIO) -> None:
    for host in ("a", "a", "b"):
        logging.getLogger("psycopg.pool").warning("error at %s:\n\tis it %s?", host, "running")

    assert [each["event"] for each in told(stream)] == [
        "error at a: is it running?",
        "error at b: is it running?",
    ]
    assert stream.getvalue().count("\n") == 2


@asynccontextmanager
async def away(server: Cluster, url: str) -> AsyncIterator[None]:
    """Let nobody into a database."""
    name, admin = make_url(url).database, open_database(server.url())
    ended = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
    async with admin.sessions() as session:
        await session.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        await session.execute(ended, {"name": name})
        yield
        await session.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    await admin.close()


async def test_what_procrastinate_logs_takes_one_line_where_the_database_is_away(
    stream: io.StringIO, postgres_server: Cluster, postgres_url: str
) -> None:
    async def nothing(_job: Job, _key: int) -> None: ...

    async def logged(query: LiteralString) -> None:
        with pytest.raises(ConnectorException) as raised:
            await connector.execute_query_all_async(query)
        logging.getLogger("procrastinate.worker").error(query, exc_info=raised.value)

    work = DistributedWork(postgres_url, nothing)
    connector = work.app.connector
    assert isinstance(connector, PsycopgConnector)
    await work.app.open_async()
    await logged("SELECT nothing")
    async with away(postgres_server, postgres_url):
        connector.pool.timeout = 0.2
        await logged("SELECT 1")
    await work.stop(timedelta())

    traced = {each["event"]: "exception" in each for each in told(stream)}
    assert traced["SELECT nothing"]
    assert not traced["SELECT 1"]
