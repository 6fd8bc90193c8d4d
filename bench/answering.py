"""How soon Slack is answered: the program as a process on PostgreSQL, loaded from outside."""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import httpx
from slack_sdk.oauth.installation_store.models.installation import Installation
from slack_sdk.oauth.installation_store.sqlalchemy import AsyncSQLAlchemyInstallationStore
from slack_sdk.signature import SignatureVerifier
from sqlalchemy.ext.asyncio import create_async_engine

from bench.doors import CLIENT, COMMAND, PATH
from bench.measuring import Benchmark
from bench.starting import listening
from bot.settings import generate_key
from services.model.connection import ConnectionState
from services.store import migrations
from services.store.engine import Database
from services.store.slack import SlackInstallationStore
from tests.bot.program import environment, free_port
from tests.databases import running_cluster
from tests.services.store_seeds import connect

WORKSPACES, PEOPLE, AT_ONCE = 100, 10, 32
REQUESTS, SINGLE = 320, 40
_LONGER = 5  # times as many where a request takes a tenth of the peer's time, or less
_APART = 0.025  # seconds
_SECRET = "bench-secret"  # noqa: S105 - opens nothing
_OK = b"HTTP/1.1 200"
_LIMIT, _PEER = "Starlette that checks the signature", "Bolt with the SDK's SQLAlchemy store"


class _Line(asyncio.Protocol):
    """One connection that sends the next request when the last one is answered."""

    def __init__(self, left: Iterator[bytes], taken: list[float]) -> None:
        self.left, self.taken = left, taken
        self.over = asyncio.get_running_loop().create_future()
        self.begun, self.answer = 0.0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def send(self) -> None:
        following = next(self.left, None)
        if following is None:
            self.over.set_result(None)
            return
        self.answer, self.begun = b"", time.perf_counter()
        self.transport.write(following)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.answer += data
        head, end, body = self.answer.partition(b"\r\n\r\n")
        if not end or len(body) < int(head.lower().partition(b"content-length: ")[2].split()[0]):
            return
        if not head.startswith(_OK):
            self.over.set_exception(ValueError(head.decode()))
            return
        self.taken.append(time.perf_counter() - self.begun)
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_exception(exc or ConnectionError("hung up"))


@dataclass(frozen=True, slots=True)
class Load:
    """Signed requests at one of the servers."""

    port: int
    bodies: Sequence[tuple[str, str]]  # each with its content type

    async def run(self, count: int, at_once: int) -> tuple[float, list[float]]:
        """Send them; return how long all took, and each."""
        taken: list[float] = []
        left = iter(self._signed(count))
        lines = [await self._open(left, taken) for _ in range(at_once)]
        begun = time.perf_counter()
        for each in lines:
            each.send()
        await asyncio.gather(*(each.over for each in lines))
        whole = time.perf_counter() - begun
        for each in lines:
            each.transport.close()
        return whole, sorted(taken)

    async def apart(self, count: int) -> list[float]:
        """Send them one after another, with a pause in which whatever they began can end."""
        each: list[float] = []
        for signed in self._signed(count):
            line = await self._open(iter([signed]), each)
            line.send()
            await line.over
            line.transport.close()
            await asyncio.sleep(_APART)
        return each

    async def _open(self, left: Iterator[bytes], taken: list[float]) -> _Line:
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(lambda: _Line(left, taken), "127.0.0.1", self.port)
        return line

    def _signed(self, count: int) -> list[bytes]:
        verifier, stamp = SignatureVerifier(_SECRET), str(int(time.time()))
        made = []
        for at in range(count):
            kind, body = self.bodies[at % len(self.bodies)]
            signature = verifier.generate_signature(timestamp=stamp, body=body)
            head = (
                f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
                f"X-Slack-Request-Timestamp: {stamp}\r\nX-Slack-Signature: {signature}\r\n"
                f"Content-Length: {len(body.encode())}\r\n\r\n"
            )
            made.append(head.encode() + body.encode())
        return made


@dataclass(frozen=True, slots=True)
class Doors:
    """Where the three of them listen, and the stand-in of Slack."""

    ours: int
    limit: int
    peer: int
    slack: int

    def count(self, port: int) -> int:
        """How many requests one round has: in a tenth of a second, the clock's chores count."""
        return REQUESTS if port == self.peer else REQUESTS * _LONGER

    async def calm(self) -> None:
        """Wait until whoever came first is greeted, which goes on after the answers."""
        posts = -1
        async with httpx.AsyncClient(trust_env=False) as http:
            while True:
                heard = (await http.get(f"http://127.0.0.1:{self.slack}/")).json()["posts"]
                if heard == posts:
                    return
                posts = heard
                await asyncio.sleep(1)

    def benchmark(
        self, name: str, what: str, bodies: Sequence[tuple[str, str]], at_once: int = 1
    ) -> Benchmark:
        """All of them with the same load; alone the median counts, else the time of the whole."""

        async def loaded(port: int) -> float:
            load = Load(port, bodies)
            if at_once == 1:
                return statistics.median(await load.apart(SINGLE))
            whole, _ = await load.run(self.count(port), at_once)
            return whole / self.count(port)

        return Benchmark(
            name,
            what,
            lambda: loaded(self.ours),
            lambda: loaded(self.limit),
            _LIMIT,
            lambda: loaded(self.peer),
            _PEER,
            reach=2.0 if at_once == 1 else 2.5,
            ahead=10 if at_once == 1 else 12,
            at_most=9 if at_once == 1 else None,
        )

    def tail(self, bodies: Sequence[tuple[str, str]]) -> Benchmark:
        """Our slowest in a hundred beside what is usual for the peer."""

        async def at(port: int, share: float) -> float:
            _, taken = await Load(port, bodies).run(self.count(port), AT_ONCE)
            return taken[int(len(taken) * share)]

        return Benchmark(
            "ack_p99",
            f"our p99 beside the peer's median, {AT_ONCE} in flight",
            lambda: at(self.ours, 0.99),
            lambda: at(self.limit, 0.99),
            _LIMIT,
            lambda: at(self.peer, 0.5),
            f"{_PEER}: its median",
            ahead=1,
        )


@asynccontextmanager
async def prepare(folder: Path) -> AsyncIterator[list[Benchmark]]:
    """Prepare `ack`, `ack_p99`, `ack_one`, `status_one` and `event`."""
    async with AsyncExitStack() as stack:
        doors = await _open(folder, stack)
        helps, statuses, events = _commands(doors, "help"), _commands(doors, "status"), _events()
        for _ in range(2):  # who comes for the first time is greeted, once
            await Load(doors.ours, helps).run(len(helps), 2)
            await doors.calm()
        yield [
            doors.benchmark("ack", f"`help`, {AT_ONCE} in flight", helps, AT_ONCE),
            doors.tail(helps),
            doors.benchmark("ack_one", "`help`, one at a time, median", helps),
            doors.benchmark("status_one", "`status`, one at a time, median", statuses),
            doors.benchmark("event", f"an event, {AT_ONCE} in flight", events, AT_ONCE),
        ]


def _commands(doors: Doors, text_: str) -> list[tuple[str, str]]:
    return [
        (
            "application/x-www-form-urlencoded",
            urlencode(
                {
                    "token": "gIkuvaNzQIHg97ATvDxqgjtO",
                    "team_id": f"T{at % WORKSPACES}",
                    "team_domain": "example",
                    "channel_id": "C2147483705",
                    "channel_name": "general",
                    "user_id": f"U{at // WORKSPACES}",
                    "user_name": "anna",
                    "command": COMMAND,
                    "text": text_,
                    "api_app_id": "A123456",
                    "is_enterprise_install": "false",
                    "response_url": f"http://127.0.0.1:{doors.slack}/commands/{at}",
                    "trigger_id": "13345224609.738474920.8088930838d88f008e0",
                }
            ),
        )
        for at in range(WORKSPACES * PEOPLE)
    ]


def _events() -> list[tuple[str, str]]:
    return [
        (
            "application/json",
            json.dumps(
                {
                    "token": "gIkuvaNzQIHg97ATvDxqgjtO",
                    "team_id": f"T{at % WORKSPACES}",
                    "api_app_id": "A123456",
                    "event": {"type": "app_home_opened", "user": "U1", "tab": "messages"},
                    "type": "event_callback",
                    "event_id": f"Ev{at}",
                    "event_time": 1_764_000_000,
                    "authorizations": [
                        {"enterprise_id": None, "team_id": f"T{at % WORKSPACES}", "user_id": "UBOT"}
                    ],
                }
            ),
        )
        for at in range(WORKSPACES)
    ]


async def _open(folder: Path, stack: AsyncExitStack) -> Doors:
    """Start everything, and install the app in every workspace."""
    cluster, key = stack.enter_context(running_cluster()), generate_key()
    url, peers = cluster.add("ours"), cluster.add("peer")
    await asyncio.to_thread(migrations.upgrade, url)
    await _install(url, peers, key)
    doors = Doors(*(free_port() for _ in range(4)))
    common = {
        "SLACK_SIGNING_SECRET": _SECRET,
        "SLACK_API_URL": f"http://127.0.0.1:{doors.slack}/api/",
    }
    settings = {
        "SLACK_CLIENT_ID": CLIENT,
        "SLACK_CLIENT_SECRET": "unused",
        "XERO_CLIENT_ID": "unused",
        "XERO_CLIENT_SECRET": "unused",
        "XERO_API_URL": f"http://127.0.0.1:{doors.slack}",
        "XERO_IDENTITY_URL": f"http://127.0.0.1:{doors.slack}",
        "PAYMO_API_URL": f"http://127.0.0.1:{doors.slack}/api",
        "ENCRYPTION_KEYS": key,
        "DATABASE_URL": url,
        "PORT": str(doors.ours),
    }
    await _start(stack, folder, "bot.cli", "serve", **common, **settings)
    for name, port in (("limit", doors.limit), ("peer", doors.peer), ("slack", doors.slack)):
        served = (f"bench.doors:{name}", "--factory", "--port", str(port), "--no-access-log")
        quiet = ("--log-level", "warning")
        await _start(stack, folder, "uvicorn", *served, *quiet, **common, PEER_DATABASE_URL=peers)
    async with asyncio.timeout(60):
        for port in (doors.ours, doors.limit, doors.peer, doors.slack):
            await listening(port)
    return doors


async def _start(stack: AsyncExitStack, folder: Path, *words: str, **settings: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *words, cwd=folder, env=environment(**settings)
    )

    async def end() -> None:
        process.terminate()
        await process.wait()

    stack.push_async_callback(end)


async def _install(ours: str, peers: str, key: str) -> None:
    """Install the app everywhere; each workspace has a connection, and people with roles."""
    database = Database.open(ours, [key])
    engine = create_async_engine(peers)
    stores = (
        SlackInstallationStore(CLIENT, database),
        AsyncSQLAlchemyInstallationStore(CLIENT, engine),
    )
    async with engine.begin() as connection:
        await connection.run_sync(stores[1].metadata.create_all)
    for at in range(WORKSPACES):
        made = Installation(
            app_id="A123456",
            team_id=f"T{at}",
            user_id="U0",
            bot_token=f"xoxb-{at}",
            bot_id="BBOT",
            bot_user_id="UBOT",
            bot_scopes=["commands", "chat:write"],
        )
        for store in stores:
            await store.async_save(made)
        async with database.sessions.begin() as session:
            await connect(session, f"T{at}", **_connection(at))
    await engine.dispose()
    await database.close()


def _connection(at: int) -> dict[str, object]:
    return {
        "state": ConnectionState.BROKEN,  # nothing is synced meanwhile
        "broken_side": "Xero",
        "owner_id": "U0",
        "exporters": ["U1", "U2", "U3"],
        "viewers": ["U4", "U5", "U6", "U7", "U8"],
        "tenant_id": f"tenant{at}",
        "paymo_company_id": at,
        "paymo_company_name": "Harbour Lane Studio",
        "organisation_name": "Maple Books",
    }
