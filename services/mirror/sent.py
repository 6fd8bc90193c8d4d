"""Which of Paymo's invoices have just become sent, for those who have them exported by itself."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.lifecycle.task import Asked, ask
from services.model.invoice import ISSUED_IN_PAYMO
from services.model.jobs import Job
from services.store import mirror
from services.store.engine import Session
from services.store.tables import Connection

_DRAFT = "draft"


async def consider(
    session: Session, connection: Connection, rows: Sequence[dict[str, Any]], now: datetime
) -> None:
    """Before these heads are copied, have those looked at that became sent since the last copy.

    One that is paid by now went out as well. Nothing that was sent before it was switched on
    counts, nor what an empty mirror cannot tell.
    """
    since = connection.auto_export_since
    if not connection.auto_export or since is None:
        return
    if await mirror.newest_header(session, connection.id) is None:
        return
    sent = [row for row in rows if row["status"] in ISSUED_IN_PAYMO and row["updated_on"] >= since]
    ids = [row["invoice_id"] for row in sent]
    known = await mirror.statuses(session, connection.id, ids)
    for invoice_id in ids:
        if known.get(invoice_id, _DRAFT) == _DRAFT:
            await ask(session, connection, Asked(Job.AUTO, str(invoice_id), now))
