"""Structured logs without secrets, and the metrics for Prometheus."""

import logging
import re
import sys
import time
import traceback
from collections.abc import Mapping
from functools import partial
from typing import Any, TextIO

import httpx
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector
from structlog.typing import EventDict, Processor, WrappedLogger

from bot.work import Run
from services.model.jobs import Job, Left
from services.store import is_outage

HIDDEN = "[hidden]"
_AGAIN = 60.0  # seconds until the same failure is told once more
_MOST_KINDS = 1000
_NAMES = re.compile(
    r"secret|token|api_?key|password|authori[sz]ation|cookie|nonce|encryption|verifier|^code$",
    re.IGNORECASE,
)
_VALUES = (
    re.compile(r"()\bx(?:ox[a-z]|app|oxe\.xox[a-z])-[\w-]+"),  # Slack's tokens
    re.compile(r"()\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"),  # JSON web tokens, as Xero's are
    re.compile(r"(\b(?:Bearer|Basic)\s+)[\w.~+/=-]{8,}", re.IGNORECASE),
    re.compile(r"(://[^/\s:@]*:)[^/\s@]+(?=@)"),  # the password in a database's address
    re.compile(r"([?&](?:nonce|code|state|token|api_key)=)[^&\s\"']+", re.IGNORECASE),
    re.compile(r"(/webhooks/paymo/)[^/\s?\"']+"),
    re.compile(r"(\b(?:DETAIL|CONTEXT):\s+)[^\n]+"),  # PostgreSQL quotes the row that it refused
    re.compile(r"(\binvalid input for query argument \$\d+: )[^\n]+"),  # and its driver the value
)
# Libraries log rows, bodies and headers below WARNING; LOG_LEVEL is for our own code.
_OURS = ("bot", "handlers", "services", "sandbox")


# The kinds of request from Slack, by its own types but for the first and the last.
KINDS = (
    "command",
    "block_actions",
    "block_suggestion",
    "view_submission",
    "view_closed",
    "shortcut",
    "message_action",
    "event_callback",
    "other",
)
_SOON = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3)


def hide(value: Any, name: str = "") -> Any:
    """Remove secrets from a log entry."""
    if name and _NAMES.search(name) and value not in (None, ""):
        return HIDDEN
    if isinstance(value, BaseException):
        # Its text may quote a client, an amount, or what Xero said; those are for people.
        return type(value).__name__
    if isinstance(value, str):
        for pattern in _VALUES:
            value = pattern.sub(rf"\g<1>{HIDDEN}", value)
        return value
    if isinstance(value, Mapping):
        return {key: hide(each, str(key)) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [hide(each) for each in value]
    return value


class _Calm:
    """Logs what keeps failing once a minute; errors of the disk or the database take one line.

    A bug is logged with its traceback, and a different bug counts as new.
    """

    def __init__(self) -> None:
        self.told: dict[tuple[str, str], tuple[float, int]] = {}

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Drop what was logged within the minute. Raises `DropEvent`."""
        error = _error_of(event.get("exc_info"))
        if error is None:
            return event
        key = (str(event.get("event")), _place_of(error))
        if (repeated := self.repeated(key)) is None:
            raise structlog.DropEvent
        if repeated:
            event["repeated"] = repeated
        if is_outage(error):
            event["exc_info"] = None
            event["error"] = type(error).__name__
        return event

    def filter(self, record: logging.LogRecord) -> bool:
        """Do the same for the log entries of libraries, and for what they say again and again."""
        if isinstance(record.msg, dict):  # ours
            return True
        record.msg, record.args = " ".join(record.getMessage().split()), ()
        error = _error_of(record.exc_info)
        if error is None:
            return self.repeated((record.name, record.msg)) is not None
        is_new = self.repeated((record.name, _place_of(error))) is not None
        if is_outage(error):
            record.exc_info = None
        return is_new

    def repeated(self, key: tuple[str, str]) -> int | None:
        """Return how often it was dropped since it was logged, or None to drop it again."""
        now = time.monotonic()
        at, count = self.told.get(key, (-_AGAIN, 0))
        if now - at < _AGAIN:
            self.told[key] = (at, count + 1)
            return None
        if len(self.told) >= _MOST_KINDS:
            self.told.clear()
        self.told[key] = (now, 0)
        return count


def _error_of(info: Any) -> BaseException | None:
    if info is True:
        return sys.exc_info()[1]
    found = info[1] if isinstance(info, tuple) else info
    return found if isinstance(found, BaseException) else None


def _place_of(error: BaseException) -> str:
    """Name what failed and where, so that two bugs are never taken for one."""
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = "" if is_outage(error) else f"{place}"
    return f"{type(error).__qualname__}{where}"


def _hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: hide(value, key) for key, value in event.items()}


def configure(level: str, form: str, stream: TextIO = sys.stderr) -> None:
    """Send our logs and the libraries' through the same processors to one stream."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _hide_secrets,
    ]
    last: Processor = (
        structlog.processors.JSONRenderer(default=str)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    calm = _Calm()
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            calm,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(stream)
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[remove_meta, last]
        )
    )
    handler.addFilter(calm)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(logging.WARNING, logging.getLevelName(level)))
    for name in _OURS:
        logging.getLogger(name).setLevel(level)
    # Bolt warns of settings that it finds in the environment and does not need.
    logging.getLogger("slack_bolt").setLevel(logging.ERROR)


class Metrics:
    """One registry for one program; nothing here is global."""

    def __init__(self) -> None:
        """Make every metric in this registry."""
        registry = self.registry = CollectorRegistry()
        counter = partial(Counter, registry=registry)
        self.acks = Histogram(
            "slack_ack_seconds",
            "From Slack's request to our answer, by kind of request.",
            ["kind"],
            registry=registry,
            buckets=_SOON,
        )
        self.handler_bugs = counter("slack_handler_bugs", "Handlers that failed.", ["kind"])
        self.jobs = Histogram(
            "job_seconds", "How long steps of work take.", ["job"], registry=registry
        )
        self.job_bugs = counter("job_bugs", "Jobs that failed by a bug.", ["job"])
        self.requests = counter("remote_requests", "Requests to Xero and Paymo.", ["system"])
        self.answers = counter(
            "remote_answers", "Answers of Xero and Paymo, by status.", ["system", "status"]
        )
        self.webhooks = counter(
            "webhooks", "Webhooks that came in, by what we answered.", ["system", "status"]
        )
        self.beat = Gauge("clock_beat_seconds", "When the clock last ticked.", registry=registry)
        self.exports = Gauge(
            "exports_open",
            "Exports that have waited for a quarter of an hour, or failed and need somebody.",
            ["state"],
            registry=registry,
        )
        self.notices = Gauge(
            "notifications_undelivered",
            "Notifications that have waited for a quarter of an hour, or were given up in a day.",
            ["state"],
            registry=registry,
        )
        self.broken = Gauge(
            "connections_broken", "Connections that Xero or Paymo refuses.", registry=registry
        )
        ProcessCollector(registry=registry)
        self._begin_with_zero()

    def _begin_with_zero(self) -> None:
        """Have Prometheus see even the first bug: it needs a count that it has read before."""
        for kind in KINDS:
            self.handler_bugs.labels(kind)
        for job in Job:
            self.job_bugs.labels(job.value)

    def show_left(self, left: Left) -> None:
        """Set the gauges of what needs somebody."""
        self.exports.labels("waiting").set(left.exports_waiting)
        self.exports.labels("failed").set(left.exports_failed)
        self.notices.labels("waiting").set(left.notices_waiting)
        self.notices.labels("given_up").set(left.notices_given_up)
        self.broken.set(left.connections_broken)

    def measured(self, run: Run) -> Run:
        """Measure each run."""

        async def look(job: Job, key: int) -> None:
            with self.jobs.labels(job.value).time():
                await run(job, key)

        return look

    def count_failure(self, kind: str, problem: BaseException) -> None:
        """Count a handler that failed, unless our own database did."""
        if not is_outage(problem):
            self.handler_bugs.labels(kind).inc()

    async def count_bug(self, job: Job, _key: int) -> None:
        """Count a job that failed; its row comes due again when its lease ends."""
        self.job_bugs.labels(job.value).inc()

    def watch(self, system: str, http: httpx.AsyncClient) -> None:
        """Count what a remote system is asked, and its answers."""
        self.answers.labels(system, httpx.codes.OK)  # an alert divides by the requests

        async def count_request(_request: httpx.Request) -> None:
            self.requests.labels(system).inc()

        async def count_answer(response: httpx.Response) -> None:
            self.answers.labels(system, response.status_code).inc()

        http.event_hooks = {"request": [count_request], "response": [count_answer]}
