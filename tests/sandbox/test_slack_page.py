"""Tests of the Slack stand-in's page: what a person does in a browser reaches the app."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from sandbox.slack.server import PAGE
from tests.browser import opened
from tests.sandbox.gallery import DATA_TABLE, SURE
from tests.sandbox.slack_bench import Bench, Json, actions, button, entry, modal, option, words

MENU = {"type": "external_select", "min_query_length": 0}
LAST = 3  # page
SAID = [{"type": "section", "text": words("Later, then")}]
STATUS = {"type": "static_select", "options": [option("DRAFT", "Draft"), option("PAID", "Paid")]}
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def bench() -> AsyncIterator[Bench]:
    async with Bench.open() as bench:
        yield bench


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, bench: Bench) -> AsyncIterator[Page]:
    """Return a browser's page that shows the workspace."""
    async with opened(browser) as page:
        await page.goto(bench.world.url)
        yield page


def form(*more: Json) -> Json:
    """Return a modal that asks for a contact, a status and a note."""
    note = {"type": "plain_text_input"}
    return modal(
        entry("contact", MENU, dispatch_action=True),
        entry("status", STATUS),
        entry("note", note),
        *more,
    )


async def serve(bench: Bench, body: Json) -> Any:
    """Answer as an app with a form would."""
    if "command" in body:
        await bench.slack.views_open(trigger_id=body["trigger_id"], view=form())
    elif body["type"] == "block_suggestion":
        return {"options": [option("c1", f"Acme {body['value']}".strip())]}
    elif body["type"] == "block_actions" and body.get("view"):
        chosen = {"type": "section", "text": words("Found in Xero")}
        await bench.slack.views_update(view_id=body["view"]["id"], view=form(chosen))
    elif body["type"] == "view_submission":
        await bench.slack.chat_postMessage(channel=bench.room.id, text="Exported INV-1")
    return None


async def test_a_command_a_form_and_its_message(bench: Bench, page: Page) -> None:
    bench.reply = lambda body: serve(bench, body)
    composer = page.get_by_role("textbox", name="Message #invoices")
    await composer.fill("/paymo-xero export 1")
    await composer.press("Enter")
    dialog = page.get_by_role("dialog", name="Test")
    await dialog.get_by_role("textbox", name="note").fill("Thanks")
    await dialog.get_by_role("combobox", name="contact").fill("ltd")
    await dialog.get_by_role("option", name="Acme ltd").click()
    await expect(dialog.get_by_text("Found in Xero")).to_be_visible()
    await dialog.get_by_role("button", name="Send").click()
    await expect(dialog.get_by_text("Please complete this required field.")).to_be_visible()
    await dialog.get_by_role("combobox", name="status").select_option("Draft")
    await dialog.get_by_role("button", name="Send").click()

    await expect(page.get_by_text("Exported INV-1")).to_be_visible()
    await expect(dialog).to_be_hidden()
    sent = next(body for body in bench.received if body.get("type") == "view_submission")
    values = sent["view"]["state"]["values"]
    assert values["contact"]["contact"]["selected_option"]["value"] == "c1"
    assert values["status"]["status"]["selected_option"]["value"] == "DRAFT"
    assert values["note"]["note"]["value"] == "Thanks"


async def test_a_button_that_asks_first_is_pressed_after_the_yes(bench: Bench, page: Page) -> None:
    undo = actions({**button("undo", confirm=SURE), "text": words("Undo…")})
    await bench.slack.chat_postMessage(channel=bench.room.id, text="Exported", blocks=[undo])
    await page.get_by_role("button", name="Undo…").click()
    await page.get_by_role("dialog", name="Undo it?").get_by_role("button", name="Keep").click()
    assert bench.received == []

    await page.get_by_role("button", name="Undo…").click()
    await page.get_by_role("dialog", name="Undo it?").get_by_role("button", name="Undo").click()
    await bench.world.wait_for(lambda: bench.world.answers)

    assert bench.last["actions"][0]["action_id"] == "undo"


async def test_a_command_that_did_not_arrive_is_there_to_be_sent_again(
    bench: Bench, page: Page
) -> None:
    composer = page.get_by_role("textbox", name="Message #invoices")
    await page.route("**/_sandbox/command", lambda route: route.abort(), times=1)
    await composer.fill("/paymo-xero help")
    await composer.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("can’t be reached")
    await expect(composer).to_have_value("/paymo-xero help")
    assert bench.received == []
    await composer.press("Enter")
    await bench.world.wait_for(lambda: bench.world.answers)

    await expect(composer).to_have_value("")
    assert bench.last["text"] == "help"


@dataclass(slots=True)
class Pages:
    """An app that shows a long form page by page."""

    bench: Bench
    now: int = 1

    async def __call__(self, body: Json) -> None:
        """Open the first page, and follow its buttons."""
        if "command" in body:
            await self.bench.slack.views_open(trigger_id=body["trigger_id"], view=self.view())
        elif body["type"] == "block_actions":
            self.now += 1 if body["actions"][0]["action_id"] == "next" else -1
            await self.bench.slack.views_update(view_id=body["view"]["id"], view=self.view())

    def view(self) -> Json:
        """Return the page that is shown now."""
        ways = [("previous", 1), ("next", LAST)]
        shown = [{**button(way), "text": words(way)} for way, end in ways if self.now != end]
        lines = [{"type": "section", "text": words(f"Line {nth}")} for nth in range(60)]
        about = {"type": "section", "text": words(f"Page {self.now}")}
        return modal(about, *lines, actions(*shown))


async def test_turning_pages_by_keyboard_keeps_the_focus_in_the_form(
    bench: Bench, page: Page
) -> None:
    """Slack names the blocks anew; where a button is gone, reading goes on at the top."""

    bench.reply = Pages(bench)
    composer = page.get_by_role("textbox", name="Message #invoices")
    await composer.fill("/paymo-xero export all")
    await composer.press("Enter")
    dialog = page.get_by_role("dialog")
    onward = dialog.get_by_role("button", name="next")
    await onward.press("Enter")
    await expect(dialog.get_by_text("Page 2")).to_have_count(1)
    await expect(onward).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_text("Page 3")).to_be_in_viewport()
    await expect(dialog.get_by_role("heading", name="Test")).to_be_focused()
    await dialog.get_by_role("button", name="previous").press("Enter")
    await expect(dialog.get_by_text("Page 2")).to_have_count(1)
    await expect(dialog.get_by_role("button", name="previous")).to_be_focused()


async def test_a_table_is_read_page_by_page_by_keyboard_also_when_it_is_drawn_anew(
    bench: Bench, page: Page
) -> None:
    sent = await bench.slack.chat_postMessage(
        channel=bench.room.id, text="Overdue", blocks=[DATA_TABLE]
    )
    onward = page.get_by_role("button", name="Next")
    await onward.press("Enter")
    await expect(page.get_by_role("rowheader", name="INV-3")).to_be_visible()
    await expect(onward).to_be_focused()
    await bench.slack.chat_update(
        channel=bench.room.id, ts=sent["ts"], text="Overdue now", blocks=[DATA_TABLE]
    )

    await expect(page.get_by_role("status")).to_have_text("1 of 2")
    await expect(onward).to_be_focused()


async def test_a_menu_keeps_the_focus_when_its_choice_changes_the_message(
    bench: Bench, page: Page
) -> None:
    options = [option("later", "Later"), option("never", "Never")]
    menu = actions({"type": "overflow", "action_id": "more", "options": options})

    async def answer(body: Json) -> None:
        about = {"channel": body["container"]["channel_id"], "ts": body["container"]["message_ts"]}
        await bench.slack.chat_update(**about, text="Later, then", blocks=[*SAID, menu])

    bench.reply = answer
    await bench.slack.chat_postMessage(channel=bench.room.id, text="Decide", blocks=[menu])
    shown = page.get_by_role("combobox", name="More")
    await shown.press("ArrowDown")

    await expect(page.get_by_text("Later, then")).to_be_visible()
    await expect(shown).to_be_focused()


async def test_the_home_tab_is_opened_and_shown(bench: Bench, page: Page) -> None:
    link = {**button("docs", url="https://docs.example"), "text": words("Guide")}
    home = {"type": "home", "blocks": [{"type": "header", "text": words("Welcome")}, actions(link)]}

    async def publish(body: Json) -> None:
        await bench.slack.views_publish(user_id=body["event"]["user"], view=home)

    bench.reply = publish
    await page.get_by_role("button", name="paymo-xero").click()

    await expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
    await expect(page.get_by_role("link", name="Guide")).to_have_attribute("target", "_blank")


async def test_another_person_sees_no_whisper_of_the_first(bench: Bench, page: Page) -> None:
    await bench.slack.chat_postMessage(channel=bench.room.id, text="For all")
    await bench.slack.chat_postEphemeral(channel=bench.room.id, user=bench.anna.id, text="For Anna")
    await expect(page.get_by_text("For Anna")).to_be_visible()
    await page.get_by_label("You are").select_option("Ben (Studio)")

    await expect(page.get_by_text("For Anna")).to_have_count(0)
    await expect(page.get_by_text("For all")).to_be_visible()


async def test_text_from_outside_is_never_markup(bench: Bench, page: Page) -> None:
    hostile = "&lt;img src=x onerror=alert(1)&gt; <javascript:alert(1)|press me>"
    await bench.slack.chat_postMessage(channel=bench.room.id, text=hostile)

    await expect(page.get_by_text("<img src=x onerror=alert(1)>")).to_be_visible()
    await expect(page.get_by_role("link", name="press me")).to_have_count(0)


async def test_the_page_is_whole_by_itself(bench: Bench) -> None:
    """Every file is served, and none names an address outside but the name of a markup."""
    for file in PAGE.iterdir():
        text = file.read_text(encoding="utf-8")
        async with bench.session.get(f"{bench.world.url}/page/{file.name}") as response:
            assert await response.text() == text
        assert re.findall(r"""["'(]https?://(?!www\.w3\.org/)""", text) == []


@pytest.mark.parametrize(("verbatim", "links"), [(False, 2), (True, 0)])
async def test_addresses_become_links_unless_the_text_is_verbatim(
    bench: Bench, page: Page, *, verbatim: bool, links: int
) -> None:
    text = "From https://evil.example/x and pay@evil.example *today*"
    marked = {"type": "mrkdwn", "text": text, "verbatim": verbatim}
    await bench.slack.chat_postMessage(
        channel=bench.room.id, text="x", blocks=[{"type": "section", "text": marked}]
    )
    message = page.get_by_label("Messages").get_by_role("listitem")

    await expect(message.locator("strong", has_text="today")).to_be_visible()
    await expect(message.get_by_role("link")).to_have_count(links)


async def test_a_shortcut_is_used_on_a_message(bench: Bench, page: Page) -> None:
    bench.world.message_shortcuts["export"] = "Export Invoice"
    bench.world.say(bench.anna, bench.room, "INV-7 is ready")
    message = page.get_by_role("article").filter(has_text="INV-7")
    await message.get_by_label("More actions").select_option("Export Invoice")
    await bench.world.wait_for(lambda: bench.world.answers)

    assert bench.last["type"] == "message_action"
    assert (bench.last["callback_id"], bench.last["message"]["text"]) == (
        "export",
        "INV-7 is ready",
    )


async def test_a_menu_opens_and_stays_open_although_its_form_is_drawn_anew(
    bench: Bench, page: Page
) -> None:
    bench.reply = lambda body: serve(bench, body)
    await page.get_by_role("textbox", name="Message #invoices").fill("/paymo-xero export 1")
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Test")
    contact = dialog.get_by_role("combobox", name="contact")
    await expect(contact).to_be_focused()
    view_id = (await dialog.get_attribute("data-view")) or ""

    async def draw_anew(said: str) -> None:
        found = {"type": "section", "text": words(said)}
        await bench.slack.views_update(view_id=view_id, view=form(found))
        await expect(dialog.get_by_text(said)).to_be_visible()

    await contact.hover()
    await page.mouse.down()
    await draw_anew("Read in Paymo")
    await page.mouse.up()
    await expect(page.get_by_role("option", name="Acme")).to_be_visible()
    await contact.press_sequentially("ltd")
    await expect(page.get_by_role("option", name="Acme ltd")).to_be_visible()
    await draw_anew("Read again")
    await page.get_by_role("option", name="Acme ltd").click()
    await expect(contact).to_have_value("Acme ltd")


async def test_a_field_that_comes_later_has_the_focus_as_if_it_had_been_there(
    bench: Bench, page: Page
) -> None:
    """A form opens within Slack's three seconds, and is filled when everything is read."""

    async def read_first(body: Json) -> None:
        if "command" in body:
            reading = modal({"type": "section", "text": words("Reading…")})
            await bench.slack.views_open(trigger_id=body["trigger_id"], view=reading)

    bench.reply = read_first
    await page.get_by_role("textbox", name="Message #invoices").fill("/paymo-xero export 1")
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Test")
    await expect(dialog.get_by_role("heading", name="Test")).to_be_focused()
    view_id = (await dialog.get_attribute("data-view")) or ""
    await bench.slack.views_update(view_id=view_id, view=form())

    await expect(dialog.get_by_role("combobox", name="contact")).to_be_focused()


async def test_a_form_is_filled_and_closed_by_keyboard(bench: Bench, page: Page) -> None:
    bench.reply = lambda body: serve(bench, body)
    composer = page.get_by_role("textbox", name="Message #invoices")
    await composer.fill("/paymo-xero export 1")
    await composer.press("Enter")
    dialog = page.get_by_role("dialog", name="Test")
    contact = dialog.get_by_role("combobox", name="contact")
    await expect(contact).to_be_focused()
    await page.keyboard.type("ltd")
    await expect(dialog.get_by_role("option", name="Acme ltd")).to_be_visible()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_text("Found in Xero")).to_be_visible()
    await expect(contact).to_be_focused()

    await page.keyboard.press("Escape")

    await expect(dialog).to_be_hidden()
    await expect(composer).to_be_focused()
