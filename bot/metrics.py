"""What the program counts, for Prometheus; ids and contents stay out of it."""

import httpx
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

from bot.work import Run
from services.model.jobs import Job

_SOON = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3)


class Metrics:
    """One registry for one program; nothing here is global."""

    def __init__(self) -> None:
        """Make every metric in this registry."""
        registry = self.registry = CollectorRegistry()
        self.acks = Histogram(
            "slack_ack_seconds",
            "From Slack's request to our answer, by kind of request.",
            ["kind"],
            registry=registry,
            buckets=_SOON,
        )
        self.handler_bugs = Counter(
            "slack_handler_bugs", "Handlers that failed.", ["kind"], registry=registry
        )
        self.jobs = Histogram(
            "job_seconds", "How long steps of work take.", ["job"], registry=registry
        )
        self.job_bugs = Counter(
            "job_bugs", "Jobs that failed by a bug.", ["job"], registry=registry
        )
        self.answers = Counter(
            "remote_answers",
            "Answers of Xero and Paymo, by status.",
            ["system", "status"],
            registry=registry,
        )
        self.webhooks = Counter(
            "webhooks",
            "Webhooks that came in, by what we answered.",
            ["system", "status"],
            registry=registry,
        )
        self.beat = Gauge("clock_beat_seconds", "When the clock last ticked.", registry=registry)
        ProcessCollector(registry=registry)

    def measured(self, run: Run) -> Run:
        """Measure each run."""

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
