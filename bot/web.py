"""The web server's routes, and the short answers: health checks and webhooks."""

import asyncio
import base64
import contextlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeGuard

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from slack_sdk.signature import SignatureVerifier
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bot import http
from bot.browser import Browser
from bot.clock import Clock
from bot.html import Guarded, Pages
from bot.http import SlackEvents
from bot.install import Install
from bot.slack_app import SlackDoor
from bot.telemetry import Metrics
from bot.wiring import Core, now
from bot.work import Alarm, Tasks
from services.errors import ServiceError
from services.store.engine import Database
from services.store.upkeep import is_current
from services.sync.service import HintService

_PATIENCE = 3  # seconds
_HOLDS = timedelta(seconds=2)  # so that strangers who ask often cost one write
_WRITE = text("UPDATE alembic_version SET version_num = version_num")
_NEVER = datetime.min.replace(tzinfo=UTC)
_NEVER_KEPT = {"Cache-Control": "no-store"}


@dataclass(slots=True)
class Health:
    """What operators and load balancers ask."""

    database: Database
    metrics: Metrics
    clock: Clock
    is_stopping: Callable[[], bool]
    asked_at: datetime = _NEVER
    asking: asyncio.Task[dict[str, bool]] | None = None

    async def alive(self, _request: Request) -> Response:
        """Answer 200: the process is alive."""
        return JSONResponse({"status": "ok"})

    async def ready(self, _request: Request) -> Response:
        """Say whether the program can work, and nothing else: anybody may ask."""
        return self._say(await self._checks())

    async def details(self, _request: Request) -> Response:
        """Say whether the program can work, what keeps it from working, and what soon may."""
        checks = await self._checks()
        words = {name: "ok" if is_well else "failing" for name, is_well in checks.items()}
        can_tell = checks["database"] and checks["migrations"]
        return self._say(checks, checks=words, warnings=await self._warnings() if can_tell else {})

    async def page(self, _request: Request) -> Response:
        """Return the metrics in Prometheus's format."""
        page = generate_latest(self.metrics.registry)
        return Response(page, headers={"Content-Type": CONTENT_TYPE_LATEST})

    def _say(self, found: dict[str, bool], **more: object) -> Response:
        is_ready = all(found.values())
        said = {"status": "ok" if is_ready else "failing", **more}
        return JSONResponse(said, 200 if is_ready else 503, headers=_NEVER_KEPT)

    async def _warnings(self) -> dict[str, int]:
        """Count the connections with early warnings, by name."""
        asking = asyncio.create_task(self.clock.keeping.health.counts())
        done, _ = await asyncio.wait({asking}, timeout=_PATIENCE)
        with contextlib.suppress(SQLAlchemyError, OSError):
            return asking.result() if done else {}
        return {}

    async def _checks(self) -> dict[str, bool]:
        now = self.clock.keeping.now()
        is_answered = self.asking is None or self.asking.done()
        if self.asking is None or (is_answered and now - self.asked_at >= _HOLDS):
            self.asked_at, self.asking = now, asyncio.create_task(self._database())
        # Never cancelled: SQLite might keep the lock of a write that was broken off.
        done, _ = await asyncio.wait({self.asking}, timeout=_PATIENCE)
        stored = self.asking.result() if done else dict.fromkeys(_STORED, False)
        checks = {"scheduler": self.clock.is_beating(), "accepting": not self.is_stopping()}
        return stored | checks

    async def _database(self) -> dict[str, bool]:
        """See whether the database takes a write, has its migrations, and has room on its disk."""
        # A disk that hangs holds up a thread, and no answer to Slack.
        has_room = await asyncio.to_thread(self.clock.keeping.health.has_room)
        found = {"database": False, "migrations": False, "disk": has_room}
        try:
            async with self.database.sessions() as session:
                await session.execute(text("SELECT 1"))
                found["migrations"] = await is_current(session)
            if found["migrations"]:
                async with self.database.sessions.begin() as session:
                    await session.execute(_WRITE)
        except (SQLAlchemyError, OSError):
            return found
        found["database"] = True
        return found


_SLACK = "/slack/events"
_STORED = ("database", "migrations", "disk")


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Webhooks: verified, answered at once, and taken as a hint only."""

    xero_key: str = field(repr=False)
    hints: HintService
    tasks: Tasks
    metrics: Metrics

    async def xero(self, request: Request) -> Response:
        """Answer Xero within the five seconds that it allows; the work follows later."""
        if not self.xero_key:
            return Response(status_code=404)
        raw = await http.read_body(request)
        if not self._is_signed(raw, request.headers.get("x-xero-signature", "")):
            return self._answer("xero", 401)
        named = _named(raw)
        if named:
            self.tasks.start(self.hints.from_xero(named), "xero webhook")
        return self._answer("xero", 200)

    async def paymo(self, request: Request) -> Response:
        """Answer Paymo; never with 410, for which it would delete the webhook."""
        token = request.path_params["token"]
        signature = request.headers.get("x-paymo-signature", "")
        is_ours = await self.hints.from_paymo(token, signature, await http.read_body(request))
        return self._answer("paymo", 200 if is_ours else 401)

    def _is_signed(self, raw: bytes, signature: str) -> bool:
        made = hmac.digest(self.xero_key.encode(), raw, "sha256")
        return hmac.compare_digest(base64.b64encode(made), signature.encode())

    def _answer(self, system: str, status: int) -> Response:
        self.metrics.webhooks.labels(system, status).inc()
        return Response(status_code=status)


def _named(raw: bytes) -> dict[str, set[str]]:
    """Read the ids that it names, by organisation: none where the signed body is unreadable.

    An event names an invoice or bill, a payment, a credit, or something that concerns nobody here.
    Xero's ids never mean two things, so which it is does not matter.
    """
    try:
        events = http.json_object(raw).get("events")
    except http.BadBody:
        return {}
    found: dict[str, set[str]] = {}
    for event in events if isinstance(events, list) else []:
        fields = event if isinstance(event, dict) else {}
        tenant_id, its_id = fields.get("tenantId"), fields.get("resourceId")
        if _is_id(tenant_id) and _is_id(its_id):
            found.setdefault(tenant_id, set()).add(its_id)
    return found


def _is_id(text: object) -> TypeGuard[str]:
    """Say whether it may be an id of Xero's; one odd event must not hide the others."""
    return isinstance(text, str) and text != "" and text.isprintable()


@dataclass(frozen=True, slots=True)
class _SlackFirst:
    """A shortcut for Slack's requests: finding a route takes longer than our answer."""

    events: SlackEvents
    rest: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass Slack's requests on, and let the rest find a route."""
        is_slacks = scope["method"] == "POST" and scope["path"] == _SLACK
        await (self.events if is_slacks else self.rest)(scope, receive, send)


def web_app(core: Core, door: SlackDoor, health: Health) -> ASGIApp:
    """Build the public app; it has Slack's events only without a socket."""
    settings, store = core.settings, core.slack.store
    pages = Pages(settings, store is not None)
    browser = Browser(core.connect_pages, pages)
    routes, events = [], None
    if not settings.is_socket_mode:
        verifier = SignatureVerifier(settings.slack_signing_secret.get_secret_value())
        events = SlackEvents(door, verifier, core.after)
        routes.append(_post(_SLACK, events))
    if store is not None:
        install = Install(core, store, pages)
        routes.append(_get("/slack/install", install.begin))
        routes.append(_get("/slack/oauth_redirect", install.finish))
    made = Starlette(
        routes=[*routes, *_connecting(browser), *_webhooks(core), *_open_to_all(pages, health)],
        exception_handlers={
            http.BadBody: partial(_bad_body, pages),
            HTTPException: pages.refuse,
            ServiceError: browser.refuse,
            Exception: pages.fail,
        },
    )
    # Those lead to the host that a request names, over http, with the nonce in the address.
    made.router.redirect_slashes = False
    return Guarded(made if events is None else _SlackFirst(events, made), settings.public_url)


def _connecting(browser: Browser) -> list[Route]:
    return [
        _get("/paymo/connect", browser.paymo_form),
        _post("/paymo/connect", browser.paymo_key),
        _get("/xero/connect", browser.xero_form),
        _post("/xero/connect", browser.xero),
        _get("/xero/callback", browser.xero_callback),
        _post("/xero/organisation", browser.organisation),
    ]


def _webhooks(core: Core) -> list[Route]:
    key = core.settings.xero_webhook_key.get_secret_value()
    webhooks = Webhooks(
        key, HintService(core.database, now, Alarm(core.work, core.tasks)), core.tasks, core.metrics
    )
    return [
        _post("/webhooks/xero", webhooks.xero),
        _post("/webhooks/paymo/{token}", webhooks.paymo),
    ]


def _open_to_all(pages: Pages, health: Health) -> list[Route]:
    return [
        _get("/healthz", health.alive),
        _get("/readyz", health.ready),
        _get("/", pages.home),
        _get("/privacy", pages.privacy),
        _get("/support", pages.support),
        _get("/style.css", pages.style),
    ]


def _get(path: str, endpoint: Callable[..., Any]) -> Route:
    return Route(path, endpoint, methods=["GET"])


def _post(path: str, endpoint: Callable[..., Any]) -> Route:
    return Route(path, endpoint, methods=["POST"])


async def _bad_body(pages: Pages, request: Request, error: Any) -> Response:
    if request.url.path.startswith("/webhooks/"):
        return Response(status_code=error.status_code)  # no person reads it
    return await pages.refuse(request, error)


def operators_app(health: Health) -> Starlette:
    """Build what is served to operators, on a port of its own."""
    return Starlette(
        routes=[
            _get("/healthz", health.alive),
            _get("/readyz", health.details),
            _get("/metrics", health.page),
        ]
    )
