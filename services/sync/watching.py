"""A look at exported invoices in Paymo: what people deleted or edited there is told once.

A few at a time, the longest unchecked first, so that one look stays cheap: ten calls to Paymo, each
for one invoice. Those that Paymo told something of, or that its list says were changed, come before
all others, and at most fifty at once. Nothing goes to Xero.
"""

from collections.abc import Sequence

from services.clients.paymo import Invoice
from services.errors import NotFound, Rejected, ServiceError
from services.model.invoice import InvoiceState
from services.model.notice import NoticeKind
from services.model.payment import PaymentState
from services.store import exports, payments
from services.store.fence import fenced
from services.store.tables import Payment
from services.sync import drifting, telling
from services.sync.kit import Followed, Look

_AT_ONCE = 10
_MOST_BATCHES = 5


async def run(look: Look) -> None:
    """Check the invoices whose turn it is."""
    for _ in range(_MOST_BATCHES):
        async with look.kit.database.sessions() as session:
            found = await exports.list_longest_unchecked(session, look.connection, _AT_ONCE)
        is_urgent = len(found) == _AT_ONCE and found[-1].paymo_checked_at is None
        for export in found:
            await _check(Followed(look, export))
        if not is_urgent:
            return


async def _check(case: Followed) -> None:
    look = case.look
    # Noted before Paymo is asked: a hint that comes while it answers has it asked again. Payments
    # are read before, too: what is recorded by then must stand in Paymo's answer.
    async with look.kit.database.sessions.begin() as session:
        if not await exports.change_invoice_state(
            session, case.export, paymo_checked_at=look.kit.now()
        ):
            return
        rows = await payments.list_of(session, [case.export.id])
    try:
        invoice = await look.paymo.invoice(case.export.paymo_invoice_id)
    except NotFound:
        if await _is_same_company(look):
            await _note_gone(case)
    except Rejected as refusal:
        # What is the matter with one invoice must not keep all others waiting.
        look.problems.append(f"Invoice {case.export.number} could not be compared: {refusal}")
    except ServiceError:
        async with look.kit.database.sessions.begin() as session:
            await exports.uncheck(session, [case.export.id])
        raise
    else:
        await _note_removed(case, rows, invoice)
        await drifting.note_in_paymo(case, invoice)


async def _is_same_company(look: Look) -> bool:
    """Say whether the key still opens the company that the invoice was exported from."""
    company = await look.paymo.company()
    return company.id == look.connection.paymo_company_id


async def _note_gone(case: Followed) -> None:
    """Tell once that the invoice was deleted in Paymo and stays in Xero."""
    async with case.look.kit.database.sessions.begin() as session:
        if await exports.change_invoice_state(
            session, case.export, invoice_state=InvoiceState.GONE
        ):
            await telling.ended(session, case, NoticeKind.INVOICE_DELETED, in_paymo="gone_in_paymo")


async def _note_removed(case: Followed, rows: Sequence[Payment], invoice: Invoice) -> None:
    """Leave a tombstone for every copy that a person deleted, so that it does not come back."""
    standing = {each.id for each in invoice.payments}
    for row in rows:
        is_recorded = row.state is PaymentState.RECORDED
        if is_recorded and row.paymo_payment_id not in standing:
            await _note_tombstone(case, row)


async def _note_tombstone(case: Followed, row: Payment) -> None:
    async with case.look.kit.database.sessions.begin() as session:
        if await fenced(session, row, row.fence, state=PaymentState.TOMBSTONE):
            await telling.removed(session, case, row, by_person=True)
