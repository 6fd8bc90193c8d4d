"""The program as a process, and the settings that it needs."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import httpx

from sandbox.serving import Served
from sandbox.xero import XeroWorld
from tests.bot.forked import forked
from tests.databases import KEY

LONGEST_STOP = 10
ROOT = Path(__file__).parent.parent.parent
SIGNING_SECRET = "signing-secret"
WEBHOOK_KEY = "webhook-key"
NEEDED = {
    "SLACK_SIGNING_SECRET": SIGNING_SECRET,
    "SLACK_BOT_TOKEN": "xoxb-test",
    "XERO_CLIENT_ID": "xero-client",
    "XERO_CLIENT_SECRET": "xero-secret",
    "ENCRYPTION_KEYS": KEY,
}


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str


def environment(**settings: str) -> dict[str, str]:
    """Return what a process gets to see: where programs are, this very code, these settings."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **settings}


def to_stand_ins(xero: XeroWorld, xero_at: Served, paymo_at: Served) -> dict[str, str]:
    """Return the settings that send a process to these stand-ins."""
    return {
        "XERO_CLIENT_ID": xero.client_id,
        "XERO_CLIENT_SECRET": xero.client_secret,
        "XERO_API_URL": xero_at.url,
        "XERO_LOGIN_URL": xero_at.url,
        "XERO_IDENTITY_URL": xero_at.url,
        "PAYMO_API_URL": f"{paymo_at.url}/api",
    }


def free_port() -> int:
    """Return a port that nobody listens at, from those that systems give to nobody by themselves.

    One of the others may become somebody's own before the program listens there.
    """
    while True:
        port = secrets.choice(range(20_000, 32_000))
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


async def start(folder: Path, *words: str, **settings: str) -> asyncio.subprocess.Process:
    """Start `paymo-xero` in a folder, so that no `.env` of ours is read."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.cli",
        *words,
        cwd=folder,
        env=environment(**settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def run(folder: Path, *words: str, **settings: str) -> Ended:
    """Run a command to its end."""
    seen = environment(**settings)
    return Ended(*await asyncio.to_thread(forked, folder, list(words), seen))


@asynccontextmanager
async def serving(
    folder: Path, **settings: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Run it until it is ready; afterwards it is certainly gone."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    chosen = {"PORT": str(port), "PUBLIC_URL": url, "LOG_FORMAT": "json", **settings}
    process = await start(folder, "serve", **chosen)
    try:
        await ready(process, url)
        yield process, url
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ready(process: asyncio.subprocess.Process, url: str) -> None:
    """Wait until it can work, and say what it said where it ended instead."""
    async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False) as http:
        while process.returncode is None:
            with contextlib.suppress(httpx.TransportError):
                if (await http.get(f"{url}/readyz")).status_code == HTTPStatus.OK:
                    return
            await asyncio.sleep(0.05)
    _, told = await process.communicate()
    raise AssertionError(told.decode()[-2000:])


def waited(pid: int) -> float:
    """Return for how many seconds a process could have run while its machine ran others.

    A promise in seconds is one for a machine that is not overloaded. 0 where nothing tells.
    """
    try:
        _, nanoseconds, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    except OSError:
        return 0
    return int(nanoseconds) / 1e9


async def ended(process: asyncio.subprocess.Process) -> tuple[float, list[str]]:
    """Ask it to stop; return how long that took it, and the events that it logged."""
    kept = before = waited(process.pid)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    telling = asyncio.create_task(process.communicate())
    while not telling.done():
        kept = max(kept, waited(process.pid))
        await asyncio.wait([telling], timeout=0.05)
    _, told = await telling
    events = [json.loads(line)["event"] for line in told.decode().splitlines()]
    return time.monotonic() - began - (kept - before), events
