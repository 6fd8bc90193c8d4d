"""Running migrations; the server never imports this package, since Alembic is heavy."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Table, event, text
from sqlalchemy.pool import NullPool

from services.store.engine import connect, create_engine
from services.store.sqlite import teach_sqlite
from services.store.upkeep import require_kept

_HERE = Path(__file__).parent
_LOCK = 7_296_301  # any number that nothing else in the database locks


class FromLater(Exception):
    """A later version of the program has migrated the database."""

    def __init__(self) -> None:
        """Say so, and what to do."""
        super().__init__(
            "A later version of paymo-xero has migrated this database. Install that version "
            "again, or restore a backup from before it."
        )


@event.listens_for(Table, "before_create")
def _never_again(table: Table, connection: Connection, **_options: Any) -> None:
    """Have SQLite, too, give no id a second time: messages in Slack carry ids of what is gone."""
    if connection.dialect.name == "sqlite" and table.primary_key.columns.keys() == ["id"]:
        table.dialect_options["sqlite"]["autoincrement"] = True


def config() -> Config:
    """Return Alembic's configuration, which needs no ini file."""
    made = Config()
    made.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    return made


def newest() -> str:
    """Return the newest revision that is written."""
    return ScriptDirectory.from_config(config()).get_current_head() or ""


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database to a revision. Raises `CannotOpen`, `FromLater` or `Outgrown`."""

    def act(made: Config) -> None:
        require_kept(made.attributes["connection"])
        command.upgrade(made, revision)

    try:
        asyncio.run(_run(url, act))
    except CommandError as error:
        raise FromLater from error


def downgrade(url: str, revision: str) -> None:
    """Take the database back to a revision; `base` empties it."""
    asyncio.run(_run(url, lambda made: command.downgrade(made, revision)))


async def _run(url: str, act: Callable[[Config], None]) -> None:
    """Migrate in one transaction; of several processes that start together, one at a time."""
    engine = create_engine(url, poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        # A table is changed by copying it, which foreign keys would take for a deletion.
        teach_sqlite(engine.sync_engine, foreign_keys=False)

    def over(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        else:
            connection.execute(text("SELECT 1"))  # SQLite's lock comes with the first statement
        made = config()
        made.attributes["connection"] = connection
        act(made)

    async with aclosing(await connect(engine)) as connection, connection.begin():
        await connection.run_sync(over)
    await engine.dispose()
