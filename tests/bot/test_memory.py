"""Whatever strangers send, and whatever a remote side answers, memory stays within bounds."""

import asyncio
import base64
import contextlib
import gc
import hashlib
import hmac
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import aiohttp
import httpx
import pytest
from aiohttp import web

from bot.slack_clients import BoundedResponse, SlackWeb
from handlers.slack import TROUBLE
from sandbox.serving import Served
from services.clients.http import LARGEST_ANSWER, ApiClient, BoundedClient, open_http
from services.clients.tokens import TokenSet, XeroOAuth
from services.clients.typed import content_of
from services.errors import Unavailable
from tests.bot.program import NEEDED, SIGNING_SECRET, WEBHOOK_KEY, serving

pytestmark = pytest.mark.thorough  # gigabytes take their time

_MEGABYTE = 1_000_000
_MOST = 400 * _MEGABYTE  # while one answer is read
_WIDE = (LARGEST_ANSWER - 100) // 4
NOW = datetime(2026, 11, 28, tzinfo=UTC)


@cache
def _packed(times: int = 1) -> bytes:
    """A gigabyte of blanks, gzipped once or twice."""
    packer, blanks = zlib.compressobj(1, wbits=31), b" " * _MEGABYTE
    made = b"".join(packer.compress(blanks) for _ in range(1000)) + packer.flush()
    return made if times == 1 else zlib.compress(made, 1, 31)


@contextmanager
def bounded(most: int = _MOST) -> Iterator[None]:
    """Hold what is allocated meanwhile to so many bytes."""
    gc.collect()
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < most, f"{peak / _MEGABYTE:.0f} MB"


@asynccontextmanager
async def answering(body: bytes, packing: str = "") -> AsyncIterator[str]:
    """Serve this to whatever is asked; without a body, blanks without end."""

    async def answer(request: web.Request) -> web.StreamResponse:
        headers = {"Content-Type": "application/json"}
        headers |= {"Content-Encoding": packing} if packing else {}
        if body:
            return web.Response(body=body, headers=headers)
        endless = web.StreamResponse(headers=headers)
        await endless.prepare(request)
        while True:
            await endless.write(b" " * 65_536)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    served = await Served.start(app)
    yield served.url
    await served.stop()


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "a gigabyte in a megabyte": (_packed, "gzip"),
    "packed twice": (lambda: _packed(2), "gzip, gzip"),
    "packed twice, and once so called": (lambda: _packed(2), "gzip"),
    "packed in an unknown way": (lambda: b"1", "br"),
    "not packed as is said": (lambda: b"{}", "gzip"),
    "without end": (lambda: b"", ""),
    "many lists": (lambda: b"[" + b"[]," * (_WIDE) + b"0]", ""),
    "many numbers": (lambda: b"[" + b"1.5," * _WIDE + b"0]", ""),
    "many objects": (lambda: b"[" + b"{}," * _WIDE + b"0]", ""),
    "deep": (lambda: b"[" * LARGEST_ANSWER, ""),
    "a long text": (lambda: b'["' + "\U0001f600".encode() * (_WIDE - 2) + b'"', ""),
    "a long number": (lambda: b"[" + b"9" * (LARGEST_ANSWER - 2) + b"]", ""),
}


@pytest.mark.parametrize(("body", "packing"), HOSTILE.values(), ids=list(HOSTILE))
async def test_an_answer_takes_only_so_much_memory(body: Callable[[], bytes], packing: str) -> None:
    async with answering(body(), packing) as url, open_http(url, user_agent="test") as http:
        with bounded(), pytest.raises(Unavailable):
            content_of(await ApiClient("Xero", http, tries=1).send("GET", "/anything"))


@pytest.mark.parametrize("name", ["a gigabyte in a megabyte", "packed twice", "without end"])
async def test_so_does_an_answer_about_tokens(name: str) -> None:
    body, packing = HOSTILE[name]
    async with answering(body(), packing) as url:
        oauth = XeroOAuth("id", "secret", url, url, f"{url}/callback", {}, lambda: NOW)
        with bounded():
            with pytest.raises(Unavailable):
                await oauth.refresh(TokenSet("access", "refresh", NOW))
            with pytest.raises(Unavailable):
                await oauth.exchange("code", verifier="verifier")


@pytest.mark.parametrize("name", [each for each in HOSTILE if each != "a long text"])
async def test_so_does_an_answer_of_slacks(name: str) -> None:
    body, packing = HOSTILE[name]
    async with (
        answering(body(), packing) as url,
        aiohttp.ClientSession(response_class=BoundedResponse) as session,
    ):
        with bounded(), pytest.raises(TROUBLE):
            await SlackWeb(f"{url}/api/", session, list).client("xoxb").auth_test()


class _Trailing(httpx.AsyncByteStream):
    """A packed answer, and much behind its end."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Send it."""
        yield zlib.compress(b"{}", 1, 31)
        for _ in range(50):
            yield b" " * _MEGABYTE


async def test_what_comes_behind_a_packed_answer_is_left_there() -> None:
    headers = {"Content-Encoding": "gzip"}
    sent = httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, stream=_Trailing()))
    async with BoundedClient(transport=sent, base_url="http://xero.test") as http:
        with bounded(20 * _MEGABYTE):
            assert content_of(await ApiClient("Xero", http).send("GET", "/anything")) == {}


async def test_a_large_answer_that_fits_is_read() -> None:
    body = b'{"rows": [' + b'{"name": "x", "total": 1.50},' * 200_000 + b"0]}"
    small = zlib.compress(body, 1, 31)
    async with answering(small, "gzip") as url, open_http(url, user_agent="test") as http:
        found = content_of(await ApiClient("Xero", http).send("GET", "/anything"))
    assert isinstance(found, dict)
    assert len(found["rows"]) == 200_001


# ---- what comes in, at a program of its own

_FULL = 990_000  # bytes, just below what a body may have
_IN_FLIGHT = 8
_GROWTH = 200 * _MEGABYTE  # for all that is in flight, beyond what the program takes by itself
_FORM = "application/x-www-form-urlencoded"
_SENT = {
    "a long text": (b'{"type":"event_callback","x":"' + b"x" * _FULL + b'"}', "application/json"),
    "deep": (b'{"event":' + b"[" * _FULL, "application/json"),
    "deep objects": (b'{"a":' * (_FULL // 5), "application/json"),
    "many events": (b'{"events":[' + b"{}," * (_FULL // 3 - 9) + b"{}]}", "application/json"),
    "many numbers": (b'{"events":[' + b"1.5," * (_FULL // 4 - 9) + b"1]}", "application/json"),
    "many names": (
        b"{" + b",".join(b'"%d":[]' % each for each in range(90_000)) + b"}",
        "application/json",
    ),
    "many fields": (b"&".join(b"%d=1" % each for each in range(120_000)), _FORM),
    "many fields of an interaction": (b"payload={}" + b"&a=1" * (_FULL // 4 - 9), _FORM),
    "a long command": (b"command=/paymo-xero&text=" + b"%F0%9F%98%80" * (_FULL // 12 - 9), _FORM),
    "long fields": (
        b"nonce=" + b"x" * (_FULL // 2) + b"&api_key=" + b"y" * (_FULL // 2 - 99),
        _FORM,
    ),
    "no text": (bytes([0xFF]) * _FULL, _FORM),
}


def _signed(body: bytes, kind: str) -> dict[str, str]:
    """Sign for everybody who may send something."""
    now = str(int(time.time()))
    slack = hmac.new(
        SIGNING_SECRET.encode(), b":".join((b"v0", now.encode(), body)), hashlib.sha256
    )
    xero = hmac.digest(WEBHOOK_KEY.encode(), body, "sha256")
    return {
        "content-type": kind,
        "x-slack-request-timestamp": now,
        "x-slack-signature": f"v0={slack.hexdigest()}",
        "x-xero-signature": base64.b64encode(xero).decode(),
    }


def _peak(pid: int) -> int:
    """Return the most memory that a process ever had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [found] = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    return int(found) * 1024


async def _endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 65_536


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="nothing tells the memory")
async def test_whatever_comes_in_takes_only_so_much_memory(tmp_path: Path) -> None:
    settings = {
        **NEEDED,
        "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/app.db",
        "XERO_WEBHOOK_KEY": WEBHOOK_KEY,
        "SLACK_API_URL": "http://127.0.0.1:9/api/",
    }
    ways = ("/slack/events", "/webhooks/xero", "/webhooks/paymo/token", "/paymo/connect")
    async with (
        serving(tmp_path, **settings) as (process, url),
        httpx.AsyncClient(base_url=url, timeout=120, trust_env=False) as http,
    ):
        before = _peak(process.pid)
        for way in ways:
            for body, kind in _SENT.values():
                head = _signed(body, kind)
                asked = [http.post(way, content=body, headers=head) for _ in range(_IN_FLIGHT)]
                statuses = {each.status_code for each in await asyncio.gather(*asked)}
                assert statuses <= {200, 400, 401, 404, 408, 413}
            asked = [http.post(way, content=_endless()) for _ in range(_IN_FLIGHT)]
            with contextlib.suppress(httpx.TransportError):  # it hangs up, or refuses first
                await asyncio.gather(*asked)
        assert (await http.get("/healthz")).status_code == 200
        grown = _peak(process.pid) - before
    assert grown < _GROWTH, f"{grown / _MEGABYTE:.0f} MB"
