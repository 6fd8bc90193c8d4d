"""From Bolt to our handlers: one listener a kind, and answers that leave before the work ends.

Bolt asks each listener in turn whether it matches, and polls for the answer; both cost more than
our handlers do. So it knows one listener for each kind of request, and waits for none of them.

What a listener nudges for begins when Slack has the answer. A quick job would otherwise draw its
result before the answer arrives, and the answer's own view would then cover it for good.
"""

import asyncio
import os
import re
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackClientError
from slack_sdk.webhook.async_client import AsyncWebhookClient
from structlog.contextvars import bound_contextvars

from bot.slack_clients import Authorizer, CachedSeats, SlackWeb
from bot.telemetry import Metrics
from bot.work import Nudge, Tasks
from handlers.blocks import Block, modal, paragraphs
from handlers.routing import Body, Handler, Router, SlackRequest, labels_of
from handlers.slack import best_effort
from services.jobs.runner import Work
from services.model.jobs import Job
from services.model.people import Person

log = structlog.get_logger(__name__)

ANYTHING = re.compile(r".*", re.DOTALL)
# Slack gives up after three seconds.
PATIENCE = timedelta(seconds=2.5)
_APOLOGY = (
    "Something went wrong on our side. Nothing is lost. Try again, and tell whoever runs "
    "paymo-xero if it happens twice."
)
_NO_INSTALLATION = (
    "The app is no longer installed in this workspace. Ask an admin to install it again."
)
_AWAITED: "ContextVar[Departure | None]" = ContextVar("awaited", default=None)

Forget = Callable[[str, str], Awaitable[None]]


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
        """Have a worker look at this row soon, but not before Slack has its answer."""
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

    async def __call__(self, answer: Body | None = None) -> None:
        """Answer, empty without a body; a handler goes on when the answer has left."""
        if not self.future.done():
            self.future.set_result(answer or {})
        departure = _AWAITED.get()
        if departure is not None:
            await departure.gone.wait()


@dataclass(frozen=True, slots=True)
class UrlRespond:
    """Posts to the address that came with a command or a press."""

    url: str
    session: aiohttp.ClientSession

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


@dataclass(frozen=True, slots=True)
class SlackDoor:
    """Hands each request to its handler and answers Slack in time."""

    router: Router
    web: SlackWeb
    seats: CachedSeats
    forget: Forget
    tasks: Tasks
    metrics: Metrics
    patience: timedelta = PATIENCE

    def app(self) -> AsyncApp:
        """Build the Bolt app; whoever hands it a request has checked the signature."""
        # Bolt's annotation forgets that it takes its own class, too.
        authorize: Any = Authorizer(self.seats)
        with _unseen_by_bolt():
            app = AsyncApp(
                client=self.web.client(),
                authorize=authorize,
                process_before_response=True,
                request_verification_enabled=False,
                user_facing_authorize_error_message=_NO_INSTALLATION,
            )
        views = (app.view, app.view_closed)
        for register in (app.command, app.action, app.options, *views, app.shortcut, app.event):
            register(ANYTHING)(self._listen)
        app.error(_refuse)
        return app

    async def _listen(self, body: Body, context: AsyncBoltContext) -> BoltResponse:
        named = bound_contextvars(request_id=secrets.token_hex(6))
        with named, self.metrics.acks.labels(kind_of(body)).time():
            return await self._ask(body, context)

    async def _ask(self, body: Body, context: AsyncBoltContext) -> BoltResponse:
        handler = self.router.find(body)
        if handler is None:
            if kind_of(body) != "event_callback":
                log.info("nobody_answers", kind=kind_of(body))
            return _empty(body)
        future: asyncio.Future[Body] = asyncio.get_running_loop().create_future()
        request = self._request(body, context, BoltAck(future))
        task = self.tasks.start(self._handle(handler, request), f"slack {kind_of(body)}")
        await asyncio.wait(
            (future, task),
            timeout=self.patience.total_seconds(),
            return_when=asyncio.FIRST_COMPLETED,
        )
        if future.done():
            task.add_done_callback(lambda ended: self._apologise_later(ended, request))
            answer = future.result()
            return BoltResponse(status=200, body=answer) if answer else _empty(body)
        if task.done() and not task.cancelled() and task.exception() is not None:
            self.metrics.handler_bugs.labels(kind_of(body)).inc()
            return _apology(body)
        return _empty(body)

    async def _handle(self, handler: Handler, request: SlackRequest) -> None:
        await handler(request)
        if _takes_the_app_away(request.body.get("event") or {}):
            self.seats.forget(request.person.enterprise_id, request.person.team_id)
            await self.forget(request.person.enterprise_id, request.person.team_id)

    def _request(self, body: Body, context: AsyncBoltContext, ack: BoltAck) -> SlackRequest:
        name, workspace = labels_of(body)
        return SlackRequest(
            body=body,
            person=Person(
                enterprise_id=context.enterprise_id or "",
                team_id=context.team_id or "",
                user_id=context.user_id or "",
                channel_id=context.channel_id or "",
                name=name,
                workspace=workspace,
            ),
            client=self.web.client(context.bot_token or ""),
            ack=ack,
            respond=UrlRespond(context.response_url or "", self.web.session),
        )

    def _apologise_later(self, ended: asyncio.Task[None], request: SlackRequest) -> None:
        """Apologise to somebody who was answered already, and waits for what will not come."""
        if ended.cancelled() or ended.exception() is None:
            return
        self.metrics.handler_bugs.labels(kind_of(request.body)).inc()
        if request.body.get("response_url"):
            self.tasks.start(_apologise(request), "apology")


async def _apologise(request: SlackRequest) -> None:
    with best_effort():
        await request.respond(text=_APOLOGY, blocks=paragraphs([_APOLOGY]))


@contextmanager
def _unseen_by_bolt() -> Iterator[None]:
    """Hide the variables that Bolt reads by itself: with some it would keep tokens in files."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("SLACK_")}
    try:
        yield
    finally:
        os.environ.update(hidden)


async def _refuse(error: Exception) -> BoltResponse:
    """Answer a request that Bolt stumbled over; our own handlers' failures do not come here."""
    log.error("bolt_failed", exc_info=error)
    is_malformed = isinstance(error, LookupError | TypeError | AttributeError)
    return BoltResponse(status=400 if is_malformed else 500)


async def dispatch(bolt: AsyncApp, body: Body) -> BoltResponse:
    """Have our listeners answer a body whose sender is verified."""
    # Bolt takes a body that is parsed already in this mode alone, and asks for no signature.
    return await bolt.async_dispatch(AsyncBoltRequest(body=body, mode="socket_mode"))


def kind_of(body: Body) -> str:
    """Name the kind of request: Slack's type, or `command`, or `other`."""
    known = (
        "block_actions",
        "block_suggestion",
        "view_submission",
        "view_closed",
        "shortcut",
        "message_action",
        "event_callback",
    )
    if "command" in body:
        return "command"
    return body["type"] if body.get("type") in known else "other"


def _takes_the_app_away(event: Body) -> bool:
    """Whether the bot's token is gone; people's own tokens do not concern us."""
    if event.get("type") == "tokens_revoked":
        return bool((event.get("tokens") or {}).get("bot"))
    return event.get("type") == "app_uninstalled"


def _empty(body: Body) -> BoltResponse:
    if body.get("type") == "block_suggestion":
        return BoltResponse(status=200, body={"options": []})
    return BoltResponse(status=200, body="")


def _apology(body: Body) -> BoltResponse:
    if "command" in body:
        return BoltResponse(status=200, body={"response_type": "ephemeral", "text": _APOLOGY})
    if body.get("type") == "view_submission":
        view = modal("refusal", "That Did Not Work", paragraphs([_APOLOGY]))
        return BoltResponse(status=200, body={"response_action": "update", "view": view})
    return _empty(body)
