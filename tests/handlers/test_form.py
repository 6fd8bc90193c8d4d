"""The export form from the top down: verdict, what needs a person, what is folded, the lines."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from handlers.blocks import LONGEST_ALERT
from handlers.export.views import export_view
from sandbox.slack import Message
from services.clients.paymo import Client
from services.mapping.case import Case
from services.model.export import Check, Colour
from services.model.invoice import InvoiceLine
from services.store.tables import Contact
from tests import days
from tests.handlers import samples
from tests.handlers.judging import buttons, judge_view
from tests.services import cases
from tests.walk import Walk, text_in, walking


@pytest.fixture
async def walk(walk: Walk) -> Walk:
    """Everything up and connected."""
    await walk.connect()
    return walk


DUE = Check("due", Colour.RED, "The invoice has no due date.", "Choose one.")
TAX = Check("tax", Colour.RED, "The account carries another tax.")
NOTE = Check("number", Colour.AMBER, "The number is left out.")
GOOD = Check("figures", Colour.GREEN, "Lines and tax add up.")


def drawn(*checks: Check, refused: str = "", **changes: Any) -> list[dict[str, Any]]:
    form = samples.export_form("Acme Ltd", checks=checks, **changes)
    view = export_view(form, "C1", refused=refused)
    judge_view(view)
    blocks: list[dict[str, Any]] = view["blocks"]
    return blocks


def verdict(*checks: Check, refused: str = "") -> tuple[str, str]:
    [alert] = [each for each in drawn(*checks, refused=refused) if each["type"] == "alert"]
    return alert["level"], alert["text"]["text"]


@pytest.mark.parametrize(
    ("checks", "level", "words"),
    [
        ((GOOD,), "success", "Ready to export"),
        ((GOOD, NOTE), "success", "Ready to export, with 1 note below"),
        ((GOOD, DUE), "warning", "1 thing to fix"),
        ((TAX, DUE, NOTE), "warning", "2 things to fix"),
    ],
)
def test_the_verdict_stands_under_the_invoice(
    checks: tuple[Check, ...], level: str, words: str
) -> None:
    assert verdict(*checks) == (level, words)
    kinds = [each.get("block_id") or each["type"] for each in drawn(*checks)]
    assert kinds[1:4] == ["invoice", "alert", "contact"]


def test_after_a_press_the_verdict_says_what_to_do_first() -> None:
    level, words = verdict(DUE, TAX, refused="whatever the press was refused for")

    assert level == "error"
    assert words == "*Not exported: 2 things to fix.* The invoice has no due date. Choose one."


def long_case(name: str, paymo: dict[str, Any], **choice: Any) -> Case:
    """Everything that has a name has this one."""
    accounts = (
        cases.account("200", name, "OUTPUT2"),
        cases.account("260", name, "NONE"),
        cases.account("290", name, "OUTPUT2", is_usable=False, why_not="archived"),
    )
    rates = [cases.rate("OUTPUT2", name, "15"), cases.rate("NONE", name, "0")]
    books = replace(
        cases.BOOKS,
        organisation=name,
        accounts={each.account_id: each for each in accounts},
        tax_rates={each.tax_type: each for each in rates},
        contact=Contact(contact_id="c1", name=name, is_active=False),
        namesake=Contact(contact_id="c1", name=name, is_active=False),
    )
    invoice = cases.invoice(client=Client(id=5, name=name), **paymo)
    return cases.case(invoice, replace(cases.CHOICE, **choice), books)


@pytest.mark.parametrize("name", ["W" * 200, "Müller & Søn <b> " * 12, "Acme Ltd. (UK) " * 14])
@pytest.mark.parametrize(
    ("check", "cure", "paymo", "choice"),
    [
        ("contact", "Choose a contact in Xero for ", {}, {"contact_id": ""}),
        ("contact", "Choose another contact, or restore it in Xero under Contacts", {}, {}),
        ("contact_taken", "or rename the client in Paymo.", {}, {"contact_id": "new"}),
        ("account", "Choose another account.", {}, {"account_id": "290"}),
        ("tax", "or a tax rate for the invoice", {}, {"account_id": "260"}),
        ("tax", "Add a tax rate of 17% in Xero", {"tax": Decimal(17)}, {}),
        ("currency", "Add USD in Xero under Accounting", {"currency": "USD"}, {}),
        ("locked", "or export it as a draft.", {"issued_on": date(2026, 1, 2)}, {}),
    ],
)
def test_the_verdict_keeps_what_to_do_however_long_the_names_are(
    check: str, cure: str, name: str, paymo: dict[str, Any], choice: dict[str, Any]
) -> None:
    stops = cases.look(check, long_case(name, paymo, **choice))
    words = verdict(replace(stops, colour=Colour.RED), refused="pressed")[1]

    assert cure in words
    assert words.startswith("*Not exported: 1 thing to fix.* ")
    assert len(words) <= LONGEST_ALERT


def test_the_verdict_ends_what_is_wrong_with_a_whole_sentence() -> None:
    fact = f"Sales abroad has 0% tax in Xero, and the invoice has 20% in Paymo. {'Sales ' * 20}."
    cure = "Choose an account with 20%, or a tax rate for the invoice."
    stops = Check("tax", Colour.RED, fact, cure)
    words = verdict(stops, refused="pressed")[1]

    assert words.endswith(f"has 20% in Paymo. {cure}")


def test_each_red_check_has_its_act_right_below_it_and_the_help_comes_once() -> None:
    found = drawn(TAX, DUE, GOOD, actions=("override_tax", "due_at_once", "as_draft"))

    place = next(nth for nth, each in enumerate(found) if TAX.text in text_in(each))
    assert list(buttons(found[place + 1 : place + 2])) == ["override_tax"]
    place = next(nth for nth, each in enumerate(found) if DUE.text in text_in(each))
    assert list(buttons(found[place + 1 : place + 2])) == ["due_at_once", "as_draft"]
    assert text_in(found).count("New tax rate") == 1


def test_what_is_well_is_one_line_until_somebody_asks() -> None:
    form = samples.export_form("Acme Ltd", checks=(GOOD, NOTE))
    folded, open_ = (export_view(form, is_unfolded=each) for each in (False, True))

    assert "1 check passed" in text_in(folded)
    assert GOOD.text not in text_in(folded)
    assert NOTE.text in text_in(folded)
    assert GOOD.text in text_in(open_)
    assert "Hide" in text_in(open_)


def test_five_lines_are_drawn_with_title_description_and_amounts_apart() -> None:
    line = InvoiceLine(
        "Menu boards\nLayout and print files", Decimal(3), Decimal(120), Decimal(360), Decimal(72)
    )
    picture = replace(samples.picture("Acme Ltd"), lines=(line,) * 8, currency="GBP", country="GB")
    found = drawn(GOOD, picture=picture)

    [cells] = [each["fields"] for each in found if "fields" in each]
    assert len(cells) == 10
    assert cells[0]["text"] == "*Menu boards*\nLayout and print files"
    assert cells[1]["text"] == "3 × £120.00 = *£360.00*\nTax £72.00"
    assert "3 more" in text_in(found)


def test_quantities_are_written_as_the_amounts_beside_them() -> None:
    line = InvoiceLine("Hours", Decimal("1250.50"), Decimal(80), Decimal(100040), Decimal(0))
    picture = replace(samples.picture("Acme Ltd"), lines=(line,), currency="EUR", country="DE")

    said = text_in(drawn(GOOD, picture=picture)).replace("\u00a0", " ")
    assert "1.250,5 × 80,00 € = *100.040,00 €*" in said


async def test_a_press_on_red_changes_what_is_seen_first_and_exports_nothing(walk: Walk) -> None:
    form = await walk.form("INV-1")
    await walk.town.slack.choose("Anna", form.id, "account", "Other Revenue (260)")
    form = await walk.modal_saying("1 thing to fix")
    await walk.submit(form)
    form = await walk.modal_saying("Not exported: 1 thing to fix.")

    [alert] = [each for each in form.blocks if each["type"] == "alert"]
    assert alert["level"] == "error"
    assert "has 0% tax" in text_in(alert)
    assert walk.books.invoices == {}


async def test_the_passed_checks_open_and_fold_by_one_press(walk: Walk) -> None:
    form = await walk.form("INV-1")
    await walk.town.slack.press("Anna", form, "show_checks")
    form = await walk.modal_saying("add up to")
    await walk.town.slack.press("Anna", form, "show_checks")

    form = await walk.modal_saying("Show")
    assert "add up to" not in text_in(form.payload)


async def test_an_invoice_that_is_exported_opens_its_card_and_no_form(walk: Walk) -> None:
    await walk.export("INV-1")
    told = len(walk.town.slack.ephemerals("Anna"))
    await walk.type("export INV-1")

    def card() -> Message | None:
        return next(iter(walk.town.slack.ephemerals("Anna")[told:]), None)

    shown = await walk.town.slack.wait_for(card)
    assert "INV-1" in shown.text
    assert {"open_xero", "open_paymo"} <= buttons(shown.blocks).keys()
    assert walk.town.slack.top_view("Anna") is None


async def test_choosing_an_exported_invoice_in_the_form_shows_how_it_stands(walk: Walk) -> None:
    await walk.export("INV-1")
    form = await walk.form("INV-2")
    exported = walk.in_paymo("INV-1")
    await walk.town.slack.choose("Anna", form.id, "invoice", str(exported.id))
    form = await walk.modal_saying("already in Xero")

    assert {"open_xero", "open_paymo"} <= buttons(form.blocks).keys()
    assert [each["block_id"] for each in form.blocks if each["type"] == "input"] == ["invoice"]
    await walk.town.slack.choose("Anna", form.id, "invoice", str(walk.in_paymo("INV-2").id))
    await walk.modal_saying("Ready to export")


async def test_another_date_is_chosen_where_the_period_is_locked(sqlite_url: str) -> None:
    async with walking(sqlite_url) as walk:
        locked = walk.in_paymo("INV-1").issued
        walk.books.period_lock_date = locked
        await walk.connect()
        form = await walk.form("INV-1")
        assert "Invoice date in Xero" in text_in(form.payload)
        day = locked + timedelta(days=3)
        await walk.town.slack.choose("Anna", form.id, "issue_on", day.isoformat())
        form = await walk.modal_saying("Ready to export")
        await walk.town.slack.submit("Anna", form.id)
        await walk.modal_saying("exported to")

        assert walk.in_xero("INV-1").day == day


async def test_a_due_date_is_preset_by_paymos_terms_and_another_one_picked(sqlite_url: str) -> None:
    async with walking(sqlite_url) as walk:
        made = walk.in_paymo("INV-1")
        made.due, walk.company.due_interval = None, "21"
        await walk.connect()
        form = await walk.form("INV-1")
        [field] = [each for each in form.blocks if each["block_id"] == "due_on"]
        preset = made.issued + timedelta(days=21)
        assert field["element"]["initial_date"] == preset.isoformat()
        day = made.issued + timedelta(days=9)
        await walk.town.slack.choose("Anna", form.id, "due_on", day.isoformat())
        form = await walk.modal_saying(f"due {days.day(day.isoformat())}")
        await walk.town.slack.submit("Anna", form.id)
        await walk.modal_saying("exported to")

        assert walk.in_xero("INV-1").due == day
