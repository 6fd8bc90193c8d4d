"""What people deleted or edited in Paymo of exported invoices, told once.

A few at a time, the longest unchecked first, so that one sweep stays cheap: ten calls to Paymo,
each for one invoice. Those that Paymo told something of, or that its list says were changed, come
before all others, and at most fifty at once. Nothing goes to Xero.
"""

import contextlib
from collections.abc import Sequence

from services.clients.paymo import Invoice
from services.errors import Lost, NotFound, Rejected, ServiceError
from services.lifecycle import invoice as lifecycle
from services.lifecycle import payment
from services.model.notice import NoticeKind
from services.model.payment import PaymentState
from services.store import exports, payments
from services.store.tables import Payment
from services.sync import drifting, telling
from services.sync.run import ExportedInvoice, SweepRun

_AT_ONCE = 10
_MOST_BATCHES = 5


async def check_next(run: SweepRun) -> None:
    """Check the invoices whose turn it is."""
    for _ in range(_MOST_BATCHES):
        async with run.database.sessions() as session:
            found = await exports.list_longest_unchecked(session, run.connection, _AT_ONCE)
        is_urgent = len(found) == _AT_ONCE and found[-1].paymo_checked_at is None
        for export in found:
            with contextlib.suppress(Lost):
                await _check(ExportedInvoice(run, export))
        if not is_urgent:
            return


async def _check(step: ExportedInvoice) -> None:
    run = step.run
    # Noted before Paymo is asked: a hint that comes while it answers has it asked again. Payments
    # are read before, too: what is recorded by then must stand in Paymo's answer.
    async with run.database.sessions.begin() as session:
        await lifecycle.mark_checked(session, step.export, run.now())
        rows = await payments.list_of(session, [step.export.id])
    try:
        invoice = await run.paymo.invoice(step.export.paymo_invoice_id)
    except NotFound:
        # The key may open another company by now than the one it was exported from.
        if (await run.paymo.company()).id == run.connection.paymo_company_id:
            await _note_gone(step)
    except Rejected as refusal:
        # What is the matter with one invoice must not keep all others waiting.
        run.problems.append(f"Invoice {step.export.number} could not be compared: {refusal}")
    except ServiceError:
        async with run.database.sessions.begin() as session:
            await exports.uncheck(session, [step.export.id])
        raise
    else:
        await _note_removed(step, rows, invoice)
        await drifting.note_in_paymo(step, invoice)


async def _note_gone(step: ExportedInvoice) -> None:
    """Tell once that the invoice was deleted in Paymo and stays in Xero."""
    async with step.run.database.sessions.begin() as session:
        await lifecycle.mark_gone(session, step.export)
        await telling.ended(session, step, NoticeKind.INVOICE_DELETED, in_paymo="gone_in_paymo")


async def _note_removed(step: ExportedInvoice, rows: Sequence[Payment], invoice: Invoice) -> None:
    """Leave a tombstone for every copy that a person deleted, so that it does not come back."""
    standing = {each.id for each in invoice.payments}
    for row in rows:
        if row.state is PaymentState.RECORDED and row.paymo_payment_id not in standing:
            with contextlib.suppress(Lost):
                async with step.run.database.sessions.begin() as session:
                    await payment.mark_deleted_by_person(session, row)
                    await telling.removed(session, step, row, by_person=True)
