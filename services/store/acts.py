"""Who did what, when; rows are only ever added."""

from sqlalchemy.ext.asyncio import AsyncSession

from services.store.tables import Act


def add(session: AsyncSession, act: Act) -> None:
    """Note an act; its `user_id` is "" when the app acted by itself."""
    session.add(act)
