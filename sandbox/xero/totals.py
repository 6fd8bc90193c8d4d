"""Xero's arithmetic: every line is rounded to cents, then summed."""

from decimal import ROUND_HALF_UP, Decimal

from sandbox.xero.model import HUNDRED, ZERO, Invoice, Line
from sandbox.xero.wire import Invalid

CENT = Decimal("0.01")


def cents(amount: Decimal) -> Decimal:
    """Round to two places, half a cent away from zero."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def places(amount: Decimal, unit_places: int) -> Decimal:
    """Round a unit amount to the places that were opted into."""
    return amount.quantize(Decimal(1).scaleb(-unit_places), ROUND_HALF_UP)


def fill_line(line: Line, stated: Decimal | None) -> None:
    """Work out the line's amount, or the missing factor of a stated one."""
    if stated is not None and (line.quantity is None or line.unit_amount is None):
        _fill_missing(line, stated)
        return
    if line.is_text:
        return
    line.quantity = Decimal(1) if line.quantity is None else line.quantity
    line.unit_amount = ZERO if line.unit_amount is None else line.unit_amount
    check_line(line, line.quantity * line.unit_amount)
    line.line_amount = _expected(line, line.quantity * line.unit_amount)
    if stated is not None and cents(stated) != line.line_amount:
        raise Invalid(
            f"The line total {cents(stated)} does not match "
            f"the expected line total {line.line_amount}"
        )


def check_line(line: Line, gross: Decimal) -> None:
    """Refuse a quantity or a discount that Xero takes on no line.

    Even a discount amount of zero is refused on a line below zero. That a price needs a quantity
    is known from those who met it; the words for that one are ours.
    """
    quantity, discount = line.quantity or ZERO, line.discount_amount
    if quantity < ZERO:
        raise Invalid(
            f"The quantity value '{places(quantity, 4)}' is invalid. "
            "Quantity must not be less than zero."
        )
    if not quantity and line.unit_amount:
        raise Invalid(
            f"The quantity value '{places(quantity, 4)}' is invalid. "
            "Quantity must be greater than zero where there is a unit amount."
        )
    if discount is not None and not ZERO <= discount <= cents(gross):
        raise Invalid(
            f"The discount rate '{cents(discount)}' is invalid. "
            "Discount must not be greater than the line total."
        )


def _fill_missing(line: Line, stated: Decimal) -> None:
    line.line_amount = cents(stated)
    gross = stated + (line.discount_amount or ZERO)
    if line.discount_rate is not None and line.discount_rate != HUNDRED:
        gross = stated * HUNDRED / (HUNDRED - line.discount_rate)
    if line.unit_amount is None:
        line.quantity = Decimal(1) if line.quantity is None else line.quantity
        line.unit_amount = places(gross / line.quantity if line.quantity else ZERO, 4)
    else:
        line.quantity = places(gross / line.unit_amount if line.unit_amount else ZERO, 4)


def _expected(line: Line, gross: Decimal) -> Decimal:
    if line.discount_rate is not None:
        return cents(gross * (HUNDRED - line.discount_rate) / HUNDRED)
    return cents(gross) - cents(line.discount_amount or ZERO)


def tax_of(line: Line, rate: Decimal, tax_mode: str) -> Decimal:
    """The tax on or in a line's amount."""
    if line.is_text or tax_mode == "NoTax":
        return ZERO
    base = HUNDRED + rate if tax_mode == "Inclusive" else HUNDRED
    return cents(line.line_amount * rate / base)


def sum_up(invoice: Invoice) -> None:
    """Put the sums of the lines on the invoice."""
    amounts = sum((line.line_amount for line in invoice.lines), ZERO)
    invoice.total_tax = cents(sum((line.tax_amount for line in invoice.lines), ZERO))
    held = invoice.total_tax if invoice.tax_mode == "Inclusive" else ZERO
    invoice.sub_total = cents(amounts - held)
