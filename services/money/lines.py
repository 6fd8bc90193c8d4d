"""From Paymo's figures to the lines that Xero is sent."""

from decimal import Decimal

from services.money.adding import exact_amount, line_amounts, total_tax, unit_of
from services.money.figures import PaymoFigures, PaymoLine, XeroLine
from services.money.shares import decimals_in, largest_remainder, total
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
    text, left = plain_text(line.description), total([amount, discount.copy_negate()])
    product = f"{_plain(line.quantity)} × {_plain(line.unit_price)}" if line.unit_price else ""
    if discount and not 0 < discount <= amount:
        # Xero takes no discount off such a line: what is left of it goes as its price.
        text = within_limit(text, f"{product}, discount included")
        return XeroLine(text, Decimal(1), left, Decimal(0), tax, line.is_taxed, left)
    quantity, price = line.quantity, line.unit_price
    if not _is_exact(line, amount):
        text, quantity, price = within_limit(text, product), Decimal(1), amount
    elif quantity < 0:
        quantity, price = -quantity, -price
    return XeroLine(within_limit(text), quantity, price, discount, tax, line.is_taxed, left)


def _is_exact(line: PaymoLine, amount: Decimal) -> bool:
    """Say whether Xero, multiplying, can only arrive at the amount; it takes no quantity of 0."""
    finest = max(decimals_in(line.quantity), decimals_in(line.unit_price))
    return bool(line.quantity) and finest <= _XERO_FACTOR_DECIMALS and exact_amount(line) == amount


def _plain(number: Decimal) -> str:
    """Write a number without exponent or closing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
