"""The tour: a newcomer's way through the demo in Chromium, with the pictures of the documents.

`make tour` writes them; the same walk is a test.
"""

import itertools
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from playwright.async_api import FrameLocator, Locator, Page, ViewportSize, expect

from sandbox.agency import API_KEY, FIRST
from tests.browser import PATIENCE, SCHEMES, cut_off, findings

USUAL = ViewportSize(width=1440, height=900)
SMALL = ViewportSize(width=1280, height=860)
NARROW = ViewportSize(width=760, height=600)
TALL = ViewportSize(width=1440, height=1600)
PICTURES = {
    "demo": "the demo, every step done",
    "connect": "the checklist that connects both sides",
    "key": "the page that takes the key of Paymo",
    "recent": "what of the last 90 days can be exported, and what the rest needs",
    "form": "the form of an export",
    "card": "the invoice's card, with the payment in its thread",
    "paymo": "the paid invoice in Paymo",
    "batch": "everything that is ready, and what is not",
    "subscribe": "the form that chooses a channel's notifications, and when its digest comes",
    "digest": "a digest in its channel: figures, two pictures, and the table of both",
    "home": "the app's Home",
}


_SETTLED = """(node) => new Promise((done) => {
  let before = "";
  const timer = setInterval(() => {
    const now = node.innerHTML + JSON.stringify(node.getBoundingClientRect());
    if (now === before) { clearInterval(timer); done(); }
    before = now;
  }, 300);
})"""


# Within a second; by then the element may have been drawn anew.
_FOCUSED = """(node) => new Promise((done) => {
  let left = 20;
  const timer = setInterval(() => {
    window.focus();
    const isThere = node === document.activeElement && document.hasFocus();
    left -= 1;
    if (!isThere && left) return;
    clearInterval(timer);
    done(isThere);
  }, 50);
})"""


@dataclass(frozen=True, slots=True)
class Tour:
    """The demo's page, and where pictures are kept; nowhere when `folder` is None."""

    page: Page
    folder: Path | None = None

    @property
    def slack(self) -> FrameLocator:
        """The pane of Slack."""
        return self.pane("Slack")

    @property
    def messages(self) -> Locator:
        """What is said in the channel."""
        return self.slack.get_by_label("Messages")

    def pane(self, name: str) -> FrameLocator:
        """Return one of the three panes."""
        return self.page.frame_locator(f"iframe[title={name}]")

    async def open(self, name: str) -> FrameLocator:
        """Bring a pane into view."""
        await self.page.get_by_role("tab", name=name).click()
        return self.pane(name)

    async def show(
        self, name: str, what: Page | Locator, *, size: ViewportSize | None = None
    ) -> None:
        """Keep a picture of a part, in a window of this size; or judge all that is in view."""
        assert name in PICTURES
        page = what.page if isinstance(what, Locator) else what
        if self.folder is None:
            await self._judge(page)
            return
        await page.set_viewport_size(size or USUAL)
        if isinstance(what, Locator):
            await what.evaluate(_SETTLED)
        await what.screenshot(path=self.folder / f"{name}.png", animations="disabled")
        await page.set_viewport_size(USUAL)

    async def _judge(self, page: Page) -> None:
        """Nothing is cut off, and axe finds nothing, narrow and wide, light and dark."""
        if self.folder is not None:
            return
        for width, scheme in itertools.product((320, 1280), SCHEMES):
            await page.set_viewport_size({"width": width, "height": 900})
            await page.emulate_media(color_scheme=scheme)
            for frame in page.frames:
                assert (width, scheme, await cut_off(frame)) == (width, scheme, [])
                assert (width, scheme, await findings(frame)) == (width, scheme, [])
        await page.emulate_media(color_scheme="light")
        await page.set_viewport_size(USUAL)

    async def say(self, text: str) -> None:
        """Type into the channel."""
        box = self.slack.get_by_role("textbox", name="Message #invoices")
        await box.fill(text)
        await self.slack.get_by_role("button", name="Send").click()
        await expect(box, "what was typed has left").to_have_value("")

    async def close(self) -> None:
        """Close every form; what is typed behind one that still stands there is lost."""
        await self.slack.get_by_role("button", name="Dismiss all").click()
        await expect(self.slack.get_by_role("dialog")).to_be_hidden(timeout=PATIENCE)

    async def connect(self) -> None:
        """Connect both sides: two pages in tabs of their own, then a channel."""
        await self.slack.get_by_role("button", name="# invoices").click()
        await self.say("/paymo-xero connect")
        form = self.slack.get_by_role("dialog")
        await expect(form.get_by_role("link", name="Connect Paymo")).to_be_visible(timeout=PATIENCE)
        await self.show("connect", form)
        await self._give_key(form)
        await self._consent(form)
        await expect(form).to_contain_text("Harbour Lane Studio Ltd", timeout=PATIENCE)
        channel = form.get_by_role("combobox").filter(has_text="# invoices")
        await channel.select_option("# invoices")
        await form.get_by_role("button", name="Finish").click()
        subscribed = self.messages.get_by_role("article")
        await expect(subscribed).not_to_have_count(0, timeout=PATIENCE)

    async def check(self) -> None:
        """See what of the last 90 days can be exported; the form that connected offers it."""
        form = self.slack.get_by_role("dialog")
        await form.get_by_role("button", name="Check My Last 90 Days").click()
        await expect(form).to_contain_text("ready to export", timeout=PATIENCE)
        await self.show("recent", form, size=TALL)
        await self.close()

    async def _give_key(self, form: Locator) -> None:
        """Paste the key into the page that opens."""
        async with self.page.context.expect_page() as opened:
            await form.get_by_role("link", name="Connect Paymo").click()
        tab = await opened.value
        await self.show("key", tab.locator(".sheet"), size=NARROW)
        await tab.locator("[name=api_key]").fill(API_KEY)
        await tab.locator("[name=is_me]").check()
        await tab.get_by_role("button", name="Connect").click()
        await expect(tab.locator("body")).to_contain_text("Harbour Lane Studio")
        await self._judge(tab)
        await tab.close()

    async def _consent(self, form: Locator) -> None:
        """Allow the access at Xero."""
        async with self.page.context.expect_page() as opened:
            await form.get_by_role("link", name="Connect Xero").click()
        tab = await opened.value
        await tab.locator("[name=is_me]").check()
        await tab.get_by_role("button", name="Continue to Xero").click()
        await expect(tab.get_by_role("button", name="Allow access")).to_be_visible()
        await tab.get_by_role("button", name="Allow access").click()
        await expect(tab.locator("body")).to_contain_text("Harbour Lane Studio Ltd")
        await self._judge(tab)
        await tab.close()

    async def export(self) -> None:
        """Look at the invoice, choose the account, and press the button."""
        await self.say(f"/paymo-xero export {FIRST}")
        form = self.slack.get_by_role("dialog")
        account = form.get_by_role("combobox", name="Account")
        await account.click(timeout=PATIENCE)
        await form.get_by_role("option", name="Sales (200)").click()
        await expect(form).to_contain_text("Ready to export", timeout=PATIENCE)
        await self.show("form", form, size=TALL)
        await form.get_by_role("button", name="Export Invoice").click()
        await expect(form).to_contain_text("exported", timeout=PATIENCE)
        await self.close()

    async def pay(self) -> None:
        """Add a payment in Xero, of everything that is left."""
        xero = await self.open("Xero")
        await xero.get_by_role("link", name="Invoices").click()
        await xero.get_by_role("link", name=FIRST).click()
        await expect(xero.get_by_role("button", name="Add payment")).to_be_visible()
        await xero.get_by_role("button", name="Add payment").click()

    async def see_it_paid(self) -> None:
        """Find the payment in the channel and in Paymo."""
        await self.open("Slack")
        card = self.messages.get_by_role("listitem").filter(has_text=FIRST).first
        await expect(card.get_by_label("Thread")).to_contain_text("2,652.00", timeout=PATIENCE)
        await expect(self.page.locator("#done")).to_be_visible(timeout=PATIENCE)
        await self.show("card", card)
        await self.show("demo", self.page, size=SMALL)
        paymo = await self.open("Paymo")
        await paymo.get_by_role("link", name=FIRST).click()
        heading = paymo.get_by_role("heading", name=f"Invoice {FIRST}")
        await expect(heading).to_contain_text("paid")
        await self.show("paymo", paymo.get_by_role("main"), size=TALL)

    async def export_the_rest(self) -> None:
        """Look at the table of everything that was sent, and press once."""
        await self.open("Slack")
        await self.say("/paymo-xero export all")
        form = self.slack.get_by_role("dialog")
        go = form.get_by_role("button", name=re.compile(r"Export \d+ Invoice"))
        await expect(go).to_be_visible(timeout=PATIENCE)
        await self.show("batch", form, size=TALL)
        await go.click()
        await expect(form).to_contain_text(re.compile(r"\d invoices exported"), timeout=PATIENCE)
        await self.close()
        summary = self.messages.get_by_role("article").filter(has_text="3 invoices exported")
        await expect(summary).to_be_visible(timeout=PATIENCE)

    async def undo(self, number: str) -> None:
        """Undo an export, and see that it is said."""
        await self.say(f"/paymo-xero undo {number}")
        answers = self.messages.get_by_role("article").filter(has_text="Only visible to you")
        await answers.filter(has_text=number).get_by_role("button", name="Undo").click()
        form = self.slack.get_by_role("dialog")
        await expect(form).to_contain_text("exported again", timeout=PATIENCE)
        await self.close()

    async def choose_a_digest(self) -> None:
        """Choose a weekly digest for the channel."""
        await self.say("/paymo-xero subscribe")
        form = self.slack.get_by_role("dialog")
        topic = form.get_by_role("checkbox", name=re.compile("^Digest"))
        await topic.check(timeout=PATIENCE)
        await form.get_by_role("combobox", name="Digest schedule").select_option("weekly")
        await self.show("subscribe", form, size=TALL)
        await form.get_by_role("button", name="Subscribe").click()
        await expect(form).to_contain_text("The digest comes weekly at 07:00", timeout=PATIENCE)
        await self.close()

    async def read_the_digest(self) -> None:
        """Find the digest in the channel, with its pictures and its table."""
        digest = self.messages.get_by_role("article").filter(has=self.slack.get_by_role("table"))
        await expect(digest).to_contain_text("Differences", timeout=PATIENCE)
        await self.show("digest", digest, size=TALL)

    async def look_at_home(self) -> None:
        """Open the app's Home from where a card says who chooses what the channel gets."""
        await self.messages.get_by_role("link", name="Manage notifications").last.click()
        home = self.slack.get_by_role("tabpanel")
        await expect(home.get_by_role("button")).not_to_have_count(0, timeout=PATIENCE)
        if self.folder is not None:
            await home.evaluate("(node) => { node.style.flex = 'none'; }")  # end with its text
        await self.show("home", home, size=TALL)


@dataclass(frozen=True, slots=True)
class Keyboard:
    """The same demo, connected, by somebody who uses no mouse."""

    tour: Tour

    @property
    def composer(self) -> Locator:
        """Where commands are typed."""
        return self.tour.slack.get_by_role("textbox", name="Message #invoices")

    async def press(self, *keys: str) -> None:
        """Press these keys, one after the other."""
        for key in keys:
            await self.tour.page.keyboard.press(key)

    async def is_at(self, what: Locator) -> None:
        """Wait until the focus is there; a tab that closes late may take the window's own."""
        for _ in range(60):
            if await what.evaluate(_FOCUSED):
                return
        pytest.fail(f"has not the focus: {what}")

    async def reach(self, what: Locator, key: str = "Tab") -> None:
        """Move the focus, step by step, until it is there."""
        await expect(what).to_be_visible(timeout=PATIENCE)
        for _ in range(60):
            if await what.evaluate("(node) => node === document.activeElement"):
                return
            await self.press(key)
        pytest.fail(f"cannot be reached by keyboard: {what}")

    async def type(self, text: str) -> Locator:
        """Type a command, and return the form that it opens."""
        await self.is_at(self.composer)
        await self.tour.page.keyboard.type(text)
        await self.press("Enter")
        return self.tour.slack.get_by_role("dialog")

    async def export_with_a_date(self, number: str) -> None:
        """Choose an account from its menu and a due date in its field, and export."""
        await self.tour.page.bring_to_front()
        await self.composer.click()
        form = await self.type(f"/paymo-xero export {number}")
        first = form.get_by_role("combobox", name="Invoice in Paymo")
        await self.is_at(first)
        await self.reach(form.get_by_role("combobox", name="Account"))
        await self.tour.page.keyboard.type("sales")
        await expect(form.get_by_role("option", name="Sales (200)")).to_be_visible(timeout=PATIENCE)
        await self.press("ArrowDown", "Enter")
        await expect(form).to_contain_text("1 thing to fix", timeout=PATIENCE)
        await self.reach(form.get_by_label("Due date in Xero"))
        # Typed the same way wherever a browser comes from.
        due = date(datetime.now(UTC).year + 1, 12, 12)
        await self.tour.page.keyboard.type(f"{due:%d%m%Y}")
        await self.press("Enter")
        await expect(form).to_contain_text("Ready to export", timeout=PATIENCE)
        await expect(form.get_by_label("Due date in Xero")).to_have_value(f"{due:%Y-%m-%d}")
        await self.reach(form.get_by_role("button", name="Export Invoice"))
        await self.press("Enter")
        await expect(form).to_contain_text("exported", timeout=PATIENCE)
        await self.press("Escape")

    async def come_back(self) -> None:
        """Go from Xero's pane, which the next step is about, to Slack's."""
        slack, xero = (self.tour.page.get_by_role("tab", name=name) for name in ("Slack", "Xero"))
        await expect(xero).to_have_attribute("aria-selected", "true", timeout=PATIENCE)
        await self.reach(xero, "Shift+Tab")
        await self.press("ArrowLeft")
        await self.is_at(slack)
        await self.reach(self.composer)

    async def select_and_fix(self) -> None:
        """Clear a box of the table of everything, open what needs a fix, and come back to it."""
        await self.come_back()
        form = await self.type("/paymo-xero export all")
        box = form.get_by_role("checkbox").first
        await self.reach(box)
        await self.press("Space")
        await expect(form).to_contain_text("3 of 4 selected", timeout=PATIENCE)
        await self.is_at(box)
        fix = form.get_by_role("button", name=re.compile("Fix")).first
        await self.reach(fix)
        await self.press("Enter")
        first = form.get_by_role("combobox", name="Invoice in Paymo")
        await self.is_at(first)
        await self.press("Escape")
        await self.is_at(fix)
        match = form.get_by_role("button", name=re.compile("Match Client|Choose Account")).first
        await self.reach(match, "Shift+Tab")
        await self.press("Enter")
        await self.is_at(form.get_by_role("combobox", name="Client in Paymo"))
        await self.press("Escape")
        await self.is_at(match)
        await self.press("Escape")

    async def open_from_home(self) -> None:
        """Open a form from Home, and come back to its button."""
        await self.is_at(self.composer)
        await self.reach(self.tour.slack.get_by_role("button", name="paymo-xero"), "Shift+Tab")
        await self.press("Enter")
        opener = self.tour.slack.get_by_role("button", name="Match Clients")
        await self.reach(opener)
        await self.press("Enter")
        form = self.tour.slack.get_by_role("dialog")
        await self.is_at(form.get_by_role("combobox").first)
        await self.press("Escape")
        await self.is_at(opener)
        await self.reach(self.tour.slack.get_by_role("button", name="# invoices"), "Shift+Tab")
        await self.press("Enter")

    async def undo(self, number: str) -> None:
        """Press a card's button, say yes to its question, and read what came of it."""
        card = self.tour.messages.get_by_role("listitem").filter(has_text=number).first
        await self.reach(card.get_by_role("button", name="Undo"), "Shift+Tab")
        await self.press("Enter")
        question = self.tour.slack.get_by_role("dialog", name="Undo this export?")
        await self.reach(question.get_by_role("button", name="Undo"))
        await self.press("Enter")
        form = self.tour.slack.get_by_role("dialog")
        await expect(form).to_contain_text("exported again", timeout=PATIENCE)
        await self.press("Escape")
        await expect(form).to_be_hidden(timeout=PATIENCE)
