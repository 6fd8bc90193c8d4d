"""Slack, as one address: its Web API, its people, and what it tells the app."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from sandbox.serving import Fault, Handler, Served, control_routes
from sandbox.slack.api.chat import Chat
from sandbox.slack.api.files import Files
from sandbox.slack.api.http import WebAPI
from sandbox.slack.api.views import Views
from sandbox.slack.api.workspaces import Places
from sandbox.slack.control import Control
from sandbox.slack.events import Events
from sandbox.slack.model import Refused, Team

PAGE = Path(__file__).parent / "page"
_MOST_BODY = 10 * 1024 * 1024
_JSON = "application/json"
_GONE = {"used_url": 404, "expired_url": 404}


@dataclass(slots=True, kw_only=True)
class SlackWorld(Events):
    """The stand-in; serve `app()` on a socket, set `url` to it, and `connect_app` to the app.

    `start` does the first two. Give it a clock to rule its time.
    """

    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def connect_app(self, url: str) -> None:
        """Say where the app listens for everything that Slack sends (its /slack/events)."""
        self.door.url = url
        self.authority.redirect_uri = f"{url.removesuffix('/events')}/oauth_redirect"

    async def start(self, *, host: str = "127.0.0.1", port: int = 0) -> Served:
        """Serve this stand-in; whoever starts it also stops it."""
        served = await Served.start(self.app(), host=host, port=port)
        self.url = served.url
        return served

    def app(self) -> web.Application:
        """The whole of it as one application."""
        app = web.Application(
            client_max_size=_MOST_BODY, middlewares=[self._find_self, self.faults.middleware]
        )
        files = Files(self.posts)
        parts = (Chat(self.posts), files, Views(self.screens), Places(self.posts))
        methods = {name: method for part in parts for name, method in part.methods().items()}
        api = WebAPI(self.authority, self.wire, methods, self._gone, self.sockets)
        app.add_routes(
            [
                web.route("*", "/api/{method}", api.answer),
                web.get("/link/", self.sockets.serve),
                web.post("/upload/v1/{file}", files.take),
                web.get("/files/{file}", files.give),
                web.post("/response/{team}/{key}", self._answer_url),
                web.get("/oauth/v2/authorize", self.authority.page),
                web.post("/oauth/v2/authorize", self.authority.answer),
                web.get("/", _index),
                web.get("/app_redirect", _redirect),
                web.static("/page", PAGE),
                *Control(self).routes(),
                *control_routes(self.faults, self.reset),
            ]
        )
        app.cleanup_ctx.append(self._running)
        app.on_shutdown.append(self._hang_up)
        return app

    def reset(self) -> None:
        """Forget what was said, opened and sent; workspaces, people and channels stay."""
        self.state.reset()
        self.authority.codes.clear()
        self.wire.entries.clear()
        self.door.answers.clear()

    def rate_limit(self, method: str, *, seconds: int = 1) -> Fault:
        """Refuse the next call of a method, saying when to come again."""
        return self.faults.add(
            path=f"^/api/{method}$",
            status=429,
            headers={"Retry-After": str(seconds), "Content-Type": _JSON},
            body='{"ok": false, "error": "ratelimited"}',
        )

    def refuse(self, method: str, error: str, *, times: int = 1) -> Fault:
        """Answer the next calls of a method with one of Slack's errors."""
        return self.faults.add(
            path=f"^/api/{method}$",
            times=times,
            status=200,
            headers={"Content-Type": _JSON},
            body=f'{{"ok": false, "error": "{error}"}}',
        )

    def _gone(self, team: Team, bot_user_id: str) -> None:
        if self.door.url or self.sockets.is_used:
            task = asyncio.create_task(self.farewell(team, bot_user_id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer_url(self, request: web.Request) -> web.Response:
        asked = await request.text()
        status, words = 200, "ok"
        try:
            self.posts.respond(request.match_info["key"], await request.json())
        except Refused as refused:
            status, words = _GONE.get(refused.error, 400), refused.error
        self.wire.note("from_app", request.path, asked, (status, words))
        return web.Response(status=status, text=words)

    @web.middleware
    async def _find_self(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self.url:
            self.url = f"http://{request.host}"
        return await handler(request)

    async def _hang_up(self, _: web.Application) -> None:
        await self.sockets.drop()

    async def _running(self, _: web.Application) -> AsyncIterator[None]:
        yield
        for task in self._tasks:
            task.cancel()
        await self.door.close()


async def _index(_: web.Request) -> web.FileResponse:
    return web.FileResponse(PAGE / "index.html")


async def _redirect(_: web.Request) -> web.Response:
    """Take a link from elsewhere into the workspace, as Slack's own does."""
    raise web.HTTPFound("/")
