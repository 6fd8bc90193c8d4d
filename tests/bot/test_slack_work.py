"""Handlers that go on after the answer: what Slack sees, what is logged, what is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
import structlog
from sqlalchemy.exc import OperationalError

from bot.slack_app import SlackAnswer, SlackDoor
from bot.slack_clients import OneBot, SlackWeb
from bot.telemetry import Metrics
from bot.work import Tasks
from handlers.routing import Handler, Router, SlackRequest
from sandbox.slack import SlackWorld


@dataclass
class Bench:
    """The door to one handler of the test's own, and Slack to post to."""

    slack: SlackWorld
    door: SlackDoor
    forgotten: list[tuple[str, str]] = field(default_factory=list)

    async def command(self) -> SlackAnswer:
        """Have somebody type the command; return the answer."""
        anna, room = self.slack.user("Anna"), self.slack.channel("invoices")
        fields = self.slack.payloads.command(anna, room, "/paymo-xero", "x")
        return await self.send(dict(fields))

    async def send(self, body: dict[str, Any]) -> SlackAnswer:
        """Send a parsed body."""
        return await self.door.answer(body)


@asynccontextmanager
async def bench(handler: Handler, **names: Any) -> AsyncIterator[Bench]:
    slack = SlackWorld()
    slack.add_user("Anna")
    slack.add_channel("invoices")
    served = await slack.start()
    forgotten: list[tuple[str, str]] = []

    async def forget(enterprise_id: str, team_id: str) -> None:
        forgotten.append((enterprise_id, team_id))

    async with aiohttp.ClientSession() as session:
        web = SlackWeb(f"{served.url}/api/", session)
        door = SlackDoor(
            router=Router(
                commands={"/paymo-xero": handler},
                events={"app_uninstalled": handler, "app_home_opened": handler},
                submissions={"form": handler},
            ),
            web=web,
            bots=OneBot(slack.team.bot_token, web),
            forget=forget,
            tasks=Tasks(),
            metrics=Metrics(),
            **names,
        )
        yield Bench(slack, door, forgotten)
        await door.tasks.drain(timedelta(seconds=5))
    await served.stop()


async def test_the_answer_leaves_while_the_handler_goes_on() -> None:
    go, ended = asyncio.Event(), asyncio.Event()

    async def handler(request: SlackRequest) -> None:
        await request.ack({"text": "at once"})
        await request.ack({"text": "too late"})
        await go.wait()
        ended.set()

    async with bench(handler) as made:
        answer = await made.command()

        assert answer.body == {"text": "at once"}
        assert not ended.is_set()
        go.set()
        await made.door.tasks.drain(timedelta(seconds=5))
        assert ended.is_set()


ORG = {"enterprise_id": "E1", "is_enterprise_install": True}


def org_event(kind: str, team_id: str | None = "T1") -> dict[str, Any]:
    event = {"type": kind, "user": "W1", "tab": "home", "channel": "D1"}
    authorizations = [{**ORG, "team_id": None, "user_id": "UBOT"}]
    return {"type": "event_callback", "team_id": team_id, "event": event} | {
        "enterprise_id": "E1",
        "authorizations": authorizations,
    }


def org_form(team: dict[str, str] | None) -> dict[str, Any]:
    return {
        "type": "view_submission",
        "team": team,
        "enterprise": {"id": "E1"},
        "user": {"id": "W1", "team_id": "T1"},
        "trigger_id": "1.2",
        "view": {"type": "modal", "callback_id": "form", "app_installed_team_id": "E1"},
    }


@pytest.mark.parametrize(
    ("body", "team_id"),
    [
        (org_event("app_home_opened"), "T1"),
        (org_event("app_home_opened", None), ""),
        (org_event("app_uninstalled"), ""),
        (org_form({"id": "T1", "enterprise_id": "E1"}), "T1"),
        (org_form(None), "T1"),
    ],
)
async def test_of_an_organisations_installation_the_workspace_is_found(
    body: dict[str, Any], team_id: str
) -> None:
    """A command names it; Home and forms have to find the same connections."""
    met: list[tuple[str, str, str]] = []

    async def handler(request: SlackRequest) -> None:
        met.append((request.person.enterprise_id, request.person.team_id, request.person.user_id))
        await request.ack()

    async with bench(handler) as made:
        await made.send(body)
        await made.door.tasks.drain(timedelta(seconds=5))

    assert met == [("E1", team_id, "W1")]


async def test_slack_is_answered_in_time_when_the_handler_is_slow() -> None:
    go = asyncio.Event()

    async def handler(_request: SlackRequest) -> None:
        await go.wait()

    async with bench(handler, patience=timedelta(milliseconds=50)) as made:
        answer = await made.command()

        assert (answer.status, answer.body) == (200, {})
        go.set()


async def test_a_bug_before_the_answer_is_told_to_the_person_and_logged() -> None:
    async def handler(_request: SlackRequest) -> None:
        raise RuntimeError("a bug")

    with structlog.testing.capture_logs() as logged:
        async with bench(handler) as made:
            answer = await made.command()

    assert "Something went wrong on our side" in answer.body["text"]
    assert [str(each["exc_info"]) for each in logged if each["event"] == "task_failed"] == ["a bug"]


async def test_a_bug_after_the_answer_is_told_to_the_person_and_logged() -> None:
    async def handler(request: SlackRequest) -> None:
        await request.ack()
        raise RuntimeError("a bug")

    with structlog.testing.capture_logs() as logged:
        async with bench(handler) as made:
            answer = await made.command()
            await _until(lambda: bool(made.slack.state.ephemerals))
            [told] = made.slack.state.ephemerals

    assert (answer.status, answer.body) == (200, {})
    assert "Something went wrong on our side" in told.text
    assert [str(each["exc_info"]) for each in logged if each["event"] == "task_failed"] == ["a bug"]


@pytest.mark.parametrize("is_answered", [False, True])
@pytest.mark.parametrize(
    ("problem", "bugs"),
    [(RuntimeError(), 1), (ConnectionRefusedError(), 0), (OperationalError("", {}, OSError()), 0)],
)
async def test_only_what_is_no_outage_of_our_database_counts_as_a_bug(
    problem: Exception, bugs: int, *, is_answered: bool
) -> None:
    """Somebody is woken by the count, and finds no traceback of an outage."""

    async def handler(request: SlackRequest) -> None:
        if is_answered:
            await request.ack()
        raise problem

    async with bench(handler) as made:
        await made.command()
        await made.door.tasks.drain(timedelta(seconds=5))
        counted = made.door.metrics.registry.get_sample_value(
            "slack_handler_bugs_total", {"kind": "command"}
        )

    assert counted == bugs


async def test_who_the_app_is_is_asked_once() -> None:
    seen: list[str | None] = []

    async def handler(request: SlackRequest) -> None:
        seen.append(request.client.token)
        await request.ack()

    async with bench(handler) as made:
        for _ in range(3):
            await made.command()

        asked = [each for each in made.slack.wire.entries if each["path"].endswith("auth.test")]
        assert len(asked) == 1
        assert seen == [made.slack.team.bot_token] * 3


async def test_a_workspace_that_takes_the_app_away_is_forgotten() -> None:
    async def handler(request: SlackRequest) -> None:
        await request.ack()

    async with bench(handler) as made:
        team = made.slack.team
        await made.send(made.slack.payloads.event(team, {"type": "app_uninstalled"}))
        await _until(lambda: made.forgotten == [("", team.id)])


@pytest.mark.parametrize(
    "trouble",
    [{"status": 502, "body": "<html>"}, {"status": 200, "body": "null"}, {"hang_up": "before"}],
    ids=["page", "nothing", "hung up"],
)
async def test_while_slack_does_not_say_who_the_app_is_it_works_all_the_same(
    trouble: dict[str, Any],
) -> None:
    seen: list[str | None] = []

    async def handler(request: SlackRequest) -> None:
        seen.append(request.client.token)
        await request.ack({"text": "here"})

    async with bench(handler) as made:
        fault = made.slack.faults.add(path="auth.test", times=9, **trouble)
        answer = await made.command()
        fault.times = 0
        await made.command()

        assert answer.body == {"text": "here"}
        assert seen == [made.slack.team.bot_token] * 2


async def test_a_token_that_slack_refuses_is_said_to_the_person() -> None:
    async def handler(request: SlackRequest) -> None:
        await request.ack()

    async with bench(handler) as made:
        made.slack.refuse("auth.test", "account_inactive")
        answer = await made.command()

        assert answer.status == 200
        assert "isn't installed in this workspace" in answer.body["text"]


async def _until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_true():
            await asyncio.sleep(0.01)
