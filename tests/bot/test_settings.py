"""Settings: what is needed, what is malformed, and that no secret shows."""

import os
from dataclasses import fields
from pathlib import Path

import pytest

from bot.settings import SecretText, Settings, SettingsError
from tests.bot.program import NEEDED
from tests.databases import KEY


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings but those that a test sets, and no `.env` but its own."""
    monkeypatch.chdir(tmp_path)
    for each in fields(Settings):
        monkeypatch.delenv(each.name.upper(), raising=False)
        monkeypatch.delenv(each.name, raising=False)
        monkeypatch.delenv(f"{each.name.upper()}_FILE", raising=False)


def put(monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


def problems() -> list[str]:
    with pytest.raises(SettingsError) as raised:
        Settings.read()
    return raised.value.problems


def test_everything_that_is_missing_is_told_at_once() -> None:
    assert problems() == [
        "- SLACK_SIGNING_SECRET is missing, or SLACK_APP_TOKEN for Socket Mode",
        "- XERO_CLIENT_ID is missing",
        "- XERO_CLIENT_SECRET is missing",
        "- ENCRYPTION_KEYS is missing",
        "- SLACK_BOT_TOKEN is missing, or SLACK_CLIENT_ID with SLACK_CLIENT_SECRET",
    ]


def test_missing_and_malformed_settings_stand_in_one_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(monkeypatch, PORT="many", PUBLIC_URL="example.com", ENCRYPTION_KEYS="short")
    put(monkeypatch, DATABASE_URL="mysql://host/name", LOG_FORMAT="xml", SYNC_INTERVAL_SECONDS="0")

    told = "\n".join(problems())

    for name in ("PORT", "PUBLIC_URL", "ENCRYPTION_KEYS", "DATABASE_URL", "LOG_FORMAT"):
        assert f"- {name}: " in told
    assert "- SYNC_INTERVAL_SECONDS: " in told
    assert "- XERO_CLIENT_ID is missing" in told
    assert "ENCRYPTION_KEYS is missing" not in told


@pytest.mark.parametrize(
    "way",
    [
        {"SLACK_SIGNING_SECRET": "s", "SLACK_BOT_TOKEN": "xoxb-1"},
        {"SLACK_SIGNING_SECRET": "s", "SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "c"},
        {"SLACK_APP_TOKEN": "xapp-1", "SLACK_BOT_TOKEN": "xoxb-1"},
        {"SLACK_APP_TOKEN": "xapp-1", "SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "c"},
    ],
    ids=["token", "install", "socket and token", "socket and install"],
)
def test_each_way_to_reach_slack_is_enough(
    monkeypatch: pytest.MonkeyPatch, way: dict[str, str]
) -> None:
    put(monkeypatch, XERO_CLIENT_ID="x", XERO_CLIENT_SECRET="y", ENCRYPTION_KEYS=KEY, **way)

    assert Settings.read().keys == [KEY]


def test_half_of_a_pair_names_the_other_half(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, **{**NEEDED, "SLACK_BOT_TOKEN": ""}, SLACK_CLIENT_ID="1.2")

    assert problems() == ["- SLACK_CLIENT_SECRET is missing: it goes with SLACK_CLIENT_ID"]


def test_the_environment_wins_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("PORT=9001\nHOST=0.0.0.0\n", encoding="utf-8")
    put(monkeypatch, PORT="9002", **NEEDED)

    settings = Settings.read()

    assert (settings.host, settings.port) == ("0.0.0.0", 9002)  # noqa: S104 - only read


SECRETS = [each.name for each in fields(Settings) if isinstance(each.default, SecretText)]


@pytest.mark.parametrize("where", ["variable", ".env"])
def test_every_secret_may_stand_in_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str
) -> None:
    wanted = {name: f"{name}-secret" for name in SECRETS}
    wanted |= {"encryption_keys": KEY, "database_url": "postgresql://me:hunter2@host/name"}
    named = {}
    for name, secret in wanted.items():
        (tmp_path / name).write_text(f" {secret}\n", encoding="utf-8")
        named[f"{name.upper()}_FILE"] = str(tmp_path / name)
    if where == "variable":
        put(monkeypatch, **named)
    else:
        lines = "".join(f"{name}={path}\n" for name, path in named.items())
        (tmp_path / ".env").write_text(lines, encoding="utf-8")
    put(monkeypatch, XERO_CLIENT_ID="x")

    settings = Settings.read()

    assert {name: getattr(settings, name).get_secret_value() for name in wanted} == wanted
    assert "hunter2" not in repr(settings)


def test_a_secret_itself_wins_over_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "other").write_text("other", encoding="utf-8")
    (tmp_path / ".env").write_text("XERO_CLIENT_SECRET=third\n", encoding="utf-8")
    put(monkeypatch, **NEEDED, SLACK_BOT_TOKEN_FILE=str(tmp_path / "other"))
    monkeypatch.delenv("XERO_CLIENT_SECRET")
    put(monkeypatch, XERO_CLIENT_SECRET_FILE=str(tmp_path / "other"))

    settings = Settings.read()

    assert settings.slack_bot_token.get_secret_value() == NEEDED["SLACK_BOT_TOKEN"]
    assert settings.xero_client_secret.get_secret_value() == "other"


def test_files_that_cannot_be_read_are_told_with_everything_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    put(monkeypatch, **NEEDED, PORT="many", XERO_WEBHOOK_KEY_FILE=str(tmp_path))
    for name in ("ENCRYPTION_KEYS", "XERO_CLIENT_SECRET"):
        monkeypatch.delenv(name)
    put(monkeypatch, ENCRYPTION_KEYS_FILE=str(tmp_path / "none"))
    put(monkeypatch, XERO_CLIENT_SECRET_FILE=str(tmp_path / "bytes"))

    told = problems()

    assert [each for each in told if "_FILE" in each] == [
        "- XERO_CLIENT_SECRET_FILE: isn't text",
        "- XERO_WEBHOOK_KEY_FILE: Is a directory",
        "- ENCRYPTION_KEYS_FILE: No such file or directory",
    ]
    assert any(each.startswith("- PORT: ") for each in told)
    assert not any("missing" in each for each in told)


def test_addresses_end_as_what_uses_them_expects(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, PUBLIC_URL="https://app.example/", SLACK_API_URL="http://127.0.0.1:1/api")
    put(monkeypatch, **NEEDED)

    settings = Settings.read()

    assert settings.public_url == "https://app.example"
    assert settings.slack_api_url == "http://127.0.0.1:1/api/"


def test_no_secret_shows_in_the_settings_or_in_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, **NEEDED, DATABASE_URL="postgresql://me:hunter2@host/name")
    shown = repr(Settings.read())
    put(monkeypatch, ENCRYPTION_KEYS=f"{KEY},broken-key", XERO_CLIENT_SECRET="two words")

    told = "\n".join(problems())

    assert not [
        secret for secret in (KEY, "hunter2", "xero-secret", "xoxb-test") if secret in shown
    ]
    assert not [secret for secret in (KEY, "broken-key", "two words") if secret in told]
    assert "XERO_CLIENT_SECRET" in told
    assert os.environ["ENCRYPTION_KEYS"].startswith(KEY)


ADDRESS = "must be an address that starts with http:// or https://"
DATABASE = (
    "must be sqlite+aiosqlite:///file or postgresql+asyncpg://…; in a password write @ as %40 and "
    "% as %25"
)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PORT", "65536", "must be a whole number from 0 to 65535"),
        ("METRICS_PORT", "-1", "must be a whole number from 0 to 65535"),
        ("RETENTION_DAYS", "1.5", "must be a whole number from 0 to 3650"),
        ("LOG_FORMAT", "xml", "must be one of console, json"),
        ("HOST", " ", "must not be empty"),
        ("SUPPORT_EMAIL", "call me", "must be an e-mail address, such as help@example.com"),
        ("PUBLIC_URL", "https://app.example:99999", ADDRESS),
        ("PUBLIC_URL", "https://[app.example", ADDRESS),
        ("PUBLIC_URL", "https://app example", ADDRESS),
        (
            "ENCRYPTION_KEYS",
            ",",
            "must be keys that `paymo-xero generate-key` printed, with commas between them",
        ),
        ("DATABASE_URL", "postgresql+psycopg2://me@host/name", DATABASE),
        ("DATABASE_URL", "sqlite+aiosqlite://paymo-xero.db", DATABASE),
        ("DATABASE_URL", "sqlite://", DATABASE),
        ("DATABASE_URL", "sqlite+aiosqlite:///:memory:", DATABASE),
        ("DATABASE_URL", "postgresql://me:hunt@er:2@host/name", DATABASE),
        (
            "DATABASE_URL",
            "postgresql://me@host/name?sslmode=require&channel_binding=require",
            "may have no options but host, passfile, port, sslmode, ssl, target_session_attrs",
        ),
    ],
)
def test_what_is_malformed_is_told_with_what_fits(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    put(monkeypatch, **(NEEDED | {name: value}))

    assert problems() == [f"- {name}: {told}"]


def test_a_file_is_read_as_editors_write_it_and_taken_literally(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With a mark of its encoding, line ends of Windows, and settings that are given twice."""
    (tmp_path / "key").write_text(KEY, encoding="utf-8-sig")
    lines = ["PORT=9001", "# mine", 'XERO_CLIENT_SECRET="a${HOME}b$c" # theirs', "PORT = 9002"]
    lines.append(f"ENCRYPTION_KEYS_FILE={tmp_path / 'key'}")
    (tmp_path / ".env").write_text("\r\n".join(lines), encoding="utf-8-sig", newline="")
    put(monkeypatch, **(NEEDED | {"XERO_CLIENT_SECRET": "", "ENCRYPTION_KEYS": ""}))

    settings = Settings.read()

    assert (settings.port, settings.keys) == (9002, [KEY])
    assert settings.xero_client_secret.get_secret_value() == "a${HOME}b$c"


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# café", encoding="latin-1")
    assert problems() == ["- .env: isn't text"]

    (tmp_path / ".env").unlink()
    (tmp_path / ".env").mkdir()
    assert problems() == ["- .env: Is a directory"]


def test_a_line_that_cannot_be_read_is_told_by_its_number(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(monkeypatch, **NEEDED)
    lines = ["# mine", "", "SYNC_INTERVAL_SECONDS 60", "XERO_WEBHOOK_KEY='hunter2", "", "PORT=1"]
    (tmp_path / ".env").write_text("\r\n".join(lines), encoding="utf-8", newline="")

    form = "must be NAME=value, and a quote that opens must close"
    assert problems() == [f"- .env, line 3: {form}", f"- .env, line 4: {form}"]


def test_what_no_library_could_follow_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "empty.pem").touch()
    put(monkeypatch, **NEEDED, HTTPS_PROXY="socks5://127.0.0.1:1080", http_proxy="proxy:3128")
    put(monkeypatch, NO_PROXY="::1,[::1]", SSL_CERT_FILE=str(tmp_path / "none.pem"))
    told = problems()
    put(monkeypatch, HTTPS_PROXY="http://me:pw@proxy:3128", http_proxy="", NO_PROXY="::1,*")
    put(monkeypatch, SSL_CERT_FILE=str(tmp_path / "empty.pem"))

    assert told == [
        f"- HTTPS_PROXY: {ADDRESS}",
        f"- http_proxy: {ADDRESS}",
        "- NO_PROXY: must name IPv6 addresses without brackets",
        "- SSL_CERT_FILE: No such file or directory",
    ]
    assert problems() == ["- SSL_CERT_FILE: holds no certificate"]


def test_settings_are_read_as_people_write_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In small letters, with blanks around them; what is empty in the environment is not set."""
    (tmp_path / ".env").write_text("retention_days = ' 7 '\nUNKNOWN\n", encoding="utf-8")
    put(monkeypatch, **NEEDED, RETENTION_DAYS="", port=" 9001", METRICS_PORT="0", log_level="debug")

    settings = Settings.read()

    assert (settings.retention_days, settings.port, settings.metrics_port) == (7, 9001, 0)
    assert (settings.log_level, settings.log_format) == ("DEBUG", "console")
