"""Telling once that an exported invoice was edited in Paymo, or changed in Xero; nothing moves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services import compare
from services.clients.paymo import Invoice
from services.clients.xero import XeroInvoice
from services.compare import Comparison, Difference, Snapshot, Standing
from services.errors import NotFound, Rejected, ServiceError
from services.model.invoice import InvoiceState
from services.model.notice import NoticeKind
from services.store import audit, cards, exports, matches, mirror, notices
from services.store.audit import AuditNote
from services.store.engine import Session
from services.sync.run import ExportedInvoice, SweepRun

_IN_XERO = (
    "Nothing moves by itself: change it back in Xero, or make the same change in Paymo, so that "
    "both say the same."
)


@dataclass(frozen=True, slots=True)
class _Side:
    """What is told of one side; `is_shared` says that both have the same change."""

    name: str
    found: tuple[Difference, ...]
    is_shared: bool


async def note_in_paymo(step: ExportedInvoice, invoice: Invoice) -> None:
    """Tell what somebody edited in Paymo after the export, once for each state of it."""
    seen = await _with_paymo(step, compare.compared_of(step.export), invoice)
    async with step.run.database.sessions.begin() as session:
        await _settle(session, step, seen)


async def _with_paymo(step: ExportedInvoice, known: Comparison, invoice: Invoice) -> Comparison:
    export = step.export
    contact_id = export.contact_id
    if export.client_id not in (None, invoice.client_id):
        async with step.run.database.sessions() as session:
            contact_id = await matches.contact_of(session, step.run.connection, invoice.client_id)
    return compare.checked(export, known, invoice=invoice, contact_id=contact_id)


async def note_in_xero(run: SweepRun, invoices: Sequence[XeroInvoice]) -> None:
    """Tell what somebody changed in Xero, once for each state of it."""
    stated = {each.invoice_id: each for each in invoices}
    async with run.database.sessions() as session:
        known = await exports.list_by_xero_ids(session, run.connection, list(stated))
    for xero_id, export in known.items():
        if export.invoice_state is InvoiceState.LIVE and export.state in exports.DONE:
            await _note_one(ExportedInvoice(run, export), stated[xero_id])


async def _note_one(step: ExportedInvoice, invoice: XeroInvoice) -> None:
    export, shown = step.export, compare.in_xero(invoice)
    known = compare.compared_of(export)
    seen = compare.checked(export, known, stated=shown)
    if seen == known:
        return
    if seen.changed is not None and await _was_merged(step, shown):
        shown = replace(shown, contact_id=export.contact_id)
        seen = compare.checked(export, known, stated=shown)
    if compare.standing(export, seen).in_xero:
        seen = await _with_both(step, seen)
    async with step.run.database.sessions.begin() as session:
        if not await exports.is_our_change(session, export, invoice.updated_at):
            await _settle(session, step, seen)


async def _with_both(step: ExportedInvoice, seen: Comparison) -> Comparison:
    """Look at Paymo's invoice, too: the same change there makes it no difference."""
    try:
        invoice = await step.run.paymo.invoice(step.export.paymo_invoice_id)
    except ServiceError:
        return seen  # what is the matter there is told where Paymo is watched
    return await _with_paymo(step, seen, invoice)


async def _was_merged(step: ExportedInvoice, shown: Snapshot) -> bool:
    """Say whether the contact was archived, as a merge leaves it: then Xero moved the invoice."""
    export = step.export
    if shown.contact_id in {"", export.contact_id}:
        return False
    async with step.run.database.sessions() as session:
        contact = await mirror.find_contact(session, export.connection_id, export.contact_id)
    if contact is not None and not contact.is_active:
        return True
    try:
        stated = await step.run.xero.contact(export.contact_id)
    except NotFound:
        return True
    except Rejected:
        return False  # as long as it cannot be read, only that the contact is another one is sure
    return stated.contact_status != "ACTIVE"


async def _settle(session: Session, step: ExportedInvoice, seen: Comparison) -> None:
    """Write down what was seen, and tell of each side what is not told of it yet."""
    export = step.export
    now = compare.standing(export, seen)
    sides = _sides(now)
    untold = [
        each for each in sides if compare.fingerprint(each.found) != compare.told(export, each.name)
    ]
    if not untold and seen == compare.compared_of(export):
        return
    marks = export.drift
    for each in untold:
        marks = compare.with_told(marks, each.name, compare.fingerprint(each.found))
    if not await exports.note_compared(session, export, marks, seen.as_json()):
        return
    if all(each.is_shared for each in untold):
        untold = untold[:1]  # that both say the same is one thing to tell
    for each in untold:
        await _tell(session, step, each)


def _sides(now: Standing) -> tuple[_Side, _Side]:
    return (
        _Side(compare.PAYMO, now.in_paymo, is_shared=now.is_edited and not now.in_paymo),
        _Side(compare.XERO, now.in_xero, is_shared=now.is_changed and not now.in_xero),
    )


def _advice(step: ExportedInvoice, side: _Side) -> str:
    if all(each.part is compare.Part.ROUNDING for each in side.found):
        return ""  # nothing differs, or nothing that anybody has to do something about
    if side.name == compare.XERO:
        return _IN_XERO
    return compare.why_not_updated(step.export, step.run.connection, side.found)


async def _tell(session: Session, step: ExportedInvoice, side: _Side) -> None:
    run, export, now = step.run, step.export, step.run.now()
    facts = cards.common_facts(export, run.connection, run.links) | {
        "side": side.name,
        **compare.facts_of(side.found),
        "is_shared": side.is_shared,
        "advice": _advice(step, side),
        "by": "",
    }
    mark = compare.fingerprint(side.found)
    source = f"drifted:{export.id}:{side.name}:{mark}:{int(now.timestamp())}"
    notification = notices.Notification(
        NoticeKind.INVOICE_DRIFTED, source, facts, export, export.total
    )
    await notices.enqueue(session, run.connection, notification, now)
    before, after = compare.values_of(side.found)
    entry = AuditNote(
        "drifted" if side.found else "drift_ended",
        now,
        export_id=export.id,
        before=before,
        after=after | {"side": side.name},
    )
    audit.record(session, run.connection, entry)
