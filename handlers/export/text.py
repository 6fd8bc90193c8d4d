"""What is said of an export: how it ended, and what stands in its form."""

from decimal import Decimal

from handlers.blocks import escape, one_line, render, shorten
from services import money
from services.export.recording import ExportResult
from services.model.export import Colour, ExportState
from services.model.invoice import InvoiceLine, InvoicePicture

RESPONSIBILITY = (
    "All items of the invoice go to this account. Which account types fit is your responsibility; "
    "the tax comes from the account, and must equal the invoice’s tax in Paymo."
)

_MOST_LINES = 60
_LONGEST_DESCRIPTION = 200
CHECK_SIGNS = {
    Colour.GREEN: "✅ OK:",
    Colour.AMBER: "⚠️ Note:",
    Colour.RED: "⛔ Stops the export:",
}


def result_text(result: ExportResult) -> str:
    """Say in one or two sentences what came of it; safe for a message's `text`."""
    number, organisation = one_line(result.number), one_line(result.organisation)
    reason = render(result.reason)
    if result.state is ExportState.EXPORTED:
        said = f" {reason}" if reason else ""
        known = f" ID in Xero: {one_line(result.xero_invoice_id)}"
        return (
            f"✅ Invoice {number} was exported to {organisation}.{_left_out(result)}{said}{known}"
        )
    if result.state is ExportState.DIFFERENT:
        mine, theirs = amount_of(result.total, result), amount_of(result.xero_total, result)
        return (
            f"⚠️ Invoice {number} was exported to {organisation} with a difference: Paymo states "
            f"{mine}, Xero states {theirs}. {reason}"
        ).strip()
    if result.state is ExportState.FAILED:
        return f"⛔ Invoice {number} was not exported to {organisation}. {reason}".strip()
    if result.state is ExportState.UNKNOWN:
        return (
            f"⏳ It is not known yet whether Xero took invoice {number}. It is being looked up, "
            f"and nothing is sent twice. {reason}"
        ).strip()
    return f"⏳ Invoice {number} is on its way to {organisation}. {reason}".strip()


def _left_out(result: ExportResult) -> str:
    if not result.is_number_left_out:
        return ""
    if money.fits_number(result.number):
        return f" It went without its number; in Xero it is {one_line(result.xero_number)}."
    return (
        f" Its number has more than {money.LONGEST_NUMBER} characters and was left out; in Xero it "
        f"is {one_line(result.xero_number)}, with the full number in the reference."
    )


def amount_of(amount: Decimal | None, result: ExportResult) -> str:
    """Write an amount of the invoice's currency, or a dash where there is none."""
    if amount is None:
        return "–"
    return escape(money.format_amount(amount, result.currency, result.country))


SET_UP_TAX = "To set up a tax in Xero: Accounting → Advanced → Tax rates → New tax rate."
APPLY_TAX = (
    "To apply it: Accounting → Advanced → Chart of accounts → select the account → Edit details → "
    "Tax → select the applicable tax."
)


def status_name(xero_status: str) -> str:
    """Write Xero's status the way Xero's own pages do."""
    return "Draft" if xero_status == "DRAFT" else "Approved"


def picture_lines(picture: InvoicePicture) -> list[str]:
    """Write a line for each of the invoice's lines."""
    drawn = [_line(line, picture) for line in picture.lines[:_MOST_LINES]]
    if more := len(picture.lines) - _MOST_LINES:
        drawn += [f"… and {more} more lines, all of which go to Xero."] if more > 0 else []
    return ["*Lines*", *drawn]


def amount_in(picture: InvoicePicture, amount: Decimal) -> str:
    """Write an amount of this invoice."""
    return money.format_amount(amount, picture.currency, picture.country)


def _line(line: InvoiceLine, picture: InvoicePicture) -> str:
    words = one_line(shorten(" ".join(line.description.split()), _LONGEST_DESCRIPTION))
    amount, tax = (amount_in(picture, each) for each in (line.amount, line.tax))
    return f"• {words}: {_exact(line.quantity)} × {_exact(line.unit_amount)} = {amount}, tax {tax}"


def _exact(number: Decimal) -> str:
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
