"""Our handlers behind Slack's stand-in, with no program around them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from slack_sdk.web.async_client import AsyncWebClient

from bot.slack_app import Response
from handlers.guarding import guarded
from handlers.routing import Handler, Router, SlackRequest
from services.model import Person
from tests.sandbox.slack_bench import Bench

Json = dict[str, Any]


@dataclass(slots=True)
class FirstAnswer:
    """What Slack is answered; only the first answer counts."""

    answer: Json | None = None
    is_given: bool = False

    async def __call__(self, answer: Json | None = None) -> None:
        """Answer."""
        if not self.is_given:
            self.answer, self.is_given = answer or None, True


@dataclass(slots=True)
class Desk:
    """The stand-in and one handler, which answers whatever comes."""

    bench: Bench
    handler: Handler | None = None
    router: Router = field(default_factory=Router)

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[Self]:
        """Put it on its sockets."""
        async with Bench.open() as bench:
            desk = cls(bench)
            bench.reply = desk.reply
            yield desk

    async def reply(self, body: Json) -> Json | None:
        """Hand a body to the handler, and return what Slack is answered."""
        ack = FirstAnswer()
        if self.handler is not None:
            await guarded(self.handler)(self.request(body, ack))
        return ack.answer

    def request(self, body: Json, ack: FirstAnswer) -> SlackRequest:
        """Return the body as handlers get it."""
        channel = body.get("channel")
        channel_id = channel.get("id", "") if isinstance(channel, dict) else ""
        return SlackRequest(
            body=body,
            person=Person(
                "",
                self.bench.world.team.id,
                self.bench.anna.id,
                str(body.get("channel_id") or channel_id),
            ),
            client=self.bench.slack,
            ack=ack,
            respond=Response(str(body.get("response_url") or ""), self.bench.session),
        )

    async def client(self, workspace_id: int) -> AsyncWebClient:
        """Return Slack's own SDK, as the program would for a workspace."""
        return self.bench.slack

    @property
    def read_by_anna(self) -> list[str]:
        """What Anna alone was told in channels, and what the app wrote to her."""
        world = self.bench.world
        told = [*world.ephemerals(self.bench.anna), *world.messages(world.direct(self.bench.anna))]
        return [each.text for each in told]
