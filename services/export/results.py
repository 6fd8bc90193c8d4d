"""What came of an export, as the person and the channels are told."""

from datetime import datetime

from services import money
from services.export.shapes import ExportResult
from services.model.actions import Action, after_a_refusal
from services.model.export import ExportState, Wish
from services.model.invoice import Links
from services.model.notice import NoticeKind
from services.store import audit, notices
from services.store.audit import AuditNote
from services.store.engine import Session
from services.store.tables import Connection, Export


def result_of(export: Export, connection: Connection, links: Links) -> ExportResult:
    """Return the outcome as it stands in the row."""
    is_done = export.xero_invoice_id is not None
    found = actions_of(export)
    is_owner = export.requested_by == connection.owner_id
    is_taken = Action.WITHOUT_NUMBER in found
    return ExportResult(
        export_id=export.id,
        state=export.state,
        organisation=connection.organisation_name,
        number=export.number,
        xero_number=export.xero_number,
        is_number_left_out=is_done and export.xero_number != export.number,
        client_name=export.client_name,
        total=export.total,
        currency=export.currency,
        xero_total=export.xero_total,
        xero_status=export.xero_status,
        paymo_invoice_id=export.paymo_invoice_id,
        xero_invoice_id=export.xero_invoice_id or "",
        tenant_id=export.tenant_id,
        xero_url=links.xero(connection.short_code, export.xero_invoice_id),
        paymo_url=links.paymo(export.paymo_invoice_id),
        reason=export.reason,
        actions=tuple(each for each in found if is_owner or each != Action.OVERRIDE_TAX),
        ask="" if is_owner or Action.OVERRIDE_TAX not in found else connection.owner_id,
        rival_url=links.xero(connection.short_code, export.rival_id) if is_taken else "",
    )


def actions_of(export: Export) -> tuple[Action, ...]:
    """Return what helps where the export stands now."""
    if export.state is ExportState.UNKNOWN and export.wish is not Wish.CANCEL:
        return (Action.CANCEL,)
    if export.state is not ExportState.FAILED:
        return ()
    return after_a_refusal(export.refusals)


async def tell_exported(
    session: Session, export: Export, connection: Connection, links: Links, now: datetime
) -> None:
    """Owe every subscribed channel its card, and note who did it."""
    notification = notices.Notification(
        kind=NoticeKind.INVOICE_EXPORTED,
        source=f"exported:{export.id}",
        facts=notices.card_facts(export, connection, links, ()),
        export=export,
        amount=export.total,
    )
    await notices.enqueue(session, connection, notification, now)
    entry = AuditNote(
        "exported",
        now,
        export.requested_by,
        export_id=export.id,
        after={
            "xero_invoice_id": export.xero_invoice_id,
            "xero_number": export.xero_number,
            "total": money.format_amount(export.total, export.currency) if export.total else "",
            **notices.order_of(export, connection),
        },
    )
    audit.record(session, connection, entry)


async def tell_failed(
    session: Session, export: Export, connection: Connection, links: Links, now: datetime
) -> None:
    """Owe every subscribed channel the reason, once for each time somebody asked."""
    why = {
        "rival_url": result_of(export, connection, links).rival_url,
        "reason": export.reason,
        "by": export.requested_by,
        "cures": list(actions_of(export)),
        **notices.order_of(export, connection),
    }
    notification = notices.Notification(
        kind=NoticeKind.EXPORT_FAILED,
        source=f"failed:{export.id}:{export.fence}",
        facts=notices.common_facts(export, connection, links) | why,
        export=export,
    )
    await notices.enqueue(session, connection, notification, now)
    entry = AuditNote(
        "export_failed",
        now,
        export.requested_by,
        export_id=export.id,
        after={"problem": ",".join(export.refusals), **notices.order_of(export, connection)},
    )
    audit.record(session, connection, entry)
