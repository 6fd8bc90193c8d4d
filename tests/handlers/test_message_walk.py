"""The shortcut on a message: one number opens its form, several a table, none says so."""

from collections.abc import Sequence

import pytest

from handlers import names
from sandbox.slack import Message
from tests.walk import Walk, text_in


@pytest.mark.parametrize(
    ("said", "callback_id", "shown"),
    [
        ("Can you send *inv-2* to Xero? It's 28 hours, due 2026-12-01.", "export", ["INV-2"]),
        ("INV-1, (INV-3) and INV-1 again", "export_all", ["INV-1", "INV-3"]),
        ("INV-4/INV-5", "export_all", ["INV-4", "INV-5"]),
    ],
)
async def test_what_a_message_names_is_opened(
    walk: Walk, said: str, callback_id: str, shown: list[str]
) -> None:
    slack = walk.town.slack
    await walk.connect()
    await walk.export("INV-6")  # by then Paymo's list was copied
    message = slack.say("Ben", "invoices", said)
    assert (await slack.use_on("Anna", message, names.MESSAGE_SHORTCUT)).ok
    await walk.modal(callback_id)
    view = await walk.modal_saying("passed" if callback_id == "export" else "Ready")
    read = str(view.payload)
    assert [each for each in (f"INV-{nth}" for nth in range(1, 7)) if each in read] == shown


async def test_what_another_app_says_in_blocks_or_attachments_counts(walk: Walk) -> None:
    slack = walk.town.slack
    await walk.connect()
    await walk.export("INV-6")
    told = {"type": "section", "text": {"type": "mrkdwn", "text": "Paid: *INV-2*"}}
    for blocks, attachments in (
        ([told], []),
        ([], [{"fallback": "An invoice", "title": "Invoice INV-2", "color": "#00aa00"}]),
        ([], [{"fallback": "An invoice", "fields": [{"title": "No.", "value": "INV-2"}]}]),
        ([], [{"blocks": [told]}]),
    ):
        message = slack.say("Ben", "invoices", "")
        message.blocks, message.attachments = blocks, attachments
        await slack.use_on("Anna", message, names.MESSAGE_SHORTCUT)
        assert "INV-2 · " in str((await walk.modal_saying("passed")).payload)
        await walk.close()


async def test_a_message_without_a_number_or_a_person_without_a_role_opens_nothing(
    walk: Walk,
) -> None:
    slack = walk.town.slack
    await walk.connect()
    await walk.export("INV-6")
    await slack.use_on("Anna", slack.say("Ben", "invoices", "Lunch at 12?"), "export_from_message")
    await walk.ephemeral("no Paymo invoice number in this message")
    named = slack.say("Ben", "invoices", "INV-1")
    await slack.use_on("Ben", named, "export_from_message")
    refusal = await walk.ephemeral("exporter role", "Ben")
    assert "INV-1" not in text_in(refusal.blocks)


@pytest.mark.parametrize(
    ("typed", "callback_id", "shown"),
    [
        ("export INV-2", "export", ["INV-2"]),
        ("export INV-1 INV-3", "export_all", ["INV-1", "INV-3"]),
    ],
)
async def test_a_form_that_slack_does_not_open_is_offered_for_what_was_typed(
    walk: Walk, typed: str, callback_id: str, shown: list[str]
) -> None:
    slack = walk.town.slack
    await walk.connect()
    await walk.export("INV-6")
    await walk.close()
    slack.refuse("views.open", "expired_trigger_id", times=2)
    await walk.type(typed)
    await walk.ephemeral("Slack couldn't open the form")
    await slack.use_on("Anna", slack.say("Ben", "invoices", " ".join(shown)), "export_from_message")
    await slack.wait_for(lambda: len(offers(slack.ephemerals("Anna"))) == 2)

    for each in offers(slack.ephemerals("Anna")):
        await slack.press("Anna", each, names.WHICH)
        await walk.modal(callback_id)
        view = await walk.modal_saying("passed" if callback_id == "export" else "Ready")
        assert [n for n in (f"INV-{nth}" for nth in range(1, 7)) if n in str(view.payload)] == shown
        await walk.close()


def offers(found: Sequence[Message]) -> list[Message]:
    return [each for each in found if "couldn't open the form" in each.text]


async def test_numbers_too_long_for_a_button_are_kept_for_it(walk: Walk) -> None:
    """Neither are they lost, nor does the button open everything instead."""
    slack = walk.town.slack
    await walk.connect()
    await walk.export("INV-6")
    await walk.close()
    slack.refuse("views.open", "expired_trigger_id")
    await walk.type("export INV-1, INV-3, " + " ".join(f"OLD-{nth}" for nth in range(400)))
    offer = await walk.ephemeral("Slack couldn't open the form. Press the button to try again.")
    await slack.press("Anna", offer, names.EXPORT_ALL)
    await walk.modal("export_all")
    view = await walk.modal_saying("Ready")

    assert [n for n in (f"INV-{nth}" for nth in range(1, 7)) if n in str(view.payload)] == [
        "INV-1",
        "INV-3",
    ]


async def test_a_message_too_long_for_a_button_is_not_made_everything(walk: Walk) -> None:
    slack = walk.town.slack
    await walk.connect()
    await walk.export("INV-6")
    await walk.close()
    slack.refuse("views.open", "expired_trigger_id")
    said = slack.say("Ben", "invoices", "INV-1 " + "and a great many words " * 100)
    await slack.use_on("Anna", said, "export_from_message")

    offer = await walk.ephemeral("Slack couldn't open the form. Try again in a moment.")
    assert "button" not in str(offer.blocks)
