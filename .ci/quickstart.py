"""Types the README's three commands as they stand there, in a clean virtual environment.

They end in a running program in Socket Mode, which a stand-in of Slack asks for help. Without an
argument the sources are what git has of this checkout; of a source distribution, what is in it;
a wheel is installed where the commands say `.`. Packages come from the index.
"""

import asyncio
import contextlib
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections.abc import AsyncIterator
from dataclasses import fields
from pathlib import Path

import httpx

from bot.settings import Settings
from sandbox.paymo import PaymoWorld
from sandbox.serving import Served
from sandbox.slack import SlackWorld
from sandbox.xero import XeroWorld
from tests.bot.program import free_port

ROOT = Path(__file__).parent.parent
_HEADING = "## Run it for real"
_INSTALLING, _STOPPING, _TALKING = 900, 60, 60
_READY = 200


def commands(readme: Path) -> list[str]:
    """Return the first lines of code under the heading."""
    below = readme.read_text(encoding="utf-8").partition(f"{_HEADING}\n")[2]
    found = re.search(r"\n\n((?:    .+\n)+)", below)
    if found is None:
        raise SystemExit(f"{readme} has no commands under {_HEADING}")
    return [line.strip() for line in found[1].splitlines()]


def lay_out(folder: Path, given: Path | None) -> Path:
    """Put the sources into an empty folder, and return where they are."""
    if given is not None and given.suffix != ".whl":
        with tarfile.open(given) as archive:
            archive.extractall(folder, filter="data")
        return next(folder.iterdir())
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)  # noqa: S607
    names = [each for each in listed.split("\0") if each]
    for name in names if given is None else ["README.md", "requirements.lock"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
    return folder


@contextlib.asynccontextmanager
async def stand_ins() -> AsyncIterator[tuple[SlackWorld, list[str], dict[str, str]]]:
    """Run Slack, Xero and Paymo; yield what a person answers, and where the three are."""
    slack, xero, paymo = SlackWorld(), XeroWorld(), PaymoWorld()
    slack.add_user("Anna")
    slack.add_channel("invoices")
    slack.door.patience = _TALKING
    at = [await slack.start(), await Served.start(xero.app()), await Served.start(paymo.app())]
    answers = ["y", slack.app_token, slack.team.bot_token, xero.client_id, xero.client_secret]
    yield (
        slack,
        answers,
        {
            "SLACK_API_URL": f"{at[0].url}/api/",
            "XERO_API_URL": at[1].url,
            "XERO_LOGIN_URL": at[1].url,
            "XERO_IDENTITY_URL": at[1].url,
            "PAYMO_API_URL": f"{at[2].url}/api",
        },
    )
    for each in at:
        await each.stop()


def environment(virtual: Path, settings: dict[str, str]) -> dict[str, str]:
    """Return what a person's shell has there: no settings of ours, the clean Python first."""
    dropped = {each.name.upper() for each in fields(Settings)} | {"PYTHONPATH"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    kept |= {"PIP_QUIET": "2", "TERM": "dumb"}
    return {**kept, "PATH": f"{virtual}/bin:{os.environ['PATH']}", **settings}


def converse(terminal: int, answers: list[str]) -> None:
    """Show what the terminal shows, and answer each question when it is asked."""
    told, left = "", list(answers)
    with contextlib.suppress(OSError):  # Linux says so where the other end is closed
        while part := os.read(terminal, 4096).decode(errors="replace"):
            sys.stdout.write(part)
            sys.stdout.flush()
            told += part
            if left and re.search(r"(?:^|\n)[^\n]+: $", told):
                told = ""
                os.write(terminal, f"{left.pop(0)}\n".encode())


async def ready(shell: asyncio.subprocess.Process, url: str) -> None:
    """Wait until the program can work."""
    async with asyncio.timeout(_INSTALLING), httpx.AsyncClient(trust_env=False) as http:
        while shell.returncode is None:
            with contextlib.suppress(httpx.TransportError):
                if (await http.get(f"{url}/readyz")).status_code == _READY:
                    return
            await asyncio.sleep(0.2)
    raise SystemExit("the commands ended before a program ran")


async def attempt(lines: list[str], sources: Path, virtual: Path) -> None:
    """Type the commands, wait until the program answers in Slack, and stop it."""
    port = str(free_port())
    async with stand_ins() as (slack, answers, settings):
        ours, theirs = pty.openpty()
        shell = await asyncio.create_subprocess_exec(
            *["bash", "-e", "-c", "\n".join(lines)],
            cwd=sources,
            env=environment(virtual, {**settings, "PORT": port}),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        talking = asyncio.create_task(asyncio.to_thread(converse, ours, answers))
        try:
            await ready(shell, f"http://127.0.0.1:{port}")
            await slack.wait_for(lambda: slack.sockets.open, _TALKING)
            answer = await slack.command("Anna", "invoices", "help")
            await slack.wait_for(lambda: slack.ephemerals("Anna"), _TALKING)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGTERM)
            await asyncio.wait_for(shell.wait(), _STOPPING)
            await asyncio.wait_for(talking, _STOPPING)
    if not answer.ok:
        raise SystemExit(f"it did not answer: {answer.failure}")


def main() -> None:
    """Try the commands, and say how it went."""
    given = Path(sys.argv[1]).resolve() if sys.argv[1:] else None
    with tempfile.TemporaryDirectory() as kept:
        sources = lay_out(Path(kept) / "sources", given)
        lines = commands(sources / "README.md")
        if given is not None and given.suffix == ".whl":
            lines = [re.sub(r" \.$", f" {given}", line) for line in lines]
        venv.create(Path(kept) / "venv", with_pip=True)
        print("== the README's commands", *(f"\n   {line}" for line in lines))
        asyncio.run(attempt(lines, sources, Path(kept) / "venv"))
    print("== they end in a program that answers in Slack")


if __name__ == "__main__":
    main()
