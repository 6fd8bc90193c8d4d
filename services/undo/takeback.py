"""The job that takes an export back, in the way that Xero's books allow; Paymo keeps its invoice.

A draft is deleted. An approved invoice without payments is renamed, so that its number is free
again, and then voided. Anything else is refused, and nothing is changed.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from services.clients.xero import XeroInvoice
from services.errors import Lost, NotFound, Rejected, ServiceError, Unavailable
from services.export.kit import Kit
from services.export.refusals import Refused
from services.export.underway import Taken, Underway, postpone
from services.lifecycle import invoice as invoices
from services.lifecycle import payment
from services.lifecycle import task as lifecycle
from services.mapping import books
from services.model.export import RefusalCode
from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.store import audit, cards, notices
from services.store.audit import AuditNote
from services.store.engine import Session
from services.store.tables import Export, Task

_End = Callable[[Session, Export], Awaitable[bool]]
_ENDED: Mapping[str, _End] = {
    invoices.DELETED: invoices.mark_deleted_amid_undo,
    invoices.VOIDED: invoices.mark_voided_amid_undo,
}
_LONGEST = 255  # characters of an invoice's number


async def run(kit: Kit, taken: Taken) -> None:
    """Bring it a step on; what may have been done already is read before anything is sent."""
    case = Underway(kit, taken.connection, taken.export, taken.task)
    with suppress(Lost):
        try:
            await _run(case)
        except Refused as refusal:
            await _refuse(case, f"{refusal} {await _named_back(case)}".strip())
        except Lost:
            raise
        except ServiceError as refusal:
            async with kit.database.sessions.begin() as session:
                said = await postpone(session, taken, refusal, kit.now())
            await case.say(said, is_well=False)


async def _run(case: Underway) -> None:
    xero = case.xero
    try:
        invoice = await xero.invoice(case.export.xero_invoice_id or "")
    except NotFound:
        raise Refused(
            f"Xero does not find invoice {case.export.number}, so nothing was changed.",
            RefusalCode.GONE,
        ) from None
    sent = str(case.task.data.get("sent", ""))
    if invoice.status in _ENDED:
        if sent not in _ENDED:
            await _ended_by_others(case, invoice)
        else:
            await _succeed(case, invoice)
        return
    case.require_over()
    await _check(case, invoice)
    try:
        await _end(case, invoice)
    except Rejected as refusal:
        raise Refused(
            f"Invoice {case.export.number} was not taken back. {refusal}", RefusalCode.REJECTED
        ) from refusal


async def _check(case: Underway, invoice: XeroInvoice) -> None:
    """Raise `Refused` where Xero's books do not allow it, or a person should look first."""
    number, organisation = case.export.number, case.connection.organisation_name
    settled = [
        *invoice.payments,
        *invoice.credit_notes,
        *invoice.overpayments,
        *invoice.prepayments,
    ]
    if settled or invoice.status == "PAID":
        raise Refused(
            f"Invoice {number} has payments or credits in {organisation}, so it stays. Remove them "
            "in Xero first (a batch or reconciled payment at the bank account it belongs to), then "
            "undo again.",
        )
    async with case.kit.database.sessions() as session:
        known = await books.load(session, case.connection, "")
    locked, day = known.locked_until, invoice.issued_on
    is_approved = invoice.status == "AUTHORISED"
    if is_approved and locked is not None and day is not None and day <= locked:
        raise Refused(
            f"Invoice {number} is dated {day:%d %b %Y} and {organisation} is locked up to "
            f"{locked:%d %b %Y}, so it stays. Move the lock date in Xero first, or give a credit "
            "note.",
            RefusalCode.LOCKED,
        )


async def _end(case: Underway, invoice: XeroInvoice) -> None:
    key = f"undo-{case.export.tenant_id}-{case.task.id}-{case.task.tries}"
    if invoice.status == "AUTHORISED":
        free = _freed(case.export, case.task)
        if invoice.invoice_number != free:
            await case.leave(sent="rename")
            await case.change({"InvoiceNumber": free}, key=f"{key}-rename")
        end = "VOIDED"
    else:
        end = "DELETED"
    await case.leave(sent=end)
    ended = await case.change({"Status": end}, key=f"{key}-end")
    if ended.status != end:
        raise Unavailable(f"Xero did not say that invoice {case.export.number} is {end.lower()}.")
    await _succeed(case, ended)


async def _named_back(case: Underway) -> str:
    """Give a refused invoice its number back; say so where Xero does not let us."""
    if case.task.data.get("sent") not in {"rename", "VOIDED"}:
        return ""
    number = case.export.xero_number
    key = f"undo-{case.export.tenant_id}-{case.task.id}-{case.task.tries}-back"
    try:
        await case.leave_anyway()
        await case.change({"InvoiceNumber": number}, key=key)
    except ServiceError:
        return f"In Xero it may be called {_freed(case.export, case.task)} now: call it {number}."
    return ""


def _freed(export: Export, task: Task) -> str:
    """Return the name that a void invoice keeps, so that its number can be used again."""
    suffix = f" undone {task.id}"
    return f"{export.xero_number[: _LONGEST - len(suffix)]}{suffix}"


async def _succeed(case: Underway, invoice: XeroInvoice) -> None:
    kit, export, now = case.kit, case.export, case.kit.now()
    how = "deleted" if invoice.status == "DELETED" else "voided"
    async with kit.database.sessions.begin() as session:
        await lifecycle.finish(session, case.task, {"how": how})
        await invoices.mark_undone(session, export, invoice.status)
        # No look at Xero follows it from here on, and it had no payment left when it ended.
        await payment.check_all(session, export, now)
        facts = cards.common_facts(export, case.connection, kit.links)
        facts |= {"by": case.task.asked_by, "how": how}
        notification = notices.Notification(
            NoticeKind.INVOICE_UNDONE, f"undone:{case.task.id}", facts, export, export.total
        )
        await notices.enqueue(session, case.connection, notification, now)
        before = {"xero_invoice_id": export.xero_invoice_id, "xero_number": export.xero_number}
        entry = AuditNote("undone", now, case.task.asked_by, export.id, before, {"how": how})
        audit.record(session, case.connection, entry)
    await kit.work.nudge(Job.NOTICES, case.connection.workspace_id)
    organisation = case.connection.organisation_name
    await case.say(
        f"Invoice {export.number} was {how} in {organisation}. Paymo keeps it, and it can be "
        "exported again.",
    )


async def _ended_by_others(case: Underway, invoice: XeroInvoice) -> None:
    """Leave to the look at Xero what a person did there in the meantime."""
    await _refuse(
        case,
        f"Somebody has {invoice.status.lower()} invoice {case.export.number} in Xero already, so "
        "Paymo follows that as usual.",
        end=_ENDED[invoice.status],
    )


async def _refuse(case: Underway, why: str, *, end: _End = invoices.stop_undo) -> None:
    async with case.kit.database.sessions.begin() as session:
        await lifecycle.refuse(session, case.task, why)
        await end(session, case.export)
        entry = AuditNote(
            "undo_refused",
            case.kit.now(),
            case.task.asked_by,
            case.export.id,
            after={"reason": why},
        )
        audit.record(session, case.connection, entry)
    await case.say(why, is_well=False)
