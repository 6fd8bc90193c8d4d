"""A payment's states, from Xero to its copy in Paymo, and its removal."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypedDict

from services.lifecycle.machine import Machine
from services.model.invoice import PaymentState, Settlement
from services.store import leases, payments
from services.store.engine import Session
from services.store.tables import Export, Payment

_LONGEST_LABEL = 255
_BROUGHT_BACK = "A person asked for it."
# What stands in Paymo, or may: it wants removing when Xero does not list it any more.
STANDING = (
    PaymentState.ADDING,
    PaymentState.RECORDED,
    PaymentState.ASKED,
    PaymentState.PARKED,
)


class PaymentColumns(TypedDict, total=False):
    """What the arrows may write beside the state."""

    export_id: int
    due_at: datetime | None
    fence: int
    tries: int
    sent_at: datetime | None
    amount: Decimal
    paid_on: date
    paymo_payment_id: int | None
    recorded_amount: Decimal | None
    is_brought_back: bool
    is_only_told: bool
    reason: str
    seen_at: datetime


_SETTLED: PaymentColumns = {"is_brought_back": False, "reason": ""}

machine = Machine("payment", Payment, Payment.state, PaymentColumns)

# ---- what Xero states; the rows are held, so that nobody changes them meanwhile


@machine.start(PaymentState.ADDING)
def begin(
    export: Export, settlement: Settlement, replaced: Payment | None, now: datetime
) -> dict[str, Any]:
    """Return the row of a payment that Xero lists; `replaced` is the one that it is an edit of."""
    return {
        "connection_id": export.connection_id,
        "export_id": export.id,
        "tenant_id": export.tenant_id,
        "xero_payment_id": settlement.key,
        "kind": settlement.kind,
        "label": settlement.label[:_LONGEST_LABEL],
        "amount": settlement.amount,
        "paid_on": settlement.paid_on,
        "state": PaymentState.ADDING,
        "due_at": now,
        "replaces_id": replaced.id if replaced is not None else None,
        "seen_at": now,
    }


async def begin_all(
    session: Session, listed: Iterable[tuple[Export, Settlement]], now: datetime
) -> bool:
    """Have what is paid on invoices found in Xero added to Paymo; say whether there is any.

    No sweep may see it: they read what changed lately, and an invoice may be found long after.
    """
    rows = [begin(export, each, None, now) for export, each in listed]
    await payments.add_all(session, rows)
    return bool(rows)


def _at_once(payment: Payment, now: datetime) -> PaymentColumns:
    """Have something else done; a call that is under way ends first.

    A worker that has not sent anything yet loses the row.
    """
    is_under_way = leases.is_under_way(payment, now)
    return {
        "tries": 0,
        "due_at": leases.over_at(payment, now),
        "fence": payment.fence if is_under_way else payment.fence + 1,
    }


@machine.press(STANDING, PaymentState.CHECKING, as_read=[Payment.fence])
def check(payment: Payment, now: datetime) -> PaymentColumns:
    """Check with Xero a payment that its invoice no longer lists."""
    return _at_once(payment, now)


@machine.press([PaymentState.REMOVED], PaymentState.CHECKING, as_read=[Payment.fence])
def check_again(payment: Payment, stated: Settlement, now: datetime) -> PaymentColumns:
    """Check with Xero what is listed once more: it came back, or the list is an old one."""
    return {**_at_once(payment, now), **_as_stated(stated)}


@machine.press(
    [PaymentState.ADDING, PaymentState.RECORDED],
    PaymentState.REMOVING,
    as_read=[Payment.fence],
)
def replace(payment: Payment, stated: Settlement, now: datetime) -> PaymentColumns:
    """Take out a credit whose applied amount changed; it is added anew afterwards."""
    return {**_at_once(payment, now), "amount": stated.amount, "paid_on": stated.paid_on}


@machine.press(
    [PaymentState.ADDING, PaymentState.ASKED, PaymentState.PARKED],
    PaymentState.ADDING,
    as_read=[Payment.fence],
)
def restart(payment: Payment, stated: Settlement, now: datetime) -> PaymentColumns:
    """Add a credit whose amount changed before anything was sent."""
    return {**_at_once(payment, now), **_as_stated(stated)}


async def check_all(session: Session, export: Export, now: datetime) -> None:
    """Check with Xero every copy in Paymo that Xero no longer lists on this export."""
    for row in await payments.hold(session, [export.id]):
        if row.state in STANDING:
            await check(session, row, now)


# ---- what people want


@machine.press(
    [*STANDING, PaymentState.TOMBSTONE],
    PaymentState.ADDING,
    as_read=[Payment.fence],
    grows=[Payment.fence],
)
def hand_over(_payment: Payment, export: Export, now: datetime) -> PaymentColumns:
    """Add it to the invoice of this export: the one that it was on is gone from Paymo."""
    return {
        "export_id": export.id,
        "tries": 0,
        "due_at": now,
        "sent_at": None,
        "paymo_payment_id": None,
        "recorded_amount": None,
        "is_only_told": False,
        "seen_at": now,
        **_SETTLED,
    }


async def hand_over_all(session: Session, export: Export, now: datetime) -> None:
    """Add to a linked invoice what was on the one in Paymo that was linked before."""
    for row in await payments.hold_former(session, export):
        await hand_over(session, row, export, now)


@machine.press(
    [PaymentState.TOMBSTONE, PaymentState.ASKED],
    PaymentState.ADDING,
    as_read=[Payment.fence],
    grows=[Payment.fence],
)
def bring_back(_payment: Payment, now: datetime) -> PaymentColumns:
    """Add what is left out, even where somebody typed one like it in Paymo."""
    return {
        "is_brought_back": True,
        "reason": _BROUGHT_BACK,
        "paymo_payment_id": None,
        "recorded_amount": None,
        "tries": 0,
        "due_at": now,
    }


# ---- what came of a step; `sent_at` is what the call has left in memory


@machine.note_as_read(Payment.state)
def mark_sent(_payment: Payment, now: datetime) -> PaymentColumns:
    """Note that a write leaves now."""
    return {"sent_at": now}


@machine.note_together(PaymentState.ADDING)
def mark_all_sent(_payment: Payment, now: datetime) -> PaymentColumns:
    """Note that these payments leave for Paymo now."""
    return {"sent_at": now}


@machine.note_as_read(Payment.state)
def look_for(_payment: Payment, at: datetime | None) -> PaymentColumns:
    """Ask Xero about what a person deleted in Paymo: it may be deleted there, too; None: don't."""
    return {"due_at": at, "tries": 0}


@machine.note
def wait_for_call(payment: Payment, now: datetime) -> PaymentColumns:
    """Take it up again as soon as the call about it that is under way, if any, is over."""
    return {"sent_at": payment.sent_at, "due_at": leases.over_at(payment, now)}


@machine.arrow([PaymentState.CHECKING], PaymentState.RECORDED)
def mark_standing(payment: Payment) -> PaymentColumns:
    """Leave the copy in Paymo: Xero did not delete the payment."""
    return {"sent_at": payment.sent_at, "due_at": None}


@machine.arrow([PaymentState.CHECKING], PaymentState.ADDING)
def add_after_all(payment: Payment, now: datetime) -> PaymentColumns:
    """Go on adding what Xero did not delete."""
    return {"sent_at": payment.sent_at, "due_at": now}


@machine.arrow([PaymentState.CHECKING], PaymentState.REMOVING)
def remove(payment: Payment) -> PaymentColumns:
    """Go on with removing, since Xero did delete it."""
    return {"sent_at": payment.sent_at}


@machine.arrow([PaymentState.REMOVING, PaymentState.TOMBSTONE], PaymentState.REMOVED)
def mark_removed(payment: Payment) -> PaymentColumns:
    """Note that Paymo has no copy any more."""
    return {"sent_at": payment.sent_at, "due_at": None, "paymo_payment_id": None, **_SETTLED}


@machine.arrow([PaymentState.REMOVING], PaymentState.ADDING)
def add_again(payment: Payment, now: datetime) -> PaymentColumns:
    """Add a credit anew, with the amount that is applied now."""
    return {
        "sent_at": payment.sent_at,
        "due_at": now,
        "paymo_payment_id": None,
        "recorded_amount": None,
        **_SETTLED,
    }


@machine.arrow([PaymentState.ADDING], PaymentState.RECORDED)
def mark_recorded(payment: Payment, copy_id: int, amount: Decimal) -> PaymentColumns:
    """Note the copy in Paymo."""
    return _with_copy(payment, copy_id, amount)


@machine.together([PaymentState.ADDING], PaymentState.RECORDED)
def mark_all_recorded(payment: Payment, copy: tuple[int, Decimal]) -> PaymentColumns:
    """Note many payments' copies in Paymo, by ids and amounts."""
    return _with_copy(payment, *copy)


@machine.arrow([PaymentState.ADDING], PaymentState.ASKED)
def ask(payment: Payment, why: str) -> PaymentColumns:
    """Let a person decide."""
    return _without_copy(payment, why)


@machine.arrow([PaymentState.ADDING], PaymentState.PARKED)
def park(payment: Payment, why: str) -> PaymentColumns:
    """Leave it out: Paymo has no such invoice."""
    return _without_copy(payment, why)


@machine.arrow([PaymentState.ADDING], PaymentState.PARKED)
def only_tell(payment: Payment) -> PaymentColumns:
    """Leave a credit out, as the settings say."""
    return {**_without_copy(payment, ""), "is_only_told": True}


@machine.arrow([PaymentState.CHECKING, PaymentState.REMOVING], PaymentState.PARKED)
def give_removing_up(payment: Payment, why: str) -> PaymentColumns:
    """Leave a copy in Paymo that could not be deleted; a person has to."""
    return _without_copy(payment, why)


@machine.arrow([PaymentState.RECORDED], PaymentState.TOMBSTONE)
def mark_deleted_by_person(_payment: Payment) -> PaymentColumns:
    """Note that somebody deleted the copy in Paymo, so that it does not come back."""
    return {}


def _as_stated(stated: Settlement) -> PaymentColumns:
    return {"amount": stated.amount, "paid_on": stated.paid_on, "recorded_amount": None}


def _with_copy(payment: Payment, copy_id: int, amount: Decimal) -> PaymentColumns:
    return {
        "sent_at": payment.sent_at,
        "due_at": None,
        "paymo_payment_id": copy_id,
        "recorded_amount": amount,
        **_SETTLED,
    }


def _without_copy(payment: Payment, why: str) -> PaymentColumns:
    return {
        "sent_at": payment.sent_at,
        "due_at": None,
        "is_brought_back": False,
        "is_only_told": False,
        "reason": why,
    }
