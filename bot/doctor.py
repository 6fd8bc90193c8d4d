"""Checks everything the program needs: settings, database, keys, Slack, Xero, Paymo.

It writes nothing and creates no database. Before the first start there is none, which is fine.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from slack_sdk.errors import SlackApiError
from sqlalchemy.exc import SQLAlchemyError

from bot.settings import Settings
from bot.slack_clients import Slack, open_slack
from bot.telemetry import Metrics
from bot.wiring import Remote, now, open_health, open_remote
from handlers.blocks import render_plain
from handlers.slack import TROUBLE, code_of
from services.clients.tokens import SILENT, TokenSet
from services.errors import NotConnected, ServiceError
from services.notices.health import Concern, HealthService
from services.store.engine import CannotOpen, Database, Session, connect
from services.store.sqlite import file_of
from services.store.upkeep import (
    HEAD,
    Outgrown,
    can_read_secrets,
    find_revision,
    is_current,
    require_kept,
)

_PATIENCE = 20  # seconds for each check
_NOT_A_TOKEN = "doctor"  # noqa: S105 - the point is that nobody accepts it
_NETWORK = "Check the network and its proxies."
_NOWHERE = "sqlite+aiosqlite://"  # in memory
_MIGRATE = "Run paymo-xero migrate, or start paymo-xero serve, which does it."
# The checks that try what was given.
CREDENTIALS = frozenset({"database", "encryption_keys", "Slack", "Xero"})
ANOTHER_KEY = (
    "some secrets were encrypted with a key that ENCRYPTION_KEYS doesn't hold",
    "Put that key back at the end of the list.",
)
_SLACK_APP = "in the app's settings at api.slack.com/apps"


class Grade(StrEnum):
    """The result of a check."""

    OK = "ok"
    WARN = "warn"  # it works, and soon may not
    TODO = "todo"  # not yet, and nothing is wrong
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One check's result; `name` never changes, and `cure` is "" if all is well."""

    name: str
    verdict: Grade
    said: str
    cure: str = ""

    def line(self) -> str:
        """Return the line that a person reads."""
        mark = "FAIL" if self.verdict is Grade.FAIL else f"{self.verdict:<4}"
        told = f"{self.said}. {self.cure}" if self.cure else self.said
        return f"{mark}  {self.name.replace('_', ' ')}: {render_plain(told)}"

    def fields(self) -> dict[str, str]:
        """Return the fields that a program reads."""
        said, cure = render_plain(self.said), render_plain(self.cure)
        name = self.name.lower()
        return {"name": name, "status": self.verdict.value, "message": said, "action": cure}


class Ill(Exception):
    """What is wrong, and what to do about it."""

    def __init__(self, said: str, cure: str, verdict: Grade = Grade.FAIL) -> None:
        """Keep what is wrong apart from what to do."""
        super().__init__(said)
        self.said, self.cure, self.verdict = said, cure, verdict


Check = Callable[[], Awaitable[str]]


@asynccontextmanager
async def patient(settings: Settings) -> AsyncIterator["Patient"]:
    """Open what is checked, without creating a database file."""
    url = settings.database_url.get_secret_value()
    file = file_of(url)
    is_there = file is None or file.exists()
    async with AsyncExitStack() as stack:
        database = Database.open(url if is_there else _NOWHERE, settings.keys)
        stack.push_async_callback(database.close)
        remote = open_remote(settings, database, Metrics(), stack)
        slack = await open_slack(settings, database, stack)
        yield Patient(settings, database, remote, slack)


async def findings(checks: dict[str, Check]) -> AsyncIterator[Diagnosis]:
    """Run the checks one by one."""
    for name, check in checks.items():
        try:
            async with asyncio.timeout(_PATIENCE):
                found = Diagnosis(name, Grade.OK, await check())
        except Ill as ill:
            found = Diagnosis(name, ill.verdict, ill.said, ill.cure)
        except TimeoutError:
            cure = "Check the network and its proxies, then try again."
            found = Diagnosis(name, Grade.FAIL, "no answer in time", cure)
        yield found


@dataclass(frozen=True, slots=True)
class Patient:
    """What is checked."""

    settings: Settings
    database: Database
    remote: Remote
    slack: Slack

    def checks(self) -> dict[str, Check]:
        """The checks by name, in order: each needs what the ones before it found."""
        return {
            "settings": self._settings,
            "database": self._database,
            "migrations": self._migrations,
            "encryption_keys": self._keys,
            "Slack": self._slack,
            "Xero": self._xero,
            "Paymo": self._paymo,
            **{each.value: partial(self._concern, each) for each in Concern},
        }

    async def _settings(self) -> str:
        way = "over a socket" if self.settings.is_socket_mode else "over HTTP"
        where = "one workspace" if self.settings.is_one_workspace else "many workspaces"
        return f"{where} {way}, reached at {self.settings.public_url}"

    async def _database(self) -> str:
        file = file_of(self.settings.database_url.get_secret_value())
        if file is not None and not file.exists():
            folder = file.absolute().parent
            if not os.access(folder, os.W_OK | os.X_OK):
                raise Ill(
                    f"{file.name} can't be created in {folder}",
                    "Create that folder, or let this user write there.",
                )
            return f"the first start creates {file.name}"
        try:
            await (await connect(self.database.engine)).close()
        except CannotOpen as error:
            raise Ill(error.why, error.action) from None
        return "PostgreSQL answers" if self.database.is_postgres else "SQLite answers"

    async def _migrations(self) -> str:
        async with self._reading() as session:
            try:
                await (await session.connection()).run_sync(require_kept)
            except Outgrown as problem:
                raise Ill(problem.said, problem.cure) from None
            if await is_current(session):
                return "newest"
            revision = await find_revision(session)
        if revision is None:
            raise Ill("there are no tables yet", _MIGRATE, Grade.TODO)
        if revision > HEAD:
            raise Ill(
                "a later version of paymo-xero has migrated this database",
                "Install that version again, or restore a backup from before it.",
            )
        raise Ill(f"the database is at version {revision}, which isn't this program's", _MIGRATE)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Session]:
        """Open a session; a database that can't be opened looks as if it had no tables."""
        try:
            await (await connect(self.database.engine)).close()
            async with self.database.sessions() as session:
                yield session
        except (CannotOpen, SQLAlchemyError, OSError):
            raise Ill("unknown until the database can be read", "See the lines above.") from None

    async def _keys(self) -> str:
        count = f"{len(self.settings.keys)} given"
        async with self._reading() as session:
            if await find_revision(session) is None:
                return f"{count}; nothing is stored yet"
            if not await can_read_secrets(session):
                raise Ill(*ANOTHER_KEY)
        return f"{count}; all stored secrets can be read"

    async def _slack(self) -> str:
        token = self.settings.slack_bot_token.get_secret_value()
        try:
            if token:
                return await self._bot(token)
            return await self._pair()
        except TROUBLE as error:
            raise Ill(
                f"cannot be reached ({type(error).__name__})",
                "Check the network, its proxies and SLACK_API_URL.",
            ) from None

    async def _bot(self, token: str) -> str:
        """Try the bot's token, and the socket's."""
        try:
            answer = await self.slack.web.client(token).auth_test()
        except SlackApiError as error:
            raise Ill(
                f"refuses SLACK_BOT_TOKEN ({code_of(error) or 'no code'})",
                f"Copy the bot token from OAuth & Permissions {_SLACK_APP}.",
            ) from None
        await self._socket()
        return f"knows the app in {answer.get('team') or 'its workspace'}"

    async def _pair(self) -> str:
        """Try client id and secret with an invalid code: Slack checks the app before the code."""
        settings = self.settings
        try:
            await self.slack.web.client().oauth_v2_access(
                client_id=settings.slack_client_id,
                client_secret=settings.slack_client_secret.get_secret_value(),
                code=_NOT_A_TOKEN,
            )
        except SlackApiError as error:
            if (code := code_of(error)) != "invalid_code":
                raise Ill(
                    f"refuses SLACK_CLIENT_ID or SLACK_CLIENT_SECRET ({code or 'no code'})",
                    f"Copy both from Basic Information {_SLACK_APP}.",
                ) from None
        await self._socket()
        return "answers; each workspace installs the app"

    async def _socket(self) -> None:
        """Ask for a socket's address, without opening it."""
        if not self.settings.is_socket_mode:
            return
        token = self.settings.slack_app_token.get_secret_value()
        try:
            await self.slack.web.client().apps_connections_open(app_token=token)
        except SlackApiError as error:
            raise Ill(
                f"refuses SLACK_APP_TOKEN ({code_of(error) or 'no code'})",
                f"Turn Socket Mode on, and make an app-level token with connections:write "
                f"under Basic Information {_SLACK_APP}.",
            ) from None

    async def _xero(self) -> str:
        """Refresh an invalid token: Xero checks the app before the token."""
        tokens = TokenSet(access_token="", refresh_token=_NOT_A_TOKEN, expires_at=now())
        try:
            await self.remote.oauth.refresh(tokens)
        except NotConnected:
            return "answers and knows the app"
        except ServiceError as refusal:
            cure = "Check XERO_CLIENT_ID and XERO_CLIENT_SECRET at developer.xero.com."
            cure = _NETWORK if str(refusal) == SILENT else cure
            raise Ill(str(refusal).rstrip("."), cure) from None
        return "answers"

    async def _concern(self, concern: Concern) -> str:
        """Return which connections have this early warning."""
        health = open_health(self.settings, self.database)
        is_disk = concern is Concern.DISK
        said = list(health.disk().values()) if is_disk else await self._said(health, concern)
        if said:
            raise Ill(" ".join(said).rstrip("."), "", Grade.WARN)
        return "no warning"

    async def _said(self, health: HealthService, concern: Concern) -> list[str]:
        async with self._reading() as session:
            found = await health.found(session) if await is_current(session) else []
        return [
            f"{connection.organisation_name or 'Xero'}: {concerns[concern]}"
            for connection, concerns in found
            if concern in concerns
        ]

    async def _paymo(self) -> str:
        try:
            await self.remote.paymo.client(_NOT_A_TOKEN).company()
        except NotConnected:
            return "answers"
        except ServiceError as refusal:
            raise Ill(str(refusal).rstrip("."), _NETWORK) from None
        return "answers"
