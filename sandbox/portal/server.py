"""The page that holds Slack, Xero and Paymo, and ticks off what was done."""

from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from sandbox.agency import API_KEY, FIRST, TWIN
from sandbox.paymo import PaymoWorld
from sandbox.serving import Json
from sandbox.slack import SlackWorld
from sandbox.xero import XeroWorld

_PAGE = Path(__file__).parent / "page"
_KIT = Path(__file__).parents[1] / "page"


_MORE = [
    {"pane": "slack", "text": "Export everything that’s ready:", "copy": "/paymo-xero export all"},
    {
        "pane": "slack",
        "text": "Find out why an invoice can’t go:",
        "copy": "/paymo-xero why INV-2047",
    },
    {"pane": "slack", "text": "Undo one of the exports:", "copy": "/paymo-xero undo INV-2046"},
    {"pane": "slack", "text": "Compare Paymo and Xero:", "copy": "/paymo-xero reconcile"},
    {"pane": "slack", "text": "See who did what:", "copy": "/paymo-xero history"},
    {"pane": "xero", "text": "Void an invoice in Xero. Paymo voids it, too.", "copy": ""},
    {
        "pane": "slack",
        "text": "Link an invoice that somebody typed into Xero:",
        "copy": f"/paymo-xero export {TWIN}",
    },
    {
        "pane": "slack",
        "text": "See Slack as a colleague without a role. Under “You are”, choose Mia, then type:",
        "copy": f"/paymo-xero show {FIRST}",
    },
]


@dataclass(frozen=True, slots=True)
class Portal:
    """Knows all three stand-ins, and where each is served."""

    slack: SlackWorld
    xero: XeroWorld
    paymo: PaymoWorld
    addresses: dict[str, str]  # by "slack", "xero", "paymo"

    def app(self) -> web.Application:
        """The page and what it asks for."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self.index),
                web.get("/steps", self.steps),
                web.static("/page", _PAGE),
                web.static("/kit", _KIT),
            ]
        )
        return app

    async def index(self, _: web.Request) -> web.FileResponse:
        """The page itself."""
        return web.FileResponse(_PAGE / "index.html")

    async def steps(self, _: web.Request) -> web.Response:
        """Where the panes are, what there is to do, and what of it is done."""
        shown = {"panes": self.addresses, "steps": self._steps(), "more": _MORE}
        return web.json_response(shown | {"busy": any(self.slack.state.stacks.values())})

    def _steps(self) -> list[Json]:
        return [*self._connecting(), *self._exporting()]

    def _connecting(self) -> list[Json]:
        return [
            _step(
                "slack",
                "Type this in #invoices:",
                done=any(each["kind"] == "modal" for each in self.slack.sent),
                copy="/paymo-xero connect",
            ),
            _step(
                "slack",
                "Press Connect Paymo. On the page that opens, paste this key and tick the box:",
                done=bool(self.paymo.calls("GET", "/api/company")),
                copy=API_KEY,
            ),
            _step(
                "slack",
                "Press Connect Xero, tick the box, and allow access.",
                done=bool(self.xero.authority.connections),
            ),
            _step(
                "slack",
                "Choose #invoices for notifications, and finish.",
                done=bool(self.slack.messages("invoices")),
            ),
        ]

    def _exporting(self) -> list[Json]:
        invoices = [each for each in self.xero.books.invoices.values() if each.created_by]
        return [
            _step(
                "slack",
                "Type this, choose the account Sales, and press Export Invoice:",
                done=bool(invoices),
                copy=f"/paymo-xero export {FIRST}",
            ),
            _step(
                "xero",
                f"In Xero, open {FIRST} and add a payment.",
                done=any(each.paid for each in invoices),
            ),
            _step(
                "slack",
                "Back in Slack, see the payment arrive in #invoices.",
                done="payment_received" in self._events(),
            ),
        ]

    def _events(self) -> set[str]:
        told = [each.metadata or {} for each in self.slack.messages("invoices")]
        return {each["event_type"] for each in told if each}


def _step(pane: str, text: str, *, done: bool, copy: str = "") -> Json:
    return {"pane": pane, "text": text, "done": done, "copy": copy}
