"""A second person from Slack: the settings, the question, the press, the card; and open forms."""

import asyncio
import json

from sandbox.serving import Fault
from sandbox.slack import SlackWorld
from tests.handlers.test_access_walk import direct
from tests.handlers.test_home import home_saying
from tests.walk import Walk, text_in


async def test_the_second_person_sees_it_and_lets_it_go_and_the_card_names_both(
    walk: Walk,
) -> None:
    slack = walk.town.slack
    await walk.connect()
    await walk.type("settings")
    view = await walk.modal("settings")
    await slack.choose("Anna", view.id, "approve_above", "100")
    alone = await slack.submit("Anna", view.id)
    assert "another exporter" in (alone.errors or {})["approve_above"]
    await slack.choose("Anna", view.id, "exporters", [slack.user("Ben").id])
    await walk.submit(view)

    form = await walk.form("INV-1")
    await slack.submit("Anna", form.id)
    waiting = await walk.modal_saying("waiting for approval")
    assert "'action_id': 'cancel'" in str(waiting.blocks)
    asked = await direct(walk, "Ben", "wants to export")
    assert all(each in text_in(asked.blocks) for each in ("INV-1", "Acme Ltd", "Account: "))
    assert walk.books.invoices == {}

    await slack.press("Ben", asked, "approve")
    card = await walk.notice("invoice_exported")
    said = text_in(card.blocks)
    names = [f"<@{slack.user(each).id}>" for each in ("Anna", "Ben")]
    assert f"by {names[0]}" in said
    assert f"Approved by {names[1]}" in said
    await slack.wait_for(lambda: "'approve'" not in str(asked.blocks), 60)
    assert walk.in_xero("INV-1").total == walk.in_paymo("INV-1").total


async def test_whoever_asked_is_told_that_the_second_person_cancelled_it(walk: Walk) -> None:
    slack = walk.town.slack
    await walk.connect()
    await walk.add_exporter("Ben", approve_above="100")
    form = await walk.form("INV-1")
    await slack.submit("Anna", form.id)
    await walk.close()

    await slack.press("Ben", await direct(walk, "Ben", "wants to export"), "cancel")

    told = await direct(walk, "Anna", "cancelled your export")
    assert f"<@{slack.user('Ben').id}> cancelled your export* of INV-1 (ACME Limited)" in told.text
    assert told.text.endswith(". Nothing was sent.")
    assert "Open in Paymo" in str(told.blocks)
    assert walk.books.invoices == {}


async def test_whoever_asked_reads_at_once_that_the_second_person_cant_be_reached(
    walk: Walk,
) -> None:
    slack = walk.town.slack
    await walk.connect()
    await walk.add_exporter("Ben", approve_above="100")
    await walk.close()
    slack.refuse("chat.postMessage", "cannot_dm_bot")
    form = await walk.form("INV-1")
    await slack.submit("Anna", form.id)

    told = text_in((await walk.modal_saying("Slack doesn't deliver our messages")).payload)
    assert f"to <@{slack.user('Ben').id}>. Ask them to approve it on the app's Home." in told
    asked = await direct(walk, "Anna", "wants to export")  # the owner
    assert "'approve'" not in str(asked.blocks)
    await slack.open_home("Ben")
    await home_saying(walk, "wants to export it", "Ben")
    home = slack.home("Ben")
    assert home is not None
    await slack.press("Ben", home, "approve")
    await walk.notice("invoice_exported")
    await walk.type("history INV-1")
    history = text_in((await walk.ephemeral("approved the export")).blocks)
    assert history.count("asked for approval to export") == 1


async def with_two_approvers(walk: Walk) -> SlackWorld:
    """Have Ben and Cara approve what Anna exports."""
    slack = walk.town.slack
    slack.add_user("Cara")
    await walk.connect()
    await walk.add_exporter("Ben", "Cara", approve_above="100")
    await walk.close()
    return slack


async def test_where_one_of_two_cant_be_reached_the_other_and_whoever_asked_read_it(
    walk: Walk,
) -> None:
    slack = await with_two_approvers(walk)
    slack.refuse("chat.postMessage", "cannot_dm_bot")
    form = await walk.form("INV-1")
    await slack.submit("Anna", form.id)

    told = text_in((await walk.modal_saying("Slack doesn't deliver our messages")).payload)
    names = [f"<@{slack.user(each).id}>" for each in ("Ben", "Cara")]
    truth = f"Asked: {names[1]}. Slack doesn't deliver our messages to {names[0]}, who can"
    assert truth in told
    asked = await direct(walk, "Cara", "wants to export")
    await slack.wait_for(lambda: truth in text_in(asked.blocks), 60)
    await slack.press("Cara", asked, "approve")
    await walk.notice("invoice_exported")


async def test_whoever_is_no_exporter_any_more_reads_so_and_is_asked_anew_once_they_are(
    walk: Walk,
) -> None:
    slack = await with_two_approvers(walk)
    form = await walk.form("INV-1")
    await slack.submit("Anna", form.id)
    await walk.modal_saying("waiting for approval")
    await walk.close()
    asked = await direct(walk, "Ben", "wants to export")
    await walk.add_exporter("Cara")
    await slack.wait_for(lambda: "'approve'" not in str(asked.blocks), 60)
    assert "You can't approve it any more" in text_in(asked.blocks)
    await walk.close()

    await walk.add_exporter("Ben", "Cara")
    await slack.wait_for(
        lambda: "'approve'" in str(slack.messages(slack.direct("Ben"))[-1].blocks), 60
    )
    await slack.press("Ben", slack.messages(slack.direct("Ben"))[-1], "approve")
    await walk.notice("invoice_exported")


async def test_a_batchs_report_says_once_who_of_two_cant_be_reached(walk: Walk) -> None:
    slack = walk.town.slack
    slack.add_user("Cara")
    await walk.connect()
    await walk.export("INV-3")
    await walk.notice("invoice_exported")
    await walk.close()
    await walk.add_exporter("Ben", "Cara", approve_above="100")
    await walk.close()
    await walk.type("export INV-1 INV-2")
    table = await walk.modal_saying("Export 2 Invoices")
    slack.refuse("chat.postMessage", "cannot_dm_bot")
    await walk.submit(table)

    report = text_in((await walk.modal_saying("Slack doesn't deliver our messages")).payload)
    who = slack.user("Ben").id
    truth = f"Slack doesn't deliver our messages to <@{who}>, who can approve them on the app's"
    assert report.count(truth) == 1
    assert "2 waiting for approval" in report


async def test_a_form_for_what_waits_says_so_and_asks_nothing(walk: Walk) -> None:
    slack = walk.town.slack
    await walk.connect()
    await walk.add_exporter("Ben", approve_above="100")
    await walk.close()
    form = await walk.form("INV-1")
    await slack.submit("Anna", form.id)
    await walk.modal_saying("waiting for approval")

    await walk.type("export INV-1", "Ben")
    taken = await walk.modal_saying("INV-1 is waiting for approval", "Ben")
    assert [each["block_id"] for each in taken.blocks if each["type"] == "input"] == ["invoice"]
    assert "passed" not in text_in(taken.payload)
    await walk.submit(taken, "Ben")
    await walk.modal_saying("waiting for approval", "Ben")
    assert walk.books.invoices == {}


async def test_an_open_form_follows_what_somebody_else_does_with_its_invoice(walk: Walk) -> None:
    slack = walk.town.slack
    await walk.connect()
    await walk.add_exporter("Ben")
    await walk.close()
    await walk.type("export INV-1", "Ben")
    await walk.modal_saying("passed", "Ben")
    await walk.export("INV-1")

    view = await walk.modal_saying("Open in Xero", "Ben")
    assert "*Approved*" in text_in(view.payload)
    answer = await slack.submit("Ben", view.id)
    said = text_in((await walk.modal_saying("is already exported", "Ben")).payload)
    assert answer.ok or answer.errors
    assert f"<@{slack.user('Anna').id}> exported it at <!date^" in said
    assert len(walk.books.invoices) == 1


async def test_a_form_that_comes_late_is_not_drawn_over_what_came_of_it(walk: Walk) -> None:
    slack = walk.town.slack
    await walk.connect()
    await walk.form("INV-2")
    await walk.close()
    first, late = (slack.faults.hold("POST", "^/api/views.update$") for _ in range(2))
    first.is_done, late.skip = True, 1  # between the two the person's choice is drawn
    sending = walk.town.xero.faults.hold("PUT", "/Invoices$")
    form = await walk.form("INV-1")
    await slack.choose("Anna", form.id, "xero_status", "DRAFT")
    await slack.wait_for(lambda: not late.skip, 60)
    await let_go(first)
    async with asyncio.timeout(60):
        await late.came.wait()
    answer = await slack.submit("Anna", form.id)
    assert answer.ok, (answer.failure, answer.errors)
    await let_go(late)
    await slack.wait_for(lambda: "hash_conflict" in str(slack.refused), 60)

    await walk.modal_saying("is on its way to Xero")
    await let_go(sending)
    await walk.modal_saying("Open in Xero")


async def test_a_form_that_comes_late_leaves_the_refusal_on_the_screen(walk: Walk) -> None:
    slack = walk.town.slack
    await walk.connect()
    await walk.form("INV-2")
    await walk.close()
    late = slack.faults.hold("POST", "^/api/views.update$")
    await walk.type("export INV-1")
    form = await walk.modal("export")
    async with asyncio.timeout(60):
        await late.came.wait()
    await slack.choose("Anna", form.id, "invoice", str(walk.in_paymo("INV-1").id))
    form = await walk.modal_saying("Ready to export")
    refused = {"ErrorNumber": 10, "Elements": [{"ValidationErrors": [{"Message": "Odd."}]}]}
    walk.town.xero.faults.add(method="PUT", path="Invoices", status=400, body=json.dumps(refused))
    assert (await slack.submit("Anna", form.id)).ok
    outcome = (await walk.modal_saying("Xero refused: Odd.")).hash
    await let_go(late)
    await slack.wait_for(lambda: getattr(slack.top_view("Anna"), "hash", "") != outcome, 60)

    said = await walk.modal_saying("Xero refused: Odd.")
    assert "'retry'" in str(said.blocks)


async def let_go(held: Fault) -> None:
    """Let a request, or its answer, go on once it has come."""
    async with asyncio.timeout(60):
        await held.came.wait()
    assert held.gate is not None
    held.gate.set()
