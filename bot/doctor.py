"""Checking from one place whether everything that the program needs is there and fits."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import typer
from cryptography.fernet import InvalidToken
from slack_sdk.errors import SlackApiError
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from bot.settings import Settings
from bot.slack_clients import Slack, open_slack
from bot.telemetry import Metrics
from bot.wiring import Remote, now, open_database, open_remote
from handlers.blocks import render_plain
from handlers.slack import TROUBLE, code_of
from services.clients.tokens import TokenSet
from services.errors import NotConnected, ServiceError
from services.store.engine import Database
from services.store.tables import Base
from services.store.types import Secret
from services.store.upkeep import is_current

_PATIENCE = 20  # seconds for each check
_NOT_A_TOKEN = "doctor"  # noqa: S105 - the point is that nobody accepts it


class Ill(Exception):
    """What is wrong, and what to do about it."""


async def examine(settings: Settings) -> bool:
    """Run every check, print each result as it comes, and return whether all is well."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings))
        remote = open_remote(settings, database, Metrics(), stack)
        slack = await open_slack(settings, database, stack)
        is_well = True
        for name, check in _Patient(settings, database, remote, slack).checks().items():
            problem = said = ""
            try:
                async with asyncio.timeout(_PATIENCE):
                    said = await check()
            except Ill as ill:
                problem = str(ill)
            except TimeoutError:
                problem = "no answer in time"
            is_well = is_well and not problem
            mark = "FAIL" if problem else "ok  "
            typer.echo(f"{mark}  {name}: {render_plain(problem or said)}")
    return is_well


@dataclass(frozen=True, slots=True)
class _Patient:
    settings: Settings
    database: Database
    remote: Remote
    slack: Slack

    def checks(self) -> dict[str, Callable[[], Awaitable[str]]]:
        """The checks, in the order in which they build on one another."""
        return {
            "settings": self._settings,
            "database": self._database,
            "migrations": self._migrations,
            "encryption keys": self._keys,
            "Slack": self._slack,
            "Xero": self._xero,
            "Paymo": self._paymo,
        }

    async def _settings(self) -> str:
        way = "over a socket" if self.settings.is_socket_mode else "over HTTP"
        where = "one workspace" if self.settings.is_one_workspace else "many workspaces"
        return f"{where} {way}, reached at {self.settings.public_url}"

    async def _database(self) -> str:
        try:
            async with self.database.sessions() as session:
                await session.execute(text("SELECT 1"))
        except (SQLAlchemyError, OSError) as error:
            raise Ill(f"DATABASE_URL cannot be opened ({type(error).__name__})") from None
        return "PostgreSQL answers" if self.database.is_postgres else "SQLite answers"

    async def _migrations(self) -> str:
        try:
            async with self.database.sessions() as session:
                if await is_current(session):
                    return "newest"
        except (SQLAlchemyError, OSError):
            raise Ill("unknown while the database cannot be opened") from None
        raise Ill(
            "not at the newest version: run paymo-xero migrate, or start serve, which does it"
        )

    async def _keys(self) -> str:
        count = 0
        try:
            async with self.database.sessions() as session:
                for table in Base.metadata.sorted_tables:
                    for column in inspect(table).columns:
                        if isinstance(column.type, Secret):
                            count += len((await session.scalars(select(column))).all())
        except InvalidToken:
            raise Ill(
                "some secrets were encrypted with a key that ENCRYPTION_KEYS does not hold; put "
                "it back at the end of the list"
            ) from None
        except (SQLAlchemyError, OSError):
            raise Ill("unknown until the database is migrated") from None
        return f"{len(self.settings.keys)} given; all stored secrets can be read"

    async def _slack(self) -> str:
        token = self.settings.slack_bot_token.get_secret_value()
        try:
            if not token:
                await self.slack.web.client().api_test()
                await self._socket()
                return "answers; each workspace installs the app"
            answer = await self.slack.web.client(token).auth_test()
            await self._socket()
        except SlackApiError as error:
            code = code_of(error)
            raise Ill(f"refuses SLACK_BOT_TOKEN ({code})" if token else f"says {code}") from None
        except TROUBLE as error:
            raise Ill(f"cannot be reached ({type(error).__name__})") from None
        return f"knows the app in {answer.get('team') or 'its workspace'}"

    async def _socket(self) -> None:
        """Ask for a socket's address, and leave it unopened."""
        if not self.settings.is_socket_mode:
            return
        token = self.settings.slack_app_token.get_secret_value()
        try:
            await self.slack.web.client().apps_connections_open(app_token=token)
        except SlackApiError as error:
            raise Ill(f"refuses SLACK_APP_TOKEN ({code_of(error)})") from None

    async def _xero(self) -> str:
        """Refresh a token that is none: Xero checks the app before it checks the token."""
        tokens = TokenSet(access_token="", refresh_token=_NOT_A_TOKEN, expires_at=now())
        try:
            await self.remote.oauth.refresh(tokens)
        except NotConnected:
            return "answers and knows the app"
        except ServiceError as refusal:
            raise Ill(f"{refusal} Check XERO_CLIENT_ID and XERO_CLIENT_SECRET.") from None
        return "answers"

    async def _paymo(self) -> str:
        try:
            await self.remote.paymo.client(_NOT_A_TOKEN).company()
        except NotConnected:
            return "answers"
        except ServiceError as refusal:
            raise Ill(str(refusal)) from None
        return "answers"
