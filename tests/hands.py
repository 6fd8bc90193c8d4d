"""Two ways to use a page: with a mouse, or with nothing but the keys."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

import pytest
from playwright.async_api import Locator, expect

from tests.browser import PATIENCE

_MOST_STOPS = 200
# Within the page's own frame, which must have the window's focus as well.
_FOCUSED = "(node) => node === document.activeElement && document.hasFocus()"
_OPTIONS = """(node) => [node.selectedIndex, ...[...node.options].map((each) => each.text)]"""


class Hand(Protocol):
    """What a person does to what they see."""

    async def press(self, what: Locator) -> None:
        """Press a button, or follow a link."""

    async def write(self, what: Locator, text: str) -> None:
        """Write into a field, over what stands there."""

    async def tick(self, what: Locator) -> None:
        """Tick a box."""

    async def choose(self, menu: Locator, label: str) -> None:
        """Choose from a menu that lists all it has."""

    async def pick(self, menu: Locator, option: Locator, typed: str) -> None:
        """Choose from a menu that looks for what is typed."""

    async def turn(self, tab: Locator) -> None:
        """Turn to a tab."""


@dataclass(frozen=True, slots=True)
class Mouse:
    """Points and clicks."""

    async def press(self, what: Locator) -> None:
        """Click it."""
        await what.click(timeout=PATIENCE)

    async def write(self, what: Locator, text: str) -> None:
        """Put the text in."""
        await what.fill(text, timeout=PATIENCE)

    async def tick(self, what: Locator) -> None:
        """Click it, unless it is ticked."""
        await what.check(timeout=PATIENCE)

    async def choose(self, menu: Locator, label: str) -> None:
        """Click the option."""
        await menu.select_option(label=label, timeout=PATIENCE)

    async def pick(self, menu: Locator, option: Locator, typed: str) -> None:
        """Open the menu, and click what it offers."""
        del typed
        await menu.click(timeout=PATIENCE)
        await option.click(timeout=PATIENCE)

    async def turn(self, tab: Locator) -> None:
        """Click it."""
        await tab.click(timeout=PATIENCE)


@dataclass(frozen=True, slots=True)
class Keys:
    """Goes from stop to stop."""

    async def reach(self, what: Locator, key: str = "Tab") -> None:
        """Move the focus, stop by stop, until it is there."""
        await expect(what).to_be_visible(timeout=PATIENCE)
        for _ in range(_MOST_STOPS):
            if await what.evaluate(_FOCUSED):
                return
            await what.page.keyboard.press(key)
        pytest.fail(f"cannot be reached by keyboard: {what}")

    async def press(self, what: Locator) -> None:
        """Go there, and press Enter."""
        await self.reach(what)
        await what.page.keyboard.press("Enter")

    async def write(self, what: Locator, text: str) -> None:
        """Go there, and type."""
        await self.reach(what)
        await what.page.keyboard.press("ControlOrMeta+a")
        await what.page.keyboard.type(text)

    async def tick(self, what: Locator) -> None:
        """Go there, and press Space."""
        await self.reach(what)
        if not await what.is_checked():
            await what.page.keyboard.press("Space")
        await expect(what).to_be_checked(timeout=PATIENCE)

    async def choose(self, menu: Locator, label: str) -> None:
        """Go there, and on with the arrows; the menu may be drawn anew at each."""
        async with asyncio.timeout(PATIENCE / 1000):
            while True:
                await self.reach(menu)
                here, *labels = await menu.evaluate(_OPTIONS)
                if here >= 0 and labels[here] == label:
                    return
                key = "ArrowDown" if here < labels.index(label) else "ArrowUp"
                await menu.page.keyboard.press(key)

    async def pick(self, menu: Locator, option: Locator, typed: str) -> None:
        """Go there, type, and take the first that is offered."""
        await self.write(menu, typed)
        await expect(option).to_be_visible(timeout=PATIENCE)
        await menu.page.keyboard.press("ArrowDown")
        await menu.page.keyboard.press("Enter")

    async def turn(self, tab: Locator) -> None:
        """Go to the tabs, and on with the arrows."""
        chosen = tab.locator("xpath=..").get_by_role("tab", selected=True)
        async with asyncio.timeout(PATIENCE / 1000):
            while await tab.get_attribute("aria-selected") != "true":
                await self.reach(chosen)
                await tab.page.keyboard.press("ArrowRight")
