"""The Home tab: a work list by role, and what it says in every other state."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from handlers import blocks
from handlers.home.text import status_text
from handlers.home.views import by_urgency, home_view, status_blocks
from handlers.settings.text import WHAT_IT_IS
from services.explain.worklist import WorkList
from services.model.connection import ConnectionState
from services.model.people import Role
from tests.handlers import samples
from tests.handlers.judging import buttons, judge_message, said
from tests.walk import PATIENCE, Walk, text_in

SITE = "https://app.example"
STATES: list[tuple[Mapping[str, Any], str, set[str]]] = [
    ({"role": Role.OWNER}, "Needs you", {"change", "sync", "export_all", "settings", "help"}),
    ({"role": Role.EXPORTER}, "Ready to export", {"change", "sync", "export_all", "help"}),
    ({"role": Role.VIEWER}, "Recently paid", {"help"}),
    ({"state": ConnectionState.PENDING}, "Half connected", {"connect", "help"}),
    (
        {"state": ConnectionState.BROKEN, "broken_side": "Xero"},
        "will resume when you reconnect",
        {"connect", "help"},
    ),
    ({"state": ConnectionState.ENDING}, "Disconnecting", {"help"}),
]


@pytest.mark.parametrize(("changes", "words", "offered"), STATES)
def test_every_state_says_what_it_is_and_what_to_do(
    changes: Mapping[str, Any], words: str, offered: set[str]
) -> None:
    overview = samples.overview("Acme", **{"is_paused": False, **changes})
    view = home_view([overview], [samples.worklist("INV-1")], "", SITE)

    assert words in said(view)
    assert offered <= set(buttons(view["blocks"]))
    assert "disconnect" not in buttons(view["blocks"])
    assert f"{SITE}/privacy" in said(view)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EXPORTER])
def test_who_cannot_reconnect_reads_who_will_and_has_no_button_that_refuses(role: Role) -> None:
    broken = {"state": ConnectionState.BROKEN, "broken_side": "Xero"}
    overview = samples.overview("Acme", role=role, **broken)
    view = home_view([overview], [WorkList()], "", SITE)

    assert "will resume when <@UOWNER> reconnects" in said(view)
    assert set(buttons([*view["blocks"], *status_blocks([overview])])) == {"help"}


def test_the_last_90_days_can_be_checked_until_something_is_exported() -> None:
    """By whoever may export: neither a viewer nor a connection half made has the button."""
    states: list[tuple[dict[str, Any], bool]] = [
        ({"exported": 0}, True),
        ({"exported": 0, "role": Role.EXPORTER}, True),
        ({"exported": 0, "role": Role.VIEWER}, False),
        ({"exported": 0, "state": ConnectionState.PENDING}, False),
        ({"exported": 1}, False),
    ]
    for changes, is_offered in states:
        overview = samples.overview("Acme", **changes)
        view = home_view([overview], [WorkList()], "", SITE)
        assert ("check_recent" in buttons(view["blocks"])) is is_offered, changes


def test_a_viewer_has_nothing_to_press_but_help() -> None:
    overview = samples.overview("Acme", role=Role.VIEWER)
    view = home_view([overview], [samples.worklist("INV-1")], "", SITE)

    assert set(buttons(view["blocks"])) == {"help"}
    assert set(buttons(status_blocks([overview]))) == {"help"}
    assert "Needs you" not in said(view)


def test_a_viewer_is_told_to_do_nothing_that_a_viewer_may_not() -> None:
    asked = ("Type `/paymo-xero subscribe`", "Decide whether", "when you export")
    for role, is_asked in ((Role.VIEWER, False), (Role.EXPORTER, True)):
        overview = samples.overview("Acme", role=role, channels=())
        view = home_view([overview], [samples.worklist("INV-1")], "", SITE)
        read = f"{status_text([overview])}{said(view)}"
        assert [each in read for each in asked] == [is_asked, is_asked, False], role


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_each_of_several_connections_has_as_much_room_and_its_own_buttons(count: int) -> None:
    drawn = samples.home_of_several(count, "Acme")["blocks"]
    starts = [place for place, each in enumerate(drawn) if each["type"] == "divider"]
    parts = [drawn[a:b] for a, b in pairwise([*starts, len(drawn) - 2])]

    assert len(drawn) < 100  # one is left for the first sentence of all
    assert f"{SITE}/privacy" in said(drawn[-1])
    assert len({len(each) for each in parts}) == 1
    for nth, part in enumerate(parts, 1):
        shown = said(part)
        for words in ("Needs you* · 5005", "Ready to export* · 5000", "Overdue* · 5000", "See all"):
            assert words in shown
        pressed = [each for each in part if buttons([each])]
        assert {each["block_id"].rpartition("-")[0] for each in pressed} == {f"connection-{nth}"}


def test_of_many_connections_the_most_urgent_have_their_lists_and_each_other_one_a_line() -> None:
    """Of 60: how many of what is said for all of them, and one button stands out."""
    calm = {"asking": 0, "failed": 0, "is_paused": False, "sweep_problem": ""}
    broken = {"state": ConnectionState.BROKEN, "broken_side": "Xero"}
    found = [samples.overview(f"Co {nth:02}", connection_id=nth, **calm) for nth in range(60)]
    found[57] = samples.overview("Stopped", connection_id=57, **{**calm, **broken})
    found[58] = samples.overview("Asking", connection_id=58, **{**calm, "asking": 4})
    found[59] = samples.overview("Paused", connection_id=59, **{**calm, "is_paused": True})
    listed = by_urgency(found)
    assert [each.company for each in listed[:4]] == ["Stopped", "Paused", "Asking", "Co 00"]

    view = home_view(listed, [samples.worklist("INV-1")] * 60, "", SITE)
    shown = said(view)
    assert len(view["blocks"]) < 100  # one is left for the first sentence of all
    assert shown.count("Needs you* · 5005") >= 3
    drawn, lines = shown.count("divider") - 1, shown.count("• ✅ *Connected*")
    assert (lines, f"{60 - drawn - 40} more connections" in shown) == (40, True)
    assert "INV-1" in shown

    few = home_view(listed[2:9], [WorkList()] * 7, "", SITE)
    assert said(few).count("Nothing needs you") == 7
    assert "more" not in said(few)


def test_what_ended_says_so_and_how_to_go_on() -> None:
    view = home_view([], [], "Maple Studio → Maple Books", SITE)

    assert "Disconnected: Maple Studio → Maple Books" in said(view)
    assert set(buttons(view["blocks"])) == {"connect", "help"}


async def home_saying(walk: Walk, words: str, who: str = "Anna") -> str:
    slack = walk.town.slack
    await slack.wait_for(
        lambda: (view := slack.home(who)) is not None and words in text_in(view.payload), PATIENCE
    )
    view = slack.home(who)
    assert view is not None
    return text_in(view.payload)


async def test_whoever_opens_home_first_is_welcomed_once(walk: Walk) -> None:
    slack = walk.town.slack
    await slack.open_home("Anna")
    await slack.wait_for(lambda: slack.messages(slack.direct("Anna")), PATIENCE)
    await slack.open_home("Anna")
    await slack.open_home("Ben")
    await home_saying(walk, "aren't connected yet", "Ben")

    [welcome] = slack.messages(slack.direct("Anna"))
    assert "Welcome to paymo-xero" in welcome.text
    assert set(buttons(welcome.blocks)) == {"connect"}
    assert slack.messages(slack.direct("Ben")) == []


async def test_the_welcome_offers_to_connect_until_somebody_has(walk: Walk) -> None:
    slack = walk.town.slack
    await slack.open_home("Ben")
    direct = slack.direct("Ben")
    await slack.wait_for(lambda: slack.messages(direct), PATIENCE)
    [welcome] = slack.messages(direct)
    await walk.connect()

    said = await walk.without("connect", welcome)
    assert f"<@{slack.user('Anna').id}> connected Paymo and Xero" in said
    assert "Connect Paymo" not in said
    assert len(slack.messages(direct)) == 1


async def test_home_goes_from_new_to_what_is_ready_by_role(walk: Walk) -> None:
    slack = walk.town.slack
    await slack.open_home("Anna")
    assert "Connect" in await home_saying(walk, "aren't connected yet")
    company = walk.town.paymo.company
    company.edit(company.numbered("INV-1").id, status="sent")
    await walk.connect()
    await walk.form("INV-1")  # by then Paymo's list is read
    await slack.open_home("Anna")
    shown = await home_saying(walk, "Ready to export")
    assert "INV-1" in shown
    await slack.open_home("Ben")
    assert "INV-1" not in await home_saying(walk, "don't have access", "Ben")


async def test_home_follows_what_happens_without_anybody_opening_it_again(walk: Walk) -> None:
    slack = walk.town.slack
    await walk.connect()
    await slack.open_home("Anna")
    await home_saying(walk, "Nothing needs you")
    published = len([each for each in slack.wire.entries if "views.publish" in str(each)])
    await walk.export("INV-1")
    walk.pay("INV-1", str(walk.in_xero("INV-1").total))
    await walk.notice("payment_received")

    card = await walk.notice("invoice_exported")
    assert "<slack://app?team=" in text_in(card.blocks)  # leads there
    assert "INV-1" in await home_saying(walk, "Recently paid")
    again = len([each for each in slack.wire.entries if "views.publish" in str(each)])
    assert again - published <= 4  # several things within a few seconds are drawn at once
    assert slack.home("Ben") is None  # who never opened it gets none


async def test_home_says_that_it_broke_and_ended_to_everybody_who_looks(walk: Walk) -> None:
    """Nobody opens it again: Anna is the owner, Ben exports, Vera has no role."""
    slack = walk.town.slack
    slack.add_user("Vera")
    await walk.connect()
    await walk.add_exporter("Ben")
    await walk.close()
    for each in ("Anna", "Ben", "Vera"):
        await slack.open_home(each)
    assert "Maple" not in await home_saying(walk, "don't have access", "Vera")
    home = slack.home("Vera")
    assert home is not None
    await slack.press("Vera", home, "help")
    helped = await walk.modal_saying("Request access to see or export", "Vera")
    assert "request_access" in buttons(helped.payload["blocks"])
    walk.town.xero.disconnect(walk.books.tenant_id)

    assert "when you reconnect" in await home_saying(walk, "Connection broken")
    owner = f"<@{slack.user('Anna').id}> reconnects"
    await home_saying(walk, owner, "Ben")
    await walk.type("disconnect")
    await slack.submit("Anna", (await walk.modal("disconnect")).id)
    for each in ("Anna", "Ben"):
        assert "connect again" in await home_saying(walk, "Disconnected: Maple Studio", each)
    await slack.open_home("Vera")
    assert "Maple" not in await home_saying(walk, "aren't connected yet", "Vera")


async def test_home_says_why_an_invoice_is_not_ready_with_the_act_beside_it(walk: Walk) -> None:
    """The reason that the table of everything found, and a form one press away, as there."""
    slack, company = walk.town.slack, walk.company
    company.edit(company.numbered("INV-1").id, status="sent", tax=Decimal(9))
    kiwi = next(each for each in company.clients.values() if "Kiwi" in each.name)
    company.add_invoice("#K-1", kiwi, [("Seeds", "", 1, "10.00")], tax=15, status="sent")
    await walk.connect()
    await walk.type("export all")
    table = await walk.modal_saying("Needs")
    await walk.close()
    reasons = [
        block["text"]["text"].partition("\n")[2].strip("_")
        for block in table.payload["blocks"]
        if (block.get("accessory") or {}).get("action_id") == "fix_invoice"
    ]
    await slack.open_home("Anna")
    for reason in reasons:
        await home_saying(walk, reason)
    home = slack.home("Anna")

    assert home is not None
    assert len(reasons) == len(set(reasons)) == 2
    beside = [block for block in home.payload["blocks"] if "K-1" in str(block)]
    await slack.press("Anna", home, "match_client", beside[0]["block_id"])
    assert "Kiwi" in str((await walk.modal("match")).payload)
    await walk.close()


async def test_the_second_person_approves_on_home(walk: Walk) -> None:
    slack = walk.town.slack
    await walk.connect()
    await walk.add_exporter("Ben", approve_above="100")
    await walk.close()
    for each in ("Anna", "Ben"):
        await slack.open_home(each)
        await home_saying(walk, "Nothing needs you", each)
    form = await walk.form("INV-1")
    await slack.submit("Anna", form.id)
    await walk.modal_saying("waiting for approval")

    await home_saying(walk, "wants to export it", "Ben")
    assert "wants to export it" not in await home_saying(walk, "Nothing needs you")
    home = slack.home("Ben")
    assert home is not None
    await slack.press("Ben", home, "approve")
    await walk.notice("invoice_exported")
    await home_saying(walk, "Nothing needs you", "Ben")


def _ephemerals_beyond(walk: Walk, count: int) -> bool:
    return len(walk.town.slack.ephemerals("Ben")) > count


@pytest.mark.parametrize("first", ["help", "status", "export INV-1"])
async def test_the_first_answer_to_each_person_says_once_what_this_is(
    walk: Walk, first: str
) -> None:
    slack = walk.town.slack
    await walk.connect()
    before = len(slack.ephemerals("Anna"))
    for _ in range(2):
        so_far = len(slack.ephemerals("Ben"))
        for who in ("Ben", "Anna"):  # Ben has no role; Anna has been told
            await walk.type(first, who)
        # An answer that took long would be overtaken by the next.
        await slack.wait_for(partial(_ephemerals_beyond, walk, so_far))

    told = [each.text for each in slack.ephemerals("Ben")]
    assert WHAT_IT_IS in told[0]
    assert first == "help" or WHAT_IT_IS not in told[1]
    assert not any(each.text == WHAT_IT_IS for each in slack.ephemerals("Anna")[before:])


@pytest.mark.parametrize(
    ("is_exporter", "answer"), [(False, "exporter role"), (True, "can be exported again")]
)
async def test_a_first_press_on_a_card_is_answered_with_what_this_is(
    walk: Walk, answer: str, *, is_exporter: bool
) -> None:
    """Once, beside a modal whose outcome takes the place of what was said first."""
    slack = walk.town.slack
    await walk.connect()
    if is_exporter:
        await walk.add_exporter("Ben")
    await walk.export("INV-1")
    await slack.press("Ben", await walk.notice("invoice_exported"), "undo")
    await walk.modal_saying(answer, "Ben")
    await walk.ephemeral(WHAT_IT_IS, "Ben")
    await walk.type("status", "Ben")
    await slack.wait_for(lambda: len(slack.ephemerals("Ben")) > 1)

    assert [WHAT_IT_IS in each.text for each in slack.ephemerals("Ben")] == [True, False]


async def test_a_link_is_no_answer_and_greets_nobody(walk: Walk) -> None:
    slack = walk.town.slack
    await walk.connect()
    await walk.export("INV-1")
    await slack.press("Ben", await walk.notice("invoice_exported"), "open_xero")
    await walk.type("status", "Ben")
    told = await slack.wait_for(lambda: slack.ephemerals("Ben"))

    assert "Connected" in told[0].text
    assert WHAT_IT_IS in told[0].text


async def test_an_answer_that_everybody_reads_is_followed_by_what_this_is(walk: Walk) -> None:
    slack = walk.town.slack
    await walk.connect()
    await walk.add_exporter("Ben")
    await walk.type("subscribe digest", "Ben")
    await walk.ephemeral(WHAT_IT_IS, "Ben")

    assert WHAT_IT_IS not in text_in([each.blocks for each in slack.messages("invoices")])


def test_of_300_channels_status_names_ten_and_says_where_the_others_are() -> None:
    channels = tuple(f"C1{place:03}" for place in range(300))
    found = [samples.overview("Acme", channels=channels)]
    text = status_text(found)

    judge_message(text, [*blocks.paragraphs(text.split("\n")), *status_blocks(found)])
    assert "<#C1009> and 290 more: `/paymo-xero subscribe list`" in text
