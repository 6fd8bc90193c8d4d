"""Exact arithmetic: figures, percentages, shares, currencies, and how it refuses."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation
from functools import reduce

from services.errors import ServiceError

_FOUR_DECIMALS = Decimal("0.0001")
# Inexact traps: whatever needed more digits than these would stop rather than lose one.
_EXACT = Context(prec=120, traps=[Inexact, InvalidOperation])
_ROUNDING = Context(prec=120, rounding=ROUND_HALF_UP, traps=[InvalidOperation])
_HALF = Decimal("0.5")
_FEW_DECIMALS = range(-4, 1)  # the exponents of amounts of at most four
_TAIL = Decimal("1e-9")
_LONGEST_TAIL = Decimal("1e-5")
_DIGITS = Decimal("1e-15")
_PAYMO_CODES = {"CFP": "XPF", "RMB": "CNY", "TBH": "THB", "U$S": "USD", "US$": "USD"}
_RETIRED = {
    "ANG": "XCG",
    "BGN": "EUR",
    "EEK": "EUR",
    "HRK": "EUR",
    "LTL": "EUR",
    "LVL": "EUR",
    "SKK": "EUR",
    "VEF": "VES",
}
_NO_DECIMALS = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split())
THREE_DECIMALS = frozenset("BHD IQD JOD KWD LYD OMR TND".split())
_TWO_DECIMALS = frozenset(
    (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD "
        "CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD "
        "GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL "
        "MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN "
        "PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP "
        "SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
    ).split()
)
_CHANGE = "Change the invoice's currency in Paymo."
_KNOWN = _NO_DECIMALS | _TWO_DECIMALS | THREE_DECIMALS


class NotExportable(ServiceError):
    """Xero has no way to hold this invoice as Paymo states it."""

    def __init__(self, fact: str, cure: str = "") -> None:
        """Keep what to do apart from what is wrong."""
        super().__init__(f"{fact} {cure}".strip())
        self.fact = fact
        self.cure = cure


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


def exact(value: Decimal) -> Decimal:
    """The amount of four decimals behind a number with a tail, or the number.

    A float's tail says nothing: what lies within a billionth of such an amount is that amount. A
    float has sixteen digits, so in front of many of them its tail is longer.
    """
    if value.as_tuple().exponent in _FEW_DECIMALS:
        return value
    near = value.quantize(_FOUR_DECIMALS)
    if near == value:
        return near
    tail = max(_TAIL, min(abs(near) * _DIGITS, _LONGEST_TAIL))
    return near if abs(near - value) <= tail else value


def plain(number: Decimal) -> str:
    """Write a number without exponent or closing zeros."""
    text = str(number or 0)
    if "E" in text:
        text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def product(quantity: Decimal, price: Decimal) -> Decimal:
    """The product with all its digits."""
    return _EXACT.multiply(quantity, price)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The sum with all its digits."""
    return reduce(_EXACT.add, amounts, Decimal(0))


def largest_remainder(
    amount: Decimal, shares: Sequence[Decimal], unit: Decimal
) -> tuple[Decimal, ...]:
    """Spread the amount in proportion to shares of either sign.

    The parts sum to the amount exactly, and each is less than one unit from its exact share.
    """
    if amount == 0:
        return (Decimal(0),) * len(shares)
    whole = total(shares)
    if whole == 0:
        raise DoesNotAddUp(f"There is nothing that {amount:f} could be spread over.")
    *portions, whole_count, amount_count, unit_count = _as_counts([*shares, whole, amount, unit])
    exact = [portion * amount_count for portion in portions]
    return _round_to_sum(exact, whole_count * unit_count, amount, unit)


def round_to_sum(exact: Sequence[Decimal], amount: Decimal, unit: Decimal) -> tuple[Decimal, ...]:
    """Round each value down or up to the unit so that they sum to the amount.

    The values that lose most by rounding down go up first; whole ones stay as they are.
    """
    *counts, unit_count = _as_counts([*exact, unit])
    return _round_to_sum(counts, unit_count, amount, unit)


def _round_to_sum(
    exact: Sequence[int], divisor: int, amount: Decimal, unit: Decimal
) -> tuple[Decimal, ...]:
    """Round each exact/divisor, a number of units, to a whole one."""
    pairs = [divmod(each, divisor) for each in exact]
    parts = [part for part, _ in pairs]
    uneven = [place for place, (_, rest) in enumerate(pairs) if rest]
    amount_count, unit_count = _as_counts([amount, unit])
    wanted, odd = divmod(amount_count, unit_count)
    missing = wanted - sum(parts)
    if odd or not 0 <= missing <= len(uneven):
        raise DoesNotAddUp(f"{amount:f} cannot be reached by rounding its parts to {unit:f}.")
    uneven.sort(key=lambda place: -abs(pairs[place][1]))
    for place in uneven[:missing]:
        parts[place] += 1
    return tuple(part * unit for part in parts)


def _as_counts(numbers: Sequence[Decimal]) -> list[int]:
    """The numbers as whole multiples of the finest step that any of them takes."""
    places = max(decimals_in(number) for number in numbers)
    return [int(_EXACT.scaleb(number, places)) for number in numbers]


def turn_halves(
    exact: Sequence[Decimal], rounded: Sequence[Decimal], amount: Decimal, unit: Decimal
) -> tuple[Decimal, ...] | None:
    """Round halves the other way until the values sum to the amount, or return None.

    Odd ones turn first: so whoever rounds halves to the even neighbour is followed line by line.
    """
    excess = total(rounded) - amount
    step = unit if excess > 0 else -unit
    halves = [
        place
        for place, value in enumerate(exact)
        if _EXACT.subtract(rounded[place], value) == step * _HALF
    ]
    turns, odd = divmod(excess, step)
    if odd or turns > len(halves):
        return None
    halves.sort(key=lambda place: rounded[place] / unit % 2 == 0)
    turned = list(rounded)
    for place in halves[: int(turns)]:
        turned[place] -= step
    return tuple(turned)


def round_half_up(exact: Decimal, unit: Decimal) -> Decimal:
    """Round to the unit, a power of ten; halves away from zero, whatever the number of digits."""
    return exact.quantize(unit, context=_ROUNDING)


def decimals_in(number: Decimal) -> int:
    """How many decimals a number needs; closing zeros do not count."""
    _, _, fraction = f"{number:f}".partition(".")
    return len(fraction.rstrip("0"))


def currency_code(paymo_code: str) -> str:
    """The ISO code for one of Paymo's, or refuse it by name."""
    code = paymo_code.strip().upper()
    code = _PAYMO_CODES.get(code, code)
    if code in _RETIRED:
        raise NotExportable(
            f"{_RETIRED[code]} took the place of {code}, so Xero no longer takes {code}.",
            _CHANGE,
        )
    if code not in _KNOWN:
        raise NotExportable(f"We don't know the currency {paymo_code!r}.", _CHANGE)
    return code


def is_currency(code: str) -> bool:
    """Say whether this is the ISO code of a currency that invoices may have."""
    return code in _KNOWN


def decimals_of(currency: str) -> int:
    """How many decimals a currency has, two if it is unknown."""
    currency = _PAYMO_CODES.get(currency, currency)
    if currency in _NO_DECIMALS:
        return 0
    return 3 if currency in THREE_DECIMALS else 2
