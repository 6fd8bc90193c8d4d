"""Running migrations; the server never imports this module, since Alembic is heavy."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from services.store.engine import driver_url

_HERE = Path(__file__).parent / "migrations"


def config() -> Config:
    """Return Alembic's configuration, which needs no ini file."""
    made = Config()
    made.set_main_option("script_location", str(_HERE))
    return made


def newest() -> str:
    """Return the revision that the code expects."""
    return ScriptDirectory.from_config(config()).get_current_head() or ""


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database to a revision."""
    asyncio.run(_run(url, lambda made: command.upgrade(made, revision)))


def downgrade(url: str, revision: str) -> None:
    """Take the database back to a revision; `base` empties it."""
    asyncio.run(_run(url, lambda made: command.downgrade(made, revision)))


async def _run(url: str, act: object) -> None:
    engine = create_async_engine(driver_url(url), poolclass=NullPool)

    def over(connection: Connection) -> None:
        made = config()
        made.attributes["connection"] = connection
        act(made)  # type: ignore[operator]

    async with engine.begin() as connection:
        await connection.run_sync(over)
    await engine.dispose()
