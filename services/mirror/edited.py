"""Which exported invoices Paymo's list says were changed, or lists no more: they come next.

Nothing is read for it: the list is copied all the same. What the list cannot tell, such as the copy
of a payment that somebody deleted, is found when the invoice's turn comes.
"""

from collections.abc import Sequence
from typing import Any

from services.model import chunks
from services.store import exports
from services.store.engine import Session
from services.store.tables import Connection

_AT_ONCE = 500


async def consider(
    session: Session, connection: Connection, rows: Sequence[dict[str, Any]], *, is_whole: bool
) -> None:
    """Before these heads are copied, have those looked at that changed since the last copy."""
    fresh = {row["invoice_id"]: row["updated_on"] for row in rows}
    for part in [None] if is_whole else chunks(list(fresh), _AT_ONCE):
        copied = await exports.list_copied(session, connection, part)
        due = [export_id for export_id, invoice_id, at in copied if fresh.get(invoice_id) != at]
        for some in chunks(due, _AT_ONCE):
            await exports.uncheck(session, some)
