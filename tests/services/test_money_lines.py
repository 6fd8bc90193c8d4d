"""Any invoice that adds up reaches Xero to the cent, by Xero's own arithmetic."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from services.money import (
    DoesNotAddUp,
    PaymoFigures,
    PaymoLine,
    XeroLine,
    expected_totals,
    largest_remainder,
    line_amounts,
    xero_lines,
)
from tests.services.paymo_book import Rates, nearest, paymo_figures

CENT = Decimal("0.01")
many = settings(
    max_examples=120,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


def decimals(low: int, high: int, places: int) -> st.SearchStrategy[Decimal]:
    return st.integers(low * 10**places, high * 10**places).map(
        lambda count: Decimal(count).scaleb(-places)
    )


quantities = st.one_of(decimals(1, 40, 0), decimals(0, 40, 2), decimals(0, 40, 4))
prices = st.one_of(
    decimals(1, 900, 0), decimals(0, 900, 2), decimals(0, 900, 5), decimals(-90, 0, 2)
)
lines = st.builds(PaymoLine, st.just("Work"), quantities, prices, is_taxed=st.booleans())
percents = st.one_of(st.just(Decimal(0)), decimals(0, 30, 0), decimals(0, 30, 3))
rates = st.builds(Rates, percents, percents, tax_on_tax=st.booleans(), discount=percents)
invoices = st.builds(
    paymo_figures,
    st.lists(lines, min_size=1, max_size=40),
    rates,
    currency=st.sampled_from(["GBP", "USD", "JPY", "KRW"]),
    each_line_rounded=st.booleans(),
)


def step_of(figures: PaymoFigures) -> Decimal:
    return Decimal(1) if figures.currency in {"JPY", "KRW"} else CENT


def xero_line_amount(line: XeroLine) -> Decimal:
    """Multiply, round half up to the cent, take the discount off: Xero's way."""
    product = Fraction(line.quantity) * Fraction(line.unit_amount)
    return nearest(product, CENT) - line.discount_amount


def spreadable(figures: PaymoFigures) -> bool:
    """Leave out lines that cancel out to nothing while a discount or a tax is stated."""
    amounts = line_amounts(figures)
    taxed = sum(a for a, each in zip(amounts, figures.lines, strict=True) if each.is_taxed)
    return taxed != 0 or figures.tax_amount + figures.tax2_amount == 0


def assert_within_a_step(parts: list[Decimal], shares: list[Decimal], step: Decimal) -> None:
    whole, amount = sum(map(Fraction, shares)), Fraction(sum(parts))
    for part, share in zip(parts, shares, strict=True):
        exact = Fraction(share) * amount / whole if amount else Fraction()
        assert abs(Fraction(part) - exact) < Fraction(step)


@many
@given(invoices)
def test_what_xero_adds_up_is_what_paymo_states(figures: PaymoFigures) -> None:
    assume(figures.subtotal != 0 and spreadable(figures))

    sent = xero_lines(figures)
    sub_total = sum(map(xero_line_amount, sent))
    total_tax = sum(each.tax_amount for each in sent)

    assert (sub_total, total_tax, sub_total + total_tax) == expected_totals(figures)
    assert sub_total + total_tax == figures.total


@many
@given(invoices)
def test_no_line_is_a_step_or_more_from_its_exact_share(figures: PaymoFigures) -> None:
    assume(figures.subtotal != 0 and spreadable(figures))

    amounts = list(line_amounts(figures))
    sent = xero_lines(figures)
    taxed = [a if each.is_taxed else Decimal(0) for a, each in zip(amounts, sent, strict=True)]

    assert_within_a_step([each.discount_amount for each in sent], amounts, step_of(figures))
    assert_within_a_step([each.tax_amount for each in sent], taxed, step_of(figures))
    assert all(each.tax_amount == 0 for each in sent if not each.is_taxed)


@many
@given(invoices)
def test_line_amounts_are_the_subtotal_and_near_the_product(figures: PaymoFigures) -> None:
    amounts = line_amounts(figures)

    assert sum(amounts) == figures.subtotal
    for amount, each in zip(amounts, figures.lines, strict=True):
        exact = Fraction(each.quantity) * Fraction(each.unit_price)
        assert abs(Fraction(amount) - exact) < Fraction(step_of(figures))


@many
@given(invoices)
def test_xero_never_has_to_round_a_product(figures: PaymoFigures) -> None:
    assume(figures.subtotal != 0 and spreadable(figures))

    for each in xero_lines(figures):
        product = Fraction(each.quantity) * Fraction(each.unit_amount)
        assert (product / Fraction(step_of(figures))).denominator == 1
        assert Decimal(each.quantity).quantize(Decimal("0.0001")) == each.quantity
        assert Decimal(each.unit_amount).quantize(Decimal("0.0001")) == each.unit_amount


@many
@given(invoices, st.sampled_from(["discount_amount", "tax_amount", "tax2_amount", "total"]))
def test_a_figure_that_is_off_by_one_step_is_refused(figures: PaymoFigures, name: str) -> None:
    off = {name: getattr(figures, name) + step_of(figures)}

    with pytest.raises(DoesNotAddUp):
        xero_lines(replace(figures, **off))


@many
@given(st.integers(-(10**7), 10**7), st.lists(decimals(-500, 900, 2), min_size=1, max_size=40))
def test_any_amount_spreads_over_any_shares(count: int, shares: list[Decimal]) -> None:
    assume(sum(shares) != 0)
    amount = count * CENT

    parts = largest_remainder(amount, shares, CENT)

    assert sum(parts) == amount
    assert_within_a_step(list(parts), shares, CENT)
