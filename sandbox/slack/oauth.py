"""Installing the app: a person's consent, codes, tokens, and taking the app out again."""

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import urlencode

from aiohttp import web

from sandbox.slack.model import Refused, Team, User
from sandbox.slack.state import APP_ID, State

Json = dict[str, Any]
CODE_LIFE = timedelta(minutes=10)
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Slack (stand-in): allow access</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:4rem auto;padding:0 1rem}}
button{{font:inherit;padding:.5rem 1.5rem;margin-right:.5rem}}</style>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<main><h1>paymo-xero wants to access {team}</h1>
<p>It asks for: {scopes}.</p>
<form method="post">{hidden}<button name="answer" value="allow">Allow</button>
<button name="answer" value="deny">Cancel</button></form></main></html>
"""


@dataclass(slots=True)
class Code:
    """Good for one exchange, for ten minutes."""

    team_id: str
    user_id: str
    scopes: set[str]
    redirect_uri: str
    issued: datetime
    used: bool = False


@dataclass(slots=True)
class Authority:
    """Decides who may install, and which tokens are good; `consent` is what the person does."""

    state: State
    client_id: str
    client_secret: str
    redirect_uri: str = ""
    consent: Literal["allow", "deny", "ask"] = "allow"
    codes: dict[str, Code] = field(default_factory=dict)

    async def page(self, request: web.Request) -> web.Response:
        """Let the person answer by a page when so asked, else answer at once."""
        query = request.query
        self._known(query)
        if self.consent == "ask" or "page" in query:
            return self._page(query)
        return self._redirect(query, self.consent)

    async def answer(self, request: web.Request) -> web.Response:
        """Do what the person pressed on the page."""
        form = {name: str(text) for name, text in (await request.post()).items()}
        self._known(form)
        return self._redirect(form, form.get("answer", "deny"))

    def exchange(self, arguments: Json) -> Json:
        """Turn a code into the bot token of a workspace."""
        self.check_client(arguments)
        code = self._spend(arguments)
        team = self.state.teams[code.team_id]
        team.scopes = code.scopes | (team.scopes if team.installed else set())
        team.installed = True
        self.state.changed()
        return {
            "access_token": team.bot_token,
            "token_type": "bot",
            "scope": ",".join(sorted(team.scopes)),
            "bot_user_id": team.bot_user_id,
            "app_id": APP_ID,
            "team": {"id": team.id, "name": team.name},
            "enterprise": None,
            "is_enterprise_install": False,
            "authed_user": {"id": code.user_id},
        }

    def check_client(self, arguments: Json) -> None:
        """Refuse an app that is not the one we know."""
        if arguments.get("client_id") != self.client_id:
            raise Refused("invalid_client_id")
        if arguments.get("client_secret") != self.client_secret:
            raise Refused("bad_client_secret")

    def uninstall(self, team: Team) -> None:
        """Make the token of this workspace useless, for ever."""
        self.state.revoked[team.bot_token] = "account_inactive"
        team.installed = False
        team.generation += 1
        for channel in self.state.channels.values():
            if channel.team_id == team.id and not channel.im_user:
                channel.bot_member = False
        for user in self.state.users.values():
            if user.team_id == team.id:
                self.state.stacks.pop(user.id, None)
                self.state.homes.pop(user.id, None)
        self.state.changed()

    def _spend(self, arguments: Json) -> Code:
        code = self.codes.get(str(arguments.get("code", "")))
        if code is None or self.state.now() - code.issued > CODE_LIFE:
            raise Refused("invalid_code")
        if code.used:
            raise Refused("code_already_used")
        if arguments.get("redirect_uri", code.redirect_uri) != code.redirect_uri:
            raise Refused("bad_redirect_uri")
        code.used = True
        return code

    def _known(self, asked: Mapping[str, str]) -> None:
        if asked.get("client_id") != self.client_id:
            raise web.HTTPBadRequest(text="Slack does not know this client_id.")
        if not (asked.get("redirect_uri") or self.redirect_uri):
            raise web.HTTPBadRequest(text="Slack was not told where to go back to.")
        if not asked.get("scope"):
            raise web.HTTPBadRequest(text="Slack was not told what is asked for.")

    def _page(self, query: Mapping[str, str]) -> web.Response:
        names = ("client_id", "redirect_uri", "scope", "state", "team")
        hidden = "".join(
            f'<input type="hidden" name="{name}" value="{html.escape(query.get(name, ""))}">'
            for name in names
        )
        text = PAGE.format(
            team=html.escape(self._team(query).name),
            scopes=html.escape(query.get("scope", "").replace(",", ", ")),
            hidden=hidden,
        )
        return web.Response(text=text, content_type="text/html")

    def _redirect(self, asked: Mapping[str, str], answer: str) -> web.Response:
        redirect_uri = asked.get("redirect_uri") or self.redirect_uri
        found = {"error": "access_denied"}
        if answer == "allow":
            found = {"code": self._new_code(asked, redirect_uri)}
        if asked.get("state"):
            found["state"] = asked["state"]
        joined = "&" if "?" in redirect_uri else "?"
        location = f"{redirect_uri}{joined}{urlencode(found)}"
        return web.Response(status=HTTPStatus.FOUND, headers={"Location": location})

    def _new_code(self, asked: Mapping[str, str], redirect_uri: str) -> str:
        team = self._team(asked)
        key = self.state.next_id("code.")
        self.codes[key] = Code(
            team_id=team.id,
            user_id=self._installer(team).id,
            scopes={each for each in asked["scope"].split(",") if each},
            redirect_uri=redirect_uri,
            issued=self.state.now(),
        )
        return key

    def _team(self, asked: Mapping[str, str]) -> Team:
        teams = self.state.teams
        if asked.get("team") in teams:
            return teams[asked["team"]]
        waiting = [each for each in teams.values() if not each.installed]
        return next(iter(waiting or teams.values()))

    def _installer(self, team: Team) -> User:
        people = [each for each in self.state.users.values() if each.team_id == team.id]
        if not people:
            raise web.HTTPBadRequest(text=f"Nobody is in {team.name} yet.")
        return next((each for each in people if each.is_admin), people[0])
