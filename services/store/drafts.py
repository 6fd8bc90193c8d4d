"""Export forms on people's screens, and the tables of invoices that are redrawn with them."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import case, exists, func, or_, select, update

from services.model.export import BatchState
from services.store import leases
from services.store.engine import Session
from services.store.tables import Batch, BatchRow, Draft, Export

_OPEN = timedelta(hours=1)  # nobody looks at a form for longer


async def find(session: Session, draft_id: int) -> Draft | None:
    """Return the draft with this id, if it is still kept."""
    return await session.get(Draft, draft_id)


async def choose_invoice(
    session: Session, draft: Draft, invoice_id: int | None, now: datetime
) -> None:
    """Have another invoice read; a reading that is under way changes nothing any more."""
    await _want(session, draft, now, invoice_id=invoice_id)


async def want_refresh(session: Session, draft: Draft, now: datetime) -> None:
    """Have everything read anew; a reading that is under way changes nothing any more."""
    await _want(session, draft, now, is_refreshing=True)


async def _want(session: Session, draft: Draft, now: datetime, **values: object) -> None:
    await session.write(
        update(Draft).where(Draft.id == draft.id).values(**leases.wanted(Draft, now), **values)
    )
    await session.refresh(draft)


async def attach_view(session: Session, draft: Draft, view_id: str, now: datetime) -> None:
    """Note which modal shows the draft, and have it drawn there if its reading has ended already.

    A reading that is under way draws into this modal when it ends.
    """
    again = case((Draft.due_at.is_(None), now), else_=Draft.due_at)
    await session.write(
        update(Draft).where(Draft.id == draft.id).values(view_id=view_id, due_at=again)
    )


async def end(session: Session, draft_id: int) -> Draft | None:
    """Note that the form was sent, and return it, if it is still kept.

    A reading that is under way draws nothing over what follows.
    """
    ended: Draft | None = await session.scalar(
        update(Draft)
        .where(Draft.id == draft_id)
        .values(view_id="", due_at=None, leased_until=None, fence=Draft.fence + 1)
        .returning(Draft)
        .execution_options(synchronize_session=False)
    )
    return ended


async def outdate(session: Session, exports: Sequence[Export], now: datetime) -> None:
    """Redraw the open forms and tables with these invoices: something happened to them."""
    connection_ids = {each.connection_id for each in exports}
    invoice_ids = [each.paymo_invoice_id for each in exports]
    if not await _are_any_open(session, connection_ids, now):
        return
    await session.write(
        update(Draft)
        .where(
            Draft.connection_id.in_(connection_ids),
            Draft.invoice_id.in_(invoice_ids),
            Draft.view_id != "",
            Draft.created_at > now - _OPEN,
        )
        .values(**leases.wanted(Draft, now))
    )
    lists_one = select(BatchRow.id).where(
        BatchRow.batch_id == Batch.id, BatchRow.paymo_invoice_id.in_(invoice_ids)
    )
    of_each = Batch.connection_id.in_(connection_ids), Batch.created_at > now - _OPEN
    newest = select(func.max(Batch.id)).where(*of_each).group_by(Batch.asked_by)
    await session.write(
        update(Batch)
        .where(Batch.id.in_(newest), Batch.state == BatchState.READY, lists_one.exists())
        .values(**leases.wanted(Batch, now), tries=0)
    )


async def _are_any_open(session: Session, connection_ids: Collection[int], now: datetime) -> bool:
    """Say whether anybody may look at a form or a table: mostly nobody does."""
    form = (Draft.connection_id.in_(connection_ids), Draft.view_id != "")
    table = (Batch.connection_id.in_(connection_ids), Batch.state == BatchState.READY)
    recent = (
        exists().where(*form, Draft.created_at > now - _OPEN),
        exists().where(*table, Batch.created_at > now - _OPEN),
    )
    return bool(await session.scalar(select(or_(*recent))))


async def end_reading(session: Session, draft: Draft, fence: int, problem: str) -> bool:
    """Note what stopped the reading, if anything did; False where somebody wants another one."""
    ended = await leases.fenced(
        session, draft, fence, due_at=None, is_refreshing=False, reason=problem
    )
    if ended:
        await session.refresh(draft)  # the modal may have been attached meanwhile
    return ended


async def list_last(
    session: Session, connection_id: int, invoice_id: int, limit: int = 5
) -> Sequence[Draft]:
    """Return the forms that showed this invoice last, whoever had them open."""
    return await session.every(
        select(Draft)
        .where(Draft.connection_id == connection_id, Draft.invoice_id == invoice_id)
        .order_by(Draft.id.desc())
        .limit(limit)
    )
