"""A comparison asked for in Slack, in the running program between stand-ins."""

from collections.abc import AsyncIterator

import pytest

from tests.walk import Walk, text_in, walking


@pytest.fixture
async def walk(sqlite_url: str) -> AsyncIterator[Walk]:
    """Everything up and connected; at the end no answer was late or wrong."""
    async with walking(sqlite_url) as made:
        await made.connect()
        yield made
        assert made.town.slack.failures == []
        assert made.refused() == []


async def test_what_is_missing_is_one_press_from_its_form(walk: Walk) -> None:
    await walk.export("INV-1")
    await walk.type("reconcile")
    await walk.whisper("all 1 agree at ")
    walk.company.set_status(walk.in_paymo("INV-2").id, "sent")

    await walk.type("reconcile this")
    told = await walk.whisper("1 of 1 agree; 1 is only in Paymo.")
    await walk.town.slack.press("Anna", told, "export")
    form = await walk.modal_saying("INV-2")

    assert form.callback_id == "export"


async def test_a_wrong_month_and_the_digests_topic_are_understood(walk: Walk) -> None:
    await walk.type("reconcile smarch")
    await walk.whisper("“smarch” is not a month. Type 2026-11, november, last, all, or nothing")
    await walk.type("subscribe digest")

    told = await walk.town.slack.wait_for(
        lambda: [
            each
            for each in walk.town.slack.messages("invoices")
            if "subscribed this channel to digest" in text_in(each.blocks)
        ]
    )

    assert len(told) == 1
