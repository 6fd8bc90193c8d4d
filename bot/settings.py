"""The program's settings, from the environment or from `.env`; the environment wins."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

_EMPTY = SecretStr("")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_DATABASES = {"sqlite", "postgresql", "postgres"}
_SQLITE = "sqlite+aiosqlite:///paymo-xero.db"
_ENCODING = re.compile(r"[!-~]+")
_MAIL = re.compile(r"[^@\s<>,]+@[^@\s<>,]+")


class SettingsError(Exception):
    """Settings are missing or malformed; the text lists all of them, without values."""

    def __init__(self, problems: list[str]) -> None:
        """Write each problem on a line."""
        super().__init__("\n".join(["These settings need your attention:", *problems]))
        self.problems = problems


def _address(value: str) -> str:
    """Accept an http or https address; the slash at its end does not matter."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an address that starts with http:// or https://")
    return value.rstrip("/")


def _slack_address(value: str) -> str:
    """Accept an address, with the closing slash that Slack's SDK needs."""
    return f"{_address(value)}/"


def _database(value: SecretStr) -> SecretStr:
    try:
        name = make_url(value.get_secret_value()).get_backend_name()
    except ArgumentError:
        name = ""
    if name not in _DATABASES:
        raise ValueError("must be sqlite+aiosqlite:///file or postgresql+asyncpg://…")
    return value


def _keys(value: SecretStr) -> SecretStr:
    for key in _split(value):
        try:
            Fernet(key)
        except ValueError:
            raise ValueError(
                "must be keys that `paymo-xero generate-key` printed, with commas between them"
            ) from None
    return value


def _printable(value: SecretStr) -> SecretStr:
    secret = value.get_secret_value()
    if secret and not _ENCODING.fullmatch(secret):
        raise ValueError("must not contain spaces, line breaks or letters beyond ASCII")
    return value


def _mail(value: str) -> str:
    if value and not _MAIL.fullmatch(value):
        raise ValueError("must be an e-mail address, such as help@example.com")
    return value


def _split(value: SecretStr) -> list[str]:
    parts = (part.strip() for part in value.get_secret_value().split(","))
    return [part for part in parts if part]


Address = Annotated[str, AfterValidator(_address)]
Token = Annotated[SecretStr, AfterValidator(_printable)]


@dataclass(frozen=True, slots=True)
class _NoFile:
    """Stands in for a secret whose file cannot be read."""

    reason: str


class _Files(EnvSettingsSource):
    """Secrets in files, which variables such as ENCRYPTION_KEYS_FILE name."""

    def __init__(self, settings: type[BaseSettings], named: PydanticBaseSettingsSource) -> None:
        """Look for the names of files where `named` looks for values."""
        super().__init__(settings)
        self.env_vars = getattr(named, "env_vars", {})

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Read the file that is named for a secret, if any."""
        path = self.env_vars.get(f"{field_name}_file") if field.annotation is SecretStr else None
        return (_content(path) if path else None), field_name, False


def _content(path: str) -> str | _NoFile:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        return _NoFile(getattr(error, "strerror", None) or "isn't text")


class Settings(BaseSettings):
    """Everything that differs between installations.

    Raises `SettingsError` with everything that is wrong.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        str_strip_whitespace=True,
    )

    slack_signing_secret: Token = _EMPTY
    slack_client_id: str = ""
    slack_client_secret: Token = _EMPTY
    slack_bot_token: Token = _EMPTY
    slack_app_token: Token = _EMPTY
    xero_client_id: str = ""
    xero_client_secret: Token = _EMPTY
    xero_webhook_key: Token = _EMPTY
    public_url: Address = "http://localhost:8000"
    database_url: Annotated[SecretStr, AfterValidator(_database)] = SecretStr(_SQLITE)
    encryption_keys: Annotated[SecretStr, AfterValidator(_keys)] = _EMPTY
    sync_interval_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    slack_api_url: Annotated[str, AfterValidator(_slack_address)] = "https://slack.com/api/"
    slack_authorize_url: Address = "https://slack.com/oauth/v2/authorize"
    xero_api_url: Address = "https://api.xero.com"
    xero_login_url: Address = "https://login.xero.com"
    xero_identity_url: Address = "https://identity.xero.com"
    paymo_api_url: Address = "https://app.paymoapp.com/api"
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    metrics_host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] | None = None
    support_email: Annotated[str, AfterValidator(_mail)] = ""
    retention_days: Annotated[int, Field(ge=0, le=3650)] = 30
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(str.upper)
    ] = "INFO"
    log_format: Annotated[Literal["console", "json"], BeforeValidator(str.lower)] = "console"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Add files that hold secrets; a secret itself wins over its file."""
        return (
            init_settings,
            env_settings,
            _Files(settings_cls, env_settings),
            dotenv_settings,
            _Files(settings_cls, dotenv_settings),
            file_secret_settings,
        )

    @model_validator(mode="wrap")
    @classmethod
    def _all_problems_at_once(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        unread = {name: each for name, each in values.items() if isinstance(each, _NoFile)}
        problems = _missing(values)
        problems += [f"- {name.upper()}_FILE: {each.reason}" for name, each in unread.items()]
        try:
            made = handler({name: each for name, each in values.items() if name not in unread})
        except ValidationError as error:
            problems += [_told(each) for each in error.errors(include_input=False)]
            raise SettingsError(problems) from None
        if problems:
            raise SettingsError(problems)
        return made

    @property
    def keys(self) -> list[str]:
        """The encryption keys, newest first."""
        return _split(self.encryption_keys)

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


def _missing(values: dict[str, Any]) -> list[str]:
    def has(name: str) -> bool:
        value = values.get(name.lower()) or ""
        if isinstance(value, _NoFile):
            return True  # what is wrong with it is told anyway
        return bool(value.get_secret_value() if isinstance(value, SecretStr) else value.strip())

    needed = ["XERO_CLIENT_ID", "XERO_CLIENT_SECRET", "ENCRYPTION_KEYS"]
    if not has("SLACK_APP_TOKEN"):
        needed.insert(0, "SLACK_SIGNING_SECRET")
    problems = [f"- {name} is missing" for name in needed if not has(name)]
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


def _told(error: Any) -> str:
    name = ".".join(str(part) for part in error["loc"]).upper()
    text = cast("str", error["msg"]).removeprefix("Value error, ")
    return f"- {name}: {text[:1].lower()}{text[1:]}"


def generate_key() -> str:
    """Return a new key for `ENCRYPTION_KEYS`."""
    return Fernet.generate_key().decode()
