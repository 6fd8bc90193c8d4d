"""Invoices made of bytes: the same bytes are the same invoice, and any bytes are one."""

from dataclasses import dataclass
from decimal import Decimal

from services.money import PaymoFigures, PaymoLine
from tests.services.paymo_book import Habit, Rates, Reading, Rounding, paymo_figures

_MOST_LINES = 40
LONGEST = 16 + _MOST_LINES * 9  # bytes
_CURRENCIES = ("GBP", "USD", "EUR", "JPY", "KRW", "KWD")
_READINGS = tuple(Reading)
_ROUNDINGS = tuple(Rounding)


@dataclass(slots=True)
class _Reader:
    """Takes numbers off bytes, in order."""

    data: bytes
    at: int = 0

    def below(self, limit: int, width: int = 1) -> int:
        """Return a number from 0 to one less than the limit."""
        taken = self.data[self.at : self.at + width]
        self.at += width
        return int.from_bytes(taken, "big") % limit

    def decimal(self, most: int, places: int, width: int) -> Decimal:
        """Return a number from 0 to `most`, with so many decimals."""
        return Decimal(self.below(most * 10**places + 1, width)).scaleb(-places)


def invoice_of(data: bytes) -> PaymoFigures:
    """Return the invoice that the bytes say."""
    reader = _Reader(data)
    currency = _CURRENCIES[reader.below(len(_CURRENCIES))]
    habit = Habit(
        _READINGS[reader.below(len(_READINGS))], _ROUNDINGS[reader.below(len(_ROUNDINGS))]
    )
    rates = _rates(reader)
    lines = [
        _line(reader, is_coarse=currency == "KWD") for _ in range(1 + reader.below(_MOST_LINES))
    ]
    return paymo_figures(lines, rates, currency=currency, habit=habit)


def is_spreadable(figures: PaymoFigures) -> bool:
    """Say whether there is something that the discount and the taxes can be spread over."""
    amounts = [each.quantity * each.unit_price for each in figures.lines]
    taxed = [amount for amount, each in zip(amounts, figures.lines, strict=True) if each.is_taxed]
    tax = figures.tax_amount + figures.tax2_amount
    return figures.subtotal != 0 and (tax == 0 or abs(sum(taxed, Decimal(0))) > len(taxed))


def _rates(reader: _Reader) -> Rates:
    kinds = reader.below(256)
    tax, tax2, discount = (
        reader.decimal(30, 3, 3) if kinds >> place & 2 else Decimal(reader.below(31, 3))
        for place in (0, 2, 4)
    )
    return Rates(
        tax=tax if kinds & 3 else Decimal(0),
        tax2=tax2 if kinds & 4 else Decimal(0),
        tax_on_tax=bool(kinds & 64),
        discount=(discount if reader.below(8) else Decimal(100)) if kinds & 16 else Decimal(0),
    )


def _line(reader: _Reader, *, is_coarse: bool) -> PaymoLine:
    """Return a line; a coarse one comes to whole cents, where a third decimal is refused."""
    kinds, oddity = reader.below(256), reader.below(16)
    quantity = reader.decimal(40, 0 if is_coarse else (0, 2, 4, 7)[kinds & 3], 3)
    price = reader.decimal(900, 2 if is_coarse else (0, 2, 2, 5)[kinds >> 2 & 3], 4)
    if kinds >> 4 & 7 == 0:
        price = -price
    quantity = {0: Decimal(0), 1: -quantity, 2: -quantity}.get(oddity, quantity)
    return PaymoLine("Work", quantity, price, is_taxed=kinds < 192)
