"""Turns Paymo's figures, once they add up, into the lines that Xero gets."""

from decimal import Decimal
from enum import StrEnum

from services.model.wording import Amount
from services.money.figures import (
    DoesNotAddUp,
    NotExportable,
    PaymoFigures,
    PaymoLine,
    XeroLine,
    currency_code,
    decimals_in,
    decimals_of,
    largest_remainder,
    plain,
    product,
    round_half_up,
    round_to_sum,
    total,
    turn_halves,
)
from services.money.texts import plain_text, within_limit

_SAVE_AGAIN = "Open and save the invoice in Paymo, then try again."
_XERO_DECIMALS = 2
_XERO_FACTOR_DECIMALS = 4


class LineSum(StrEnum):
    """How the lines come to the subtotal."""

    EACH_ROUNDED = "each line rounded"
    ROUNDED_ONCE = "the sum rounded once"
    HALVES_EITHER_WAY = "each line rounded, not every half up"


def check_adds_up(figures: PaymoFigures) -> LineSum:
    """Refuse figures that contradict one another, or say how the lines come to the subtotal."""
    line_sum, amounts = _added(figures)
    _check_taxes(figures, amounts)
    return line_sum


def check_exportable(figures: PaymoFigures) -> None:
    """Refuse an invoice without lines, or with nothing to pay."""
    if not figures.lines:
        raise NotExportable("The invoice has no lines.", "Add one in Paymo first.")
    if figures.total <= 0:
        total = Amount(figures.total, figures.currency)
        raise NotExportable(f"The invoice total is {total}, so there's nothing to export.")


def line_amounts(figures: PaymoFigures) -> tuple[Decimal, ...]:
    """Each line's amount before discount; together they are the subtotal exactly."""
    return _added(figures)[1]


def expected_totals(figures: PaymoFigures) -> tuple[Decimal, Decimal, Decimal]:
    """The SubTotal, TotalTax and Total that Xero has to arrive at."""
    return figures.subtotal - figures.discount_amount, total_tax(figures), figures.total


def total_tax(figures: PaymoFigures) -> Decimal:
    """Both taxes together."""
    return figures.tax_amount + figures.tax2_amount


def exact_amount(line: PaymoLine) -> Decimal:
    """Quantity times price, unrounded."""
    return product(line.quantity, line.unit_price)


def unit_of(figures: PaymoFigures) -> Decimal:
    """The smallest step that the amounts take: the currency's own, or Xero's cent.

    Paymo may keep cents in a currency that has none; what it states is what is owed.
    """
    stated = max(decimals_in(amount) for amount in _stated(figures).values())
    decimals = max(stated, decimals_of(currency_code(figures.currency)))
    return Decimal(1).scaleb(-min(decimals, _XERO_DECIMALS))


def _stated(figures: PaymoFigures) -> dict[str, Decimal]:
    return {
        "subtotal": figures.subtotal,
        "discount": figures.discount_amount,
        "tax": figures.tax_amount,
        "second tax": figures.tax2_amount,
        "total": figures.total,
    }


def _check_decimals(figures: PaymoFigures) -> None:
    """Xero's totals have two decimals, so nothing may need a third."""
    currency = currency_code(figures.currency)
    amounts = {f"the {name}": amount for name, amount in _stated(figures).items()}
    if decimals_of(currency) > _XERO_DECIMALS:
        finest = Decimal(1).scaleb(-decimals_of(currency))
        for place, line in enumerate(figures.lines, start=1):
            amounts[f"line {place}"] = round_half_up(exact_amount(line), finest)
    for name, amount in amounts.items():
        if decimals_in(amount) > _XERO_DECIMALS:
            raise NotExportable(
                f"Xero keeps two decimals, and {name} is {Amount(amount, currency)}.",
                "Round the invoice's prices in Paymo.",
            )


def _check_total(figures: PaymoFigures) -> None:
    reached = figures.subtotal - figures.discount_amount + total_tax(figures)
    if reached == figures.total:
        return
    sums = ", ".join(
        f"{name} {Amount(amount, figures.currency)}" for name, amount in _stated(figures).items()
    )
    raise DoesNotAddUp(
        f"Paymo's figures don't add up to its total: {sums}. They come to "
        f"{Amount(reached, figures.currency)}.",
        _SAVE_AGAIN,
    )


def _check_bases(figures: PaymoFigures, amounts: tuple[Decimal, ...]) -> None:
    """A discount needs lines to come off, and a tax needs taxed lines."""
    if figures.discount_amount != 0 and figures.subtotal == 0:
        raise DoesNotAddUp(
            f"Paymo has a discount of {Amount(figures.discount_amount, figures.currency)}"
            " on lines that add up to nothing.",
            "Correct the discount in Paymo.",
        )
    pairs = zip(figures.lines, amounts, strict=True)
    if total_tax(figures) != 0 and sum(amount for line, amount in pairs if line.is_taxed) == 0:
        raise DoesNotAddUp(
            f"Paymo has {Amount(total_tax(figures), figures.currency)} of tax, but its taxed "
            "lines add up to nothing.",
            "Correct the tax in Paymo.",
        )


def _check_taxes(figures: PaymoFigures, amounts: tuple[Decimal, ...]) -> None:
    """Refuse a tax that its rate doesn't come to, on whatever Paymo may charge it.

    Paymo doesn't say how a discount lowers that, nor whether the second tax leaves lines out.
    """
    subtotal, discount = figures.subtotal, figures.discount_amount
    pairs = zip(figures.lines, amounts, strict=True)
    taxed = total(amount for line, amount in pairs if line.is_taxed)
    share = product(taxed, discount) / subtotal if subtotal else Decimal(0)
    # Beside lines below zero a rounded discount may be far from what its rate takes off others.
    at_rate = product(taxed, figures.discount) / 100
    bases = [taxed - share, taxed - at_rate, taxed, taxed - discount]
    _require_rate(figures, "tax", figures.tax_amount, [each * figures.tax for each in bases])
    first = figures.tax_amount if figures.tax_on_tax else Decimal(0)
    bases = [each + first for each in (*bases, subtotal, subtotal - discount)]
    _require_rate(
        figures, "second tax", figures.tax2_amount, [each * figures.tax2 for each in bases]
    )


def _require_rate(
    figures: PaymoFigures, name: str, stated: Decimal, hundredfold: list[Decimal]
) -> None:
    """Accept what lies between these, or a unit for each line beside them."""
    unit = unit_of(figures)
    slack = unit * (len(figures.lines) + 1)
    possible = [each / 100 for each in hundredfold]
    if min(possible) - slack <= stated <= max(possible) + slack:
        return
    expected = round_half_up(possible[0], unit)
    raise DoesNotAddUp(
        f"Paymo has a {name} of {Amount(stated, figures.currency)}, but its rate comes to "
        f"{Amount(expected, figures.currency)}.",
        _SAVE_AGAIN,
    )


def _added(figures: PaymoFigures) -> tuple[LineSum, tuple[Decimal, ...]]:
    """Check all the figures; return how the lines come to the subtotal, and their amounts."""
    _check_decimals(figures)
    _check_total(figures)
    line_sum, amounts = _add_lines(figures)
    _check_bases(figures, amounts)
    return line_sum, amounts


def _add_lines(figures: PaymoFigures) -> tuple[LineSum, tuple[Decimal, ...]]:
    unit, subtotal = unit_of(figures), figures.subtotal
    exact = [exact_amount(line) for line in figures.lines]
    rounded = tuple(round_half_up(amount, unit) for amount in exact)
    reached = total(rounded)
    if reached == subtotal:
        return LineSum.EACH_ROUNDED, rounded
    # The stated sum may have been rounded by any rule, so half a unit either way is the same sum.
    if 2 * abs(total([*exact, -subtotal])) <= unit:
        return LineSum.ROUNDED_ONCE, round_to_sum(exact, subtotal, unit)
    turned = turn_halves(exact, rounded, subtotal, unit)
    if turned is not None:
        return LineSum.HALVES_EITHER_WAY, turned
    lines = "line comes" if len(exact) == 1 else f"{len(exact)} lines add up"
    raise DoesNotAddUp(
        f"The invoice's {lines} to {Amount(reached, figures.currency)}, but "
        f"Paymo's subtotal is {Amount(subtotal, figures.currency)}.",
        _SAVE_AGAIN,
    )


def xero_lines(figures: PaymoFigures) -> tuple[XeroLine, ...]:
    """The lines whose sums in Xero are Paymo's to the cent, or refuse."""
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
    """The places, from 1, of the lines that say nothing; Xero refuses those."""
    return tuple(
        place
        for place, line in enumerate(figures.lines, start=1)
        if not plain_text(line.description)
    )


def _xero_line(line: PaymoLine, amount: Decimal, discount: Decimal, tax: Decimal) -> XeroLine:
    text, left = plain_text(line.description), total([amount, discount.copy_negate()])
    product = f"{plain(line.quantity)} × {plain(line.unit_price)}" if line.unit_price else ""
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
