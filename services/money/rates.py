"""Tax rates in per cent, compound ones included."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

_FOUR_DECIMALS = Decimal("0.0001")


def effective_rate(tax: Decimal, tax2: Decimal, *, tax_on_tax: bool) -> Decimal:
    """Return what a taxed line pays in all: 5 and 8 give 13, or 13.4 with tax on tax."""
    return tax_components_rate([(tax, False), (tax2, tax_on_tax)])


def tax_components_rate(components: Iterable[tuple[Decimal, bool]]) -> Decimal:
    """Return the effective rate of Xero's (rate, is_compound) parts, in whatever order.

    A compound part is charged on the amount with all the plain parts already on it.
    """
    parts = list(components)
    rate = sum((rate for rate, is_compound in parts if not is_compound), Decimal(0))
    for compound in (rate for rate, is_compound in parts if is_compound):
        rate += compound * (1 + rate / 100)
    return rate


def rates_agree(a: Decimal, b: Decimal) -> bool:
    """Say whether two rates are the same to four decimals."""
    return a.quantize(_FOUR_DECIMALS, ROUND_HALF_UP) == b.quantize(_FOUR_DECIMALS, ROUND_HALF_UP)


def percent(rate: Decimal) -> str:
    """Write a rate without closing zeros: 6.25 %."""
    return f"{rate.normalize():f} %"
