"""From Paymo's figures to the lines that Xero is sent."""

from decimal import Decimal

from services.money.adding import exact_amount, line_amounts, total_tax, unit_of
from services.money.figures import PaymoFigures, PaymoLine, XeroLine
from services.money.shares import decimals_in, largest_remainder
from services.money.text import plain_text, within_limit

_XERO_FACTOR_DECIMALS = 4


def xero_lines(figures: PaymoFigures) -> tuple[XeroLine, ...]:
    """Return the lines whose sums in Xero are Paymo's to the cent, or refuse."""
    amounts = line_amounts(figures)
    unit = unit_of(figures)
    discounts = largest_remainder(figures.discount_amount, amounts, unit)
    taxed = [
        amount if line.is_taxed else Decimal(0)
        for line, amount in zip(figures.lines, amounts, strict=True)
    ]
    taxes = largest_remainder(total_tax(figures), taxed, unit)
    return tuple(
        _xero_line(line, amount, discount, tax)
        for line, amount, discount, tax in zip(
            figures.lines, amounts, discounts, taxes, strict=True
        )
    )


def lines_without_description(figures: PaymoFigures) -> tuple[int, ...]:
    """Return the places, from 1, of the lines that say nothing; Xero refuses those."""
    return tuple(
        place
        for place, line in enumerate(figures.lines, start=1)
        if not plain_text(line.description)
    )


def _xero_line(line: PaymoLine, amount: Decimal, discount: Decimal, tax: Decimal) -> XeroLine:
    text = plain_text(line.description)
    if _is_exact(line, amount):
        description, quantity, unit_amount = within_limit(text), line.quantity, line.unit_price
    else:
        product = f"{_plain(line.quantity)} × {_plain(line.unit_price)}"
        description, quantity, unit_amount = within_limit(text, product), Decimal(1), amount
    return XeroLine(description, quantity, unit_amount, discount, tax, line.is_taxed)


def _is_exact(line: PaymoLine, amount: Decimal) -> bool:
    """Say whether Xero, multiplying, can only arrive at the amount."""
    finest = max(decimals_in(line.quantity), decimals_in(line.unit_price))
    return finest <= _XERO_FACTOR_DECIMALS and exact_amount(line) == amount


def _plain(number: Decimal) -> str:
    """Write a number without exponent or closing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
