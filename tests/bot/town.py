"""The program on a socket of its own, between stand-ins of Slack, Xero and Paymo."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from bot.serving import Program, running
from bot.settings import Settings
from sandbox.paymo import PaymoWorld
from sandbox.serving import Served
from sandbox.slack import Channel, SlackWorld, User
from sandbox.xero import XeroWorld
from tests.bot.program import WEBHOOK_KEY, free_port
from tests.databases import KEY

PAYMO_KEY = "paymo-key"
PATIENCE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Town:
    """Everybody there is."""

    slack: SlackWorld
    xero: XeroWorld
    paymo: PaymoWorld
    anna: User
    room: Channel
    program: Program
    http: httpx.AsyncClient

    @property
    def url(self) -> str:
        """Where the program listens."""
        return self.program.url

    def browser(self) -> httpx.AsyncClient:
        """Return another browser, with cookies of its own; close it."""
        return httpx.AsyncClient(base_url=self.url, timeout=20, trust_env=False)


async def until(is_true: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it is."""
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while not await is_true():
            await asyncio.sleep(0.02)


async def press(http: httpx.AsyncClient, link: str, **fields: str) -> httpx.Response:
    """Open a page of ours, tick what it asks, press the button, and go where that leads."""
    await http.get(link)
    form = {"is_me": "yes", **fields}
    return await http.post(link, data=form, follow_redirects=True)


@asynccontextmanager
async def town(database_url: str, **settings: Any) -> AsyncIterator[Town]:
    """Open it; `settings` go over those that fit the stand-ins."""
    slack, xero, paymo = SlackWorld(), XeroWorld(), PaymoWorld()
    anna = slack.add_user("Anna", is_admin=True)
    room = slack.add_channel("invoices")
    # Slack's three seconds are held elsewhere; here a busy machine must not decide.
    slack.state.trigger_life, slack.door.patience = PATIENCE, PATIENCE.total_seconds()
    async with AsyncExitStack() as stack:
        slack_at = await slack.start()
        xero_at = await Served.start(xero.app())
        paymo_at = await Served.start(paymo.app())
        for served in (slack_at, xero_at, paymo_at):
            stack.push_async_callback(served.stop)
        port = free_port()
        made = {
            "slack_signing_secret": slack.signing_secret,
            "slack_bot_token": slack.team.bot_token,
            "slack_api_url": f"{slack_at.url}/api/",
            "slack_authorize_url": f"{slack_at.url}/oauth/v2/authorize",
            "xero_client_id": xero.client_id,
            "xero_client_secret": xero.client_secret,
            "xero_webhook_key": WEBHOOK_KEY,
            "xero_api_url": xero_at.url,
            "xero_login_url": xero_at.url,
            "xero_identity_url": xero_at.url,
            "paymo_api_url": f"{paymo_at.url}/api",
            "database_url": database_url,
            "encryption_keys": KEY,
            "public_url": f"http://127.0.0.1:{port}",
            "port": port,
        }
        told = {**made, "metrics_port": 0, **settings}
        chosen = Settings.read({name: str(each) for name, each in told.items()}, file=None)
        program = await stack.enter_async_context(running(chosen, patience=PATIENCE))
        await _reach(slack, program)
        browser = httpx.AsyncClient(base_url=program.url, timeout=20, trust_env=False)
        http = await stack.enter_async_context(browser)
        yield Town(slack, xero, paymo, anna, room, program, http)


async def _reach(slack: SlackWorld, program: Program) -> None:
    """Have Slack know where the program is: at its address, or over its own connection."""
    if program.core.settings.is_socket_mode:
        await slack.wait_for(lambda: slack.sockets.open, 60)
    else:
        slack.connect_app(f"{program.url}/slack/events")
