"""The command line."""

import asyncio
import subprocess
import sys
from importlib import metadata
from typing import Annotated

import typer

from bot import logs
from bot.settings import Settings, SettingsError, load_settings
from services.store.engine import Database, generate_key, rotate

USAGE = 2
app = typer.Typer(
    name="paymo-xero",
    help="Carries invoices from Paymo to Xero, and payments and deletions back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _say_version(wanted: bool) -> None:  # noqa: FBT001 - Typer hands it over so
    if wanted:
        typer.echo(f"paymo-xero {metadata.version('paymo-xero')}")
        raise typer.Exit


_Version = Annotated[
    bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say which one.")
]


@app.callback()
def _root(*, version: _Version = False) -> None:
    """Take the options that go before a command."""


def _settings() -> Settings:
    """Return the settings, or say all that is wrong with them and stop."""
    try:
        settings = load_settings()
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(USAGE) from None
    logs.configure(settings.log_level, settings.log_format)
    return settings


def _database(settings: Settings) -> Database:
    return Database.open(settings.database_url.get_secret_value(), settings.keys)


def _migrate() -> None:
    """Alembic is heavy, so it runs and ends in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "bot.migrating"], check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)


@app.command("generate-key")
def generate_key_command() -> None:
    """Print a new key for ENCRYPTION_KEYS."""
    typer.echo(generate_key())


@app.command()
def migrate() -> None:
    """Bring the database to the newest version."""
    _settings()
    _migrate()
    typer.echo("The database is at the newest version.")


@app.command("rotate-keys")
def rotate_keys() -> None:
    """Encrypt every secret again with the first key of ENCRYPTION_KEYS."""
    settings = _settings()

    async def run() -> int:
        database = _database(settings)
        try:
            return await rotate(database.sessions)
        finally:
            await database.close()

    count = asyncio.run(run())
    typer.echo(f"{count} secrets are encrypted with the newest key. The older keys can go.")


def main() -> None:
    """Run the command that was typed."""
    app()


if __name__ == "__main__":
    main()
