"""HTTP as strangers may speak it, within limits of size, time and shape; and Slack's way in."""

import asyncio
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.signature import SignatureVerifier
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from yarl import URL

from bot.slack_app import AfterAnswers, dispatch

LARGEST_HEAD = 32_768  # bytes: the address and all headers
_LARGEST_BODY = 1_000_000  # bytes; Slack's largest view is a quarter of that
_LARGE = 100_000  # bytes, from where on the values of a body are counted
_MOST_VALUES = 50_000  # each takes a multiple of its bytes once it is read
_ARRIVES = 20  # seconds
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


# Slack's verifier stumbles over anything else.
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")
_Object = dict[str, Any]
_Objects = Annotated[list[_Object], msgspec.Meta(min_length=1)]


class BoundedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol with limits: by itself it waits for ever, and takes a head of any size."""

    head_arrives = timedelta(seconds=10)
    waiting: asyncio.TimerHandle | None = None  # runs while a head is due
    is_head = False  # arriving just now
    head_size = 0
    is_too_large = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the first head its time."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what arrives while a head is incomplete; the parser buffers it until then."""
        is_head = self.is_head
        if self.waiting is None and (self.cycle is None or self.cycle.response_complete):
            # Blank lines, or the rest of what was answered: no reason to stay without a next head.
            self._wait()
        super().data_received(data)
        if is_head and self.is_head:
            self.head_size += len(data)
            if self.head_size > LARGEST_HEAD:
                self._refuse_head()

    def on_message_begin(self) -> None:
        """Give this head its time."""
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        """Go on with a head that fits."""
        self._stop_waiting()
        fields = sum(len(name) + len(value) + 4 for name, value in self.headers)
        if len(self.url) + fields > LARGEST_HEAD:
            self.is_too_large = True
            raise ValueError("The head is too large.")  # the parser ends the request with a 400
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser refused; a head that was too large has its own status."""
        self._stop_waiting()
        if self.is_too_large:
            self._refuse_head()
        else:
            super().send_400_response(msg)

    def _expect_head(self) -> None:
        self._stop_waiting()
        self.is_head, self.head_size = True, 0
        self._wait()

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
    stated = request.headers.get("content-length", "0")
    if not stated.isascii() or not stated.isdigit():
        raise BadBody(400)
    if int(stated) > most:
        raise BadBody(413)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_ARRIVES):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise BadBody(413)
                parts.append(part)
    except TimeoutError:
        raise BadBody(408) from None
    except ClientDisconnect:
        raise BadBody(400) from None
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
    form = text_of(body)
    try:
        if form.startswith("payload="):
            # Slack's one large field; the standard library needs longer for it than everything else
            # that we do before the answer.
            return dict(URL.build(path="/", query_string=form, encoded=True).query)
        return dict(parse_qsl(form, keep_blank_values=True, max_num_fields=100))
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

    app: AsyncApp
    verifier: SignatureVerifier
    after: AfterAnswers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer Slack, and pass on what was nudged for once the answer is out."""
        departure = self.after.departure()
        try:
            with departure.awaited():
                response = await self._answer(Request(scope, receive))
            await response(scope, receive, send)
        finally:
            await departure.leave()

    async def _answer(self, request: Request) -> Response:
        raw = text_of(await read_body(request))
        if not self._is_signed(request, raw):
            return Response(status_code=401)
        body = _body(raw, request.headers.get("content-type", ""))
        answer = await dispatch(self.app, body)
        return Response(answer.body, answer.status, headers=answer.first_headers())

    def _is_signed(self, request: Request, raw: str) -> bool:
        timestamp = request.headers.get("x-slack-request-timestamp", "")
        signature = request.headers.get("x-slack-signature", "")
        if not _TIMESTAMP.fullmatch(timestamp) or not _SIGNATURE.fullmatch(signature):
            return False
        return self.verifier.is_valid(raw, timestamp, signature)


def _body(raw: str, content_type: str) -> dict[str, Any]:
    """Read what Slack sent: JSON, an interaction's payload in a form, or a command's form."""
    if raw.startswith("{") or content_type.startswith("application/json"):
        return _checked(json_object(raw))
    fields: dict[str, Any] = dict(form_of(raw.encode()))
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
