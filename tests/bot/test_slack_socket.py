"""Socket Mode: the running program over a connection of its own, whatever becomes of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from sandbox.slack import View
from tests.bot.town import PAYMO_KEY, Town
from tests.bot.town import town as open_town
from tests.walk import Walk, link_in, text_in


@pytest.fixture
async def over(sqlite_url: str) -> AsyncIterator[Town]:
    """The program in Socket Mode; at the end no answer was late, and nothing came over HTTP."""
    settings = {"slack_app_token": "xapp-1-test", "slack_signing_secret": ""}
    async with open_town(sqlite_url, **settings) as made:
        yield made
        assert made.slack.failures == []
        assert made.slack.door.url == ""


def help_count(town: Town) -> int:
    told = town.slack.ephemerals(town.anna)
    return len([each for each in told if "brings payments and deletions back" in each.text])


async def test_commands_buttons_menus_and_forms_are_answered(over: Town) -> None:
    company = over.paymo.add_company("Maple Studio", key=PAYMO_KEY)
    books = over.xero.add_organisation("Maple Books")
    over.xero.consent.auto = True
    walk = Walk(over, company, books)
    await walk.connect()
    await walk.type("settings")
    view = await walk.modal("settings")
    answer = await over.slack.submit("Anna", view.id)
    await over.slack.open_home("Anna")
    home: View = await over.slack.wait_for(lambda: over.slack.home("Anna"))
    await over.slack.press("Anna", home, "match")
    await walk.modal("match")

    assert (answer.ok, over.slack.top_view("Anna") is not view) == (True, True)
    assert over.slack.refused == []


async def test_an_answer_to_a_form_is_drawn_in_its_place(over: Town) -> None:
    await over.slack.command(over.anna, over.room, "connect")
    view = await over.slack.wait_for(lambda: over.slack.top_view(over.anna))

    answer = await over.slack.submit(over.anna, view.id)

    shown = over.slack.top_view(over.anna)
    assert answer.errors == {}
    assert shown is not None
    assert "Not finished yet" in text_in(shown.payload)
    assert link_in(view, "connect_paymo").startswith(over.url)


async def test_a_dropped_connection_is_opened_again(over: Town) -> None:
    for _ in range(3):
        await over.slack.sockets.drop()
        assert (await over.slack.command(over.anna, over.room, "help")).ok

    await over.slack.wait_for(lambda: help_count(over) == 3)


async def test_an_address_that_does_not_open_is_asked_for_again(over: Town) -> None:
    assert over.program.socket is not None
    over.program.socket.pause = timedelta(milliseconds=10)
    over.slack.faults.add(path="^/link/", status=503, times=2)
    over.slack.refuse("apps.connections.open", "internal_error")
    over.slack.rate_limit("apps.connections.open", seconds=0)
    await over.slack.sockets.drop()

    assert (await over.slack.command(over.anna, over.room, "help")).ok
    assert len(over.slack.sockets.hellos) == 2
    assert over.slack.sockets.tickets != set()


@pytest.mark.parametrize(
    "answer",
    ["<html>", "null", "[]", '{"ok": true}', '{"ok": true, "url": 7}', '{"ok": true, "url": "x"}'],
)
async def test_an_answer_that_is_no_address_is_asked_for_again(over: Town, answer: str) -> None:
    assert over.program.socket is not None
    over.program.socket.pause = timedelta(milliseconds=10)
    over.slack.faults.add(
        path="^/api/apps.connections.open",
        status=200,
        body=answer,
        headers={"Content-Type": "application/json"},
    )
    await over.slack.sockets.drop()

    assert (await over.slack.command(over.anna, over.room, "help")).ok


@pytest.mark.parametrize("words", ["", "{", "[1]", "null", '{"envelope_id": "E1"}'])
async def test_words_on_the_socket_that_cannot_be_read_end_nothing(over: Town, words: str) -> None:
    await over.slack.sockets.open[-1].send_str(words)

    assert (await over.slack.command(over.anna, over.room, "help")).ok
    assert len(over.slack.sockets.hellos) == 1


async def test_before_slack_hangs_up_another_connection_is_open(over: Town) -> None:
    await over.slack.sockets.refresh()
    await over.slack.wait_for(lambda: len(over.slack.sockets.open) == 1)

    assert (await over.slack.command(over.anna, over.room, "help")).ok
    assert over.slack.sockets.hellos == [1, 2]


async def test_what_is_delivered_again_is_acted_on_once(over: Town) -> None:
    sockets, tasks = over.slack.sockets, over.program.core.tasks
    sockets.lost = 1

    typing = asyncio.create_task(over.slack.command(over.anna, over.room, "help"))
    await over.slack.wait_for(lambda: not sockets.lost and help_count(over))
    await sockets.drop()
    answer = await typing
    await tasks.drain(timedelta(seconds=5))

    assert (answer.ok, len(sockets.hellos), help_count(over)) == (True, 2, 1)
