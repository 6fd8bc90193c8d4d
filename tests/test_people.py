"""Four people walk the demo in a browser, by mouse and by keyboard: what each sees, and may do."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from bot.demo import serving
from sandbox.agency import FIRST
from tests.browser import PATIENCE, chromium, opened
from tests.hands import Hand, Keys, Mouse
from tests.tour import USUAL, Tour

OWNER, BOOKKEEPER, MANAGER = "Anna, studio owner", "Ben, bookkeeper", "Mia, project manager"
ROOM, ELSEWHERE = "# invoices", "# general"
NAMES_AND_NUMBERS = re.compile("Lighthouse|Bird|Yoga|Studio Ltd|[£€$]|[0-9][0-9],[0-9]|INV-20")
ONLY_EXPORTERS = ("Export Invoice", "Match Clients", "Sync Now", "Notifications")


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """Return the demo in a browser, as it is before anybody came."""
    async with serving() as demo, chromium() as browser, opened(browser, viewport=USUAL) as page:
        await page.goto(demo.url)
        yield page


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever sits before the demo, and is one person after the other."""

    tour: Tour

    @property
    def hand(self) -> Hand:
        """What they use."""
        return self.tour.hand

    async def be(self, who: str, where: str) -> None:
        """Become somebody, in a channel."""
        people = self.tour.slack.get_by_role("combobox", name="You are")
        await self.hand.choose(people, who)
        await self.hand.press(self.button(where))
        await expect(self.button(where)).to_have_attribute("aria-current", "page")

    async def ask(self, text: str, words: str) -> Locator:
        """Type a command; return the answer that says this."""
        await self.tour.say(f"/paymo-xero {text}")
        answer = self.tour.messages.get_by_role("article").filter(has_text=words).last
        await expect(answer).to_be_visible(timeout=PATIENCE)
        return answer

    async def home(self, words: str) -> Locator:
        """Open the app's Home, and wait until it says this."""
        await self.hand.press(self.button("paymo-xero"))
        home = self.tour.slack.get_by_role("tabpanel", name="Home")
        await expect(home).to_contain_text(words, timeout=PATIENCE)
        return home

    def button(self, name: str) -> Locator:
        """Return a button of the workspace."""
        return self.tour.slack.get_by_role("button", name=name, exact=True)

    async def knows_nothing(self) -> None:
        """See neither names nor numbers on the whole screen."""
        seen = await self.tour.slack.locator("body").inner_text()
        assert NAMES_AND_NUMBERS.findall(seen) == []


@pytest.mark.parametrize("hand", [Mouse(), Keys()], ids=["mouse", "keyboard"])
async def test_four_people_walk_the_demo(page: Page, tmp_path: Path, hand: Hand) -> None:
    visitor = Visitor(Tour(page, tmp_path, hand))
    await newcomer_connects_and_is_paid(visitor)
    await manager_sees_nothing_and_asks(visitor)
    await bookkeeper_may_look_and_asks(visitor)
    await owner_answers_both(visitor)
    await bookkeeper_exports(visitor)
    await manager_may_look(visitor)


async def newcomer_connects_and_is_paid(visitor: Visitor) -> None:
    """Nothing is known of them: Home says what this is, and offers one thing."""
    home = await visitor.home("aren't connected yet")
    assert await home.get_by_role("button").all_inner_texts() == ["Connect", "Help"]
    await visitor.tour.connect()
    await visitor.tour.check()
    await visitor.tour.export()
    await visitor.tour.pay()
    await visitor.tour.see_it_paid()
    await visitor.tour.open("Slack")


async def manager_sees_nothing_and_asks(visitor: Visitor) -> None:
    """No role: not in the channel, in no answer, and not on Home."""
    await visitor.be(MANAGER, ELSEWHERE)
    await expect(visitor.button(ROOM)).to_have_count(0)
    for typed in (f"show {FIRST}", f"export {FIRST}", "overdue", "history"):
        await visitor.ask(typed, "You")
        await visitor.knows_nothing()
    home = await visitor.home("don't have access")
    assert await home.get_by_role("button").all_inner_texts() == ["Request Access", "Help"]
    await visitor.knows_nothing()
    await visitor.hand.press(home.get_by_role("button", name="Request Access"))
    said = visitor.tour.slack.get_by_role("dialog")
    await expect(said).to_contain_text("We've asked @Anna Berg", timeout=PATIENCE)
    await visitor.knows_nothing()
    await visitor.tour.close()


async def bookkeeper_may_look_and_asks(visitor: Visitor) -> None:
    """Who is in a subscribed channel sees its invoices, and exports none."""
    await visitor.be(BOOKKEEPER, ROOM)
    await visitor.ask(f"show {FIRST}", "£2,652.00")
    refusal = await visitor.ask("export INV-2043", "You need the exporter role")
    await visitor.hand.press(refusal.get_by_role("button", name="Request Access"))
    asked = visitor.tour.messages.get_by_role("article").filter(has_text="We've asked")
    await expect(asked.last).to_be_visible(timeout=PATIENCE)


async def owner_answers_both(visitor: Visitor) -> None:
    """One becomes an exporter, the other a viewer; the settings are the owner's."""
    await visitor.be(OWNER, ROOM)
    home = await visitor.home("asks for access")
    await expect(home.get_by_role("button", name="Settings")).to_be_visible()
    await visitor.hand.turn(visitor.tour.slack.get_by_role("tab", name="Messages"))
    asked = visitor.tour.messages.get_by_role("article")
    for who, role in (("Mia Novak", "As viewer"), ("Ben Okafor", "As exporter")):
        request = asked.filter(has_text=f"@{who} asks for access")
        await visitor.hand.choose(request.get_by_role("combobox").first, role)
        await visitor.hand.press(request.get_by_role("button", name="Allow"))
        await expect(request.get_by_role("button", name="Allow")).to_have_count(0, timeout=PATIENCE)
    await visitor.tour.say("/paymo-xero settings")
    form = visitor.tour.slack.get_by_role("dialog")
    await expect(form).to_contain_text("Who can export, besides you", timeout=PATIENCE)
    await visitor.tour.close()


async def bookkeeper_exports(visitor: Visitor) -> None:
    """An exporter does the daily work, and changes no settings."""
    await visitor.be(BOOKKEEPER, ROOM)
    await visitor.ask("settings", "Only the owner")
    home = await visitor.home("Ready to export")
    for name in ONLY_EXPORTERS:
        await expect(home.get_by_role("button", name=name, exact=True)).to_be_visible()
    await expect(home.get_by_role("button", name="Settings")).to_have_count(0)
    await visitor.hand.press(visitor.button(ROOM))
    await visitor.tour.export("INV-2043")
    card = visitor.tour.messages.get_by_role("article").filter(has_text="INV-2043")
    await expect(card.filter(has_text="@Ben Okafor").first).to_be_visible(timeout=PATIENCE)


async def manager_may_look(visitor: Visitor) -> None:
    """A viewer sees invoices anywhere, and exports none."""
    await visitor.be(MANAGER, ELSEWHERE)
    await visitor.ask(f"show {FIRST}", "£2,652.00")
    await visitor.ask("export INV-2044", "You need the exporter role")
    home = await visitor.home("Connected")
    for name in (*ONLY_EXPORTERS, "Settings"):
        await expect(home.get_by_role("button", name=name, exact=True)).to_have_count(0)
