"""Writes about an export on their way to Xero: noted before they leave, looked up if unanswered."""

from datetime import datetime

from services.errors import Lost
from services.export.kit import Kit
from services.store import leaving
from services.store.tables import Export


async def leave(kit: Kit, export: Export) -> datetime | None:
    """Note that a write leaves now; return when an earlier one did that is not settled.

    Raises `StillUnderWay` while that one may still take effect, or `Lost`.
    """
    earlier = export.sent_at
    async with kit.database.sessions.begin() as session:
        if not await leaving.leave(session, export, kit.now()):
            raise Lost("Somebody else goes on with this export.")
    return earlier
