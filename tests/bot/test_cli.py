"""The command line, as processes."""

import asyncio
import re
import sqlite3
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bot.cli import main
from bot.settings import generate_key
from sandbox.paymo import PaymoWorld
from sandbox.serving import Served
from sandbox.slack import SlackWorld
from sandbox.xero import XeroWorld
from tests.bot.program import NEEDED, environment, run
from tests.databases import KEY


async def test_a_key_is_printed_alone_and_needs_no_settings(tmp_path: Path) -> None:
    ended = await run(tmp_path, "generate-key")

    assert (ended.status, ended.err) == (0, "")
    assert Fernet(ended.out.strip())
    assert len(ended.out.splitlines()) == 1


async def test_help_says_of_every_command_what_it_does_in_a_whole_sentence(tmp_path: Path) -> None:
    ended = await run(tmp_path, "--help")

    listed = ended.out.split("Commands:\n")[1]
    assert ended.status == 0
    assert re.findall(r"^  (\S+)", listed, re.MULTILINE) == list(main.commands)
    assert "..." not in listed


async def test_what_does_not_fit_a_command_is_said_and_exits_with_2(tmp_path: Path) -> None:
    """Nothing runs, and the help isn't far."""
    ended = [
        await run(tmp_path, *words.split()) for words in ("", "frob", "forget", "set-owner -x")
    ]

    assert [each.status for each in ended] == [2, 2, 2, 2]
    assert all("Usage: paymo-xero" in each.err for each in ended)


@pytest.mark.parametrize("command", ["serve", "migrate", "sync", "doctor", "rotate-keys"])
async def test_commands_list_all_missing_settings_and_exit_2(tmp_path: Path, command: str) -> None:
    ended = await run(tmp_path, command, PORT="many")

    assert ended.status == 2
    assert ended.out == ""
    for name in ("SLACK_SIGNING_SECRET", "XERO_CLIENT_ID", "ENCRYPTION_KEYS", "PORT"):
        assert name in ended.err
    assert "Traceback" not in ended.err


async def test_migrate_makes_the_tables(tmp_path: Path) -> None:
    ended = await run(tmp_path, "migrate", **NEEDED)

    assert (ended.status, ended.out) == (0, "The database is at the newest version.\n")
    with sqlite3.connect(tmp_path / "paymo-xero.db") as connection:
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
    connection.close()


NOBODY = dict.fromkeys(
    ("SLACK_API_URL", "XERO_IDENTITY_URL", "PAYMO_API_URL"), "http://127.0.0.1:1"
)


async def test_a_database_of_a_later_version_is_refused_in_one_line(
    tmp_path: Path, sqlite_url: str
) -> None:
    with sqlite3.connect(sqlite_url.removeprefix("sqlite+aiosqlite:///")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    ended = await run(tmp_path, "serve", **NEEDED, DATABASE_URL=sqlite_url)
    unmigrated = await run(tmp_path, "serve", "--no-migrate", **NEEDED, DATABASE_URL=sqlite_url)

    found = await run(tmp_path, "doctor", **NEEDED, DATABASE_URL=sqlite_url, **NOBODY)

    assert (ended.status, len(ended.err.splitlines())) == (1, 1)
    assert "A later version of paymo-xero" in ended.err
    assert "FAIL  migrations: a later version of paymo-xero has migrated" in found.out
    assert unmigrated.status == 1
    assert unmigrated.err == "The database isn't at this version. Run paymo-xero migrate.\n"


@pytest.mark.parametrize("number", ["0001", "0002"])
async def test_a_database_of_the_first_version_is_refused_in_one_line(
    tmp_path: Path, sqlite_url: str, number: str
) -> None:
    """Its migrations had the numbers of today's, and it lacks most of the tables."""
    with sqlite3.connect(sqlite_url.removeprefix("sqlite+aiosqlite:///")) as connection:
        connection.execute("ALTER TABLE tasks RENAME TO errands")
        connection.execute("UPDATE alembic_version SET version_num = ?", (number,))
    connection.close()

    settings = {**NEEDED, "DATABASE_URL": sqlite_url}
    commands = ["serve", "serve --no-migrate", "migrate", "sync --once"]
    ended = [await run(tmp_path, *each.split(), **settings) for each in commands]
    found = await run(tmp_path, "doctor", **settings, **NOBODY)

    said = "n earlier version of paymo-xero made these tables, and they can't be migrated. Start"
    assert [(each.status, len(each.err.splitlines())) for each in ended] == [(1, 1)] * 4
    assert all(each.err.startswith(f"A{said}") for each in ended)
    assert f"FAIL  migrations: a{said}" in found.out


@pytest.mark.parametrize(
    "url",
    [
        "sqlite+aiosqlite:////nowhere/paymo-xero.db",
        "sqlite+aiosqlite:///folder",
        "sqlite+aiosqlite:///garbage.db",
        "postgresql+asyncpg://us:them@127.0.0.1:1/paymo_xero",
    ],
)
@pytest.mark.parametrize("command", ["serve", "migrate", "sync", "rotate-keys"])
async def test_a_database_that_cannot_be_opened_is_told_in_one_line(
    tmp_path: Path, command: str, url: str
) -> None:
    (tmp_path / "garbage.db").write_text("This is no database." * 100)
    (tmp_path / "folder").mkdir(mode=0o750)

    ended = await run(tmp_path, command, **NEEDED, DATABASE_URL=url)

    assert (ended.status, ended.out, len(ended.err.splitlines())) == (1, "", 1)
    assert "DATABASE_URL cannot be opened" in ended.err
    assert "them" not in ended.err
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize("command", ["sync", "rotate-keys"])
async def test_a_database_without_tables_is_told_in_one_line(tmp_path: Path, command: str) -> None:
    ended = await run(tmp_path, command, **NEEDED)

    assert (ended.status, ended.out, len(ended.err.splitlines())) == (1, "", 1)
    assert "paymo-xero migrate" in ended.err


def keep_tokens(sqlite_url: str) -> Path:
    """Store two tokens, encrypted with the tests' key; return the file."""
    file = Path(sqlite_url.removeprefix("sqlite+aiosqlite:///"))
    old = Fernet(KEY).encrypt(b"refresh").decode()
    with sqlite3.connect(file) as connection:
        connection.execute(
            "INSERT INTO xero_grants"
            " (xero_user_id, scopes, access_token, refresh_token, expires_at,"
            " version, is_dead) VALUES ('', '', ?, ?, '2026-01-01 00:00:00', 1, 0)",
            (old, old),
        )
    connection.close()
    return file


@pytest.mark.parametrize("command", ["serve", "serve --no-migrate", "sync", "rotate-keys"])
async def test_secrets_that_the_keys_do_not_open_are_told_in_one_line(
    tmp_path: Path, sqlite_url: str, command: str
) -> None:
    file = keep_tokens(sqlite_url)
    kept = file.read_bytes()
    settings = {**NEEDED, "DATABASE_URL": sqlite_url, "ENCRYPTION_KEYS": generate_key()}

    ended = await run(tmp_path, *command.split(), **settings, PORT="0")

    assert (ended.status, ended.out, file.read_bytes()) == (1, "", kept)
    assert ended.err == (
        "Some secrets were encrypted with a key that ENCRYPTION_KEYS doesn't hold. Put that key "
        "back at the end of the list.\n"
    )


async def test_rotated_secrets_need_only_the_newest_key(tmp_path: Path, sqlite_url: str) -> None:
    newest, file = generate_key(), keep_tokens(sqlite_url)
    settings = {**NEEDED, "DATABASE_URL": sqlite_url, "ENCRYPTION_KEYS": f"{newest},{KEY}"}
    ended = await run(tmp_path, "rotate-keys", **settings)

    assert ended.out.startswith("2 secrets")
    with sqlite3.connect(file) as connection:
        [token] = connection.execute("SELECT refresh_token FROM xero_grants").fetchone()
    connection.close()
    assert Fernet(newest).decrypt(token) == b"refresh"


async def test_the_doctor_says_what_is_well_and_what_is_not(
    tmp_path: Path, sqlite_url: str
) -> None:
    slack, xero, paymo = SlackWorld(), XeroWorld(), PaymoWorld()
    slack.add_user("Anna")
    slack_at = await slack.start()
    served = [await Served.start(xero.app()), await Served.start(paymo.app())]
    settings = {
        **NEEDED,
        "SLACK_BOT_TOKEN": slack.team.bot_token,
        "SLACK_API_URL": f"{slack_at.url}/api/",
        "XERO_IDENTITY_URL": served[0].url,
        "PAYMO_API_URL": f"{served[1].url}/api",
    }
    bare = {**settings, "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/bare.db"}
    wrong = {"XERO_CLIENT_SECRET": "wrong", "SLACK_APP_TOKEN": "xapp-wrong"}
    refused = await run(tmp_path, "doctor", **{**bare, **wrong})
    good = {"SLACK_APP_TOKEN": slack.app_token, "DATABASE_URL": sqlite_url}
    well = await run(tmp_path, "doctor", **{**settings, **good})
    for each in (slack_at, *served):
        await each.stop()

    assert refused.status == 1
    assert "todo  migrations" in refused.out
    assert "refuses SLACK_APP_TOKEN (invalid_auth)" in refused.out
    assert "FAIL  Xero" in refused.out
    assert (well.status, well.out.count("ok  "), well.out.count("FAIL")) == (0, 13, 0)
    assert KEY not in refused.out + well.out


async def test_a_look_with_nothing_connected_says_so(tmp_path: Path, sqlite_url: str) -> None:
    ended = await run(tmp_path, "sync", "--once", **{**NEEDED, "DATABASE_URL": sqlite_url})

    assert (ended.status, ended.out) == (0, "Nothing is connected yet.\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&- 2>&-"])
async def test_a_command_runs_with_its_input_and_outputs_closed(
    tmp_path: Path, sqlite_url: str, closed: str
) -> None:
    """As some schedulers start it."""
    shell = f'exec "{sys.executable}" -m bot.cli sync --once {closed}'
    settings = environment(**NEEDED, DATABASE_URL=sqlite_url)
    process = await asyncio.create_subprocess_exec("sh", "-c", shell, cwd=tmp_path, env=settings)

    assert await process.wait() == 0


@pytest.mark.parametrize(
    "command",
    ["init --help", "init --socket-mode --slack-app-token xapp-1", "export-data --workspace T1"],
)
async def test_a_command_runs_where_text_is_not_utf_8(
    tmp_path: Path, sqlite_url: str, command: str
) -> None:
    """What it writes is UTF-8 all the same, and what was there stays."""
    kept = "# Zoë → Café\n".encode()
    (tmp_path / ".env").write_bytes(kept)
    with sqlite3.connect(sqlite_url.removeprefix("sqlite+aiosqlite:///")) as connection:
        connection.execute(
            "INSERT INTO workspaces (enterprise_id, team_id, app_id, is_installed, installed_by,"
            " created_at) VALUES ('', 'T1', 'A1', 1, 'Zoë', '2026-01-01 00:00:00')"
        )
    connection.close()
    latin = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "latin-1"}
    latin |= {"PYTHONUTF8": "0"}
    xero = {"XERO_CLIENT_ID": "x" if command.startswith("export") else ""}
    settings = {**NEEDED, **latin, "DATABASE_URL": sqlite_url, **xero}
    words = [sys.executable, "-m", "bot.cli", *command.split()]
    process = await asyncio.create_subprocess_exec(
        *words, cwd=tmp_path, env=environment(**settings), stdout=PIPE, stderr=PIPE
    )
    out, err = await process.communicate()

    written = (tmp_path / ".env").read_bytes()
    assert b"Traceback" not in err
    assert written.startswith(kept)
    assert (b"xapp-1" in written) is ("xapp-1" in command)
    assert ("Zoë" in out.decode()) is command.startswith("export")


async def test_a_workspace_is_chosen_for_one_look_only(tmp_path: Path) -> None:
    ended = await run(tmp_path, "sync", "--workspace", "T1", **NEEDED)

    assert ended.status == 2
    assert "--once" in ended.err
