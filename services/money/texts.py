"""Numbers and descriptions as Xero stores them; money and days as people write them.

Babel's data for the organisation's country decide how people write, and plain English where it has
none for it.
"""

import html
import re
import unicodedata
from datetime import date
from decimal import Decimal, localcontext
from functools import lru_cache

from babel import Locale, dates, localedata, numbers

from services.model import wording
from services.money.figures import decimals_in, decimals_of

LONGEST_NUMBER = 22
_LONGEST_REFERENCE = 255
_BASIC = 0xFFFF  # what lies beyond may get lost on the way
_CONTROLS = dict.fromkeys([*range(0x20), 0x7F], " ")  # those of ASCII
_UNKEPT = frozenset({"So", "Me", "Cn", "Co", "Cs"})
_PICTURED = re.compile(r"[\u00ad\u200b\u200d-\u200f\u2060\ufe00-\ufe0f\ufeff\U0001f3fb-\U0001f3ff]")
# Printable ASCII with single blanks inside, and nothing that a filter takes for its own.
_PLAIN = re.compile(r"""(?:(?![,"'\\])[!-~])+(?: (?:(?![,"'\\])[!-~])+)*""")
LONGEST_DESCRIPTION = 4000
_HIDDEN = re.compile(r"<!--.*?-->|<(script|style)\b[^<>]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_BREAK = re.compile(r"<br\b[^<>]*>|</(?:p|div|li|tr|h[1-6]|ul|ol|table)\s*>", re.IGNORECASE)
# Only tags that exist are taken out, so that "a < b" and "Vec<int>" stay as they were typed.
_TAG = re.compile(
    r"</?(?:a|abbr|b|big|blockquote|body|center|cite|code|del|div|dd|dl|dt|em|font|h[1-6]|head|hr"
    r"|html|i|img|ins|label|li|mark|ol|p|pre|s|script|section|small|span|strike|strong|style|sub"
    r"|sup|table|tbody|td|tfoot|th|thead|tr|tt|u|ul)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_SPACE_AT_END = re.compile(r"[ \t\u00a0]+$", re.MULTILINE)
_GAP = re.compile(r"\n{3,}")


_ENGLISH = "en"
_NBSP = "\u00a0"
_NO_SIGN = "¤"
_APOSTROPHE = "'"  # as the Swiss write thousands
_FIGURES = re.compile(r"[0-9]+")
_EVERY_DIGIT = 120
_DAY_MONTH_YEAR = "en_001"  # plain English puts the month first, as only the United States do


def fits_number(number: str) -> bool:
    """Say whether the number goes to Xero, counted in characters and not in bytes."""
    return len(number) <= LONGEST_NUMBER


def reference(number: str) -> str:
    """What Xero's Reference holds where the number is left out: the full number."""
    return number[:_LONGEST_REFERENCE].strip()


def is_plain(text: str) -> bool:
    """Say whether Xero keeps the text as it is, so that its filters find it."""
    return _PLAIN.fullmatch(text) is not None


def kept(text: str) -> str:
    """A short text as Xero keeps it: without emoji and invisible marks, blanks folded."""
    if text.isascii():
        return " ".join((text if text.isprintable() else text.translate(_CONTROLS)).split())
    seen = (
        " " if unicodedata.category(char) == "Cc" else char
        for char in _PICTURED.sub("", unicodedata.normalize("NFC", text))
        if unicodedata.category(char) not in _UNKEPT
    )
    return " ".join("".join(seen).split())


def folded(text: str) -> str:
    """The text for comparing what was sent with what Xero made of it, in any case."""
    if text.isascii():
        return kept(text).casefold()
    basic = "".join(char for char in kept(text) if ord(char) <= _BASIC)
    return " ".join(basic.split()).casefold()


def plain_text(text: str) -> str:
    """The text without HTML, with plain line ends and no blank edges."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _TAG.sub("", _BREAK.sub("\n", _HIDDEN.sub("", text)))
    text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text).replace("\u00a0", " ")
    text = _SPACE_AT_END.sub("", wording.clean(text))
    return _GAP.sub("\n\n", text).strip()


def line_text(title: str, description: str) -> str:
    """Join a Paymo item's title and its description, which often repeat each other."""
    title, description = plain_text(title), plain_text(description)
    if description.startswith(title):
        return description
    return f"{title}\n{description}".strip()


def within_limit(text: str, closing: str = "") -> str:
    """Cut the text so that it, and the closing words on a line of their own, fit in Xero."""
    room = LONGEST_DESCRIPTION - (len(closing) + 1 if closing else 0)
    if len(text) > room:
        text = text[: room - 1].rstrip() + "…"
    return f"{text}\n{closing}".strip()


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
    if sign in {currency, _NO_SIGN}:
        before, _, after = shown.partition(sign)
        # Babel puts no blank between letters and figures, unless the country's pattern has one.
        blank = _NBSP if after[:1].strip() else ""
        shown = f"{before}{currency}{blank}{after}"
    return _grouped(shown, locale)


def _grouped(written: str, locale: Locale) -> str:
    """Put apostrophes between thousands anew: Babel takes two for quotes, and drops them."""
    if numbers.get_group_symbol(locale) != _APOSTROPHE:
        return written
    return _FIGURES.sub(
        lambda found: f"{int(found[0]):,}".replace(",", _APOSTROPHE),
        written.replace(_APOSTROPHE, ""),
        count=1,
    )


def format_number(value: Decimal, country: str = "") -> str:
    """Write a number that is no amount of a currency, as "1,250.5", every digit of it."""
    with localcontext(prec=_EVERY_DIGIT):
        written: str = numbers.format_decimal(
            value.normalize(), locale=_locale(country), decimal_quantization=False
        )
    return _grouped(written, _locale(country))


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
