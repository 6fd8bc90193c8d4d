"""Automatic export stops itself when it fails again and again."""

from datetime import datetime

from services.lifecycle.export import stop_automatic
from services.model.notice import NoticeKind
from services.store import audit, automatic, connections, notices
from services.store.audit import AuditNote
from services.store.engine import Session
from services.store.tables import Export

_STOPPED = (
    "Automatic export was switched off before this invoice was sent. Export it by hand, or press "
    "Retry."
)


async def look(session: Session, export: Export, now: datetime) -> None:
    """Switch it off after a run of failures, and say so, if this was an automatic export."""
    if export.requested_by:
        return
    connection = await connections.get(session, export.connection_id)
    since = connection.auto_export_since
    if not connection.auto_export or since is None:
        return
    numbers = await automatic.list_failed_run(session, connection)
    if not numbers:
        return
    await stop_automatic(session, automatic.queued_by(connection), _STOPPED)
    connection.auto_export = False
    facts = {"numbers": numbers, "owner": connection.owner_id}
    notification = notices.Notification(
        kind=NoticeKind.AUTO_EXPORT_PAUSED,
        source=f"auto_paused:{connection.id}:{since:%Y%m%d%H%M%S}",
        facts=connections.common_facts(connection) | facts,
        also=[connection.owner_id],
    )
    await notices.enqueue(session, connection, notification, now)
    audit.record(
        session, connection, AuditNote("auto_export_paused", now, after={"numbers": numbers})
    )
