"""Comparing what Xero states of an invoice with what is recorded, and noting what is to be done.

Nothing is called here: rows are written, and the steps that follow read them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from services.clients.xero import XeroInvoice, applied_credits
from services.lifecycle import invoice as lifecycle
from services.lifecycle import payment
from services.model import days
from services.model.invoice import InvoiceState
from services.model.payment import PaymentKind, PaymentState, Settlement
from services.store import exports, notices, payments
from services.store.engine import Session
from services.store.tables import Connection, Export, Payment

_SEEN = {
    lifecycle.DELETED: lifecycle.mark_deletion_seen,
    lifecycle.VOIDED: lifecycle.mark_voiding_seen,
}
_NAMES = {
    PaymentKind.CREDIT_NOTE: "Credit note",
    PaymentKind.OVERPAYMENT: "Overpayment",
    PaymentKind.PREPAYMENT: "Prepayment",
}
_IN_PAYMO = (PaymentState.ADDING, PaymentState.RECORDED)


def settlements_of(invoice: XeroInvoice, today: date) -> Sequence[Settlement]:
    """Return everything that settles a part of this invoice."""
    paid = [
        Settlement(
            each.payment_id, PaymentKind.PAYMENT, each.reference, each.amount, each.paid_on or today
        )
        for each in invoice.payments
    ]
    paid += [
        Settlement(
            key=f"{each.id}:{invoice.invoice_id}",
            kind=each.kind,
            label=f"{_NAMES[each.kind]} {each.number}".strip(),
            amount=each.amount,
            paid_on=each.applied_on or today,
        )
        for each in applied_credits(invoice)
    ]
    return [each for each in paid if each.amount > 0]


async def observe(
    session: Session, connection: Connection, invoices: Iterable[XeroInvoice], now: datetime
) -> None:
    """Note what changed on these invoices; those that were never exported are left alone."""
    stated = {each.invoice_id: each for each in invoices}
    known = await exports.list_by_xero_ids(session, connection, list(stated))
    rows: dict[int, list[Payment]] = {}
    today = days.day_in(connection.time_zone, now)
    for row in await payments.hold(session, [each.id for each in known.values()]):
        rows.setdefault(row.export_id, []).append(row)
    for xero_id, export in known.items():
        invoice = stated[xero_id]
        if export.xero_seen_status != invoice.status:
            export.xero_seen_status = invoice.status
            await notices.outdate_cards(session, export.id, now)
        export.xero_due = invoice.amount_due
        export.xero_rounding = invoice.rounding_amount or None
        if export.invoice_state is InvoiceState.LIVE and invoice.status in _SEEN:
            await _SEEN[invoice.status](session, export)
        found = {each.key: each for each in settlements_of(invoice, today)}
        if export.invoice_state in exports.FOLLOWED:
            for row in rows.get(export.id, []):
                await _compare(session, row, found.get(row.xero_payment_id), now)
        # Of one that is gone from Paymo, that its client paid is told all the same.
        if export.invoice_state in {*exports.FOLLOWED, InvoiceState.GONE}:
            await _add_new(session, export, found, rows.get(export.id, []), now)


async def _compare(
    session: Session, row: Payment, listed: Settlement | None, now: datetime
) -> None:
    if listed is None:
        if row.state in payment.STANDING:
            await payment.check(session, row, now)
        return
    is_changed = row.state in _IN_PAYMO and row.amount != listed.amount
    if row.state is not PaymentState.REMOVED and not is_changed:
        return
    # Only a credit can come back, or be applied to another amount, under its old id.
    is_recorded = row.state is PaymentState.RECORDED or row.sent_at is not None
    change = payment.replace if is_recorded else payment.restart
    await change(session, row, listed, now)


async def _add_new(
    session: Session,
    export: Export,
    found: Mapping[str, Settlement],
    rows: Sequence[Payment],
    now: datetime,
) -> None:
    known = {row.xero_payment_id for row in rows}
    gone = [row for row in rows if row.xero_payment_id not in found and _is_wanted_gone(row)]
    for key, settlement in found.items():
        if key not in known:
            replaced = _replaced_by(settlement, gone)
            if replaced is not None:
                gone.remove(replaced)
            await payments.add(session, payment.begin(export, settlement, replaced, now))


def _is_wanted_gone(row: Payment) -> bool:
    return row.kind is PaymentKind.PAYMENT and row.state is PaymentState.CHECKING


def _replaced_by(settlement: Settlement, gone: Sequence[Payment]) -> Payment | None:
    """Return the payment that this one is an edit of: Xero edits by deleting and adding."""
    if settlement.kind is not PaymentKind.PAYMENT or len(gone) != 1:
        return None
    return gone[0]
