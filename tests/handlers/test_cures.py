"""The buttons that cure a refusal, pressed in the running program between stand-ins."""

import asyncio
import json
from datetime import timedelta
from decimal import Decimal

import pytest

from sandbox.slack import View
from tests.walk import PATIENCE, Walk, text_in, walking


@pytest.fixture
async def walk(walk: Walk) -> Walk:
    """Everything up and connected."""
    await walk.connect()
    return walk


async def submit(walk: Walk, view: View) -> str:
    """Press Export, and return what came of it."""
    await walk.submit(view)
    done = await walk.modal_saying("was exported to Maple Books")
    return text_in(done.payload)


async def test_e21_the_form_lets_the_owner_go_on_with_a_tax_that_differs(walk: Walk) -> None:
    form = await walk.form("INV-1")
    await walk.town.slack.choose("Anna", form.id, "account", "Other Revenue (260)")
    form = await walk.modal_saying("has 0%")
    await walk.press(form, "override_tax")
    form = await walk.modal_saying("Ready to export")  # the question had the note's words, too
    assert "This one invoice goes out with" in text_in(form.payload)
    await submit(walk, form)

    made = walk.in_xero("INV-1")
    assert made.total == walk.in_paymo("INV-1").total
    assert {line.tax_type for line in made.lines} == {"NONE"}


async def test_e22_a_rate_is_chosen_in_the_form_and_remembered(walk: Walk) -> None:
    for number in ("INV-1", "INV-2"):
        form = await walk.form(number)
        if number == "INV-1":
            await walk.town.slack.choose("Anna", form.id, "account", "Other Revenue (260)")
            form = await walk.modal_saying("Tax rate in Xero")
            await walk.town.slack.choose("Anna", form.id, "tax", "15% Tax on Income")
            form = await walk.modal_saying("Ready to export")
        else:
            form = await walk.modal_saying("Used for 15% before")
        await submit(walk, form)
        await walk.close()

        taxed = [line.tax_type for line in walk.in_xero(number).lines if line.tax_amount]
        assert set(taxed) == {"OUTPUT2"}


async def test_e30_a_draft_is_made_of_an_invoice_in_a_locked_period(sqlite_url: str) -> None:
    """What the status field shows follows the press, although Slack keeps what fields show."""
    async with walking(sqlite_url) as walk:
        walk.books.period_lock_date = walk.in_paymo("INV-1").issued
        await walk.connect()
        form = await walk.form("INV-1")
        assert "is locked up to" in text_in(form.payload)
        assert "Set Status to Draft" in text_in(form.payload)
        await walk.press(form, "as_draft")
        form = await walk.modal_saying("Ready to export")
        await submit(walk, form)

        assert walk.in_xero("INV-1").status == "DRAFT"


async def test_e30_a_refusal_goes_out_on_the_first_open_day(walk: Walk) -> None:
    form = await walk.form("INV-1")
    day = walk.in_paymo("INV-1").issued
    walk.books.period_lock_date = day
    await walk.town.slack.submit("Anna", form.id)
    refused = await walk.modal_saying("cannot be before the period lock date")
    await walk.press(refused, "first_open_day")
    await walk.modal_saying("was exported to Maple Books")

    assert walk.in_xero("INV-1").day == day + timedelta(days=1)


async def test_e32_one_press_makes_drafts_of_all_that_the_plan_refuses(walk: Walk) -> None:
    """The second refusal says that the first waits for the same, and the answer names it."""
    walk.books.approvals_left = 0
    for number in ("INV-1", "INV-2"):
        form = await walk.form(number)
        await walk.town.slack.submit("Anna", form.id)
        refused = await walk.modal_saying("used up the approved invoices")
    assert "INV-1 is waiting for the same thing." in text_in(refused.payload)
    await walk.press(refused, "as_draft")
    done = await walk.modal_saying("was exported to Maple Books")

    assert "Invoice INV-" in text_in(done.payload)
    await walk.notice("invoice_exported", nth=2)
    assert {walk.in_xero(number).status for number in ("INV-1", "INV-2")} == {"DRAFT"}


async def test_e33_a_changed_invoice_is_looked_at_again_with_one_press(walk: Walk) -> None:
    form = await walk.form("INV-1")
    walk.company.edit(walk.in_paymo("INV-1").id, discount=Decimal(10))
    await walk.town.slack.submit("Anna", form.id)
    refused = await walk.modal_saying("was changed in Paymo")
    await walk.press(refused, "look_again")
    form = await walk.modal_saying("passed")
    assert f"{walk.in_paymo('INV-1').total:,.2f}" in text_in(form.payload)
    await submit(walk, form)

    assert walk.in_xero("INV-1").total == walk.in_paymo("INV-1").total


@pytest.mark.parametrize("words", ["The tide must be high.", "Nobody knows why <!channel>."])
async def test_what_nobody_recognises_is_shown_with_three_ways_on(walk: Walk, words: str) -> None:
    """Xero's own words; Change Export… opens the form again, Try Again sends, Cancel leaves it."""
    body = json.dumps({"Elements": [{"ValidationErrors": [{"Message": words}]}]})
    form = await walk.form("INV-1")
    walk.town.xero.faults.add(method="PUT", path="Invoices", status=400, body=body, times=2)
    await walk.town.slack.submit("Anna", form.id)
    refused = await walk.modal_saying(words.split("<", maxsplit=1)[0])
    for label in ("Try Again", "Change Export…", "Cancel Export"):
        assert label in text_in(refused.payload)
    await walk.press(refused, "change")
    form = await walk.modal_saying("passed")
    await walk.town.slack.submit("Anna", form.id)
    refused = await walk.modal_saying("Change Export…")
    await walk.press(refused, "cancel")
    await walk.modal_saying("is cancelled. Nothing was sent.")
    await walk.close()
    await submit(walk, await walk.form("INV-1"))

    assert len(walk.books.invoices) == 1


async def test_the_form_shows_the_last_choice_however_late_an_earlier_one_is_drawn(
    walk: Walk,
) -> None:
    slack = walk.town.slack
    form = await walk.form("INV-1")
    gates = [asyncio.Event(), asyncio.Event()]
    first, second = (slack.faults.add(path="views.update", gate=each) for each in gates)
    await slack.choose("Anna", form.id, "account", "Other Revenue (260)")
    await first.came.wait()
    await slack.choose("Anna", form.id, "account", "Sales (200)")
    await second.came.wait()
    gates[0].set()
    await walk.modal_saying("has 0%")
    gates[1].set()

    await walk.modal_saying("Ready to export")


async def test_the_checks_stay_open_where_slack_names_no_hash(walk: Walk) -> None:
    form = await walk.form("INV-1")
    walk.town.slack.faults.add(path="views.update", alter={"view/hash": ""}, times=9)
    await walk.press(form, "show_checks")
    await walk.modal_saying("Hide")
    await walk.type("help")
    await walk.ephemeral("/paymo-xero export")

    assert "Hide" in text_in(form.payload)


async def test_a_form_that_was_read_again_stays_so_however_late_the_press_is_drawn(
    walk: Walk,
) -> None:
    slack = walk.town.slack
    form = await walk.form("INV-1")
    await slack.choose("Anna", form.id, "account", "Other Revenue (260)")
    form = await walk.modal_saying("has 0%")
    late = asyncio.Event()
    press_drawn = slack.faults.add(path="views.update", gate=late)
    before = form.hash
    await slack.press("Anna", form, "recheck")
    await press_drawn.came.wait()
    await slack.wait_for(lambda: form.hash != before, PATIENCE)  # by the job
    shown = form.hash
    late.set()

    await slack.wait_for(lambda: form.hash != shown, PATIENCE)
    assert "has 0%" in text_in(form.payload)
