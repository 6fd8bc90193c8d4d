"""The demo: the real program with stand-ins for Slack, Xero and Paymo, at one address."""

import asyncio
import contextlib
import os
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from aiohttp import web

from bot import telemetry
from bot.serving import Program, running, told_to_stop
from bot.settings import Settings, generate_key
from sandbox import agency
from sandbox.paymo import PaymoWorld
from sandbox.portal import Portal
from sandbox.serving import Served, utc_now
from sandbox.slack import SlackWorld
from sandbox.xero import XeroWorld
from services.store import migrations

_WEBHOOK_KEY = "demo-webhook-key"
_PORT = 8000


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo's address, and the program in it."""

    url: str
    program: Program


def run() -> None:
    """Serve until Ctrl+C; nothing is kept."""
    telemetry.configure("WARNING", "console")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run())


async def _run() -> None:
    stop = told_to_stop()
    click.echo("Starting stand-ins of Slack, Xero and Paymo, and paymo-xero between them …")
    async with serving(int(os.environ.get("PORT") or _PORT)) as demo:
        click.echo(f"\n  Open {demo.url}\n\nThe steps are on the page. Ctrl+C ends the demo.")
        await stop.wait()


@asynccontextmanager
async def serving(port: int = 0) -> AsyncIterator[Demo]:
    """Serve the demo, on another port if this one is taken."""
    slack, xero, paymo = SlackWorld(), XeroWorld(), PaymoWorld()
    agency.settle_in(slack, xero, paymo, utc_now().date())
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="paymo-xero-")))
        at = {
            "slack": await slack.start(),
            "xero": await Served.start(xero.app()),
            "paymo": await Served.start(paymo.app()),
        }
        for served in at.values():
            stack.push_async_callback(served.stop)
        addresses = {name: served.url for name, served in at.items()}
        settings = _settings(slack, xero, addresses, folder)
        await asyncio.to_thread(migrations.upgrade, settings.database_url.get_secret_value())
        program = await stack.enter_async_context(running(settings))
        slack.connect_app(f"{program.url}/slack/events")
        xero.webhooks.url, xero.webhooks.key = f"{program.url}/webhooks/xero", _WEBHOOK_KEY
        portal = Portal(slack, xero, paymo, addresses).app()
        address = await _serve_portal(portal, port)
        stack.push_async_callback(address.stop)
        yield Demo(address.url, program)


async def _serve_portal(portal: web.Application, port: int) -> Served:
    try:
        return await Served.start(portal, port=port)
    except OSError:
        return await Served.start(portal)


def _settings(
    slack: SlackWorld, xero: XeroWorld, addresses: dict[str, str], folder: Path
) -> Settings:
    """Settings that fit the stand-ins, whatever the environment says."""
    port = _free_port()
    values = {
        "slack_signing_secret": slack.signing_secret,
        "slack_bot_token": slack.team.bot_token,
        "slack_api_url": f"{addresses['slack']}/api/",
        "slack_authorize_url": f"{addresses['slack']}/oauth/v2/authorize",
        "xero_client_id": xero.client_id,
        "xero_client_secret": xero.client_secret,
        "xero_webhook_key": _WEBHOOK_KEY,
        "xero_api_url": addresses["xero"],
        "xero_login_url": addresses["xero"],
        "xero_identity_url": addresses["xero"],
        "paymo_api_url": f"{addresses['paymo']}/api",
        "database_url": f"sqlite+aiosqlite:///{folder / 'demo.db'}",
        "encryption_keys": generate_key(),
        "public_url": f"http://127.0.0.1:{port}",
        "sync_interval_seconds": "5",
        "port": str(port),
        "log_level": "WARNING",
    }
    return Settings.read(values, file=None)


def _free_port() -> int:
    """Find a port that is free right now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
