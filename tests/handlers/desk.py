"""Our handlers behind Slack's stand-in, with no program around them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from slack_sdk.http_retry import FixedValueRetryIntervalCalculator
from slack_sdk.http_retry.async_handler import AsyncRetryHandler
from slack_sdk.http_retry.builtin_async_handlers import AsyncConnectionErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack_app import AfterAnswers, BoltAck, UrlRespond
from bot.slack_clients import SlackWeb
from bot.work import EmbeddedWork
from handlers.guarding import guarded
from handlers.routing import Ack, Handler, SlackRequest
from services.model.jobs import Job
from services.model.people import Person
from tests.sandbox.slack_bench import Bench

Json = dict[str, Any]
Done = TypeVar("Done")


@dataclass(slots=True)
class Desk:
    """The stand-in and one handler, which answers whatever comes."""

    bench: Bench
    handler: Handler | None = None
    work: EmbeddedWork = field(default_factory=lambda: EmbeddedWork(_nothing))
    running: list[asyncio.Future[None]] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[Self]:
        """Put it on its sockets."""
        async with Bench.open() as bench:
            desk = cls(bench)
            bench.reply = desk.reply
            yield desk

    async def reply(self, body: Json) -> Json | None:
        """Hand a body to the handler; it goes on when Slack has the answer, as in the program."""
        if self.handler is None:
            return None
        departure = AfterAnswers(self.work).departure()
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        with departure.awaited():
            run = guarded(self.handler)(self.request(body, BoltAck(future)))
            task = asyncio.ensure_future(run)
        self.running.append(task)
        self.bench.sent = departure.leave
        await asyncio.wait((future, task), return_when=asyncio.FIRST_COMPLETED)
        return (future.result() or None) if future.done() else None

    async def ended(self, act: Awaitable[Done]) -> Done:
        """Do what a person does, and return when the handler has ended, too."""
        done = await act
        await asyncio.gather(*self.running)
        self.running.clear()
        return done

    def request(self, body: Json, ack: Ack) -> SlackRequest:
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
            client=self.slack,
            ack=ack,
            respond=UrlRespond(str(body.get("response_url") or ""), self.bench.session),
        )

    async def client(self, workspace_id: int) -> AsyncWebClient:
        """Return the client that the program would use for a workspace."""
        return self.slack

    @property
    def slack(self) -> AsyncWebClient:
        """The program's client, with the present token."""
        web = SlackWeb(f"{self.bench.world.url}/api/", self.bench.session, at_once)
        return web.client(self.bench.world.team.bot_token)

    @property
    def read_by_anna(self) -> list[str]:
        """What Anna alone was told in channels, and what the app wrote to her."""
        world = self.bench.world
        told = [*world.ephemerals(self.bench.anna), *world.messages(world.direct(self.bench.anna))]
        return [each.text for each in told]


def at_once() -> list[AsyncRetryHandler]:
    """Try again as often as the program does, without the pause before."""
    return [
        AsyncConnectionErrorRetryHandler(interval_calculator=FixedValueRetryIntervalCalculator(0))
    ]


async def _nothing(_job: Job, _key: int) -> None:
    """No job of a desk does anything."""
