"""Installing the app into Slack workspaces: Bolt's OAuth flow with our stores and our pages."""

import re
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from slack_bolt.oauth.async_callback_options import (
    AsyncCallbackOptions,
    AsyncFailureArgs,
    AsyncSuccessArgs,
)
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from starlette.requests import Request
from starlette.responses import Response

from bot.html import Pages
from bot.wiring import Core, now
from handlers.slack import TROUBLE
from services.model.people import Person
from services.model.wording import Command, Typed
from services.store.slack import SlackInstallationStore, SlackStateStore

log = structlog.get_logger(__name__)

SCOPES = ("chat:write", "chat:write.public", "commands", "files:write")
OPTIONAL = (
    "channels:read",
    "groups:read",
    "links:read",
    "links:write",
    "users:read",
)  # the manifest lets whoever installs untick them
REASONS = {
    "access_denied": "Somebody cancelled the request in Slack.",
    "invalid_browser": "Start and finish the installation in the same browser.",
    "invalid_state": "This page works once, for ten minutes.",
}
_CODE = re.compile("[a-z_]{1,40}")
_STATE_LIVES = timedelta(minutes=10)
OTHER = "Slack didn't finish the installation."


@dataclass(slots=True)
class Install:
    """The two routes of an installation, and the page at its end."""

    core: Core
    store: SlackInstallationStore
    pages: Pages
    flow: AsyncOAuthFlow = field(init=False)

    def __post_init__(self) -> None:
        """Give Bolt's flow our stores, addresses and pages."""
        settings = self.core.settings
        self.flow = AsyncOAuthFlow(
            client=self.core.slack.web.client(),
            settings=AsyncOAuthSettings(
                client_id=settings.slack_client_id,
                client_secret=settings.slack_client_secret.get_secret_value(),
                # What is not given here would be looked for in the environment.
                scopes=SCOPES + OPTIONAL,
                user_scopes=(),
                redirect_uri=f"{settings.public_url}/slack/oauth_redirect",
                authorization_url=settings.slack_authorize_url,
                installation_store=self.store,
                state_store=SlackStateStore(self.core.database, now, _STATE_LIVES),
                install_page_rendering_enabled=False,
                callback_options=AsyncCallbackOptions(success=self._succeed, failure=self._fail),
            ),
        )

    async def begin(self, request: Request) -> Response:
        """Send the browser to Slack's page."""
        if request.method == "HEAD":
            return Response(status_code=204)
        return self._response(await self.flow.handle_installation(_bolt(request)))

    async def finish(self, request: Request) -> Response:
        """Take what Slack's page sent back."""
        if request.method == "HEAD":
            return Response(status_code=204)
        try:
            return self._response(await self.flow.handle_callback(_bolt(request)))
        except TROUBLE as error:
            log.warning("install_failed", error=type(error).__name__)
            return self.pages.say(
                "Slack isn't answering", "Nothing was installed. Try again in a minute.", status=503
            )

    def _response(self, answer: BoltResponse) -> Response:
        cookies = answer.headers.get("set-cookie", [])
        response = Response(
            answer.body, answer.status, headers=answer.first_headers_without_set_cookie()
        )
        # A browser on http would drop a cookie for https, and never finish.
        unfit = "" if self.pages.public_url.startswith("https://") else "Secure; "
        for cookie in cookies:
            fit = f"{cookie.replace(unfit, '', 1)}; SameSite=Lax"
            response.headers.append("set-cookie", fit)
        return response

    async def _succeed(self, args: AsyncSuccessArgs) -> BoltResponse:
        """Note who installed the app where."""
        made = args.installation
        enterprise_id, team_id = made.enterprise_id or "", made.team_id or ""
        services = self.core.services
        await services.workspaces.installed(enterprise_id, team_id, made.user_id or "")
        log.info("installed", enterprise_id=enterprise_id, team_id=team_id)
        person = Person(enterprise_id, team_id, made.user_id or "")
        is_new = True
        if made.bot_token and person.user_id:
            is_new = await services.workspaces.welcome(person)
        name = made.team_name or made.enterprise_name or "your workspace"
        then = f"Next, type {Typed(Command.CONNECT)} in Slack to connect Paymo and Xero."
        return _bolt_page(
            self.pages.say(
                f"paymo-xero is installed in {name}",
                then if is_new else "You're done: what was connected stays connected.",
                slack=self.pages.slack(team_id, app_id=made.app_id or ""),
            )
        )

    async def _fail(self, args: AsyncFailureArgs) -> BoltResponse:
        """Say what went wrong, and how to begin again."""
        # Anybody can open the address with any reason.
        log.info("install_refused", reason=args.reason if _CODE.fullmatch(args.reason) else "other")
        status = 400 if args.suggested_status_code == 200 else args.suggested_status_code  # noqa: PLR2004 - HTTP's OK
        return _bolt_page(
            self.pages.say(
                "paymo-xero wasn't installed",
                REASONS.get(args.reason, OTHER),
                status=status,
                again=f"{self.pages.public_url}/slack/install",
            )
        )


def _bolt_page(page: Response) -> BoltResponse:
    return BoltResponse(
        status=page.status_code, body=bytes(page.body).decode(), headers=dict(page.headers)
    )


def _bolt(request: Request) -> AsyncBoltRequest:
    return AsyncBoltRequest(
        body="", query=request.url.query, headers=dict(request.headers), mode="http"
    )
