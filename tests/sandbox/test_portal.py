"""Tests of the demo's page: steps, panes, keyboard and widths, with the stand-ins alone."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from sandbox import agency
from sandbox.paymo import PaymoWorld
from sandbox.portal import Portal
from sandbox.serving import Served
from sandbox.slack import SlackWorld
from sandbox.xero import XeroWorld
from tests.browser import fits, opened
from tests.sandbox.slack_bench import modal

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True, slots=True)
class Stage:
    """The demo without its program."""

    url: str
    slack: SlackWorld


@pytest_asyncio.fixture(loop_scope="module")
async def stage() -> AsyncIterator[Stage]:
    slack, xero, paymo = SlackWorld(), XeroWorld(), PaymoWorld()
    agency.settle_in(slack, xero, paymo, date(2026, 11, 28))
    async with AsyncExitStack() as stack:
        at = {
            "slack": await slack.start(),
            "xero": await Served.start(xero.app()),
            "paymo": await Served.start(paymo.app()),
        }
        addresses = {name: served.url for name, served in at.items()}
        portal = await Served.start(Portal(slack, xero, paymo, addresses).app())
        for served in (*at.values(), portal):
            stack.push_async_callback(served.stop)
        yield Stage(portal.url, slack)


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, stage: Stage) -> AsyncIterator[Page]:
    """The page of the demo, once its panes are there."""
    may = ["clipboard-read", "clipboard-write"]
    async with opened(browser, permissions=may) as page:
        await page.goto(stage.url)
        await expect(page.get_by_role("tab", name="Slack", selected=True)).to_be_visible()
        yield page


async def test_nobody_is_called_away_from_a_form(stage: Stage) -> None:
    slack = stage.slack
    anna = next(iter(slack.state.users.values()))
    async with httpx.AsyncClient(base_url=stage.url) as http:
        before = (await http.get("/steps")).json()
        slack.screens.open(slack.team, slack.state.new_trigger(anna), modal())
        after = (await http.get("/steps")).json()

    assert (before["busy"], after["busy"]) == (False, True)
    assert (before["steps"][0]["done"], after["steps"][0]["done"]) == (False, True)


async def test_it_says_what_it_is_and_names_its_panes(page: Page) -> None:
    await expect(page.get_by_text("Send Paymo invoices to Xero from Slack.")).to_be_visible()
    for name in ("Slack", "Xero", "Paymo"):
        await expect(page.get_by_role("tab", name=name)).to_be_visible()
        frame = page.frame_locator(f"iframe[title={name}]")
        await expect(frame.locator("body")).to_contain_text("Harbour Lane Studio")


async def test_copying_says_so_and_shows_where_to_paste(page: Page) -> None:
    await page.get_by_role("tab", name="Paymo").click()
    await page.get_by_role("button", name="Copy /paymo-xero connect").click()

    await expect(page.get_by_text("Copied", exact=True)).to_be_visible()
    await expect(page.get_by_role("status")).to_have_text("Copied: /paymo-xero connect")
    await expect(page.get_by_role("tab", name="Slack", selected=True)).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == "/paymo-xero connect"
    await expect(page.get_by_text("Copied", exact=True)).to_be_hidden()


async def test_every_text_to_type_can_be_copied(page: Page) -> None:
    for code in await page.locator("li code").all_inner_texts():
        await page.get_by_role("button", name=f"Copy {code}", exact=True).click()
        await expect(page.get_by_role("status")).to_have_text(f"Copied: {code}")


async def test_without_a_clipboard_the_text_is_selected(page: Page) -> None:
    await page.evaluate("() => { navigator.clipboard.writeText = async () => { throw Error(); }; }")
    await page.get_by_role("button", name="Copy harbour-lane-demo-key").click()

    await expect(page.get_by_role("status")).to_contain_text("Press Ctrl+C")
    assert await page.evaluate("getSelection().toString()") == "harbour-lane-demo-key"


async def test_the_tabs_obey_the_keyboard(page: Page) -> None:
    await page.get_by_role("tab", name="Slack").focus()
    walk = {"ArrowRight": "Xero", "End": "Paymo", "Home": "Slack", "ArrowLeft": "Paymo"}
    for key, name in walk.items():
        await page.keyboard.press(key)
        await expect(page.get_by_role("tab", name=name, selected=True)).to_be_focused()
        await expect(page.get_by_role("tabpanel", name=name)).to_be_visible()
    await expect(page.get_by_role("tabpanel")).to_have_count(1)


async def stand_at(page: Page, step: int, *, busy: bool = False) -> None:
    """Let so many steps be done, and a form be open or not."""

    async def answer(route: Route) -> None:
        told = await (await route.fetch()).json()
        for place, each in enumerate(told["steps"]):
            each["done"] = place < step
        await route.fulfill(json=told | {"busy": busy})

    await page.unroute_all()
    await page.route("**/steps", answer)


async def test_the_next_step_brings_its_pane_and_back_once_no_form_is_open(page: Page) -> None:
    await stand_at(page, 5, busy=True)
    step = page.get_by_role("listitem").filter(has_text="add a payment")
    await expect(step).to_have_attribute("aria-current", "step")
    await expect(step.get_by_role("button", name="Show Xero")).to_be_visible()
    await expect(page.get_by_role("tab", name="Slack", selected=True)).to_be_visible()

    await stand_at(page, 5)
    await expect(page.get_by_role("tab", name="Xero", selected=True)).to_be_visible()
    await stand_at(page, 6)
    await expect(page.get_by_role("tab", name="Slack", selected=True)).to_be_visible()
    await stand_at(page, 7)

    await expect(page.locator("#done")).to_contain_text("paid in all three places")
    await page.get_by_role("button", name="Show Paymo").click()
    await expect(page.get_by_role("tab", name="Paymo", selected=True)).to_be_visible()


@pytest.mark.parametrize("done_first", [False, True])
async def test_a_pane_that_a_person_chose_stays_whatever_step_is_done(
    page: Page, *, done_first: bool
) -> None:
    """Whether the choice comes before the page knows that the step is done, or after."""
    slack, xero = (page.get_by_role("tab", name=name) for name in ("Slack", "Xero"))
    step = page.get_by_role("listitem").filter(has_text="add a payment")
    if done_first:
        await stand_at(page, 5, busy=True)
        await expect(step).to_have_attribute("aria-current", "step")
    await xero.click()
    await slack.press("ArrowLeft")
    await page.get_by_role("tab", name="Paymo").press("ArrowRight")
    await stand_at(page, 5)
    await expect(step).to_have_attribute("aria-current", "step")
    for _ in range(5):
        async with page.expect_response("**/steps"):
            pass

    await expect(page.get_by_role("tab", name="Slack", selected=True)).to_be_visible()
    await step.get_by_role("button", name="Show Xero").click()
    await expect(page.get_by_role("tab", name="Xero", selected=True)).to_be_visible()


async def test_every_pane_fits_and_satisfies_axe(page: Page) -> None:
    for name in ("Slack", "Xero", "Paymo"):
        await page.get_by_role("tab", name=name).click()
        await fits(page, name)


async def test_a_narrow_page_shows_one_step_and_all_of_them_on_request(page: Page) -> None:
    await page.set_viewport_size({"width": 320, "height": 800})
    steps = page.get_by_role("list", name="Steps").get_by_role("listitem")
    await expect(steps).to_have_count(1)
    await page.get_by_role("button", name="All Steps").click()

    await expect(steps).to_have_count(7)
    await expect(page.get_by_role("button", name="Fewer Steps", expanded=True)).to_be_visible()


async def test_a_demo_that_has_stopped_says_so(page: Page) -> None:
    await page.route("**/steps", lambda route: route.abort())

    await expect(page.get_by_role("alert")).to_contain_text("make demo")
