"""The command line."""

import asyncio
import importlib
import importlib.util
import subprocess
import sys
from collections.abc import Coroutine
from importlib import metadata
from typing import Annotated, Any, TypeVar

import typer
import uvloop
from rich.progress import Progress

from bot import doctor, logs, syncing
from bot.serving import serve
from bot.settings import Settings, SettingsError, load_settings
from bot.wiring import open_database
from services.store.engine import generate_key, rotate

T = TypeVar("T")
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


def _run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _migrate() -> None:
    """Alembic is heavy, so it runs and ends in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "bot.migrating"], check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)


@app.command("generate-key")
def generate_key_command() -> None:
    """Print a new key for ENCRYPTION_KEYS."""
    typer.echo(generate_key())


@app.command("serve")
def serve_command(
    *,
    migrate: Annotated[
        bool, typer.Option("--migrate/--no-migrate", help="Bring the database up first.")
    ] = True,
) -> None:
    """Run the program until it is told to stop."""
    settings = _settings()
    if migrate:
        _migrate()
    try:
        _run(serve(settings))
    except OSError as error:
        typer.echo(f"Cannot listen at {settings.host}:{settings.port}: {error.strerror}", err=True)
        raise typer.Exit(1) from None


@app.command()
def demo() -> None:
    """Run the program against stand-ins of Slack, Xero and Paymo; needs no settings."""
    if importlib.util.find_spec("bot.demo") is None:
        typer.echo("The demo is not part of this installation.", err=True)
        raise typer.Exit(1)
    # Nothing but this command loads the stand-ins.
    importlib.import_module("bot.demo").run()


@app.command()
def sync(
    *,
    once: Annotated[bool, typer.Option("--once", help="Look at each organisation, then end.")] = (
        False
    ),
    workspace: Annotated[str, typer.Option(help="Only this one: Slack's id (T…) or ours.")] = "",
) -> None:
    """Look at Xero now, or whenever organisations are due, without a web server."""
    settings = _settings()
    if not once:
        if workspace:
            raise typer.BadParameter("--workspace goes with --once")
        _run(syncing.sync_on(settings))
        return
    with Progress(disable=not sys.stdout.isatty()) as progress:
        bar = progress.add_task("Organisations", total=None)

        def begin(count: int) -> None:
            progress.update(bar, total=count)
            if not count:
                progress.console.print("Nothing is connected yet.")

        def tell(looked: syncing.Looked) -> None:
            progress.advance(bar)
            said = looked.problem or "up to date"
            progress.console.print(f"{looked.organisation}: {said}", markup=False, soft_wrap=True)

        is_well = _run(syncing.sync_once(settings, workspace, begin, tell))
    raise typer.Exit(0 if is_well else 1)


@app.command("doctor")
def doctor_command() -> None:
    """Check settings, database, keys, Slack, Xero and Paymo."""
    settings = _settings()

    def tell(finding: doctor.Finding) -> None:
        typer.echo(f"{'ok  ' if finding.is_well else 'FAIL'}  {finding.name}: {finding.text}")

    if not _run(doctor.examine(settings, tell)):
        raise typer.Exit(1)


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
        database = open_database(settings)
        try:
            return await rotate(database.sessions)
        finally:
            await database.close()

    count = _run(run())
    typer.echo(f"{count} secrets are encrypted with the newest key. The older keys can go.")


def main() -> None:
    """Run the command that was typed."""
    app()


if __name__ == "__main__":
    main()
