"""Installing the app into many workspaces, and taking it away again."""

import re
from collections.abc import AsyncIterator
from contextlib import closing
from html import escape
from itertools import permutations
from sqlite3 import connect as open_file
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from bot.install import OPTIONAL, SCOPES
from sandbox.slack import Message
from sandbox.slack.state import APP_ID
from services.store.tables import SlackBot, SlackState, Workspace
from tests.bot.town import PAYMO_KEY, Town, until
from tests.bot.town import town as open_town
from tests.databases import SQLITE_ALONE
from tests.walk import PATIENCE, Walk

pytestmark = [
    SQLITE_ALONE,
    # Slack's SDK hands its client's secret to aiohttp in a way that aiohttp has outgrown.
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
]

PAIR = {"slack_client_id": "1111.2222", "slack_client_secret": "slack-client-secret"}


@pytest.fixture
async def many(database_url: str) -> AsyncIterator[Town]:
    """The program for many workspaces, none of which has the app yet."""
    async with open_town(database_url, slack_bot_token="", **PAIR) as made:
        made.slack.team.installed = False
        yield made


async def install(town: Town) -> httpx.Response:
    return await town.http.get("/slack/install", follow_redirects=True)


async def bots(town: Town) -> list[str]:
    async with town.program.core.database.sessions() as session:
        found = await session.scalars(select(SlackBot.bot_token))
        return [each or "" for each in found]


async def states(town: Town) -> list[str]:
    async with town.program.core.database.sessions() as session:
        return list(await session.scalars(select(SlackState.state)))


async def test_a_workspace_that_installed_the_app_is_answered(many: Town) -> None:
    page = await install(many)
    answer = await many.slack.command(many.anna, many.room, "help")

    assert (page.status_code, "is installed in" in page.text) == (200, True)
    assert "/paymo-xero connect" in page.text
    to_us = urlencode({"app": APP_ID, "team": many.slack.team.id})
    assert f'href="{many.slack.url}/app_redirect?{escape(to_us)}">Back to Slack' in page.text
    assert answer.ok
    assert await bots(many) == [many.slack.team.bot_token]
    async with many.program.core.database.sessions() as session:
        found = (await session.scalars(select(Workspace))).one()
    assert (found.team_id, found.installed_by) == (many.slack.team.id, many.anna.id)


async def test_whoever_installs_is_welcomed_once(many: Town) -> None:
    await install(many)
    await install(many)
    await many.slack.open_home("Anna")

    direct = many.slack.direct("Anna")
    await many.slack.wait_for(lambda: many.slack.messages(direct), 60)
    [welcome] = many.slack.messages(many.slack.direct("Anna"))
    assert "Welcome to paymo-xero" in welcome.text


async def test_slack_is_asked_for_the_scopes_of_the_manifest(many: Town) -> None:
    answer = await many.http.get("/slack/install")

    asked = parse_qs(urlsplit(answer.headers["location"]).query)
    assert answer.status_code == 302
    assert asked["scope"] == [",".join(SCOPES + OPTIONAL)]
    assert asked["redirect_uri"] == [f"{many.url}/slack/oauth_redirect"]


async def test_a_cancelled_installation_says_how_to_begin_again(many: Town) -> None:
    many.slack.authority.consent = "deny"

    page = await install(many)

    assert page.status_code == 400
    assert 'href="slack://open">Back to Slack' in page.text
    assert "cancelled the request in Slack" in page.text
    assert await bots(many) == []


@pytest.mark.parametrize("query", ["", "?code=x", "?code=x&state=y"])
async def test_a_return_that_nobody_began_installs_nothing(many: Town, query: str) -> None:
    page = await many.http.get(f"/slack/oauth_redirect{query}")

    assert page.status_code == 400
    assert await bots(many) == []


@pytest.mark.parametrize(
    ("reason", "logged"),
    [("access_denied", "access_denied"), ("<b>", "other"), ("x" * 9000, "other"), ("", "other")],
)
async def test_no_stranger_writes_into_the_log(many: Town, reason: str, logged: str) -> None:
    with capture_logs() as logs:
        await many.http.get("/slack/oauth_redirect", params={"error": reason})

    assert [each["reason"] for each in logs if each["event"] == "install_refused"] == [logged]


async def test_the_install_page_writes_nothing_until_somebody_comes_back(many: Town) -> None:
    for method in ("HEAD", "GET", "GET"):
        await many.http.request(method, "/slack/install")
        await many.http.request(method, "/slack/oauth_redirect?code=x&state=y")
    assert await states(many) == []

    await install(many)
    (kept,) = await states(many)

    assert len(kept) == 64  # a digest


async def test_strangers_at_the_install_page_wait_for_no_writer(
    many: Town,
) -> None:
    database = many.program.core.settings.database_url.get_secret_value()
    with closing(open_file(database.removeprefix("sqlite+aiosqlite:///"))) as writer:
        writer.execute("BEGIN IMMEDIATE")
        begun = await many.http.get("/slack/install", timeout=8)
        back = await many.http.get("/slack/oauth_redirect?code=x&state=y", timeout=8)
        many.http.cookies.set("slack-app-oauth-state", "made-up", domain="127.0.0.1")
        made_up = await many.http.get("/slack/oauth_redirect?code=x&state=made-up", timeout=8)
        writer.rollback()

    assert [begun.status_code, back.status_code, made_up.status_code] == [302, 400, 401]


@pytest.mark.parametrize("public_url", ["", "https://bot.example"])
async def test_the_redirect_to_slack_is_as_guarded_as_a_page(
    sqlite_url: str, public_url: str
) -> None:
    settings = {**PAIR, **({"public_url": public_url} if public_url else {})}
    async with open_town(sqlite_url, slack_bot_token="", **settings) as town:
        begun = await town.http.get("/slack/install")

        cookie = begun.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert ("Secure" in cookie) is bool(public_url)
        assert begun.headers["cache-control"] == "no-store"
        assert begun.headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in begun.headers["content-security-policy"]
        assert ("strict-transport-security" in begun.headers) is bool(public_url)


async def test_a_state_works_once(many: Town) -> None:
    begun = await many.http.get("/slack/install")
    consent = await many.http.get(begun.headers["location"])
    first = await many.http.get(consent.headers["location"])
    many.http.cookies.set("slack-app-oauth-state", _state(begun))
    again = await many.http.get(consent.headers["location"])

    assert (first.status_code, again.status_code) == (200, 401)


async def connected(town: Town) -> Walk:
    await install(town)
    walk = Walk(
        town,
        town.paymo.add_company("Maple Studio", key=PAYMO_KEY),
        town.xero.add_organisation("Maple Books"),
    )
    town.xero.consent.auto = True
    await walk.connect()
    return walk


async def test_a_missing_permission_is_said_with_the_link_that_grants_it(many: Town) -> None:
    walk = await connected(many)
    many.slack.team.scopes.discard("files:write")
    await walk.type("history")
    listed = await walk.ephemeral("History of")
    await many.slack.press("Anna", listed, "history_csv")
    said = await walk.ephemeral("can't send files")
    (link,) = re.findall(r"<(\S+)\|Update permissions>", said.text)

    page = await many.http.get(link, follow_redirects=True)
    await many.slack.press("Anna", listed, "history_csv")

    await many.slack.wait_for(
        lambda: [file for each in direct(many) for file in each.files], PATIENCE
    )
    assert "is installed in" in page.text
    assert "what was connected stays connected" in page.text
    assert "/paymo-xero connect" not in page.text


def direct(town: Town) -> list[Message]:
    return town.slack.messages(town.slack.direct("Anna"))


@pytest.mark.parametrize("kinds", [*permutations(["tokens_revoked", "app_uninstalled"])])
async def test_taking_the_app_away_removes_its_token_and_ends_both_sides(
    many: Town, kinds: tuple[str, str]
) -> None:
    """Slack tells of it twice, in whichever order."""
    walk = await connected(many)
    team = many.slack.team
    theirs = {"type": "tokens_revoked", "tokens": {"oauth": [many.anna.id], "bot": []}}
    await many.slack.event(theirs)
    await walk.type("help")
    kept = await bots(many), len(many.xero.authority.connections)
    assert kept == ([team.bot_token], 1)

    many.slack.authority.uninstall(team)
    for kind in kinds:
        tokens = {"oauth": [], "bot": [team.bot_user_id]} if kind == "tokens_revoked" else None
        answer = await many.slack.event({"type": kind} | ({"tokens": tokens} if tokens else {}))
        assert answer.ok

    await until(lambda: _is_gone(many))
    await until(lambda: _is_ended(many))
    assert many.xero.authority.refreshes == {}
    async with many.program.core.database.sessions() as session:
        found = (await session.scalars(select(Workspace))).one()
    assert not found.is_installed


async def _is_gone(town: Town) -> bool:
    return await bots(town) == []


async def _is_ended(town: Town) -> bool:
    return not town.xero.authority.connections and not town.xero.authority.refreshes


def _state(begun: httpx.Response) -> str:
    return parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
