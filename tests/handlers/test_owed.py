"""What clients owe, as a person reads it."""

from datetime import date
from decimal import Decimal

import pytest

from handlers.history.text import client_text, overdue_text
from services.history.service import Owed, OwedInvoice
from tests.days import day
from tests.handlers import samples
from tests.handlers.judging import judge_words


def invoice(days_late: int, left: str = "115.00", name: str = "Acme Ltd") -> OwedInvoice:
    return OwedInvoice(
        name, name, "NZD", Decimal("115.00"), Decimal(left), date(2026, 3, 1), days_late
    )


def owed(*found: OwedInvoice, name: str = "", paid: tuple[OwedInvoice, ...] = ()) -> Owed:
    return Owed(name or "Maple Books", "NZ", name, found, paid)


def test_open_invoices_are_told_by_age_the_oldest_first() -> None:
    text = overdue_text(owed(invoice(61), invoice(60), invoice(1), invoice(0)))
    due = f"due {day('2026-03-01')}"

    assert text.split("\n") == [
        "⚠️ *$345.00 overdue* in Maple Books, 3 exported invoices.",
        "*More than 60 days overdue:* $115.00",
        f"• Acme Ltd · Acme Ltd · $115.00 · {due}, overdue by 61 days",
        "*31 to 60 days overdue:* $115.00",
        f"• Acme Ltd · Acme Ltd · $115.00 · {due}, overdue by 60 days",
        "*Up to 30 days overdue:* $115.00",
        f"• Acme Ltd · Acme Ltd · $115.00 · {due}, overdue by 1 day",
        "1 invoice not due yet: $115.00.",
    ]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (owed(), "Nothing is owed on invoices exported to Maple Books"),
        (owed(invoice(0)), "No exported invoice is overdue"),
        (owed(*[invoice(9)] * 20), "• 12 more"),
    ],
)
def test_the_rest_is_told_shortly(found: Owed, words: str) -> None:
    assert words in overdue_text(found)


@pytest.mark.parametrize("name", samples.NAMES, ids=["plain", "hostile"])
def test_one_client_is_told_with_what_it_paid_and_is_harmless(name: str) -> None:
    text = client_text(owed(invoice(5, name=name), name=name, paid=(invoice(5, "0", name),) * 30))

    judge_words([text, overdue_text(owed(*[invoice(9, name=name)] * 90, name=name))])
    assert "owes $115.00 on invoices exported to" in text
    assert "*Paid:* 30 invoices" in text
