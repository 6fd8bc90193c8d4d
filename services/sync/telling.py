"""What is told of payments, deletions and the breaker."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from services.model.notice import NoticeKind
from services.model.payment import PaymentState
from services.store import audit, cards, connections, notices, payments
from services.store.audit import AuditNote
from services.store.engine import Session
from services.store.tables import Export, Payment
from services.sync.run import ExportedInvoice, SweepRun

_MOST_NUMBERS = 10
_BURST = 10  # more than these at once are also told in one line


async def payment_facts(
    session: Session, step: ExportedInvoice, payment: Payment
) -> dict[str, Any]:
    """Return what every notice of a payment says."""
    run, export = step.run, step.export
    rows = await payments.list_of(session, [export.id])
    paid = cards.paid_of(rows)
    left = (export.total or Decimal(0)) - paid
    return cards.common_facts(export, run.connection, run.links) | {
        "payment_id": payment.id,
        "amount": cards.amount_text(payment.recorded_amount or payment.amount),
        "paid_on": payment.paid_on.isoformat(),
        "kind": payment.kind.value,
        "label": payment.label,
        "paid": cards.amount_text(paid),
        "left": cards.amount_text(left),
        "is_paid": left <= 0,
    }


async def received(session: Session, step: ExportedInvoice, payment: Payment, **more: Any) -> None:
    """Tell a payment, or why it was not recorded; an edited one once, as a change."""
    facts = {"changed_from": "", "short_by": "", "gone": False, "asked": "", **more}
    if payment.replaces_id is not None:
        former = await payments.get(session, payment.replaces_id)
        if former.state is PaymentState.REMOVED:
            facts["changed_from"] = cards.amount_text(former.recorded_amount or former.amount)
    facts = await payment_facts(session, step, payment) | facts
    await _enqueue(session, step, NoticeKind.PAYMENT_RECEIVED, payment, facts)


async def removed(
    session: Session,
    step: ExportedInvoice,
    payment: Payment,
    *,
    by_person: bool,
    is_stuck: bool = False,
) -> None:
    """Tell that a payment is gone, from Xero or by a person in Paymo, or stuck in Paymo."""
    facts = await payment_facts(session, step, payment)
    facts |= {"by_person_in_paymo": by_person, "is_stuck": is_stuck}
    await _enqueue(session, step, NoticeKind.PAYMENT_REMOVED, payment, facts)


async def _enqueue(
    session: Session,
    step: ExportedInvoice,
    kind: NoticeKind,
    payment: Payment,
    facts: dict[str, Any],
) -> None:
    now = step.run.now()
    notification = notices.Notification(
        kind=kind,
        source=f"payment:{payment.id}:{kind.value}:{payment.fence}",
        facts=facts,
        export=step.export,
        amount=payment.amount,
    )
    await notices.enqueue(session, step.run.connection, notification, now)
    after = {
        "xero_payment_id": payment.xero_payment_id,
        "amount": cards.amount_text(payment.recorded_amount or payment.amount),
        "state": payment.state.value,
    }
    entry = AuditNote(kind.value, now, export_id=step.export.id, after=after)
    audit.record(session, step.run.connection, entry)


async def ended(
    session: Session,
    step: ExportedInvoice,
    kind: NoticeKind,
    *,
    in_paymo: str,
    **more: str,
) -> None:
    """Tell what became of an invoice that is deleted or void in Xero, or deleted in Paymo.

    `why`, `hand_typed` and `cuts` say why a person is asked first.
    """
    run, export = step.run, step.export
    now = run.now()
    facts = cards.common_facts(export, run.connection, run.links) | {
        "in_paymo": in_paymo,
        "hand_typed": "",
        "cuts": "",
        "why": "",
        **more,
    }
    source = f"ended:{export.id}:{kind.value}:{in_paymo}"
    if facts["why"]:
        source += f":{now:%Y%m%d}"  # a person may have it tried again, and it may fail again
    notification = notices.Notification(kind=kind, source=source, facts=facts, export=export)
    await notices.enqueue(session, run.connection, notification, now)
    entry = AuditNote(
        kind.value,
        now,
        export_id=export.id,
        before=export.snapshot or {},
        after={"in_paymo": in_paymo},
    )
    audit.record(session, run.connection, entry)


async def paused(session: Session, run: SweepRun, held: Sequence[Export]) -> None:
    """Ask a person before many invoices are deleted or voided in Paymo at once."""
    connection = run.connection
    facts = connections.common_facts(connection) | {
        "count": len(held),
        "numbers": [each.number for each in held[:_MOST_NUMBERS]],
        "kind": "deleted or voided",
    }
    notification = notices.Notification(
        kind=NoticeKind.SYNC_PAUSED,
        source=f"paused:{connection.id}:{max(each.id for each in held)}:{len(held)}",
        facts=facts,
        also=[connection.owner_id],
    )
    await notices.enqueue(session, connection, notification, run.now())


async def failing(session: Session, run: SweepRun, since: datetime, problem: str) -> None:
    """Tell once that Xero can't be read, so that nobody waits for its payments."""
    connection = run.connection
    notification = notices.Notification(
        kind=NoticeKind.SYNC_FAILING,
        source=f"failing:{connection.id}:{since:%Y%m%d%H%M%S}",
        facts=connections.common_facts(connection)
        | {"since": since.isoformat(), "problem": problem},
        also=[connection.owner_id],
    )
    await notices.enqueue(session, connection, notification, run.now())


async def caught_up(session: Session, run: SweepRun, counts: dict[str, int]) -> None:
    """After very much at once, say in one line what came; each stands in its own thread, too."""
    if sum(counts.values()) <= _BURST:
        return
    connection = run.connection
    notification = notices.Notification(
        kind=NoticeKind.CAUGHT_UP,
        source=f"caught_up:{connection.id}:{run.turn.row.fence}",
        facts=connections.common_facts(connection) | counts,
    )
    await notices.enqueue(session, connection, notification, run.now())
