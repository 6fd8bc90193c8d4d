"""What the heads of Paymo's invoices say has happened since they were last copied."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.lifecycle.task import TaskRequest, ask
from services.model import chunks
from services.model.invoice import ISSUED_IN_PAYMO
from services.model.jobs import Job
from services.store import exports, mirror
from services.store.engine import Session
from services.store.tables import Connection

_AT_ONCE = 500
_DRAFT = "draft"


async def note_edited(
    session: Session, connection: Connection, rows: Sequence[dict[str, Any]], *, is_whole: bool
) -> None:
    """Have exported invoices looked at next that changed, or that the list holds no more.

    Nothing is read for it: the list is copied all the same. What the list cannot tell, such as the
    copy of a payment that somebody deleted, is found when the invoice's turn comes.
    """
    fresh = {row["invoice_id"]: row["updated_on"] for row in rows}
    for part in [None] if is_whole else chunks(list(fresh), _AT_ONCE):
        copied = await exports.list_copied(session, connection, part)
        due = [export_id for export_id, invoice_id, at in copied if fresh.get(invoice_id) != at]
        for some in chunks(due, _AT_ONCE):
            await exports.uncheck(session, some)


async def note_sent(
    session: Session, connection: Connection, rows: Sequence[dict[str, Any]], now: datetime
) -> None:
    """Have those looked at that became sent, where they are exported by themselves.

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
            await ask(session, connection, TaskRequest(Job.AUTO, str(invoice_id), now))
