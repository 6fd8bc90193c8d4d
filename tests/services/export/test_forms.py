"""What the export form shows and finds."""

from datetime import timedelta

import pytest

from sandbox.paymo.model import Invoice
from services.export.forms import ExportForm
from services.model.actions import Action
from services.model.export import Colour
from services.store import upkeep
from tests.services.beside import held
from tests.services.bridge import ANNA, Bridge, reply_to
from tests.services.fixtures import bridge_of

bridge = bridge_of(Bridge.open)


async def test_a_form_opened_by_number_names_client_and_total_before_paymo_is_read(
    bridge: Bridge,
) -> None:
    client = bridge.paymo.company.add_client("Sunrise Yoga")
    bridge.paymo.company.add_invoice("INV-1", client, [("Work", "", 1, "100")], tax=15)
    await bridge.wait(hours=2)

    form = await bridge.forms.open(ANNA, "INV-1")

    assert form.is_reading
    assert form.invoice is not None
    assert form.invoice.text == "INV-1 · Sunrise Yoga · $115.00"


async def test_the_total_is_seen_however_long_the_names_are(bridge: Bridge) -> None:
    client = bridge.paymo.company.add_client("Sunrise Yoga " * 15)
    bridge.paymo.company.add_invoice("INV-" + "1" * 40, client, [("Work", "", 1, "100")], tax=15)
    await bridge.wait(hours=2)

    [group] = await bridge.forms.invoice_options(ANNA, "yoga")
    [row] = group.options

    assert len(row.text) <= 75
    assert row.text.endswith("$115.00")
    assert "Sunrise Yoga" in row.text


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("1,956.25", ["INV-2041"]),
        ("1.956,25 €", ["INV-2041"]),
        ("$1956.2", ["INV-2041"]),
        ("NZD 1956", ["INV-2041"]),
        ("1956.26", []),
        ("115.00", ["INV-7"]),
        ("2041", ["INV-2041"]),
        ("041", ["INV-2041"]),
        ("yoga", ["INV-7"]),
        ("", ["INV-7", "INV-2041"]),
    ],
)
async def test_the_menu_finds_number_client_and_amount_and_says_what_it_looked_for(
    bridge: Bridge, typed: str, found: list[str]
) -> None:
    company = bridge.paymo.company
    acme, yoga = company.add_client("Acme Ltd"), company.add_client("Sunrise Yoga")
    company.add_invoice("INV-2041", acme, [("Work", "", 1, "1956.25")])
    company.add_invoice("INV-7", yoga, [("Work", "", 1, "100")], tax=15)
    await bridge.wait(hours=2)

    [menu] = await bridge.forms.invoice_options(ANNA, typed)

    assert [each.text.split(" ")[0] for each in menu.options] == found
    assert menu.label == (
        f"Number, client or amount like “{typed}”" if typed else "Newest invoices"
    )


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("956.250", ["INV-K"]),
        ("956,250", ["INV-K"]),
        ("956.25", ["INV-K"]),
        ("1,000", ["INV-N", "INV-L"]),
        ("1000.000", ["INV-L"]),
    ],
)
async def test_the_menu_reads_three_digits_as_decimals_where_the_invoice_has_three(
    bridge: Bridge, typed: str, found: list[str]
) -> None:
    company = bridge.paymo.company
    acme = company.add_client("Acme Ltd")
    company.add_invoice("INV-K", acme, [("Work", "", 1, "956.250")], currency="KWD")
    company.add_invoice("INV-L", acme, [("Work", "", 1, "1000")], currency="KWD")
    company.add_invoice("INV-N", acme, [("Work", "", 1, "1000")], currency="NZD")
    await bridge.wait(hours=2)

    [menu] = await bridge.forms.invoice_options(ANNA, typed)

    assert [each.text.split(" ")[0] for each in menu.options] == found


async def without_due(bridge: Bridge) -> Invoice:
    """Have Paymo send an invoice that isn't due on any date, to a client that Xero lacks."""
    client = bridge.paymo.company.add_client("Sunrise Yoga")
    made = bridge.paymo.company.add_invoice("INV-1", client, [("Work", "", 1, "100")], tax=15)
    made.due = None
    await bridge.wait(hours=2)
    return made


def colours(form: ExportForm) -> dict[str, Colour]:
    return {each.name: each.colour for each in form.checks}


async def test_a_due_date_that_is_chosen_goes_to_xero_and_paymo_keeps_its_own(
    bridge: Bridge,
) -> None:
    made = await without_due(bridge)
    form = await bridge.form_for("INV-1")
    assert (form.days, colours(form)["due"]) == ({"due_on": None}, Colour.RED)
    chosen = made.issued + timedelta(days=9)

    form = await bridge.forms.choose_day(form.draft_id, ANNA, is_due=True, day=chosen)
    assert (form.days, colours(form)["dates"]) == ({"due_on": chosen}, Colour.AMBER)
    wanted = bridge.choice(form, contact_id="new")
    await bridge.requests.request(ANNA, form.draft_id, wanted, reply_to())
    await bridge.run()

    [sent] = bridge.xero.books.invoices.values()
    assert sent.due == chosen
    assert made.due is None


async def test_paymos_terms_preset_the_due_date_until_a_person_clears_it(bridge: Bridge) -> None:
    bridge.paymo.company.due_interval = "21"
    made = await without_due(bridge)
    form = await bridge.form_for("INV-1")
    assert (form.days, form.terms) == ({"due_on": made.issued + timedelta(days=21)}, 21)
    assert colours(form)["dates"] is Colour.AMBER

    form = await bridge.forms.choose_day(form.draft_id, ANNA, is_due=True, day=None)
    assert (form.days, colours(form)["due"]) == ({"due_on": None}, Colour.RED)
    form = await bridge.forms.act(form.draft_id, ANNA, Action.DUE_AT_ONCE)
    assert (form.days, form.terms) == ({"due_on": made.issued}, None)


async def test_a_client_that_nothing_is_like_is_added_first_and_another_contact_is_noted(
    bridge: Bridge,
) -> None:
    bridge.xero.books.add_contact("Lighthouse Coffee")
    client = bridge.paymo.company.add_client("Sunrise Yoga")
    bridge.paymo.company.add_invoice("INV-1", client, [("Work", "", 1, "100")], tax=15)
    await bridge.wait(hours=2)
    form = await bridge.form_for("INV-1")

    groups = await bridge.matching.contact_options(ANNA, "", client_id=client.id)
    [(first,)] = [group.options for group in groups]
    [found, _] = await bridge.matching.contact_options(ANNA, "light", client_id=client.id)
    chosen = bridge.choice(form, contact_id=found.options[0].value)
    form = await bridge.forms.choose(form.draft_id, ANNA, chosen)

    assert form.contact is not None
    assert (first.value, first.text) == ("new", "Add “Sunrise Yoga” to Xero")
    [note] = [each for each in form.checks if each.name == "contact"]
    assert note.colour is Colour.AMBER
    assert note.text.startswith("Lighthouse Coffee doesn't look like Sunrise Yoga.")


async def test_one_press_adds_the_client_where_no_contact_is_chosen(bridge: Bridge) -> None:
    client = bridge.paymo.company.add_client("Sunrise Yoga")
    bridge.paymo.company.add_invoice("INV-1", client, [("Work", "", 1, "100")], tax=15)
    await bridge.wait(hours=2)
    form = await bridge.form_for("INV-1")
    assert (form.contact, Action.ADD_CONTACT in form.actions) == (None, True)

    form = await bridge.forms.act(form.draft_id, ANNA, Action.ADD_CONTACT)

    assert form.contact is not None
    assert form.contact.text == "Add “Sunrise Yoga” to Xero"
    assert Action.ADD_CONTACT not in form.actions


async def test_the_form_says_why_the_account_is_selected(bridge: Bridge) -> None:
    acme = bridge.paymo.company.add_client("Acme Ltd")
    birch = bridge.paymo.company.add_client("Birch")
    for number, client in (("INV-1", acme), ("INV-2", acme), ("INV-3", birch)):
        bridge.paymo.company.add_invoice(number, client, [("Work", "", 1, "100")], tax=15)
    await bridge.wait(hours=2)

    reasons = [(await bridge.form_for("INV-1")).account_reason]
    await bridge.export_it("INV-1", contact_id="new")
    reasons += [(await bridge.form_for(each)).account_reason for each in ("INV-2", "INV-3")]

    assert reasons == ["the only account with 15%", "used before", "used in the last export"]


async def test_a_choice_made_while_the_clock_was_days_ahead_gives_way_to_the_next(
    bridge: Bridge,
) -> None:
    acme = bridge.paymo.company.add_client("Acme Ltd")
    for number in ("INV-1", "INV-2", "INV-3"):
        bridge.paymo.company.add_invoice(number, acme, [("Work", "", 1, "100")], tax=15)
    first, second = (bridge.xero.books.add_contact(name) for name in ("Acme Ltd", "Acme Group"))
    await bridge.wait(days=3)
    await bridge.export_it("INV-1", contact_id=first.contact_id)
    bridge.clock.turn(days=-3)
    async with bridge.database.sessions.begin() as session:
        await upkeep.set_back(session, bridge.clock(), timedelta(days=3))
    bridge.clock.turn(minutes=1)
    await bridge.export_it("INV-2", contact_id=second.contact_id)

    contact = (await bridge.form_for("INV-3")).contact
    assert contact is not None
    assert contact.text == "Acme Group"


async def _prepared(bridge: Bridge) -> ExportForm:
    """Return a form whose invoice Paymo is to be asked for."""
    acme = bridge.paymo.company.add_client("Acme Ltd")
    bridge.paymo.company.add_invoice("INV-1", acme, [("Work", "", 1, "100")], tax=15)
    await bridge.wait(hours=2)
    return await bridge.forms.open(ANNA, "INV-1")


_INVOICE = ("GET", r"^/api/invoices/\d+$")


async def test_an_invoice_is_read_once_however_late_slack_says_where_it_is_shown(
    bridge: Bridge,
) -> None:
    form = await _prepared(bridge)
    reading = bridge.paymo.faults.hold(*_INVOICE)
    async with held(reading, bridge.run()) as worker:
        await bridge.forms.attach_view(ANNA, form.draft_id, "V1")
        await worker.let_go()
    await bridge.run()

    assert len(bridge.paymo.calls(*_INVOICE)) == 1
    assert [each.is_reading for each in bridge.screen.forms] == [False]


async def test_a_form_that_was_read_before_it_was_on_screen_is_drawn_then(bridge: Bridge) -> None:
    form = await _prepared(bridge)
    await bridge.run()
    await bridge.forms.attach_view(ANNA, form.draft_id, "V1")
    bridge.screen.forms.clear()
    await bridge.run()

    assert [each.is_reading for each in bridge.screen.forms] == [False]


async def test_a_form_that_was_sent_is_not_drawn_over_what_came_of_it(bridge: Bridge) -> None:
    await _prepared(bridge)
    form = await bridge.form_for("INV-1")
    await bridge.forms.refresh(form.draft_id, ANNA)
    bridge.screen.forms.clear()
    reading = bridge.paymo.faults.hold(*_INVOICE)
    async with held(reading, bridge.run()) as worker:
        choice = bridge.choice(form, contact_id="new")
        await bridge.requests.request(ANNA, form.draft_id, choice, reply_to())
        await worker.let_go()
    await bridge.run()

    assert [each.number for each in bridge.screen.results] == ["INV-1"]
    assert bridge.screen.forms == []
