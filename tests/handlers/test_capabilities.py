"""Modals, menus and buttons of each capability, in the running program between stand-ins."""

import asyncio
from typing import Any

import pytest

from sandbox.slack import Message, View
from tests.walk import PATIENCE, Walk, text_in


async def connected(walk: Walk, *, subscribe: bool = True) -> None:
    """Connect, and wait until both systems' lists were read."""
    await walk.connect(subscribe=subscribe)
    await walk.read_clients()


async def test_finishing_too_early_says_what_is_missing(walk: Walk) -> None:
    await walk.type("connect")
    view = await walk.modal("connect")

    answer = await walk.town.slack.submit("Anna", view.id)

    assert answer.errors == {}
    await walk.modal_saying("Not finished yet")
    again = await walk.modal("connect")
    await walk.town.slack.submit("Anna", again.id)
    assert text_in((await walk.modal("connect")).payload).count("Not finished yet") == 1


async def test_the_organisation_is_shown_and_confirmed_by_the_button_of_the_form(
    walk: Walk,
) -> None:
    await walk.connect()
    await walk.type("connect")
    view = await walk.modal("connect")
    assert "Maple Books · New Zealand · NZD" in text_in(view.payload)
    assert view.payload["submit"]["text"] == "Finish"  # it was confirmed, and stays so
    assert "right organisation" not in text_in(view.payload)

    await walk.press(view, "disconnect")

    assert "*First Xero:* we disconnect Maple Books" in text_in(
        (await walk.modal("disconnect")).payload
    )


async def test_connecting_without_a_channel_ends_without_notices(walk: Walk) -> None:
    await walk.connect(subscribe=False)
    await walk.type("status")

    await walk.ephemeral("no channel yet")
    assert walk.town.slack.messages("invoices") == []


@pytest.mark.parametrize("typed", ["", "help", "status", "history", "overdue", "why INV-1", "x"])
async def test_what_is_typed_in_a_channel_is_answered_to_one_person(walk: Walk, typed: str) -> None:
    await walk.connect(subscribe=False)
    slack = walk.town.slack
    before = len(slack.ephemerals("Anna"))

    await walk.type(typed)

    await slack.wait_for(lambda: len(slack.ephemerals("Anna")) > before, PATIENCE)
    assert slack.messages("invoices") == []


async def test_the_home_tab_opens_what_it_offers(walk: Walk) -> None:
    await walk.connect()
    await walk.town.slack.open_home("Anna")
    home = await walk.town.slack.wait_for(lambda: walk.town.slack.home("Anna"))

    for button, callback_id in (
        ("export", "export"),
        ("match", "match"),
        ("subscribe", "subscribe"),
        ("settings", "settings"),
    ):
        await walk.press(home, button)
        await walk.modal(callback_id)
        await walk.town.slack.close_view("Anna", everything=True)
    await walk.press(home, "settings")
    await walk.press(await walk.modal("settings"), "disconnect")
    await walk.modal("disconnect")
    await walk.town.slack.close_view("Anna", everything=True)
    await walk.press(home, "sync")
    await walk.modal_saying("Maple Books")


async def test_the_subscribe_form_tells_the_channel_and_remembers_everything(walk: Walk) -> None:
    await connected(walk, subscribe=False)
    slack = walk.town.slack
    await slack.command("Anna", slack.direct("Anna"), "subscribe")
    view = await walk.modal("subscribe")
    await slack.choose("Anna", view.id, "channel", walk.town.room.id)
    await slack.choose("Anna", view.id, "events", ["payments", "failures"])
    await slack.choose("Anna", view.id, "client", "ACME Limited")
    await slack.choose("Anna", view.id, "minimum", "500")
    await walk.submit(view)
    await walk.modal_saying("is subscribed")
    await slack.close_view("Anna", everything=True)

    [intro] = slack.messages("invoices")
    assert "to payments and failures, for ACME Limited only, from 500." in intro.text
    await walk.type("subscribe exports")
    await slack.wait_for(
        lambda: (
            "to exports, payments and failures, for ACME Limited only, from 500."
            in slack.messages("invoices")[-1].text
        )
    )
    await walk.type("unsubscribe")
    await walk.ephemeral("isn’t subscribed any more")
    await walk.type("unsubscribe")
    await walk.ephemeral("wasn’t subscribed")
    await slack.command("Anna", slack.direct("Anna"), "unsubscribe")
    await walk.ephemeral("This isn't a channel. Type `/paymo-xero unsubscribe` in the channel")


async def test_a_channel_that_cannot_be_written_to_is_said_in_the_form(walk: Walk) -> None:
    await walk.connect(subscribe=False)
    slack = walk.town.slack
    private = slack.add_channel("board", private=True, bot_member=False)
    await slack.command("Anna", slack.direct("Anna"), "subscribe")
    view = await walk.modal("subscribe")
    await slack.choose("Anna", view.id, "channel", private.id)
    await slack.submit("Anna", view.id)

    await walk.modal_saying("/invite @paymo-xero")


async def test_a_number_that_is_taken_is_linked_by_a_button(walk: Walk) -> None:
    await walk.connect()
    await walk.export("INV-1")
    acme = next(iter(walk.company.clients.values()))
    twin = walk.company.add_invoice("INV-9", acme, [("Seeds", "", 1, "10.00")], tax=15)
    walk.in_xero("INV-1").number = twin.number
    form = await walk.form("INV-9")
    await walk.town.slack.submit("Anna", form.id)

    refused = await walk.modal_saying("Export Without Number")
    await walk.press(refused, "without_number")
    await walk.modal_saying("In Xero its number is")

    assert len(walk.books.invoices) == 2


async def test_the_failed_notice_carries_the_same_buttons(walk: Walk) -> None:
    await walk.connect()
    await walk.export("INV-1")
    acme = next(iter(walk.company.clients.values()))
    twin = walk.company.add_invoice("INV-9", acme, [("Seeds", "", 1, "10.00")], tax=15)
    walk.in_xero("INV-1").number = twin.number
    form = await walk.form("INV-9")
    await walk.town.slack.submit("Anna", form.id)
    await walk.town.slack.close_view("Anna", everything=True)
    notice = await walk.notice("export_failed")

    await walk.press(notice, "retry")
    await walk.modal_saying("Invoice INV-9 wasn’t exported")  # in place of "is on its way"
    again = await walk.notice("export_failed", 2)
    assert "link_existing" not in str(again.blocks)  # the one in Xero is another invoice
    assert walk.in_xero("INV-9").invoice_id in str(again.blocks)
    await walk.press(again, "cancel")
    await walk.ephemeral("INV-9 is cancelled.")

    assert len(walk.books.invoices) == 1


async def offered(walk: Walk, view_id: str, number: str) -> dict[str, Any]:
    """Type into the menu of invoices until their copy, which has just begun, has this one."""
    async with asyncio.timeout(60):
        while True:
            groups = await walk.town.slack.options("Anna", view_id, "invoice", number)
            if rows := [each for group in groups for each in group.options]:
                return rows[0]


async def test_choosing_another_invoice_and_looking_again_draw_the_form_anew(walk: Walk) -> None:
    await connected(walk)
    slack = walk.town.slack
    await slack.shortcut("Anna", "export_invoices")
    view = await walk.modal("export")
    acme = next(iter(walk.company.clients.values()))
    walk.company.add_invoice("INV-8", acme, [("Seeds", "", 1, "10.00")], tax=20)
    row = await offered(walk, view.id, "INV-4")
    await slack.choose("Anna", view.id, "invoice", row["value"])
    view = await walk.modal_saying("passed")
    await slack.choose("Anna", view.id, "account", "Sales (200)")
    walk.books.archive_contact(next(iter(walk.books.contacts)))
    await slack.close_view("Anna", view.id)
    await walk.type("export INV-8")
    view = await walk.modal_saying("Check Again")
    await walk.press(view, "recheck")

    await walk.modal_saying("Reading the invoice")
    await walk.modal_saying("Fix:")


async def test_matching_another_client_brings_fresh_proposals(walk: Walk) -> None:
    await connected(walk)
    slack = walk.town.slack
    await walk.type("match")
    view = await walk.modal("match")
    assert "Acme Ltd" in text_in(view.payload)
    await slack.choose("Anna", view.id, "client", "Kiwi <!channel> Farm")

    def fresh() -> View | None:
        top = slack.top_view("Anna")
        text = text_in(top.payload) if top else ""
        return top if "Kiwi" in text and "Contact in Xero" in text else None

    view = await slack.wait_for(fresh)
    rows = [
        each["value"]
        for group in await slack.options("Anna", view.id, "contact")
        for each in group.options
    ]
    assert "new" in rows
    await slack.choose("Anna", view.id, "contact", "new")
    await slack.choose("Anna", view.id, "account", "Sales (200)")
    await slack.submit("Anna", view.id)

    await walk.modal_saying("Farm is matched. 1 client left to match.")


async def test_people_decide_about_payments_and_deletions_by_buttons(walk: Walk) -> None:
    await walk.connect()
    await walk.export("INV-1")
    walk.pay("INV-1", "400.00")
    await walk.notice("payment_received")
    [copy] = walk.company.payments_of(walk.in_paymo("INV-1").id)
    walk.company.delete_payment(copy.id)
    await walk.type("sync")
    removed = await walk.notice("payment_removed")

    await walk.press(removed, "bring_back")
    await walk.notice("payment_received", 2)
    assert len(walk.company.payments_of(walk.in_paymo("INV-1").id)) == 1

    await walk.export("INV-2")
    walk.books.void(walk.in_xero("INV-2").invoice_id)
    voided = await walk.notice("invoice_voided")
    await walk.press(voided, "delete_in_paymo")
    await walk.notice("invoice_voided", 2)
    assert all(each.number != "INV-2" for each in walk.company.invoices.values())


async def test_what_happens_is_told_in_the_channel_once_somebody_deleted_the_card(
    walk: Walk,
) -> None:
    slack = walk.town.slack
    await walk.connect()
    await walk.export("INV-1")
    card = await walk.notice("invoice_exported")
    slack.state.channels[card.channel_id].messages.remove(card)

    walk.pay("INV-1", "400.00")
    paid = await walk.notice("payment_received")
    walk.books.remove_payment(walk.in_xero("INV-1").payments[0].payment_id)
    removed = await walk.notice("payment_removed")

    assert [each.thread_ts for each in (paid, removed)] == ["", ""]
    assert "INV-1" in text_in(paid.blocks)


async def void_four_of_five(walk: Walk) -> Message:
    """Export five invoices, void four in Xero, and return the question about these."""
    await walk.connect()
    for place in range(1, 6):
        await walk.export(f"INV-{place}")
    for place in range(1, 5):
        walk.books.void(walk.in_xero(f"INV-{place}").invoice_id)
    return await walk.notice("sync_paused")


@pytest.mark.parametrize("button", ["breaker_keep", "breaker_apply"])
async def test_many_deletions_at_once_wait_for_a_press(walk: Walk, button: str) -> None:
    paused = await void_four_of_five(walk)
    assert "4 invoices were" in text_in(paused.blocks)
    walk.books.void(walk.in_xero("INV-5").invoice_id)
    renewed = await walk.rewritten("sync_paused", "5 invoices were")
    assert renewed.ts == paused.ts

    await walk.press(paused, button)
    if button == "breaker_apply":
        await walk.ephemeral("Paymo now follows Xero")
        await walk.notice("invoice_voided", 5)
    else:
        await walk.ephemeral("Kept in Paymo")

    states = {walk.in_paymo(f"INV-{place}").status for place in range(1, 6)}
    assert ("void" in states) is (button == "breaker_apply")
    decided = await walk.rewritten("sync_paused", f"<@{walk.town.anna.id}>")
    assert "breaker_" not in str(decided.blocks)


async def test_a_press_decides_about_what_its_message_showed_and_the_rest_still_waits(
    walk: Walk,
) -> None:
    paused = await void_four_of_five(walk)
    on_screen = paused.blocks
    walk.books.void(walk.in_xero("INV-5").invoice_id)
    await walk.rewritten("sync_paused", "5 invoices were")
    paused.blocks = on_screen  # the person is being asked whether they are sure

    await walk.press(paused, "breaker_apply")
    await walk.ephemeral("This button didn't cover INV-5, which still waits for a decision.")

    left = await walk.rewritten("sync_paused", "1 invoice was deleted or voided* in")
    said = text_in(left.blocks)
    assert "INV-5. Unchanged in Paymo so far." in said
    assert f"<@{walk.town.anna.id}> followed Xero for 4 invoices" in said
    await walk.notice("invoice_voided", 4)
    assert [walk.in_paymo(f"INV-{place}").status for place in range(1, 6)] == [
        *["void"] * 4,
        "draft",
    ]

    await walk.press(left, "breaker_keep")
    await walk.ephemeral("Kept in Paymo: INV-5.")
    await walk.without("breaker_keep", left)


async def test_what_was_synced_a_moment_ago_promises_no_result(walk: Walk) -> None:
    await walk.connect(subscribe=False)
    await walk.type("sync")
    await walk.modal_saying("✅ Maple Books")
    await walk.close()
    await walk.type("sync")
    fresh = await walk.modal_saying("was synced a moment ago. If you've just")
    assert "tell you the result" not in text_in(fresh.payload)
