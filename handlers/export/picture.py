"""An invoice drawn as Xero will show it, with what was checked and what was found."""

from collections.abc import Iterable
from decimal import Decimal

from handlers import blocks, names
from handlers.blocks import Block, day, one_line, render_line, shorten
from handlers.export.text import APPLY_TAX, SET_UP_TAX, status_name
from services import money
from services.model.export import Check, Colour
from services.model.invoice import InvoiceLine, InvoicePicture

_MOST_LINES = 60
_LONGEST_DESCRIPTION = 200
_SIGNS = {
    Colour.GREEN: "✅ OK:",
    Colour.AMBER: "⚠️ Note:",
    Colour.RED: "⛔ Stops the export:",
}
_TAX_CHECKS = frozenset({"tax", "untaxed"})


def picture_blocks(picture: InvoicePicture, xero_status: str) -> list[Block]:
    """Draw an invoice: its head, its lines with the tax of each, and its totals."""
    currency = picture.currency
    left_out = "" if money.fits_number(picture.number) else " (left out, Xero gives its own)"
    head = blocks.columns(
        [
            ("Number", one_line(picture.number) + left_out),
            ("Contact", one_line(picture.contact_name)),
            ("Account", one_line(picture.account_name)),
            ("Status in Xero", status_name(xero_status)),
            ("Date", day(picture.issued_on)),
            ("Due", day(picture.due_on) if picture.due_on else "no due date"),
        ]
    )
    totals = blocks.columns(
        [
            ("Subtotal", money.format_amount(picture.sub_total, currency)),
            ("Tax", money.format_amount(picture.tax_total, currency)),
            ("Total", f"*{money.format_amount(picture.total, currency)}*"),
        ]
    )
    return [head, *blocks.paragraphs(_lines(picture)), totals]


def check_blocks(checks: Iterable[Check]) -> list[Block]:
    """Write one line for each check, what stops the export first; and the cure for a wrong tax."""
    worst_first = sorted(checks, key=lambda check: list(reversed(Colour)).index(check.colour))
    drawn = blocks.paragraphs(
        f"{_SIGNS[each.colour]} {render_line(each.text)}" for each in worst_first
    )
    if any(each.name in _TAX_CHECKS and each.colour is Colour.RED for each in worst_first):
        drawn.append(blocks.context(SET_UP_TAX, APPLY_TAX))
    return drawn


def wants_recheck(checks: Iterable[Check]) -> bool:
    """Say whether something was found that a person may put right elsewhere and look again."""
    return any(each.colour is not Colour.GREEN for each in checks)


def recheck_button(draft_id: int) -> Block:
    """Return the button that reads Xero and Paymo again."""
    return blocks.button("Check Again", names.RECHECK, draft_id)


def _lines(picture: InvoicePicture) -> list[str]:
    drawn = [_line(line, picture.currency) for line in picture.lines[:_MOST_LINES]]
    if more := len(picture.lines) - _MOST_LINES:
        drawn += [f"… and {more} more lines, all of which go to Xero."] if more > 0 else []
    return ["*Lines*", *drawn]


def _line(line: InvoiceLine, currency: str) -> str:
    words = one_line(shorten(" ".join(line.description.split()), _LONGEST_DESCRIPTION))
    amount = money.format_amount(line.amount, currency)
    tax = money.format_amount(line.tax, currency)
    return f"• {words}: {_exact(line.quantity)} × {_exact(line.unit_amount)} = {amount}, tax {tax}"


def _exact(number: Decimal) -> str:
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
