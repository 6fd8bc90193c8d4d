"""The demo, connected, by somebody who uses no mouse: every act, and where the focus is then."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest
from playwright.async_api import Locator, expect

from sandbox.agency import TWIN
from tests.browser import PATIENCE
from tests.hands import Keys
from tests.tour import Tour

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
        """Move the focus, stop by stop, until it is there."""
        await Keys().reach(what, key)

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

    async def link(self) -> None:
        """Export what somebody typed into Xero as well, and link the two instead."""
        form = await self.type(f"/paymo-xero export {TWIN}")
        account = form.get_by_role("combobox", name="Account")
        await Keys().pick(account, form.get_by_role("option", name="Sales (200)"), "sales")
        await expect(form).to_contain_text("Ready to export", timeout=PATIENCE)
        await Keys().press(form.get_by_role("button", name="Export Invoice"))
        await Keys().press(form.get_by_role("button", name="Link to That Invoice"))
        await expect(form).to_contain_text("exported", timeout=PATIENCE)
        await self.press("Escape")
        card = self.tour.messages.get_by_role("article").filter(has_text=TWIN)
        await expect(card.first).to_be_visible(timeout=PATIENCE)
