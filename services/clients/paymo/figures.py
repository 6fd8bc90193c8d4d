"""From Paymo's invoice to the figures that money reckons with."""

from decimal import Decimal

from services import money
from services.clients.paymo import Invoice
from services.money import PaymoFigures, PaymoLine

_NOTHING = Decimal(0)


def figures_of(invoice: Invoice) -> PaymoFigures:
    """Return what the arithmetic needs, the currency by its ISO code."""
    return PaymoFigures(
        currency=invoice.currency,
        lines=tuple(
            PaymoLine(
                description=money.line_text(each.item or "", each.description or ""),
                quantity=each.quantity,
                unit_price=each.price_unit,
                is_taxed=each.apply_tax,
            )
            for each in invoice.in_order
        ),
        subtotal=invoice.subtotal,
        discount_amount=invoice.discount_amount or _NOTHING,
        tax_amount=invoice.tax_amount or _NOTHING,
        tax2_amount=invoice.tax2_amount or _NOTHING,
        total=invoice.total,
        tax=invoice.tax or _NOTHING,
        tax2=invoice.tax2 or _NOTHING,
        tax_on_tax=invoice.tax_on_tax,
        discount=invoice.discount or _NOTHING,
    )


def invoice_rate(invoice: Invoice) -> Decimal:
    """Return what a taxed line pays in all, in per cent."""
    return money.effective_rate(
        invoice.tax or _NOTHING, invoice.tax2 or _NOTHING, tax_on_tax=invoice.tax_on_tax
    )
