"""Lines without tax, where an organisation has several rates of zero: asked once, remembered."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from handlers.blocks import render_plain
from services.errors import NotAccepted
from services.export import ledger_settings
from services.export.forms import ExportForm
from services.model.export import UNTAXED, Colour, ExportState
from services.settings.service import SettingsService
from services.store import audit, matches
from services.store.engine import Database
from tests.databases import SQLITE_ALONE, open_database
from tests.services.batching import table, words
from tests.services.beside import beside
from tests.services.bridge import ANNA, Bridge, Deaf, built_once, reply_to
from tests.services.fixtures import bridge_of

pytestmark = SQLITE_ALONE

LINES = [("Work", "", 1, "100"), ("Stamps", "", 1, "20", False)]
AUSTRALIA = {"EXEMPTOUTPUT": "GST Free Income", "BASEXCLUDED": "BAS Excluded", "NONE": "Exempt"}
BRITAIN = {"ZERORATEDOUTPUT": "Zero Rated Income", "NONE": "No VAT", "EXEMPTOUTPUT": "Exempt"}
NEW_ZEALAND = {"NONE": "No GST", "ZERORATED": "Zero Rated"}
STATES = {"NONE": "Tax Exempt", "TAX003": "Out of State"}


@built_once
async def pair(database: Database) -> Bridge:
    """A connected pair in Australia; INV-1 and INV-2 have a line without tax."""
    made = await Bridge.with_acme(database)
    have(made, AUSTRALIA)
    for number in ("INV-1", "INV-2"):
        write(made, number)
    await copied(made)
    return made


bridge = bridge_of(pair)


def have(bridge: Bridge, rates: dict[str, str]) -> None:
    """Let these be the organisation's rates of zero."""
    for tax_type, name in rates.items():
        bridge.xero.books.add_tax_rate(tax_type, name, Decimal(0))


def write(bridge: Bridge, number: str) -> None:
    acme = next(iter(bridge.paymo.company.clients.values()))
    bridge.paymo.company.add_invoice(number, acme, LINES, tax=15, status="sent")


async def copied(bridge: Bridge) -> None:
    await bridge.wait(hours=2)


def offered(form: ExportForm) -> list[str]:
    return sorted(each.text for each in form.untaxed_options)


def said(form: ExportForm, name: str) -> tuple[Colour, str]:
    return next((each.colour, each.text) for each in form.checks if each.name == name)


def tax_types(bridge: Bridge, number: str) -> list[str]:
    """Return the tax types that Xero holds of this invoice."""
    found = next(each for each in bridge.xero.invoices.values() if each.number == number)
    return [each.tax_type for each in found.lines]


def settings_of(bridge: Bridge) -> SettingsService:
    return SettingsService(bridge.database, Deaf(), bridge.clock)


async def settle(bridge: Bridge, tax_type: str) -> None:
    """Choose in the settings."""
    service = settings_of(bridge)
    await service.save(ANNA, replace(await service.open(ANNA), untaxed=tax_type))
    await bridge.run()


@pytest.mark.parametrize("rates", [AUSTRALIA, BRITAIN, NEW_ZEALAND, STATES])
async def test_the_question_comes_once_and_the_answer_is_kept(
    bridge: Bridge, rates: dict[str, str]
) -> None:
    for tax_type in AUSTRALIA:
        del bridge.xero.books.tax_rates[tax_type]
    have(bridge, rates)
    await copied(bridge)
    form = await bridge.form_for("INV-1")
    assert offered(form) == sorted(rates.values())
    colour, why = said(form, "untaxed_choice")
    assert colour is Colour.RED
    assert all(name in why for name in rates.values())
    with pytest.raises(NotAccepted) as refusal:
        await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form), reply_to())
    assert list(refusal.value.fields) == ["untaxed"]
    assert not bridge.xero.invoices

    wanted = list(rates)[-1]
    await bridge.export_it("INV-1", untaxed_type=wanted)
    again = await bridge.form_for("INV-2")

    assert offered(again) == []
    colour, text = said(again, "untaxed")
    assert (colour, rates[wanted] in text) == (Colour.GREEN, True)
    await bridge.export_it("INV-2")
    assert [tax_types(bridge, each) for each in ("INV-1", "INV-2")] == [["OUTPUT2", wanted]] * 2


async def test_what_is_chosen_in_the_form_can_be_chosen_anew_until_the_press(
    bridge: Bridge,
) -> None:
    form = await bridge.form_for("INV-1")
    for tax_type in ("BASEXCLUDED", "EXEMPTOUTPUT"):
        choice = bridge.choice(form, untaxed_type=tax_type)
        form = await bridge.forms.choose(form.draft_id, ANNA, choice)
        assert form.untaxed is not None
        assert (form.untaxed.value, len(form.untaxed_options)) == (tax_type, 3)
        assert said(form, "untaxed")[0] is Colour.GREEN
    assert (await settings_of(bridge).open(ANNA)).untaxed == ""


async def test_only_active_rates_for_sales_are_offered_and_one_alone_is_no_question(
    bridge: Bridge,
) -> None:
    rates = bridge.xero.books.tax_rates
    rates["NONE"].revenue = False
    rates["BASEXCLUDED"].status = "ARCHIVED"
    await copied(bridge)

    form = await bridge.form_for("INV-1")
    await bridge.export_it("INV-1")

    assert offered(form) == []
    assert (await settings_of(bridge).open(ANNA)).untaxed_options == ()
    assert tax_types(bridge, "INV-1") == ["OUTPUT2", "EXEMPTOUTPUT"]


async def test_invoices_taxed_throughout_or_not_at_all_ask_nothing(bridge: Bridge) -> None:
    acme = next(iter(bridge.paymo.company.clients.values()))
    bridge.paymo.company.add_invoice("INV-3", acme, LINES[:1], tax=15)
    bridge.paymo.company.add_invoice("INV-4", acme, LINES, tax=0)
    await copied(bridge)

    assert offered(await bridge.form_for("INV-3")) == []
    assert offered(await bridge.form_for("INV-4")) == []


async def test_a_remembered_rate_that_is_gone_in_xero_is_asked_for_again(bridge: Bridge) -> None:
    await bridge.export_it("INV-1", untaxed_type="BASEXCLUDED")
    del bridge.xero.books.tax_rates["BASEXCLUDED"]
    await copied(bridge)

    form = await bridge.form_for("INV-2")

    assert offered(form) == ["Exempt", "GST Free Income"]
    assert said(form, "untaxed_choice")[0] is Colour.RED
    assert (await settings_of(bridge).open(ANNA)).untaxed == ""


async def test_the_settings_show_and_change_it_and_take_no_other(bridge: Bridge) -> None:
    await bridge.export_it("INV-1", untaxed_type="BASEXCLUDED")
    service = settings_of(bridge)
    shown = await service.open(ANNA)
    assert (shown.untaxed, len(shown.untaxed_options)) == ("BASEXCLUDED", 3)

    with pytest.raises(NotAccepted) as refusal:
        await service.save(ANNA, replace(shown, untaxed="OUTPUT2"))
    assert list(refusal.value.fields) == ["untaxed"]
    await settle(bridge, "EXEMPTOUTPUT")
    await bridge.export_it("INV-2")

    assert tax_types(bridge, "INV-2") == ["OUTPUT2", "EXEMPTOUTPUT"]
    async with bridge.database.sessions() as session:
        kept = await audit.find_last(session, await bridge.connection(), "settings_changed")
    assert kept is not None
    names = {each.value: each.text for each in shown.untaxed_options}
    assert (kept.after or {})["untaxed"] == names["EXEMPTOUTPUT"]


@pytest.mark.parametrize("by_xero", [True, False])
async def test_an_export_asked_for_in_a_hurry_is_refused_and_goes_once_it_is_settled(
    bridge: Bridge, *, by_xero: bool
) -> None:
    """A person answers, or there is but one rate left to choose."""
    form = await bridge.forms.open(ANNA, "INV-1")
    books = bridge.xero.books
    contact_id, account = next(iter(books.contacts)), books.account("200")
    assert account is not None
    choice = bridge.choice(form, contact_id=contact_id, account_id=account.account_id)
    await bridge.requests.request(ANNA, form.draft_id, choice, reply_to())
    await bridge.run()
    (export,) = await bridge.exports()
    assert (export.state, export.refusals) == (ExportState.FAILED, ["untaxed_choice"])
    assert "look_again" in bridge.screen.results[-1].actions

    if by_xero:
        books.tax_rates["NONE"].status = books.tax_rates["BASEXCLUDED"].status = "DELETED"
        await copied(bridge)
    else:
        await settle(bridge, "EXEMPTOUTPUT")
    await bridge.run()

    assert tax_types(bridge, "INV-1") == ["OUTPUT2", "EXEMPTOUTPUT"]


async def test_a_batch_waits_for_the_answer_and_one_answer_holds_for_all(bridge: Bridge) -> None:
    form = await table(bridge)
    assert words(form) == {"untaxed": ["INV-1", "INV-2"]}
    assert {each.value for each in form.untaxed_options} == set(AUSTRALIA)

    form = await bridge.batches.choose_untaxed(ANNA, form.batch_id, "OUTPUT2")
    assert list(words(form)) == ["untaxed"]
    form = await bridge.batches.choose_untaxed(ANNA, form.batch_id, "BASEXCLUDED")

    assert words(form) == {"ready": ["INV-1", "INV-2"]}
    assert form.untaxed_options == ()
    await bridge.batches.confirm(ANNA, form.batch_id)
    await bridge.run()
    assert tax_types(bridge, "INV-2") == ["OUTPUT2", "BASEXCLUDED"]


async def test_automatic_export_asks_and_never_guesses(bridge: Bridge) -> None:
    company = bridge.paymo.company
    acme = next(iter(company.clients.values()))
    for nth in (1, 2, 3):
        company.add_invoice(f"HAND-{nth}", acme, LINES[:1], tax=15)
    company.add_invoice("AUTO-1", acme, LINES, tax=15)
    await copied(bridge)
    for nth in (1, 2, 3):
        await bridge.export_it(f"HAND-{nth}")
    service = settings_of(bridge)
    await service.save(ANNA, replace(await service.open(ANNA), auto_export="on"))
    bridge.clock.turn(minutes=1)
    company.set_status(company.numbered("AUTO-1").id, "sent")
    await copied(bridge)
    asked = [facts for kind, facts in await bridge.notices() if kind == "export_asked"]
    assert ["several 0% rates" in str(each["reason"]) for each in asked] == [True]
    assert "AUTO-1" not in {each.number for each in bridge.xero.invoices.values()}

    await settle(bridge, "EXEMPTOUTPUT")
    await copied(bridge)

    assert tax_types(bridge, "AUTO-1") == ["OUTPUT2", "EXEMPTOUTPUT"]


async def test_what_another_process_copies_and_chooses_holds_for_the_next_checks(
    bridge: Bridge, database_url: str
) -> None:
    """A process remembers the lists only as long as the connection's row says that they hold."""
    database = open_database(database_url)
    other, connection = beside(bridge, database), await bridge.connection()

    async def known() -> tuple[bool, str, bool]:
        async with bridge.database.sessions() as session:
            ledger = await ledger_settings.load(session, connection, "")
        sales = next(each for each in ledger.accounts.values() if each.code == "200")
        return sales.is_usable, ledger.tax_choices.get(UNTAXED, ""), "NOK" in ledger.currencies

    before = await known()
    sales = next(each for each in bridge.xero.books.accounts.values() if each.code == "200")
    sales.status = "ARCHIVED"
    await other.mirror.refresh_ledger(connection, at_most_old=timedelta(0))
    archived = await known()
    async with database.sessions.begin() as session:
        chosen = (UNTAXED, "BASEXCLUDED")
        await matches.remember_tax(session, connection, chosen, by="U1", at=bridge.clock())
    chose = await known()
    bridge.xero.books.add_currency("NOK")
    await other.mirror.refresh_ledger(connection, at_most_old=timedelta(0))
    await database.close()

    assert before == (True, "", False)
    assert archived == (False, "", False)
    assert chose == (False, "BASEXCLUDED", False)
    assert await known() == (False, "BASEXCLUDED", True)


async def test_an_update_that_needs_the_choice_says_where_it_is_made(bridge: Bridge) -> None:
    company = bridge.paymo.company
    acme = next(iter(company.clients.values()))
    made = company.add_invoice("INV-3", acme, LINES[:1], tax=15, status="sent")
    await copied(bridge)
    await bridge.export_it("INV-3")
    made.items[0].apply_tax = False
    company.edit(made.id)
    await bridge.look()
    (export,) = await bridge.exports()
    await bridge.update.ask(ANNA, export.id, reply_to())
    await bridge.run()

    told = render_plain(bridge.screen.sayings[-1].text)
    assert "several 0% rates" in told
    assert told.endswith("The owner chooses it in /paymo-xero settings.")
