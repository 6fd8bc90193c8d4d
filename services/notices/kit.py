"""What posting notices and drawing cards again share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.model.links import Links
from services.notices.shapes import NoticeBoard
from services.store.engine import Database
from services.store.tables import Export


@dataclass(frozen=True, slots=True)
class Round:
    """One go at a workspace's outbox; `spoke_at` is when each channel was last posted in."""

    database: Database
    board: NoticeBoard
    links: Links
    now: Callable[[], datetime]
    spoke_at: dict[str, datetime]


def ids_of(export: Export) -> dict[str, object]:
    """Return what a program needs to find an invoice in either system; ids only."""
    return {
        "connection_id": export.connection_id,
        "tenant_id": export.tenant_id,
        "export_id": export.id,
        "paymo_invoice_id": export.paymo_invoice_id,
        "xero_invoice_id": export.xero_invoice_id or "",
    }
