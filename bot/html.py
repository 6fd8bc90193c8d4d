"""The few pages that people see in a browser: our own templates and styles, nothing external."""

import importlib
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.settings import Settings
from handlers.blocks import render_plain
from services.model import wording
from services.model.wording import Command, Typed
from services.money import country_name

_HERE = Path(__file__).parent / "pages"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    # What an address with a nonce shows or leads to must not be kept anywhere.
    "Cache-Control": "no-store",
}
_IN_SLACK = f"Type {Typed(Command.HELP)} in Slack to go on."
_FAILED = (
    "Open the link from Slack again in a minute.",
    "If it fails again, ask whoever runs paymo-xero, and say when it happened.",
)
_PAYMO_KEYS = "/#Paymo.module.myaccount/"
_CHANNEL = ("C", "G")  # what ids of channels begin with; those of direct messages do not
_KEPT = {"Cache-Control": "public, max-age=3600"}


@dataclass(frozen=True, slots=True)
class Guarded:
    """Adds the security headers to every answer: pages, redirects and refusals alike."""

    app: ASGIApp
    public_url: str
    wanted: list[tuple[bytes, bytes]] = field(init=False)

    def __post_init__(self) -> None:
        """Encode the headers once."""
        headers = _HEADERS
        if self.public_url.startswith("https://"):
            headers = {**headers, "Strict-Transport-Security": "max-age=31536000"}
        written = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        object.__setattr__(self, "wanted", written)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers that the answer doesn't set itself."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                its_own = message["headers"]
                set_there = {name for name, _ in its_own}
                its_own += [each for each in self.wanted if each[0] not in set_there]
            await send(message)

        await self.app(scope, receive, guarded)


@cache
def _templates() -> Any:
    jinja2 = importlib.import_module("jinja2")  # many a process never draws a page
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["said"] = _said
    made.filters["country"] = country_name
    made.globals["mark"] = Markup((_HERE / "mark.svg").read_text(encoding="utf-8"))  # noqa: S704 - our own file
    return made


def _said(sentence: str) -> Markup:
    """Return a service's sentence as HTML, with commands in `code`."""
    return Markup().join(
        Markup("<code>{}</code>").format(render_plain(str(each)))
        if isinstance(each, Typed)
        else escape(render_plain(str(each)))
        for each in wording.parts(sentence)
    )


@dataclass(frozen=True, slots=True)
class Pages:
    """Draws pages; `PUBLIC_URL` may have a path, below which the program is served."""

    settings: Settings
    can_install: bool

    @property
    def public_url(self) -> str:
        """Where browsers reach the program."""
        return self.settings.public_url

    def draw(self, name: str, status: int = 200, **facts: object) -> HTMLResponse:
        """Return a page that no browser or proxy may store."""
        return self._draw(name, status, facts, {})

    def say(
        self, title: str, *paragraphs: str, status: int = 200, slack: str = "", again: str = ""
    ) -> HTMLResponse:
        """Return a page with a heading, a few sentences, and a link to go on."""
        return self.draw(
            "message.html",
            status,
            title=title,
            paragraphs=paragraphs,
            is_good=status == HTTPStatus.OK,
            slack=slack or self.slack(),
            again=again,
        )

    def slack(self, team_id: str = "", channel_id: str = "", app_id: str = "") -> str:
        """The address that opens Slack, as near to where somebody came from as is known.

        Slack's redirect works with and without its desktop app. From a direct message it leads to
        the one with the app.
        """
        team = {"team": team_id} if team_id else {}
        if team and channel_id.startswith(_CHANNEL):
            return self._redirect({"channel": channel_id} | team)
        if app_id:
            return self._redirect({"app": app_id} | team)
        return f"slack://open?{urlencode(team)}" if team else "slack://open"

    def _redirect(self, to: dict[str, str]) -> str:
        host = urlsplit(self.settings.slack_authorize_url)
        return f"{host.scheme}://{host.netloc}/app_redirect?{urlencode(to)}"

    async def refuse(self, _request: Request, error: Any) -> Response:
        """Return the page for an unknown address or method."""
        status = error.status_code
        title = "Nothing is here" if status == HTTPStatus.NOT_FOUND else "That doesn't work here"
        page = self.say(title, _IN_SLACK, status=status)
        page.headers.update(error.headers or {})
        return page

    async def fail(self, request: Request, _error: Any) -> Response:
        """Return the page for a bug, or for a database that doesn't answer; a log has the rest."""
        slack = getattr(request.state, "slack", "")
        return self.say("Something went wrong here", *_FAILED, status=500, slack=slack)

    async def home(self, _request: Request) -> Response:
        """Show what the program is."""
        return self._draw("home.html", 200, {"can_install": self.can_install}, _KEPT)

    async def privacy(self, _request: Request) -> Response:
        """Show what is kept, and for what."""
        days = self.settings.retention_days
        return self._draw("privacy.html", 200, {"retention_days": days}, _KEPT)

    async def support(self, _request: Request) -> Response:
        """Show where people get help."""
        return self._draw("support.html", 200, {}, _KEPT)

    async def style(self, _request: Request) -> Response:
        """Send the pages' style sheet."""
        css = (_HERE / "style.css").read_bytes()
        return Response(css, media_type="text/css", headers=_KEPT)

    def _draw(
        self, name: str, status: int, facts: dict[str, object], keeping: dict[str, str]
    ) -> HTMLResponse:
        common = {
            "root": urlsplit(self.public_url).path.rstrip("/"),
            "support_email": self.settings.support_email,
            "slack": self.slack(),
            "paymo_keys": self.settings.paymo_api_url.removesuffix("/api") + _PAYMO_KEYS,
        }
        html = _templates().get_template(name).render(**common | facts)
        return HTMLResponse(html, status, headers=keeping)
