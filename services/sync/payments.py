"""One payment's way from Xero to Paymo, and back out again: take, call, record."""

import contextlib
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from services import money
from services.clients.paymo import Invoice
from services.clients.paymo import Payment as PaymoPayment
from services.errors import (
    NotFound,
    Rejected,
    ServiceError,
    StillUnderWay,
    Throttled,
    Unavailable,
)
from services.jobs.backoff import PAYMENT
from services.model import days
from services.model.invoice import InvoiceState
from services.model.payment import PaymentKind, PaymentState
from services.store import exports, leaving, payments
from services.store.tables import Payment
from services.sync import marks, telling
from services.sync.kit import Followed, Look
from services.sync.observing import settlements_of

_NO_PAYMENTS = frozenset({"void"})


@dataclass(frozen=True, slots=True)
class _Case(Followed):
    payment: Payment

    def require_over(self) -> None:
        """Raise `StillUnderWay` while what was sent may still stand in Paymo."""
        leaving.require_over(self.payment, self.look.kit.now())

    async def leave(self) -> None:
        """Note that a write leaves now, before it does. Raises `StillUnderWay` or `_Lost`."""
        kit = self.look.kit
        async with kit.database.sessions.begin() as session:
            if not await payments.leave(session, self.payment, kit.now()):
                raise _Lost("Something else is wanted by now.")

    def require_patience(self) -> None:
        """Raise `_GivenUp` when it was tried as long as it is."""
        if PAYMENT.is_over(self.payment.tries - 1):
            raise _GivenUp("It was tried for a day.")


class _GivenUp(ServiceError):
    """Neither side has let it through for a day, so a person decides."""


class _Lost(ServiceError):
    """Another worker took the payment over, or Xero says something else by now."""


async def run_due(look: Look) -> Counter[PaymentState]:
    """Bring every payment that is due a step on, and count where they came to stand.

    Removals go first, so that sums never overshoot.
    """
    outcomes: Counter[PaymentState] = Counter()
    async with look.kit.database.sessions() as session:
        due = await payments.list_due(session, look.connection.id, look.kit.now())
    for payment_id in due:
        async with look.kit.database.sessions.begin() as session:
            payment = await payments.take(session, payment_id, look.kit.now())
            if payment is None:
                continue
            export = await exports.get(session, payment.export_id)
        case = _Case(look, export, payment)
        await _run_one(case)
        outcomes[case.payment.state] += 1
    return outcomes


async def _run_one(case: _Case) -> None:
    try:
        if case.payment.state is PaymentState.CHECKING:
            await _check(case)
        elif case.payment.state is PaymentState.REMOVING:
            await _remove(case)
        else:
            await _add(case)
    except _Lost:
        return
    except StillUnderWay as refusal:
        await _write(case, due_at=refusal.until)
    except _GivenUp:
        await _give_up(case)
    except Throttled as refusal:
        pause = max(PAYMENT.pause_after(1), refusal.retry_after)
        tries = case.payment.tries - 1  # nobody failed
        await _write(case, due_at=case.look.kit.now() + pause, tries=tries)
    except (NotFound, Rejected, Unavailable) as refusal:
        # What one payment is refused must not keep all others waiting.
        await _later(case, refusal)


async def _later(case: _Case, refusal: ServiceError) -> None:
    """Try it again, and say so where people look; or let a person decide in the end."""
    now, tries = case.look.kit.now(), case.payment.tries
    case.look.problems.append(f"A payment on invoice {case.export.number} waits: {refusal}")
    if PAYMENT.is_over(tries - 1) and not leaving.is_under_way(case.payment, now):
        await _give_up(case)
        return
    await _write(case, due_at=now + PAYMENT.pause_after(tries))


async def _give_up(case: _Case) -> None:
    """Let a person decide on what Paymo does not take, or say what it does not let go."""
    if case.payment.state is PaymentState.ADDING:
        await _ask(case, "Paymo didn’t take it for a day. Record it once Paymo works again.")
        return
    why = "It is gone from Xero, and its copy could not be deleted in Paymo for a day."
    kit = case.look.kit
    async with kit.database.sessions.begin() as session:
        if await payments.end(
            session, case.payment, kit.now(), state=PaymentState.PARKED, due_at=None, reason=why
        ):
            await telling.removed(session, case, case.payment, by_person=False, is_stuck=True)


async def _write(case: _Case, **values: object) -> bool:
    kit = case.look.kit
    async with kit.database.sessions.begin() as session:
        return await payments.end(session, case.payment, kit.now(), **values)


# ---- missing from its invoice: gone, or not?


async def _check(case: _Case) -> None:
    """Ask Xero by id; only "deleted" counts, and a payment that cannot be found does not."""
    if not await _is_deleted(case):
        stands = case.payment.paymo_payment_id is not None
        state = PaymentState.RECORDED if stands else PaymentState.ADDING
        await _write(case, state=state, due_at=None if stands else case.look.kit.now())
        return
    if await _write(case, state=PaymentState.REMOVING):
        await _remove(case)


async def _is_deleted(case: _Case) -> bool:
    try:
        if case.payment.kind is PaymentKind.PAYMENT:
            found = await case.look.xero.payment(case.payment.xero_payment_id)
            return found.status == "DELETED"
        invoice = await case.look.xero.invoice(case.export.xero_invoice_id or "")
    except NotFound:
        return False
    today = days.day_in(case.look.connection.time_zone, case.look.kit.now())
    listed = {each.key for each in settlements_of(invoice, today)}
    return case.payment.xero_payment_id not in listed


# ---- out of Paymo


async def _remove(case: _Case) -> None:
    """Delete the copy in Paymo, and only that one."""
    copy_id = await _copy(case)
    if copy_id is not None:
        case.require_patience()
        await case.leave()
        # Somebody may have been faster; what counts is that it is not there.
        with contextlib.suppress(NotFound), leaving.answered(case.payment):
            await case.look.paymo.delete_payment(copy_id)
    was_there = copy_id is not None or case.payment.paymo_payment_id is not None
    comes_again = await _comes_again(case)
    now = case.look.kit.now()
    leaving.settle(case.payment)
    async with case.look.kit.database.sessions.begin() as session:
        state = PaymentState.ADDING if comes_again else PaymentState.REMOVED
        written = await payments.end(
            session,
            case.payment,
            now,
            state=state,
            due_at=now if comes_again else None,
            paymo_payment_id=None,
            reason="",
        )
        if not written or not was_there or comes_again:
            return
        if not await payments.is_replaced(session, case.payment.id):
            await telling.removed(session, case, case.payment, by_person=False)


async def _copy(case: _Case) -> int | None:
    """Return the copy that stands in Paymo, be it one that a lost answer has left there.

    A deletion that may still arrive is done where its copy is not listed any more; where no copy
    is known, nothing is sure before the addition's time is over.
    """
    known_id = case.payment.paymo_payment_id
    if known_id is not None and case.payment.sent_at is None:
        return known_id
    try:
        invoice = await case.look.paymo.invoice(case.export.paymo_invoice_id)
    except NotFound:
        return None
    if known_id is not None:
        return known_id if any(each.id == known_id for each in invoice.payments) else None
    found = marks.find_copy(invoice, case.payment)
    if found is None:
        case.require_over()
        return None
    leaving.settle(case.payment)
    return found.id


async def _comes_again(case: _Case) -> bool:
    """Say whether this is a credit whose applied amount changed, so that it is added anew."""
    if case.payment.kind is PaymentKind.PAYMENT:
        return False
    return not await _is_deleted(case)


# ---- into Paymo


async def _add(case: _Case) -> None:
    if case.export.invoice_state in {InvoiceState.DELETED, InvoiceState.GONE}:
        await _park(case, gone=True)
        return
    if _is_only_told(case) and case.payment.sent_at is None:
        await _park(case, gone=False)
        return
    try:
        invoice = await case.look.paymo.invoice(case.export.paymo_invoice_id)
    except NotFound:
        await _park(case, gone=True)
        return
    known = marks.find_copy(invoice, case.payment)
    if known is None:
        case.require_over()
        if _is_only_told(case):
            await _park(case, gone=False)
            return
        amount = _takeable(case, invoice)
        why = _why_not(case, invoice, amount)
        if why:
            await _ask(case, why)
            return
        case.require_patience()
        known = await _call(case, invoice, amount)
    if known is not None:
        await _record(case, known)


def _is_only_told(case: _Case) -> bool:
    is_credit = case.payment.kind is not PaymentKind.PAYMENT
    return is_credit and case.look.connection.credits == "notify"


async def _call(case: _Case, invoice: Invoice, amount: Decimal) -> PaymoPayment | None:
    """Add the payment, on a draft after making it sent; None when Paymo refused for good."""
    paymo = case.look.paymo
    try:
        if invoice.status == "draft":
            await case.leave()
            with leaving.answered(case.payment):
                await paymo.set_status(invoice.id, "sent")
        await case.leave()
        with leaving.answered(case.payment):
            return await paymo.add_payment(
                invoice.id,
                amount=amount,
                paid_on=case.payment.paid_on,
                notes=marks.notes_of(case.payment),
            )
    except Rejected as refusal:
        await _ask(case, str(refusal))
        return None


def _takeable(case: _Case, invoice: Invoice) -> Decimal:
    """Return what to record: all of it, or what is left where both sides nearly agree.

    A cent too much in Xero is let go. Beyond it only what a person accepted or rounded counts: as
    much above what is left, or, once nothing is due in Xero, exactly as much below.
    """
    amount = case.payment.amount
    over = amount - invoice.left
    accepted = case.export.allowed_difference
    if over <= 0:
        is_last = case.export.xero_due == 0 and accepted < 0
        return invoice.left if is_last and over == accepted else amount
    cent = Decimal(1).scaleb(-money.decimals_of(case.export.currency))
    return invoice.left if over <= max(cent, accepted) else amount


def _why_not(case: _Case, invoice: Invoice, amount: Decimal) -> str:
    """Say why a person must decide, or ""."""
    if invoice.status in _NO_PAYMENTS:
        return "The invoice is void in Paymo."
    twin = _hand_typed_twin(case, invoice)
    if twin is not None:
        return (
            f"Paymo already has a payment of the same amount, of {twin.paid_on:%d %b %Y}, that "
            "somebody typed there. It looks like the same one."
        )
    if amount > invoice.left or amount <= 0:
        left = money.format_amount(invoice.left, case.export.currency)
        return f"It is more than what is left to pay in Paymo ({left})."
    return ""


def _hand_typed_twin(case: _Case, invoice: Invoice) -> PaymoPayment | None:
    """Return a payment typed by hand that looks like this one; a person was asked only once."""
    if case.payment.reason == BROUGHT_BACK:
        return None
    return next(
        (
            each
            for each in invoice.payments
            if not marks.is_ours(each)
            and each.amount == case.payment.amount
            and each.paid_on == case.payment.paid_on
        ),
        None,
    )


BROUGHT_BACK = "A person asked for it."


async def _record(case: _Case, known: PaymoPayment) -> None:
    short = case.payment.amount - known.amount
    leaving.settle(case.payment)
    kit = case.look.kit
    async with kit.database.sessions.begin() as session:
        written = await payments.end(
            session,
            case.payment,
            kit.now(),
            state=PaymentState.RECORDED,
            due_at=None,
            paymo_payment_id=known.id,
            recorded_amount=known.amount,
            reason="",
        )
        if written:
            await telling.received(
                session,
                case,
                case.payment,
                short_by=format(short, "f") if short > 0 else "",
                over_by=format(-short, "f") if short < 0 else "",
                is_rounding=bool(short) and short == case.export.xero_rounding,
            )


async def _ask(case: _Case, why: str) -> None:
    await _tell_unrecorded(case, PaymentState.ASKED, why, gone=False)


async def _park(case: _Case, *, gone: bool) -> None:
    why = "The invoice is not in Paymo any more." if gone else ""
    await _tell_unrecorded(case, PaymentState.PARKED, why, gone=gone)


async def _tell_unrecorded(case: _Case, state: PaymentState, why: str, *, gone: bool) -> None:
    kit = case.look.kit
    async with kit.database.sessions.begin() as session:
        written = await payments.end(
            session, case.payment, kit.now(), state=state, due_at=None, reason=why
        )
        if written:
            await telling.received(session, case, case.payment, gone=gone, asked=why)
