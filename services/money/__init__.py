"""Money from Paymo's figures to Xero's lines: pure arithmetic, Decimal in and Decimal out."""

from services.money.adding import (
    LineSum,
    check_adds_up,
    check_exportable,
    expected_totals,
    line_amounts,
)
from services.money.currencies import currency_code, decimals_of, format_amount
from services.money.figures import DoesNotAddUp, NotExportable, PaymoFigures, PaymoLine, XeroLine
from services.money.lines import lines_without_description, xero_lines
from services.money.numbers import LONGEST_NUMBER, fits_number, folded, is_plain, kept, reference
from services.money.rates import effective_rate, percent, rates_agree, tax_components_rate
from services.money.shares import decimals_in, largest_remainder
from services.money.text import line_text, plain_text, within_limit

__all__ = [
    "LONGEST_NUMBER",
    "DoesNotAddUp",
    "LineSum",
    "NotExportable",
    "PaymoFigures",
    "PaymoLine",
    "XeroLine",
    "check_adds_up",
    "check_exportable",
    "currency_code",
    "decimals_in",
    "decimals_of",
    "effective_rate",
    "expected_totals",
    "fits_number",
    "folded",
    "format_amount",
    "is_plain",
    "kept",
    "largest_remainder",
    "line_amounts",
    "line_text",
    "lines_without_description",
    "percent",
    "plain_text",
    "rates_agree",
    "reference",
    "tax_components_rate",
    "within_limit",
    "xero_lines",
]
