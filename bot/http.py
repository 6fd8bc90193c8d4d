"""HTTP from strangers, within limits of size, time and shape; and the route for Slack."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import msgspec
from slack_sdk.signature import SignatureVerifier
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from yarl import URL

from bot.slack_app import AfterAnswers, SlackAnswer, SlackDoor

LARGEST_HEAD = 32_768  # bytes: the address and all headers
_LARGEST_BODY = 1_000_000  # bytes; Slack's largest view is a quarter of that
_LARGE = 100_000  # bytes; larger bodies have their values counted
_MOST_VALUES = 50_000  # each takes several times its bytes once it is read
_ARRIVES = 20  # seconds
_WHOLE = "paymo_xero.whole"  # in the scope of a request that has arrived
_CORKED = "paymo_xero.corked"  # in the scope: a context whose writes leave as one
_MOST_FIELDS = 100  # of a form
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


# Slack's verifier stumbles over anything else.
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")
_Object = dict[str, Any]
_Objects = Annotated[list[_Object], msgspec.Meta(min_length=1)]


class _Transport:
    """A transport that can be corked, since each write costs a system call."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held: list[bytes] | None = None  # None: not corked

    def __getattr__(self, name: str) -> Any:
        """Return what the transport itself has."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send it, once uncorked."""
        if self._held is None:
            self._transport.write(data)
        else:
            self._held.append(data)

    def close(self) -> None:
        """Close it after what was written."""
        self._uncork()
        self._transport.close()

    @contextmanager
    def corked(self) -> Iterator[None]:
        """Send everything that is written in here at once."""
        self._held = []
        try:
            yield
        finally:
            self._uncork()

    def _uncork(self) -> None:
        held, self._held = self._held, None
        if held:
            self._transport.write(b"".join(held))


class BoundedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol with limits; its own waits for ever and takes a head of any size."""

    head_arrives = timedelta(seconds=10)
    waiting: asyncio.TimerHandle | None = None  # runs while a head is due
    is_head = False  # arriving just now
    head_size = 0
    is_too_large = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timeout of the first head."""
        super().connection_made(_Transport(transport))  # type: ignore[arg-type]
        self.is_head = True
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timeout."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what arrives while a head is incomplete; the parser buffers it until then."""
        is_head = self.is_head
        super().data_received(data)
        if is_head and self.is_head:
            self.head_size += len(data)
            if self.head_size > LARGEST_HEAD:
                self._refuse_head()
                return
        is_idle = self.cycle is None or self.cycle.response_complete
        if self.waiting is None and (self.is_head or is_idle):
            # Part of a head; or blank lines, or the rest of an answered request, which give no
            # reason to stay open without a next one.
            self._wait()

    def on_message_begin(self) -> None:
        """Start the timeout of this head, unless it has arrived already."""
        super().on_message_begin()
        self._stop_waiting()
        self.is_head, self.head_size = True, 0

    def on_message_complete(self) -> None:
        """Cancel the timeout of the body."""
        super().on_message_complete()
        self.scope[_WHOLE] = True  # type: ignore[literal-required]

    def on_headers_complete(self) -> None:
        """Go on with a head that fits."""
        self._stop_waiting()
        fields = sum(len(name) + len(value) + 4 for name, value in self.headers)
        if len(self.url) + fields > LARGEST_HEAD:
            self.is_too_large = True
            raise ValueError("The head is too large.")  # the parser ends the request with a 400
        super().on_headers_complete()
        self.scope[_CORKED] = self.transport.corked  # type: ignore[literal-required, attr-defined]

    def send_400_response(self, msg: str) -> None:
        """Answer 400 to what the parser refused, or 431 to a head that is too large."""
        self._stop_waiting()
        if self.is_too_large:
            self._refuse_head()
        else:
            super().send_400_response(msg)

    def _wait(self) -> None:
        self.waiting = self.loop.call_later(self.head_arrives.total_seconds(), self._give_up)

    def _stop_waiting(self) -> None:
        self.is_head = False
        if self.waiting is not None:
            self.waiting.cancel()
            self.waiting = None

    def _give_up(self) -> None:
        self.waiting = None
        self.transport.close()

    def _refuse_head(self) -> None:
        self._stop_waiting()
        self.transport.write(_TOO_LARGE)
        self.transport.close()


class BadBody(HTTPException):
    """A body that cannot be read; the answer is the status alone."""


async def read_body(request: Request, most: int = _LARGEST_BODY) -> bytes:
    """Read the body; one that is too large is refused before all of it is in memory."""
    stated = dict(request.scope["headers"]).get(b"content-length", b"0")
    if not stated.isdigit():
        raise BadBody(400)
    if int(stated) > most:
        raise BadBody(413)
    try:
        if _WHOLE in request.scope:  # a timer costs more than reading it
            return await _read(request, most)
        async with asyncio.timeout(_ARRIVES):
            return await _read(request, most)
    except TimeoutError:
        raise BadBody(408) from None
    except ClientDisconnect:
        raise BadBody(400) from None


async def _read(request: Request, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise BadBody(413)
        parts.append(part)
    return b"".join(parts)


def text_of(body: bytes) -> str:
    """Read the body as text."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise BadBody(400) from None


def json_object(body: bytes | str) -> dict[str, Any]:
    """Read the JSON object that the body is."""
    if len(body) > _LARGE:
        commas = body.count(",") if isinstance(body, str) else body.count(b",")
        if commas > _MOST_VALUES:
            raise BadBody(413)
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadBody(400) from None


def form_of(body: bytes) -> dict[str, str]:
    """Read the fields of a posted form; of a repeated one the last counts."""
    return _fields(text_of(body))


def _fields(form: str) -> dict[str, str]:
    if form.count("&") >= _MOST_FIELDS:
        raise BadBody(400)
    try:
        # The standard library takes longer than everything else before the answer.
        return dict(URL.build(path="/", query_string=form, encoded=True).query.items())
    except ValueError:
        raise BadBody(400) from None


class _Shape(msgspec.Struct):
    """What Bolt and our handlers reach into; Slack writes some objects as an id, too."""

    type: str | None = None
    command: str | None = None
    team_id: str | None = None
    user_id: str | None = None
    channel_id: str | None = None
    callback_id: str | None = None
    action_id: str | None = None
    team: _Object | str | None = None
    user: _Object | str | None = None
    channel: _Object | str | None = None
    view: _Object | None = None
    event: _Object | None = None
    container: _Object | None = None
    message: _Object | None = None
    actions: _Objects | msgspec.UnsetType = msgspec.UNSET
    authorizations: _Objects | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True, slots=True)
class SlackEvents:
    """The one route for everything that Slack sends."""

    door: SlackDoor
    verifier: SignatureVerifier
    after: AfterAnswers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer Slack, and pass on what was nudged for once the answer is out."""
        departure = self.after.departure()
        try:
            with departure.awaited():
                answer = await self._answer(Request(scope, receive))
            with scope.get(_CORKED, nullcontext)():
                await _send(answer, send)
        finally:
            await departure.leave()

    async def _answer(self, request: Request) -> SlackAnswer:
        try:
            raw = text_of(await read_body(request))
            headers = dict(request.scope["headers"])
            if not self._is_signed(headers, raw):
                return SlackAnswer(status=401)
            body = _body(raw, headers.get(b"content-type", b""))
        except BadBody as error:
            return SlackAnswer(status=error.status_code)
        return await self.door.answer(body)

    def _is_signed(self, headers: dict[bytes, bytes], raw: str) -> bool:
        timestamp = headers.get(b"x-slack-request-timestamp", b"").decode("latin-1")
        signature = headers.get(b"x-slack-signature", b"").decode("latin-1")
        if not _TIMESTAMP.fullmatch(timestamp) or not _SIGNATURE.fullmatch(signature):
            return False
        return self.verifier.is_valid(raw, timestamp, signature)


async def _send(answer: SlackAnswer, send: Send) -> None:
    """Send it; Starlette's own response would take a third of a command's time."""
    body = msgspec.json.encode(answer.body) if answer.body else b""
    headers = [(b"content-length", str(len(body)).encode())]
    if body:
        headers.append((b"content-type", b"application/json;charset=utf-8"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _body(raw: str, content_type: bytes) -> dict[str, Any]:
    """Read what Slack sent: JSON, an interaction's payload in a form, or a command's form."""
    if raw.startswith("{") or content_type.startswith(b"application/json"):
        return _checked(json_object(raw))
    fields: dict[str, Any] = dict(_fields(raw))
    if "payload" in fields:
        return _checked(json_object(fields["payload"]))
    if not fields:
        raise BadBody(400)
    return _checked(fields)


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    """Refuse a body that would trip up Bolt or our handlers."""
    try:
        msgspec.convert(body, _Shape)
    except msgspec.ValidationError:
        raise BadBody(400) from None
    return body
