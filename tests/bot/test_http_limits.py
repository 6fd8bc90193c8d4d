"""What a stranger can make the server hold: heads and bodies have a size and a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from bot.http import LARGEST_HEAD, BoundedProtocol
from bot.serving import Server
from tests.bot.town import Town

LINE = b"x-padding: " + b"x" * 1000 + b"\r\n"


async def exchange(url: str, *parts: bytes) -> bytes:
    """Send these parts on one connection, and return all that comes until it is closed."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        async with asyncio.timeout(20):
            for each in parts:
                writer.write(each)
                await writer.drain()
            return await reader.read()
    except ConnectionError:
        return b"reset"
    finally:
        writer.close()


def head(*lines: bytes, path: bytes = b"/healthz") -> bytes:
    return b"GET " + path + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n" + b"".join(lines)


@pytest.mark.parametrize(
    "parts",
    [
        [head(*[LINE] * 40), b"\r\n"],
        [head(*[LINE] * 40, b"\r\n")],
        [head(), *[LINE] * 400],
        [head(b"x-one: "), *[b"x" * 1000] * 400],
        [head(b"\r\n", path=b"/healthz?" + b"x" * LARGEST_HEAD)],
        [head(*[b"a:\r\n"] * 9000, b"\r\n")],
    ],
    ids=["lines", "at once", "without end", "one line without end", "address", "tiny lines"],
)
async def test_a_head_that_is_too_large_is_refused(town: Town, parts: list[bytes]) -> None:
    answer = await exchange(town.url, *parts)

    assert answer.startswith(b"HTTP/1.1 431") or answer == b"reset"
    assert (await town.http.get("/healthz")).status_code == 200


async def test_a_head_that_fits_is_taken_and_so_is_the_next_one(town: Town) -> None:
    first = b"GET /healthz HTTP/1.1\r\nhost: x\r\n" + LINE * 25 + b"\r\n"

    answer = await exchange(town.url, first, head(*[LINE] * 25, b"\r\n"))

    assert answer.count(b"HTTP/1.1 200") == 2


async def test_a_large_body_does_not_count_as_head(town: Town) -> None:
    body = b"x" * 900_000
    lines = b"POST /webhooks/paymo/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"

    answer = await exchange(town.url, lines + b"content-length: 900000\r\n\r\n" + body)

    assert answer.startswith(b"HTTP/1.1 401")


class Hasty(BoundedProtocol):
    """The same with a shorter time."""

    head_arrives = timedelta(milliseconds=200)


@asynccontextmanager
async def hasty() -> AsyncIterator[tuple[str, asyncio.Event]]:
    may_answer = asyncio.Event()

    async def slow(_request: Request) -> PlainTextResponse:
        await may_answer.wait()
        return PlainTextResponse("done")

    config = uvicorn.Config(
        Starlette(routes=[Route("/", slow)]), port=0, http=Hasty, lifespan="off", log_config=None
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:
            await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", may_answer
    server.should_exit = True
    await serving


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nx-slow: "])
async def test_a_head_that_does_not_arrive_ends_the_connection(sent: bytes) -> None:
    async with hasty() as (url, _):
        assert await exchange(url, sent) == b""


@pytest.mark.parametrize("more", [b"\r\n", b"x" * 40_000], ids=["blank line", "unread body"])
async def test_what_is_no_head_keeps_no_answered_connection(more: bytes) -> None:
    first = b"GET /nothing HTTP/1.1\r\nhost: x\r\n"
    first += b"content-length: 90000\r\n\r\n" if more.startswith(b"x") else b"\r\n"
    async with hasty() as (url, _), asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
        writer.write(first)
        answer = await reader.readuntil(b"Not Found\r\n")
        writer.write(more)

        assert answer.startswith(b"HTTP/1.1 404")
        assert b"HTTP/1.1" not in await reader.read()
        writer.close()


async def test_an_answer_may_take_longer_than_a_head() -> None:
    async with hasty() as (url, may_answer):
        asking = asyncio.create_task(exchange(url, head(b"\r\n", path=b"/")))
        await exchange(url, b"GET / HT")  # came later, and is over when a head's time is
        await exchange(url, b"GET / HT")
        may_answer.set()

        assert (await asking).endswith(b"done")
