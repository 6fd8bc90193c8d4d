"""Connects Bolt to our handlers: routes what Bolt lets through, and answers Slack at once.

Bolt reads who asks and where, skips the app's own acts, and answers what Slack asks every app. It
would then ask each listener in turn whether it matches, and poll for the answer. Both cost more
than our handlers do, so its last middleware is ours and ends Bolt's part.

What a command's handler says before its first wait is the answer itself. Everything else gets an
empty answer at once, and what the handler says follows.

What a listener nudges for begins when Slack has the answer. A quick job would otherwise draw its
result before the answer arrives, and the answer's own view would then cover it for good.
"""

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any, NoReturn

import aiohttp
import msgspec
import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.webhook.async_client import AsyncWebhookClient
from sqlalchemy.exc import SQLAlchemyError
from structlog.contextvars import bind_contextvars

from bot.slack_clients import Bot, BotAuthorize, Bots, LightApp, SlackWeb
from bot.telemetry import KINDS, Metrics
from bot.work import Nudge, Tasks
from handlers import names, reply
from handlers.blocks import Block, modal, paragraphs
from handlers.routing import (
    FAREWELLS,
    Body,
    Handler,
    Router,
    SlackRequest,
    labels_of,
    lacking,
    workspace_in,
)
from handlers.slack import best_effort, code_of
from services.jobs.runner import Work
from services.model.jobs import Job
from services.model.people import Person

log = structlog.get_logger(__name__)

PATIENCE = timedelta(seconds=2.5)  # Slack gives up after three
_APOLOGY = (
    "Something went wrong on our side. Nothing is lost. Try again, and tell whoever runs "
    "paymo-xero if it happens twice."
)
_NO_INSTALLATION = "The app isn't installed in this workspace. Ask an admin to install it."
_PASSED = BoltResponse(status=200)
_LONGEST_ID = 32  # characters; Slack's have eleven
_AWAITED: "ContextVar[Departure | None]" = ContextVar("awaited", default=None)

Forget = Callable[[str, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class SlackAnswer:
    """Our answer to Slack: an object, or nothing."""

    body: Body = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True, slots=True, eq=False)
class Departure:
    """One answer on its way to Slack, and the nudges that wait for it."""

    work: Work
    open: "set[Departure]"  # all that have not left yet
    waiting: dict[Nudge, None] = field(default_factory=dict)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @contextmanager
    def awaited(self) -> Iterator[None]:
        """Tie every task that starts in here to this answer."""
        before = _AWAITED.set(self)
        try:
            yield
        finally:
            _AWAITED.reset(before)

    async def leave(self) -> None:
        """Note that the answer has left, or never will, and pass on the nudges that waited."""
        self.gone.set()
        self.open.discard(self)
        while self.waiting:
            first = next(iter(self.waiting))
            del self.waiting[first]
            await self.work.nudge(*first)


@dataclass(frozen=True, slots=True)
class AfterAnswers:
    """Passes nudges on at once, but a listener's only when its answer has left."""

    work: Work
    open: set[Departure] = field(default_factory=set)

    def departure(self) -> Departure:
        """Start answering Slack."""
        departure = Departure(self.work, self.open)
        self.open.add(departure)
        return departure

    async def nudge(self, job: Job, key: int) -> None:
        """Have a worker take this row soon, but not before Slack has its answer."""
        departure = _AWAITED.get()
        if departure is None or departure.gone.is_set():
            await self.work.nudge(job, key)
        else:
            departure.waiting[job, key] = None
            log.info("asked", job=job, key=key)

    async def remind(self, job: Job, key: int) -> None:
        """Pass on the clock's nudge, unless a listener's nudge for the same row still waits."""
        if not any((job, key) in departure.waiting for departure in self.open):
            await self.work.nudge(job, key)


@dataclass(frozen=True, slots=True)
class BoltAck:
    """What Slack waits for; the first answer counts."""

    future: asyncio.Future[Body]

    async def __call__(self, answer: Body | None = None) -> bool:
        """Answer, empty without a body; a handler goes on when the answer has left."""
        if is_first := not self.future.done():
            self.future.set_result(answer or {})
        departure = _AWAITED.get()
        if departure is not None:
            await departure.gone.wait()
        return is_first


@dataclass(frozen=True, slots=True)
class UrlRespond:
    """Posts to the address that came with a command or a press.

    While Slack waits for the answer to a command, the first post is that answer.
    """

    url: str
    session: aiohttp.ClientSession
    ack: BoltAck | None = None  # a command's

    async def __call__(
        self,
        *,
        text: str,
        blocks: Sequence[Block],
        response_type: str = "ephemeral",
        replace_original: bool = False,
        delete_original: bool = False,
    ) -> Any:
        """Post; Slack takes five of these within half an hour. Raises `SlackClientError`."""
        if self.ack is not None and not self.ack.future.done():
            await self.ack({"response_type": response_type, "text": text, "blocks": list(blocks)})
            return None
        if not self.url:
            log.warning("no_response_url")
            return None
        client = AsyncWebhookClient(self.url, session=self.session)
        try:
            if delete_original:  # stands alone
                return await client.send(delete_original=True)
            return await client.send(
                text=text,
                blocks=list(blocks),
                response_type=response_type,
                replace_original=replace_original,
            )
        except (aiohttp.ClientError, OSError, ValueError, LookupError) as error:
            raise SlackClientError(f"no answer: {type(error).__name__}") from error


class _Passing(AsyncMiddleware):
    """The last of Bolt's middlewares; Bolt would pass thirty arguments to a function."""

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,
        next: Any,  # noqa: A002 - Bolt's name
    ) -> BoltResponse:
        """Say that Bolt lets the request pass, and that our handler answers."""
        return _PASSED


@dataclass(frozen=True)
class SlackDoor:
    """Hands each request to its handler and answers Slack in time."""

    router: Router
    web: SlackWeb
    bots: Bots
    forget: Forget
    tasks: Tasks
    metrics: Metrics
    patience: timedelta = PATIENCE

    @cached_property
    def bolt(self) -> AsyncApp:
        """The Bolt app; the caller has checked the signature."""
        # Bolt's annotation forgets that it takes its own class, too.
        authorize: Any = BotAuthorize()  # type: ignore[no-untyped-call]
        with _unseen_by_bolt():
            app = LightApp(
                client=self.web.client(),
                authorize=authorize,
                process_before_response=True,
                request_verification_enabled=False,
                attaching_function_token_enabled=False,
            )
        app.use(_Passing())
        app.error(_pass_on)
        return app

    async def answer(self, body: Body) -> SlackAnswer:
        """Answer a body whose sender is verified."""
        kind = kind_of(body)
        bind_contextvars(request_id=secrets.token_hex(6))  # each request has a task of its own
        with self.metrics.acks.labels(kind).time():
            try:
                # Bolt accepts a parsed body in this mode only.
                return await self._answer(AsyncBoltRequest(body=body, mode="socket_mode"))
            except (LookupError, TypeError, AttributeError):
                log.exception("slack_body_not_understood", kind=kind)
                return SlackAnswer(status=400)
            except (SQLAlchemyError, OSError):
                log.exception("nobody_authorized", kind=kind)
                return SlackAnswer(status=500)

    async def _answer(self, request: AsyncBoltRequest) -> SlackAnswer:
        body, context = request.body, request.context
        handler, person = self.router.find(body), _person_in(body, context)
        if handler is not None:
            if lacks := lacking(body, person.user_id):
                log.warning("slack_body_incomplete", kind=kind_of(body), lacks=lacks)
                return SlackAnswer(status=400)
            if (body.get("event") or {}).get("type") not in FAREWELLS:
                context["bot"] = await self._bot(person)
                if context["bot"] is None:
                    return self._stay_out(body, person)
        elif body.get("type") != "url_verification" and body.get("ssl_check") != "1":
            if kind_of(body) != "event_callback":
                log.info("no_handler", kind=kind_of(body))
            return _empty(body)
        answered = await self.bolt.async_dispatch(request)
        if handler is not None and answered is _PASSED:
            return await self._ask(handler, body, person, context.bot_token or "")
        said = msgspec.json.decode(answered.body) if answered.body else {}
        return SlackAnswer(said, answered.status)

    async def _bot(self, person: Person) -> Bot | None:
        """Find the app's bot where the request came from; None if it isn't installed."""
        try:
            return await self.bots.find(person.enterprise_id, person.team_id)
        except SlackApiError as error:
            log.warning("slack_refused_token", error=code_of(error))
            return None

    def _stay_out(self, body: Body, person: Person) -> SlackAnswer:
        log.error("not_installed", team_id=person.team_id)
        if "command" not in body and (url := _response_url_in(body)):
            respond, said = UrlRespond(url, self.web.session), paragraphs([_NO_INSTALLATION])
            telling = respond(text=_NO_INSTALLATION, blocks=said)
            self.tasks.start(_tell(telling), "not installed")
        return _instead(body, _NO_INSTALLATION)

    async def _ask(self, handler: Handler, body: Body, person: Person, token: str) -> SlackAnswer:
        """Have the handler answer; it goes on after that."""
        future: asyncio.Future[Body] = asyncio.get_running_loop().create_future()
        ack, url = BoltAck(future), _response_url_in(body)
        respond = UrlRespond(url, self.web.session, ack if "command" in body else None)
        request = SlackRequest(body, person, self.web.client(token), ack, respond)
        task = self.tasks.start(self._handle(handler, request), f"slack {kind_of(body)}")
        await asyncio.sleep(0)  # until its first wait
        if not future.done() and not task.done() and "command" not in body:
            await asyncio.wait(
                (future, task),
                timeout=self.patience.total_seconds(),
                return_when=asyncio.FIRST_COMPLETED,
            )
        if not future.done() and not task.done():
            future.set_result({})
        if future.done():
            task.add_done_callback(lambda ended: self._apologise_later(ended, request))
            return SlackAnswer(future.result()) if future.result() else _empty(body)
        if not task.cancelled() and (problem := task.exception()) is not None:
            self.metrics.count_failure(kind_of(body), problem)
            return _instead(body, _APOLOGY)
        return _empty(body)

    async def _handle(self, handler: Handler, request: SlackRequest) -> None:
        await handler(request)
        if _takes_the_app_away(request.body.get("event") or {}):
            await self.forget(request.person.enterprise_id, request.person.team_id)

    def _apologise_later(self, ended: asyncio.Task[None], request: SlackRequest) -> None:
        """Apologise to somebody who was answered already, and waits for what will not come."""
        if ended.cancelled() or (problem := ended.exception()) is None:
            return
        self.metrics.count_failure(kind_of(request.body), problem)
        if request.body.get("response_url") or request.body.get("type") == "view_submission":
            self.tasks.start(_tell(reply.tell(request, _APOLOGY)), "apology")


async def _tell(telling: Awaitable[Any]) -> None:
    with best_effort():
        await telling


@contextmanager
def _unseen_by_bolt() -> Iterator[None]:
    """Hide the variables that Bolt reads by itself: with some it would keep tokens in files."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("SLACK_")}
    try:
        yield
    finally:
        os.environ.update(hidden)


async def _pass_on(error: Exception) -> NoReturn:
    """Leave what Bolt stumbled over to `answer`, which says what that is."""
    raise error


def _person_in(body: Body, context: AsyncBoltContext) -> Person:
    """Return who acts and where, which Bolt finds in every kind of request."""
    name, workspace = labels_of(body)
    return Person(
        enterprise_id=_id(context.enterprise_id),
        team_id=_id(workspace_in(body, context.team_id)),
        user_id=_id(context.user_id),
        channel_id=_id(context.channel_id),
        name=name,
        workspace=workspace,
    )


def _id(text: object) -> str:
    """Return an id of Slack's; what is none names nobody, and no database has to refuse it."""
    is_one = isinstance(text, str) and len(text) <= _LONGEST_ID and text.isprintable()
    return str(text) if is_one else ""


def _response_url_in(body: Body) -> str:
    """Return where to answer later: a form that asked for a channel has it in a list."""
    [first, *_] = body.get("response_urls") or [{}]
    return str(body.get("response_url") or first.get("response_url") or "")


def kind_of(body: Body) -> str:
    """Name the kind of request: Slack's type, or `command`, or `other`."""
    if "command" in body:
        return "command"
    return body["type"] if body.get("type") in KINDS else "other"


def _takes_the_app_away(event: Body) -> bool:
    """Whether the bot's token is gone; people's own tokens do not concern us."""
    if event.get("type") == "tokens_revoked":
        return bool((event.get("tokens") or {}).get("bot"))
    return event.get("type") == "app_uninstalled"


def _empty(body: Body) -> SlackAnswer:
    return SlackAnswer({"options": []} if body.get("type") == "block_suggestion" else {})


def _instead(body: Body, text: str) -> SlackAnswer:
    """Say a sentence if the answer can hold one."""
    if "command" in body:
        return SlackAnswer({"response_type": "ephemeral", "text": text})
    if body.get("type") == "view_submission":
        view = modal(names.REFUSAL, "That Didn't Work", paragraphs([text]))
        return SlackAnswer({"response_action": "update", "view": view})
    return _empty(body)
