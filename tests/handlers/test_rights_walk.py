"""Who may do what: everything that can be typed, pressed and sent, by people of every role."""

from collections.abc import AsyncIterator
from typing import get_type_hints

import pytest

from handlers import names, rights, words
from handlers.buttons import TEXTS, button, name_of
from handlers.home.text import HELP_LINES
from handlers.register import Services, router
from handlers.routing import Router
from sandbox.slack import View
from services.model.actions import Action
from services.model.people import Role
from services.model.wording import Command
from tests.handlers.rights import ROLES, Crowd
from tests.walk import Walk, text_in, walking

TYPED = {
    words.PANEL: "",
    words.ALL: "export all",
    words.SEVERAL: "export INV-2 INV-3",
    **{each: f"{each} INV-1" for each in ("show", "why", "history", "undo", "restore")},
    names.EXPORT: "export INV-2",
    "client": "client Acme",
}
# In a view alone, or about somebody's own table: these are refused in other words, or in none.
IN_OTHER_WORDS = {
    names.FIX_FAILED,
    names.FIX_INVOICE,
    names.SELECTED,
    names.SELECT_ALL,
    names.SELECT_NONE,
    names.PREVIOUS_PAGE,
    names.NEXT_PAGE,
    names.SHOW_INVOICES,
    names.SHOW_OVERVIEW,
    names.INVOICE,
    names.CONTACT,
    names.ACCOUNT,
    names.TAX,
    names.XERO_STATUS,
    names.ISSUE_ON,
    names.DUE_ON,
    names.CLIENT,
    names.UNTAXED,
    names.UNTAXED_FOR_ALL,
    names.RECHECK,
    names.SHOW_CHECKS,
    names.MATCH_CLIENT,
}
OPENED_BY = {
    names.EXPORT: "export INV-2",
    names.EXPORT_ALL: "export all",
    names.MATCH: "match",
    names.SUBSCRIBE: "subscribe",
    names.CONNECT: "connect",
    names.SETTINGS: "settings",
    names.DISCONNECT: "disconnect",
}

FILLED = {
    names.MATCH: {names.CONTACT: "new", names.ACCOUNT: "Sales (200)"},
    names.SUBSCRIBE: {names.CHANNEL: "lobby"},
}


@pytest.fixture
async def walk(sqlite_url: str) -> AsyncIterator[Walk]:
    """The whole program, which looks at Xero only when asked."""
    async with walking(sqlite_url, sync_interval_seconds=3600) as made:
        yield made


@pytest.fixture
async def crowd(walk: Walk) -> Crowd:
    """Everybody is there."""
    return await Crowd.gather(walk)


def our_names() -> Router:
    """Return what the program answers to; no service is called for it."""
    return router(Services(*(each.__new__(each) for each in get_type_hints(Services).values())))


def test_the_table_names_everything_that_people_can_reach() -> None:
    found = our_names()

    assert set(rights.ACTIONS) == set(found.actions)
    assert set(rights.SUBMISSIONS) == set(found.submissions) == set(OPENED_BY)
    assert set(rights.SHORTCUTS) == set(found.shortcuts)
    assert set(rights.COMMANDS) == {*words.VERBS, words.PANEL, words.ALL, words.SEVERAL}
    assert rights.EVENTS.keys() <= found.events.keys()
    helped = {typed.split()[0] for _, typed, _ in HELP_LINES}
    assert helped == set(Command) - {Command.HELP}


def test_every_action_is_drawn_and_somebody_answers_it() -> None:
    found = our_names()

    assert set(TEXTS) == set(Action)
    assert {name_of(each) for each in Action} <= set(found.actions)
    drawn = {each: button(each, 1)["action_id"] for each in Action}
    assert drawn == {each: name_of(each) for each in Action}


async def test_every_command_is_answered_by_role(crowd: Crowd) -> None:
    slack, wrong = crowd.walk.town.slack, []
    before = await crowd.kept()
    for who, has in ROLES.items():
        if who == "Eve":
            continue  # Slack offers them no command of ours
        for verb, needed in rights.COMMANDS.items():
            if has >= needed >= Role.EXPORTER:
                continue
            await slack.command(who, crowd.reply_target(who), TYPED.get(verb, verb))
            await crowd.settled()
            if crowd.is_refused(who) is (has >= needed) or not crowd.read_by(who):
                wrong.append((who, verb, crowd.read_by(who)))
            crowd.forget(who)

    assert wrong == []
    assert await crowd.kept() == before


async def test_no_button_works_for_whoever_may_not_press_it(crowd: Crowd) -> None:
    slack, wrong = crowd.walk.town.slack, []
    before = await crowd.kept()
    for who, has in ROLES.items():
        for action_id, needed in rights.ACTIONS.items():
            if has >= needed and not (needed is Role.VIEWER or who == "Eve"):
                continue
            if action_id in {names.ALLOW_ACCESS, names.DECLINE_ACCESS, names.WHICH}:
                continue  # about a request of somebody's: tests/handlers/test_access_walk.py
            message = crowd.planted(who, action_id)
            await slack.press(who, message, action_id)
            await crowd.settled()
            told = crowd.is_refused(who)
            may = has >= needed and who != "Eve"
            if told is may and action_id not in IN_OTHER_WORDS:
                wrong.append((who, action_id, crowd.read_by(who)))
            crowd.forget(who)

    assert wrong == []
    assert await crowd.kept() == before


async def test_no_form_that_came_into_other_hands_can_be_sent(crowd: Crowd) -> None:
    walk = crowd.walk
    wrong: list[tuple[str, str, object]] = []
    views = {name: await opened(walk, name, typed) for name, typed in OPENED_BY.items()}
    before = await crowd.kept()
    for who, has in ROLES.items():
        for name, needed in rights.SUBMISSIONS.items():
            if has >= needed or who == "Eve":
                continue
            view = crowd.lent(who, views[name])
            answer = await walk.town.slack.submit(who, view)
            assert not answer.errors or answer.data, (name, answer.errors)  # it was really sent
            if answer.data.get("response_action") not in {"push", "errors"}:
                wrong.append((who, name, answer.data))
            for action_id in menus_of(view):
                shown = crowd.lent(who, views[name])
                offered = await walk.town.slack.options(who, shown, action_id)
                wrong += [(who, name, action_id) for each in offered if each.options]
            crowd.forget(who)

    assert wrong == []
    assert await crowd.kept() == before


async def opened(walk: Walk, name: str, typed: str) -> View:
    """Return a form of Anna's as it stands when everything in it was read."""
    direct = walk.town.slack.direct("Anna")
    await walk.town.slack.command("Anna", direct, typed)
    waits = {names.EXPORT: "passed", names.EXPORT_ALL: "Ready"}
    view = await walk.modal_saying(waits[name]) if name in waits else await walk.modal(name)
    for field, value in FILLED.get(name, {}).items():
        await walk.town.slack.choose("Anna", view.id, field, value)
    await walk.close()
    return view


def menus_of(view: View) -> list[str]:
    """Return the menus of a view that ask us for rows."""
    found = [each.get("element") or {} for each in view.blocks]
    return [each["action_id"] for each in found if each.get("type") == "external_select"]


@pytest.mark.parametrize("who", ["Dan", "Carl"])
async def test_home_and_shortcut_show_nothing_to_whoever_has_no_role(
    crowd: Crowd, who: str
) -> None:
    """A viewer by channel is one there alone."""
    slack = crowd.walk.town.slack
    await slack.open_home(who)
    home = await slack.wait_for(lambda: slack.home(who), 60)
    await slack.shortcut(who, names.EXPORT_SHORTCUT)
    await crowd.settled()

    assert "You don't have access here" in text_in(home.payload)
    assert "Maple" not in str(home.payload)
    assert "request_access" in str(home.payload)
    assert crowd.is_refused(who)


async def test_viewers_read_without_a_button_that_they_may_not_press(crowd: Crowd) -> None:
    slack = crowd.walk.town.slack
    for who in ("Vera", "Carl"):
        for typed in ("show INV-1", "INV-1", "why INV-1", "why INV-2", "history INV-1", "status"):
            await slack.command(who, crowd.reply_target(who), typed)
            await crowd.settled()
            drawn = [each for told in slack.ephemerals(who) for each in told.blocks]
            pressed = {
                button["action_id"]
                for row in drawn
                for button in row.get("elements", [])
                if "action_id" in button
            }
            assert {each for each in pressed if rights.ACTIONS[each] > Role.VIEWER} == set()
            crowd.forget(who)
