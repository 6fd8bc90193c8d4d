"""Whatever a remote side answers, memory stays within bounds."""

import gc
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import web

from bot.slack_clients import BoundedResponse, SlackWeb
from handlers.slack import TROUBLE
from sandbox.serving import Served
from services.clients.http import LARGEST_ANSWER, ApiClient, open_http
from services.clients.rows import content_of
from services.clients.tokens import TokenSet, XeroOAuth
from services.errors import Unavailable

_MEGABYTE = 1_000_000
_MOST = 400 * _MEGABYTE  # while one answer is read
_WIDE = (LARGEST_ANSWER - 100) // 4
NOW = datetime(2026, 11, 28, tzinfo=UTC)


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


HOSTILE = {
    "a gigabyte in a megabyte": (_packed(), "gzip"),
    "packed twice": (_packed(2), "gzip, gzip"),
    "packed twice, and once so called": (_packed(2), "gzip"),
    "packed in an unknown way": (b"1", "br"),
    "not packed as is said": (b"{}", "gzip"),
    "without end": (b"", ""),
    "many lists": (b"[" + b"[]," * (_WIDE) + b"0]", ""),
    "many numbers": (b"[" + b"1.5," * _WIDE + b"0]", ""),
    "many objects": (b"[" + b"{}," * _WIDE + b"0]", ""),
    "deep": (b"[" * LARGEST_ANSWER, ""),
    "a long text": (b'["' + "\U0001f600".encode() * (_WIDE - 2) + b'"', ""),
    "a long number": (b"[" + b"9" * (LARGEST_ANSWER - 2) + b"]", ""),
}


@pytest.mark.parametrize(("body", "packing"), HOSTILE.values(), ids=list(HOSTILE))
async def test_an_answer_takes_only_so_much_memory(body: bytes, packing: str) -> None:
    async with answering(body, packing) as url, open_http(url, user_agent="test") as http:
        with bounded(), pytest.raises(Unavailable):
            content_of(await ApiClient("Xero", http, tries=1).send("GET", "/anything"))


@pytest.mark.parametrize("name", ["a gigabyte in a megabyte", "packed twice", "without end"])
async def test_so_does_an_answer_about_tokens(name: str) -> None:
    async with answering(*HOSTILE[name]) as url:
        oauth = XeroOAuth("id", "secret", url, url, f"{url}/callback", {}, lambda: NOW)
        with bounded():
            with pytest.raises(Unavailable):
                await oauth.refresh(TokenSet("access", "refresh", NOW))
            with pytest.raises(Unavailable):
                await oauth.exchange("code", verifier="verifier")


@pytest.mark.parametrize("name", [each for each in HOSTILE if each != "a long text"])
async def test_so_does_an_answer_of_slacks(name: str) -> None:
    async with (
        answering(*HOSTILE[name]) as url,
        aiohttp.ClientSession(response_class=BoundedResponse) as session,
    ):
        with bounded(), pytest.raises(TROUBLE):
            await SlackWeb(f"{url}/api/", session, list).client("xoxb").auth_test()


async def test_a_large_answer_that_fits_is_read() -> None:
    body = b'{"rows": [' + b'{"name": "x", "total": 1.50},' * 200_000 + b"0]}"
    small = zlib.compress(body, 1, 31)
    async with answering(small, "gzip") as url, open_http(url, user_agent="test") as http:
        found = content_of(await ApiClient("Xero", http).send("GET", "/anything"))
    assert isinstance(found, dict)
    assert len(found["rows"]) == 200_001
