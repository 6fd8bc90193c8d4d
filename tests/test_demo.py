"""The demo in a browser: a newcomer goes from connecting to a paid invoice with its notification.

With TOUR set to a folder the pictures of the documents are written there: `make tour`.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect
from sqlalchemy import select

from bot.demo import Demo, serving
from handlers import words
from sandbox.agency import FIRST
from services.model.wording import Command
from services.reconcile.service import ask_digest
from services.store.reconciling import Period
from services.store.tables import Connection, Subscription
from tests.browser import PATIENCE, chromium, fits, opened
from tests.keyboard import Keyboard
from tests.tour import PICTURES, USUAL, Tour

ROOT = Path(__file__).parent.parent
_A_FEW_FRAMES = """() => new Promise((done) => {
  let left = 10;
  const next = () => (left-- ? requestAnimationFrame(next) : done());
  next();
})"""
SLACK = "Harbour Lane Studio · Slack (stand-in)"
ANSWERS = {
    words.PANEL: ("", "Connected"),
    Command.HELP: ("help", "/paymo-xero export INV-1"),
    Command.STATUS: ("status", "Sync:"),
    Command.EXPORT: ("export INV-2047", "doesn't use USD"),
    words.ALL: ("export all", "Ready:"),
    words.SEVERAL: ("export INV-2043 INV-2048", "selected"),
    Command.SHOW: (f"show {FIRST}", "£2,652.00"),
    Command.WHY: ("why INV-2047", "doesn't use USD"),
    Command.HISTORY: ("history", "connected Xero"),
    Command.OVERDUE: ("overdue", "overdue"),
    Command.CLIENT: ("client Lighthouse", "Lighthouse Coffee"),
    Command.SYNC: ("sync", "Harbour Lane Studio Ltd"),
    Command.RECONCILE: ("reconcile", "agree"),
    Command.UNDO: (f"undo {FIRST}", "Undo"),
    Command.RESTORE: (f"restore {FIRST}", FIRST),
    Command.MATCH: ("match", "Client in Paymo"),
    Command.SUBSCRIBE: ("subscribe", "Notify the channel about"),
    Command.UNSUBSCRIBE: ("unsubscribe", "notifications"),
    Command.SETTINGS: ("settings", "Who can export, besides you"),
    Command.CONNECT: ("connect", "Connect"),
    Command.DISCONNECT: ("disconnect", "Disconnect"),
}
_IMAGE = re.compile(r"!\[[^\]]+\]\((?:docs/)?images/([a-z-]+)\.png\)")


@pytest.fixture
async def demo() -> AsyncIterator[Demo]:
    """Return the demo as it is served."""
    async with serving() as demo:
        yield demo


@pytest.fixture
async def page(demo: Demo) -> AsyncIterator[Page]:
    """Return the demo's one address in a browser that can reach nothing else."""
    async with chromium() as browser, opened(browser, viewport=USUAL, locale="en-GB") as page:
        await page.goto(demo.url)
        yield page


async def test_a_newcomer_gets_from_connecting_to_a_paid_invoice(demo: Demo, page: Page) -> None:
    """Every step on the page is ticked off, in a real browser without a network."""
    folder = os.environ.get("TOUR")
    tour = Tour(page, Path(folder) if folder else None, is_judged=not folder)
    await tour.connect()
    await tour.check()
    await tour.export()
    await tour.pay()
    await tour.see_it_paid()
    await tour.export_the_rest()
    await tour.undo("INV-2046")
    await tour.choose_a_digest()
    await owe_digest(demo)
    await tour.read_the_digest()
    await tour.look_at_home()


async def test_every_answer_fits_and_satisfies_axe(page: Page, tmp_path: Path) -> None:
    """What each command shows, in one list: where an invoice is in Xero, and others are not."""
    assert set(ANSWERS) == {*words.VERBS, words.PANEL, words.ALL, words.SEVERAL}
    tour = Tour(page, tmp_path)
    await tour.connect()
    await tour.close()
    await tour.export()
    await tour.open("Slack")
    [slack] = [each for each in page.frames if await each.title() == SLACK]
    for verb, (typed, said) in ANSWERS.items():
        await tour.say(f"/paymo-xero {typed}".rstrip())
        form = tour.slack.get_by_role("dialog")
        answer = tour.messages.get_by_role("article").or_(form).filter(has_text=said)
        await expect(answer.last).to_be_visible(timeout=PATIENCE)
        await fits(page, verb, [slack])
        if await form.is_visible():
            await tour.close()


async def owe_digest(demo: Demo) -> None:
    """Have the channel's digest come now, as if the week were over with this day."""
    now = datetime.now(UTC)
    async with demo.program.core.database.sessions.begin() as session:
        connection = (await session.scalars(select(Connection))).one()
        heard = (await session.scalars(select(Subscription))).one()
        first = heard.digest_from or now.date()
        period = Period(heard.id, first, now.date() + timedelta(days=1))
        await ask_digest(session, connection, period, now)


async def test_every_act_is_done_by_keyboard(page: Page, tmp_path: Path) -> None:
    """The focus begins at the first field, and goes back to what opened a form."""
    tour = Tour(page, tmp_path)
    await tour.connect()
    await tour.close()
    keys = Keyboard(tour)
    await keys.export_with_a_date("INV-2044")
    await keys.select_and_fix()
    await keys.link()
    await keys.open_from_home()
    await keys.undo("INV-2044")


async def test_a_command_reaches_the_app_after_a_form_that_is_slow_to_close(page: Page) -> None:
    released = asyncio.Event()

    async def hold(route: Route) -> None:
        await released.wait()
        await route.continue_()

    tour = Tour(page)
    await tour.slack.get_by_role("button", name="# invoices").click()
    await tour.say("/paymo-xero connect")
    await expect(tour.slack.get_by_role("dialog")).to_be_visible(timeout=PATIENCE)
    await page.route("**/_sandbox/close", hold)
    async with page.expect_request("**/_sandbox/close"):
        closing = asyncio.create_task(tour.close())
    await page.evaluate(_A_FEW_FRAMES)
    is_closed = closing.done()
    released.set()
    await closing
    await tour.say("/paymo-xero help")

    assert not is_closed
    await expect(tour.messages.get_by_role("article")).not_to_have_count(0, timeout=PATIENCE)


def test_the_tour_makes_every_picture_that_is_shown_and_no_other() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    shown = {name for page in pages for name in _IMAGE.findall(page.read_text(encoding="utf-8"))}
    kept = {each.stem for each in (ROOT / "docs/images").glob("*.png")}

    assert (shown, kept) == (set(PICTURES), set(PICTURES))
