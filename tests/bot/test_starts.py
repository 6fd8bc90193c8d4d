"""The program as a process, in every way of running it that the documents know."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import metadata
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from bot.install import OPTIONAL, SCOPES
from bot.settings import Settings
from sandbox.slack import SlackWorld
from tests.bot.program import LONGEST_STOP, NEEDED, ended, serving

PATIENCE = 60
_READ = re.compile(r"""(?:environ(?:\.get\(|\[)|getenv\()\s*["'](\w+)["']""")
_HONOURED = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}
WAYS = {
    "bot token over http": ("SLACK_SIGNING_SECRET", "SLACK_BOT_TOKEN"),
    "installed over http": ("SLACK_SIGNING_SECRET", "SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET"),
    "bot token over a socket": ("SLACK_APP_TOKEN", "SLACK_BOT_TOKEN"),
    "installed over a socket": ("SLACK_APP_TOKEN", "SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET"),
}
every_way = pytest.mark.parametrize("way", WAYS)


def read_by_slacks_libraries() -> set[str]:
    """Return every variable that Bolt or the SDK looks for, but for those of proxies."""
    files = [
        file.locate()
        for name in ("slack-bolt", "slack-sdk")
        for file in metadata.files(name) or ()
        if file.suffix == ".py"
    ]
    found = {name for file in files for name in _READ.findall(Path(file).read_text())}
    return {name for name in found if name.upper() not in _HONOURED}


NONSENSE = {
    name: "nonsense" for name in read_by_slacks_libraries() if not hasattr(Settings, name.lower())
} | {"WEB_CONCURRENCY": "nonsense"}


def settings_for(slack: SlackWorld, way: str, database_url: str) -> dict[str, str]:
    ours = {
        "SLACK_SIGNING_SECRET": slack.signing_secret,
        "SLACK_BOT_TOKEN": slack.team.bot_token,
        "SLACK_CLIENT_ID": slack.authority.client_id,
        "SLACK_CLIENT_SECRET": slack.authority.client_secret,
        "SLACK_APP_TOKEN": slack.app_token,
    }
    return {
        **{name: value for name, value in NEEDED.items() if not name.startswith("SLACK_")},
        **{name: ours[name] for name in WAYS[way]},
        "SLACK_API_URL": f"{slack.url}/api/",
        "SLACK_AUTHORIZE_URL": f"{slack.url}/oauth/v2/authorize",
        "DATABASE_URL": database_url,
    }


@pytest.fixture
async def slack() -> AsyncIterator[SlackWorld]:
    """Slack, with Anna in a channel; the app is not installed yet where it has to be."""
    world = SlackWorld()
    world.add_user("Anna", is_admin=True)
    world.add_channel("invoices")
    world.door.patience = PATIENCE
    served = await world.start()
    yield world
    await served.stop()


async def walk(slack: SlackWorld, way: str, url: str) -> None:
    """Install the app where that is the way, and type a command that is answered."""
    if "installed" in way:
        await install(slack, url)
    if "socket" in way:
        await slack.wait_for(lambda: slack.sockets.open, PATIENCE)
    else:
        slack.connect_app(f"{url}/slack/events")
    answer = await slack.command("Anna", "invoices", "help")
    assert answer.ok, answer.failure
    await slack.wait_for(lambda: slack.ephemerals("Anna"), PATIENCE)
    assert "brings payments and deletions back" in slack.ephemerals("Anna")[0].text


async def install(slack: SlackWorld, url: str) -> None:
    slack.team.installed = False
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE) as http:
        begun = await http.get("/slack/install")
        asked = parse_qs(urlsplit(begun.headers["location"]).query)
        done = await http.get("/slack/install", follow_redirects=True)
    assert asked["scope"] == [",".join(SCOPES + OPTIONAL)]
    assert asked["redirect_uri"] == [f"{url}/slack/oauth_redirect"]
    assert "user_scope" not in asked
    assert (done.status_code, "is installed in" in done.text) == (200, True)


@asynccontextmanager
async def walked(
    folder: Path, slack: SlackWorld, way: str, **settings: str
) -> AsyncIterator[list[str]]:
    """Start the program, walk, and stop it; what it logged is in the list afterwards."""
    home = folder / "home"
    home.mkdir()
    events: list[str] = []
    async with serving(folder, HOME=str(home), **settings) as (process, url):
        await walk(slack, way, url)
        yield events
        seconds, logged = await ended(process)
        events += logged
    assert (process.returncode, logged[-1], seconds < LONGEST_STOP) == (0, "stopped", True)
    assert list(home.iterdir()) == []


@pytest.mark.thorough
@every_way
async def test_it_starts_from_variables_whatever_slacks_libraries_would_read_from_them(
    tmp_path: Path, slack: SlackWorld, sqlite_url: str, way: str
) -> None:
    assert {"SLACK_SCOPES", "SLACK_USER_SCOPES", "SLACK_VERIFICATION_TOKEN"} <= set(NONSENSE)
    settings = {**NONSENSE, **settings_for(slack, way, sqlite_url)}

    async with walked(tmp_path, slack, way, **settings):
        pass


@every_way
async def test_it_starts_from_a_file_on_postgres(
    tmp_path: Path, slack: SlackWorld, postgres_url: str, way: str
) -> None:
    lines = settings_for(slack, way, postgres_url)
    (tmp_path / "keys").write_text(lines.pop("ENCRYPTION_KEYS"))
    lines["ENCRYPTION_KEYS_FILE"] = str(tmp_path / "keys")
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))

    async with walked(tmp_path, slack, way):
        pass


async def test_a_bot_token_wins_over_a_client_that_is_set_as_well(
    tmp_path: Path, slack: SlackWorld, postgres_url: str
) -> None:
    way = "bot token over http"
    pair = {"SLACK_CLIENT_ID": "nonsense", "SLACK_CLIENT_SECRET": "nonsense"}
    settings = {**settings_for(slack, way, postgres_url), **pair}

    async with walked(tmp_path, slack, way, **settings):
        pass
