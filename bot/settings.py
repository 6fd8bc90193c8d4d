"""The program's settings, from the environment or from `.env`; the environment wins."""

import io
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Self, get_type_hints
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from dotenv.parser import Binding, parse_stream
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

_ENV = Path(".env")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_DRIVERS = {"sqlite", "sqlite+aiosqlite", "postgresql", "postgres", "postgresql+asyncpg"}
_ADDRESS = "must be an address that starts with http:// or https://"
# What both of PostgreSQL's drivers understand.
_OPTIONS = ("host", "passfile", "port", "sslmode", "ssl", "target_session_attrs")
_FORM = "must be NAME=value, and a quote that opens must close"
_SQLITE = "sqlite+aiosqlite:///paymo-xero.db"
_ENCODING = re.compile(r"[!-~]+")
_MAIL = re.compile(r"[^@\s<>,]+@[^@\s<>,]+")
_NUMBER = re.compile(r"[0-9]{1,9}")


class SettingsError(Exception):
    """Settings are missing or malformed; the text lists all of them, without values."""

    def __init__(self, problems: list[str]) -> None:
        """Write each problem on a line."""
        super().__init__("\n".join(["These settings need your attention:", *problems]))
        self.problems = problems


@dataclass(frozen=True, slots=True, repr=False)
class SecretText:
    """Text that nothing shows by accident."""

    text: str

    def get_secret_value(self) -> str:
        """Return the text, on purpose."""
        return self.text

    def __repr__(self) -> str:
        """Say only whether there is any."""
        return f"SecretText({'***' if self.text else ''})"


def _address(value: str) -> str:
    """Accept an http or https address; the slash at its end does not matter."""
    if not _is_address(value):
        raise ValueError(_ADDRESS)
    return value.rstrip("/")


def _is_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        is_whole = parts.port != 0 and bool(parts.hostname) and not re.search(r"\s", value)
    except ValueError:  # which quotes it
        return False
    return is_whole and parts.scheme in {"http", "https"} and not (parts.query or parts.fragment)


def _slack_address(value: str) -> str:
    """Accept an address, with the closing slash that Slack's SDK needs."""
    return f"{_address(value)}/"


def _database(value: str) -> SecretText:
    try:
        made = make_url(value)
    except (ArgumentError, ValueError):  # the latter quotes what it takes for a port
        made = None
    if made is None or made.drivername not in _DRIVERS or _is_in_memory(made):
        raise ValueError(
            "must be sqlite+aiosqlite:///file or postgresql+asyncpg://…; in a password write @ as "
            "%40 and % as %25"
        )
    if made.get_backend_name() != "sqlite" and not made.query.keys() <= set(_OPTIONS):
        raise ValueError(f"may have no options but {', '.join(_OPTIONS)}")
    return SecretText(value)


def _is_in_memory(url: URL) -> bool:
    """Say whether a SQLite address names no file, as with a slash too few: nothing would stay."""
    is_file = not url.host and url.database not in {None, "", ":memory:"}
    return url.get_backend_name() == "sqlite" and not is_file


def _keys(value: str) -> SecretText:
    keys = _split(value)
    try:
        are_keys = all(Fernet(key) for key in keys) and (keys or not value)
    except ValueError:
        are_keys = False
    if not are_keys:
        raise ValueError(
            "must be keys that `paymo-xero generate-key` printed, with commas between them"
        )
    return SecretText(value)


def _printable(value: str) -> SecretText:
    if value and not _ENCODING.fullmatch(value):
        raise ValueError("must not contain spaces, line breaks or letters beyond ASCII")
    return SecretText(value)


def _mail(value: str) -> str:
    if value and not _MAIL.fullmatch(value):
        raise ValueError("must be an e-mail address, such as help@example.com")
    return value


def _filled(value: str) -> str:
    if not value:
        raise ValueError("must not be empty")
    return value


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        number = int(value) if _NUMBER.fullmatch(value) else least - 1
        if not least <= number <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return number

    return read


def _one_of(*words: str) -> Callable[[str], str]:
    by_letters = {each.lower(): each for each in words}

    def read(value: str) -> str:
        if value.lower() not in by_letters:
            raise ValueError(f"must be one of {', '.join(words)}")
        return by_letters[value.lower()]

    return read


def _split(value: str) -> list[str]:
    parts = (part.strip() for part in value.split(","))
    return [part for part in parts if part]


# Beside a type, what reads it. It raises `ValueError`, which says what is wrong without the value.
Address = Annotated[str, _address]
Token = Annotated[SecretText, _printable]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that differs between installations."""

    slack_signing_secret: Token = SecretText("")
    slack_client_id: str = ""
    slack_client_secret: Token = SecretText("")
    slack_bot_token: Token = SecretText("")
    slack_app_token: Token = SecretText("")
    xero_client_id: str = ""
    xero_client_secret: Token = SecretText("")
    xero_webhook_key: Token = SecretText("")
    public_url: Address = "http://localhost:8000"
    database_url: Annotated[SecretText, _database] = SecretText(_SQLITE)
    encryption_keys: Annotated[SecretText, _keys] = SecretText("")
    sync_interval_seconds: Annotated[int, _whole(1, 86_400)] = 300
    slack_api_url: Annotated[str, _slack_address] = "https://slack.com/api/"
    slack_authorize_url: Address = "https://slack.com/oauth/v2/authorize"
    xero_api_url: Address = "https://api.xero.com"
    xero_login_url: Address = "https://login.xero.com"
    xero_identity_url: Address = "https://identity.xero.com"
    paymo_api_url: Address = "https://app.paymoapp.com/api"
    host: Annotated[str, _filled] = "127.0.0.1"
    port: Annotated[int, _whole(0, 65_535)] = 8000
    metrics_host: Annotated[str, _filled] = "127.0.0.1"
    metrics_port: Annotated[int | None, _whole(0, 65_535)] = None
    support_email: Annotated[str, _mail] = ""
    retention_days: Annotated[int, _whole(0, 3650)] = 30
    log_level: Annotated[str, _one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")] = "INFO"
    log_format: Annotated[str, _one_of("console", "json")] = "console"

    @classmethod
    def read(cls, given: Mapping[str, str] | None = None, file: Path | None = _ENV) -> Self:
        """Read them; what is given wins over the environment, and that over the file.

        Raises `SettingsError` with everything that is wrong.
        """
        named = read_file(file) if file is not None else {}
        found = {**_from(named), **_from(os.environ), **(given or {})}
        problems, values = [*_missing(found), *_of_the_network()], {}
        for name, hint in get_type_hints(cls, include_extras=True).items():
            [reader] = getattr(hint, "__metadata__", [str])
            value = found.get(name)
            if isinstance(value, _NoFile):
                problems.append(f"- {name.upper()}_FILE: {value.reason}")
            elif value is not None:
                try:
                    values[name] = reader(value.strip())
                except ValueError as error:
                    problems.append(f"- {name.upper()}: {error}")
        if problems:
            raise SettingsError(problems)
        return cls(**values)

    @property
    def keys(self) -> list[str]:
        """The encryption keys, newest first."""
        return _split(self.encryption_keys.get_secret_value())

    @property
    def is_socket_mode(self) -> bool:
        """Whether Slack reaches the program over a connection that the program opens."""
        return bool(self.slack_app_token.get_secret_value())

    @property
    def is_one_workspace(self) -> bool:
        """Whether a bot token is given, so that nobody installs the app from a page."""
        return bool(self.slack_bot_token.get_secret_value())

    @property
    def has_paymo_webhooks(self) -> bool:
        """Whether Paymo can reach the program."""
        paymo_host = urlsplit(self.paymo_api_url).hostname
        return self.public_url.startswith("https://") or paymo_host in _LOOPBACK


@dataclass(frozen=True, slots=True)
class _NoFile:
    """Stands in for a secret whose file cannot be read."""

    reason: str


def _from(source: Mapping[str, str | None]) -> dict[str, str | _NoFile]:
    """Return what is named there; a secret itself wins over its file."""
    named = {name.lower(): value for name, value in source.items() if value}
    secrets = [each.name for each in fields(Settings) if isinstance(each.default, SecretText)]
    paths = {name: named[f"{name}_file"] for name in secrets if f"{name}_file" in named}
    return {name: _content(path) for name, path in paths.items()} | named


def _content(path: str) -> str | _NoFile:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        return _NoFile(getattr(error, "strerror", None) or "isn't text")


def read_file(file: Path) -> dict[str, str | None]:
    """Return what a `.env` says; `$` means itself, as under systemd.

    Raises `SettingsError` where it, or a line of it, can't be read.
    """
    text = _content(str(file)) if file.exists() else ""
    if isinstance(text, _NoFile):
        raise SettingsError([f"- {file}: {text.reason}"])
    found = list(parse_stream(io.StringIO(text)))
    if lines := [_line_of(each) for each in found if each.error]:
        raise SettingsError([f"- {file}, line {line}: {_FORM}" for line in lines])
    return {each.key: each.value for each in found if each.key}


def _line_of(binding: Binding) -> int:
    """Return the line where it begins: the parser counts from the empty lines before it."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _missing(found: Mapping[str, str | _NoFile]) -> list[str]:
    def has(name: str) -> bool:
        value = found.get(name.lower(), "")
        return isinstance(value, _NoFile) or bool(value.strip())  # what is wrong is told anyway

    needed = ["XERO_CLIENT_ID", "XERO_CLIENT_SECRET", "ENCRYPTION_KEYS"]
    problems = [f"- {name} is missing" for name in needed if not has(name)]
    if not has("SLACK_APP_TOKEN") and not has("SLACK_SIGNING_SECRET"):
        problems.insert(0, "- SLACK_SIGNING_SECRET is missing, or SLACK_APP_TOKEN for Socket Mode")
    pair = ["SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET"]
    given = [name for name in pair if has(name)]
    if has("SLACK_BOT_TOKEN") or given == pair:
        return problems
    if given:
        [other] = set(pair) - set(given)
        return [*problems, f"- {other} is missing: it goes with {given[0]}"]
    return [
        *problems,
        "- SLACK_BOT_TOKEN is missing, or SLACK_CLIENT_ID with SLACK_CLIENT_SECRET",
    ]


def _of_the_network() -> list[str]:
    """Say what of the variables for proxies and certificates the libraries can't follow."""
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    set_ones = [name for name in proxies if os.environ.get(name)]
    problems = [f"- {name}: {_ADDRESS}" for name in set_ones if not _is_address(os.environ[name])]
    problems += [
        f"- {name}: must name IPv6 addresses without brackets"
        for name in ("NO_PROXY", "no_proxy")
        if "[" in os.environ.get(name, "")
    ]
    if file := os.environ.get("SSL_CERT_FILE"):
        try:
            reason = "" if b"-----BEGIN" in Path(file).read_bytes() else "holds no certificate"
        except OSError as error:
            reason = str(error.strerror)
        problems += [f"- SSL_CERT_FILE: {reason}"] if reason else []
    return problems


def generate_key() -> str:
    """Return a new key for `ENCRYPTION_KEYS`."""
    return Fernet.generate_key().decode()
