"""Which channels want to hear what."""

from collections.abc import Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.store.tables import Connection, Subscription
from services.store.upsert import insert_into


async def find(session: AsyncSession, connection_id: int, channel_id: str) -> Subscription | None:
    """Return what a channel hears of a connection, if it does."""
    found: Subscription | None = await session.scalar(
        select(Subscription)
        .where(Subscription.connection_id == connection_id, Subscription.channel_id == channel_id)
        .execution_options(populate_existing=True)
    )
    return found


async def put(session: AsyncSession, subscription: Subscription) -> None:
    """Subscribe the channel, or change what it hears; a paused one goes on."""
    row = {
        "connection_id": subscription.connection_id,
        "channel_id": subscription.channel_id,
        "topics": subscription.topics,
        "client_id": subscription.client_id,
        "minimum": subscription.minimum,
        "set_by": subscription.set_by,
        "set_at": subscription.set_at,
        "paused_because": "",
    }
    insert = insert_into(session, Subscription).values(**row)
    keys = ["connection_id", "channel_id"]
    changed = {name: insert.excluded[name] for name in row if name not in keys}
    await session.execute(insert.on_conflict_do_update(index_elements=keys, set_=changed))


async def remove(session: AsyncSession, connection_id: int, channel_id: str) -> bool:
    """Unsubscribe the channel; say whether it was subscribed."""
    removed = await session.scalar(
        delete(Subscription)
        .where(Subscription.connection_id == connection_id, Subscription.channel_id == channel_id)
        .returning(Subscription.id)
        .execution_options(synchronize_session=False)
    )
    return removed is not None


async def list_for(session: AsyncSession, connection_id: int) -> Sequence[Subscription]:
    """Return who hears of a connection, oldest first, the paused ones too."""
    found = await session.scalars(
        select(Subscription)
        .where(Subscription.connection_id == connection_id)
        .order_by(Subscription.id)
    )
    return found.all()


async def pause(
    session: AsyncSession, workspace_id: int, channel_id: str, because: str
) -> Sequence[Subscription]:
    """Pause what a channel of this workspace hears; return what was not paused before.

    The workspace matters: a channel shared by two companies has one id in both.
    """
    here = select(Connection.id).where(Connection.workspace_id == workspace_id)
    paused = await session.scalars(
        update(Subscription)
        .where(
            Subscription.channel_id == channel_id,
            Subscription.connection_id.in_(here),
            Subscription.paused_because == "",
        )
        .values(paused_because=because)
        .returning(Subscription)
        .execution_options(populate_existing=True, synchronize_session=False)
    )
    return paused.all()
