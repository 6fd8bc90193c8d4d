"""The engine: SQLite by default, PostgreSQL by URL, secrets readable once it is open."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from cryptography.fernet import Fernet, MultiFernet
from sqlalchemy import Engine, event, make_url
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from services.store.types import KEYRING

Session = AsyncSession
Sessions = async_sessionmaker[AsyncSession]


def generate_key() -> str:
    """Return a new key for `ENCRYPTION_KEYS`."""
    return Fernet.generate_key().decode()


def driver_url(url: str) -> str:
    """Return the URL with the async driver named: a bare `postgresql://` would mean psycopg."""
    made = make_url(url)
    drivers = {
        "postgresql": "postgresql+asyncpg",
        "postgres": "postgresql+asyncpg",
        "sqlite": "sqlite+aiosqlite",
    }
    named = made.set(drivername=drivers.get(made.drivername, made.drivername))
    return named.render_as_string(hide_password=False)


@dataclass(frozen=True, slots=True)
class Database:
    """An open database."""

    engine: AsyncEngine
    sessions: Sessions

    @classmethod
    def open(cls, url: str, encryption_keys: Sequence[str]) -> Self:
        """Open it; the first key encrypts, all of them decrypt."""
        KEYRING.fill(MultiFernet([Fernet(key) for key in encryption_keys]))
        engine = create_async_engine(driver_url(url))
        if engine.dialect.name == "sqlite":
            _teach_sqlite(engine.sync_engine)
        return cls(engine, async_sessionmaker(engine, expire_on_commit=False))

    @property
    def is_postgres(self) -> bool:
        """Whether many processes may share it."""
        return self.engine.dialect.name == "postgresql"

    async def close(self) -> None:
        """Let go of every connection."""
        await self.engine.dispose()


def _teach_sqlite(engine: Engine) -> None:
    """WAL, foreign keys, and write transactions that take the lock at once.

    A transaction that reads first and writes later can lose its snapshot to another writer and
    fail; taking the write lock at BEGIN makes the second one wait instead.
    """

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "busy_timeout=10000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
