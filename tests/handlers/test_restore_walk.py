"""A draft that is deleted in Xero and restored: what its card and its messages show meanwhile."""

from collections.abc import AsyncIterator

import pytest

from tests.databases import SQLITE_ALONE
from tests.handlers.judging import buttons
from tests.walk import Walk, text_in, walking

pytestmark = SQLITE_ALONE


@pytest.fixture
async def walk(sqlite_url: str) -> AsyncIterator[Walk]:
    """The program in a town, before anybody connected anything."""
    async with walking(sqlite_url) as made:
        yield made


async def test_a_drafts_card_says_so_and_leads_nowhere_once_it_is_deleted(walk: Walk) -> None:
    await walk.connect()
    await walk.export("INV-1", xero_status="DRAFT")
    card = await walk.notice("invoice_exported")
    assert "Draft" in text_in(card.blocks)
    assert set(buttons(card.blocks)) == {"undo", "open_xero", "open_paymo"}

    walk.books.delete(walk.in_xero("INV-1").invoice_id)
    deleted = await walk.notice("invoice_deleted")
    card = await walk.rewritten("invoice_exported", "*Deleted*")
    assert buttons(card.blocks) == {}
    assert set(buttons(deleted.blocks)) == {"restore"}

    await walk.press(deleted, "restore")
    deleted = await walk.rewritten("invoice_deleted", "restored it")
    assert buttons(deleted.blocks) == {}
    told = text_in((await walk.notice("invoice_restored")).blocks)
    assert "payment" not in told
    assert "in Paymo with its lines and taxes." in told
    await walk.modal_saying("is back in Paymo with its lines and taxes. You can")


async def test_what_paymo_refuses_to_restore_keeps_its_button(walk: Walk) -> None:
    slack = walk.town.slack
    await walk.connect()
    await walk.export("INV-1", xero_status="DRAFT")
    walk.books.delete(walk.in_xero("INV-1").invoice_id)
    deleted = await walk.notice("invoice_deleted")
    walk.town.paymo.faults.add(
        method="POST", path="/invoices$", status=400, body='{"message": "Not today"}'
    )
    assert (await slack.press("Anna", deleted, "restore")).ok
    await walk.modal_saying("wasn't restored")
    assert set(buttons(deleted.blocks)) == {"restore"}

    assert (await slack.press("Anna", deleted, "restore")).ok
    deleted = await walk.rewritten("invoice_deleted", "restored it")
    assert buttons(deleted.blocks) == {}


async def test_no_channel_keeps_the_button_of_what_was_restored_by_typing(walk: Walk) -> None:
    slack = walk.town.slack
    await walk.connect()
    other = slack.add_channel("finance")
    await slack.command("Anna", other, "subscribe deletions")
    await slack.wait_for(lambda: slack.messages(other), 20)
    await walk.export("INV-1", xero_status="DRAFT")
    walk.books.delete(walk.in_xero("INV-1").invoice_id)
    told = [await walk.notice("invoice_deleted", channel=each) for each in ("invoices", "finance")]
    await walk.type("restore INV-1")
    await walk.modal_saying("is back in Paymo")

    await slack.wait_for(lambda: all("restored it" in text_in(each.blocks) for each in told), 20)
    assert [buttons(each.blocks) for each in told] == [{}, {}]
    kinds = [(each.metadata or {}).get("event_type") for each in slack.messages(other)]
    assert kinds.count("invoice_deleted") == 1


async def test_a_draft_that_is_approved_in_xero_is_called_open(walk: Walk) -> None:
    await walk.connect()
    await walk.export("INV-1", xero_status="DRAFT")
    await walk.notice("invoice_exported")

    walk.books.approve(walk.in_xero("INV-1").invoice_id)

    card = await walk.rewritten("invoice_exported", "*Approved*")
    assert "Draft" not in text_in(card.blocks)
