"""The few pages that a browser sees: our own templates and style, and nothing from elsewhere."""

from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.model import wording

_HERE = Path(__file__).parent / "pages"
POLICY = (
    "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
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
_KEPT = {"Cache-Control": "public, max-age=3600"}


@dataclass(frozen=True, slots=True)
class Guarded:
    """Adds the security headers to every answer: pages, redirects and refusals alike."""

    app: ASGIApp
    public_url: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; a header that the answer sets itself stays."""
        wanted = dict(_HEADERS)
        if self.public_url.startswith("https://"):
            wanted["Strict-Transport-Security"] = "max-age=31536000"

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in wanted.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, guarded)


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@dataclass(frozen=True, slots=True)
class Pages:
    """Draws pages; `public_url` may have a path, below which the program is served."""

    public_url: str
    can_install: bool
    retention_days: int
    templates: Environment = field(default_factory=_environment)

    def draw(self, name: str, status: int = 200, **facts: object) -> HTMLResponse:
        """Draw a page that no browser or proxy may keep."""
        return self._draw(name, status, facts, {})

    def say(self, title: str, *paragraphs: str, status: int = 200) -> HTMLResponse:
        """Draw a page with a heading and a few sentences."""
        said = [wording.clean(each) for each in paragraphs]
        return self.draw("message.html", status, title=title, paragraphs=said)

    async def refuse(self, _request: Request, error: Any) -> Response:
        """Say that an address leads nowhere, or does not take this method."""
        status = error.status_code
        title = "Nothing is here" if status == HTTPStatus.NOT_FOUND else "That does not work"
        page = self.say(title, "Type /paymo-xero in Slack to go on.", status=status)
        page.headers.update(error.headers or {})
        return page

    async def home(self, _request: Request) -> Response:
        """Show what the program is."""
        return self._draw("home.html", 200, {"can_install": self.can_install}, _KEPT)

    async def privacy(self, _request: Request) -> Response:
        """Show what is kept, and for what."""
        return self._draw("privacy.html", 200, {"retention_days": self.retention_days}, _KEPT)

    async def support(self, _request: Request) -> Response:
        """Show where help is to be had."""
        return self._draw("support.html", 200, {}, _KEPT)

    async def style(self, _request: Request) -> Response:
        """Send the pages' style sheet."""
        css = (_HERE / "style.css").read_bytes()
        return Response(css, media_type="text/css", headers=_KEPT)

    def _draw(
        self, name: str, status: int, facts: dict[str, object], keeping: dict[str, str]
    ) -> HTMLResponse:
        root = urlsplit(self.public_url).path.rstrip("/")
        html = self.templates.get_template(name).render(root=root, **facts)
        return HTMLResponse(html, status, headers=keeping)
