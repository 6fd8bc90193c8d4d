"""Databases for tests: a migrated SQLite file each, and a private PostgreSQL where there is one."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Self
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet, MultiFernet
from sqlalchemy import create_engine, event, inspect, make_url, text
from sqlalchemy.exc import OperationalError

from bot.settings import generate_key
from services.store import migrations
from services.store.engine import Database
from services.store.tables import Base
from services.store.types import KEYRING

KEY = generate_key()


_TEMPLATE = "migrated"

# Deleting a few rows costs far less than TRUNCATE, which gives every table and index new files.
_EMPTYING = """
DO $$
DECLARE each record;
BEGIN
  SET LOCAL session_replication_role = replica;
  FOR each IN SELECT tablename AS name FROM pg_tables
      WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
    EXECUTE format('DELETE FROM %I', each.name);
  END LOOP;
  FOR each IN SELECT sequencename AS name FROM pg_sequences
      WHERE schemaname = 'public' AND last_value IS NOT NULL LOOP
    PERFORM setval(format('%I', each.name), 1, false);
  END LOOP;
END $$
"""


def _run(command: list[str]) -> None:
    """Run one of PostgreSQL's programs; they refuse to run as root."""
    if os.geteuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    # Files, not pipes: the server inherits them and would keep a pipe open.
    with TemporaryFile() as output:
        done = subprocess.run(command, check=False, stdout=output, stderr=output, cwd="/")  # noqa: S603 - the command is ours
        output.seek(0)
        said = output.read().decode(errors="replace")
    if done.returncode:
        raise RuntimeError(f"{command} failed: {said}")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file that each test copies."""
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrations.upgrade(f"sqlite+aiosqlite:///{file}")
    return file


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """An empty, migrated SQLite database."""
    file = tmp_path / "app.db"
    shutil.copy(sqlite_template, file)
    return f"sqlite+aiosqlite:///{file}"


def find_programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, if it is installed."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: int(file.parts[-3])
    )
    on_path = shutil.which("initdb")
    if on_path is not None:
        found.append(Path(on_path))
    return found[-1].parent if found else None


@dataclass(frozen=True, slots=True)
class Cluster:
    """A private PostgreSQL that listens on a socket in its own folder, whose path is short."""

    folder: Path
    programs: Path

    def create(self) -> None:
        """Make its files."""
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        initdb = [str(self.programs / "initdb"), "-A", "trust", "-U", "test", "-E", "UTF8", "-N"]
        _run([*initdb, "-D", str(self.folder / "data")])

    def start(self) -> None:
        """Serve."""
        sockets = f"-c listen_addresses='' -c fsync=off -c unix_socket_directories={self.folder}"
        self._control("-o", sockets, "start")

    def stop(self) -> None:
        """End at once, as where the power fails."""
        self._control("-m", "immediate", "stop")

    def revive(self) -> None:
        """Serve, unless it does."""
        try:
            self._control("status")
        except RuntimeError:
            self.start()

    def _control(self, *words: str) -> None:
        control = [str(self.programs / "pg_ctl"), "-D", str(self.folder / "data"), "-w"]
        _run([*control, "-l", str(self.folder / "log"), *words])

    def add(self, name: str, template: str = "template0") -> str:
        """Add a database, and return its address."""
        sync = self.url().replace("+asyncpg", "+psycopg")
        admin = create_engine(sync, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        admin.dispose()
        return self.url(name)

    def url(self, name: str = "postgres") -> str:
        """Return the address of one of its databases."""
        return f"postgresql+asyncpg://test@/{name}?host={self.folder}"


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Run one in a folder of its own."""
    programs = find_programs()
    if programs is None:
        raise FileNotFoundError("PostgreSQL is not installed")
    folder = Path("/tmp") / f"paymo-xero-{uuid4().hex[:8]}"  # noqa: S108 - a socket's path must be short
    folder.mkdir(mode=0o700)
    cluster = Cluster(folder, programs)
    try:
        cluster.create()
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Cluster]:
    """A private cluster with a migrated template."""
    if find_programs() is None:
        pytest.skip("PostgreSQL is not installed")
    with running_cluster() as cluster:
        migrations.upgrade(cluster.add(_TEMPLATE))
        yield cluster


def _emptied(url: str) -> bool:
    """Empty a database that a former test has used; say whether it is as good as new."""
    engine = create_engine(url.replace("+asyncpg", "+psycopg"))
    try:
        with engine.begin() as connection:
            connection.execute(text("SET lock_timeout = '2s'"))
            found = set(inspect(connection).get_table_names())
            if found != {*Base.metadata.tables, "alembic_version"}:
                return False  # taken back to nothing, or with tables of the work engine
            connection.execute(text(_EMPTYING))
    except OperationalError:
        return False  # somebody still holds a lock on it
    finally:
        engine.dispose()
    return True


@pytest.fixture(scope="session")
def used_databases() -> list[str]:
    """The databases of former tests; emptying one is far quicker than making one."""
    return []


@pytest.fixture
def postgres_url(postgres_server: Cluster, used_databases: list[str]) -> Iterator[str]:
    """An empty, migrated PostgreSQL database."""
    url = used_databases.pop() if used_databases else ""
    if not url or not _emptied(url):
        url = postgres_server.add(f"t{uuid4().hex}", _TEMPLATE)
    yield url
    used_databases.append(url)


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty, migrated database, once of each kind that the test is marked for."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


# A test runs on both kinds of database, unless it is about what no database decides. A module that
# is marked as a whole keeps its broadest tests, and its races, on both.
SQLITE_ALONE = pytest.mark.databases("sqlite")
BOTH_DATABASES = pytest.mark.databases("sqlite", "postgres")


def choose_databases(metafunc: pytest.Metafunc) -> None:
    """Run a test once on each kind of database that its nearest mark names."""
    if "database_url" in metafunc.fixturenames:
        nearest = metafunc.definition.get_closest_marker("databases") or BOTH_DATABASES.mark
        metafunc.parametrize("database_url", nearest.args, indirect=True)


def open_database(url: str) -> Database:
    """Open it with the tests' key; it need not outlive the machine, so no write waits for the disk.

    PostgreSQL runs without `fsync` for the same reason.
    """
    made = Database.open(url, [KEY])
    if not made.is_postgres:

        @event.listens_for(made.engine.sync_engine, "connect")
        def _spare_the_disk(connection: Any, _record: Any) -> None:
            cursor = connection.cursor()
            cursor.execute("PRAGMA synchronous=OFF")
            cursor.close()

    return made


@contextmanager
def overheard(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """Note what the database is asked: each statement, and its values."""
    heard: list[tuple[str, Any]] = []

    def listen(_conn: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        heard.append((statement, values))

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", listen)
    try:
        yield heard
    finally:
        event.remove(engine, "before_cursor_execute", listen)


@dataclass(slots=True)
class LastingDatabase:
    """An engine that outlives a test, since each new one would compile every statement again."""

    database: Database
    url: str

    @classmethod
    def open(cls, url: str) -> Self:
        """Open a database whose engine can be aimed at another one later."""
        made = cls(open_database(url), url)

        @event.listens_for(made.database.engine.sync_engine, "do_connect")
        def _aim(dialect: Any, _: Any, arguments: list[Any], named: dict[str, Any]) -> None:
            plain, options = dialect.create_connect_args(make_url(made.url))
            arguments[:] = plain
            named.update(options)

        return made

    def aim(self, url: str) -> Database:
        """Return the database at another address; nothing may be open any more."""
        self.url = url
        self.database.changes.doubt()
        KEYRING.fill(MultiFernet([Fernet(KEY)]))
        return self.database


@pytest.fixture(scope="session")
def lasting_databases() -> dict[str, LastingDatabase]:
    """The engines that outlive a test, by kind of database."""
    return {}
