"""Databases for tests: a migrated SQLite file each, and a private PostgreSQL where there is one."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text

from services.store import migrate
from services.store.engine import Database, generate_key

KEY = generate_key()


def _as_postgres(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file that each test copies."""
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate.upgrade(f"sqlite+aiosqlite:///{file}")
    return file


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """An empty, migrated SQLite database."""
    file = tmp_path / "app.db"
    shutil.copy(sqlite_template, file)
    return f"sqlite+aiosqlite:///{file}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A private cluster that listens on a socket in its own folder; yields a URL's query part."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL is not installed")
    folder = Path("/tmp") / f"paymo-xero-{uuid4().hex[:8]}"  # noqa: S108 - a socket's path must be short
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    programs, data = found[-1].parent, folder / "data"
    options = f"-c listen_addresses='' -c fsync=off -c unix_socket_directories={folder}"
    subprocess.run(  # noqa: S603 - the command is ours
        _as_postgres([str(programs / "initdb"), "-A", "trust", "-U", "test", "-D", str(data)]),
        check=True,
        capture_output=True,
    )
    control = [str(programs / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log")]
    subprocess.run(_as_postgres([*control, "-o", options, "start"]), check=True)  # noqa: S603
    try:
        yield str(folder)
    finally:
        stop = _as_postgres([*control, "-m", "immediate", "stop"])
        subprocess.run(stop, check=True)  # noqa: S603
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """An empty, migrated PostgreSQL database."""
    name = f"t{uuid4().hex}"
    admin = create_engine(
        f"postgresql+psycopg://test@/postgres?host={postgres_server}", isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    url = f"postgresql+asyncpg://test@/{name}?host={postgres_server}"
    migrate.upgrade(url)
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty, migrated database of each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


def open_database(url: str) -> Database:
    """Open it with the tests' key."""
    return Database.open(url, [KEY])
