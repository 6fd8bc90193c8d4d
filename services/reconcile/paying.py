"""Comparing what is paid, and saying which payments make the difference."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from services.clients.xero import applied_credits
from services.model.payment import PaymentKind, PaymentState
from services.reconcile.pairs import Pair
from services.reconcile.shapes import Finding
from services.store.tables import Payment

_GOING = (PaymentState.CHECKING, PaymentState.REMOVING)


@dataclass(frozen=True, slots=True)
class _Part:
    """One reason why more is paid in Xero than in Paymo; negative where it is less."""

    amount: Decimal
    note: str
    is_decided: bool = False


def findings_of(pair: Pair) -> tuple[Finding, ...]:
    """Return the difference between what is paid on both sides, if there is one."""
    difference = pair.settled - pair.paymo.paid
    if not difference:
        return ()
    parts = [part for part in _parts(pair) if part.amount]
    decided = [part for part in parts if part.is_decided]
    is_decided = sum((part.amount for part in decided), Decimal(0)) == difference
    told = decided if is_decided else parts
    return (
        Finding(
            "paid",
            pair.amount(pair.paymo.paid),
            pair.amount(pair.settled),
            " ".join(part.note for part in told),
            is_decided=is_decided,
        ),
    )


def left_out(pair: Pair, state: PaymentState) -> Payment | None:
    """Return a payment in this state, which a press of a button can record in Paymo."""
    return next((row for row in pair.payments if row.state is state), None)


def _parts(pair: Pair) -> Iterator[_Part]:
    standing = {each.id for each in pair.paymo.payments}
    for row in pair.payments:
        part = _left_out(pair, row)
        if part is None and row.state is PaymentState.RECORDED:
            part = _recorded(pair, row, stands=row.paymo_payment_id in standing)
        elif part is None and row.state in _GOING:
            part = _Part(-row.amount, f"{_named(pair, row)} is being removed from Paymo.")
        if part is not None:
            yield part
    yield from _unseen(pair)
    yield from _typed(pair)


def _left_out(pair: Pair, row: Payment) -> _Part | None:
    """Explain a payment of Xero's that has no copy in Paymo."""
    what = _named(pair, row)
    if row.state is PaymentState.TOMBSTONE:
        return _Part(row.amount, f"Somebody deleted in Paymo: {what}.", is_decided=True)
    if row.state is PaymentState.PARKED and not row.reason:
        return _Part(row.amount, f"{what} is only told, as the settings say.", is_decided=True)
    if row.state in {PaymentState.ASKED, PaymentState.PARKED}:
        return _Part(row.amount, f"{what} is not recorded in Paymo. {row.reason}")
    if row.state is PaymentState.ADDING:
        return _Part(row.amount, f"{what} is on its way to Paymo.")
    return None


def _recorded(pair: Pair, row: Payment, *, stands: bool) -> _Part:
    if not stands:
        return _Part(row.amount, f"{_named(pair, row)} was deleted in Paymo since the last look.")
    short = row.amount - (row.recorded_amount or row.amount)
    return _Part(short, f"Paymo could take {pair.amount(short)} less.", is_decided=True)


def _named(pair: Pair, row: Payment) -> str:
    kind = row.label or row.kind.value.replace("_", " ").capitalize()
    name = "Payment" if row.kind is PaymentKind.PAYMENT else kind
    return f"{name} of {pair.amount(row.amount)}"


def _unseen(pair: Pair) -> Iterator[_Part]:
    known = {row.xero_payment_id for row in pair.payments}
    found = [(each.payment_id, each.amount) for each in pair.xero.payments]
    found += [
        (f"{each.id}:{pair.xero.invoice_id}", each.amount) for each in applied_credits(pair.xero)
    ]
    amount = sum((value for key, value in found if key not in known), Decimal(0))
    yield _Part(amount, f"The next look at Xero brings {pair.amount(amount)}.")


def _typed(pair: Pair) -> Iterator[_Part]:
    """Explain what people typed in Paymo, which never goes to Xero."""
    copies = {row.paymo_payment_id for row in pair.payments}
    amount = sum((each.amount for each in pair.paymo.payments if each.id not in copies), Decimal(0))
    yield _Part(-amount, f"Typed in Paymo: {pair.amount(amount)}. That does not go to Xero.")
