"""How money, percentages and days are written for the people of an organisation, in English.

Babel's data for the organisation's country decide, and plain English where it has none for it.
"""

from datetime import date
from decimal import Decimal, localcontext
from functools import lru_cache

from babel import Locale, dates, localedata, numbers

from services.money.figures import decimals_in, decimals_of

_ENGLISH = "en"
_NBSP = "\u00a0"
_NO_SIGN = "¤"
_EVERY_DIGIT = 120
_DAY_MONTH_YEAR = "en_001"  # plain English puts the month first, as only the United States do


def format_amount(value: Decimal, currency: str, country: str = "") -> str:
    """Write an amount with its sign, as "£2,652.00" or "2.652,00 €"; no decimal is hidden.

    `country` is the organisation's, by ISO 3166, or "" where nobody knows it. Babel gives no two
    currencies of one country the same sign, so no code is needed beside it.
    """
    locale = _locale(country)
    least = max(decimals_of(currency), decimals_in(value))
    with localcontext(prec=_EVERY_DIGIT):
        shown = numbers.format_currency(
            value or Decimal(0),  # "-0" is nothing
            currency,
            _pattern(locale, least),
            locale=locale,
            currency_digits=False,
            decimal_quantization=False,
        )
    sign = numbers.get_currency_symbol(currency, locale)
    if sign not in {currency, _NO_SIGN}:
        return shown
    blank = _NBSP if shown[-1].isdigit() else ""  # Babel puts none between letters and figures
    return shown.replace(sign, f"{currency}{blank}")


def format_rate(rate: Decimal, country: str = "") -> str:
    """Write a rate in per cent, as "20%" or "6.25%", every digit of it."""
    written: str = numbers.format_percent(
        (rate / 100).normalize(), locale=_locale(country), decimal_quantization=False
    )
    return written


def format_day(on: date, today: date, country: str = "") -> str:
    """Write a day as "28 Nov 2026", without the year where it is `today`'s."""
    locale = _locale(country)
    if locale.territory is None and country != "US":
        locale = Locale.parse(_DAY_MONTH_YEAR)
    skeleton = "MMMd" if on.year == today.year else "yMMMd"
    written: str = dates.format_skeleton(skeleton, on, locale=locale)
    return written


def country_name(country: str) -> str:
    """Name a country in English, as "United Kingdom"; a code that nobody knows stays as it is."""
    return str(Locale.parse(_ENGLISH).territories.get(country.upper(), country))


@lru_cache(maxsize=300)
def _locale(country: str) -> Locale:
    name = f"{_ENGLISH}_{country.upper()}"
    return Locale.parse(name if country.isalpha() and localedata.exists(name) else _ENGLISH)


@lru_cache(maxsize=300)
def _pattern(locale: Locale, least: int) -> numbers.NumberPattern:
    """Return the locale's pattern with at least so many decimals."""
    pattern = numbers.parse_pattern(locale.currency_formats["standard"].pattern)
    pattern.frac_prec = (least, least)
    return pattern
