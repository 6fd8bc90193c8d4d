"""Idempotency keys: the same request under the same key gets the same answer, for six minutes."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus

from aiohttp import web

from sandbox.serving import Clock, Handler, as_json

MEMORY = timedelta(minutes=6)
LONGEST_KEY = 128
_HEADER = "Idempotency-Key"


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answer that was given under a key."""

    fingerprint: str
    until: datetime
    status: int
    body: bytes
    content_type: str

    def response(self) -> web.Response:
        """The answer again."""
        return web.Response(status=self.status, body=self.body, content_type=self.content_type)


@dataclass(slots=True)
class Replays:
    """The memory of keys, one for the app and all its organisations."""

    now: Clock
    remembered: dict[str, Remembered] = field(default_factory=dict)

    @web.middleware
    async def remember_crash(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Keep a 500 that came from further in, since Xero replays those too."""
        response = await handler(request)
        if response.status == HTTPStatus.INTERNAL_SERVER_ERROR and _keyed(request):
            self._keep(await _fingerprint(request), response, request.headers[_HEADER])
        return response

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer from memory, or remember the answer."""
        if not _keyed(request):
            return await handler(request)
        key = request.headers[_HEADER]
        if len(key) > LONGEST_KEY:
            return _refusal(f"Idempotency Key: a key has at most {LONGEST_KEY} characters.")
        fingerprint = await _fingerprint(request)
        known = self.remembered.get(key)
        if known is not None and known.until > self.now():
            if known.fingerprint != fingerprint:
                return _refusal(f"Idempotency Key: {key} is used with a different request.")
            return known.response()
        response = await handler(request)
        self._keep(fingerprint, response, key)
        return response

    def _keep(self, fingerprint: str, response: web.StreamResponse, key: str) -> None:
        body = getattr(response, "body", None)
        self.remembered[key] = Remembered(
            fingerprint,
            self.now() + MEMORY,
            response.status,
            body if isinstance(body, bytes) else b"",
            response.content_type,
        )


def _keyed(request: web.Request) -> bool:
    return request.method in {"POST", "PUT", "PATCH"} and _HEADER in request.headers


async def _fingerprint(request: web.Request) -> str:
    head = f"{request.method} {request.path_qs}\n".encode()
    return hashlib.sha256(head + await request.read()).hexdigest()


def _refusal(message: str) -> web.Response:
    body = {"ErrorNumber": 10, "Type": "ValidationException", "Message": message}
    return as_json(body, status=HTTPStatus.BAD_REQUEST)
