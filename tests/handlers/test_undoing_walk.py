"""Taking back: typed it asks as its button does, and what was taken back goes again if ticked."""

import re

import pytest

from services.errors import NotConnected
from services.model.people import Person
from tests.walk import Walk, text_in


async def until(walk: Walk, number: str, status: str) -> None:
    """Wait until Xero has this invoice so."""
    await walk.town.slack.wait_for(
        lambda: [
            each
            for each in walk.books.invoices.values()
            if each.number.startswith(number) and each.status == status
        ],
        20,
    )


async def test_undo_typed_asks_and_its_button_takes_back(walk: Walk) -> None:
    await walk.connect()
    await walk.export("INV-1")
    await walk.type("undo INV-1")
    question = await walk.ephemeral("Undo the export of INV-1 (ACME Limited)?")
    assert walk.in_xero("INV-1").status == "AUTHORISED"

    await walk.town.slack.press("Anna", question, "undo")
    await until(walk, "INV-1", "VOIDED")
    await walk.notice("invoice_undone")
    undone = text_in((await walk.modal_saying("can be exported again")).payload)
    assert "⏳" not in undone
    assert "being undone" not in undone
    read = " ".join(text_in(each.blocks) for each in walk.town.slack.ephemerals("Anna"))
    assert "⏳" not in read
    assert "Undo the export of" not in read  # nobody presses it once more
    await walk.close()
    await walk.type("undo INV-1")
    await walk.ephemeral("so there is nothing to undo. <@U0001> already undid it at ")
    await walk.type("status")
    await walk.ephemeral("0 in Xero")


async def test_what_was_taken_back_goes_again_only_where_it_is_ticked(walk: Walk) -> None:
    await walk.connect()
    await walk.export("INV-1")
    walk.company.set_status(walk.in_paymo("INV-1").id, "sent")
    walk.company.set_status(walk.in_paymo("INV-2").id, "sent")
    await walk.type("undo INV-1")
    await walk.town.slack.press("Anna", await walk.ephemeral("Undo the export of INV-1"), "undo")
    await walk.notice("invoice_undone")
    await walk.type("export all")
    view = await walk.modal_saying("Undone invoices to export again")
    if "Needs" in text_in(view.payload):
        await walk.close()
        await walk.export("INV-2")  # which says where its client goes
        await walk.type("export all")
        view = await walk.modal_saying("Undone invoices to export again")
    undone = f"{walk.in_paymo('INV-1').id}"
    groups = [each for each in view.blocks if each["block_id"].startswith("selected")]
    boxes = next(each for each in groups if undone in str(each))
    assert "initial_options" not in str(boxes)
    await walk.town.slack.choose("Anna", view.id, "selected", [undone], boxes["block_id"])
    await walk.submit(view)

    await until(walk, "INV-1", "AUTHORISED")


async def test_whoever_closed_the_modal_reads_the_outcome_in_a_message(walk: Walk) -> None:
    await walk.connect()
    await walk.export("INV-1")
    card = await walk.notice("invoice_exported")
    held = walk.town.xero.faults.hold("POST", "/Invoices/")
    await walk.town.slack.press("Anna", card, "undo")
    assert "⏳" in text_in((await walk.modal_saying("You can close this")).payload)
    await walk.close()
    assert held.gate is not None
    held.gate.set()

    await walk.ephemeral("can be exported again")


async def test_a_refused_undo_says_so_in_place_of_the_hourglass(walk: Walk) -> None:
    await walk.connect()
    await walk.export("INV-1")
    card = await walk.notice("invoice_exported")
    await walk.town.slack.press("Ben", card, "undo")

    refused = text_in((await walk.modal_saying("exporter role", "Ben")).payload)
    assert "⏳" not in refused
    assert walk.in_xero("INV-1").status == "AUTHORISED"


async def test_the_end_of_the_connection_ends_what_its_messages_offer(walk: Walk) -> None:
    """Who presses an old one is answered; with the same two connected again, cards offer it."""
    await walk.connect()
    await walk.export("INV-1")
    await walk.export("INV-2")
    card = await walk.notice("invoice_exported", 1)
    walk.pay("INV-2", "100")
    await walk.notice("payment_received")
    (copy,) = walk.company.payments_of(walk.in_paymo("INV-2").id)
    walk.company.delete_payment(copy.id)
    asked = await walk.notice("payment_removed")
    (payment_id,) = re.findall(r"'action_id': 'bring_back'.*?'value': '(\d+)'", str(asked.blocks))
    await walk.disconnect()

    assert "> disconnected it" in await walk.without("bring_back", asked)
    assert "INV-1" in await walk.without("undo", card)
    anna = Person("", walk.town.slack.team.id, walk.town.slack.user("Anna").id)
    with pytest.raises(NotConnected, match="connected"):  # on a screen that is older
        await walk.town.program.core.services.sync.bring_back(anna, int(payment_id))
    await walk.connect()
    again = await walk.rewritten("invoice_exported", "Undo")
    assert again.ts == card.ts
