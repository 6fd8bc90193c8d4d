"""Two names that a connection joins, and the connections that stand beside it."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.errors import Pair
from services.model.connection import ConnectionState
from services.store.tables import Connection

IN_USE = (ConnectionState.ACTIVE, ConnectionState.BROKEN)


def pair_of(connection: Connection) -> Pair:
    """Return the connection's two names."""
    return Pair(
        connection_id=connection.id,
        company=connection.paymo_company_name,
        organisation=connection.organisation_name,
        is_demo=connection.is_demo,
        owner_id=connection.owner_id,
    )


async def find_rival(session: AsyncSession, connection: Connection) -> Connection | None:
    """Return another connection of this workspace that joins the same two, if any."""
    found: Connection | None = await session.scalar(
        select(Connection).where(
            Connection.workspace_id == connection.workspace_id,
            Connection.id != connection.id,
            Connection.state.in_((*IN_USE, ConnectionState.ENDING)),
            Connection.paymo_company_id == connection.paymo_company_id,
            Connection.tenant_id == connection.tenant_id,
        )
    )
    return found


async def has_others(session: AsyncSession, connection: Connection) -> bool:
    """Say whether the workspace has another connection that is in use."""
    other = await session.scalar(
        select(Connection.id)
        .where(
            Connection.workspace_id == connection.workspace_id,
            Connection.id != connection.id,
            Connection.state.in_(IN_USE),
        )
        .limit(1)
    )
    return other is not None


async def find_begun(session: AsyncSession, workspace_id: int, user_id: str) -> Connection | None:
    """Return the connection that this person has begun and not finished."""
    found: Connection | None = await session.scalar(
        select(Connection)
        .where(
            Connection.workspace_id == workspace_id,
            Connection.state == ConnectionState.PENDING,
            Connection.owner_id == user_id,
        )
        .order_by(Connection.id.desc())
        .limit(1)
    )
    return found
