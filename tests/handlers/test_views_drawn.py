"""Every screen in a browser, those behind a button too: nothing is cut off, axe finds nothing."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from handlers import blocks
from handlers.batch.views import batch_view
from handlers.buttons import TEXTS, breaker_buttons, button
from handlers.export.views import result_view
from handlers.notices.text import text_of
from handlers.notices.views import notice_blocks
from handlers.settings.views import asked_buttons
from services.batch.table import BatchGroup
from services.model.export import BatchState, ExportState, Verdict
from services.model.notice import NoticeKind
from services.model.people import Role
from tests.browser import PATIENCE, chromium, fits, opened
from tests.handlers import samples
from tests.handlers.test_batches import form, lines
from tests.handlers.test_views import VIEWS
from tests.sandbox.slack_bench import Bench

pytestmark = pytest.mark.asyncio(loop_scope="module")
Draw = Callable[[str], dict[str, Any]]
_GROUPS = tuple(BatchGroup(each, lines("INV-1", 60), ("$1,234.50",)) for each in Verdict)


def outcome(state: ExportState, name: str) -> dict[str, Any]:
    """Draw what became of an export."""
    acts = ("link_existing", "without_number", "retry")
    return result_view(samples.export_result(name, state=state, reason=name, actions=acts), "C1")


def batch(state: BatchState, page: int | None, name: str) -> dict[str, Any]:
    """Draw a page of a long table, of what is going out, or of what went."""
    sent = tuple(line for each in ExportState for line in lines(name, 12, each))
    return batch_view(form(name, state, groups=_GROUPS, page=page, sent=sent, selected=60))


SCREENS: dict[str, Draw] = {
    **VIEWS,
    **{f"outcome, {each}": partial(outcome, each) for each in ExportState},
    **{f"batch, {each}": partial(batch, each, 0) for each in BatchState},
    "batch, overview": partial(batch, BatchState.READY, None),
    "batch, last page": partial(batch, BatchState.READY, 99),
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def bench() -> AsyncIterator[Bench]:
    async with Bench.open() as bench:
        yield bench


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def page(bench: Bench) -> AsyncIterator[Page]:
    """Return a browser's page that shows the workspace."""
    async with chromium() as browser, opened(browser) as page:
        await page.goto(bench.world.url)
        yield page


FORMS = [name for name in SCREENS if not name.startswith("home")]
HOMES = [name for name in SCREENS if name.startswith("home")]
_PRESSED = (
    *(button(act, 5) for act in TEXTS),
    *breaker_buttons(7),
    *asked_buttons({"request_id": 12, "role": Role.OWNER.word}),
)
QUESTIONS = {each["confirm"]["title"]["text"]: each for each in _PRESSED if "confirm" in each}


@pytest.mark.parametrize("name", FORMS)
async def test_every_form_fits_and_satisfies_axe(bench: Bench, page: Page, name: str) -> None:
    """Each is titled as it is called here, so that none is taken for the one before."""
    view = SCREENS[name](samples.HOSTILE)
    view["title"]["text"] = name
    if (shown := bench.world.top_view(bench.anna)) is None:
        await bench.open_view(view)
    else:
        await bench.slack.views_update(view_id=shown.id, view=view)
    await expect(page.get_by_role("dialog", name=name)).to_be_visible(timeout=PATIENCE)
    await fits(page, name)


@pytest.mark.parametrize("name", HOMES)
async def test_home_fits_and_satisfies_axe_in_every_state(
    bench: Bench, page: Page, name: str
) -> None:
    bench.world.state.stacks.clear()
    view = SCREENS[name](samples.HOSTILE)
    view["blocks"][0]["text"]["text"] = name
    await bench.slack.views_publish(user_id=bench.anna.id, view=view)
    await page.reload()
    await page.get_by_role("button", name="paymo-xero", exact=True).click()
    await expect(page.get_by_role("heading", name=name)).to_be_visible(timeout=PATIENCE)
    await fits(page, name)


@pytest.mark.parametrize("kind", NoticeKind)
async def test_every_notification_fits_and_satisfies_axe(
    bench: Bench, page: Page, kind: NoticeKind
) -> None:
    bench.world.state.stacks.clear()
    bench.room.messages.clear()
    message = samples.message(kind, samples.HOSTILE)
    drawn = [*blocks.paragraphs([kind]), *notice_blocks(message)]
    await bench.slack.chat_postMessage(channel=bench.room.id, text=text_of(message), blocks=drawn)
    await page.reload()
    await page.get_by_role("button", name="# invoices").click()
    await expect(page.get_by_role("article").filter(has_text=kind)).to_be_visible(timeout=PATIENCE)
    await fits(page, kind)


@pytest.mark.parametrize("title", QUESTIONS)
async def test_every_question_fits_and_satisfies_axe(bench: Bench, page: Page, title: str) -> None:
    bench.world.state.stacks.clear()
    bench.room.messages.clear()
    drawn = blocks.actions([QUESTIONS[title]])
    await bench.slack.chat_postMessage(channel=bench.room.id, text=title, blocks=drawn)
    await page.reload()
    await page.get_by_role("button", name="# invoices").click()
    await page.get_by_role("button", name=QUESTIONS[title]["text"]["text"]).click()
    await expect(page.get_by_role("dialog", name=title)).to_be_visible(timeout=PATIENCE)
    await fits(page, title)
