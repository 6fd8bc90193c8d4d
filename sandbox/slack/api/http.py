"""The door of the Web API: reads arguments, checks tokens and scopes, answers as Slack does."""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox.slack.api.call import Call, Method
from sandbox.slack.delivery import Wire
from sandbox.slack.model import Refused, Team
from sandbox.slack.oauth import Authority
from sandbox.slack.sockets import Sockets

Json = dict[str, Any]
SCOPES = {
    "chat.postMessage": "chat:write",
    "chat.postEphemeral": "chat:write",
    "chat.update": "chat:write",
    "chat.delete": "chat:write",
    "chat.unfurl": "links:write",
    "files.getUploadURLExternal": "files:write",
    "files.completeUploadExternal": "files:write",
    "users.info": "users:read",
    "users.list": "users:read",
    "conversations.info": "channels:read",
    "conversations.list": "channels:read",
    "conversations.members": "channels:read",
    "users.conversations": "channels:read",
    "conversations.open": "im:write",
    "conversations.join": "channels:join",
    "team.info": "team:read",
}


@dataclass(frozen=True, slots=True)
class WebAPI:
    """Every method at its address; `gone` is told when the app takes itself out."""

    authority: Authority
    wire: Wire
    methods: dict[str, Method]
    gone: Callable[[Team, str], None]
    sockets: Sockets

    async def answer(self, request: web.Request) -> web.Response:
        """Do what a call asks, or say why not."""
        method = request.match_info["method"]
        headers: dict[str, str] = {}
        try:
            arguments = await _arguments(request)
            body = {"ok": True, **self._done(method, arguments, headers)}
        except Refused as refused:
            body = {"ok": False, **_refusal(refused)}
        asked = await request.text()
        self.wire.note("from_app", request.path, asked, (200, json.dumps(body, ensure_ascii=False)))
        return web.json_response(body, headers=headers)

    def _done(self, method: str, arguments: Json, headers: dict[str, str]) -> Json:
        if method == "oauth.v2.access":
            return self.authority.exchange(arguments)
        if method == "apps.connections.open":
            return self.sockets.ticket(arguments.get("token", ""))
        team = self._team(arguments.get("token", ""))
        headers["x-oauth-scopes"] = ",".join(sorted(team.scopes))
        if method == "apps.uninstall":
            self.authority.check_client(arguments)
            return self._leave(team)
        if method == "auth.revoke":
            return {**self._leave(team), "revoked": True}
        if method not in self.methods:
            raise Refused("unknown_method")
        needed = SCOPES.get(method, "")
        if needed and needed not in team.scopes:
            raise Refused("missing_scope", [needed])
        return self.methods[method](Call(team, arguments.get("token", ""), arguments))

    def _team(self, token: str) -> Team:
        state = self.authority.state
        if not token:
            raise Refused("not_authed")
        if token in state.revoked:
            raise Refused(state.revoked[token])
        team = state.team_of_token(token)
        if team is None:
            raise Refused("invalid_auth")
        return team

    def _leave(self, team: Team) -> Json:
        bot_user_id = team.bot_user_id
        self.authority.uninstall(team)
        self.gone(team, bot_user_id)
        return {}


def _refusal(refused: Refused) -> Json:
    if refused.error == "missing_scope":
        return {"error": refused.error, "needed": refused.problems[0], "provided": ""}
    details = {"response_metadata": {"messages": refused.problems}} if refused.problems else {}
    if refused.error == "invalid_blocks":
        details["errors"] = refused.problems  # type: ignore[assignment]
    return {"error": refused.error, **details}


async def _arguments(request: web.Request) -> Json:
    arguments: Json = dict(request.query)
    if request.content_type == "application/json":
        arguments |= await _json(request)
    else:
        arguments |= {name: str(text) for name, text in (await request.post()).items()}
    kind, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if kind == "Bearer":
        arguments["token"] = credentials
    elif kind == "Basic":
        arguments |= _basic(credentials)
    return arguments


async def _json(request: web.Request) -> Json:
    try:
        found = json.loads(await request.text() or "{}")
    except ValueError:
        raise Refused("invalid_json") from None
    if not isinstance(found, dict):
        raise Refused("json_not_object")
    return found


def _basic(credentials: str) -> Json:
    try:
        client_id, _, secret = base64.b64decode(credentials).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Refused("invalid_auth") from None
    return {"client_id": client_id, "client_secret": secret}
