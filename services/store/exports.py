"""Exports: claimed once, taken by one worker at a time, found again by their number in Xero."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, union, update
from sqlalchemy.orm import defer

from services.errors import NotFound
from services.model.export import ExportState
from services.model.invoice import ENDED_IN_XERO, UNDECIDED, UNSETTLED, InvoiceState
from services.model.people import Person
from services.store import connections, leases
from services.store.engine import Session
from services.store.leases import write_where
from services.store.tables import Connection, Export, InvoiceHeader, Payment
from services.store.types import is_any

WAITING = (ExportState.QUEUED, ExportState.SENDING, ExportState.UNKNOWN)
TAKEN = (*WAITING, ExportState.FAILED)  # what is refused comes due when something changed
DONE = (ExportState.EXPORTED, ExportState.DIFFERENT)
FOLLOWED = (InvoiceState.LIVE, *ENDED_IN_XERO, InvoiceState.UNDOING)
# As the indexes that a sweep reads by have it (services.store.tables.exports).
_IS_LIVE = is_any(Export.state, DONE) & is_any(Export.invoice_state, [InvoiceState.LIVE])
IS_UNSETTLED = is_any(Export.invoice_state, ENDED_IN_XERO)
# Loads an export without its long columns.
_LONG = (Export.sent, Export.invoice, Export.compared, Export.reply_to, Export.grounds)
SHORT = [defer(each, raiseload=True) for each in _LONG]


def over(connection: Connection) -> ColumnElement[bool]:
    """What was exported over this connection, to the organisation that it leads to now."""
    return (Export.connection_id == connection.id) & (Export.tenant_id == connection.tenant_id)


def of_pair(connection: Connection) -> ColumnElement[bool]:
    """What was exported from this company to this organisation, over any connection."""
    return (Export.paymo_company_id == connection.paymo_company_id) & (
        Export.tenant_id == connection.tenant_id
    )


def _live(connection: Connection) -> ColumnElement[bool]:
    return (Export.connection_id == connection.id) & _IS_LIVE


def _unsettled(connection_id: int) -> ColumnElement[bool]:
    return (Export.connection_id == connection_id) & IS_UNSETTLED


def _held(connection_id: int) -> ColumnElement[bool]:
    return _unsettled(connection_id) & (Export.invoice_state == InvoiceState.HELD)


async def get(session: Session, export_id: int) -> Export:
    """Return the export with this id."""
    return await session.get_one(Export, export_id)


async def get_here(
    session: Session, person: Person, export_id: int, *, called: str = "export"
) -> tuple[Export, Connection]:
    """Return an export with its working connection, where the person may export over that.

    Raises `NotFound` for what is gone, under the word that it is `called` by there.
    """
    export = await find(session, export_id)
    if export is None:
        raise NotFound(f"This {called} is no longer known.")
    found = await connections.get_here(session, person, export.connection_id)
    return export, connections.require_ready(found)


async def find(session: Session, export_id: int) -> Export | None:
    """Return the export with this id, if there is one."""
    return await session.get(Export, export_id)


async def find_latest(session: Session, connection: Connection, invoice_id: int) -> Export | None:
    """Return the newest generation of this invoice in this organisation."""
    return await session.scalar(
        select(Export)
        .where(
            of_pair(connection),
            Export.paymo_invoice_id == invoice_id,
        )
        .order_by(Export.generation.desc())
        .limit(1)
    )


async def hold(session: Session, export_id: int) -> Export:
    """Lock the row until the transaction ends; return it as it is now."""
    return await session.get_one(Export, export_id, with_for_update=True, populate_existing=True)


async def hold_all(session: Session, export_ids: Collection[int]) -> None:
    """Lock these rows in the order of their ids, so that two who want many never deadlock."""
    own = select(Export.id).where(Export.id.in_(export_ids)).order_by(Export.id)
    await session.execute(own.with_for_update())


async def take(session: Session, export_id: int, now: datetime) -> Export | None:
    """Take this export when it is due; nobody else gets it during the lease."""
    own = (Export.id == export_id) & Export.state.in_(TAKEN)
    return await leases.take_where(session, Export, own, now)


def _refused(connection: Connection) -> tuple[ColumnElement[bool], ...]:
    """What people asked for, with the invoice that it was refused with."""
    return (
        over(connection),
        Export.state == ExportState.FAILED,
        Export.requested_by != "",
        Export.seen_updated_on.is_not(None),
    )


async def nudge_refused(session: Session, connection: Connection, now: datetime) -> None:
    """Check refused exports again soon: something that the checks read has changed."""
    own = select(Export.id).where(*_refused(connection)).order_by(Export.id).with_for_update()
    await session.execute(update(Export).where(Export.id.in_(own)).values(due_at=now))


async def list_refused(session: Session, connection: Connection) -> Sequence[Export]:
    """Lock and return refused exports that people asked for, oldest first."""
    refused = select(Export).where(*_refused(connection)).order_by(Export.id)
    return await session.every(refused.with_for_update())


async def list_by_xero_ids(
    session: Session, connection: Connection, xero_ids: Collection[str]
) -> dict[str, Export]:
    """Return what this connection exported, by Xero's invoice ids, oldest first."""
    found = await session.scalars(
        select(Export)
        .where(
            over(connection),
            Export.xero_invoice_id.in_(xero_ids),
        )
        .order_by(Export.id)
    )
    return {each.xero_invoice_id or "": each for each in found}


async def list_known_ids(session: Session, tenant_id: str) -> set[str | None]:
    """Return the Xero ids of all exports to this organisation, over any connection."""
    asked = select(Export.xero_invoice_id).where(Export.tenant_id == tenant_id)
    return set(await session.scalars(asked))


async def find_linked(
    session: Session, connection: Connection, xero_id: str, paymo_id: int
) -> Export | None:
    """Return the newest export over this connection that is this invoice, in Xero or in Paymo."""
    return await session.scalar(
        select(Export)
        .where(
            Export.connection_id == connection.id,
            Export.xero_invoice_id.is_not(None),
            (Export.xero_invoice_id == xero_id) | (Export.paymo_invoice_id == paymo_id),
        )
        .order_by(Export.id.desc())
        .limit(1)
    )


async def list_followed_ids(
    session: Session, connection: Connection, *, not_of: str = ""
) -> list[str]:
    """Return Xero's ids of the invoices whose life is still followed.

    With `not_of` only of those that Xero does not list as this app's own: they were linked, or
    made by the app that the operator used before.
    """
    live = select(Export.xero_invoice_id).where(
        over(connection), Export.xero_invoice_id.is_not(None), _IS_LIVE
    )
    if not not_of:
        return [each for each in await session.scalars(live.order_by(Export.id)) if each]
    # Three questions that an index answers each, since one of all three would read every export.
    made_by = Export.made_by
    anothers = union(
        live.where(Export.is_linked),
        live.where(made_by > "", made_by < not_of),
        live.where(made_by > not_of),
    )
    return sorted([each for each in await session.scalars(anothers) if each])


async def find_deleted(session: Session, connection: Connection, number: str) -> Export | None:
    """Return the newest export with this number that the app deleted in Paymo."""
    return await session.scalar(
        select(Export)
        .where(
            Export.connection_id == connection.id,
            func.lower(Export.number) == number.strip().lower(),
            Export.invoice_state == InvoiceState.DELETED,
        )
        .order_by(Export.id.desc())
        .limit(1)
    )


async def list_deleted_numbers(session: Session, connection: Connection) -> set[str]:
    """Return the numbers, in small letters, that the app deleted in Paymo."""
    found = await session.scalars(
        select(func.lower(Export.number)).where(
            Export.connection_id == connection.id, Export.invoice_state == InvoiceState.DELETED
        )
    )
    return set(found)


async def list_unsettled(session: Session, connection: Connection) -> Sequence[Export]:
    """Return the exports that Xero deleted or voided and Paymo has not followed yet."""
    return await session.every(
        select(Export)
        .where(_unsettled(connection.id), Export.invoice_state.in_(UNSETTLED))
        .order_by(Export.id)
    )


async def list_held(session: Session, connection_id: int) -> Sequence[Export]:
    """Return the exports that the breaker stopped."""
    return await session.every(select(Export).where(_held(connection_id)).order_by(Export.id))


async def list_held_ids(session: Session, connection: Connection) -> tuple[int, ...]:
    """Return their ids, for the buttons that decide about them."""
    if not connection.is_paused:
        return ()
    asked = select(Export.id).where(_held(connection.id)).order_by(Export.id)
    return tuple(await session.scalars(asked))


async def list_unchecked(session: Session, connection: Connection, limit: int) -> Sequence[Export]:
    """Return live exports to check in Paymo: new ones, and those with a hint of a change."""
    return await session.every(
        select(Export)
        .where(_live(connection), Export.paymo_checked_at.is_(None))
        .order_by(Export.id)
        .limit(limit)
    )


async def list_longest_checked(
    session: Session, connection: Connection, limit: int
) -> Sequence[Export]:
    """Return the live exports whose last check in Paymo is the longest ago."""
    return await session.every(
        select(Export)
        .where(_live(connection), Export.paymo_checked_at.is_not(None))
        .order_by(Export.paymo_checked_at, Export.id)
        .limit(limit)
    )


async def count_watched(session: Session, connection: Connection) -> int:
    """Return how many live exports are checked in Paymo."""
    return await session.count(_live(connection))


async def list_watched_ids(
    session: Session, connection: Connection, paymo_ids: Collection[int]
) -> Sequence[int]:
    """Return the live exports of the invoices, or with copies of payments, of these Paymo ids."""
    holders = select(Payment.export_id).where(
        Payment.connection_id == connection.id, Payment.paymo_payment_id.in_(paymo_ids)
    )
    return await session.every(
        select(Export.id).where(
            _live(connection),
            or_(Export.paymo_invoice_id.in_(paymo_ids), Export.id.in_(holders)),
        )
    )


async def mark_checked(
    session: Session, export_ids: Collection[int], now: datetime, *, is_hinted: bool
) -> None:
    """Note that these are checked in Paymo: the hinted ones, or those not hinted at meanwhile."""
    checked_at = Export.paymo_checked_at
    as_read = checked_at.is_(None) if is_hinted else checked_at.is_not(None)
    await session.write(
        update(Export).where(Export.id.in_(export_ids), as_read).values(paymo_checked_at=now)
    )


async def uncheck(session: Session, export_ids: Collection[int]) -> None:
    """Have these checked in Paymo before all others."""
    await session.execute(
        update(Export).where(Export.id.in_(export_ids)).values(paymo_checked_at=None)
    )


async def counts(session: Session, connection_id: int) -> dict[ExportState, int]:
    """Count the exports in each state."""
    rows = await session.execute(
        select(Export.state, func.count())
        .where(Export.connection_id == connection_id)
        .group_by(Export.state)
    )
    return {row[0]: row[1] for row in rows}


async def count_live(session: Session, connection: Connection) -> int:
    """Count the exported invoices that are live in Xero, those that were linked anew once."""
    return (
        await session.scalar(
            select(func.count(Export.xero_invoice_id.distinct())).where(
                over(connection),
                Export.state.in_(DONE),
                Export.invoice_state.in_(
                    (InvoiceState.LIVE, InvoiceState.UNDOING, InvoiceState.GONE)
                ),
            )
        )
        or 0
    )


async def count_asking(session: Session, connection_id: int) -> int:
    """Return how many exports wait for a person's decision."""
    return await session.count(_unsettled(connection_id), Export.invoice_state.in_(UNDECIDED))


async def list_taken_ids(
    session: Session, connection: Connection, invoice_ids: Collection[int]
) -> dict[int, ExportState]:
    """Return which of these Paymo invoices are exported or on their way."""
    rows = await session.execute(
        select(Export.paymo_invoice_id, Export.state).where(
            of_pair(connection),
            Export.paymo_invoice_id.in_(invoice_ids),
            Export.state != ExportState.FAILED,
            Export.invoice_state.in_(FOLLOWED),
        )
    )
    return {row[0]: row[1] for row in rows}


async def note_compared(
    session: Session, export: Export, marks: str, compared: dict[str, Any]
) -> bool:
    """Write what was compared and notified, unless the row changed since it was read."""
    is_same = (
        (Export.invoice_state == InvoiceState.LIVE)
        & (Export.fence == export.fence)
        & (Export.drift == export.drift)
    )
    return await write_where(session, export, is_same, drift=marks, compared=compared)


async def list_copied(
    session: Session, connection: Connection, paymo_ids: Collection[int] | None
) -> Sequence[tuple[int, int, datetime]]:
    """Return live exports with Paymo's id and when it had changed, by the list last copied."""
    asked = (
        select(Export.id, Export.paymo_invoice_id, InvoiceHeader.updated_on)
        .join(
            InvoiceHeader,
            (InvoiceHeader.connection_id == Export.connection_id)
            & (InvoiceHeader.invoice_id == Export.paymo_invoice_id),
        )
        .where(_live(connection))
    )
    if paymo_ids is not None:
        asked = asked.where(Export.paymo_invoice_id.in_(paymo_ids))
    return [(row[0], row[1], row[2]) for row in await session.execute(asked)]
