"""Slack over HTTP: the signature first, then the shape, then Bolt."""

import re
from dataclasses import dataclass
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bot import http
from bot.slack_app import AfterAnswers

# Slack's verifier stumbles over anything else.
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")
_OBJECTS = ("team", "user", "view", "event", "channel", "container", "message")
_TEXTS = ("type", "command", "team_id", "user_id", "channel_id", "callback_id", "action_id")


@dataclass(frozen=True, slots=True)
class SlackEvents:
    """Everything that Slack sends, at one address."""

    app: AsyncApp
    verifier: SignatureVerifier
    after: AfterAnswers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer Slack, and let what was asked for begin when the answer is out."""
        departure = self.after.departure()
        try:
            with departure.awaited():
                response = await self._answer(Request(scope, receive))
            await response(scope, receive, send)
        finally:
            await departure.leave()

    async def _answer(self, request: Request) -> Response:
        raw = http.text_of(await http.read_body(request))
        if not self._is_signed(request, raw):
            return Response(status_code=401)
        body = _body(raw, request.headers.get("content-type", ""))
        # Bolt takes a body that is parsed already in this mode alone, and asks for no signature.
        asked = AsyncBoltRequest(body=body, mode="socket_mode", headers=_retries(request))
        return _response(await self.app.async_dispatch(asked))

    def _is_signed(self, request: Request, raw: str) -> bool:
        timestamp = request.headers.get("x-slack-request-timestamp", "")
        signature = request.headers.get("x-slack-signature", "")
        if not _TIMESTAMP.fullmatch(timestamp) or not _SIGNATURE.fullmatch(signature):
            return False
        return self.verifier.is_valid(raw, timestamp, signature)


def _body(raw: str, content_type: str) -> dict[str, Any]:
    """Return what Slack sent: JSON, an interaction's payload in a form, or a command's form."""
    if raw.startswith("{") or content_type.startswith("application/json"):
        return _checked(http.json_object(raw))
    payload = http.payload_of(raw)
    if payload is not None:
        return _checked(http.json_object(payload))
    fields: dict[str, Any] = dict(http.form_of(raw.encode()))
    if "payload" in fields:
        return _checked(http.json_object(fields["payload"]))
    if not fields:
        raise http.BadBody(400)
    return _checked(fields)


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    """Refuse a body that neither Bolt nor our handlers could walk through."""
    for name in _OBJECTS:
        if not isinstance(body.get(name), dict | None) and not _is_id(body, name):
            raise http.BadBody(400)
    for name in _TEXTS:
        if not isinstance(body.get(name), str | None):
            raise http.BadBody(400)
    for name in ("actions", "authorizations"):
        if name in body and not _is_list_of_objects(body[name]):
            raise http.BadBody(400)
    return body


def _is_id(body: dict[str, Any], name: str) -> bool:
    """Slack writes some of these as an id where others are objects."""
    return name in {"team", "user", "channel"} and isinstance(body[name], str)


def _is_list_of_objects(found: Any) -> bool:
    return isinstance(found, list) and bool(found) and all(isinstance(each, dict) for each in found)


def _retries(request: Request) -> dict[str, Any]:
    names = ("x-slack-retry-num", "x-slack-retry-reason")
    return {name: request.headers[name] for name in names if name in request.headers}


def _response(answer: BoltResponse) -> Response:
    return Response(answer.body, answer.status, headers=answer.first_headers())
