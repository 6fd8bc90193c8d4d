"""The program as a process, and the settings that it needs."""

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.databases import KEY

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
    process = await start(folder, *words, **settings)
    out, err = await process.communicate()
    return Ended(process.returncode or 0, out.decode(), err.decode())
