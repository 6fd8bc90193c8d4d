"""What runs the program elsewhere: .env.example, image, compose, systemd; each fits the program."""

import asyncio
import configparser
import re
import shutil
import stat
import subprocess
import sys
from asyncio.subprocess import PIPE, STDOUT
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.settings import SecretText, Settings
from tests.bot.program import NEEDED, ROOT, serving
from tests.test_docs import usual

_LINE = re.compile(r"^(?:# )?([A-Z_]+)=(.*)$")
SECRETS = {each.name.upper() for each in fields(Settings) if isinstance(each.default, SecretText)}
FILES = {f"{name}_FILE" for name in SECRETS}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def sample() -> dict[str, str]:
    """Return what .env.example says of each variable; commented lines count."""
    found = [_LINE.match(line) for line in read(".env.example").splitlines()]
    return {each[1]: each[2] for each in found if each}


def composed() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(read("compose.yaml"))
    return found


async def judged(*words: str) -> tuple[int, str]:
    """Run a tool; return its status and what it printed. One that isn't here has no objection."""
    if shutil.which(words[0]) is None:
        return 0, ""
    process = await asyncio.create_subprocess_exec(*words, stdout=PIPE, stderr=STDOUT)
    told, _ = await process.communicate()
    return process.returncode or 0, told.decode()


def test_every_setting_stands_in_the_sample_with_its_default_and_nothing_else_does() -> None:
    defaults = {each.name.upper(): usual(each.default).strip("`") for each in fields(Settings)}

    assert sample() == defaults | dict.fromkeys(FILES, "")


def test_the_sample_filled_in_is_all_that_socket_mode_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*sample(), *NEEDED):
        monkeypatch.delenv(name, raising=False)
    open_lines = [line for line in read(".env.example").splitlines() if _LINE.match(line)]
    asked = [line[:-1] for line in open_lines if not line.startswith("#")]
    values = {**NEEDED, "SLACK_APP_TOKEN": "xapp-1"}
    text = "\n".join(f"{name}={values[name]}" for name in asked)
    (tmp_path / ".env").write_text(text, encoding="utf-8")

    monkeypatch.chdir(tmp_path)
    settings = Settings.read()

    assert (settings.is_socket_mode, settings.is_one_workspace) == (True, True)


def test_compose_gives_the_program_every_secret_as_a_file_that_it_mounts() -> None:
    compose = composed()
    app, database = compose["services"]["app"], compose["services"]["postgres"]
    given, mounted = app["environment"], set(app["secrets"])
    named = {name: path for name, path in given.items() if name.endswith("_FILE")}

    assert set(named) == FILES
    assert {path.removeprefix("/run/secrets/") for path in named.values()} == mounted
    assert {name for name in given if name not in FILES} <= set(sample()) - SECRETS
    assert mounted | set(database["secrets"]) == set(compose["secrets"])
    assert compose["secrets"] == {name: {"file": f"secrets/{name}"} for name in compose["secrets"]}


def test_the_commands_of_compose_make_files_that_the_program_can_read_and_others_cannot(
    tmp_path: Path,
) -> None:
    """Also where new files are their owner's alone: the program is somebody else in there."""
    head = read("compose.yaml").split("install -d", 1)[1].split("\n# Fill in", 1)[0]
    script = f"umask 077; install -d{head.replace(chr(10) + '#', chr(10))}"
    subprocess.run(["sh", "-euc", script], cwd=tmp_path, check=True)  # noqa: S603, S607 - ours
    made = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.rglob("*")}

    assert made == {"secrets": 0o700, **dict.fromkeys(composed()["secrets"], 0o644)}


def test_compose_lets_the_program_write_nowhere_and_gives_it_time_to_stop() -> None:
    app = composed()["services"]["app"]

    assert (app["read_only"], app["cap_drop"], app["tmpfs"]) == (True, ["ALL"], "/tmp")  # noqa: S108
    assert int(app["stop_grace_period"].removesuffix("s")) > 10
    assert app["build"]["dockerfile"] == "Containerfile"
    assert app["depends_on"]["postgres"]["condition"] == "service_healthy"


@pytest.mark.parametrize("mode", ["socket", "http"])
def test_secrets_that_are_left_empty_in_compose_count_as_not_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.chdir(tmp_path)
    given = composed()["services"]["app"]["environment"]
    filled = {**NEEDED, "DATABASE_URL": "postgresql+asyncpg://me:pw@postgres/name"}
    if mode == "socket":
        filled = {**filled, "SLACK_APP_TOKEN": "xapp-1", "SLACK_SIGNING_SECRET": ""}
    for name, value in given.items():
        monkeypatch.delenv(name.removesuffix("_FILE"), raising=False)
        if name in FILES:
            secret = tmp_path / Path(value).name
            secret.write_text(filled.get(name.removesuffix("_FILE"), ""), encoding="utf-8")
            monkeypatch.setenv(name, str(secret))
        else:
            monkeypatch.setenv(name, re.sub(r"\$\{\w+(?::-(.*?)|:\?.*?)\}", r"\1", value))
    monkeypatch.setenv("XERO_CLIENT_ID", "x")

    settings = Settings.read()

    assert settings.is_socket_mode is (mode == "socket")
    assert settings.xero_webhook_key.get_secret_value() == ""
    assert settings.database_url.get_secret_value() == filled["DATABASE_URL"]


def instructions() -> list[tuple[str, str]]:
    """Return the Containerfile's instructions, each on one line."""
    text = re.sub(r"^#.*\n", "", read("Containerfile"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line)]


async def test_the_image_is_made_in_stages_and_runs_as_nobody() -> None:
    made = instructions()
    last = max(at for at, (word, _) in enumerate(made) if word == "FROM")
    final = dict(made[last:])
    copied = {rest.split()[0] for word, rest in made[:last] if word == "COPY"}

    assert [word for word, _ in made].count("FROM") == 2
    assert final["USER"] == "10001:10001"
    assert final["STOPSIGNAL"] == "SIGTERM"
    assert (final["ENTRYPOINT"], final["CMD"]) == ('["paymo-xero"]', '["serve"]')
    assert "--require-hashes" in read("Containerfile")
    assert "compileall" in read("Containerfile")
    allowed = {line[1:] for line in read(".dockerignore").splitlines() if line[0] == "!"}
    assert copied <= allowed
    assert {"bot", "handlers", "services", "sandbox"} <= copied
    assert await judged("hadolint", str(ROOT / "Containerfile")) == (0, "")


@pytest.mark.thorough
async def test_the_image_asks_whether_the_program_can_work(tmp_path: Path) -> None:
    [check] = [rest for word, rest in instructions() if word == "HEALTHCHECK"]
    [_, *words] = yaml.safe_load(check.split(" CMD ", 1)[1])
    async with serving(tmp_path, **NEEDED) as (_, url):
        asked = {"PORT": url.rsplit(":", 1)[1]}
        process = await asyncio.create_subprocess_exec(sys.executable, *words, env=asked)
        assert await process.wait() == 0
        lost = await asyncio.create_subprocess_exec(
            sys.executable, *words, env={"PORT": "1"}, stderr=PIPE
        )
        await lost.communicate()

    assert lost.returncode != 0


async def test_the_first_process_of_a_container_stops_when_told_while_it_loads() -> None:
    code = "import bot, os, signal; os.kill(1, signal.SIGTERM); print('it goes on')"
    status, told = await judged(
        *["unshare", "--user", "--map-root-user", "--fork", "--pid"], sys.executable, "-c", code
    )

    forbidden = "unshare failed" in told  # inside some containers
    assert forbidden or (status, told) == (0, "")


def unit() -> configparser.ConfigParser:
    found = configparser.ConfigParser(strict=False, interpolation=None)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read_string(read("deploy/paymo-xero.service"))
    return found


def test_the_unit_starts_the_program_hardened_and_gives_it_time_to_stop() -> None:
    service = dict(unit()["Service"])

    assert service["ExecStart"].endswith("/paymo-xero serve")
    assert int(service["TimeoutStopSec"]) > 10
    assert service["WorkingDirectory"] == f"/var/lib/{service['StateDirectory']}"
    for name in ("NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome", "DynamicUser"):
        assert service[name] == "yes"
    assert (service["ProtectSystem"], service["CapabilityBoundingSet"]) == ("strict", "")


async def test_systemd_takes_the_unit_and_finds_it_well_shut(tmp_path: Path) -> None:
    copy = tmp_path / "paymo-xero.service"
    text = read("deploy/paymo-xero.service")
    copy.write_text(text.replace("/opt/paymo-xero/bin/paymo-xero", sys.executable), "utf-8")

    assert await judged("systemd-analyze", "verify", str(copy)) == (0, "")
    status, told = await judged(
        "systemd-analyze", "security", "--offline=true", "--threshold=20", str(copy)
    )
    assert status == 0, told
