"""How the two sides of an invoice differ now, and why, as far as we know.

A difference that somebody chose, or that a setting causes, counts as decided: a number left out, a
date moved, a difference accepted, a payment deleted in Paymo, credits that only notify. Draft and
sent don't differ; void equals void or deleted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from services import money
from services.clients.paymo import Invoice
from services.clients.xero import XeroInvoice, applied_credits
from services.compare.snapshots import Part, as_sent, code_of, in_xero, stated_in_paymo
from services.model.invoice import InvoiceState, PaymentKind, PaymentState, status_name
from services.model.wording import Amount, situated
from services.store.tables import Export, Payment

DEAD = frozenset({"VOIDED", "DELETED"})
_VOID = "void"
_PAID = "paid"
_WHY_ENDED = {
    InvoiceState.KEPT: "Somebody decided to keep it in Paymo.",
    InvoiceState.ASKED: "Somebody needs to decide.",
    InvoiceState.HELD: "Many were deleted or voided at once, so somebody needs to decide.",
    InvoiceState.UNDOING: "Somebody is undoing the export.",
    InvoiceState.UNDONE: "Somebody undid the export.",
    InvoiceState.DELETE_SEEN: "Paymo follows with the next sync.",
    InvoiceState.VOID_SEEN: "Paymo follows with the next sync.",
}


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One thing that is not the same on both sides; `note` says why, where that is known."""

    name: str  # "number", "contact", "currency", "date", "due date", "total", "paid", "status"
    in_paymo: str = ""
    in_xero: str = ""
    note: str = ""
    is_decided: bool = False

    def situated(self, country: str) -> "Mismatch":
        """Return the same for people of this country."""
        return replace(
            self,
            in_paymo=situated(self.in_paymo, country),
            in_xero=situated(self.in_xero, country),
            note=situated(self.note, country),
        )


@dataclass(frozen=True, slots=True)
class BothSides:
    """An export, and what both systems state of its invoice now."""

    export: Export
    paymo: Invoice
    xero: XeroInvoice
    payments: Sequence[Payment]
    client: str
    contacts: frozenset[str]  # those that the client is matched with
    has_left: bool  # the contact that it was exported to is archived or merged

    @property
    def is_dead_in_xero(self) -> bool:
        """Say whether Xero does not ask for the money any more."""
        return self.xero.status in DEAD

    @property
    def settled(self) -> Decimal:
        """What was paid or credited in Xero."""
        return self.xero.amount_paid + self.xero.amount_credited

    def payment_in(self, state: PaymentState) -> Payment | None:
        """A payment in this state, which a press of a button can record in Paymo."""
        return next((row for row in self.payments if row.state is state), None)

    def amount(self, amount: Decimal) -> str:
        """Write an amount of this invoice."""
        return str(Amount(amount, self.paymo.currency))


def mismatches(both: BothSides) -> tuple[Mismatch, ...]:
    """Compare an invoice that was exported."""
    is_void = both.paymo.status == _VOID
    if is_void and both.is_dead_in_xero:
        return ()
    if is_void or both.is_dead_in_xero:
        return (_ended(both),)
    paid = tuple(_paid(both))
    found = [*_number(both), *_contact(both), *_currency(both), *_dates(both), *_total(both)]
    return (*found, *paid, *(() if paid else _status(both)))


def _ended(both: BothSides) -> Mismatch:
    invoice_state = both.export.invoice_state
    return Mismatch(
        "status",
        both.paymo.status,
        status_name(both.xero.status),
        _WHY_ENDED.get(invoice_state, ""),
        is_decided=invoice_state in {InvoiceState.KEPT, InvoiceState.UNDOING},
    )


def _number(both: BothSides) -> Iterator[Mismatch]:
    number, stated = both.paymo.number, both.xero.invoice_number
    if money.folded(stated) == money.folded(number):
        return
    fits = money.fits_number(number)
    is_left_out = both.export.leave_out_number or not fits
    is_expected = is_left_out and stated == both.export.xero_number
    why = "as somebody chose" if fits else "because it's too long"
    note = f"The number was left out, {why}." if is_expected else ""
    yield Mismatch("number", number, stated, note, is_decided=is_expected)


def _contact(both: BothSides) -> Iterator[Mismatch]:
    export, contact = both.export, both.xero.contact
    if export.client_id not in (None, both.paymo.client_id):
        note = f"It was exported for {export.client_name}, but has another client in Paymo now."
        yield Mismatch("contact", both.client, contact.name, note)
    elif contact.contact_id not in {export.contact_id, *both.contacts}:
        has_left = both.has_left
        note = "Its contact was archived or merged in Xero." if has_left else ""
        expected = export.contact_name or both.client
        yield Mismatch("contact", expected, contact.name, note, is_decided=has_left)


def _currency(both: BothSides) -> Iterator[Mismatch]:
    if code_of(both.paymo.currency) != both.xero.currency_code:
        yield Mismatch("currency", both.paymo.currency, both.xero.currency_code)


def _dates(both: BothSides) -> Iterator[Mismatch]:
    export, stated, sent = both.export, in_xero(both.xero), as_sent(both.export)
    is_moved = export.issue_on is not None
    has_chosen = {Part.DATE: is_moved, Part.DUE_DATE: is_moved or bool(export.due_rule)}
    for each in stated_in_paymo(both.paymo).differs(stated, *has_chosen):
        if each.was and each.now:
            is_chosen = has_chosen[each.part] and sent.agrees(stated, each.part)
            note = "Somebody chose it for the export." if is_chosen else ""
            yield Mismatch(each.name, each.was, each.now, note, is_decided=is_chosen)


def _total(both: BothSides) -> Iterator[Mismatch]:
    more = both.xero.total - both.paymo.total
    if not more:
        return
    rounded = both.xero.rounding_amount
    is_accepted = more == (both.export.accepted_difference or 0) + rounded
    note = "Somebody accepted this difference." if is_accepted else ""
    if is_accepted and rounded:
        note = f"Xero rounds the invoice by {both.amount(rounded)}."
    totals = both.amount(both.paymo.total), both.amount(both.xero.total)
    yield Mismatch("total", *totals, note, is_decided=is_accepted)


def _status(both: BothSides) -> Iterator[Mismatch]:
    """Compare whether it is paid; where the payments differ, that says it already."""
    is_paid = (both.paymo.status == _PAID, both.xero.status == "PAID")
    if is_paid[0] == is_paid[1] or not both.paymo.total:
        return
    is_decided = both.export.accepted_difference is not None or bool(both.xero.rounding_amount)
    note = "" if both.paymo.payments else "Paymo has no payment."
    if is_decided:
        note = "That difference explains it."
    yield Mismatch(
        "status", both.paymo.status, status_name(both.xero.status), note, is_decided=is_decided
    )


@dataclass(frozen=True, slots=True)
class _Reason:
    """Why more is paid in Xero than in Paymo by this amount; negative where it is less."""

    amount: Decimal
    note: str
    is_decided: bool = False


def _paid(both: BothSides) -> Iterator[Mismatch]:
    more = both.settled - both.paymo.paid
    if not more:
        return
    reasons = [each for each in _reasons(both) if each.amount]
    decided = [each for each in reasons if each.is_decided]
    is_decided = sum((each.amount for each in decided), Decimal(0)) == more
    note = " ".join(each.note for each in (decided if is_decided else reasons))
    sums = both.amount(both.paymo.paid), both.amount(both.settled)
    yield Mismatch("paid", *sums, note, is_decided=is_decided)


def _reasons(both: BothSides) -> Iterator[_Reason]:
    standing = {each.id for each in both.paymo.payments}
    for row in both.payments:
        yield from _reason(both, row, stands=row.paymo_payment_id in standing)
    yield _unseen(both)
    yield _typed(both)


def _reason(both: BothSides, row: Payment, *, stands: bool) -> Iterator[_Reason]:
    """Explain a payment of Xero's that has no copy in Paymo, or another amount there."""
    what, amount = _named(both, row), row.amount
    match row.state:
        case PaymentState.TOMBSTONE:
            yield _Reason(amount, f"{what} was deleted in Paymo.", is_decided=True)
        case PaymentState.PARKED if row.is_only_told:
            yield _Reason(
                amount,
                f"{what} only sends a notification, as chosen in the settings.",
                is_decided=True,
            )
        case PaymentState.ASKED | PaymentState.PARKED:
            yield _Reason(amount, f"{what} isn't recorded in Paymo. {row.reason}")
        case PaymentState.ADDING:
            yield _Reason(amount, f"{what} is on its way to Paymo.")
        case PaymentState.CHECKING | PaymentState.REMOVING:
            yield _Reason(-amount, f"{what} is being removed from Paymo.")
        case PaymentState.RECORDED if not stands:
            yield _Reason(amount, f"{what} was deleted in Paymo since the last sync.")
        case PaymentState.RECORDED:
            short = amount - (row.recorded_amount or amount)
            yield _Reason(short, f"Paymo recorded {both.amount(short)} less.", is_decided=True)


def _named(both: BothSides, row: Payment) -> str:
    kind = row.label or row.kind.value.replace("_", " ").capitalize()
    name = "Payment" if row.kind is PaymentKind.PAYMENT else kind
    return f"{name} of {both.amount(row.amount)}"


def _unseen(both: BothSides) -> _Reason:
    known, invoice = {row.xero_payment_id for row in both.payments}, both.xero
    found = [(each.payment_id, each.amount) for each in invoice.payments]
    found += [(f"{each.id}:{invoice.invoice_id}", each.amount) for each in applied_credits(invoice)]
    amount = sum((value for key, value in found if key not in known), Decimal(0))
    return _Reason(amount, f"The next sync will bring {both.amount(amount)} to Paymo.")


def _typed(both: BothSides) -> _Reason:
    """Explain what people typed in Paymo, which never goes to Xero."""
    copies = {row.paymo_payment_id for row in both.payments}
    amount = sum((each.amount for each in both.paymo.payments if each.id not in copies), Decimal(0))
    return _Reason(-amount, f"Paid in Paymo only: {both.amount(amount)}. It doesn't go to Xero.")
