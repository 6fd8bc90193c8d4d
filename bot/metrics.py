"""What the program counts, for Prometheus; ids and contents stay out of it."""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

from services.model.jobs import Job

_SOON = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3)


@dataclass(frozen=True, slots=True)
class Metrics:
    """One registry for one program; nothing here is global."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    acks: Histogram = field(init=False)
    handler_bugs: Counter = field(init=False)
    jobs: Histogram = field(init=False)
    job_bugs: Counter = field(init=False)
    answers: Counter = field(init=False)
    webhooks: Counter = field(init=False)
    beat: Gauge = field(init=False)

    def __post_init__(self) -> None:
        """Make every metric in this registry."""
        made = {
            "acks": Histogram(
                "slack_ack_seconds",
                "From Slack's request to our answer, by kind of request.",
                ["kind"],
                registry=self.registry,
                buckets=_SOON,
            ),
            "handler_bugs": self._counter("slack_handler_bugs", "Handlers that failed.", "kind"),
            "jobs": Histogram(
                "job_seconds", "How long looks at a row take.", ["job"], registry=self.registry
            ),
            "job_bugs": self._counter("job_bugs", "Jobs that failed by a bug.", "job"),
            "answers": self._counter(
                "remote_answers", "Answers of Xero and Paymo, by status.", "system", "status"
            ),
            "webhooks": self._counter(
                "webhooks", "Webhooks that came in, by what we answered.", "system", "status"
            ),
            "beat": Gauge(
                "clock_beat_seconds", "When the clock last ticked.", registry=self.registry
            ),
        }
        for name, metric in made.items():
            object.__setattr__(self, name, metric)
        ProcessCollector(registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    @contextmanager
    def acking(self, kind: str) -> Iterator[None]:
        """Measure how long Slack waits."""
        began = time.perf_counter()
        yield
        self.acks.labels(kind).observe(time.perf_counter() - began)

    def measured(
        self, run: Callable[[Job, int], Awaitable[None]]
    ) -> Callable[[Job, int], Awaitable[None]]:
        """Return the same, measured."""

        async def look(job: Job, key: int) -> None:
            with self.jobs.labels(job.value).time():
                await run(job, key)

        return look

    async def count_bug(self, job: Job, _key: int) -> None:
        """Count a job that failed; its row comes due again when its lease ends."""
        self.job_bugs.labels(job.value).inc()

    def watch(self, system: str, http: httpx.AsyncClient) -> None:
        """Count the answers of a remote system."""

        async def count(response: httpx.Response) -> None:
            self.answers.labels(system, response.status_code).inc()

        http.event_hooks = {**http.event_hooks, "response": [count]}

    def page(self) -> bytes:
        """Return everything as Prometheus reads it."""
        return generate_latest(self.registry)
