"""A disk that is full: the program says so, keeps its log short, and goes on when there is room."""

import asyncio
import json
import resource
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.bot.program import NEEDED, serving
from tests.databases import KEY, open_database
from tests.services.store_seeds import connected

LEAST = 1024  # bytes: no file may grow beyond, as on a full disk


async def until(http: httpx.AsyncClient, url: str, status: int) -> None:
    async with asyncio.timeout(60):
        while (await http.get(f"{url}/readyz")).status_code != status:
            await asyncio.sleep(0.1)


@pytest.mark.thorough
async def test_a_full_disk_is_no_readiness_and_no_flood_of_tracebacks(
    sqlite_url: str, tmp_path: Path
) -> None:
    database = open_database(sqlite_url)
    await connected(database, sweep_due_at=datetime.now(UTC))
    await database.close()
    settings = {**NEEDED, "ENCRYPTION_KEYS": KEY, "DATABASE_URL": sqlite_url}

    async with serving(tmp_path, **settings) as (process, url):
        async with httpx.AsyncClient(trust_env=False) as http:
            _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (LEAST, most))
            await until(http, url, 503)
            for _ in range(30):  # several ticks, each of which finds work that cannot be taken
                assert (await http.get(f"{url}/healthz")).status_code == 200
                await asyncio.sleep(0.1)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, most))
            await until(http, url, 200)
        process.terminate()
        _, told = await process.communicate()

    lines = [json.loads(each) for each in told.decode().splitlines()]
    assert [each for each in lines if "Traceback" in str(each.get("exception", ""))] == []
    failed = [each["event"] for each in lines if each["level"] == "error"]
    assert len(failed) == len(set(failed))
