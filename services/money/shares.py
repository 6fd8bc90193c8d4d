"""Spread an amount over shares so that not a cent is lost, added or out of place.

All of it is exact: decimals with digits enough, and whole numbers where something is divided.
"""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation
from functools import reduce

from services.money.figures import DoesNotAddUp

# Inexact traps: whatever needed more digits than these would stop rather than lose one.
_EXACT = Context(prec=120, traps=[Inexact, InvalidOperation])
_ROUNDING = Context(prec=120, rounding=ROUND_HALF_UP, traps=[InvalidOperation])
_HALF = Decimal("0.5")


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
