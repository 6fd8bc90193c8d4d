"""What goes into the arithmetic, what comes out of it, and how it refuses."""

from dataclasses import dataclass
from decimal import Decimal

from services.errors import ServiceError


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
