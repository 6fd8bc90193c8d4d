"""`paymo-xero serve` as a process: it migrates, listens, and leaves in time."""

import asyncio
import contextlib
import socket
from pathlib import Path

import httpx
import pytest

from bot.serving import listen
from sandbox.serving import Served
from sandbox.slack import SlackWorld
from tests.bot.program import LONGEST_STOP, NEEDED, ended, free_port, run, serving, start
from tests.databases import Cluster

EVERYWHERE = ["0.0.0.0", *(["::"] if socket.has_dualstack_ipv6() else [])]  # noqa: S104 - loopback asks


async def test_it_migrates_serves_and_stops_cleanly_when_told(tmp_path: Path) -> None:
    async with serving(tmp_path, **NEEDED) as (process, url):
        async with httpx.AsyncClient(trust_env=False) as http:
            page = await http.get(url)
        seconds, events = await ended(process)

    assert page.status_code == 200
    assert process.returncode == 0
    assert seconds < LONGEST_STOP
    assert events[-1] == "stopped"
    assert (tmp_path / "paymo-xero.db").exists()


async def test_it_serves_on_a_database_without_an_encoding(
    tmp_path: Path, postgres_server: Cluster
) -> None:
    database = postgres_server.add("plain", "template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    async with serving(tmp_path, **NEEDED, DATABASE_URL=database) as (process, _):
        _, events = await ended(process)

    assert events[-1] == "stopped"


@pytest.mark.thorough
@pytest.mark.parametrize("way", ["http", "socket"])
async def test_it_answers_while_what_began_is_still_running(tmp_path: Path, way: str) -> None:
    slack = SlackWorld()
    anna = slack.add_user("Anna")
    room = slack.add_channel("invoices")
    slack_at: Served = await slack.start()
    slow = slack.faults.add(path="^/api/auth.test", delay=1.0)
    settings = {
        "SLACK_API_URL": f"{slack_at.url}/api/",
        "SLACK_SIGNING_SECRET": slack.signing_secret,
        "SLACK_BOT_TOKEN": slack.team.bot_token,
        **({"SLACK_APP_TOKEN": slack.app_token} if way == "socket" else {}),
    }
    async with serving(tmp_path, **{**NEEDED, **settings}) as (process, url):
        slack.connect_app(f"{url}/slack/events")
        await slack.wait_for(lambda: way == "http" or slack.sockets.open, LONGEST_STOP)
        typing = asyncio.create_task(slack.command(anna, room, "help"))
        async with asyncio.timeout(60):
            while slow.times:
                await asyncio.sleep(0.01)
        seconds, _ = await ended(process)
        answer = await typing

    await slack_at.stop()
    assert (answer.status, answer.failure, slack.sockets.open) == (200, "", [])
    assert seconds < LONGEST_STOP


async def test_it_stops_when_told_before_it_listens(tmp_path: Path) -> None:
    process = await start(tmp_path, "serve", **NEEDED, PORT=str(free_port()))
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(is_migrating, process.pid):
            await asyncio.sleep(0.01)
    process.terminate()
    await process.communicate()

    assert process.returncode == 0


def is_migrating(pid: int) -> bool:
    """Say whether a process has begun the child that migrates."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    with contextlib.suppress(OSError):  # one that has ended meanwhile
        return any(b"migrate" in Path(f"/proc/{each}/cmdline").read_bytes() for each in children)
    return False


@pytest.mark.thorough
async def test_without_migrating_it_is_alive_and_not_ready(tmp_path: Path) -> None:
    port = free_port()
    process = await start(tmp_path, "serve", "--no-migrate", **NEEDED, PORT=str(port))
    try:
        async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False) as http:
            while True:
                try:
                    answer = await http.get(f"http://127.0.0.1:{port}/readyz")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
        assert answer.status_code == 503
    finally:
        process.terminate()
        await process.communicate()


@pytest.mark.parametrize("host", EVERYWHERE)
def test_every_address_is_ipv4s_too_as_the_images_health_check_asks(host: str) -> None:
    with listen(host, 0) as listener:
        asking = socket.create_connection(("127.0.0.1", listener.getsockname()[1]))
        answering, _ = listener.accept()
        answering.sendall(b"ok")
        answering.close()
        heard = asking.recv(2)
        asking.close()

    assert heard == b"ok"


async def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    await run(tmp_path, "migrate", **NEEDED)
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    done = await run(tmp_path, "serve", "--no-migrate", **NEEDED, PORT=str(port))
    server.close()

    assert done.status == 1
    assert done.err.endswith(f"Cannot listen at 127.0.0.1:{port}: Address already in use\n")
    assert "Traceback" not in done.err
