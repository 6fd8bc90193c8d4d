"""How soon Slack tells of a payment, with the real program between stand-ins."""

import asyncio
import re
import statistics
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import httpx

from bench.measuring import Benchmark
from bench.starting import serving, settings_for
from sandbox.paymo import PaymoWorld
from sandbox.serving import Served
from sandbox.slack import SlackWorld, View
from sandbox.xero import XeroWorld
from tests.bot.program import to_stand_ins

_ROOM, _KEY, _NUMBER = "invoices", "webhook-key", "INV-1"
_QUIET = 6.0  # seconds after which nothing is merged or paced with what was before


@dataclass(frozen=True, slots=True)
class Town:
    """Slack and both books."""

    slack: SlackWorld
    xero: XeroWorld
    paymo: PaymoWorld
    xero_url: str

    @property
    def told(self) -> int:
        """How many payments Slack has been told of."""
        found = [(each.metadata or {}).get("event_type") for each in self.slack.messages(_ROOM)]
        return found.count("payment_received")

    async def shown(self, fits: Callable[[View], bool]) -> View:
        """Wait until Anna sees a form that fits."""

        def look() -> View | None:
            view = self.slack.top_view("Anna")
            return view if view and fits(view) else None

        return await self.slack.wait_for(look)


@asynccontextmanager
async def prepare(folder: Path) -> AsyncIterator[list[Benchmark]]:
    """Prepare `notice`."""
    async with _town(folder) as town:
        await _connect(town)
        await _export(town)
        yield [_notice(town)]


def _notice(town: Town) -> Benchmark:
    """One payment at a time, with nothing else going on."""
    books = town.xero.books
    invoice_id = next(iter(books.invoices))
    taken: list[float] = []
    asked: list[int] = []

    async def ours() -> float:
        await asyncio.sleep(_QUIET)
        before, begun = town.told, asyncio.get_running_loop().time()
        requests = len(town.xero.requests) + len(town.paymo.requests)
        books.pay(invoice_id, Decimal(1), date=datetime.now(UTC).date())
        await town.slack.wait_for(lambda: town.told > before)
        taken.append(asyncio.get_running_loop().time() - begun)
        asked.append(len(town.xero.requests) + len(town.paymo.requests) - requests)
        return taken[-1]

    async def limit() -> None:
        async with httpx.AsyncClient(trust_env=False) as http:
            for _ in range(asked[-1] + 2):  # the webhook and the message, too
                await http.get(town.xero_url)

    return Benchmark(
        "notice",
        "a payment in Xero, webhook, message in Slack",
        ours,
        limit,
        "as many requests alone",
        figures=lambda: {
            "seconds": statistics.median(taken),
            "seconds at most": max(taken),
            "calls": statistics.median(asked),
        },
        at_most=7,
    )


@asynccontextmanager
async def _town(folder: Path) -> AsyncIterator[Town]:
    slack, xero, paymo = SlackWorld(), XeroWorld(), PaymoWorld()
    slack.add_user("Anna", is_admin=True)
    slack.add_channel(_ROOM)
    slack.door.patience = 60
    books = xero.add_organisation("Maple Books")
    books.add_usual_books()
    books.add_contact("Acme Ltd", email="pay@acme.example")
    xero.consent.auto = True
    company = paymo.add_company("Maple Studio", key=_KEY)
    client = company.add_client("Acme Ltd", email="pay@acme.example")
    company.add_invoice(_NUMBER, client, [("Design", "work", 1, Decimal(1000))], tax=15)
    async with AsyncExitStack() as stack:
        at = [await slack.start(), *[await Served.start(each.app()) for each in (xero, paymo)]]
        for each in at:
            stack.push_async_callback(each.stop)
        settings = settings_for(
            SLACK_SIGNING_SECRET=slack.signing_secret,
            SLACK_BOT_TOKEN=slack.team.bot_token,
            SLACK_API_URL=f"{at[0].url}/api/",
            XERO_WEBHOOK_KEY=_KEY,
            **to_stand_ins(xero, *at[1:]),
        )
        url = settings["PUBLIC_URL"]
        await stack.enter_async_context(serving(folder, settings))
        slack.connect_app(f"{url}/slack/events")
        xero.webhooks.url, xero.webhooks.key = f"{url}/webhooks/xero", _KEY
        yield Town(slack, xero, paymo, at[1].url)


async def _connect(town: Town) -> None:
    """Go through the checklist and both pages, and subscribe the channel."""
    slack = town.slack
    await slack.command("Anna", _ROOM, "connect")
    pages: tuple[tuple[str, dict[str, str], str], ...] = (
        ("connect_paymo", {"api_key": _KEY}, "Maple Studio"),
        ("connect_xero", {}, "Maple Books"),
    )
    view = await town.shown(lambda each: "connect_paymo" in str(each.blocks))
    async with httpx.AsyncClient(timeout=20, trust_env=False) as browser:
        for action, form, name in pages:
            link = _link_in(view, action)
            await browser.get(link)
            await browser.post(link, data={"is_me": "yes", **form}, follow_redirects=True)
            view = await town.shown(partial(_names, name))
    await slack.choose("Anna", view.id, "channel", slack.channel(_ROOM).id)
    await slack.submit("Anna", view.id)


async def _export(town: Town) -> None:
    """Export the invoice, approved, once both systems' lists are copied."""
    slack = town.slack
    while not town.xero.books.invoices:
        if slack.top_view("Anna"):
            await slack.close_view("Anna", everything=True)
        await slack.command("Anna", _ROOM, f"export {_NUMBER}")
        view = await town.shown(lambda each: "passed" in str(each.payload))
        await slack.choose("Anna", view.id, "xero_status", "AUTHORISED")
        await slack.submit("Anna", view.id)
        await slack.wait_for(lambda: town.xero.books.invoices)


def _names(name: str, view: View) -> bool:
    return name in str(view.blocks)


def _link_in(view: View, action_id: str) -> str:
    found = re.findall(r"'action_id': '(\w+)'[^{}]*'url': '([^']+)'", str(view.blocks))
    return str(dict(found)[action_id])
