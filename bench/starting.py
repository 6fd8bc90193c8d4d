"""How long `paymo-xero serve` takes to be ready, and what it holds while idle."""

import asyncio
import os
import socket
import statistics
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import DEVNULL

import httpx

from bench.measuring import Benchmark
from tests.bot.program import NEEDED, environment, free_port

_AN_IDLE_MOMENT = 3.0  # seconds, in which the clock has done each of its chores once


@asynccontextmanager
async def prepare(folder: Path) -> AsyncIterator[list[Benchmark]]:
    """Prepare `start`."""
    settings = settings_for()
    await asyncio.to_thread(_run, folder, settings, "-m", "bot.cli", "migrate")
    yield [_start(folder, settings)]


def _start(folder: Path, settings: dict[str, str]) -> Benchmark:
    """From the command to ready, on a migrated database."""
    held: list[float] = []

    async def ours() -> float:
        begun = asyncio.get_running_loop().time()
        async with serving(folder, settings) as process_id:
            taken = asyncio.get_running_loop().time() - begun
            await asyncio.sleep(_AN_IDLE_MOMENT)
            held.append(_memory_of(process_id))
        return taken

    async def limit() -> None:
        await asyncio.to_thread(_run, folder, settings, "-c", "import bot.commands")

    return Benchmark(
        "start",
        "`serve` on a migrated SQLite database, to ready",
        ours,
        limit,
        "the imports alone",
        reach=1.2,
        figures=lambda: {"idle memory in MB": statistics.median(held)},
        at_most=5,
    )


@asynccontextmanager
async def serving(folder: Path, settings: dict[str, str]) -> AsyncIterator[int]:
    """Run `serve` in a folder from when it is ready; yield the id of its process."""
    typed = [sys.executable, "-m", "bot.cli", "serve"]
    process = await asyncio.create_subprocess_exec(
        *typed, cwd=folder, env=settings, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        await _ready(settings["PORT"])
        yield process.pid
    finally:
        process.terminate()
        await process.wait()


async def _ready(port: str) -> None:
    """Ask once it listens; asking sooner would only take time from it."""
    url = f"http://127.0.0.1:{port}/readyz"
    async with asyncio.timeout(180), httpx.AsyncClient(trust_env=False) as http:
        await listening(int(port))
        while not (await http.get(url)).is_success:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)


async def listening(port: int) -> None:
    """Wait until somebody listens there."""
    while True:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        await asyncio.sleep(0.02)


def _memory_of(process_id: int) -> float:
    pages = int(Path(f"/proc/{process_id}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _run(folder: Path, settings: dict[str, str], *words: str) -> None:
    typed = [sys.executable, *words]
    subprocess.run(typed, cwd=folder, env=settings, stdout=DEVNULL, check=True)  # noqa: S603 - ourselves


def settings_for(**more: str) -> dict[str, str]:
    """Return what it needs, and more; unless that says otherwise nobody answers anywhere."""
    port, nobody = free_port(), "http://127.0.0.1:9"
    told = {
        **NEEDED,
        "PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "SLACK_API_URL": f"{nobody}/api/",
        "XERO_API_URL": nobody,
        "PAYMO_API_URL": f"{nobody}/api",
    }
    return environment(**{**told, **more})
