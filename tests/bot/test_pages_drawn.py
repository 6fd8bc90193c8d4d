"""Our pages in a browser: what a person sees and presses from Slack's link to the end."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect

from tests.bot.test_connect_pages import links
from tests.bot.town import PAYMO_KEY, Town
from tests.bot.town import town as open_town
from tests.browser import SCHEMES, chromium, cut_off, findings, opened

SIZES = (320, 1280)
SUPPORT = "help@agency.example"


@pytest.fixture
async def town(sqlite_url: str) -> AsyncIterator[Town]:
    """Two organisations to choose from, in two countries."""
    async with open_town(sqlite_url, support_email=SUPPORT) as made:
        made.paymo.add_company("Harbour Lane Studio", key=PAYMO_KEY)
        books = made.xero.add_organisation("Harbour Books", country="GB", currency="GBP")
        kiwi = made.xero.add_organisation("Kiwi Books", country="NZ", currency="NZD")
        made.xero.consent.auto = True
        made.xero.consent.tenants = [books.tenant_id, kiwi.tenant_id]
        yield made


async def stops(town: Town, page: Page) -> AsyncIterator[str]:
    """Go from page to page as a person does; yield what each is at its best and at its worst."""
    paymo, xero = await links(town)
    for path in ("home", "support", "privacy", "nothing", "paymo/connect?nonce=old"):
        await page.goto(f"{town.url}/{path.removeprefix('home')}")
        yield path
    await page.goto(paymo)
    yield "paymo"
    await give_key(page, "mistyped")
    await expect(page.get_by_role("alert")).to_contain_text("API Keys")
    yield "wrong key"
    await give_key(page, PAYMO_KEY)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Paymo is connected")
    yield "paymo done"
    await page.goto(xero)
    yield "xero"
    await page.locator("[name=is_me]").check()
    await page.get_by_role("button", name="Continue to Xero").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Choose an organisation")
    yield "choose"
    await page.get_by_label("Harbour Books").check()
    await page.get_by_role("button", name="Connect This Organisation").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Xero is connected")
    yield "xero done"


async def give_key(page: Page, key: str) -> None:
    """Paste a key and press the button."""
    await page.get_by_label("Paymo API key").fill(key)
    await page.locator("[name=is_me]").check()
    await page.get_by_role("button", name="Connect Paymo").click()


async def test_every_page_fits_and_satisfies_axe_in_light_and_in_dark(town: Town) -> None:
    async with chromium() as browser, opened(browser) as page:
        blocked: list[str] = []
        page.on("console", lambda said: blocked.append(said.text))
        async for name in stops(town, page):
            for scheme in SCHEMES:
                await page.emulate_media(color_scheme=scheme)
                for width in SIZES:
                    await page.set_viewport_size({"width": width, "height": 900})
                    assert (name, width, await cut_off(page)) == (name, width, [])
                assert (name, scheme, await findings(page)) == (name, scheme, [])

    assert [each for each in blocked if "Content Security Policy" in each] == []


async def test_every_end_leads_back_to_slack_and_names_who_helps(town: Town) -> None:
    channel = f"/app_redirect?channel={town.room.id}&team={town.slack.team.id}"
    ends = {"paymo done": channel, "xero done": channel}
    ends |= {"nothing": "slack://open", "paymo/connect?nonce=old": "slack://open"}
    found: dict[str, str] = {}
    async with chromium() as browser, opened(browser) as page:
        async for name in stops(town, page):
            assert await page.get_by_role("link", name=SUPPORT).count() > 0
            back = page.get_by_role("link", name="Back to Slack")
            if await back.count():
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
