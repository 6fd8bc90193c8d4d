"""Our pages in a browser: what a person sees and presses from Slack's link to the end."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from sandbox.slack.state import APP_ID
from tests.bot.test_connect_pages import links
from tests.bot.town import PAYMO_KEY, Town
from tests.bot.town import town as open_town
from tests.browser import chromium, fits, opened

SUPPORT = "help@agency.example"
PAIR = {"slack_client_id": "1111.2222", "slack_client_secret": "slack-client-secret"}
ROOT = Path(__file__).parents[2]
# Slack's SDK hands its client's secret to aiohttp in a way that aiohttp has outgrown.
pytestmark = pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")
# Every page that a route can show, its errors included.
PAGES = {
    "/": ("home",),
    "/privacy": ("privacy",),
    "/support": ("support",),
    "/nothing": ("nothing here",),
    "/slack/install": ("asked to install",),
    "/slack/oauth_redirect": ("installed nowhere", "cancelled", "slack is silent", "installed"),
    "/paymo/connect": ("old", "paymo", "other browser", "wrong key", "five keys", "paymo done"),
    "/xero/connect": ("xero", "not ticked"),
    "/xero/callback": ("incomplete", "denied", "choose"),
    "/xero/organisation": ("wrong method", "xero done"),
}
PROGRAMS_ONLY = {
    "/healthz",
    "/readyz",
    "/metrics",
    "/style.css",
    "/webhooks/xero",
    "/webhooks/paymo/{token}",
}


@pytest.fixture
async def town(sqlite_url: str) -> AsyncIterator[Town]:
    """Two organisations to choose from, in two countries; the app is not installed yet."""
    async with open_town(sqlite_url, support_email=SUPPORT, slack_bot_token="", **PAIR) as made:
        made.slack.team.installed = False
        made.slack.add_user("Ben")
        made.paymo.add_company("Harbour Lane Studio", key=PAYMO_KEY)
        books = made.xero.add_organisation("Harbour Books", country="GB", currency="GBP")
        kiwi = made.xero.add_organisation("Kiwi Books", country="NZ", currency="NZD")
        made.xero.consent.tenants = [books.tenant_id, kiwi.tenant_id]
        yield made


async def stops(town: Town, page: Page) -> AsyncIterator[str]:
    """Go from page to page as a person does; yield what each is at its best and at its worst."""
    for path, name in (
        ("/", "home"),
        ("/support", "support"),
        ("/privacy", "privacy"),
        ("/nothing", "nothing here"),
        ("/paymo/connect?nonce=old", "old"),
        ("/xero/callback", "incomplete"),
        ("/xero/organisation", "wrong method"),
        ("/slack/oauth_redirect", "installed nowhere"),
    ):
        await page.goto(f"{town.url}{path}")
        yield name
    for each in (installing, failing, connecting):
        async for name in each(town, page):
            yield name


async def installing(town: Town, page: Page) -> AsyncIterator[str]:
    """Install the app: not allowed at first, then while Slack is silent, then well."""
    town.slack.authority.consent = "ask"
    await page.goto(f"{town.url}/slack/install")
    yield "asked to install"
    town.slack.authority.consent = "deny"
    await page.goto(f"{town.url}/slack/install")
    yield "cancelled"
    town.slack.authority.consent = "allow"
    town.slack.faults.add(path="oauth.v2.access", times=99, status=500)
    await page.goto(f"{town.url}/slack/install")
    yield "slack is silent"
    town.slack.faults.clear()
    await page.goto(f"{town.url}/slack/install")
    yield "installed"


async def failing(town: Town, page: Page) -> AsyncIterator[str]:
    """Be another browser, try five keys that are none, and say no to Xero."""
    paymo, xero = await links(town, "Ben")
    await page.goto(paymo)
    await page.context.clear_cookies()
    await give_key(page, PAYMO_KEY)
    await expect(page.get_by_role("alert")).to_contain_text("another browser")
    yield "other browser"
    for _ in range(4):
        await give_key(page, "mistyped")
        await expect(page.get_by_role("alert")).to_contain_text("API Keys")
    await give_key(page, "mistyped")
    await expect(page.locator("main")).to_contain_text("Five keys")
    yield "five keys"
    await page.goto(xero)
    await page.locator("[name=is_me]").evaluate("(box) => { box.required = false; }")
    await page.get_by_role("button", name="Continue to Xero").click()
    await expect(page.get_by_role("alert")).to_contain_text("Tick the box")
    yield "not ticked"
    await go_to_xero(page)
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Nothing was connected")
    yield "denied"


async def connecting(town: Town, page: Page) -> AsyncIterator[str]:
    """Mistype the key once, and connect both sides."""
    paymo, xero = await links(town)
    await page.goto(paymo)
    yield "paymo"
    await give_key(page, "mistyped")
    await expect(page.get_by_role("alert")).to_contain_text("API Keys")
    await expect(page.locator("[name=is_me]")).to_be_checked()
    yield "wrong key"
    await give_key(page, PAYMO_KEY)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Paymo is connected")
    yield "paymo done"
    await page.goto(xero)
    yield "xero"
    town.xero.consent.auto = True
    await go_to_xero(page)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Choose an organisation")
    yield "choose"
    await page.get_by_label("Harbour Books").check()
    await page.get_by_role("button", name="Connect This Organisation").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Xero is connected")
    yield "xero done"


async def go_to_xero(page: Page) -> None:
    """Tick the box and go on to Xero's consent."""
    await page.locator("[name=is_me]").check()
    await page.get_by_role("button", name="Continue to Xero").click()


async def give_key(page: Page, key: str) -> None:
    """Paste a key and press the button."""
    await page.get_by_label("Paymo API key").fill(key)
    await page.locator("[name=is_me]").check()
    await page.get_by_role("button", name="Connect Paymo").click()


async def test_every_page_fits_and_satisfies_axe_in_light_and_in_dark(town: Town) -> None:
    seen: list[str] = []
    async with chromium() as browser, opened(browser) as page:
        blocked: list[str] = []
        page.on("console", lambda said: blocked.append(said.text))
        async for name in stops(town, page):
            seen.append(name)
            await fits(page, name)

    assert [each for each in blocked if "Content Security Policy" in each] == []
    assert sorted(seen) == sorted(name for names in PAGES.values() for name in names)


def test_every_route_is_walked_or_is_for_programs_only() -> None:
    source = (ROOT / "bot/web.py").read_text(encoding="utf-8")
    routes = set(re.findall(r'_(?:get|post)\(\s*"([^"]+)"', source))

    assert routes == PAGES.keys() - {"/nothing"} | PROGRAMS_ONLY


async def test_every_end_leads_back_to_slack_and_names_who_helps(town: Town) -> None:
    channel = f"/app_redirect?channel={town.room.id}&team={town.slack.team.id}"
    ends = dict.fromkeys(("paymo done", "xero done", "denied", "five keys"), channel)
    ends |= dict.fromkeys(("nothing here", "old", "cancelled", "slack is silent"), "slack://open")
    ends["installed"] = f"/app_redirect?app={APP_ID}&team={town.slack.team.id}"
    found: dict[str, str] = {}
    async with chromium() as browser, opened(browser) as page:
        async for name in stops(town, page):
            if name == "asked to install":
                continue  # that is Slack's own page
            assert await page.get_by_role("link", name=SUPPORT).count() > 0
            back = page.get_by_role("link", name="Back to Slack")
            is_end = name != "home" and not await page.locator("form").count()
            assert bool(await back.count()) is is_end, name
            if is_end:
                address = await back.get_attribute("href") or ""
                found.setdefault(name, address.removeprefix(town.slack.url))
        await page.get_by_role("link", name="Back to Slack").click()
        await expect(page.get_by_text("# invoices").first).to_be_visible()

    assert {name: found.get(name) for name in ends} == ends


async def test_steps_countries_and_the_key_are_as_people_read_them(town: Town) -> None:
    async with chromium() as browser, opened(browser) as page:
        async for name in stops(town, page):
            here = page.locator("[aria-current=step]")
            if name == "paymo":
                await expect(here).to_have_text("Paymo")
                await _looks_at_the_key(page)
            if name == "choose":
                await expect(here).to_have_text("Xero")
                await expect(page.locator("fieldset")).to_contain_text("United Kingdom · GBP")
            if name == "xero done":
                await expect(page.locator(".steps .done")).to_have_count(3)


async def _looks_at_the_key(page: Page) -> None:
    """See dots until *Show key* is ticked; a link leads to Paymo's settings."""
    field = page.get_by_label("Paymo API key")
    for is_shown, drawn in ((False, "disc"), (True, "none")):
        await page.get_by_label("Show key").set_checked(is_shown)
        await expect(field).to_have_css("-webkit-text-security", drawn)
    keys = page.get_by_role("link", name="Open your settings in Paymo")
    assert "#Paymo.module.myaccount" in (await keys.get_attribute("href") or "")
