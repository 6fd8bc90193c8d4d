"""Any invoice that adds up reaches Xero to the last unit, by Xero's own arithmetic.

An invoice is drawn as bytes: quick enough for thousands a run, and a failure still shrinks.
"""

import re
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from services.model.wording import Amount
from services.money import (
    DoesNotAddUp,
    NotExportable,
    PaymoFigures,
    PaymoLine,
    XeroLine,
    check_adds_up,
    expected_totals,
    largest_remainder,
    line_amounts,
    xero_lines,
)
from tests.properties import tried
from tests.services.paymo_book import Habit, Rounding, line, nearest, paymo_figures
from tests.services.random_invoices import LONGEST, invoice_of, is_spreadable

CENT = Decimal("0.01")


def times(count: int) -> settings:
    slow = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    return tried(count, suppress_health_check=slow)


drawn = st.binary(min_size=LONGEST, max_size=LONGEST)
# Lines that cancel out to nothing, with a discount or a tax stated all the same, are refused below.
invoices = drawn.map(invoice_of).filter(is_spreadable)


def step_of(figures: PaymoFigures) -> Decimal:
    return Decimal(1) if figures.currency in {"JPY", "KRW"} else CENT


def xero_line_amount(line: XeroLine) -> Decimal:
    """Multiply, round half up to the cent, take the discount off: Xero's way."""
    return (line.quantity * line.unit_amount).quantize(CENT, ROUND_HALF_UP) - line.discount_amount


def assert_within_a_step(parts: list[Decimal], shares: list[Decimal], step: Decimal) -> None:
    """No part is a step or more from share x amount / whole; multiplied out, to stay exact."""
    whole, amount = sum(shares, Decimal(0)), sum(parts, Decimal(0))
    for part, share in zip(parts, shares, strict=True):
        assert abs(part * whole - share * amount) < step * abs(whole) or part == amount == 0


@dataclass(frozen=True, slots=True)
class Sent:
    """An invoice of Paymo's, and its lines as Xero is sent them."""

    figures: PaymoFigures
    lines: tuple[XeroLine, ...]

    def assert_totals_agree(self) -> None:
        """Xero's sums are the ones that Paymo states."""
        sub_total = sum(map(xero_line_amount, self.lines))
        total_tax = sum(each.tax_amount for each in self.lines)
        assert (sub_total, total_tax, sub_total + total_tax) == expected_totals(self.figures)
        assert sub_total + total_tax == self.figures.total

    def assert_shares_are_fair(self) -> None:
        """No line's amount, discount or tax is a step from its exact share."""
        step, amounts = step_of(self.figures), list(line_amounts(self.figures))
        taxed = [
            a if each.is_taxed else Decimal(0) for a, each in zip(amounts, self.lines, strict=True)
        ]
        assert_within_a_step([xero_line_amount(each) for each in self.lines], amounts, step)
        assert_within_a_step([each.tax_amount for each in self.lines], taxed, step)
        assert all(each.tax_amount == 0 for each in self.lines if not each.is_taxed)
        for amount, each in zip(amounts, self.figures.lines, strict=True):
            assert abs(amount - each.quantity * each.unit_price) < step

    def assert_xero_takes_each_line(self) -> None:
        """Xero wants a quantity above zero, and a discount of at most the line, if any."""
        for each in self.lines:
            assert each.quantity > 0
            assert each.amount == xero_line_amount(each)
            gross = each.quantity * each.unit_amount
            assert each.discount_amount == 0 or 0 < each.discount_amount <= gross

    def assert_nothing_is_left_to_round(self) -> None:
        """Every product that Xero works out is a whole number of steps."""
        for each in self.lines:
            assert each.quantity * each.unit_amount % step_of(self.figures) == 0
            assert each.quantity.quantize(Decimal("0.0001")) == each.quantity
            assert each.unit_amount.quantize(Decimal("0.0001")) == each.unit_amount


@times(200)
@given(st.binary(min_size=10 * LONGEST, max_size=10 * LONGEST))
def test_e26_what_xero_adds_up_is_what_paymo_states_in_every_reading(
    data: bytes,
) -> None:
    ten = [invoice_of(data[place * LONGEST :]) for place in range(10)]

    for figures in filter(is_spreadable, ten):
        check_adds_up(figures)
        sent = Sent(figures, xero_lines(figures))
        sent.assert_totals_agree()
        sent.assert_shares_are_fair()
        sent.assert_xero_takes_each_line()
        sent.assert_nothing_is_left_to_round()


@times(300)
@given(invoices, st.sampled_from(["discount_amount", "tax_amount", "tax2_amount", "total"]))
def test_e33_a_figure_that_is_off_by_one_step_is_refused_with_the_figures(
    figures: PaymoFigures, name: str
) -> None:
    off = replace(figures, **{name: getattr(figures, name) + step_of(figures)})

    with pytest.raises(DoesNotAddUp, match=re.escape(str(Amount(off.total, off.currency)))):
        xero_lines(off)


@times(300)
@given(invoices)
def test_e33_lost_lines_are_refused_with_the_figures(figures: PaymoFigures) -> None:
    rest = figures.lines[1:]
    lost = figures.lines[0].quantity * figures.lines[0].unit_price
    assume(abs(lost) > 41 * step_of(figures))  # less may be what the rounding of the rest hides

    with pytest.raises(
        DoesNotAddUp, match=re.escape(str(Amount(figures.subtotal, figures.currency)))
    ):
        xero_lines(replace(figures, lines=rest))


def nearest_cent(line: PaymoLine) -> Decimal:
    return (line.quantity * line.unit_price).quantize(CENT)


@times(300)
@given(invoices, st.sampled_from(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]))
def test_a_third_decimal_that_says_something_is_refused_by_name(
    figures: PaymoFigures, currency: str
) -> None:
    lines = tuple(
        replace(each, quantity=Decimal(1), unit_price=nearest_cent(each)) for each in figures.lines
    )
    whole = paymo_figures(lines, currency=currency)
    fine = replace(lines[0], unit_price=lines[0].unit_price + Decimal("0.001"))
    other = whole.total + Decimal("0.001")

    assert sum(map(xero_line_amount, xero_lines(whole))) == whole.total
    with pytest.raises(NotExportable, match=f"two decimals.*{currency}"):
        xero_lines(replace(whole, lines=(fine, *lines[1:]), subtotal=other, total=other))


@times(300)
@given(
    st.integers(-(10**7), 10**7),
    st.lists(st.integers(-50_000, 90_000), min_size=1, max_size=40),
)
def test_any_amount_spreads_over_any_shares(count: int, counts: list[int]) -> None:
    assume(sum(counts) != 0)
    amount, shares = count * CENT, [each * CENT for each in counts]

    parts = largest_remainder(amount, shares, CENT)

    assert sum(parts) == amount
    assert_within_a_step(list(parts), shares, CENT)


@pytest.mark.parametrize("rounding", Rounding)
def test_halves_go_the_way_that_paymo_has_sent_them(rounding: Rounding) -> None:
    lines = [line("0.125"), line("0.375"), line("0.125"), line("0.145"), line("0.165")]
    figures = paymo_figures(lines, habit=Habit(rounding=rounding))

    amounts = line_amounts(figures)

    assert sum(amounts) == figures.subtotal
    if rounding is Rounding.HALF_EVEN:
        assert amounts == tuple(map(Decimal, ("0.12", "0.38", "0.12", "0.14", "0.16")))


def test_e68_no_digit_is_lost_however_many_there_are() -> None:
    price, quantity = Decimal("1234567890.56789"), Decimal("987654321.5432")
    exact = Fraction(price) * Fraction(quantity)
    stated = nearest(exact, CENT)
    blank = paymo_figures([line("1", taxed=False)])
    work = PaymoLine("Work", quantity, price, is_taxed=False)

    [sent] = xero_lines(replace(blank, lines=(work,), subtotal=stated, total=stated))

    assert sent.unit_amount == stated
