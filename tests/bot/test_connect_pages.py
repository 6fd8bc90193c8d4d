"""Connecting in a browser: who may go on from a link, and in which browser."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import closing
from html import escape
from pathlib import Path
from sqlite3 import connect as open_file
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
from sqlalchemy import update

from sandbox.slack import View
from sandbox.slack.state import APP_ID
from services.model.connection import ConnectionState
from services.store.tables import Connection, OneTimeLink
from tests.bot.town import PAYMO_KEY, Town, press
from tests.bot.town import town as open_town
from tests.services.store_seeds import rows_of
from tests.walk import link_in, text_in

TICK = {"is_me": "yes"}
KEY = {"is_me": "yes", "api_key": PAYMO_KEY}


@pytest.fixture
async def town(sqlite_url: str) -> AsyncIterator[Town]:
    """A workspace, a company, and two organisations of which one is allowed."""
    async with open_town(sqlite_url) as made:
        made.paymo.add_company("Studio", key=PAYMO_KEY)
        made.slack.add_user("Ben")
        for name in ("Kiwi Books", "Aussie Books"):
            made.xero.add_organisation(name)
        made.xero.consent.auto = True
        yield made


@pytest.fixture
async def ben(town: Town) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody else's browser."""
    async with town.browser() as made:
        yield made


async def links(town: Town, user: str = "Anna") -> tuple[str, str]:
    """Type the command; return the addresses behind the buttons for Paymo and for Xero."""
    answer = await town.slack.command(user, town.room, "connect")
    assert answer.ok
    view = await town.slack.wait_for(lambda: town.slack.top_view(user), 60)
    return link_in(view, "connect_paymo"), link_in(view, "connect_xero")


async def connection(town: Town) -> Connection:
    (found,) = await rows_of(town.program.core.database, Connection)
    return found


async def handed_out(town: Town) -> list[dict[str, object]]:
    """Return every one-time link as it is in the database."""
    found = await rows_of(town.program.core.database, OneTimeLink)
    # The modal that shows them is noted whenever Slack has opened it.
    names = [each.key for each in OneTimeLink.__table__.columns if each.key != "view_id"]
    return [{name: getattr(each, name) for name in names} for each in found]


async def test_a_page_names_who_asked_where_and_what_is_allowed(
    town: Town, ben: httpx.AsyncClient
) -> None:
    paymo, xero = await links(town)
    for link, allowed in ((paymo, "reads the company’s clients"), (xero, "reads the organisation")):
        page = (await ben.get(link)).text

        assert f"<strong>{town.anna.handle}</strong> in the Slack workspace" in page
        assert f"<strong>{town.slack.team.domain}</strong>" in page
        assert allowed in page
        assert 'name="is_me"' in page


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "A member of the Slack workspace <strong>"),
        ("<b>Xero</b>", "<strong>&lt;b&gt;Xero&lt;/b&gt;</strong> in the Slack workspace"),
    ],
)
async def test_a_name_is_a_label_and_no_markup(town: Town, name: str, said: str) -> None:
    for link in await links(town):
        async with town.program.core.database.sessions.begin() as session:
            await session.execute(update(OneTimeLink).values(user_name=name))

        assert said in (await town.http.get(link)).text


async def test_previews_and_scanners_use_nothing_up(town: Town, ben: httpx.AsyncClient) -> None:
    paymo, xero = await links(town)
    before = await handed_out(town)
    for link in (paymo, xero):
        for method in ("HEAD", "GET", "GET", "OPTIONS"):
            await ben.request(method, link, headers={"User-Agent": "Slackbot-LinkExpanding 1.0"})

    assert await handed_out(town) == before
    assert (town.xero.requests, town.paymo.requests) == ([], [])
    assert "Connected to Studio" in (await press(town.http, paymo, api_key=PAYMO_KEY)).text
    assert "Xero is connected" in (await press(town.http, xero)).text


async def test_without_the_tick_the_page_comes_again_and_says_so(town: Town) -> None:
    paymo, xero = await links(town)
    for link, data in ((paymo, {"api_key": PAYMO_KEY}), (xero, {})):
        await town.http.get(link)
        page = await town.http.post(link, data=data)

        assert (page.status_code, "Tick the box" in page.text) == (400, True)
        assert 'name="is_me"' in page.text
    made = await connection(town)
    assert (made.paymo_api_key, made.grant_id) == (None, None)
    assert "Xero is connected" in (await press(town.http, xero)).text


async def test_a_step_without_the_pages_cookie_is_not_taken(
    town: Town, ben: httpx.AsyncClient
) -> None:
    paymo, xero = await links(town)
    for link, data in ((paymo, KEY), (xero, TICK)):
        await town.http.get(link)
        page = await ben.post(link, data=data)
        ben.cookies.clear()

        assert (page.status_code, "another browser" in page.text) == (403, True)
    assert town.paymo.requests == []
    assert (await connection(town)).paymo_api_key is None
    assert "Connected to Studio" in (await press(town.http, paymo, api_key=PAYMO_KEY)).text


@pytest.mark.parametrize(
    "pasted", [f" {PAYMO_KEY}\r\n", f"\ufeff{PAYMO_KEY}\u200b", "paymo\u00a0-key"]
)
async def test_a_key_may_be_pasted_with_what_nobody_sees(town: Town, pasted: str) -> None:
    paymo, _ = await links(town)

    assert "Connected to Studio" in (await press(town.http, paymo, api_key=pasted)).text


async def test_a_second_press_or_the_back_button_is_told_that_all_may_be_well(town: Town) -> None:
    paymo, _ = await links(town)
    assert (await press(town.http, paymo, api_key=PAYMO_KEY)).status_code == 200

    for answer in (await town.http.post(paymo, data=KEY), await town.http.get(paymo)):
        assert answer.status_code == 410
        assert "shows this as connected, you&#39;re done" in answer.text


async def test_a_page_that_took_a_key_is_closed_to_other_browsers(
    town: Town, ben: httpx.AsyncClient
) -> None:
    paymo, _ = await links(town)
    await press(town.http, paymo, api_key="mistyped")
    theirs = await press(ben, paymo, api_key=PAYMO_KEY)

    assert theirs.status_code == 403
    assert (await connection(town)).paymo_api_key is None
    assert (await press(town.http, paymo, api_key=PAYMO_KEY)).status_code == 200


async def test_a_consent_of_another_browser_connects_nothing(
    town: Town, ben: httpx.AsyncClient
) -> None:
    _, theirs = await links(town, "Ben")
    _, xero = await links(town)
    await town.http.get(xero)
    begun = await town.http.post(xero, data=TICK)
    consent = await ben.get(begun.headers["location"])
    bare = await ben.get(consent.headers["location"])
    await ben.get(theirs)
    await ben.post(theirs, data=TICK)  # now this browser has a cookie, of another attempt
    stolen = await ben.get(consent.headers["location"])
    made = await rows_of(town.program.core.database, Connection)

    assert (begun.status_code, urlsplit(begun.headers["location"]).path) == (
        302,
        "/identity/connect/authorize",
    )
    assert [(each.status_code, "another browser" in each.text) for each in (bare, stolen)] == [
        (403, True),
        (403, True),
    ]
    assert [each.grant_id for each in made] == [None, None]
    # Nobody else's visit has used up what the right browser brings, nor has its own mere look.
    assert (await town.http.head(consent.headers["location"])).status_code == 204
    done = await town.http.get(begun.headers["location"], follow_redirects=True)
    assert "Xero is connected" in done.text


async def test_the_choice_belongs_to_the_browser_that_was_at_xero(
    town: Town, ben: httpx.AsyncClient
) -> None:
    _, xero = await links(town)
    town.xero.consent.tenants = list(town.xero.organisations)
    chooser = await press(town.http, xero)
    (token,) = re.findall(r'name="token" value="([^"]+)"', chooser.text)
    choice = {"tenant_id": town.xero.consent.tenants[1], "token": token}
    await ben.get(xero)
    theirs = await ben.post("/xero/organisation", data=choice)

    assert theirs.status_code == 403
    assert (await connection(town)).grant_id is None
    done = await town.http.post("/xero/organisation", data={"tenant_id": choice["tenant_id"]})
    assert "Aussie Books" in done.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
async def test_another_site_cannot_post_our_forms(town: Town, headers: dict[str, str]) -> None:
    paymo, xero = await links(town)
    for link in (paymo, xero):
        await town.http.get(link)
        page = await town.http.post(link, data=KEY, headers=headers)
        assert (page.status_code, "another site" in page.text) == (403, True)
    choice = {"tenant_id": "x"}
    answer = await town.http.post("/xero/organisation", data=choice, headers=headers)

    assert answer.status_code == 403
    assert (town.xero.requests, town.paymo.requests) == ([], [])
    own = {"Origin": town.url, "Sec-Fetch-Site": "same-origin"}
    assert (await town.http.post(paymo, data=KEY, headers=own)).status_code == 200


async def test_five_wrong_keys_close_the_link_and_are_kept_nowhere(
    town: Town, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    paymo, _ = await links(town)
    wrong = [f"{place}-mistyped-secret" for place in range(6)]
    pages = [await press(town.http, paymo, api_key=each) for each in wrong]
    late = await press(town.http, paymo, api_key=PAYMO_KEY)

    assert [each.status_code for each in pages] == [400, 400, 400, 400, 410, 410]
    assert "Five keys" in pages[4].text
    assert late.status_code == 410
    assert len([each for each in town.paymo.requests if "/company" in each.path]) == 5
    file = Path(sqlite_url.removeprefix("sqlite+aiosqlite:///"))
    kept = b"".join(each.read_bytes() for each in file.parent.glob(f"{file.name}*"))
    assert b"mistyped" not in kept
    assert "mistyped" not in caplog.text
    view = await town.slack.wait_for(lambda: _with_fresh_link(town, paymo), 60)
    fresh = link_in(view, "connect_paymo")
    assert "Connected to Studio" in (await press(town.http, fresh, api_key=PAYMO_KEY)).text


async def test_keys_that_are_tried_all_at_once_are_five_at_most(town: Town) -> None:
    paymo, _ = await links(town)
    await town.http.get(paymo)
    held = town.paymo.faults.add(path="/company", times=99, gate=asyncio.Event())
    keys = [{"is_me": "yes", "api_key": f"guess-{place}"} for place in range(12)]
    tries = [asyncio.create_task(town.http.post(paymo, data=each)) for each in keys]
    async with asyncio.timeout(60):
        while sum(each.done() for each in tries) < 12 - 5:
            await asyncio.sleep(0.02)
    assert held.gate is not None
    held.gate.set()
    await asyncio.gather(*tries)

    assert len([each for each in town.paymo.requests if "/company" in each.path]) == 5


async def test_an_address_without_its_code_says_so(town: Town) -> None:
    for path in ("/paymo/connect", "/xero/connect", "/xero/callback"):
        page = await town.http.get(path)

        assert (page.status_code, "incomplete" in page.text) == (410, True)
        assert "used already" not in page.text


@pytest.mark.parametrize("public_url", ["", "https://bot.example"])
async def test_cookies_are_for_this_site_and_for_no_script(
    sqlite_url: str, public_url: str
) -> None:
    async with open_town(sqlite_url, **({"public_url": public_url} if public_url else {})) as town:
        link = urlsplit((await links(town))[1])
        page = await town.http.get(f"{link.path}?{link.query}")
        kept = page.headers["set-cookie"].split(";")[0]
        begun = await town.http.post(
            f"{link.path}?{link.query}", data=TICK, headers={"Cookie": kept}
        )

        assert begun.status_code == 302
        for answer in (page, begun):
            cookie = answer.headers["set-cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=Lax" in cookie
            assert ("Secure" in cookie, cookie.startswith("__Host-")) == (bool(public_url),) * 2
            assert ("strict-transport-security" in answer.headers) is bool(public_url)


async def test_redirects_carry_what_pages_carry(town: Town) -> None:
    _, xero = await links(town)
    await town.http.get(xero)
    begun = await town.http.post(xero, data=TICK)

    for answer in (begun, await town.http.get("/nothing"), await town.http.post("/slack/events")):
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"


async def test_strangers_wait_for_no_writer(town: Town, sqlite_url: str) -> None:
    made_up = "?nonce=x&state=x&code=x"
    asked = [
        ("GET", f"/paymo/connect{made_up}", 410),
        ("POST", f"/paymo/connect{made_up}", 410),
        ("GET", f"/xero/connect{made_up}", 410),
        ("POST", f"/xero/connect{made_up}", 410),
        ("GET", f"/xero/callback{made_up}", 410),
        ("POST", "/xero/organisation", 410),
        ("POST", "/webhooks/xero", 401),
        ("POST", "/webhooks/paymo/x", 401),
    ]
    form = {"is_me": "yes", "api_key": "x", "token": "x", "tenant_id": "x"}
    town.http.cookies.set("paymo_xero_browser", "x" * 43)
    with closing(open_file(sqlite_url.removeprefix("sqlite+aiosqlite:///"))) as writer:
        writer.execute("BEGIN IMMEDIATE")
        for method, path, status in asked:
            data = form if method == "POST" else None
            answer = await town.http.request(method, path, data=data, timeout=8)
            assert (path, answer.status_code) == (path, status)
        writer.rollback()


async def test_of_two_people_at_once_neither_takes_over(town: Town, ben: httpx.AsyncClient) -> None:
    mine, theirs = await links(town), await links(town, "Ben")
    await press(ben, theirs[0], api_key=PAYMO_KEY)
    await press(town.http, mine[0], api_key=PAYMO_KEY)
    await press(town.http, mine[1])
    late = await press(ben, theirs[1])
    made = await rows_of(town.program.core.database, Connection)

    assert late.status_code == 400
    assert "already connected" in late.text
    assert f", by {town.anna.handle}." in late.text
    assert [(each.state, each.owner_id) for each in made if each.grant_id] == [
        (ConnectionState.ACTIVE, town.anna.id)
    ]
    assert town.slack.failures == []


def _with_fresh_link(town: Town, old: str) -> View | None:
    view = town.slack.top_view(town.anna)
    if view is None or "Connect Paymo" not in text_in(view.payload):
        return None
    return view if link_in(view, "connect_paymo") != old else None


async def test_from_a_direct_message_the_end_leads_back_to_the_app_in_any_browser(
    town: Town,
) -> None:
    """Slack's redirect works without its desktop app, too."""
    await town.slack.command("Anna", town.slack.direct("Anna"), "connect")
    view = await town.slack.wait_for(lambda: town.slack.top_view("Anna"), 60)
    done = await press(town.http, link_in(view, "connect_paymo"), api_key=PAYMO_KEY)

    query = escape(urlencode({"app": APP_ID, "team": town.slack.team.id}))
    assert f'href="{town.slack.url}/app_redirect?{query}">Back to Slack' in done.text
