"""The web pages of Xero's stand-in, and what stands behind them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template

from aiohttp import web

from sandbox.serving import Clock, Json
from sandbox.xero.oauth import Authority
from sandbox.xero.organisation import Organisation
from sandbox.xero.page_facts import organisation_shown

PAGE = Path(__file__).parent / "page"
KIT = Path(__file__).parents[1] / "page"
_FOLDERS = ("/_sandbox/", "/app/", "/page/", "/kit/")
_THINGS = {
    "accounting.invoices": "your invoices and credit notes",
    "accounting.payments": "your payments",
    "accounting.contacts": "your contacts",
    "accounting.settings": "your organisation's settings, accounts and tax rates",
    "accounting.banktransactions": "your bank transactions",
    "accounting.manualjournals": "your manual journals",
    "accounting.attachments": "your attachments",
}
_OTHERS = {
    "openid": "know who you are",
    "profile": "read your name",
    "email": "read your e-mail address",
    "offline_access": "do this while you are away, until you disconnect it",
}
_CHOICE = '<label><input type="{kind}" name="tenant" value="{id}"{on}>{name}</label>'


def is_page(path: str) -> bool:
    """Whether a path is a person's rather than an app's."""
    return path == "/" or path.startswith(_FOLDERS)


@dataclass(frozen=True, slots=True)
class Pages:
    """The files of the pages, and the organisations as they show them."""

    organisations: Callable[[], dict[str, Organisation]]
    authority: Authority
    app_name: Callable[[], str]
    now: Clock

    def routes(self) -> list[web.AbstractRouteDef]:
        """Where they stand."""
        return [
            web.get("/", self.index),
            web.get("/app/{short_code}/{page:.*}", self.index),
            web.static("/page", PAGE),
            web.static("/kit", KIT),
            web.get("/_sandbox/state", self.state),
        ]

    async def index(self, _: web.Request) -> web.FileResponse:
        """One page for all addresses: its script reads the path."""
        return web.FileResponse(PAGE / "index.html")

    async def state(self, _: web.Request) -> web.Response:
        """Everything that a person may look at."""
        shown = [
            organisation_shown(books) | {"apps": self._apps(books)}
            for books in self.organisations().values()
        ]
        today = self.now().date().isoformat()
        return web.json_response({"today": today, "organisations": shown})

    def _apps(self, books: Organisation) -> list[Json]:
        since = [
            link.created
            for link in self.authority.connections.values()
            if link.tenant_id == books.tenant_id
        ]
        return [{"name": self.app_name(), "since": f"{min(since):%Y-%m-%d %H:%M}"}] if since else []


def consent_page(
    app: str, scopes: Iterable[str], organisations: Iterable[Organisation], *, several: bool
) -> str:
    """Write the page that asks a person for consent; the first organisation is chosen."""
    choices = [
        _CHOICE.format(
            kind="checkbox" if several else "radio",
            id=escape(books.tenant_id),
            on="" if place else " checked",
            name=escape(books.name),
        )
        for place, books in enumerate(organisations)
    ]
    page = Template((PAGE / "consent.html").read_text(encoding="utf-8"))
    return page.substitute(
        app=escape(app),
        scopes="".join(f"<li>{escape(words)}</li>" for words in permissions(scopes)),
        choices="".join(choices),
    )


def permissions(scopes: Iterable[str]) -> list[str]:
    """Say in words what scopes allow, reading and writing apart; whoever writes also reads."""
    asked = set(scopes)
    words = []
    for scope, thing in _THINGS.items():
        if scope in asked:
            words.append(f"read and write {thing}")
        elif f"{scope}.read" in asked:
            words.append(f"read {thing}")
    return words + [text for scope, text in _OTHERS.items() if scope in asked]
