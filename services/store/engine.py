"""The engine: SQLite by default, PostgreSQL by URL, with secrets that its keys open."""

import asyncio
import contextlib
import importlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from cryptography.fernet import Fernet, MultiFernet
from sqlalchemy import (
    ColumnExpressionArgument,
    Connection,
    Delete,
    Engine,
    Insert,
    Select,
    Update,
    event,
    func,
    inspect,
    literal,
    make_url,
    select,
)
from sqlalchemy.exc import InvalidatePoolError, SQLAlchemyError
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import ORMExecuteState, SessionTransactionOrigin
from sqlalchemy.orm import Session as SyncSession

from services.store import tables
from services.store.sqlite import READER, file_of, keep_private, teach_sqlite
from services.store.tables import Base
from services.store.types import KEYRING

Row = TypeVar("Row", bound=Base)
Found = TypeVar("Found")

_MEMORY = "memory"
_CHANGES = "changes"
_TOUCHED = "touched"
_RESTS = "rests"
# Locks a row, except against new rows that refer to it: whoever adds one, say to the audit log, may
# hold what the locker wants next.
LOCK: dict[str, Any] = {"key_share": True}
KEEPS_ROLES = {"keeps_roles": True}  # what a bulk write says that changes no role
_NEWS, _BELIEVED = 1, 5  # seconds
# What decides about roles; no other write gives or takes a right.
_DECIDING: dict[Any, tuple[str, ...]] = {
    tables.Connection: (
        "state",
        "owner_id",
        "exporters",
        "viewers",
        "channel_viewers",
        "paymo_api_key",
        "grant_id",
    ),
    tables.Subscription: ("channel_id", "paused_because"),
}
_DECIDING_TABLES = {each.__tablename__ for each in _DECIDING}
_MOST_OPEN = 15
_RESTED = 1  # seconds
_CLOSING_TAKES = 2  # seconds, of the ten that whoever stops a container waits


class Session(AsyncSession):
    """A session with what the store wants most."""

    async def has(self, *which: ColumnExpressionArgument[bool]) -> bool:
        """Say whether any row fits."""
        return await self.scalar(select(literal(1)).where(*which).limit(1)) is not None

    async def count(self, *which: ColumnExpressionArgument[bool]) -> int:
        """Return how many rows fit."""
        return await self.scalar(select(func.count()).where(*which)) or 0

    async def every(self, asked: Select[Found]) -> Sequence[Found]:
        """Return whatever fits, where one thing is asked for."""
        return (await self.scalars(asked)).all()

    async def write(self, statement: Update | Delete, **options: Any) -> bool:
        """Write to rows and say whether there were any; those in memory stay as they were read."""
        as_read = {"synchronize_session": False, **options}
        done: Any = await self.execute(statement, execution_options=as_read)
        return bool(done.rowcount)


Sessions = async_sessionmaker[Session]


def driver_url(url: str) -> str:
    """Return the URL with the async driver named: a bare `postgresql://` would mean psycopg."""
    made = make_url(url)
    postgres = "postgresql+asyncpg"
    drivers = {"postgresql": postgres, "postgres": postgres, "sqlite": "sqlite+aiosqlite"}
    named = made.set(drivername=drivers.get(made.drivername, made.drivername))
    if named.drivername == postgres and "sslmode" in named.query:
        # asyncpg knows libpq's word under another name.
        query = {("ssl" if key == "sslmode" else key): each for key, each in named.query.items()}
        named = named.set(query=query)
    return named.render_as_string(hide_password=False)


class CannotOpen(Exception):
    """The database isn't there, or refuses us: why, and what to do."""

    def __init__(self, error: Exception, file: Path | None) -> None:
        """Say both in one text, too."""
        inner = getattr(error, "orig", None) or error
        self.why = f"DATABASE_URL cannot be opened ({type(inner.__cause__ or inner).__name__})"
        self.action = "Check the address, the password and that the database runs."
        if file:
            self.action = f"Check that {file.absolute()} is a SQLite database that we may write to."
        super().__init__(f"{self.why}. {self.action}")


async def connect(engine: AsyncEngine) -> AsyncConnection:
    """Return an open connection. Raises `CannotOpen`."""
    file = file_of(engine.url)
    try:
        if file:  # where SQLite can't open it, aiosqlite's thread speaks to a loop that has ended
            file.open("r+b").close()
        return await engine.connect()
    except (SQLAlchemyError, OSError) as error:
        raise CannotOpen(error, file) from error


def create_engine(url: str, **options: Any) -> AsyncEngine:
    """Return an engine whose errors and logs never show a row's values."""
    keep_private(url)
    return create_async_engine(driver_url(url), hide_parameters=True, **options)


@dataclass(frozen=True, slots=True)
class Database:
    """An open database.

    `sessions.begin()` writes. A bare `sessions()` is for reading, without a transaction: each
    statement sees what is committed by then, saves two trips, and on SQLite waits for no writer.
    One statement that writes may use it, too.
    """

    engine: AsyncEngine
    reader: AsyncEngine  # over the same connections, for reading without a session
    sessions: Sessions
    changes: "Changes"

    @classmethod
    def open(cls, url: str, encryption_keys: Sequence[str]) -> Self:
        """Open it; the first key encrypts, all of them decrypt."""
        KEYRING.fill(MultiFernet([Fernet(key) for key in encryption_keys]))
        if not driver_url(url).startswith("sqlite"):
            # To open one takes longer than a statement, so those that were needed once stay.
            engine = create_engine(url, pool_size=_MOST_OPEN, max_overflow=0)
            _ask_after_rest(engine.sync_engine)
            reader = engine.execution_options(isolation_level="AUTOCOMMIT")
        else:
            engine = create_engine(url)
            teach_sqlite(engine.sync_engine, foreign_keys=True)
            reader = engine.execution_options(**{READER: True})
        changes = Changes(reader)
        kept = {_MEMORY: {}, READER: reader.sync_engine, _CHANGES: changes}
        sessions = async_sessionmaker(
            engine,
            class_=Session,
            expire_on_commit=False,
            sync_session_class=_Session,
            info=kept,
        )
        return cls(engine, reader, sessions, changes)

    @property
    def is_postgres(self) -> bool:
        """Whether many processes may share it."""
        return self.engine.dialect.name == "postgresql"

    async def close(self) -> None:
        """Let go of every connection; a database that hangs is not waited for."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_TAKES):
                if self.changes.reading is not None:
                    await asyncio.wait([self.changes.reading])
                await self.engine.dispose()


def memory_of(session: Session) -> dict[tuple[str, int], Any]:
    """Return what this process remembers of the session's database from one to the next."""
    memory: dict[tuple[str, int], Any] = session.info[_MEMORY]
    return memory


@dataclass(slots=True)
class Changes:
    """Says whether the roles and installations that this process remembers still hold.

    A row of the database counts the changes, by any process. While somebody asks, it is read once a
    second and trusted for five. So a change made here shows at once, and one made by another
    process within five seconds, or within about one under traffic. That is safe: what is remembered
    permits nothing, since every act asks the database.
    """

    engine: AsyncEngine
    count: int = 0
    read_at: float | None = None
    reading: asyncio.Task[int] | None = None

    def current(self) -> int | None:
        """Return the count if it is known; None if it has to be read first."""
        if self.read_at is None:
            return None
        age = time.monotonic() - self.read_at
        if age > _NEWS:
            self._begin()
        return self.count if age <= _BELIEVED else None

    async def stamp(self) -> int:
        """Return the count; read it first if needed."""
        known = self.current()
        return known if known is not None else await asyncio.shield(self._begin())

    def doubt(self) -> None:
        """Read it again before anything remembered is used: something was changed here."""
        self.read_at = self.reading = None

    def _begin(self) -> "asyncio.Task[int]":
        if self.reading is None or self.reading.done():
            self.reading = asyncio.create_task(self._read(), name="changes")
            self.reading.add_done_callback(_retrieved)
        return self.reading

    async def _read(self) -> int:
        begun = time.monotonic()
        async with self.engine.connect() as connection:
            found = await connection.scalar(select(tables.Change.count)) or 0
        if self.reading is asyncio.current_task():  # nothing was changed here meanwhile
            self.count, self.read_at = found, begun
        return found


def _retrieved(task: "asyncio.Task[int]") -> None:
    """Mark a failure as seen: those who waited have it."""
    if not task.cancelled():
        task.exception()


def change(dialect: str) -> Any:
    """Return the statement that counts one more change; the last of its transaction.

    Everybody writes this row, so a transaction that went on after it could deadlock.
    """
    insert = _insert(dialect, tables.Change)
    one_more = {"count": tables.Change.count + 1}
    return insert.values(id=1, count=1).on_conflict_do_update(index_elements=["id"], set_=one_more)


class _Session(SyncSession):
    """A session that begins no transaction by itself, and counts changes of roles on commit."""

    def get_bind(self, *args: Any, **kwargs: Any) -> Engine | Connection:
        """Choose the reader unless a transaction was begun on purpose."""
        current = self.get_transaction()
        if current is None or current.origin is SessionTransactionOrigin.AUTOBEGIN:
            reader: Engine = self.info[READER]
            return reader
        return super().get_bind(*args, **kwargs)


@event.listens_for(_Session, "after_flush")
def _flushed(session: SyncSession, _context: object) -> None:
    whole = any(type(each) in _DECIDING for each in (*session.new, *session.deleted))
    if whole or any(_decides(each) for each in session.dirty if type(each) in _DECIDING):
        session.info[_TOUCHED] = True


def _decides(row: object) -> bool:
    """Say whether a write to this row changes who may do what."""
    written = inspect(row).attrs
    return any(written[name].history.has_changes() for name in _DECIDING[type(row)])


@event.listens_for(_Session, "do_orm_execute")
def _executed(asked: ORMExecuteState) -> None:
    """Note bulk writes, but for those that say that they change no roles."""
    statement = asked.statement
    if isinstance(statement, Insert | Update | Delete):
        is_deciding = getattr(statement.table, "name", "") in _DECIDING_TABLES
        if is_deciding and not KEEPS_ROLES.keys() <= asked.execution_options.keys():
            asked.session.info[_TOUCHED] = True


@event.listens_for(_Session, "before_commit")
def _commits(session: SyncSession) -> None:
    if session.in_nested_transaction():
        return
    session.flush()
    if session.info.get(_TOUCHED):
        connection = session.connection()
        connection.execute(change(connection.dialect.name))


@event.listens_for(_Session, "after_commit")
def _committed(session: SyncSession) -> None:
    if not session.in_nested_transaction() and session.info.pop(_TOUCHED, False):
        session.info[_CHANGES].doubt()


def _ask_after_rest(engine: Engine) -> None:
    """Ask a connection that rested whether it still works; if it was just in use, its socket says.

    Asking before each use takes as long as what follows.
    """

    @event.listens_for(engine, "checkin")
    def _on_rest(_connection: Any, record: Any) -> None:
        record.info[_RESTS] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _on_use(connection: Any, record: Any, _fairy: Any) -> None:
        now = time.monotonic()
        try:
            is_closed = record.driver_connection.is_closed()
            if is_closed or now - record.info.get(_RESTS, now) > _RESTED:
                connection.ping()
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error


def insert_into(session: Session, table: type[Base]) -> Any:
    """Return the dialect's own insert, which knows ON CONFLICT."""
    return _insert(session.get_bind().dialect.name, table)


def _insert(dialect: str, table: type[Base]) -> Any:
    return importlib.import_module(f"sqlalchemy.dialects.{dialect}").insert(table)


async def add_new(session: Session, row: Row) -> Row | None:
    """Add a row and return it as it is now, or None if there is one with its key."""
    return next(iter(await add_all_new(session, [row])), None)


async def add_all_new(session: Session, rows: Sequence[Row]) -> Sequence[Row]:
    """Add the rows whose keys are new, and return those as they are now.

    The unique constraints decide. Whoever adds the same rows as others sorts them: in opposite
    orders, two transactions wait for each other, and PostgreSQL ends one of them.
    """
    if not rows:
        return ()
    table = type(rows[0])
    adding = insert_into(session, table).on_conflict_do_nothing().returning(table)
    return (await session.scalars(adding, [_given(each) for each in rows])).all()


def _given(row: Base) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(row).items()
        if value is not None and not name.startswith("_")
    }


async def put_all(session: Session, table: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows, or bring those that are there up to date."""
    if not rows:
        return
    keys = [column.name for column in inspect(table).primary_key]
    insert = insert_into(session, table)
    changed = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    if changed:
        statement = insert.on_conflict_do_update(index_elements=keys, set_=changed)
    else:
        statement = insert.on_conflict_do_nothing()
    connection = await session.connection()
    await connection.execute(statement, list(rows))
