"""Payments seen in Xero, and the state of each one's copy in Paymo."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import func, or_, select, update

from services.model import chunks
from services.model.invoice import UNSETTLED, PaymentKind, PaymentState
from services.store import leases
from services.store.engine import Session, insert_into
from services.store.exports import IS_UNSETTLED, SHORT
from services.store.tables import Connection, Export, Payment
from services.store.types import is_any

# In this order: an edit in Xero is a removal and an addition, and so the sum never overshoots.
_DUE = (
    PaymentState.TOMBSTONE,  # once Xero lists it no more
    PaymentState.CHECKING,
    PaymentState.REMOVING,
    PaymentState.ADDING,
)
_AT_ONCE = 50
# As its index has it (services.store.tables.exports).
IS_LEFT = is_any(Payment.state, (PaymentState.ASKED, PaymentState.PARKED))


class Amounts(NamedTuple):
    """What sums need of a payment."""

    id: int
    state: PaymentState
    amount: Decimal
    recorded_amount: Decimal | None


async def get(session: Session, payment_id: int) -> Payment:
    """Return the payment with this id."""
    return await session.get_one(Payment, payment_id)


async def find(session: Session, payment_id: int) -> Payment | None:
    """Return the payment with this id, if there is one."""
    return await session.get(Payment, payment_id)


async def add_all(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Add rows for Xero's unknown payments; the unique constraint decides.

    They are read again when their turn comes: to return ids, SQLite would add them one by one.
    """
    if rows:
        connection = await session.connection()
        await connection.execute(insert_into(session, Payment).on_conflict_do_nothing(), rows)


async def are_any_known(
    session: Session, connection: Connection, xero_ids: Collection[str]
) -> bool:
    """Say whether any id belongs to an exported invoice, or to a payment or credit on one."""
    ids = sorted({each.lower() for each in xero_ids} | set(xero_ids))
    for some in chunks(ids, _AT_ONCE):
        is_ours = (Export.connection_id == connection.id) & Export.xero_invoice_id.in_(some)
        if await session.has(is_ours):
            return True
        ours = Payment.connection_id == connection.id
        named = (Payment.tenant_id == connection.tenant_id) & Payment.xero_payment_id.in_(some)
        if await session.has(ours, named):
            return True
        # A credit's row is named "<credit id>:<invoice id>", which no index finds, but few are one.
        begun = [Payment.xero_payment_id.startswith(f"{each}:", autoescape=True) for each in some]
        if await session.has(ours, Payment.kind != PaymentKind.PAYMENT, or_(*begun)):
            return True
    return False


async def list_of(session: Session, export_ids: Collection[int]) -> Sequence[Payment]:
    """Return every payment of these exports, oldest first."""
    return await session.every(
        select(Payment).where(Payment.export_id.in_(export_ids)).order_by(Payment.id)
    )


async def list_amounts(session: Session, export_ids: Collection[int]) -> dict[int, list[Amounts]]:
    """Return the payments of these exports, by export, with their states and amounts alone."""
    asked = select(
        Payment.export_id, Payment.id, Payment.state, Payment.amount, Payment.recorded_amount
    )
    rows = await session.execute(
        asked.where(Payment.export_id.in_(export_ids)).order_by(Payment.id)
    )
    found: dict[int, list[Amounts]] = {}
    for export_id, payment_id, state, amount, recorded in rows:
        its = Amounts(payment_id, state, amount, recorded)
        found.setdefault(export_id, []).append(its)
    return found


def by_export(rows: Iterable[Payment]) -> dict[int, list[Payment]]:
    """Group payments by the ids of their exports, in their order."""
    found: dict[int, list[Payment]] = {}
    for row in rows:
        found.setdefault(row.export_id, []).append(row)
    return found


async def list_copies(session: Session, export_ids: Collection[int]) -> dict[int, set[int]]:
    """Return Paymo's ids of recorded copies, by export."""
    rows = await session.execute(
        select(Payment.export_id, Payment.paymo_payment_id).where(
            Payment.export_id.in_(export_ids),
            Payment.state == PaymentState.RECORDED,
            Payment.paymo_payment_id.is_not(None),
        )
    )
    found: dict[int, set[int]] = {}
    for export_id, copy_id in rows:
        found.setdefault(export_id, set()).add(copy_id or 0)
    return found


async def exports_of(session: Session, export_ids: Collection[int]) -> dict[int, Export]:
    """Return these payments' exports, by their ids, without what was sent and compared."""
    asked = select(Export).where(Export.id.in_(export_ids)).options(*SHORT)
    return {each.id: each for each in await session.scalars(asked)}


async def hold(session: Session, export_ids: Collection[int]) -> Sequence[Payment]:
    """Lock and return every payment of these exports until the transaction ends."""
    return await session.every(
        select(Payment)
        .where(Payment.export_id.in_(export_ids))
        .order_by(Payment.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


async def hold_former(session: Session, export: Export) -> Sequence[Payment]:
    """Lock and return the payments of exports that were linked to its invoice in Xero before."""
    former = await session.scalars(
        select(Export.id).where(
            Export.connection_id == export.connection_id,
            Export.xero_invoice_id == export.xero_invoice_id,
            Export.id != export.id,
        )
    )
    return await hold(session, former.all())


async def list_due(session: Session, connection_id: int, now: datetime) -> Sequence[int]:
    """Return the ids of payments to work on, removals before additions."""
    rows = await session.execute(
        select(Payment.id, Payment.state).where(
            Payment.connection_id == connection_id,
            Payment.state.in_(_DUE),
            leases.is_free(Payment, now),
        )
    )
    return [each for each, _ in sorted(rows, key=lambda row: (_DUE.index(row[1]), row[0]))]


async def list_new(session: Session, connection_id: int, now: datetime) -> Sequence[Sequence[int]]:
    """Return the ids of payments to add that were never sent, by invoice.

    What replaces another, or was asked for by a person, is no plain addition; an invoice that has
    such a one, too, is left out.
    """
    is_plain = (
        Payment.sent_at.is_(None)
        & Payment.replaces_id.is_(None)
        & Payment.is_brought_back.is_(False)
    )
    rows = await session.execute(
        select(Payment.id, Payment.export_id, is_plain)
        .where(
            Payment.connection_id == connection_id,
            Payment.state == PaymentState.ADDING,
            leases.is_free(Payment, now),
        )
        .order_by(Payment.id)
    )
    found: dict[int, list[int]] = {}
    odd: set[int] = set()
    for payment_id, export_id, plain in rows:
        found.setdefault(export_id, []).append(payment_id)
        odd |= set() if plain else {export_id}
    return [ids for export_id, ids in found.items() if export_id not in odd]


async def postpone_new(
    session: Session, connection_id: int, until: datetime, now: datetime
) -> None:
    """Put off every addition until this time: Paymo asked us to wait, or is down."""
    await session.write(
        update(Payment)
        .where(
            Payment.connection_id == connection_id,
            Payment.state == PaymentState.ADDING,
            Payment.sent_at.is_(None),
            leases.is_free(Payment, now),
        )
        .values(due_at=until)
    )


async def list_late(
    session: Session, connection_id: int, before: datetime
) -> Sequence[tuple[Payment, Export]]:
    """Return payments seen in Xero before this time that Paymo hasn't taken, with their exports.

    What a person asked for was told before, and so was what `mark_late` marked.
    """
    found = await session.execute(
        select(Payment, Export)
        .join(Export, Export.id == Payment.export_id)
        .where(
            Payment.connection_id == connection_id,
            Payment.state == PaymentState.ADDING,
            Payment.due_at.is_not(None),
            Payment.seen_at <= before,
            Payment.is_brought_back.is_(False),
            Payment.is_late.is_(False),
        )
        .order_by(Payment.id)
    )
    return [(payment, export) for payment, export in found]


async def mark_late(session: Session, payments: Iterable[Payment]) -> None:
    """Note that Paymo was asked once whether it may remind their clients."""
    ids = [each.id for each in payments]
    await session.execute(update(Payment).where(Payment.id.in_(ids)).values(is_late=True))


async def find_leaving(session: Session, export_id: int) -> datetime | None:
    """Return when the last of an export's payments that may go from Paymo is due, if any may."""
    leaving = Payment.state.in_((PaymentState.CHECKING, PaymentState.REMOVING))
    due = select(func.max(Payment.due_at)).where(Payment.export_id == export_id, leaving)
    found: datetime | None = await session.scalar(due)
    return found


async def is_replaced(session: Session, payment_id: int) -> bool:
    """Say whether another payment is told as its edit; then its end isn't notified."""
    return await session.has(
        Payment.replaces_id == payment_id,
        Payment.state.in_([PaymentState.ADDING, PaymentState.RECORDED]),
        Payment.is_brought_back.is_(False),
    )


async def list_next_due(session: Session, connection_id: int) -> Sequence[datetime]:
    """Return when the next payment and the next deletion are due."""
    payment = select(func.min(Payment.due_at)).where(
        Payment.connection_id == connection_id, Payment.state.in_(_DUE), Payment.due_at.is_not(None)
    )
    deletion = select(func.min(Export.due_at)).where(
        Export.connection_id == connection_id,
        IS_UNSETTLED,
        Export.invoice_state.in_(UNSETTLED),
    )
    found = [await session.scalar(payment), await session.scalar(deletion)]
    return [each for each in found if each is not None]


async def count_asking(session: Session, connection_id: int) -> int:
    """Count the payments that wait for a person to decide, or to delete a copy in Paymo."""
    is_stuck = (Payment.state == PaymentState.PARKED) & Payment.paymo_payment_id.is_not(None)
    return await session.count(
        Payment.connection_id == connection_id,
        IS_LEFT,
        or_(Payment.state == PaymentState.ASKED, is_stuck),
    )
