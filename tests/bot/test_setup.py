"""`init` and `doctor`, as processes: what they write, what they try, and what they leave alone."""

import asyncio
import json
import os
import pty
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from cryptography.fernet import Fernet

from sandbox.paymo import PaymoWorld
from sandbox.serving import Served
from sandbox.slack import SlackWorld
from sandbox.xero import XeroWorld
from tests.bot.program import NEEDED, ROOT, Ended, environment, run
from tests.databases import KEY
from tests.skips import SHARED

SCHEMA = SHARED / "specs" / "slack-manifest.schema.json"


@pytest.fixture
async def world() -> AsyncIterator[dict[str, str]]:
    """Slack, Xero and Paymo, and the settings that lead to them; the credentials are beside."""
    slack, xero, paymo = SlackWorld(), XeroWorld(), PaymoWorld()
    slack.add_user("Anna")
    slack_at = await slack.start()
    served = [await Served.start(xero.app()), await Served.start(paymo.app())]
    yield {
        "SLACK_API_URL": f"{slack_at.url}/api/",
        "XERO_IDENTITY_URL": served[0].url,
        "PAYMO_API_URL": f"{served[1].url}/api",
        "bot": slack.team.bot_token,
        "app": slack.app_token,
        "client": slack.client_id,
        "client secret": slack.client_secret,
        "xero": xero.client_id,
        "xero secret": xero.client_secret,
    }
    for each in (slack_at, *served):
        await each.stop()


def places(world: dict[str, str]) -> dict[str, str]:
    """Return the settings alone."""
    return {name: value for name, value in world.items() if name.isupper()}


def socket_flags(world: dict[str, str], **other: str) -> list[str]:
    """Return what is typed for Socket Mode and one workspace."""
    given = {
        "--slack-app-token": world["app"],
        "--slack-bot-token": world["bot"],
        "--xero-client-id": world["xero"],
        "--xero-client-secret": world["xero secret"],
        **{f"--{name.replace('_', '-')}": value for name, value in other.items()},
    }
    return [part for pair in given.items() for part in pair]


def written(folder: Path) -> dict[str, str]:
    """Return what `.env` holds, by name."""
    lines = (folder / ".env").read_text(encoding="utf-8").splitlines()
    return dict(each.split("=", 1) for each in lines if "=" in each)


def names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / "manifest.yml").read_text(encoding="utf-8"))
    if SCHEMA.exists():
        jsonschema.validate(found, json.loads(SCHEMA.read_text()))
    return found


def quiet(world: dict[str, str], ended: Ended) -> bool:
    """Say whether no secret was printed."""
    told = ended.out + ended.err
    return not any(world[each] in told for each in ("bot", "app", "client secret", "xero secret"))


async def test_one_command_with_flags_prepares_socket_mode(
    tmp_path: Path, world: dict[str, str]
) -> None:
    ended = await run(tmp_path, "init", *socket_flags(world), **places(world))

    assert (ended.status, ended.out.count("ok  "), ended.err) == (0, 4, "")
    assert "Next: run paymo-xero serve" in ended.out
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert Fernet(written(tmp_path)["ENCRYPTION_KEYS"])
    assert written(tmp_path)["ENCRYPTION_KEYS"] not in ended.out
    assert quiet(world, ended)
    assert manifest(tmp_path)["settings"]["socket_mode_enabled"] is True
    assert "example.com" not in (tmp_path / "manifest.yml").read_text(encoding="utf-8")
    assert set(names(tmp_path)) == {".env", "manifest.yml"}


async def test_a_database_that_does_not_answer_is_told_before_the_first_start(
    tmp_path: Path, world: dict[str, str]
) -> None:
    url = "postgresql://me:hunter2@127.0.0.1:1/name"
    ended = await run(tmp_path, "init", *socket_flags(world, database_url=url), **places(world))

    assert ended.status == 1
    assert "FAIL  database: DATABASE_URL cannot be opened" in ended.out
    assert "Next: correct what was refused in .env" in ended.out
    assert "hunter2" not in ended.out + ended.err


async def test_in_a_checkout_the_template_stays_as_it_is(
    tmp_path: Path, world: dict[str, str]
) -> None:
    (tmp_path / "manifest.yml").symlink_to(ROOT / "bot" / "manifest.yml")
    ended = await run(tmp_path, "init", *socket_flags(world), **places(world))

    assert (ended.status, ended.err) == (0, "")
    assert "Wrote manifest.local.yml." in ended.out
    assert (tmp_path / "manifest.yml").is_symlink()
    assert "example.com" not in (tmp_path / "manifest.local.yml").read_text(encoding="utf-8")


async def test_over_http_the_manifest_holds_the_address_and_many_workspaces_are_tried(
    tmp_path: Path, world: dict[str, str]
) -> None:
    flags = ["--http", "--public-url", "https://px.example.org/"]
    first = await run(tmp_path, "init", *flags, **places(world))
    flags = ["--slack-signing-secret", "signing", "--slack-client-id", world["client"]]
    flags += ["--slack-client-secret", "wrong", "--xero-client-id", world["xero"]]
    second = await run(tmp_path, "init", *flags, "--xero-client-secret", "wrong", **places(world))

    assert first.status == 1
    assert "SLACK_SIGNING_SECRET" in first.err
    assert "https://px.example.org/xero/callback" in first.out
    found = manifest(tmp_path)
    assert found["settings"]["event_subscriptions"]["request_url"] == (
        "https://px.example.org/slack/events"
    )
    assert found["oauth_config"]["redirect_urls"] == ["https://px.example.org/slack/oauth_redirect"]
    assert found["settings"]["socket_mode_enabled"] is False
    assert second.status == 1
    assert "refuses SLACK_CLIENT_ID or SLACK_CLIENT_SECRET (bad_client_secret)" in second.out
    assert "XERO_CLIENT_SECRET" in second.out


async def test_again_only_what_is_missing_is_filled_in_and_nothing_is_replaced(
    tmp_path: Path, world: dict[str, str]
) -> None:
    kept = f"# mine\nSLACK_BOT_TOKEN={world['bot']}\nXERO_CLIENT_ID=\nLOG_LEVEL=WARNING\n"
    (tmp_path / ".env").write_text(kept)
    (tmp_path / "manifest.yml").write_text("mine: socket_mode_enabled: true\n")
    flags = socket_flags(world, slack_bot_token="xoxb-another")

    first = await run(tmp_path, "init", *flags, **places(world))
    text = (tmp_path / ".env").read_text()
    again = await run(tmp_path, "init", **places(world))

    assert (first.status, again.status) == (1, 0)
    assert "Kept: SLACK_BOT_TOKEN" in first.err
    assert "Kept: manifest.yml" in again.err
    assert (tmp_path / "manifest.yml").read_text().startswith("mine")
    assert text.startswith("# mine\n")
    assert text.count("XERO_CLIENT_ID=") == 1
    assert written(tmp_path)["SLACK_BOT_TOKEN"] == world["bot"]
    assert written(tmp_path)["LOG_LEVEL"] == "WARNING"
    assert (tmp_path / ".env").read_text() == text


async def test_a_malformed_value_is_not_written_and_the_environment_counts(
    tmp_path: Path, world: dict[str, str]
) -> None:
    malformed = await run(tmp_path, "init", "--public-url", "px.example.org")
    assert (malformed.status, names(tmp_path)) == (2, [])
    assert "PUBLIC_URL: must be an address" in malformed.err

    elsewhere = tmp_path / "token"
    elsewhere.write_text(world["bot"])
    given = {
        "SLACK_BOT_TOKEN_FILE": str(elsewhere),
        "SLACK_APP_TOKEN": world["app"],
        "XERO_CLIENT_ID": world["xero"],
        "XERO_CLIENT_SECRET": world["xero secret"],
    }
    ended = await run(tmp_path, "init", **given, **places(world))

    flag = ["--slack-bot-token", "xoxb-another"]
    kept = await run(tmp_path, "init", *flag, **given, **places(world))

    assert ended.status == 0
    assert (kept.status, "Kept: SLACK_BOT_TOKEN is set already." in kept.err) == (1, True)
    assert set(written(tmp_path)) == {"ENCRYPTION_KEYS"}


async def test_an_empty_variable_hides_nothing_that_is_written_down(
    tmp_path: Path, world: dict[str, str]
) -> None:
    """As for `serve`."""
    await run(tmp_path, "init", *socket_flags(world), **places(world))
    ended = await run(tmp_path, "init", XERO_CLIENT_ID="", **places(world))

    assert (ended.status, "missing" in ended.err) == (0, False)


async def test_on_a_terminal_it_asks_and_shows_no_secret(
    tmp_path: Path, world: dict[str, str]
) -> None:
    answers = ["y", "two words", world["app"], world["bot"], world["xero"], world["xero secret"]]
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.cli",
        "init",
        cwd=tmp_path,
        env=environment(TERM="dumb", **places(world)),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    told = await asyncio.to_thread(_converse, ours, answers)
    status = await process.wait()

    assert status == 0, told
    assert "SLACK_APP_TOKEN: must not contain spaces" in told
    assert written(tmp_path)["SLACK_APP_TOKEN"] == world["app"]
    assert quiet(world, Ended(0, told, ""))


def _converse(terminal: int, answers: list[str]) -> str:
    """Answer each question when it is asked; return everything that the terminal showed."""
    told = ""
    left = list(answers)
    seen = 0
    with suppress(OSError):  # Linux says so where the other end is closed
        while part := os.read(terminal, 4096):
            told += part.decode(errors="replace")
            if left and told[seen:].rstrip(" ").endswith((":", "]:")) and told[-2:] == ": ":
                seen = len(told)
                os.write(terminal, f"{left.pop(0)}\n".encode())
    os.close(terminal)
    return told


async def test_the_doctor_is_right_before_the_first_start_and_makes_nothing(
    tmp_path: Path, world: dict[str, str]
) -> None:
    settings = {
        **places(world),
        "SLACK_APP_TOKEN": world["app"],
        "SLACK_BOT_TOKEN": world["bot"],
        "XERO_CLIENT_ID": world["xero"],
        "XERO_CLIENT_SECRET": world["xero secret"],
        "ENCRYPTION_KEYS": KEY,
    }
    said = await run(tmp_path, "doctor", **settings)
    told = await run(tmp_path, "doctor", "--json", **settings)
    nowhere = {**settings, "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/none/x.db"}
    lost = await run(tmp_path, "doctor", "--json", **nowhere)

    assert names(tmp_path) == []
    assert (said.status, said.out.count("FAIL")) == (0, 0)
    assert "todo  migrations" in said.out
    found = json.loads(told.out)
    assert (told.status, found["status"]) == (0, "ok")
    verdicts = {each["name"]: each["status"] for each in found["checks"]}
    assert verdicts["migrations"] == "todo"
    assert {"settings", "database", "encryption_keys", "slack", "xero", "paymo"} <= set(verdicts)
    assert lost.status == 1
    failed = [each for each in json.loads(lost.out)["checks"] if each["status"] == "fail"]
    assert [each["name"] for each in failed] == ["database"]
    assert all(each["action"] for each in failed)


async def test_what_cannot_be_written_or_read_is_told_with_where(tmp_path: Path) -> None:
    (tmp_path / ".env.new").mkdir()
    unwritten = await run(tmp_path, "init")
    (tmp_path / ".env").write_bytes(b"# caf\xe9\n")
    unread = await run(tmp_path, "init")

    assert unwritten.status == 1
    assert unwritten.err.startswith(f"Can't write {tmp_path}/.env.new: ")
    assert (unread.status, unread.err.splitlines()[1:]) == (2, ["- .env: isn't text"])


async def test_the_doctor_knows_nothing_of_a_database_that_it_cannot_open(
    tmp_path: Path, world: dict[str, str]
) -> None:
    (tmp_path / "paymo-xero.db").write_text("something else " * 99)
    away = {"SLACK_BOT_TOKEN": world["bot"], "XERO_IDENTITY_URL": "http://127.0.0.1:9"}
    told = await run(tmp_path, "doctor", "--json", **{**NEEDED, **places(world), **away})

    assert told.status == 1
    found = {each["name"]: each for each in json.loads(told.out)["checks"]}
    assert f"{tmp_path / 'paymo-xero.db'} is a SQLite database" in found["database"]["action"]
    for name in ("migrations", "encryption_keys", "token"):
        assert found[name]["message"] == "unknown until the database can be read"
    assert found["xero"]["action"] == "Check the network and its proxies."


async def test_the_doctor_goes_round_a_proxy_where_it_may(
    tmp_path: Path, world: dict[str, str]
) -> None:
    given = {**NEEDED, **places(world), "SLACK_BOT_TOKEN": world["bot"]}
    given |= {"XERO_CLIENT_ID": world["xero"], "XERO_CLIENT_SECRET": world["xero secret"]}
    proxies = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
    away = await run(tmp_path, "doctor", "--json", **given, **proxies)
    round_it = await run(tmp_path, "doctor", **given, **proxies, NO_PROXY="127.0.0.1")

    found = {each["name"]: each["status"] for each in json.loads(away.out)["checks"]}
    assert {found[each] for each in ("slack", "xero", "paymo")} == {"fail"}
    assert (round_it.status, round_it.out.count("FAIL")) == (0, 0)


async def test_the_doctor_tells_a_program_what_is_missing(tmp_path: Path) -> None:
    ended = await run(tmp_path, "doctor", "--json")

    assert ended.status == 2
    [check] = json.loads(ended.out)["checks"]
    assert (check["name"], check["status"]) == ("settings", "fail")
    assert "XERO_CLIENT_ID" in check["message"]
    assert "init" in check["action"]
