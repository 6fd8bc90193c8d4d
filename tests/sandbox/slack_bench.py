"""A small app on a socket beside Slack's stand-in: it keeps what it was sent, answers as told."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import aiohttp
from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.serving import Served
from sandbox.slack import Channel, SlackWorld, User, View

Json = dict[str, Any]
Reply = Callable[[Json], Awaitable[Any]]


@dataclass(slots=True)
class Time:
    """A clock that moves when told to."""

    moment: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Say what time it is."""
        return self.moment

    def pass_by(self, seconds: float) -> None:
        """Let so much time go by at once."""
        self.moment += timedelta(seconds=seconds)


@dataclass(slots=True)
class Bench:
    """The stand-in, two people in a channel, the app, and Slack's own SDK as its client."""

    world: SlackWorld
    time: Time
    anna: User
    ben: User
    room: Channel
    session: aiohttp.ClientSession
    received: list[Json] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    reply: Reply | None = None
    sent: Callable[[], Awaitable[None]] | None = None  # told once when the next answer has left

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[Self]:
        """Put both on their sockets, and take them off again."""
        time = Time()
        world = SlackWorld(now=time)
        anna = world.add_user("Anna", is_admin=True)
        ben = world.add_user("Ben")
        room = world.add_channel("invoices")
        served = await world.start()
        async with aiohttp.ClientSession() as session:
            bench = cls(world, time, anna, ben, room, session)
            app = web.Application()
            app.router.add_post("/slack/events", bench.receive)
            served_app = await Served.start(app)
            world.connect_app(f"{served_app.url}/slack/events")
            yield bench
            await served_app.stop()
        await served.stop()

    async def receive(self, request: web.Request) -> web.Response:
        """Judge the signature with Slack's SDK, keep the request, answer as told."""
        raw = await request.text()
        verifier = SignatureVerifier(self.world.signing_secret)
        if not verifier.is_valid_request(raw, dict(request.headers)):
            return web.Response(status=401)
        body = _decoded(raw, dict(await request.post()))
        self.received.append(body)
        self.headers.append(dict(request.headers))
        answer = await self.reply(body) if self.reply else None
        response = answer if isinstance(answer, web.Response) else _response(answer)
        await response.prepare(request)
        await response.write_eof()
        sent, self.sent = self.sent, None
        if sent is not None:
            await sent()
        return response

    @property
    def slack(self) -> AsyncWebClient:
        """Slack's own SDK with the present token."""
        return AsyncWebClient(
            token=self.world.team.bot_token,
            base_url=f"{self.world.url}/api/",
            session=self.session,
        )

    @property
    def last(self) -> Json:
        """Return what the app was sent last."""
        return self.received[-1]

    async def open_view(self, view: Json) -> View:
        """Let Anna's command open this modal."""
        await self.world.command(self.anna, self.room)
        await self.slack.views_open(trigger_id=self.last["trigger_id"], view=view)
        shown = self.world.top_view(self.anna)
        assert shown is not None
        return shown

    async def refusal(self, call: Awaitable[Any]) -> str:
        """Return the error that Slack's SDK raises for a call."""
        try:
            await call
        except SlackApiError as error:
            return str(error.response["error"])
        return ""


def answering(answer: Any) -> Reply:
    """Always answer so."""

    async def reply(_: Json) -> Any:
        return answer

    return reply


def words(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def option(value: str, text: str = "") -> Json:
    return {"text": words(text or value.title()), "value": value}


def button(action_id: str, **more: Any) -> Json:
    return {"type": "button", "action_id": action_id, "text": words("Press"), **more}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "block_id": "row", "elements": list(elements)}


def entry(name: str, element: Json, **more: Any) -> Json:
    """Return an input block whose block and action share a name."""
    held = {"action_id": name, **element}
    return {"type": "input", "block_id": name, "label": words(name), "element": held, **more}


def modal(*blocks: Json, **more: Any) -> Json:
    """Return a modal with a button to submit it."""
    said = list(blocks) or [{"type": "section", "text": words("Hello")}]
    return {
        "type": "modal",
        "callback_id": "test",
        "title": words("Test"),
        "submit": words("Send"),
        "blocks": said,
        **more,
    }


def _decoded(raw: str, form: Json) -> Json:
    if not form:
        found: Json = json.loads(raw)
        return found
    return json.loads(form["payload"]) if "payload" in form else form


def _response(answer: Any) -> web.Response:
    if answer is None:
        return web.Response()
    return web.Response(text=answer) if isinstance(answer, str) else web.json_response(answer)
