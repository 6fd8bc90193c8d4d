"""What goes into the arithmetic, what comes out of it, how it refuses; and rates in per cent."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from services.errors import ServiceError

_FOUR_DECIMALS = Decimal("0.0001")


class NotExportable(ServiceError):
    """Xero has no way to hold this invoice as Paymo states it."""


class DoesNotAddUp(NotExportable):
    """Paymo's figures contradict one another."""


@dataclass(frozen=True, slots=True)
class PaymoLine:
    """One invoice item; its description may still be HTML."""

    description: str
    quantity: Decimal
    unit_price: Decimal
    is_taxed: bool


@dataclass(frozen=True, slots=True)
class PaymoFigures:
    """An invoice's lines and the amounts that Paymo states; rates and discount are per cent."""

    currency: str
    lines: tuple[PaymoLine, ...]
    subtotal: Decimal
    discount_amount: Decimal
    tax_amount: Decimal
    tax2_amount: Decimal
    total: Decimal
    tax: Decimal
    tax2: Decimal
    tax_on_tax: bool
    discount: Decimal


@dataclass(frozen=True, slots=True)
class XeroLine:
    """One line as Xero is to hold it, amounts exclusive of tax."""

    description: str
    quantity: Decimal
    unit_amount: Decimal
    discount_amount: Decimal
    tax_amount: Decimal
    is_taxed: bool
    amount: Decimal  # what is left of the line after its discount


def effective_rate(tax: Decimal, tax2: Decimal, *, tax_on_tax: bool) -> Decimal:
    """What a taxed line pays in all: 5 and 8 give 13, or 13.4 with tax on tax."""
    return tax_components_rate([(tax, False), (tax2, tax_on_tax)])


def tax_components_rate(components: Iterable[tuple[Decimal, bool]]) -> Decimal:
    """The effective rate of Xero's (rate, is_compound) parts, in whatever order.

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
    return f"{plain(rate)} %"


def plain(number: Decimal) -> str:
    """Write a number without exponent or closing zeros."""
    text = f"{number or Decimal(0):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
