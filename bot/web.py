"""The web server's routes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bot.bodies import BadBody
from bot.browser import Browser
from bot.health import Health
from bot.html import Guarded, Pages
from bot.install import Install
from bot.slack_http import SlackEvents
from bot.webhooks import Webhooks

Endpoint = Callable[[Request], Awaitable[Response]]
_GET = ["GET"]
_POST = ["POST"]


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
