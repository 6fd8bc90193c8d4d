"""Invoices with stated figures, worked out in each of the ways that Paymo may have of doing so.

Paymo's pages leave open what a discount and a second tax are taken of, and how lines are rounded
(facts, section 9), so tests take every reading. Each amount of the document is rounded half up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from enum import StrEnum
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


class Reading(StrEnum):
    """What the discount and the taxes are taken of."""

    EVENLY = "the discount off every line, the taxes on what is left of the taxed ones"
    UNDISCOUNTED = "the taxes on the taxed lines as if there were no discount"
    OFF_THE_TOTAL = "the discount off the total with its taxes"
    SECOND_ON_ALL = "the second tax on untaxed lines too, after the discount"
    SECOND_ON_SUBTOTAL = "the second tax on the subtotal, as if there were no discount"
    FROM_TAXED = "the whole discount off the taxed lines"


class Rounding(StrEnum):
    """How the lines come to the subtotal."""

    HALF_UP = "each line, halves up"
    HALF_EVEN = "each line, halves to the even neighbour"
    ONCE = "the sum alone"


@dataclass(frozen=True, slots=True)
class Habit:
    """One way of working an invoice out."""

    reading: Reading = Reading.EVENLY
    rounding: Rounding = Rounding.HALF_UP


def line(price: str, quantity: str = "1", *, taxed: bool = True, text: str = "Work") -> PaymoLine:
    """Return one line, from figures as a person writes them."""
    return PaymoLine(text, Decimal(quantity), Decimal(price), is_taxed=taxed)


def paymo_figures(
    lines: Sequence[PaymoLine],
    rates: Rates | None = None,
    *,
    currency: str = "GBP",
    habit: Habit | None = None,
) -> PaymoFigures:
    """Return figures that add up, the text-book's way unless another habit is named."""
    rates, habit = rates or Rates(), habit or Habit()
    step = Decimal(1).scaleb(-min(decimals_of(currency), 2))
    amounts = [_amount(each, habit.rounding, step) for each in lines]
    subtotal = nearest(Fraction(sum(amounts)), step)
    taxed = sum(amount for amount, each in zip(amounts, lines, strict=True) if each.is_taxed)
    discount, tax, tax2 = _stated(Fraction(subtotal), Fraction(taxed), rates, (habit.reading, step))
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


def _amount(line: PaymoLine, rounding: Rounding, step: Decimal) -> Decimal:
    exact = line.quantity * line.unit_price  # twenty-eight digits are more than a line has
    if rounding is Rounding.ONCE:
        return exact
    is_even = rounding is Rounding.HALF_EVEN
    return exact.quantize(step, ROUND_HALF_EVEN if is_even else ROUND_HALF_UP)


def _stated(
    subtotal: Fraction, taxed: Fraction, rates: Rates, how: tuple[Reading, Decimal]
) -> tuple[Decimal, Decimal, Decimal]:
    """Return the discount and both taxes."""
    reading, step = how
    share = Fraction(rates.discount) / 100
    discount = nearest(subtotal * share, step)
    base, base2 = _BASES[reading](subtotal, taxed, share)
    tax = nearest(base * Fraction(rates.tax) / 100, step)
    if rates.tax_on_tax:
        base2 += Fraction(tax)
    tax2 = nearest(base2 * Fraction(rates.tax2) / 100, step)
    if reading is Reading.OFF_THE_TOTAL:
        discount = nearest((subtotal + Fraction(tax) + Fraction(tax2)) * share, step)
    return discount, tax, tax2


# What the first and the second tax are taken of, by subtotal, taxed lines and discount's share.
_BASES: dict[Reading, Callable[[Fraction, Fraction, Fraction], tuple[Fraction, Fraction]]] = {
    Reading.EVENLY: lambda _, taxed, share: (taxed * (1 - share), taxed * (1 - share)),
    Reading.UNDISCOUNTED: lambda _, taxed, __: (taxed, taxed),
    Reading.OFF_THE_TOTAL: lambda _, taxed, __: (taxed, taxed),
    Reading.SECOND_ON_ALL: lambda all_, taxed, share: (taxed * (1 - share), all_ * (1 - share)),
    Reading.SECOND_ON_SUBTOTAL: lambda all_, taxed, __: (taxed, all_),
    Reading.FROM_TAXED: lambda all_, taxed, share: (taxed - all_ * share, taxed - all_ * share),
}


def nearest(exact: Fraction, step: Decimal) -> Decimal:
    """Round half up, halves away from zero."""
    count = floor(abs(exact) / Fraction(step) + Fraction(1, 2))
    return (count if exact >= 0 else -count) * step
