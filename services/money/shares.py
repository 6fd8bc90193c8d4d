"""Spread an amount over shares so that not a cent is lost, added or out of place."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import floor

from services.money.figures import DoesNotAddUp


def largest_remainder(
    amount: Decimal, shares: Sequence[Decimal], unit: Decimal
) -> tuple[Decimal, ...]:
    """Spread the amount in proportion to shares of either sign.

    The parts sum to the amount exactly, and each is less than one unit from its exact share.
    """
    if amount == 0:
        return (Decimal(0),) * len(shares)
    whole = sum(map(Fraction, shares), Fraction())
    if whole == 0:
        raise DoesNotAddUp(f"There is nothing that {amount:f} could be spread over.")
    scale = Fraction(amount) / whole
    return round_to_sum([Fraction(share) * scale for share in shares], amount, unit)


def round_to_sum(exact: Sequence[Fraction], amount: Decimal, unit: Decimal) -> tuple[Decimal, ...]:
    """Round each value down or up to the unit so that they sum to the amount.

    The values that lose most by rounding down go up first; whole ones stay as they are.
    """
    counts = [value / Fraction(unit) for value in exact]
    parts = [floor(count) for count in counts]
    missing = Fraction(amount) / Fraction(unit) - sum(parts)
    uneven = [place for place, count in enumerate(counts) if count != parts[place]]
    if missing.denominator != 1 or not 0 <= missing <= len(uneven):
        raise DoesNotAddUp(f"{amount:f} cannot be reached by rounding its parts to {unit:f}.")
    uneven.sort(key=lambda place: parts[place] - counts[place])
    for place in uneven[: int(missing)]:
        parts[place] += 1
    return tuple(part * unit for part in parts)


def round_half_up(exact: Fraction, unit: Decimal) -> Decimal:
    """Round to the unit, halves away from zero, whatever the number of digits."""
    count = abs(exact) / Fraction(unit)
    nearest = floor(count + Fraction(1, 2))
    return (nearest if exact >= 0 else -nearest) * unit


def decimals_in(number: Decimal) -> int:
    """Return how many decimals a number needs; closing zeros do not count."""
    _, _, fraction = f"{number:f}".partition(".")
    return len(fraction.rstrip("0"))
