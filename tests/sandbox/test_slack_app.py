"""Tests of the Slack stand-in: the door to the app, retries, installing, leaving, the outside."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack import NotPossible
from tests.sandbox.slack_bench import Bench, answering, button, entry, modal

# Slack's SDK signs the exchange with a helper that aiohttp is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")
BACK = "http://localhost/slack/oauth_redirect"
Query = dict[str, list[str]]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench.open() as bench:
        yield bench


async def consent(bench: Bench, **more: str) -> Query:
    """Follow the install link, and return what the browser carries back."""
    asked = {
        "client_id": bench.world.client_id,
        "scope": "commands,chat:write",
        "redirect_uri": BACK,
        "state": "s1",
        **more,
    }
    address = f"{bench.world.url}/oauth/v2/authorize"
    async with bench.session.get(address, params=asked, allow_redirects=False) as response:
        return parse_qs(urlsplit(response.headers["Location"]).query)


def exchange(bench: Bench, code: str, **more: str) -> Any:
    """Turn a code into a token with Slack's SDK."""
    asked = {
        "client_id": bench.world.client_id,
        "client_secret": bench.world.client_secret,
        "code": code,
        "redirect_uri": BACK,
        **more,
    }
    return bare(bench).oauth_v2_access(**asked)


def bare(bench: Bench) -> AsyncWebClient:
    """Return Slack's SDK without a token."""
    return AsyncWebClient(base_url=f"{bench.world.url}/api/", session=bench.session)


async def outside(bench: Bench, act: str, **sent: Any) -> tuple[int, Any]:
    """Do something as a program outside does."""
    async with bench.session.post(f"{bench.world.url}/_sandbox/{act}", json=sent) as response:
        return response.status, await response.json()


async def test_an_app_that_takes_too_long_has_failed(bench: Bench) -> None:
    bench.world.door.patience = 0.05
    forever = asyncio.Event()

    async def hang(_: Any) -> None:
        await forever.wait()

    bench.reply = hang
    answer = await bench.world.command(bench.anna, bench.room)
    forever.set()

    assert (answer.ok, answer.failure) == (False, "operation_timeout")


async def test_an_app_that_answers_with_an_error_has_failed(bench: Bench) -> None:
    bench.reply = answering(web.Response(status=500))

    assert (await bench.world.shortcut(bench.anna, "export")).failure == "http_error 500"


async def test_a_wrong_signing_secret_is_noticed(bench: Bench) -> None:
    bench.world.door.signing_secret = "another"

    assert (await bench.world.shortcut(bench.anna, "export")).status == 401
    assert bench.received == []


async def test_an_event_sent_again_is_the_same_event(bench: Bench) -> None:
    await bench.world.event({"type": "app_home_opened", "user": bench.anna.id})
    await bench.world.resend(number=2)

    first, second = bench.received
    assert first == second
    assert bench.headers[1]["X-Slack-Retry-Num"] == "2"
    assert bench.headers[1]["X-Slack-Retry-Reason"] == "http_timeout"


async def test_a_press_sent_again_carries_no_retry_header(bench: Bench) -> None:
    await bench.open_view(modal(entry("a", {"type": "plain_text_input"})))
    await bench.world.resend()

    assert bench.received[0] == bench.received[1]
    assert "X-Slack-Retry-Num" not in bench.headers[1]


async def test_installing_gives_a_token_that_works(bench: Bench) -> None:
    team = bench.world.add_team("Other", installed=False)
    boss = bench.world.add_user("Olga", team=team, is_admin=True)
    back = await consent(bench)
    installed = await exchange(bench, back["code"][0])
    whose = await AsyncWebClient(
        token=installed["access_token"], base_url=f"{bench.world.url}/api/", session=bench.session
    ).auth_test()

    assert back["state"] == ["s1"]
    assert installed["authed_user"]["id"] == boss.id
    assert (whose["team_id"], whose["user_id"]) == (team.id, installed["bot_user_id"])


async def test_a_code_is_good_once_and_for_ten_minutes(bench: Bench) -> None:
    first, second = [(await consent(bench))["code"][0] for _ in range(2)]
    await exchange(bench, first)
    again = await bench.refusal(exchange(bench, first))
    bench.time.pass_by(601)

    assert again == "code_already_used"
    assert await bench.refusal(exchange(bench, second)) == "invalid_code"


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"client_id": "9"}, "invalid_client_id"),
        ({"client_secret": "9"}, "bad_client_secret"),
        ({"redirect_uri": "http://localhost/else"}, "bad_redirect_uri"),
    ],
)
async def test_an_exchange_must_match_the_consent(
    bench: Bench, wrong: dict[str, str], error: str
) -> None:
    code = (await consent(bench))["code"][0]

    assert await bench.refusal(exchange(bench, code, **wrong)) == error


async def test_a_person_can_say_no(bench: Bench) -> None:
    bench.world.authority.consent = "deny"

    assert await consent(bench) == {"error": ["access_denied"], "state": ["s1"]}


async def test_a_page_asks_when_it_is_wanted(bench: Bench) -> None:
    address = f"{bench.world.url}/oauth/v2/authorize"
    asked = {"client_id": bench.world.client_id, "scope": "commands", "redirect_uri": BACK}
    async with bench.session.get(address, params={**asked, "page": "1"}) as response:
        page = await response.text()
    form = {**asked, "answer": "allow"}
    async with bench.session.post(address, data=form, allow_redirects=False) as response:
        location = response.headers["Location"]

    assert 'value="allow">Allow' in page
    assert location.startswith(f"{BACK}?code=")


async def test_scopes_add_up_over_installs(bench: Bench) -> None:
    bench.world.team.scopes = {"commands"}
    await exchange(bench, (await consent(bench, scope="chat:write"))["code"][0])

    assert bench.world.team.scopes == {"commands", "chat:write"}


async def test_an_uninstall_kills_the_token_and_tells_the_app(bench: Bench) -> None:
    old = bench.slack
    await bench.world.uninstall()
    kinds = [body["event"]["type"] for body in bench.received]
    dead = await bench.refusal(old.auth_test())
    await exchange(bench, (await consent(bench))["code"][0])

    assert kinds == ["tokens_revoked", "app_uninstalled"]
    assert dead == "account_inactive"
    assert await bench.refusal(old.auth_test()) == "account_inactive"
    assert (await bench.slack.auth_test())["ok"]


async def test_an_app_that_takes_itself_out_hears_of_it_too(bench: Bench) -> None:
    await bench.slack.apps_uninstall(
        client_id=bench.world.client_id, client_secret=bench.world.client_secret
    )
    kinds = await bench.world.wait_for(
        lambda: [body["event"]["type"] for body in bench.received][1:]
    )

    assert kinds == ["app_uninstalled"]
    with pytest.raises(NotPossible):
        await bench.world.command(bench.anna, bench.room)


@pytest.mark.parametrize(("token", "error"), [("", "not_authed"), ("xoxb-no", "invalid_auth")])
async def test_a_bad_token_is_named(bench: Bench, token: str, error: str) -> None:
    client = bare(bench)
    client.token = token

    assert await bench.refusal(client.auth_test()) == error


async def test_an_unknown_method_is_named(bench: Bench) -> None:
    assert await bench.refusal(bench.slack.api_call("chat.dance")) == "unknown_method"


async def test_inviting_the_app_lets_it_in_and_tells_it(bench: Bench) -> None:
    room = bench.world.add_channel("secret", private=True, bot_member=False)
    await bench.world.invite_app(room, bench.anna)
    await bench.slack.chat_postMessage(channel=room.id, text="Hello")

    assert bench.last["event"]["type"] == "member_joined_channel"
    assert bench.last["event"]["user"] == bench.world.team.bot_user_id


async def test_a_wait_ends_with_the_change_it_waits_for(bench: Bench) -> None:
    waiting = asyncio.create_task(bench.world.wait_for(lambda: bench.world.messages(bench.room)))
    await bench.slack.chat_postMessage(channel=bench.room.id, text="Hello")

    assert [each.text for each in await waiting] == ["Hello"]
    with pytest.raises(TimeoutError):
        await bench.world.wait_for(lambda: bench.world.top_view(bench.ben), timeout=0.05)


async def test_a_program_outside_does_all_that_people_do(bench: Bench) -> None:
    people = {"user": bench.anna.id}
    await outside(bench, "command", channel=bench.room.id, text="export", **people)
    menu = {"type": "external_select", "min_query_length": 0}
    view = modal(
        {"type": "actions", "elements": [button("go")]}, entry("contact", menu), submit=None
    )
    view["submit"] = {"type": "plain_text", "text": "Send"}
    await bench.slack.views_open(trigger_id=bench.last["trigger_id"], view=view)
    shown = (await seen(bench))["views"][0]
    spot = {**people, "where": shown["id"], "action_id": "contact"}
    offered = {"text": {"type": "plain_text", "text": "Acme"}, "value": "c1"}
    bench.reply = answering({"options": [offered]})
    _, menus = await outside(bench, "options", **spot)
    bench.reply = None
    await outside(bench, "choose", value="c1", **spot)
    await outside(bench, "press", **{**spot, "action_id": "go"})
    status, done = await outside(bench, "submit", **people)

    assert menus["groups"] == [{"label": "", "options": [offered]}]
    assert (status, done["ok"]) == (200, True)
    kinds = [body.get("type", body.get("command")) for body in bench.received]
    assert kinds == ["/paymo-xero", "block_suggestion", "block_actions", "view_submission"]
    assert (await seen(bench))["views"] == []


async def test_what_a_screen_would_not_allow_is_refused_outside_too(bench: Bench) -> None:
    status, said = await outside(bench, "submit", user=bench.anna.id)

    assert (status, said) == (409, {"ok": False, "error": "No modal is open."})


async def test_a_page_hears_of_a_change_at_once(bench: Bench) -> None:
    version = (await seen(bench))["version"]
    address = f"{bench.world.url}/_sandbox/changes?since={version}"
    waiting = asyncio.create_task(read(bench, address))
    await bench.slack.chat_postMessage(channel=bench.room.id, text="Hello")

    assert (await waiting)["version"] > version
    said = (await seen(bench))["channels"][0]["messages"]
    assert [each["text"] for each in said] == ["Hello"]


async def seen(bench: Bench) -> Any:
    """Return what Anna sees."""
    return await read(bench, f"{bench.world.url}/_sandbox/state?user={bench.anna.id}")


async def read(bench: Bench, address: str) -> Any:
    async with bench.session.get(address) as response:
        return await response.json()
