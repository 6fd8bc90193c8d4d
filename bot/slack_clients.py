"""Which token serves which Slack workspace, and a client for each token."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.request import getproxies

import aiohttp
import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncAuthorize
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.errors import SlackClientError
from slack_sdk.http_retry.async_handler import AsyncRetryHandler
from slack_sdk.http_retry.builtin_async_handlers import async_default_handlers
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy.exc import SQLAlchemyError

from bot.settings import Settings
from handlers.reply import SlackClients
from handlers.slack import TROUBLE, is_passing, name_of, slack_refusals
from services.errors import ChannelClosed
from services.store import workspaces
from services.store.engine import Changes, Database
from services.store.slack import SlackInstallationStore

log = structlog.get_logger(__name__)

_NOT_INSTALLED = "The app is no longer installed in this workspace."
_LIFETIME = timedelta(minutes=5)
_LONGEST_CALL = 30  # seconds
_SOON = 1  # seconds; Slack waits for three
_MOST = 10_000
_LARGEST_ANSWER = 8_000_000  # bytes, unpacked; a page of a thousand members is half of that

TeamKey = tuple[str, str]  # the ids of the organisation, or "", and of the workspace


@dataclass(frozen=True, slots=True)
class Bot:
    """The app's bot in one workspace."""

    token: str = field(repr=False)
    bot_id: str
    bot_user_id: str


class BoundedResponse(aiohttp.ClientResponse):
    """An answer of limited size; aiohttp sets no limit."""

    async def read(self) -> bytes:
        """Read all of it, or end the connection if it is too long."""
        if self._body is None:
            try:
                await self.content.readexactly(_LARGEST_ANSWER + 1)
            except asyncio.IncompleteReadError as whole:
                self._body = whole.partial
            else:
                self.close()
                raise aiohttp.ClientPayloadError("the answer is too long")
        return await super().read()


class SlackClient(AsyncWebClient):
    """Slack's client, with one error for every answer that it cannot read."""

    async def _request(self, *, http_verb: str, api_url: str, req_args: Any) -> dict[str, Any]:
        """Call a method; an answer that is no JSON object counts as an empty one."""
        try:
            answer: dict[str, Any] = await super()._request(
                http_verb=http_verb, api_url=api_url, req_args=req_args
            )
        except (SlackClientError, aiohttp.ClientError):
            raise
        except (OSError, ValueError, RecursionError) as error:
            raise SlackClientError(f"no answer: {type(error).__name__}") from error
        if not isinstance(answer["data"], dict):
            answer["data"] = {}
        return answer


@dataclass(frozen=True, slots=True)
class SlackWeb:
    """Slack's Web API: one session of connections for all workspaces."""

    api_url: str
    session: aiohttp.ClientSession
    retries: Callable[[], list[AsyncRetryHandler]] = async_default_handlers
    has_proxies: bool = True
    made: dict[str, AsyncWebClient] = field(default_factory=dict, repr=False)

    def client(self, token: str = "") -> AsyncWebClient:
        """Return this token's client; making one takes longer than most answers."""
        known = self.made.get(token)
        if known is None:
            if len(self.made) >= _MOST:
                self.made.clear()
            known = self.made[token] = SlackClient(
                token=token or None,
                base_url=self.api_url,
                session=self.session,
                retry_handlers=self.retries(),
                trust_env_in_session=self.has_proxies,
            )
            known.proxy = None  # the SDK's own knows no NO_PROXY; the session does
        return known


@dataclass(slots=True)
class OneBot:
    """The bot whose token is in the settings; Slack is asked once who it is."""

    token: str = field(repr=False)
    web: SlackWeb
    bot: Bot | None = None

    async def find(self, enterprise_id: str, team_id: str) -> Bot | None:
        """Find the bot; while Slack does not say who it is, its token is enough."""
        if self.bot is None:
            try:
                answer = await self.web.client(self.token).auth_test()
            except TROUBLE as error:
                if not is_passing(error):
                    raise
                log.warning("auth_test_failed", error=name_of(error))
                return Bot(self.token, "", "")
            self.bot = Bot(
                self.token, str(answer.get("bot_id") or ""), str(answer.get("user_id") or "")
            )
        return self.bot


@dataclass(frozen=True, slots=True)
class InstalledBots:
    """The bots of every workspace that installed the app, by itself or by its organisation."""

    store: SlackInstallationStore

    async def find(self, enterprise_id: str, team_id: str) -> Bot | None:
        """Find the workspace's bot, else its organisation's."""
        enterprise = enterprise_id or None
        bot = await self.store.async_find_bot(enterprise_id=enterprise, team_id=team_id or None)
        if bot is None and enterprise:
            bot = await self.store.async_find_bot(
                enterprise_id=enterprise, team_id=None, is_enterprise_install=True
            )
        if bot is None or not bot.bot_token:
            return None
        return Bot(bot.bot_token, bot.bot_id or "", bot.bot_user_id or "")


@dataclass(frozen=True, slots=True)
class CachedBots:
    """Remembers bots, so that a command waits for no database.

    It sees what any process installs or removes within five seconds (`Changes`). Slack sends
    nothing from where the app was removed, and a revoked token opens nothing, so what it
    remembers until then lets nobody do anything. While the database is lost or busy, it uses
    what it found in the last minutes.
    """

    bots: InstalledBots
    changes: Changes
    known: dict[TeamKey, tuple[int, float, Bot]] = field(default_factory=dict, repr=False)

    async def find(self, enterprise_id: str, team_id: str) -> Bot | None:
        """Find the bot, if the app is installed there."""
        key = (enterprise_id, team_id)
        count, until, bot = self.known.get(key, (0, 0.0, None))
        stamp = await self._stamp(count)
        if bot is not None and count == stamp and until > time.monotonic():
            return bot
        self.known.pop(key, None)
        found = await self.bots.find(enterprise_id, team_id)
        if found is not None and found.bot_id:
            if len(self.known) >= _MOST:
                self.known.clear()
            self.known[key] = (stamp, time.monotonic() + _LIFETIME.total_seconds(), found)
        return found

    async def _stamp(self, otherwise: int) -> int:
        known = self.changes.current()
        if known is not None:
            return known
        try:
            async with asyncio.timeout(_SOON):
                return await self.changes.stamp()
        except (SQLAlchemyError, OSError) as error:
            log.warning("changes_not_read", error=type(error).__name__)
            return otherwise


Bots = OneBot | CachedBots


class BotAuthorize(AsyncAuthorize):
    """Tells Bolt which bot answers a request; it was found before."""

    async def __call__(
        self,
        *,
        context: AsyncBoltContext,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None,
        **_actor: str | None,
    ) -> AuthorizeResult:
        """Return the app's bot there."""
        bot: Bot = context["bot"]
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=team_id,
            bot_token=bot.token,
            bot_id=bot.bot_id,
            bot_user_id=bot.bot_user_id,
        )


@dataclass(slots=True)
class _NoClient:
    """Takes the token that Bolt gives to a request's client; our handlers have their own."""

    token: str | None = None


class LightApp(AsyncApp):
    """Bolt without a new client for each request: none of ours uses it."""

    def _init_context(self, req: AsyncBoltRequest) -> None:
        req.context.update(logger=self.logger, token=None, client=_NoClient())


@dataclass(frozen=True, slots=True)
class WorkspaceClients:
    """Clients for jobs, which no request from Slack started, by our own id of the workspace."""

    database: Database
    bots: Bots
    web: SlackWeb
    places: dict[int, TeamKey] = field(default_factory=dict)

    async def client(self, workspace_id: int) -> AsyncWebClient:
        """Make the workspace's client. Raises `ChannelClosed` where the app is not installed."""
        enterprise_id, team_id = await self._place(workspace_id)
        with slack_refusals():
            bot = await self.bots.find(enterprise_id, team_id)
        if bot is None:
            raise ChannelClosed(_NOT_INSTALLED)
        return self.web.client(bot.token)

    async def _place(self, workspace_id: int) -> TeamKey:
        known = self.places.get(workspace_id)
        if known is None:
            async with self.database.sessions() as session:
                found = await workspaces.get(session, workspace_id)
            known = self.places[workspace_id] = (found.enterprise_id, found.team_id)
        return known


@dataclass(frozen=True, slots=True)
class Slack:
    """Slack's Web API, and the bots that use it."""

    web: SlackWeb
    bots: Bots
    clients: SlackClients
    store: SlackInstallationStore | None  # None where a bot token stands in the settings
    install_url: str  # where an admin installs the app, or grants it more; "" without a store


async def open_slack(settings: Settings, database: Database, stack: AsyncExitStack) -> Slack:
    """Open one session of connections, closed with the stack."""
    # With `trust_env` each request asks a thread for the proxies, which never change.
    has_proxies, patience = bool(getproxies()), aiohttp.ClientTimeout(total=_LONGEST_CALL)
    session = await stack.enter_async_context(
        aiohttp.ClientSession(
            trust_env=has_proxies, timeout=patience, response_class=BoundedResponse
        )
    )
    web = SlackWeb(settings.slack_api_url, session, has_proxies=has_proxies)
    store = None
    if settings.is_one_workspace:
        bots: Bots = OneBot(settings.slack_bot_token.get_secret_value(), web)
    else:
        store = SlackInstallationStore(settings.slack_client_id, database)
        bots = CachedBots(InstalledBots(store), database.changes)
    install_url = "" if store is None else f"{settings.public_url}/slack/install"
    return Slack(web, bots, WorkspaceClients(database, bots, web), store, install_url)
