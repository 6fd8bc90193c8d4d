"""A browser for tests of pages, and what must be true of each: nothing cut off, axe satisfied."""

import itertools
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, BrowserContext, Frame, Page, async_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = Path(__file__).parents[1] / ".venv/axe/node_modules/axe-core/axe.min.js"
PATIENCE = 60_000
WIDTHS = (320, 900, 1280, 1440)
JUDGED = (320, 1280)
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
_JUDGE = """async () => {
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const { violations } = await axe.run(document, { runOnly: tags, iframes: false });
  const told = (rule, node) => `${rule.id}: ${node.html.slice(0, 160)} (${node.failureSummary})`;
  return violations.flatMap((rule) => rule.nodes.map((node) => told(rule, node)));
}"""
_CUT_OFF = """() => {
  const wide = document.documentElement.clientWidth;
  const shown = [...document.body.querySelectorAll("*")].filter((node) =>
    node.checkVisibility({ visibilityProperty: true })
    && !node.closest(".scroll, .unseen, svg, thead, input, select, textarea"));
  const isOut = (node) => node.getBoundingClientRect().right > wide + 1
    || (getComputedStyle(node).overflowX !== "visible" && node.scrollWidth > node.clientWidth + 1);
  return shown.filter(isOut).map((node) => node.outerHTML.slice(0, 160));
}"""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start a browser; without one the test is skipped."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


@asynccontextmanager
async def opened(browser: Browser, **settings: Any) -> AsyncIterator[Page]:
    """Return an empty page, and fail on errors in the scripts of what it shows."""
    troubles: list[str] = []
    async with await browser.new_context(**settings) as context:
        context.set_default_timeout(PATIENCE)
        page = await _watched(context, troubles)
        yield page
    assert troubles == []


async def _watched(context: BrowserContext, troubles: list[str]) -> Page:
    page = await context.new_page()
    page.on("pageerror", lambda error: troubles.append(str(error)))
    return page


async def cut_off(frame: Frame | Page) -> list[str]:
    """Return what reaches past the right edge."""
    found: list[str] = await frame.evaluate(_CUT_OFF)
    return found


async def findings(frame: Frame | Page) -> list[str]:
    """Return what axe finds wrong; without axe the test is skipped."""
    if not AXE.exists():
        pytest.skip("no axe here: make axe")
    if not await frame.evaluate("'axe' in window"):
        await frame.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[str] = await frame.evaluate(_JUDGE)
    return found


async def fits(page: Page, name: str, frames: Sequence[Frame] = ()) -> None:
    """Judge what is in view, light and dark: nothing is cut off, and axe finds nothing."""
    before = page.viewport_size
    for scheme, width in itertools.product(SCHEMES, WIDTHS):
        await page.emulate_media(color_scheme=scheme)
        await page.set_viewport_size({"width": width, "height": 900})
        for frame in frames or page.frames:
            wrong = await cut_off(frame)
            if width in JUDGED:
                wrong += await findings(frame)
            assert not wrong, (name, scheme, width, wrong)
    await page.emulate_media(color_scheme="light")
    if before is not None:
        await page.set_viewport_size(before)
