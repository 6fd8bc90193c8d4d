"""`paymo-xero init`: writes `.env` and `manifest.yml`, and asks for what is missing.

What is there already stays. Secrets are neither shown nor logged.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

from bot.settings import Settings, SettingsError, generate_key, read_file

_ENV, _MANIFEST = Path(".env"), Path("manifest.yml")
_OWN_MANIFEST = Path("manifest.local.yml")  # in a checkout, which git ignores
_TEMPLATE = Path(__file__).with_name("manifest.yml")
_SAMPLE_ADDRESS = "https://app.example.com"
_SOCKET_ON, _SOCKET_OFF = "socket_mode_enabled: true", "socket_mode_enabled: false"
_LOCAL = Settings.public_url
_BARE = re.compile(r"[\w.:/+=,@-]*", re.ASCII)
_OWNER_ONLY = 0o600
_APPS = "api.slack.com/apps"

_PUBLIC_URL = "The https address where browsers and webhooks reach the program"
# Where each value is found; those without one come from flags alone.
_WHERE = {
    "SLACK_APP_TOKEN": "App-level token with connections:write (Basic Information, xapp-…)",
    "SLACK_SIGNING_SECRET": "Signing secret (Basic Information)",
    "SLACK_BOT_TOKEN": "Bot token (OAuth & Permissions, xoxb-…; empty for many workspaces)",
    "SLACK_CLIENT_ID": "Client ID (Basic Information)",
    "SLACK_CLIENT_SECRET": "Client secret (Basic Information)",
    "XERO_CLIENT_ID": "Xero's client id (developer.xero.com, an app of the type Web app)",
    "XERO_CLIENT_SECRET": "Xero's client secret (the same page)",
}
_PAIR = ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET")
_OPEN = frozenset({"SLACK_CLIENT_ID", "XERO_CLIENT_ID", "PUBLIC_URL"})


@dataclass(slots=True)
class Setup:
    """What the flags give, by the names of the settings, and what is there already."""

    given: Mapping[str, str]
    is_socket: bool | None  # None: nobody has said
    there: dict[str, str] = field(init=False)
    fresh: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read what is there: the environment, where it says something, and the file."""
        self.there = _values() | {name: each for name, each in os.environ.items() if each}

    def fill_in(self) -> bool:
        """Ask for what is missing, write both files, and return whether all flags were taken.

        Raises `SettingsError` where something is malformed; then that is not written.
        """
        is_taken = self._take_given()
        self._ask_mode()
        if not self._has("ENCRYPTION_KEYS"):
            self.fresh["ENCRYPTION_KEYS"] = generate_key()
        self._save()
        self._write_manifest()
        if not self._has("XERO_CLIENT_ID"):
            back = f"{self._address() or _LOCAL}/xero/callback"
            click.echo(f"Create a Web app at developer.xero.com with the redirect URI {back}.")
        for name in self._needed():
            self._ask(name)
        self._save()
        return is_taken

    def _take_given(self) -> bool:
        """Take the flags; say whether none differs from what is there, which stays."""
        is_taken = True
        for name, value in self.given.items():
            known = self.there.get(name) or ""
            if self._has(name) and known != value and not _agreed(f"{name} is set. Replace it?"):
                click.echo(
                    f"Kept: {name} is set already. Remove it first to set it again.", err=True
                )
                is_taken = False
            elif known != value:
                self.fresh[name] = value
        return is_taken

    def _ask_mode(self) -> None:
        if self.is_socket is None:
            self.is_socket = self._known_mode()
        if self.is_socket is None and sys.stdin.isatty():
            self.is_socket = click.confirm(
                "Use Socket Mode, so that Slack needs no public address?", default=True
            )
        if not self.is_socket:
            self._ask("PUBLIC_URL")
        if self.is_socket is None:
            self.is_socket = not self._address().startswith("https://")

    def _known_mode(self) -> bool | None:
        if self._has("SLACK_APP_TOKEN"):
            return True
        if self._has("SLACK_SIGNING_SECRET"):
            return False
        path = _manifest_path()
        written = path.read_text(encoding="utf-8") if path.exists() else ""
        if _SAMPLE_ADDRESS in written:
            return None
        return _SOCKET_ON in written if written else None

    def _needed(self) -> Iterator[str]:
        """Yield the settings that this mode needs, in the order in which people find them."""
        yield "SLACK_APP_TOKEN" if self.is_socket else "SLACK_SIGNING_SECRET"
        if not self._has("SLACK_CLIENT_ID"):
            yield "SLACK_BOT_TOKEN"
        if not self._has("SLACK_BOT_TOKEN"):
            yield from _PAIR
        yield from ("XERO_CLIENT_ID", "XERO_CLIENT_SECRET")

    def missing(self) -> list[str]:
        """Say what the program still needs before it can run."""
        found = [] if self.is_socket or self._has("PUBLIC_URL") else ["PUBLIC_URL"]
        found += [name for name in self._needed() if not self._has(name)]
        if {"SLACK_BOT_TOKEN", *_PAIR} <= set(found):
            found = [each for each in found if each not in {"SLACK_BOT_TOKEN", *_PAIR}]
            found.append(f"SLACK_BOT_TOKEN, or {' with '.join(_PAIR)}")
        return found

    def _ask(self, name: str) -> None:
        if self._has(name) or not sys.stdin.isatty():
            return
        asked, is_hidden = _WHERE.get(name, _PUBLIC_URL), name not in _OPEN
        while answer := click.prompt(asked, "", hide_input=is_hidden, show_default=False).strip():
            try:
                _require_well_formed({name: answer})
            except SettingsError as error:
                click.echo("\n".join(error.problems), err=True)
            else:
                self.fresh[name] = answer
                return

    def _has(self, name: str) -> bool:
        return bool(self._value(name) or self.there.get(f"{name}_FILE"))

    def _value(self, name: str) -> str:
        return self.fresh.get(name) or self.there.get(name) or ""

    def _address(self) -> str:
        return self._value("PUBLIC_URL").rstrip("/")

    def _save(self) -> None:
        """Write what is new into `.env`, once it is known to be well-formed."""
        if not self.fresh:
            return
        _require_well_formed(self.fresh)
        lines = _ENV.read_text(encoding="utf-8-sig").splitlines() if _ENV.exists() else []
        names = {f"{name}=" for name in self.fresh}
        kept = [each for each in lines if _assigned(each) not in names]
        added = [f"{name}={_quoted(value)}" for name, value in self.fresh.items()]
        _write(_ENV.resolve(), "\n".join([*kept, *added, ""]), _OWNER_ONLY)
        self.there |= self.fresh
        click.echo(f"Wrote {', '.join(self.fresh)} to .env.")
        self.fresh = {}

    def _write_manifest(self) -> None:
        wanted = manifest(self._address(), is_socket=bool(self.is_socket))
        path = _manifest_path()
        written = path.read_text(encoding="utf-8") if path.exists() else ""
        if written == wanted:
            return
        is_unfilled = not written or _SAMPLE_ADDRESS in written
        if not is_unfilled and not _agreed(f"{path} has other contents. Replace it?"):
            click.echo(f"Kept: {path}. Delete it to write it again.", err=True)
            return
        _write(path, wanted, 0o644)
        click.echo(f"Wrote {path}. Create the Slack app from it at {_APPS}, and install it.")


def _manifest_path() -> Path:
    """Say where the manifest is written: in a checkout the usual name links to the template."""
    return _OWN_MANIFEST if _MANIFEST.is_symlink() else _MANIFEST


def manifest(public_url: str, *, is_socket: bool) -> str:
    """Fill in the manifest: in Socket Mode Slack is given no address of ours."""
    text = _TEMPLATE.read_text(encoding="utf-8")
    text = text.split("display_information:", 1)[1]
    lines = f"display_information:{text}".splitlines()
    is_reached = public_url.startswith("https://") or not is_socket
    if is_socket:
        lines = [each for each in lines if f"{_SAMPLE_ADDRESS}/slack/events" not in each]
    if not is_reached:
        dropped = ("redirect_urls:", f"- {_SAMPLE_ADDRESS}")
        lines = [each for each in lines if not each.strip().startswith(dropped)]
    filled = "\n".join([*lines, ""]).replace(_SAMPLE_ADDRESS, public_url or _SAMPLE_ADDRESS)
    return filled.replace(_SOCKET_OFF, _SOCKET_ON) if is_socket else filled


def _require_well_formed(values: Mapping[str, str]) -> None:
    try:
        Settings.read({name.lower(): value for name, value in values.items()})
    except SettingsError as error:
        named = tuple(f"- {name}:" for name in values)
        problems = [each for each in error.problems if each.startswith(named)]
        if problems:
            raise SettingsError(problems) from None


def _values() -> dict[str, str]:
    return {name: value or "" for name, value in read_file(_ENV).items()}


def _assigned(line: str) -> str:
    name = line.strip().removeprefix("export ").partition("=")[0].strip()
    return f"{name}=" if "=" in line else ""


def _quoted(value: str) -> str:
    if _BARE.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _write(path: Path, text: str, mode: int) -> None:
    """Write it whole or not at all; a secret is never readable to others, even for a moment."""
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    number = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(text)
    beside.replace(path)


def _agreed(question: str) -> bool:
    return sys.stdin.isatty() and click.confirm(question, default=False)
