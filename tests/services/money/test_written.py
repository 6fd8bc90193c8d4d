"""Money, percentages and days, as people of an organisation's country write them."""

from datetime import date
from decimal import Decimal

import pytest
from babel import Locale, localedata
from babel.numbers import get_currency_symbol, get_territory_currencies
from hypothesis import given
from hypothesis import strategies as st

from services.money import country_name, format_amount, format_day, format_number, format_rate

TODAY = date(2026, 11, 28)


@pytest.mark.parametrize(
    ("country", "amount", "currency", "written"),
    [
        ("GB", "2652", "GBP", "£2,652.00"),
        ("US", "2652", "USD", "$2,652.00"),
        ("GB", "2652", "USD", "US$2,652.00"),
        ("US", "19.9", "CAD", "CA$19.90"),
        ("DE", "2652", "EUR", "2.652,00\u00a0€"),
        ("AU", "5", "AUD", "$5.00"),
        ("JP", "12000", "JPY", "¥12,000"),
        ("SE", "2652", "SEK", "2\u00a0652,00\u00a0kr"),
        ("AU", "7.5", "SEK", "SEK\u00a07.50"),
        ("GB", "1.5", "KWD", "KWD\u00a01.500"),
        ("GB", "-0.00", "GBP", "£0.00"),
        ("GB", "-5.5", "GBP", "-£5.50"),
        ("GB", "0.125", "GBP", "£0.125"),
        ("ZZ", "1234.5", "GBP", "£1,234.50"),
        ("../x", "1234.5", "XXX", "XXX\u00a01,234.50"),
        ("", "10", "USD", "$10.00"),
        ("CH", "1000", "CHF", "CHF\u00a01'000.00"),
        ("CH", "1234567.5", "CHF", "CHF\u00a01'234'567.50"),
        ("CH", "-2000000000", "EUR", "€-2'000'000'000.00"),
        ("CH", "0.0625", "CHF", "CHF\u00a00.0625"),
        ("AT", "1234567.5", "CHF", "CHF\u00a01.234.567,50"),
        ("NL", "-5", "SEK", "SEK\u00a0-5,00"),
        ("GB", "1" + "0" * 33, "GBP", "£1" + ",000" * 11 + ".00"),
    ],
)
def test_an_amount_is_written_as_in_the_organisations_country(
    country: str, amount: str, currency: str, written: str
) -> None:
    assert format_amount(Decimal(amount), currency, country) == written


def test_no_two_currencies_of_a_country_have_one_sign() -> None:
    found = []
    for name in localedata.locale_identifiers():
        language, _, country = name.partition("_")
        if language == "en" and len(country) == 2:
            locale = Locale.parse(name)
            own = str(get_territory_currencies(country)[-1])
            rivals = [str(each) for each in locale.currency_symbols if each != own]
            sign = get_currency_symbol(own, locale)
            found += [each for each in rivals if get_currency_symbol(each, locale) == sign]
    assert found == []


@pytest.mark.parametrize(
    ("country", "rate", "written"),
    [
        ("GB", "20.00", "20%"),
        ("GB", "6.25", "6.25%"),
        ("US", "8.8750", "8.875%"),
        ("DE", "19", "19\u00a0%"),
        ("GB", "0", "0%"),
    ],
)
def test_a_rate_shows_every_digit(country: str, rate: str, written: str) -> None:
    assert format_rate(Decimal(rate), country) == written


@pytest.mark.parametrize(
    ("country", "this_year", "last_year"),
    [
        ("GB", "8 Mar", "8 Mar 2025"),
        ("US", "Mar 8", "Mar 8, 2025"),
        ("DE", "8 Mar", "8 Mar 2025"),
        ("", "8 Mar", "8 Mar 2025"),
        ("ZZ", "8 Mar", "8 Mar 2025"),
    ],
)
def test_a_day_has_its_year_only_in_another_one(
    country: str, this_year: str, last_year: str
) -> None:
    assert format_day(date(2026, 3, 8), TODAY, country) == this_year
    assert format_day(date(2025, 3, 8), TODAY, country) == last_year


@given(
    amount=st.decimals(min_value=-(10**12), max_value=10**12, places=4),
    currency=st.sampled_from(["GBP", "USD", "EUR", "JPY", "KWD", "SEK", "XAF"]),
    country=st.sampled_from(["GB", "US", "DE", "CH", "FR", "IN", "AU", ""]),
)
def test_no_digit_of_an_amount_is_lost(amount: Decimal, currency: str, country: str) -> None:
    written = format_amount(amount, currency, country)
    figures = "".join(char for char in written if char.isdigit())
    exact = format(abs(amount).normalize(), "f").replace(".", "").lstrip("0")
    assert exact.rstrip("0") in figures
    assert ("-" in written) == (amount < 0)


@pytest.mark.parametrize(
    ("country", "name"), [("GB", "United Kingdom"), ("nz", "New Zealand"), ("", ""), ("Q1", "Q1")]
)
def test_a_country_is_named(country: str, name: str) -> None:
    assert country_name(country) == name


@pytest.mark.parametrize(
    ("number", "country", "written"),
    [
        ("3.00", "GB", "3"),
        ("1250.5", "GB", "1,250.5"),
        ("1250.5", "DE", "1.250,5"),
        ("1234567", "IN", "12,34,567"),
        ("1234567.25", "CH", "1'234'567.25"),
        ("0.000125", "", "0.000125"),
    ],
)
def test_a_number_has_every_digit_and_the_country_s_marks(
    number: str, country: str, written: str
) -> None:
    assert format_number(Decimal(number), country) == written
