"""Invoices that were deleted or voided in Xero: followed in Paymo, never in a hurry.

What Xero said once is asked for again by id, from the same organisation; Paymo's invoice is kept
as it was; payments that people typed in Paymo are theirs, so a person is asked first.
"""

import contextlib
from decimal import Decimal

import structlog

from services.clients.paymo import Invoice
from services.errors import NotFound, Rejected, StillUnderWay, Throttled, Unavailable
from services.jobs.backoff import DELETION
from services.model.invoice import InvoiceState
from services.model.notice import NoticeKind
from services.store import cards, connections, exports, leaving, payments
from services.sync import telling, ties
from services.sync.kit import Followed, Look
from services.sync.marks import is_ours
from services.sync.observing import DELETED, VOIDED

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 3
# In `Export.wanted`: what a person said after the breaker or a question.
APPLY = "apply"
FORCED = "forced"
AS_VOID = "as_void"
_DECIDED = frozenset({FORCED, AS_VOID})
_STUCK = "Paymo didn’t follow for a day."


async def run_unsettled(look: Look) -> int:
    """Follow every deletion and voiding, unless there are too many; return how many were."""
    if await _held(look):
        return 0
    async with look.kit.database.sessions() as session:
        found = await exports.list_unsettled(session, look.connection)
    done = 0
    for export in found:
        case = Followed(look, export)
        try:
            done += await _settle(case)
        except StillUnderWay as refusal:
            look.waits.append(refusal.until)
        except Throttled as refusal:
            # The row stays as it is, so the next look takes it up again.
            log.info("deletion_put_off", export=export.id, refusal=refusal)
        except (Rejected, Unavailable) as refusal:
            look.problems.append(f"Invoice {export.number} stays in Paymo: {refusal}")
            await _write(case, tries=export.tries + 1)
    return done


async def _held(look: Look) -> bool:
    """Stop, and ask, when more were deleted or voided than a person does in one go."""
    async with look.kit.database.sessions.begin() as session:
        found = await exports.list_unsettled(session, look.connection)
        new = [each for each in found if not each.wanted]
        connection = await connections.get(session, look.connection.id)
        if len(new) <= MOST_AT_ONCE and not (connection.is_paused and new):
            return False
        for export in new:
            export.wanted = "delete" if export.invoice_state is InvoiceState.DELETE_SEEN else "void"
            export.invoice_state = InvoiceState.HELD
        connection.is_paused = True
        await telling.paused(session, look, await exports.list_held(session, connection.id))
    return not [each for each in found if each.wanted in {APPLY, *_DECIDED}]


async def _settle(case: Followed) -> bool:
    await _require_quiet(case)
    status = await _status_again(case)
    if status not in {DELETED, VOIDED}:
        await _let_stand(case, status)
        return False
    invoice = await _in_paymo(case)
    if invoice is None:
        return await _record_gone(case, status)
    leaving.require_over(case.export, case.look.kit.now())
    if why := await _why_asked(case, status, invoice):
        await _ask(case, status, **why)
        return False
    if not await _keep_snapshot(case, invoice):
        return False  # somebody else goes on with it
    kind = NoticeKind.INVOICE_VOIDED if status == VOIDED else NoticeKind.INVOICE_DELETED
    if _is_kept_as_void(case, status):
        with leaving.answered(case.export):
            await case.look.paymo.set_status(invoice.id, "void")
        await _end(case, InvoiceState.VOIDED, kind, in_paymo="void")
        return True
    with contextlib.suppress(NotFound), leaving.answered(case.export):
        await case.look.paymo.delete_invoice(invoice.id)
    await _end(case, InvoiceState.DELETED, kind, in_paymo="deleted")
    return True


async def _why_asked(case: Followed, status: str, invoice: Invoice) -> dict[str, str]:
    """Return why a person must decide, or nothing."""
    if DELETION.is_over(case.export.tries):
        return {"why": _STUCK}
    hand_typed = await _hand_typed(case, invoice)
    cuts = "" if _is_kept_as_void(case, status) else ties.said(invoice)
    if (hand_typed or cuts) and case.export.wanted not in _DECIDED:
        return {"hand_typed": cards.amount_text(hand_typed or None), "cuts": cuts}
    return {}


async def _require_quiet(case: Followed) -> None:
    """Raise `StillUnderWay` while a payment may still arrive on the invoice."""
    async with case.look.kit.database.sessions() as session:
        rows = await payments.list_of(session, [case.export.id])
    for row in rows:
        leaving.require_over(row, case.look.kit.now())


async def _let_stand(case: Followed, status: str) -> None:
    """Forget the deletion, unless Paymo's side was begun and Xero just does not find it now."""
    if status or case.export.snapshot is None:
        await _write(case, invoice_state=InvoiceState.LIVE)


async def _status_again(case: Followed) -> str:
    """Ask for the invoice by id; one that cannot be found says nothing about deletion."""
    try:
        found = await case.look.xero.invoice(case.export.xero_invoice_id or "")
    except NotFound:
        return ""
    return found.status


async def _in_paymo(case: Followed) -> Invoice | None:
    try:
        return await case.look.paymo.invoice_with_time(case.export.paymo_invoice_id)
    except NotFound:
        return None


def _is_kept_as_void(case: Followed, status: str) -> bool:
    if case.export.wanted == AS_VOID:
        return True
    wants_delete = case.look.connection.void_means == "delete" or case.export.wanted == FORCED
    return status == VOIDED and not wants_delete


async def _hand_typed(case: Followed, invoice: Invoice) -> Decimal:
    """Return what people typed in Paymo: everything that is not a copy of ours."""
    async with case.look.kit.database.sessions() as session:
        rows = await payments.list_of(session, [case.export.id])
    ours = {row.paymo_payment_id for row in rows}
    return sum(
        (each.amount for each in invoice.payments if each.id not in ours and not is_ours(each)),
        Decimal(0),
    )


async def _record_gone(case: Followed, status: str) -> bool:
    """Settle what is not in Paymo any more: by our own hand before a crash, or by a person's."""
    kind = NoticeKind.INVOICE_VOIDED if status == VOIDED else NoticeKind.INVOICE_DELETED
    if case.export.snapshot is not None:
        await _end(case, InvoiceState.DELETED, kind, in_paymo="deleted")
        return True
    await _write(case, invoice_state=InvoiceState.DELETED)
    return False


async def _ask(case: Followed, status: str, **facts: str) -> None:
    kind = NoticeKind.INVOICE_VOIDED if status == VOIDED else NoticeKind.INVOICE_DELETED
    wanted = "void" if status == VOIDED else "delete"
    async with case.look.kit.database.sessions.begin() as session:
        written = await exports.change_invoice_state(
            session, case.export, invoice_state=InvoiceState.ASKED, wanted=wanted, tries=0
        )
        if written:
            await telling.ended(session, case, kind, in_paymo="asked", **facts)


async def _end(
    case: Followed, invoice_state: InvoiceState, kind: NoticeKind, *, in_paymo: str
) -> None:
    async with case.look.kit.database.sessions.begin() as session:
        written = await exports.change_invoice_state(
            session, case.export, invoice_state=invoice_state, wanted="", sent_at=None
        )
        if written:
            await telling.ended(session, case, kind, in_paymo=in_paymo)


async def _keep_snapshot(case: Followed, invoice: Invoice) -> bool:
    """Keep the invoice as it was before we touched it, also when that is done a second time.

    The write about it leaves then.
    """
    now = case.look.kit.now()
    is_touched = case.export.snapshot is not None and invoice.status == "void"
    snapshot = case.export.snapshot if is_touched else invoice.as_json()
    return await _write(case, snapshot=snapshot, sent_at=now)


async def _write(case: Followed, **values: object) -> bool:
    async with case.look.kit.database.sessions.begin() as session:
        return await exports.change_invoice_state(session, case.export, **values)
