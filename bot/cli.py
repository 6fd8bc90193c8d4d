"""The command line: what may be typed, and nothing that takes long to load.

The program takes seconds to import, so a command loads it only when it needs it. A wrong setting,
the version or a new key come at once.
"""

import ctypes
import gc
import importlib
import importlib.util
import json
import signal
import sys
from importlib import metadata
from typing import Annotated, Any

import typer

from bot import telemetry
from bot.settings import Settings, SettingsError, generate_key
from bot.setup import Setup

_USAGE = 2
_ARENA_MAX = -8  # M_ARENA_MAX in malloc.h
app = typer.Typer(
    name="paymo-xero",
    help="Exports invoices from Paymo to Xero, and brings payments and deletions back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _say_version(wanted: bool) -> None:  # noqa: FBT001 - Typer hands it over so
    if wanted:
        typer.echo(f"paymo-xero {metadata.version('paymo-xero')}")
        raise typer.Exit


_Version = Annotated[
    bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version.")
]
_Workspace = Annotated[str, typer.Option(help="Slack's id (T…) or ours.")]


@app.callback()
def _root(*, version: _Version = False) -> None:
    """Take the options that go before a command."""


def _settings() -> Settings:
    """Read the settings; print everything that is wrong with them and exit with 2."""
    try:
        settings = Settings()
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(_USAGE) from None
    telemetry.configure(settings.log_level, settings.log_format)
    return settings


def _commands(settings: Settings) -> Any:
    """Load the program, and return its commands."""
    # Almost nothing that loading creates is garbage: the collector skips it, now and later.
    gc.disable()
    commands = importlib.import_module("bot.commands").Commands(settings)
    gc.freeze()
    gc.enable()
    # glibc would give each thread a heap of its own, and keep what is free in each.
    if (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        mallopt(_ARENA_MAX, 1)
    return commands


def _ready(settings: Settings) -> Any:
    """Load the program and return its commands; exit with 1 if the database needs a migration."""
    commands = _commands(settings)
    if not commands.is_current():
        typer.echo("The database isn't at this version. Run paymo-xero migrate.", err=True)
        raise typer.Exit(1)
    return commands


@app.command("generate-key")
def generate_key_command() -> None:
    """Print a new key for ENCRYPTION_KEYS."""
    typer.echo(generate_key())


@app.command()
def serve(
    *,
    migrate: Annotated[
        bool, typer.Option("--migrate/--no-migrate", help="Migrate the database first, if needed.")
    ] = True,
) -> None:
    """Run the program until it is told to stop."""
    settings = _settings()
    # Told to stop before it listens, it leaves as it does later: with 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    commands = _commands(settings)
    if not commands.is_current() and migrate:
        commands.migrate()
    commands.serve()


@app.command()
def demo() -> None:
    """Run the program against stand-ins of Slack, Xero and Paymo; needs no settings."""
    if importlib.util.find_spec("bot.demo") is None:
        typer.echo("This installation doesn't include the demo.", err=True)
        raise typer.Exit(1)
    # Nothing but this command loads the stand-ins.
    importlib.import_module("bot.demo").run()


@app.command()
def sync(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Sync each organisation once, then stop.")
    ] = (False),
    workspace: Annotated[str, typer.Option(help="Only this one: Slack's id (T…) or ours.")] = "",
) -> None:
    """Sync every organisation whenever it's due, without a web server."""
    settings = _settings()
    if workspace and not once:
        raise typer.BadParameter("--workspace goes with --once")
    if once:
        _ready(settings).sync_once(workspace)
    else:
        _ready(settings).sync_on()


def _value(said: str) -> Any:
    return typer.Option(help=said, show_default=False)


@app.command()
def init(  # noqa: PLR0913 - one option a setting
    *,
    socket_mode: Annotated[
        bool | None,
        typer.Option(
            "--socket-mode/--http",
            help="How Slack reaches the program; Socket Mode needs no public address.",
        ),
    ] = None,
    public_url: Annotated[str, _value("The https address of the program.")] = "",
    database_url: Annotated[str, _value("The database, unless it's a file here.")] = "",
    slack_signing_secret: Annotated[str, _value("Signing secret (Basic Information).")] = "",
    slack_app_token: Annotated[str, _value("App-level token, xapp-… (Basic Information).")] = "",
    slack_bot_token: Annotated[str, _value("Bot token, xoxb-… (OAuth & Permissions).")] = "",
    slack_client_id: Annotated[str, _value("Instead of a bot token: many workspaces.")] = "",
    slack_client_secret: Annotated[str, _value("Goes with the client ID.")] = "",
    xero_client_id: Annotated[str, _value("Client id of the app at developer.xero.com.")] = "",
    xero_client_secret: Annotated[str, _value("Its client secret.")] = "",
    xero_webhook_key: Annotated[str, _value("Its webhook signing key, if you use webhooks.")] = "",
) -> None:
    """Write .env and manifest.yml here: ask for missing values, or take them from options.

    It makes the encryption key, and tries the values at Slack and Xero. Values set here or in the
    environment stay. Exit status: 0 if ready to serve, 1 if something is missing or refused, 2 if
    something is malformed.
    """
    options = {name.upper(): each for name, each in locals().items() if isinstance(each, str)}
    filling = Setup(
        {name: each.strip() for name, each in options.items() if each.strip()}, socket_mode
    )
    try:
        is_taken = filling.fill_in()
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(_USAGE) from None
    if missing := filling.missing():
        typer.echo(f"Still missing: {'; '.join(missing)}.", err=True)
        typer.echo("Next: fill that in, then run paymo-xero init again.")
        raise typer.Exit(1)
    if not _commands(_settings()).try_credentials():
        typer.echo("Next: correct what was refused in .env, then run paymo-xero init again.")
        raise typer.Exit(1)
    typer.echo("Keep a copy of ENCRYPTION_KEYS where the database's backups aren't.")
    typer.echo("Next: run paymo-xero serve, then type /paymo-xero connect in Slack.")
    raise typer.Exit(0 if is_taken else 1)


@app.command()
def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check settings, database, keys, Slack, Xero and Paymo, and say what to do.

    It changes nothing. Exit status: 0 if nothing fails, 1 if something does, 2 for bad settings.
    """
    if as_json:
        try:
            Settings()
        except SettingsError as error:
            typer.echo(json.dumps(_unreadable(error)))
            raise typer.Exit(_USAGE) from None
    _commands(_settings()).examine(as_json=as_json)


def _unreadable(error: SettingsError) -> dict[str, Any]:
    said = "; ".join(each.removeprefix("- ") for each in error.problems)
    cure = "Run paymo-xero init, or fill that in by hand."
    check = {"name": "settings", "status": "fail", "message": said, "action": cure}
    return {"status": "fail", "checks": [check]}


@app.command()
def migrate() -> None:
    """Migrate the database to the newest version."""
    url = _settings().database_url.get_secret_value()
    engine = importlib.import_module("services.store.engine")
    migrating = importlib.import_module("services.store.migrations")
    try:
        migrating.upgrade(url)
    except (engine.CannotOpen, migrating.FromLater) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    typer.echo("The database is at the newest version.")


@app.command("rotate-keys")
def rotate_keys() -> None:
    """Encrypt every secret again with the first key of ENCRYPTION_KEYS."""
    _ready(_settings()).rotate_keys()


@app.command("export-data")
def export_data(*, workspace: _Workspace) -> None:
    """Print all data about a workspace as JSON, with people's names and without secrets."""
    _ready(_settings()).export_data(workspace)


@app.command("set-owner")
def set_owner(
    *,
    workspace: _Workspace,
    user: Annotated[str, typer.Option(help="Slack's id of the new owner (U…).")],
) -> None:
    """Make somebody the owner of a workspace's connections."""
    _ready(_settings()).set_owner(workspace, user)


@app.command()
def relink(
    *,
    workspace: _Workspace,
    yes: Annotated[bool, typer.Option("--yes", help="Save without asking.")] = False,
) -> None:
    """Find former exports again after the database was lost, and link them.

    Connect the same company and organisation first. The command shows what Xero and Paymo still
    know of the exports and their payments, and saves it after a yes. Run again, it continues with
    the rest. Exit status: 0 if all is linked, 1 if something isn't.
    """
    _ready(_settings()).relink(workspace, is_agreed=yes)


@app.command()
def forget(*, workspace: _Workspace) -> None:
    """End a workspace's connections, then delete everything about it."""
    settings = _settings()
    if sys.stdin.isatty():
        typer.confirm(f"Delete everything about workspace {workspace}, for good?", abort=True)
    _ready(settings).forget(workspace)


def main() -> None:
    """Run the command that was typed."""
    app()


if __name__ == "__main__":
    main()
