"""How a stand-in is put on a socket, and how it is told to misbehave."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Literal, Self

import msgspec
from aiohttp import web

Json = dict[str, Any]
Clock = Callable[[], datetime]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


_ENCODER = msgspec.json.Encoder(decimal_format="number")


def as_json(
    body: Any, *, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Answer in JSON; decimals go out as exact JSON numbers."""
    return web.Response(
        status=status,
        body=_ENCODER.encode(body),
        headers=headers,
        content_type="application/json",
        charset="utf-8",
    )


class Bell(asyncio.Event):
    """An event; in a copy of what holds it, nobody waits for it yet."""

    def __deepcopy__(self, _: dict[int, Any]) -> Self:
        """Make a silent one."""
        return type(self)()


@dataclass(slots=True)
class Numbers:
    """One number after the other; a copy goes on from here by itself."""

    upcoming: int = 1

    def __next__(self) -> int:
        """Take the next one."""
        taken, self.upcoming = self.upcoming, self.upcoming + 1
        return taken


def utc_now() -> datetime:
    """The clock of a stand-in that was given no other."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Fault:
    """One way to misbehave, for the next `times` requests that fit `method` and `path`.

    `path` is a regular expression searched in the request's path. With `status` that answer is
    given instead of the real one (and nothing is done, unless `is_done`); `delay` waits first;
    `hang_up` drops the connection "before" or "after" the work is done; `garbled` does the work
    and sends half of the answer's body; `cut` promises all of it and hangs up after half; `drip`
    leaves that many seconds between the bytes of it; `gate` holds the request (or, with `is_done`,
    its answer) until it is opened, whether or not somebody still waits for the answer, and `came`
    says that it is held.
    """

    path: str = ""
    method: str = ""
    times: int = 1
    skip: int = 0  # so many that fit are spared first
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: str | bytes = ""
    delay: float = 0
    hang_up: Literal["", "before", "after"] = ""
    garbled: bool = False
    cut: bool = False
    is_done: bool = False
    drip: float = 0
    alter: dict[str, Any] = field(default_factory=dict)
    gate: asyncio.Event | None = None
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def fits(self, request: web.Request) -> bool:
        """Whether this request is to suffer; requests of pages and tests never do."""
        return (
            self.times > 0
            and not request.path.startswith("/_sandbox/")
            and self.method in {"", request.method}
            and re.search(self.path, request.path) is not None
        )

    async def wait(self, request: web.Request) -> None:
        """Keep the request waiting as long as is asked for."""
        await asyncio.sleep(self.delay)
        if self.gate is not None:
            await request.read()
            self.came.set()
            await self.gate.wait()

    def instead(self) -> web.Response:
        """The answer that is given instead of the real one."""
        given: Json = {"body" if isinstance(self.body, bytes) else "text": self.body}
        return web.Response(status=self.status or HTTPStatus.OK, headers=self.headers, **given)


@dataclass(slots=True)
class Faults:
    """The faults that are waiting; one list for each stand-in."""

    waiting: list[Fault] = field(default_factory=list)

    def add(self, **fields: Any) -> Fault:
        """Ask for a fault; the fields are those of `Fault`."""
        fault = Fault(**fields)
        self.waiting.append(fault)
        return fault

    def hold(self, method: str, path: str, *, is_done: bool = False) -> Fault:
        """Hold the next such request, or its answer, until the fault's gate is opened."""
        return self.add(method=method, path=path, gate=asyncio.Event(), is_done=is_done)

    def clear(self) -> None:
        """Behave again."""
        self.waiting.clear()

    def take(self, request: web.Request) -> Fault | None:
        """Use the first fault that fits once."""
        for fault in self.waiting:
            if fault.fits(request) and fault.skip:
                fault.skip -= 1
            elif fault.fits(request):
                fault.times -= 1
                if not fault.times:
                    self.waiting.remove(fault)
                return fault
        return None

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let the request suffer the fault that fits, if any."""
        fault = self.take(request)
        if fault is None:
            return await handler(request)
        if not fault.is_done:
            await fault.wait(request)
        if fault.hang_up == "before":
            return _hang_up(request)
        response: web.StreamResponse = fault.instead()
        if fault.is_done or not fault.status:
            done = await handler(request)
            if fault.is_done:
                await fault.wait(request)
            response = response if fault.status else done
        if fault.hang_up == "after":
            return _hang_up(request)
        return await _marred(request, response, fault)


async def _marred(
    request: web.Request, response: web.StreamResponse, fault: Fault
) -> web.StreamResponse:
    """Spoil an answer as is asked for."""
    if fault.alter and response.status < HTTPStatus.BAD_REQUEST:
        return _altered(response, fault.alter)
    if fault.drip:
        return await _dripping(request, response, fault.drip)
    if fault.cut:
        return await _cut(request, response)
    return _half(response) if fault.garbled else response


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.close()
    return web.Response()


async def _dripping(
    request: web.Request, response: web.StreamResponse, pause: float
) -> web.StreamResponse:
    slow = web.StreamResponse(status=response.status)
    slow.content_type = response.content_type
    await slow.prepare(request)
    with suppress(ConnectionResetError):  # nobody waits for the rest
        for byte in _whole(response):
            await slow.write(bytes([byte]))
            await asyncio.sleep(pause)
    return slow


async def _cut(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    whole = _whole(response)
    short = web.StreamResponse(status=response.status)
    short.content_type, short.content_length = response.content_type, len(whole)
    await short.prepare(request)
    await short.write(whole[: len(whole) // 2])
    _hang_up(request)
    return short


def _whole(response: web.StreamResponse) -> bytes:
    body = getattr(response, "body", b"")
    return body if isinstance(body, bytes) else b""


def _altered(response: web.StreamResponse, changes: dict[str, Any]) -> web.Response:
    body = json.loads(_whole(response), parse_float=Decimal)
    for path, value in changes.items():
        *way, last = path.split("/")
        places = [body]
        for step in way:
            places = [deeper for place in places for deeper in _under(place, step)]
        for place in places:
            place[last] = value
    return as_json(body, status=response.status)


def _under(place: Any, step: str) -> list[Any]:
    if step == "*":
        return list(place)
    if isinstance(place, list):
        return place[int(step) : int(step) + 1]
    return [place[step]] if step in place else []


def _half(response: web.StreamResponse) -> web.Response:
    whole = _whole(response)
    return web.Response(
        status=response.status,
        body=whole[: len(whole) // 2],
        content_type=response.content_type,
    )


_HIDDEN = {"authorization", "cookie"}


@dataclass(slots=True)
class Seen:
    """A request that came in; the status is 0 while it is being answered."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    status: int = 0


@dataclass(slots=True)
class Record:
    """What was asked of a stand-in, without credentials; what `is_aside` says is left out."""

    is_aside: Callable[[str], bool]
    requests: list[Seen] = field(default_factory=list)

    def calls(self, method: str, path: str) -> list[Seen]:
        """The requests so far with this method, whose path holds this regular expression."""
        return [
            seen
            for seen in self.requests
            if method in {"", seen.method} and re.search(path, seen.path)
        ]

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Write down what comes in, and how it was answered."""
        if self.is_aside(request.path):
            return await handler(request)
        seen = Seen(
            request.method,
            request.path,
            dict(request.query),
            {name: text for name, text in request.headers.items() if name.lower() not in _HIDDEN},
            await request.read(),
        )
        self.requests.append(seen)
        response = await handler(request)
        seen.status = response.status
        return response


class Recorded:
    """A stand-in that can be asked what was asked of it."""

    __slots__ = ()
    record: Record

    @property
    def requests(self) -> list[Seen]:
        """Everything that was asked so far."""
        return self.record.requests

    def calls(self, method: str = "", path: str = "") -> list[Seen]:
        """The requests so far with this method, whose path holds this regular expression."""
        return self.record.calls(method, path)


@dataclass(slots=True)
class Served:
    """A stand-in on its socket, from `start` to `stop`."""

    url: str
    runner: web.AppRunner

    @classmethod
    async def start(cls, app: web.Application, *, host: str = "127.0.0.1", port: int = 0) -> Self:
        """Listen; with port 0 the system picks a free one."""
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, host, port)
        await site.start()
        bound = runner.addresses[0]
        return cls(url=f"http://{host}:{bound[1]}", runner=runner)

    async def stop(self) -> None:
        """Let go of the socket."""
        await self.runner.cleanup()


def control_routes(faults: Faults, reset: Callable[[], None]) -> list[web.RouteDef]:
    """`POST /_sandbox/reset` and `POST /_sandbox/faults` (a JSON object of `Fault`'s fields)."""

    async def do_reset(_: web.Request) -> web.Response:
        faults.clear()
        reset()
        return web.json_response({"ok": True})

    async def add_fault(request: web.Request) -> web.Response:
        faults.add(**await request.json())
        return web.json_response({"ok": True})

    return [web.post("/_sandbox/reset", do_reset), web.post("/_sandbox/faults", add_fault)]
