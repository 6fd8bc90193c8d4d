"""The command line: its commands and options, and nothing that is slow to load.

The program takes seconds to import, so a command loads it only if it needs it. The version, a new
key or a wrong setting shows at once.
"""

import ctypes
import gc
import importlib
import importlib.util
import json
import signal
import sys
from collections.abc import Callable
from typing import Any

import click

from bot import telemetry
from bot.settings import Settings, SettingsError, generate_key
from bot.setup import Setup

_USAGE = 2
_ARENA_MAX = -8  # M_ARENA_MAX in malloc.h
_workspace = click.option(
    "--workspace", required=True, help="Slack's id (T…), or the number in the log."
)
_CREDENTIALS = {
    "public-url": "The https address of the program.",
    "database-url": "The database, unless it's a file here.",
    "slack-signing-secret": "Signing secret (Basic Information).",
    "slack-app-token": "App-level token, xapp-… (Basic Information).",
    "slack-bot-token": "Bot token, xoxb-… (OAuth & Permissions).",
    "slack-client-id": "Instead of a bot token: many workspaces.",
    "slack-client-secret": "Goes with the client ID.",
    "xero-client-id": "Client id of the app at developer.xero.com.",
    "xero-client-secret": "Its client secret.",
    "xero-webhook-key": "Its webhook signing key, if you use webhooks.",
}


class _Command(click.Command):
    def get_short_help_str(self, limit: int = 0) -> str:
        """Return the first sentence whole."""
        return super().get_short_help_str(limit=1000)


class _Group(click.Group):
    command_class = _Command

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return them in the order in which they stand here."""
        return list(self.commands)


@click.group(cls=_Group)
@click.version_option(
    package_name="paymo-xero", message="paymo-xero %(version)s", help="Print the version."
)
def main() -> None:
    """Exports invoices from Paymo to Xero, and brings payments and deletions back."""


def _settings() -> Settings:
    """Read the settings; print everything that is wrong with them and exit with 2."""
    try:
        settings = Settings.read()
    except SettingsError as error:
        click.echo(str(error), err=True)
        raise click.exceptions.Exit(_USAGE) from None
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
    _require_current(is_current=commands.is_current())
    return commands


def _require_current(*, is_current: bool) -> None:
    """Exit with 1 if the database needs a migration."""
    if not is_current:
        click.echo("The database isn't at this version. Run paymo-xero migrate.", err=True)
        raise click.exceptions.Exit(1)


@main.command("generate-key")
def generate_key_command() -> None:
    """Print a new key for ENCRYPTION_KEYS."""
    click.echo(generate_key())


@main.command()
@click.option("--migrate/--no-migrate", default=True, help="Migrate the database first, if needed.")
def serve(*, migrate: bool) -> None:
    """Run the program until it's stopped."""
    settings = _settings()
    # Told to stop before it listens, it leaves as it does later: with 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    commands = _commands(settings)
    if not migrate:  # on an empty database it is alive, and not ready
        _require_current(is_current=commands.is_current(or_empty=True))
    elif not commands.is_current():
        commands.migrate()
    commands.serve()


@main.command()
def demo() -> None:
    """Run the program against stand-ins of Slack, Xero and Paymo; needs no settings."""
    if importlib.util.find_spec("bot.demo") is None:
        click.echo("This installation doesn't include the demo.", err=True)
        raise click.exceptions.Exit(1)
    # Nothing but this command loads the stand-ins.
    importlib.import_module("bot.demo").run()


@main.command()
@click.option("--once", is_flag=True, help="Sync each organisation once, then stop.")
@click.option(
    "--workspace", default="", help="Only this one: Slack's id (T…), or the number in the log."
)
def sync(*, once: bool, workspace: str) -> None:
    """Sync every organisation whenever it's due, without a web server."""
    settings = _settings()
    if workspace and not once:
        raise click.BadParameter("--workspace goes with --once")
    if once:
        _ready(settings).sync_once(workspace)
    else:
        _ready(settings).sync_on()


def _credentials(command: Callable[..., None]) -> Callable[..., None]:
    for name, said in reversed(_CREDENTIALS.items()):
        command = click.option(f"--{name}", default="", help=said)(command)
    return command


@main.command()
@click.option(
    "--socket-mode/--http",
    default=None,
    help="How Slack reaches the program; Socket Mode needs no public address.",
)
@_credentials
def init(*, socket_mode: bool | None, **options: str) -> None:
    """Write .env and manifest.yml here: ask for missing values, or take them from options.

    It makes the encryption key, and tries the database, and the rest at Slack and Xero. Values set
    here or in the environment stay. Exit status: 0 if ready to serve, 1 if something is missing or
    refused, 2 if something is malformed.
    """
    given = {name.upper(): each.strip() for name, each in options.items() if each.strip()}
    try:
        filling = Setup(given, socket_mode)
        is_taken = filling.fill_in()
    except SettingsError as error:
        click.echo(str(error), err=True)
        raise click.exceptions.Exit(_USAGE) from None
    except OSError as error:
        click.echo(f"Can't write {error.filename or 'here'}: {error.strerror}.", err=True)
        raise click.exceptions.Exit(1) from None
    if missing := filling.missing():
        click.echo(f"Still missing: {'; '.join(missing)}.", err=True)
        click.echo("Next: fill that in, then run paymo-xero init again.")
        raise click.exceptions.Exit(1)
    if not _commands(_settings()).try_credentials():
        click.echo("Next: correct what was refused in .env, then run paymo-xero init again.")
        raise click.exceptions.Exit(1)
    click.echo("Keep a copy of ENCRYPTION_KEYS where the database's backups aren't.")
    click.echo("Next: run paymo-xero serve, then type /paymo-xero connect in Slack.")
    raise click.exceptions.Exit(0 if is_taken else 1)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(*, as_json: bool) -> None:
    """Check settings, database, keys, Slack, Xero and Paymo, and say what to do.

    It changes nothing. Exit status: 0 if nothing fails, 1 if something does, 2 for bad settings.
    """
    if as_json:
        try:
            Settings.read()
        except SettingsError as error:
            click.echo(json.dumps(_unreadable(error)))
            raise click.exceptions.Exit(_USAGE) from None
    _commands(_settings()).examine(as_json=as_json)


def _unreadable(error: SettingsError) -> dict[str, Any]:
    said = "; ".join(each.removeprefix("- ") for each in error.problems)
    cure = "Run paymo-xero init, or fill that in by hand."
    check = {"name": "settings", "status": "fail", "message": said, "action": cure}
    return {"status": "fail", "checks": [check]}


@main.command()
def migrate() -> None:
    """Migrate the database to the newest version."""
    url = _settings().database_url.get_secret_value()
    engine = importlib.import_module("services.store.engine")
    migrating = importlib.import_module("services.store.migrations")
    upkeep = importlib.import_module("services.store.upkeep")
    try:
        migrating.upgrade(url)
    except (engine.CannotOpen, migrating.FromLater, upkeep.Outgrown) as error:
        click.echo(str(error), err=True)
        raise click.exceptions.Exit(1) from None
    click.echo("The database is at the newest version.")


@main.command("rotate-keys")
def rotate_keys() -> None:
    """Encrypt every secret again with the first key of ENCRYPTION_KEYS."""
    _ready(_settings()).rotate_keys()


@main.command("export-data")
@_workspace
def export_data(*, workspace: str) -> None:
    """Print all data about a workspace as JSON, with people's names and without secrets."""
    _ready(_settings()).export_data(workspace)


@main.command("set-owner")
@_workspace
@click.option("--user", required=True, help="Slack's id of the new owner (U…).")
def set_owner(*, workspace: str, user: str) -> None:
    """Make somebody the owner of a workspace's connections."""
    _ready(_settings()).set_owner(workspace, user)


@main.command()
@_workspace
@click.option("--yes", is_flag=True, help="Save without asking.")
def relink(*, workspace: str, yes: bool) -> None:
    """Find former exports again after the database was lost, and link them.

    Connect the same company and organisation first. The command shows what Xero and Paymo still
    know of the exports and their payments, and saves it after a yes. Run again, it continues with
    the rest. Exit status: 0 if all is linked, 1 if something isn't.
    """
    _ready(_settings()).relink(workspace, is_agreed=yes)


@main.command()
@_workspace
def forget(*, workspace: str) -> None:
    """End a workspace's connections, then delete everything about it."""
    settings = _settings()
    if sys.stdin.isatty():
        click.confirm(f"Delete everything about workspace {workspace}, for good?", abort=True)
    _ready(settings).forget(workspace)


if __name__ == "__main__":
    main()
