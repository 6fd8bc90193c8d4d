"""Comparing one invoice on both sides, field by field: pure, nothing is called here.

What somebody decided, or a setting says, is told as decided: a number that was left out, a date
that was moved, a difference that was accepted, a payment that was deleted in Paymo, credits that
are only told. Draft against sent is no difference, and void is the same as void or deleted.
"""

from collections.abc import Iterator
from datetime import date

from services import money
from services.model.invoice import InvoiceState
from services.reconcile import paying
from services.reconcile.pairs import Pair
from services.reconcile.shapes import Finding

VOID = "void"
_PAID = "paid"


def findings_of(pair: Pair) -> tuple[Finding, ...]:
    """Return everything that is not the same on both sides."""
    is_void = pair.paymo.status == VOID
    if is_void and pair.is_dead_in_xero:
        return ()
    if is_void or pair.is_dead_in_xero:
        return (_ended(pair),)
    found = [*_number(pair), *_contact(pair), *_currency(pair), *_dates(pair), *_total(pair)]
    paid = paying.findings_of(pair)
    return (*found, *paid, *(() if paid else _status(pair)))


def _ended(pair: Pair) -> Finding:
    notes = {
        InvoiceState.KEPT: "Somebody decided that Paymo keeps it.",
        InvoiceState.ASKED: "It waits for a person's decision.",
        InvoiceState.HELD: "Too many were deleted or voided at once, so it waits for a decision.",
        InvoiceState.UNDOING: "The export is being taken back.",
        InvoiceState.UNDONE: "The export was taken back.",
        InvoiceState.DELETE_SEEN: "The next look at Xero follows it.",
        InvoiceState.VOID_SEEN: "The next look at Xero follows it.",
    }
    invoice_state = pair.export.invoice_state
    return Finding(
        "status",
        pair.paymo.status,
        pair.xero.status,
        notes.get(invoice_state, ""),
        is_decided=invoice_state in {InvoiceState.KEPT, InvoiceState.UNDOING},
    )


def _number(pair: Pair) -> Iterator[Finding]:
    export, stated = pair.export, pair.xero.invoice_number
    if money.folded(stated) == money.folded(pair.paymo.number):
        return
    left_out = export.leave_out_number or not money.fits_number(pair.paymo.number)
    is_expected = left_out and stated == export.xero_number
    note = ""
    if is_expected:
        why = "it is too long" if not money.fits_number(pair.paymo.number) else "as asked for"
        note = f"The number was left out, {why}."
    yield Finding("number", pair.paymo.number, stated, note, is_decided=is_expected)


def _contact(pair: Pair) -> Iterator[Finding]:
    export, contact = pair.export, pair.xero.contact
    if export.client_id is not None and export.client_id != pair.paymo.client_id:
        note = f"It was exported for {export.client_name}; Paymo names another client now."
        yield Finding("contact", pair.client, contact.name, note)
    elif contact.contact_id not in {export.contact_id, *pair.contacts}:
        note = (
            "The contact that it was exported to was archived or merged." if pair.has_left else ""
        )
        expected = export.contact_name or pair.client
        yield Finding("contact", expected, contact.name, note, is_decided=pair.has_left)


def _currency(pair: Pair) -> Iterator[Finding]:
    if _code(pair.paymo.currency) != pair.xero.currency_code:
        yield Finding("currency", pair.paymo.currency, pair.xero.currency_code)


def _code(paymo_code: str) -> str:
    try:
        return money.currency_code(paymo_code)
    except money.NotExportable:
        return paymo_code


def _dates(pair: Pair) -> Iterator[Finding]:
    export, sent = pair.export, pair.export.sent or {}
    has_chosen = {"date": export.issue_on is not None}
    has_chosen["due date"] = bool(export.due_rule) or has_chosen["date"]
    for name, key, mine, theirs in (
        ("date", "Date", pair.paymo.issued_on, pair.xero.issued_on),
        ("due date", "DueDate", pair.paymo.due_on, pair.xero.due_on),
    ):
        if mine is None or theirs is None or mine == theirs:
            continue
        is_chosen = has_chosen[name] and sent.get(key) == _day(theirs)
        note = "It was chosen for the export." if is_chosen else ""
        yield Finding(name, _day(mine), _day(theirs), note, is_decided=is_chosen)


def _day(when: date) -> str:
    return when.isoformat()


def _total(pair: Pair) -> Iterator[Finding]:
    difference = pair.xero.total - pair.paymo.total
    if not difference:
        return
    rounded = pair.xero.rounding_amount
    is_accepted = difference == (pair.export.accepted_difference or 0) + rounded
    note = "Somebody accepted this difference." if is_accepted else ""
    if is_accepted and rounded:
        note = f"Xero rounds the invoice by {pair.amount(rounded)}."
    in_paymo, in_xero = pair.amount(pair.paymo.total), pair.amount(pair.xero.total)
    yield Finding("total", in_paymo, in_xero, note, is_decided=is_accepted)


def _status(pair: Pair) -> Iterator[Finding]:
    """Compare whether it is paid; where the payments differ, that says it already."""
    is_paid = (pair.paymo.status == _PAID, pair.xero.status == "PAID")
    if is_paid[0] == is_paid[1] or not pair.paymo.total:
        return
    is_decided = pair.export.accepted_difference is not None or bool(pair.xero.rounding_amount)
    note = "" if pair.paymo.payments else "No payment stands in Paymo."
    if is_decided:
        note = "It follows from that difference."
    yield Finding("status", pair.paymo.status, pair.xero.status, note, is_decided=is_decided)
