"""Tests of how the Slack stand-in's page draws what an app sends: blocks, dates, threads, cards."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser import fits, opened
from tests.sandbox.gallery import CARD, DATA_TABLE, DIGEST, FIELDS, PIE, TABLE, plotted, section
from tests.sandbox.slack_bench import Bench, Json, button, entry, modal, words

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def bench() -> AsyncIterator[Bench]:
    async with Bench.open() as bench:
        yield bench


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, bench: Bench) -> AsyncIterator[Page]:
    """The workspace as somebody in London sees it."""
    async with opened(browser, timezone_id="Europe/London") as page:
        await page.goto(bench.world.url)
        yield page


async def post(bench: Bench, *blocks: Json, text: str = "Said", under: str = "") -> str:
    """Say something in the channel, and return its ts."""
    answer = await bench.slack.chat_postMessage(
        channel=bench.room.id, text=text, blocks=list(blocks), thread_ts=under or None
    )
    return str(answer["ts"])


async def test_tables_have_captions_heads_and_pages(bench: Bench, page: Page) -> None:
    await post(bench, DATA_TABLE)
    table = page.get_by_role("table", name="Overdue")
    await expect(table.get_by_role("rowheader")).to_have_text(["INV-1", "INV-2"])
    await expect(table.get_by_role("columnheader").first).to_have_text("Invoice")

    await page.get_by_role("button", name="Next").click()

    await expect(table.get_by_role("rowheader")).to_have_text(["INV-3"])
    await post(bench, TABLE)
    await expect(page.get_by_role("columnheader", name="Line")).to_be_visible()


@pytest.mark.parametrize(
    ("kind", "mark", "count"), [("bar", "rect", 3), ("line", "polyline", 1), ("area", "polygon", 1)]
)
async def test_a_chart_tells_its_figures_to_those_who_do_not_see_it(
    bench: Bench, page: Page, kind: str, mark: str, count: int
) -> None:
    await post(bench, plotted(kind), PIE)

    received = page.get_by_role("img", name="Cash received: Received: Nov 9 0, Nov 16 1850")
    await expect(received.locator(mark)).to_have_count(count)
    owed = page.get_by_role("img", name="Receivables by age")
    await expect(owed.locator("path")).to_have_count(3)
    await expect(page.get_by_text("Not due: 3200")).to_be_visible()


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("{date_short}", "2 Mar 2026"),
        ("{date_num} {time}", "2026-03-02 09:05"),
        ("on {date_long}", "on Monday, 2 March 2026"),
    ],
)
async def test_a_moment_is_drawn_in_the_readers_zone(
    bench: Bench, page: Page, form: str, shown: str
) -> None:
    moment = int(datetime(2026, 3, 2, 9, 5, tzinfo=UTC).timestamp())
    await post(bench, section(f"_Last sync: <!date^{moment}^{form}|then>_ :white_check_mark:"))

    await expect(page.locator("em")).to_have_text(f"Last sync: {shown}")
    await expect(page.get_by_role("article")).to_contain_text("✅")


async def test_a_day_near_by_has_its_name(bench: Bench, page: Page) -> None:
    now = datetime.now(UTC)
    noon = int((now - timedelta(days=1)).timestamp())
    token = "{date_short_pretty}"
    await post(bench, section(f"<!date^{noon}^{token}|then> and <!date^x^{token}|the fallback>"))

    await expect(page.get_by_role("article")).to_contain_text("yesterday and the fallback")


async def test_an_answer_sent_to_the_channel_too_stands_in_both_places(
    bench: Bench, page: Page
) -> None:
    first = await post(bench, text="Invoice 7")
    await bench.slack.chat_postMessage(
        channel=bench.room.id, text="Paid in full", thread_ts=first, reply_broadcast=True
    )

    await expect(page.get_by_text("Replied to a thread: Invoice 7")).to_be_visible()
    await expect(page.get_by_label("Thread")).to_contain_text("Also sent to the channel")


async def test_what_is_attached_is_drawn(bench: Bench, page: Page) -> None:
    card = {"blocks": [section("*Invoice 7*")], "fallback": "Invoice 7"}
    await bench.slack.chat_postMessage(channel=bench.room.id, text="Link", attachments=[card])

    await expect(page.get_by_role("group", name="Attachment")).to_have_text("Invoice 7")


async def test_the_newest_answer_comes_into_view(bench: Bench, page: Page) -> None:
    first = await post(bench, text="The first")
    for number in range(30):
        await post(bench, text=f"Number {number}")
    await expect(page.get_by_text("Number 29")).to_be_in_viewport()
    await post(bench, text="In the first thread", under=first)
    await expect(page.get_by_text("In the first thread")).to_be_in_viewport()

    await bench.slack.chat_postEphemeral(channel=bench.room.id, user=bench.anna.id, text="For Anna")

    await expect(page.get_by_text("For Anna")).to_be_in_viewport()


async def test_an_empty_channel_invites(page: Page) -> None:
    await expect(page.get_by_text("This is #invoices.")).to_be_visible()
    await expect(page.get_by_label("Messages")).to_contain_text("/paymo-xero connect")


async def test_a_form_starts_at_its_first_field_and_keeps_the_focus(
    bench: Bench, page: Page
) -> None:
    press = {"type": "actions", "elements": [button("show")]}
    await bench.open_view(modal(press, *FIELDS))
    await expect(page.get_by_label("due")).to_be_focused()
    view = bench.world.top_view(bench.anna)
    assert view is not None
    await page.get_by_role("button", name="Press").focus()

    await bench.slack.views_update(view_id=view.id, view=modal(press, section("More"), *FIELDS))

    await expect(page.get_by_text("More")).to_be_visible()
    await expect(page.get_by_role("button", name="Press")).to_be_focused()


async def test_a_form_starts_where_the_app_says(bench: Bench, page: Page) -> None:
    field = {"type": "plain_text_input", "focus_on_load": True}
    await bench.open_view(modal(*FIELDS, entry("last", field)))

    await expect(page.get_by_role("textbox", name="last")).to_be_focused()


async def test_a_form_without_fields_starts_at_its_title(bench: Bench, page: Page) -> None:
    await bench.open_view(modal())

    await expect(page.get_by_role("heading", name="Test")).to_be_focused()


async def test_the_tabs_of_the_app_obey_the_keyboard(bench: Bench, page: Page) -> None:
    home = {"type": "home", "blocks": [{"type": "header", "text": words("Welcome")}]}
    await bench.slack.views_publish(user_id=bench.anna.id, view=home)
    await page.get_by_role("button", name="paymo-xero").click()
    await page.get_by_role("tab", name="Home").focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("tab", name="Messages")).to_be_focused()
    await page.keyboard.press("Home")

    await expect(page.get_by_role("tab", name="Home", selected=True)).to_be_focused()
    await expect(page.get_by_role("heading", name="Welcome")).to_be_visible()


async def test_everything_drawn_fits_and_satisfies_axe(bench: Bench, page: Page) -> None:
    first = await post(bench, *CARD)
    await post(bench, section("`code` ```block``` <@U0001> ~old~"), text="x", under=first)
    await post(bench, *DIGEST)
    await bench.slack.chat_postEphemeral(channel=bench.room.id, user=bench.anna.id, text="Psst")
    await expect(page.get_by_text("Psst")).to_be_visible()
    for form in (None, modal(*FIELDS)):
        if form is not None:
            await bench.open_view(form)
            await expect(page.get_by_role("dialog")).to_be_visible()
        await fits(page, "messages" if form is None else "a form")
