"""The web server's routes, with the short answers: whether it is well, and webhooks."""

import asyncio
import base64
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bot import http
from bot.browser import Browser
from bot.clock import Clock
from bot.html import Guarded, Pages
from bot.http import BadBody
from bot.install import Install
from bot.metrics import Metrics
from bot.slack_http import SlackEvents
from bot.work import Tasks
from services.store.engine import Database
from services.store.upkeep import is_current
from services.sync.service import HintService

Endpoint = Callable[[Request], Awaitable[Response]]
_GET = ["GET"]
_POST = ["POST"]

_PATIENCE = 3  # seconds
_HOLDS = timedelta(seconds=2)  # so that strangers who ask often cost one write
_WRITE = text("UPDATE alembic_version SET version_num = version_num")
_NEVER = datetime.min.replace(tzinfo=UTC)
_NEVER_KEPT = {"Cache-Control": "no-store"}


@dataclass(slots=True)
class Health:
    """What whoever runs the program asks it."""

    database: Database
    metrics: Metrics
    clock: Clock
    is_stopping: Callable[[], bool]
    asked_at: datetime = _NEVER
    asking: asyncio.Task[tuple[bool, bool]] | None = None

    async def alive(self, _request: Request) -> Response:
        """Say that the process answers."""
        return JSONResponse({"status": "ok"})

    async def ready(self, _request: Request) -> Response:
        """Say whether it can work, and nothing else: anybody may ask."""
        is_ready = all((await self._checks()).values())
        return _answer({"status": _word(is_ready)}, is_ready=is_ready)

    async def details(self, _request: Request) -> Response:
        """Say whether it can work, and what keeps it from working."""
        checks = await self._checks()
        is_ready = all(checks.values())
        said = {name: _word(each) for name, each in checks.items()}
        return _answer({"status": _word(is_ready), "checks": said}, is_ready=is_ready)

    async def page(self, _request: Request) -> Response:
        """Show what is counted, as Prometheus reads it."""
        page = generate_latest(self.metrics.registry)
        return Response(page, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _checks(self) -> dict[str, bool]:
        now = self.clock.keeping.now()
        is_answered = self.asking is None or self.asking.done()
        if self.asking is None or (is_answered and now - self.asked_at >= _HOLDS):
            self.asked_at, self.asking = now, asyncio.create_task(self._database())
        # Never cancelled: SQLite might keep the lock of a write that was broken off.
        done, _ = await asyncio.wait({self.asking}, timeout=_PATIENCE)
        is_writable, is_migrated = self.asking.result() if done else (False, False)
        return {
            "database": is_writable,
            "migrations": is_migrated,
            "scheduler": self.clock.is_beating(),
            "accepting": not self.is_stopping(),
        }

    async def _database(self) -> tuple[bool, bool]:
        """Say whether the database takes a write, and whether its tables are the newest."""
        is_migrated = False
        try:
            async with self.database.sessions() as session:
                await session.execute(text("SELECT 1"))
                is_migrated = await is_current(session)
            if is_migrated:
                async with self.database.sessions.begin() as session:
                    await session.execute(_WRITE)
        except (SQLAlchemyError, OSError):
            return False, is_migrated
        return True, is_migrated


def _word(is_well: bool) -> str:  # noqa: FBT001 - one word for one fact
    return "ok" if is_well else "failing"


def _answer(said: dict[str, object], *, is_ready: bool) -> JSONResponse:
    return JSONResponse(said, 200 if is_ready else 503, headers=_NEVER_KEPT)


@dataclass(frozen=True, slots=True)
class Webhooks:
    """What Xero and Paymo tell by themselves."""

    xero_key: str = field(repr=False)
    hints: HintService
    tasks: Tasks
    metrics: Metrics

    async def xero(self, request: Request) -> Response:
        """Answer Xero within its five seconds, whatever has to be done about it."""
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
    """Return what it names, by organisation: nothing where what was signed cannot be read.

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
        if isinstance(tenant_id, str) and isinstance(its_id, str) and tenant_id and its_id:
            found.setdefault(tenant_id, set()).add(its_id)
    return found


@dataclass(frozen=True, slots=True)
class Web:
    """Everything that is reached over HTTP; Slack only where it does not use a socket."""

    pages: Pages
    browser: Browser
    webhooks: Webhooks
    health: Health
    slack: SlackEvents | None
    install: Install | None

    def app(self) -> ASGIApp:
        """Return the application."""
        made = Starlette(
            routes=[*self._slack(), *self._ours()],
            exception_handlers={BadBody: self._bad_body, HTTPException: self._refused},
        )
        # Those lead to the host that a request names, over http, with the nonce in the address.
        made.router.redirect_slashes = False
        return Guarded(made, self.pages.public_url)

    def _slack(self) -> list[Route]:
        routes = []
        if self.slack is not None:
            # Nearly all requests are Slack's, and routes are tried in order.
            routes.append(Route("/slack/events", self.slack, methods=_POST))
        if self.install is not None:
            routes.append(Route("/slack/install", self.install.begin, methods=_GET))
            routes.append(Route("/slack/oauth_redirect", self.install.finish, methods=_GET))
        return routes

    def _ours(self) -> list[Route]:
        gets: dict[str, Endpoint] = {
            "/paymo/connect": self.browser.paymo_form,
            "/xero/connect": self.browser.xero_form,
            "/xero/callback": self.browser.xero_callback,
            "/healthz": self.health.alive,
            "/readyz": self.health.ready,
            "/": self.pages.home,
            "/privacy": self.pages.privacy,
            "/support": self.pages.support,
            "/style.css": self.pages.style,
        }
        posts: dict[str, Endpoint] = {
            "/paymo/connect": self.browser.paymo_key,
            "/xero/connect": self.browser.xero,
            "/xero/organisation": self.browser.organisation,
            "/webhooks/xero": self.webhooks.xero,
            "/webhooks/paymo/{token}": self.webhooks.paymo,
        }
        return [
            *(Route(path, endpoint, methods=_POST) for path, endpoint in posts.items()),
            *(Route(path, endpoint, methods=_GET) for path, endpoint in gets.items()),
        ]

    async def _bad_body(self, _request: Request, error: Exception) -> Response:
        return Response(status_code=error.status if isinstance(error, BadBody) else 400)

    async def _refused(self, _request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 400
        headers = error.headers if isinstance(error, HTTPException) else None
        title = "Nothing is here" if status == 404 else "That does not work"  # noqa: PLR2004 - HTTP's
        page = self.pages.say(title, "Type /paymo-xero in Slack to go on.", status=status)
        page.headers.update(headers or {})
        return page


def operators_app(health: Health) -> Starlette:
    """Return what is served on a port of its own, to whoever runs the program."""
    gets = {"/healthz": health.alive, "/readyz": health.details, "/metrics": health.page}
    return Starlette(routes=[Route(path, each, methods=_GET) for path, each in gets.items()])
