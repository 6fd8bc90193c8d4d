"""Alerts and dashboard ask for nothing but what the program counts, by the labels that it has."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml
from aiohttp import web

from bot.telemetry import Metrics
from sandbox.serving import Served
from services.model.jobs import Job
from tests.bot.program import ROOT
from tests.test_deploying import judged

ALERTS, DASHBOARD = ROOT / "deploy" / "alerts.yml", ROOT / "docs" / "grafana.json"
# What Prometheus has of everything that it asks.
OF_PROMETHEUS = {"up": set[str]()}
ON_EVERYTHING = {"job", "instance"}
_SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}
_ASKED = re.compile(r"\b([a-z][a-z_]*_[a-z_]+|up)\b(?:\{([^}]*)\})?(?!\s*\()")
_GROUPED = re.compile(r"\bby \(([^)]*)\)")


def counted() -> dict[str, set[str]]:
    """Return each series that there is, with the labels that Prometheus keeps of it."""
    metrics = Metrics()
    labels = {
        each.describe()[0].name: set(each._labelnames)  # noqa: SLF001 - nothing public says it
        for each in vars(metrics).values()
        if hasattr(each, "_labelnames")
    }
    return {
        f"{family.name}{suffix}": {
            f"exported_{name}" if name in ON_EVERYTHING else name
            for name in labels.get(family.name, ())
        }
        for family in metrics.registry.collect()
        for suffix in _SUFFIXES[family.type]
    } | OF_PROMETHEUS


def alerts() -> list[dict[str, Any]]:
    [group] = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return found


def questions() -> Iterator[str]:
    """Yield every expression of both."""
    yield from (each["expr"] for each in alerts())
    yield from (target["expr"] for each in panels() for target in each["targets"])


@pytest.mark.parametrize("question", list(questions()))
def test_what_is_asked_for_is_counted(question: str) -> None:
    there = counted()
    functions = {"histogram_quantile"}
    bare = _GROUPED.sub("", question)
    asked = [(name, by) for name, by in _ASKED.findall(bare) if name not in functions]
    known = {name: there.get(name) for name, _ in asked}
    grouped = {name.strip() for by in _GROUPED.findall(question) for name in by.split(",")}

    assert asked
    assert [name for name, labels in known.items() if labels is None] == []
    for name, matched in asked:
        labels = (known[name] or set()) | ON_EVERYTHING | ({"le"} if "_bucket" in name else set())
        assert grouped <= labels
        assert set(re.findall(r"(\w+)\s*[=!]~?\"", matched)) <= labels


def test_even_the_first_bug_raises_its_alert() -> None:
    """Prometheus needs a count from before it, and adds two series only where it has both."""
    families = {each.name: each.samples for each in Metrics().registry.collect()}
    [asked] = [each["expr"] for each in alerts() if each["alert"] == "PaymoXeroBug"]

    for name in ("job_bugs", "slack_handler_bugs"):
        assert {each.value for each in families[name] if each.name.endswith("_total")} == {0}
        assert f"{name}_total" in asked
    assert " + " not in asked
    before = {each.labels["job"] for each in families["job_bugs"] if "job" in each.labels}
    assert before == {each.value for each in Job}


async def test_what_stays_unanswered_counts_against_a_remote_system_from_the_start() -> None:
    """With no answer at all there would be nothing to compare."""
    metrics, served = Metrics(), await Served.start(web.Application())
    async with httpx.AsyncClient(trust_env=False) as client:
        metrics.watch("xero", client)
        await client.get(served.url)
        await served.stop()
        with pytest.raises(httpx.ConnectError):
            await client.get(served.url)
    shown = metrics.registry.get_sample_value

    assert shown("remote_requests_total", {"system": "xero"}) == 2
    assert shown("remote_answers_total", {"system": "xero", "status": "404"}) == 1
    assert shown("remote_answers_total", {"system": "xero", "status": "200"}) == 0


def test_every_alert_says_what_happened_and_what_to_do() -> None:
    for each in alerts():
        assert each["alert"].startswith("PaymoXero")
        assert set(each["annotations"]) == {"summary", "action"}
        assert each["labels"]["severity"] in {"page", "ticket"}


def test_everything_that_is_counted_is_on_the_dashboard() -> None:
    asked = " ".join(target["expr"] for each in panels() for target in each["targets"])
    own = {name for name in counted() if not name.startswith(("process_", "up"))}
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in own}

    assert {name for name in families if name not in asked} == set()


async def test_prometheus_takes_the_rules() -> None:
    status, told = await judged("promtool", "check", "rules", str(ALERTS))

    assert status == 0, told
