"""Slack over HTTP: the signature first, then the shape, then Bolt."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.signature import SignatureVerifier
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bot import http
from bot.slack_app import AfterAnswers, dispatch

# Slack's verifier stumbles over anything else.
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")
_Object = dict[str, Any]
_Objects = Annotated[list[_Object], msgspec.Meta(min_length=1)]


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
        raw = http.text_of(await http.read_body(request))
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
        return _checked(http.json_object(raw))
    fields: dict[str, Any] = dict(http.form_of(raw.encode()))
    if "payload" in fields:
        return _checked(http.json_object(fields["payload"]))
    if not fields:
        raise http.BadBody(400)
    return _checked(fields)


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    """Refuse a body that would trip up Bolt or our handlers."""
    try:
        msgspec.convert(body, _Shape)
    except msgspec.ValidationError:
        raise http.BadBody(400) from None
    return body
