"""The few pages that a browser sees: our own templates and style, and nothing from elsewhere."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

_HERE = Path(__file__).parent / "pages"
_POLICY = (
    "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# What an address with a nonce shows must not be kept anywhere.
_NEVER_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_KEPT = {"Cache-Control": "public, max-age=3600"}


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
    """Draws pages; `public_url` may have a path below which the program stands."""

    public_url: str
    can_install: bool
    retention_days: int
    templates: Environment = field(default_factory=_environment)

    def draw(self, name: str, status: int = 200, **facts: object) -> HTMLResponse:
        """Return a page that nobody keeps a copy of."""
        return self._draw(name, status, facts, _NEVER_KEPT)

    def say(self, title: str, *paragraphs: str, status: int = 200) -> HTMLResponse:
        """Return a page with a heading and a few sentences."""
        return self.draw("message.html", status, title=title, paragraphs=paragraphs)

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
        """Return the pages' style."""
        css = (_HERE / "style.css").read_bytes()
        return Response(css, media_type="text/css", headers={**self._headers(), **_KEPT})

    def _draw(
        self, name: str, status: int, facts: dict[str, object], keeping: dict[str, str]
    ) -> HTMLResponse:
        root = urlsplit(self.public_url).path.rstrip("/")
        html = self.templates.get_template(name).render(root=root, **facts)
        return HTMLResponse(html, status, headers={**self._headers(), **keeping})

    def _headers(self) -> dict[str, str]:
        if not self.public_url.startswith("https://"):
            return _HEADERS
        return {**_HEADERS, "Strict-Transport-Security": "max-age=31536000"}
