"""Slack's installations and OAuth states: the SDK's stores over our tables.

What differs from the SDK: tokens are encrypted, a reinstall replaces the former one, a state works
once however many ask at the same time, what has expired goes, and taking away a bot leaves no copy
of its token. Nothing else in the services names Slack's SDK.
"""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from cryptography.fernet import InvalidToken
from slack_sdk.oauth.installation_store.models.bot import Bot
from slack_sdk.oauth.installation_store.models.installation import Installation
from slack_sdk.oauth.installation_store.sqlalchemy import AsyncSQLAlchemyInstallationStore
from slack_sdk.oauth.state_store.sqlalchemy import AsyncSQLAlchemyOAuthStateStore
from sqlalchemy import ColumnElement, Table, delete, insert, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.engine import Database, change
from services.store.tables import Base, SlackBot, SlackInstallation, SlackState
from services.store.types import KEYRING

_TABLES = Base.metadata.tables
_PURPOSE = b"slack install "  # no secret of the database can pass for a state


class SlackInstallationStore(AsyncSQLAlchemyInstallationStore):
    """Who installed the app where, and with which tokens."""

    def __init__(self, client_id: str, database: Database) -> None:
        """Serve one Slack app; the SDK's own calls only read, or are one statement."""
        super().__init__(client_id, database.reader)
        self.installations = _TABLES[SlackInstallation.__tablename__]
        self.bots = _TABLES[SlackBot.__tablename__]
        self._database = database

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[AsyncConnection]:
        """Write, and have every process read its remembered bots again."""
        async with self._database.engine.begin() as connection:
            yield connection
            await connection.execute(change(connection.dialect.name))
        self._database.changes.doubt()

    async def async_save(self, installation: Installation) -> None:
        """Keep this installation and its bot in place of the same person's former one."""
        table = self.installations
        where = (*self._at(table, installation), table.c.user_id == installation.user_id)
        async with self._changing() as connection:
            await connection.execute(delete(table).where(*where))
            await connection.execute(insert(table), self._row(table, installation))
            if installation.bot_token is not None:
                await self._put_bot(connection, installation.to_bot())

    async def async_save_bot(self, bot: Bot) -> None:
        """Keep this bot in place of the workspace's former one."""
        async with self._changing() as connection:
            await self._put_bot(connection, bot)

    async def async_delete_bot(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        """Forget the bot, and the copies of its token beside the people who installed it."""
        table = self.installations
        empty = {"bot_token": None, "bot_refresh_token": None}
        async with self._changing() as connection:
            await connection.execute(
                delete(self.bots).where(*self._in(self.bots, enterprise_id, team_id))
            )
            await connection.execute(
                update(table).where(*self._in(table, enterprise_id, team_id)).values(empty)
            )

    async def async_delete_all(
        self,
        *,
        enterprise_id: str | None,
        team_id: str | None,
        is_enterprise_install: bool | None = None,
    ) -> None:
        """Forget the installation that serves this workspace: its own, else its organisation's.

        Say `is_enterprise_install` where it is known; then exactly that one goes.
        """
        if is_enterprise_install:
            team_id = None
        async with self._changing() as connection:
            found = await self._forget(connection, enterprise_id, team_id)
            if not found and enterprise_id and is_enterprise_install is None:
                await self._forget(connection, enterprise_id, None)

    async def _forget(
        self, connection: AsyncConnection, enterprise_id: str | None, team_id: str | None
    ) -> bool:
        found = 0
        for table in (self.bots, self.installations):
            gone = await connection.execute(
                delete(table).where(*self._in(table, enterprise_id, team_id))
            )
            found += gone.rowcount
        return found > 0

    async def _put_bot(self, connection: AsyncConnection, bot: Bot) -> None:
        await connection.execute(delete(self.bots).where(*self._at(self.bots, bot)))
        await connection.execute(insert(self.bots), self._row(self.bots, bot))

    def _at(self, table: Table, where: Bot | Installation) -> tuple[ColumnElement[bool], ...]:
        return self._in(table, where.enterprise_id, where.team_id)

    def _in(
        self, table: Table, enterprise_id: str | None, team_id: str | None
    ) -> tuple[ColumnElement[bool], ...]:
        return (
            table.c.client_id == self.client_id,
            table.c.enterprise_id == enterprise_id,
            table.c.team_id == team_id,
        )

    def _row(self, table: Table, made: Bot | Installation) -> dict[str, Any]:
        values = {**made.to_dict(), "client_id": self.client_id}
        return {name: value for name, value in values.items() if name in table.c}


class SlackStateStore(AsyncSQLAlchemyOAuthStateStore):
    """States of installations that have begun; each works once, and for a short time.

    A state is sealed with the encryption keys and says itself when it was made, so that whoever
    opens the install page, people and link previews alike, writes nothing. A used one is noted.
    """

    def __init__(
        self, database: Database, now: Callable[[], datetime], lifetime: timedelta
    ) -> None:
        """Hand out states that live for `lifetime`."""
        super().__init__(int(lifetime.total_seconds()), database.engine)
        self.oauth_states = _TABLES[SlackState.__tablename__]
        self._now = now
        self._lifetime = lifetime

    async def async_issue(self, *args: Any, **kwargs: Any) -> str:
        """Hand out a new state."""
        made = _PURPOSE + secrets.token_bytes(16)
        return KEYRING.fernet.encrypt_at_time(made, self._seconds()).decode().rstrip("=")

    async def async_consume(self, state: str) -> bool:
        """Use a state up; of many who try at once, one succeeds."""
        if not self._is_ours(state):
            return False
        table, now = self.oauth_states, self._now()
        row = {
            "state": sha256(state.encode()).hexdigest(),
            "expire_at": now + 2 * self._lifetime,
        }
        try:
            async with self.engine.begin() as connection:
                await connection.execute(delete(table).where(table.c.expire_at <= now))
                await connection.execute(insert(table), row)
        except IntegrityError:
            return False
        return True

    def _is_ours(self, state: str) -> bool:
        padding = "=" * (-len(state) % 4)
        try:
            made = KEYRING.fernet.decrypt_at_time(
                f"{state}{padding}", int(self._lifetime.total_seconds()), self._seconds()
            )
        except (InvalidToken, ValueError):
            return False
        return made.startswith(_PURPOSE)

    def _seconds(self) -> int:
        return int(self._now().timestamp())
