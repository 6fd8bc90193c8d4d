"""The facts that notices of an invoice carry, and the card that shows it for life."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from services.model.export import ExportState
from services.model.invoice import InvoiceState, Links
from services.model.payment import PaymentState
from services.store.tables import Connection, Export, Payment

# A payment counts as soon as it is known and until it is known to be gone.
_ENDED = {
    InvoiceState.DELETED: "deleted",
    InvoiceState.VOIDED: "voided",
    InvoiceState.UNDONE: "undone",
}
_DRAFTS = frozenset({"DRAFT", "SUBMITTED"})  # nobody approved it in Xero yet
COUNTED = (PaymentState.RECORDED, PaymentState.CHECKING)


def amount_text(amount: Decimal | None) -> str:
    """Write an amount for JSON, every digit kept."""
    return "" if amount is None else format(amount, "f")


def common_facts(export: Export, connection: Connection, links: Links) -> dict[str, Any]:
    """What every notice of an invoice says."""
    return {
        "connection_id": connection.id,
        "organisation": connection.organisation_name,
        "company": connection.paymo_company_name,
        "export_id": export.id,
        "number": export.number,
        "client": export.client_name,
        "total": amount_text(export.total),
        "currency": export.currency,
        **_urls(export, connection, links),
    }


def _urls(export: Export, connection: Connection, links: Links) -> dict[str, str]:
    """Return where the invoice is to be seen; "" on a side where it was deleted."""
    is_in_xero = export.xero_seen_status != "DELETED"
    is_in_paymo = export.invoice_state not in {InvoiceState.DELETED, InvoiceState.GONE}
    return {
        "xero_url": links.xero(connection.short_code, export.xero_invoice_id) if is_in_xero else "",
        "paymo_url": links.paymo(export.paymo_invoice_id) if is_in_paymo else "",
    }


def order_of(export: Export, connection: Connection) -> dict[str, Any]:
    """Say on whose order the app exported by itself; nothing where a person pressed."""
    return {} if export.requested_by else {"on_order_of": connection.owner_id}


def paid_of(rows: Sequence[Payment]) -> Decimal:
    """Return what Paymo holds of these payments."""
    return sum(
        (row.recorded_amount or row.amount for row in rows if row.state in COUNTED), Decimal(0)
    )


def card_facts(
    export: Export, connection: Connection, links: Links, rows: Sequence[Payment]
) -> dict[str, Any]:
    """What an invoice's card shows now."""
    paid = paid_of(rows)
    left = (export.total or Decimal(0)) - paid
    return common_facts(export, connection, links) | {
        "xero_number": export.xero_number,
        "xero_status": export.xero_status,
        "by": export.requested_by,
        **order_of(export, connection),
        "number_left_out": export.xero_number != export.number,
        "state": _state(export, paid, left),
        "xero_total": amount_text(export.xero_total),
        "paid": amount_text(paid),
        "left": amount_text(left),
        "edited_in": _edited_in(export),
    }


def _edited_in(export: Export) -> list[str]:
    """Return the sides on which a live invoice was edited, and differs, since its export."""
    if export.invoice_state is not InvoiceState.LIVE:
        return []
    return [each.partition(":")[0] for each in export.drift.split()]


def _state(export: Export, paid: Decimal, left: Decimal) -> str:
    if export.invoice_state in _ENDED:
        return _ENDED[export.invoice_state]
    if export.state is ExportState.DIFFERENT:
        return "different"
    if left <= 0:
        return "paid"
    if paid:
        return "part_paid"
    return "draft" if export.xero_seen_status in _DRAFTS else "open"
