"""Reading what a browser, Slack or Xero sends: no more than fits, and nothing malformed."""

import asyncio
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import ClientDisconnect, Request
from yarl import URL

MOST = 1_000_000  # bytes; Slack's largest view is a quarter of that
_ARRIVES = 20  # seconds


class BadBody(Exception):
    """A body that cannot be read; `status` says how to answer."""

    def __init__(self, status: int) -> None:
        """Keep the answer's status."""
        super().__init__(status)
        self.status = status


async def read(request: Request, most: int = MOST) -> bytes:
    """Return the body, or refuse it before all of it is in memory."""
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


def text(body: bytes) -> str:
    """Return the body as text."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise BadBody(400) from None


def json_object(body: bytes | str) -> dict[str, Any]:
    """Return the JSON object that the body is."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadBody(400) from None
    if not isinstance(found, dict):
        raise BadBody(400)
    return found


def form(body: bytes) -> dict[str, str]:
    """Return the fields of a posted form; of a repeated one the last counts."""
    try:
        return dict(parse_qsl(text(body), keep_blank_values=True, max_num_fields=100))
    except ValueError:
        raise BadBody(400) from None


def payload_of(body: str) -> str | None:
    """Return the `payload` field of an interaction.

    The standard library needs longer for that than everything else that we do before the answer.
    """
    if not body.startswith("payload="):
        return None
    try:
        return URL.build(path="/", query_string=body, encoded=True).query.get("payload")
    except ValueError:
        raise BadBody(400) from None
