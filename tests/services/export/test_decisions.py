"""What a person decides about an invoice, in the tax and the dates that go out."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from handlers.blocks import render_plain
from services.clients.paymo import Client
from services.mapping import taxes
from tests.days import day
from tests.services.cases import (
    AMBER,
    BOOKS,
    CHOICE,
    RATES,
    RED,
    account,
    case,
    invoice,
    look,
    rate,
)

FIRST = date(2026, 11, 1)


@pytest.mark.parametrize(
    ("due", "choice", "said"),
    [
        (
            date(2026, 11, 30),
            {"issue_on": FIRST},
            f"Dated {day('2026-11-01')}, due {day('2026-11-30')}",
        ),
        (
            date(2026, 10, 31),
            {"issue_on": FIRST},
            f"Dated {day('2026-11-01')}, due {day('2026-11-01')}",
        ),
        (None, {"issue_on": FIRST, "due_rule": "date"}, f"due {day('2026-11-01')}"),
        (None, {"issue_on": FIRST, "due_rule": "terms"}, f"due {day('2026-11-15')}"),
    ],
)
def test_e30_another_date_keeps_the_due_date_unless_that_would_come_first(
    due: date | None, choice: dict[str, Any], said: str
) -> None:
    client = Client(id=5, name="Acme", due_interval="14")
    moved = invoice(issued_on=date(2026, 10, 20), due_on=due, client=client)
    found = look("dates", case(moved, replace(CHOICE, **choice)))

    text = render_plain(found.text)
    assert (found.colour, said in text, day("2026-10-20") in text) == (AMBER, True, True)


@pytest.mark.parametrize(
    ("carried", "wanted"),
    [("0", "15"), ("15", "0"), ("15", "15.0001")],
)
def test_e25_rates_that_differ_at_all_are_red(carried: str, wanted: str) -> None:
    books = replace(
        BOOKS,
        tax_rates={"OUTPUT2": rate("OUTPUT2", "Theirs", carried), "IN": rate("IN", "x", wanted)},
    )
    found = look("tax", case(invoice(tax=Decimal(wanted)), books=books))

    assert found.colour is RED
    assert f"{wanted}% in Paymo" in found.text


@pytest.mark.parametrize("usable", [True, False])
def test_e22_a_rate_that_takes_no_sales_is_no_choice(*, usable: bool) -> None:
    rates = {
        "IN": rate("IN", "GST on Expenses", "15", is_usable=usable),
        "NONE": RATES[2],
        "OWN": rate("OWN", "Old GST", "15", is_usable=False),
    }
    at = case(books=replace(BOOKS, tax_rates=rates, accounts={"200": account("200", "S", "OWN")}))
    found = look("tax_rate", at)

    assert "S (200) has Old GST, which can't be used for sales" in found.text
    assert ("GST on Expenses" in found.text) is usable
    assert [each.tax_type for each in taxes.choices(at)] == (["IN"] if usable else [])


def test_e21_a_chosen_rate_counts_only_where_the_account_does_not_fit() -> None:
    chosen = replace(CHOICE, account_id="260", tax_type="OUTPUT2")
    used = replace(BOOKS, tax_choices={"15": "OUTPUT2"})

    assert look("tax", case(choice=chosen)).text == "15% on both sides (15% GST, chosen here)."
    assert "used before" in look("tax", case(choice=replace(chosen, tax_type=""), books=used)).text
    assert look("tax", case(choice=replace(chosen, tax_type="TAX001"))).colour is RED
    fits = case(choice=replace(CHOICE, tax_type="TAX001"))
    assert (taxes.tax_type_of(fits), taxes.choices(fits)) == ("OUTPUT2", ())
