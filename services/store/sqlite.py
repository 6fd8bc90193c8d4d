"""SQLite's connections: how they behave, and how they save trips to their threads.

Each has a thread of its own, and a trip there and back costs more than most statements. The driver
makes four for each statement: for the cursor, the statement, its rows, and the end of the cursor.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

import aiosqlite
from sqlalchemy import URL, Connection, Engine, event, make_url

READER = "reader"
_CHUNK = 64  # rows; the driver's own number
_IN_MEMORY = ("", ":memory:")
_OWNER_ONLY = 0o600
_COMPANIONS = ("", "-wal", "-shm", "-journal", "-alone")


def file_of(url: str | URL) -> Path | None:
    """Return the file of a SQLite database; None in memory, and for any other database."""
    made = make_url(url)
    if made.get_backend_name() != "sqlite" or (made.database or "") in _IN_MEMORY:
        return None
    return Path(str(made.database).removeprefix("file:"))


def keep_private(url: str) -> None:
    """Let nobody but the file's owner read a SQLite database and what SQLite puts beside it.

    SQLite gives its companions the mode of the database, so the database comes first.
    """
    file = file_of(url)
    if file is None or file.is_dir():
        return
    with contextlib.suppress(OSError):  # what cannot be created here, connecting reports
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, _OWNER_ONLY))
    for ending in _COMPANIONS:
        with contextlib.suppress(OSError):  # not there, or somebody else's: doctor tells
            file.with_name(file.name + ending).chmod(_OWNER_ONLY)


@dataclass(slots=True, eq=False)
class _Cursor:
    """Runs a statement and reads all its rows in one trip."""

    connection: "_Connection"
    description: Any = None
    rowcount: int = -1
    lastrowid: int | None = None
    arraysize: int = 1
    rows: list[Any] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        """Do nothing: there is nothing yet."""
        return self

    async def execute(self, statement: str, values: Any = ()) -> Self:
        """Run a statement, and keep what came of it."""
        return await self._run(lambda cursor: cursor.execute(statement, values))

    async def executemany(self, statement: str, values: Any) -> Self:
        """Run a statement many times."""
        return await self._run(lambda cursor: cursor.executemany(statement, values))

    async def fetchall(self) -> list[Any]:
        """Return the rows once."""
        rows, self.rows = self.rows, []
        return rows

    async def close(self) -> None:
        """Do nothing: it was over with its statement."""

    async def _run(self, act: Callable[[sqlite3.Cursor], object]) -> Self:
        await self.connection.visit(partial(self._there, act))
        return self

    def _there(self, act: Callable[[sqlite3.Cursor], object], there: sqlite3.Connection) -> None:
        with contextlib.closing(there.cursor()) as cursor:
            if self.connection.is_to_begin:
                cursor.execute("BEGIN IMMEDIATE")
                self.connection.is_to_begin = False
            act(cursor)
            self.description = cursor.description
            self.rows = cursor.fetchall() if cursor.description else []
            # Rows that a write returns are counted while they are read.
            self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid


class _Connection(aiosqlite.Connection):
    """A connection whose statements take one trip each, and what begins or ends nothing none."""

    is_resting: bool = True  # nothing goes on in the thread, as what was cut short may
    is_to_begin: bool = False  # a transaction, together with the next statement

    def cursor(self) -> Any:
        """Return a cursor, which begins with its statement."""
        return _Cursor(self)

    async def commit(self) -> None:
        """Keep what was written, if there can be something."""
        if self.in_transaction or not self.is_resting:
            await super().commit()
        self.is_to_begin = False

    async def rollback(self) -> None:
        """Take back what was not committed, if there can be something."""
        if self.in_transaction or not self.is_resting:
            await super().rollback()
        self.is_to_begin = False

    async def visit(self, act: Callable[[sqlite3.Connection], object]) -> None:
        """Do something in the connection's thread."""
        self.is_resting = False
        await self._execute(act, self._conn)  # type: ignore[no-untyped-call]
        self.is_resting = True


def _connected(file: str, **options: Any) -> _Connection:
    made = _Connection(partial(sqlite3.connect, file, **options), _CHUNK)
    # As SQLAlchemy does it, so that a connection that hangs doesn't keep the program from ending.
    made._thread.daemon = True  # noqa: SLF001 - there is no other way
    return made


def teach_sqlite(engine: Engine, *, foreign_keys: bool) -> None:
    """WAL, foreign keys, and write transactions that take the lock with their first statement.

    A transaction that reads first and writes later can lose its snapshot to another writer and
    fail; taking the write lock at BEGIN makes the second one wait instead.
    """

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: Any, _record: Any, _place: Any, options: dict[str, Any]) -> None:
        options["async_creator_fn"] = _connected

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        keys = f"foreign_keys={'ON' if foreign_keys else 'OFF'}"
        for pragma in ("journal_mode=WAL", keys, "busy_timeout=10000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        if not connection.get_execution_options().get(READER, False):
            driver: Any = connection.connection.driver_connection
            driver.is_to_begin = True
