"""The demo in a browser: a newcomer goes from connecting to a paid invoice with a notice.

With SCREENSHOTS set to a folder the main steps are kept there as pictures.
"""

import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import FrameLocator, Locator, Page, async_playwright, expect

from bot.demo import serving
from sandbox.agency import API_KEY, FIRST

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE = 60_000


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """The demo's one address in a browser that can reach nothing else."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    troubles: list[str] = []
    async with serving() as address, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = await browser.new_context(viewport={"width": 1440, "height": 900})
        context.set_default_timeout(PATIENCE)
        page = await context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        await page.goto(address)
        yield page
        await browser.close()
    assert troubles == []


async def keep(page: Page, name: str) -> None:
    """Keep a picture when somebody wants them."""
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        await page.screenshot(path=Path(folder) / f"{name}.png")


def pane(page: Page, name: str) -> FrameLocator:
    """Return one of the three panes."""
    return page.frame_locator(f"iframe[title={name}]")


async def say(slack: FrameLocator, text: str) -> None:
    """Type into the channel."""
    box = slack.get_by_role("textbox", name="Message #invoices")
    await box.fill(text)
    await slack.get_by_role("button", name="Send").click()
    await expect(box, "what was typed has left").to_have_value("")


async def connect(page: Page) -> None:
    """Connect both sides: two pages in tabs of their own, then a channel."""
    slack = pane(page, "Slack")
    await slack.get_by_role("button", name="# invoices").click()
    await say(slack, "/paymo-xero connect")
    form = slack.get_by_role("dialog", name="Connect Paymo & Xero")
    await expect(form).to_be_visible(timeout=PATIENCE)
    await keep(page, "1-connect")
    await give_key(page, form)
    await consent(page, form)
    await expect(form).to_contain_text("Harbour Lane Studio Ltd", timeout=PATIENCE)
    await form.get_by_role("combobox", name="Where should notices go?").select_option("# invoices")
    await form.get_by_role("button", name="Finish").click()
    subscribed = "subscribed this channel"
    await expect(slack.get_by_label("Messages")).to_contain_text(subscribed, timeout=PATIENCE)
    await slack.get_by_role("button", name="Dismiss all").click()


async def give_key(page: Page, form: Locator) -> None:
    """Paste the key into the page that opens."""
    async with page.context.expect_page() as opened:
        await form.get_by_role("link", name="Connect Paymo").click()
    tab = await opened.value
    await expect(tab.get_by_role("heading", level=1)).to_contain_text("Connect Paymo to")
    await tab.locator("[name=api_key]").fill(API_KEY)
    await tab.get_by_role("checkbox").check()
    await tab.get_by_role("button").first.click()
    await expect(tab.locator("body")).to_contain_text("Harbour Lane Studio")
    await tab.close()


async def consent(page: Page, form: Locator) -> None:
    """Allow the access at Xero."""
    async with page.context.expect_page() as opened:
        await form.get_by_role("link", name="Connect Xero").click()
    tab = await opened.value
    await tab.get_by_role("checkbox").check()
    await tab.get_by_role("button", name="Continue to Xero").click()
    await expect(tab.get_by_role("button", name="Allow access")).to_be_visible()
    await keep(tab, "2-consent")
    await tab.get_by_role("button", name="Allow access").click()
    await expect(tab.locator("body")).to_contain_text("Harbour Lane Studio Ltd")
    await tab.close()


async def export(page: Page) -> None:
    """Look at the invoice, choose the account, and press the button."""
    slack = pane(page, "Slack")
    await say(slack, f"/paymo-xero export {FIRST}")
    form = slack.get_by_role("dialog", name="Export Invoice")
    await expect(form).to_contain_text("Checks", timeout=PATIENCE)
    await form.get_by_role("combobox", name="Account in Xero").click()
    await form.get_by_role("option", name="Sales (200)").click()
    await expect(form).to_contain_text("20 % on both sides", timeout=PATIENCE)
    await page.set_viewport_size({"width": 1440, "height": 1760})
    await keep(page, "3-export")
    await page.set_viewport_size({"width": 1440, "height": 900})
    await form.get_by_role("button", name="Export Invoice").click()
    await expect(form).to_contain_text("was exported", timeout=PATIENCE)
    await keep(page, "4-exported")
    await slack.get_by_role("button", name="Dismiss all").click()


async def pay(page: Page) -> None:
    """Add a payment in Xero, of everything that is left."""
    xero = pane(page, "Xero")
    await page.get_by_role("tab", name="Xero").click()
    await xero.get_by_role("link", name="Invoices").click()
    await xero.get_by_role("link", name=FIRST).click()
    await expect(xero.get_by_role("button", name="Add payment")).to_be_visible()
    await keep(page, "5-xero")
    await xero.get_by_role("button", name="Add payment").click()


async def export_the_rest(page: Page) -> None:
    """Look at the table of everything that was sent, and press once."""
    slack = pane(page, "Slack")
    await page.get_by_role("tab", name="Slack").click()
    await say(slack, "/paymo-xero export all")
    form = slack.get_by_role("dialog", name="Export Invoices")
    await expect(form).to_contain_text("Ready", timeout=PATIENCE)
    await keep(page, "8-batch")
    await form.get_by_role("button", name=re.compile("Export . Invoice")).click()
    await expect(form).to_contain_text("3 invoices exported to Harbour Lane", timeout=PATIENCE)
    await keep(page, "9-report")
    await slack.get_by_role("button", name="Dismiss all").click()
    # Each card that arrives draws the channel anew, under whoever presses a button just then.
    cards = slack.get_by_label("Messages").get_by_role("article")
    exported = cards.filter(has_text="Exported to Harbour Lane Studio Ltd")
    await expect(exported).to_have_count(4, timeout=PATIENCE)


async def take_back(page: Page, number: str) -> None:
    """Undo an export, and see that it is said."""
    slack = pane(page, "Slack")
    await say(slack, f"/paymo-xero undo {number}")
    messages = slack.get_by_label("Messages")
    asked = messages.get_by_role("listitem").filter(has_text=f"Take {number}")
    await asked.get_by_role("button", name="Undo").click()
    await expect(messages).to_contain_text("can be exported again", timeout=PATIENCE)


async def test_a_newcomer_gets_from_connecting_to_a_paid_invoice(page: Page) -> None:
    """Every step on the page is ticked off, in a real browser without a network."""
    await connect(page)
    await export(page)
    await pay(page)
    await page.get_by_role("tab", name="Slack").click()
    messages = pane(page, "Slack").get_by_label("Messages")
    await expect(messages).to_contain_text("paid", timeout=PATIENCE)
    await expect(page.get_by_role("status")).to_be_visible(timeout=PATIENCE)
    await keep(page, "6-notice")
    await page.get_by_role("tab", name="Paymo").click()
    paymo = pane(page, "Paymo")
    await paymo.get_by_role("link", name=FIRST).click()
    await expect(paymo.get_by_role("heading", name=f"Invoice {FIRST}")).to_contain_text("paid")
    await keep(page, "7-paymo")
    await export_the_rest(page)
    await take_back(page, "INV-2046")
