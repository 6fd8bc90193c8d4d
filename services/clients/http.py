"""The only user of httpx: retries, rate limits, and the translation of errors into refusals."""

import asyncio
import codecs
import re
import secrets
import ssl
import zlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, lru_cache
from types import TracebackType
from typing import Any, TypedDict, Unpack

import httpx
import msgspec
import structlog

from services.clients.allowance import Allowance, largest
from services.errors import (
    Forbidden,
    NotConnected,
    NotFound,
    Rejected,
    ServiceError,
    System,
    Throttled,
    Unavailable,
    Unreachable,
)
from services.model import days, wording
from services.model.jobs import CALL_LIMIT

log = structlog.get_logger(__name__)

Sleep = Callable[[timedelta], Awaitable[None]]
Explain = Callable[["Answer"], tuple[str, ...]]
Bound = Callable[[], AbstractAsyncContextManager[None]]

LONGEST_WAIT = timedelta(seconds=5)
LARGEST_ANSWER = 32_000_000  # bytes, unpacked; a page of 1,000 long invoices is half of that
_MOST_VALUES = 2_000_000  # in one answer; each takes several times its bytes once it is read
_NEVER_MANY = 4_000_000  # bytes; a shorter answer can't hold too many values
_TIMEOUT = httpx.Timeout(CALL_LIMIT.total_seconds(), connect=5)
_LONGEST_DATED = timedelta(days=1)  # that a date may ask for
_UNTOLD_WAIT = timedelta(minutes=1)
_NOT_MODIFIED = 304
_TOO_MANY = 429
_SERVER_ERROR = 500
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_MISSING_SCOPE = re.compile(r"insuffici?ent_scope", re.IGNORECASE)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


async def sleep_for(duration: timedelta) -> None:
    """Let this much time pass."""
    await asyncio.sleep(duration.total_seconds())


class TooLarge(httpx.DecodingError):
    """An answer that is too large to be read, packed or not."""


class BoundedClient(httpx.AsyncClient):
    """A client that limits an answer's size; httpx alone takes whatever comes."""

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Ask, and read the whole answer."""
        request.headers["Accept-Encoding"] = "gzip"
        response = await super().send(request, **{**options, "stream": True})
        try:
            body = await _unpacked(response)
        finally:
            await response.aclose()
        packing = {"content-encoding", "content-length", "transfer-encoding"}
        kept = [(name, text) for name, text in response.headers.raw if _lower(name) not in packing]
        return httpx.Response(response.status_code, headers=kept, content=body, request=request)


async def _unpacked(response: httpx.Response) -> bytes:
    packed = response.headers.get("Content-Encoding", "").strip().lower()
    if packed not in {"", "identity", "gzip"}:
        raise httpx.DecodingError(f"The answer is packed as {packed[:20]}.")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16) if packed == "gzip" else None
    whole = bytearray()
    async for part in response.aiter_raw():
        if unpacker is not None and unpacker.eof:
            continue  # it would keep whatever follows
        room = LARGEST_ANSWER + 1 - len(whole)
        try:
            whole += unpacker.decompress(part, room) if unpacker else part[:room]
        except zlib.error as error:
            raise httpx.DecodingError("The answer can't be unpacked.") from error
        if len(whole) > LARGEST_ANSWER:
            raise TooLarge(f"The answer is longer than {LARGEST_ANSWER} bytes.")
    if len(whole) > _NEVER_MANY and whole.count(b",") > _MOST_VALUES:
        raise TooLarge(f"The answer has more than {_MOST_VALUES} values.")
    return bytes(whole)


def _lower(name: bytes) -> str:
    return name.decode("latin-1").lower()


@cache
def trusted() -> ssl.SSLContext:
    """The authorities that are trusted, the environment's own too; reading them is slow."""
    return httpx.create_ssl_context()


def open_http(base_url: str, *, user_agent: str) -> httpx.AsyncClient:
    """A client for one remote address; proxies and CA bundles of the environment hold."""
    return BoundedClient(
        base_url=base_url,
        timeout=_TIMEOUT,
        headers={"User-Agent": user_agent, "Accept": "application/json"},
        trust_env=True,
        verify=trusted(),
    )


class Extras(TypedDict, total=False):
    """What a request may carry beside its body."""

    params: Mapping[str, str]
    headers: Mapping[str, str]
    auth: httpx.Auth


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer, not yet decoded; status 304 counts as one."""

    system: System
    status: int
    headers: httpx.Headers
    body: bytes = field(repr=False)


def no_messages(_: Answer) -> tuple[str, ...]:
    """Find no texts of the remote system in an answer."""
    return ()


@dataclass(frozen=True, slots=True)
class ApiClient:
    """One remote API behind an `httpx.AsyncClient` that holds its address and timeouts.

    `explain` finds the remote system's own texts in an answer that says no.
    """

    system: System
    http: httpx.AsyncClient
    explain: Explain = no_messages
    allowance: Allowance = field(default_factory=Allowance)
    sleep: Sleep = sleep_for
    tries: int = 3
    limit: timedelta = CALL_LIMIT
    is_quiet: bool = False  # the caller logs what was written, many at once

    def bound(self, method: str) -> Bound:
        """What ends every part of a call together, `limit` from now on.

        A write is over by then, with its queues, waits and tries, those that may be repeated too.
        A question may wait longer for its turn, so each of its tries is limited by itself.
        """
        return nullcontext if method == "GET" else _until(self.system, self.limit)

    async def send(
        self,
        method: str,
        path: str,
        *,
        repeatable: bool = False,
        body: object = None,
        **extras: Unpack[Extras],
    ) -> Answer:
        """The answer, or raise a `ServiceError`.

        `repeatable` says that the remote side ignores a second copy; a GET always is. `body` is
        sent as JSON, decimals as exact numbers; bytes go as they are. What surely did nothing
        (never sent, or 429) is tried again whatever the method; a long wait is never slept through
        but raised. A write ends within `limit`, whatever it waits for; a question's each try does.
        """
        async with self.bound(method)():
            return await self._send(method, path, repeatable=repeatable, body=body, **extras)

    async def refuses_us(
        self, path: str, shows_us: Callable[[Answer], bool], **extras: Unpack[Extras]
    ) -> bool:
        """Say whether the account is refused as well, and not only one call.

        What is asked here tells; as long as it cannot be read, it is that one call.
        """
        try:
            answer = await self.send("GET", path, **extras)
        except Forbidden as refusal:
            return refusal.is_its_own
        except NotConnected:
            return True
        except ServiceError:
            return False
        return not shows_us(answer)

    async def _send(
        self, method: str, path: str, *, repeatable: bool, body: object, **extras: Unpack[Extras]
    ) -> Answer:
        request = self.http.build_request(
            method,
            _address(str(self.http.base_url), path),
            content=_content(body),
            params=extras.get("params"),
            headers=_headers(extras.get("headers", {}), has_body=body is not None),
        )
        auth = extras.get("auth")
        may_repeat = repeatable or method == "GET"
        for attempt in range(1, self.tries):
            pause = await self._try(request, auth, may_repeat=may_repeat, attempt=attempt)
            if isinstance(pause, Answer):
                return self._accept(pause)
            await self.sleep(pause)
        return self._accept(await self._ask(request, auth))

    async def _try(
        self, request: httpx.Request, auth: httpx.Auth | None, *, may_repeat: bool, attempt: int
    ) -> Answer | timedelta:
        """An answer to go by, or how long to wait before trying again."""
        try:
            answer = await self._ask(request, auth)
        except Unreachable:
            return _jittered(attempt)
        except Unavailable:
            if not may_repeat:
                raise
            return _jittered(attempt)
        if answer.status != _TOO_MANY and not (may_repeat and answer.status >= _SERVER_ERROR):
            return answer
        wait = _asked_to_wait(answer) or _jittered(attempt)
        return wait if wait <= LONGEST_WAIT else answer

    async def _ask(self, request: httpx.Request, auth: httpx.Auth | None) -> Answer:
        # What ends a write as a whole comes first anyway.
        bounded = _until(self.system, self.limit) if request.method == "GET" else nullcontext
        try:
            async with bounded():
                response = await self.http.send(request, auth=auth or httpx.USE_CLIENT_DEFAULT)
        except _NEVER_SENT as error:
            raise Unreachable(
                f"{self.system} can't be reached, so nothing was sent. Try again later."
            ) from error
        except TooLarge as error:
            raise Unavailable(_endless(self.system)) from error
        except httpx.RequestError as error:
            raise Unavailable(_silent(self.system)) from error
        self.allowance.read(response.headers)
        is_usual = request.method == "GET" or (self.is_quiet and response.is_success)
        tell = log.debug if is_usual else log.info
        called = {"method": request.method, "path": request.url.path}
        tell("remote_answered", system=self.system, status=response.status_code, **called)
        body = response.content.removeprefix(codecs.BOM_UTF8)
        if body.lstrip()[:1] in {b"{", b"[", b'"'}:
            body = wording.clean_json(body)
        return Answer(self.system, response.status_code, response.headers, body)

    def _accept(self, answer: Answer) -> Answer:
        if httpx.codes.is_success(answer.status) or answer.status == _NOT_MODIFIED:
            return answer
        raise self._refusal(answer)

    def _refusal(self, answer: Answer) -> ServiceError:
        messages = self.explain(answer)
        match answer.status:
            case 401 if not _lacks_scope(answer):
                text = f"{self.system} no longer accepts our connection. Connect it again."
                return NotConnected(text + _quoted(messages), system=self.system, is_stale=True)
            case 401 | 403:
                return _forbidden(answer, messages)
            case 404 | 410:
                text = f"{self.system} can't find this. It may have been deleted."
                return NotFound(text + _quoted(messages))
            case 429:
                return _throttled(answer)
            case status if status == httpx.codes.REQUEST_TIMEOUT or not _is_refused(status):
                return Unavailable(
                    f"{self.system} is busy or down ({status}), so we don't know what it did. "
                    f"We'll check before we send anything again.{_quoted(messages)}",
                    has_answered=True,
                )
            case status:
                said = wording.sentences(messages or [f"it gave no reason ({status})"])
                return Rejected(f"{self.system} refused: {said}", messages=messages)


@lru_cache(maxsize=256)
def _address(base: str, path: str) -> httpx.URL:
    """The whole address, which is slow to build and often the same."""
    return httpx.URL(base.rstrip("/") + path)


def _until(system: System, limit: timedelta) -> Bound:
    """What ends whatever runs in it at one moment, as an unknown outcome.

    httpx limits each read by itself, so a body that drips would never end.
    """
    end = asyncio.get_running_loop().time() + limit.total_seconds()
    return lambda: _Until(system, asyncio.timeout_at(end))


@dataclass(frozen=True, slots=True)
class _Until:
    """A timeout that is a refusal; a generator would take twice as long."""

    system: System
    timeout: asyncio.Timeout

    async def __aenter__(self) -> None:
        await self.timeout.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self.timeout.__aexit__(kind, problem, trace)
        except TimeoutError as error:
            raise Unavailable(_silent(self.system)) from error


def _silent(system: System) -> str:
    return (
        f"{system} didn't answer, so we don't know what it did. We'll check before we send "
        "anything again."
    )


def _endless(system: System) -> str:
    return (
        f"{system}'s answer is too long to read, so we don't know what it did. We'll check before "
        "we send anything again."
    )


def _is_refused(status: int) -> bool:
    return httpx.codes.is_client_error(status)


def _content(body: object) -> bytes | None:
    return body if body is None or isinstance(body, bytes) else _ENCODER.encode(body)


def _headers(given: Mapping[str, str], *, has_body: bool) -> Mapping[str, str]:
    return {"Content-Type": "application/json", **given} if has_body else given


def _quoted(messages: tuple[str, ...]) -> str:
    return f" ({' '.join(messages)})" if messages else ""


def _lacks_scope(answer: Answer) -> bool:
    return bool(_MISSING_SCOPE.search(answer.headers.get("WWW-Authenticate", "")))


def _forbidden(answer: Answer, messages: tuple[str, ...]) -> Forbidden:
    """Refuse this one call; whether the account is refused as well is asked by the clients."""
    system = answer.system
    way_on = f"In {system}, check the plan and the role of whoever connected it."
    if _lacks_scope(answer):
        way_on = f"Connect {system} again to allow it."
    text = f"{system} doesn't allow our connection to do this.{_quoted(messages)} {way_on}"
    is_its_own = "html" not in answer.headers.get("Content-Type", "").lower()
    return Forbidden(text, messages=messages, is_its_own=is_its_own)


def _throttled(answer: Answer) -> Throttled:
    problem = answer.headers.get("X-Rate-Limit-Problem", "").strip().lower()
    return Throttled(
        f"{answer.system} asked us to wait. Nothing was done yet.",
        retry_after=_asked_to_wait(answer) or _UNTOLD_WAIT,
        problem=problem,
    )


def _asked_to_wait(answer: Answer) -> timedelta | None:
    asked = answer.headers.get("Retry-After", "")
    seconds = largest(asked)
    if seconds is not None:
        return timedelta(seconds=seconds)
    wait = days.until(asked, answer.headers.get("Date", ""))
    return min(wait, _LONGEST_DATED) if wait is not None and wait > timedelta(0) else None


def _jittered(attempt: int) -> timedelta:
    """Wait longer each time, never quite as long as somebody else."""
    longest = 400 * 2**attempt
    return timedelta(milliseconds=longest // 2 + secrets.randbelow(longest // 2))
