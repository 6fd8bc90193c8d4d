"""What is thrown away after a while."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.store import batches, links
from services.store.tables import Connection, Draft, Grant, SlackState

# Slack closes a forgotten modal within a day.
_DRAFTS_LIVE = timedelta(days=2)
# A consent for several organisations waits ten minutes for a choice.
_CHOICES_LIVE = timedelta(hours=1)


async def purge(session: AsyncSession, now: datetime) -> None:
    """Remove old drafts, and what expired: links, states, consents nobody used."""
    in_use = select(Connection.id).where(Connection.grant_id == Grant.id)
    unused = Grant.expires_at < now - _CHOICES_LIVE
    await session.execute(delete(Grant).where(unused, ~in_use.exists()))
    await session.execute(delete(Draft).where(Draft.created_at < now - _DRAFTS_LIVE))
    await session.execute(delete(SlackState).where(SlackState.expire_at <= now))
    await batches.purge(session, now - _DRAFTS_LIVE)
    await links.purge(session, now)
