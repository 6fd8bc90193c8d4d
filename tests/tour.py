"""The tour: a newcomer's way through the demo in Chromium, with the pictures of the documents.

`make tour` writes them; the same walk is a test.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import FrameLocator, Locator, Page, ViewportSize, expect

from sandbox.agency import API_KEY, FIRST
from tests.browser import PATIENCE, fits
from tests.hands import Hand, Mouse

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


# What is there for the moment only: the pointer's traces, the focus, what lies behind.
_CALM = """
  dialog { border-radius: 0 !important; }
  dialog::backdrop { background: var(--paper) !important; }
  #title { visibility: hidden !important; }
  #top ~ main { padding-bottom: 1.5rem !important; }
  .message:hover { background: none !important; }
  :focus, :focus-visible, :focus-within { outline: 0 !important; }
  #composer, #composer:focus-within { border-color: transparent; box-shadow: none; }
"""
_BEYOND = "(body) => body.scrollHeight - body.clientHeight"
_SETTLED = """(node) => new Promise((done) => {
  let before = "";
  const timer = setInterval(() => {
    const now = node.innerHTML + JSON.stringify(node.getBoundingClientRect());
    if (now === before) { clearInterval(timer); done(); }
    before = now;
  }, 300);
})"""


@dataclass(frozen=True, slots=True)
class Tour:
    """The demo's page, who walks it, and where pictures are kept: nowhere without a folder."""

    page: Page
    folder: Path | None = None
    hand: Hand = field(default_factory=Mouse)
    is_judged: bool = False

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
        await self.hand.turn(self.page.get_by_role("tab", name=name))
        return self.pane(name)

    async def show(
        self, name: str, what: Page | Locator, *, size: ViewportSize | None = None
    ) -> None:
        """Keep a picture of a part, in a window of this size; or judge all that is in view."""
        assert name in PICTURES
        page = what.page if isinstance(what, Locator) else what
        await self.judge(page, name)
        if self.folder is None:
            return
        await page.set_viewport_size(size or USUAL)
        if isinstance(what, Locator):
            await what.evaluate(_SETTLED)
        path, style = self.folder / f"{name}.png", _CALM if isinstance(what, Locator) else ""
        await what.screenshot(path=path, animations="disabled", style=style)
        await page.set_viewport_size(USUAL)

    async def judge(self, page: Page, name: str) -> None:
        """Judge all that is in view, where no pictures are taken."""
        if self.is_judged:
            await fits(page, name)

    async def say(self, text: str) -> None:
        """Type a message where one is."""
        box = self.slack.locator("#typed")
        await self.hand.write(box, text)
        await self.hand.press(self.slack.get_by_role("button", name="Send"))
        await expect(box, "what was typed has left").to_have_value("")

    async def close(self) -> None:
        """Close every form; what is typed behind one that still stands there is lost."""
        await self.hand.press(self.slack.get_by_role("button", name="Dismiss all"))
        await expect(self.slack.get_by_role("dialog")).to_be_hidden(timeout=PATIENCE)

    async def connect(self) -> None:
        """Connect both sides: two pages in tabs of their own, then a channel."""
        await self.hand.press(self.slack.get_by_role("button", name="# invoices"))
        await self.say("/paymo-xero connect")
        form = self.slack.get_by_role("dialog")
        await expect(form.get_by_role("link", name="Connect Paymo")).to_be_visible(timeout=PATIENCE)
        await self.show("connect", form)
        await self._give_key(form)
        await self._consent(form)
        await expect(form).to_contain_text("Harbour Lane Studio Ltd", timeout=PATIENCE)
        channel = form.get_by_role("combobox").filter(has_text="# invoices")
        await self.hand.choose(channel, "# invoices")
        await self.hand.press(form.get_by_role("button", name="Finish"))
        subscribed = self.messages.get_by_role("article")
        await expect(subscribed).not_to_have_count(0, timeout=PATIENCE)

    async def check(self) -> None:
        """See what of the last 90 days can be exported; the form that connected offers it."""
        form = self.slack.get_by_role("dialog")
        await self.hand.press(form.get_by_role("button", name="Check My Last 90 Days"))
        await expect(form).to_contain_text("ready to export", timeout=PATIENCE)
        await self.show("recent", form, size=TALL)
        await self.close()

    async def _give_key(self, form: Locator) -> None:
        """Paste the key into the page that opens."""
        async with self.page.context.expect_page() as opened:
            await self.hand.press(form.get_by_role("link", name="Connect Paymo"))
        tab = await opened.value
        await self.show("key", tab.locator(".sheet"), size=NARROW)
        await self.hand.write(tab.locator("[name=api_key]"), API_KEY)
        await self.hand.tick(tab.locator("[name=is_me]"))
        await self.hand.press(tab.get_by_role("button", name="Connect"))
        await expect(tab.locator("body")).to_contain_text("Harbour Lane Studio")
        await self.judge(tab, "connected")
        await tab.close()
        await self.page.bring_to_front()

    async def _consent(self, form: Locator) -> None:
        """Allow the access at Xero."""
        async with self.page.context.expect_page() as opened:
            await self.hand.press(form.get_by_role("link", name="Connect Xero"))
        tab = await opened.value
        await self.hand.tick(tab.locator("[name=is_me]"))
        await self.hand.press(tab.get_by_role("button", name="Continue to Xero"))
        await expect(tab.get_by_role("button", name="Allow access")).to_be_visible()
        await self.hand.press(tab.get_by_role("button", name="Allow access"))
        await expect(tab.locator("body")).to_contain_text("Harbour Lane Studio Ltd")
        await self.judge(tab, "connected")
        await tab.close()
        await self.page.bring_to_front()

    async def export(self, number: str = FIRST) -> None:
        """Look at the invoice, choose the account, and press the button."""
        await self.say(f"/paymo-xero export {number}")
        form = self.slack.get_by_role("dialog")
        account = form.get_by_role("combobox", name="Account")
        judged = re.compile("1 thing to fix|Ready to export")
        await expect(form).to_contain_text(judged, timeout=PATIENCE)
        await self.is_seen_whole(form)
        await self.hand.pick(account, form.get_by_role("option", name="Sales (200)"), "sales")
        await expect(form).to_contain_text("Ready to export", timeout=PATIENCE)
        await self.is_seen_whole(form)
        await self.show("form", form, size=TALL)
        await self.hand.press(form.get_by_role("button", name="Export Invoice"))
        await expect(form).to_contain_text("exported", timeout=PATIENCE)
        await self.close()

    async def is_seen_whole(self, form: Locator) -> None:
        """See a form from its title to its buttons without scrolling, in a window of 900 pixels."""
        assert self.page.viewport_size == USUAL
        for part in ("h2", ".body > :first-child", ".body > :last-child", "footer"):
            await expect(form.locator(part), part).to_be_in_viewport(ratio=1)
        hidden = await form.locator(".body").evaluate(_BEYOND)
        assert hidden <= 0, f"{hidden} pixels are out of view"

    async def pay(self) -> None:
        """Add a payment in Xero, of everything that is left."""
        xero = await self.open("Xero")
        await self.hand.press(xero.get_by_role("link", name="Invoices"))
        await self.hand.press(xero.get_by_role("link", name=FIRST))
        await expect(xero.get_by_role("button", name="Add payment")).to_be_visible()
        await self.hand.press(xero.get_by_role("button", name="Add payment"))

    async def see_it_paid(self) -> None:
        """Find the payment in the channel and in Paymo."""
        await self.open("Slack")
        card = self.messages.get_by_role("listitem").filter(has_text=FIRST).first
        await expect(card.get_by_label("Thread")).to_contain_text("2,652.00", timeout=PATIENCE)
        await expect(self.page.locator("#done")).to_be_visible(timeout=PATIENCE)
        await self.show("card", card)
        await self.show("demo", self.page, size=SMALL)
        paymo = await self.open("Paymo")
        await self.hand.press(paymo.get_by_role("link", name=FIRST))
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
        await self.hand.press(form.get_by_role("button", name="Subscribe"))
        await expect(form).to_contain_text("The digest comes weekly at 07:00", timeout=PATIENCE)
        await self.close()

    async def read_the_digest(self) -> None:
        """Find the digest in the channel, with its pictures and its table."""
        digest = self.messages.get_by_role("article").filter(has=self.slack.get_by_role("table"))
        await expect(digest).to_contain_text("Differences", timeout=PATIENCE)
        await self.show("digest", digest, size=TALL)

    async def look_at_home(self) -> None:
        """Open the app's Home from where a card says who chooses what the channel gets."""
        await self.hand.press(self.messages.get_by_role("link", name="Manage notifications").last)
        home = self.slack.get_by_role("tabpanel")
        await expect(home.get_by_role("button")).not_to_have_count(0, timeout=PATIENCE)
        if self.folder is not None:
            await home.evaluate("(node) => { node.style.flex = 'none'; }")  # end with its text
        await self.show("home", home, size=TALL)
