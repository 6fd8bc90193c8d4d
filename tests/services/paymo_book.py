"""Invoices as a text-book would work them out, for tests that need Paymo's stated figures.

The discount comes off every line evenly, and the taxes go on the discounted taxed lines.
Each amount of the document is rounded once, half up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor

from services.money import PaymoFigures, PaymoLine, decimals_of


@dataclass(frozen=True, slots=True)
class Rates:
    """What an invoice has beside its lines, in per cent."""

    tax: Decimal = Decimal(0)
    tax2: Decimal = Decimal(0)
    tax_on_tax: bool = False
    discount: Decimal = Decimal(0)


def line(price: str, quantity: str = "1", *, taxed: bool = True, text: str = "Work") -> PaymoLine:
    """Return one line, from figures as a person writes them."""
    return PaymoLine(text, Decimal(quantity), Decimal(price), is_taxed=taxed)


def paymo_figures(
    lines: Sequence[PaymoLine],
    rates: Rates | None = None,
    *,
    currency: str = "GBP",
    each_line_rounded: bool = True,
) -> PaymoFigures:
    """Return figures that add up, the way the text-book does it."""
    rates = rates or Rates()
    step = Decimal(1).scaleb(-min(decimals_of(currency), 2))
    exact = [Fraction(each.quantity) * Fraction(each.unit_price) for each in lines]
    amounts = [Fraction(nearest(each, step)) for each in exact] if each_line_rounded else exact
    kept = 1 - Fraction(rates.discount) / 100
    subtotal = nearest(sum(amounts, Fraction()), step)
    discount = nearest(Fraction(subtotal) * Fraction(rates.discount) / 100, step)
    base = sum((a for a, each in zip(amounts, lines, strict=True) if each.is_taxed), Fraction())
    tax = nearest(base * kept * Fraction(rates.tax) / 100, step)
    base2 = base * kept + (Fraction(tax) if rates.tax_on_tax else 0)
    tax2 = nearest(base2 * Fraction(rates.tax2) / 100, step)
    return PaymoFigures(
        currency=currency,
        lines=tuple(lines),
        subtotal=subtotal,
        discount_amount=discount,
        tax_amount=tax,
        tax2_amount=tax2,
        total=subtotal - discount + tax + tax2,
        tax=rates.tax,
        tax2=rates.tax2,
        tax_on_tax=rates.tax_on_tax,
        discount=rates.discount,
    )


def nearest(exact: Fraction, step: Decimal) -> Decimal:
    """Round half up, halves away from zero."""
    count = floor(abs(exact) / Fraction(step) + Fraction(1, 2))
    return (count if exact >= 0 else -count) * step
