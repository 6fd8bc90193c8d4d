"""The page that holds Slack, Xero and Paymo, and ticks off what was done."""

from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from sandbox.agency import API_KEY, FIRST
from sandbox.paymo import PaymoWorld
from sandbox.serving import Json
from sandbox.slack import SlackWorld
from sandbox.xero import XeroWorld

_PAGE = Path(__file__).parent / "page"
_KIT = Path(__file__).parents[1] / "page"


_MORE = [
    {"text": "Export all the others at once:", "copy": "/paymo-xero export all"},
    {"text": "Ask why one does not go:", "copy": "/paymo-xero why INV-2047"},
    {"text": "Take an export back:", "copy": "/paymo-xero undo INV-2046"},
    {"text": "Compare both sides:", "copy": "/paymo-xero reconcile"},
    {"text": "See who did what:", "copy": "/paymo-xero history"},
    {"text": "Void an invoice in Xero, and see what Paymo makes of it.", "copy": ""},
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
        told = {"panes": self.addresses, "steps": self._steps(), "more": _MORE}
        return web.json_response(told)

    def _steps(self) -> list[Json]:
        notices = self._notices()
        invoices = self.xero.books.invoices.values()
        return [
            _step("slack", "Type /paymo-xero connect", done=self._has_typed()),
            _step(
                "slack",
                "Press Connect Paymo. On the page that opens, paste this key and tick the box:",
                done=bool(self.paymo.calls("GET", "/api/company")),
                copy=API_KEY,
            ),
            _step(
                "slack",
                "Press Connect Xero, tick the box, and allow the access at Xero",
                done=bool(self.xero.authority.connections),
            ),
            _step(
                "slack",
                "Choose #invoices for notices, and press Confirm and Finish",
                done=bool(self.slack.messages("invoices")),
            ),
            _step(
                "slack",
                "Export an invoice: choose the account Sales, then press Export Invoice. Type",
                done=bool(invoices),
                copy=f"/paymo-xero export {FIRST}",
            ),
            _step(
                "xero",
                "Open the invoice in Xero, and add a payment",
                done=any(each.paid for each in invoices),
            ),
            _step(
                "paymo",
                "See the payment in Paymo, and the notice in #invoices",
                done="payment_received" in notices,
            ),
        ]

    def _has_typed(self) -> bool:
        return any(each.sent is not None for each in self.slack.answers)

    def _notices(self) -> set[str]:
        told = [each.metadata or {} for each in self.slack.messages("invoices")]
        return {each["event_type"] for each in told if each}


def _step(pane: str, text: str, *, done: bool, copy: str = "") -> Json:
    return {"pane": pane, "text": text, "done": done, "copy": copy}
