"""Telling once that an exported invoice was edited in Paymo, or changed in Xero; nothing moves."""

from collections.abc import Sequence

from services import drift
from services.clients.paymo import Invoice
from services.clients.xero import XeroInvoice
from services.drift import Difference
from services.errors import NotFound
from services.model import Life, NoticeKind
from services.store import acts, cards, drifts, exports, mirror, notices
from services.store.acts import Deed
from services.store.engine import Session
from services.sync.kit import Followed, Look

_IN_XERO = (
    "Nothing moves by itself: change it back in Xero, or make the same change in Paymo, so that "
    "both say the same."
)


async def note_in_paymo(case: Followed, invoice: Invoice) -> None:
    """Tell what somebody edited in Paymo after the export, once for each state of it."""
    look, export = case.look, case.export
    found = drift.in_paymo(export, invoice)
    if drift.fingerprint(found) == drift.told(export, drift.PAYMO):
        return
    locked = drift.locked_until(look.connection)
    advice = drift.why_not_updated(export, look.connection, found, locked) if found else ""
    async with look.kit.database.sessions.begin() as session:
        await _tell(session, case, found, side=drift.PAYMO, advice=advice)


async def note_in_xero(look: Look, invoices: Sequence[XeroInvoice]) -> None:
    """Tell what somebody changed in Xero, once for each state of it."""
    stated = {each.invoice_id: each for each in invoices}
    async with look.kit.database.sessions() as session:
        known = await exports.list_by_xero_ids(session, look.connection, list(stated))
    for xero_id, export in known.items():
        if export.life is Life.LIVE and export.state in exports.DONE:
            await _note_one(Followed(look, export), stated[xero_id])


async def _note_one(case: Followed, invoice: XeroInvoice) -> None:
    export = case.export
    found = drift.in_xero(export, invoice)
    if drift.fingerprint(found) == drift.told(export, drift.XERO):
        return
    if any(each.name == "contact" for each in found) and await _has_left(case):
        found = tuple(each for each in found if each.name != "contact")
        if drift.fingerprint(found) == drift.told(export, drift.XERO):
            return
    async with case.look.kit.database.sessions.begin() as session:
        if not await drifts.is_our_change(session, export, invoice.updated_at):
            await _tell(session, case, found, side=drift.XERO, advice=_IN_XERO if found else "")


async def _has_left(case: Followed) -> bool:
    """Say whether the contact was archived, as a merge leaves it: then Xero moved the invoice."""
    export = case.export
    async with case.look.kit.database.sessions() as session:
        contact = await mirror.find_contact(session, export.connection_id, export.contact_id)
    if contact is not None and not contact.is_active:
        return True
    try:
        stated = await case.look.xero.contact(export.contact_id)
    except NotFound:
        return True
    return stated.contact_status != "ACTIVE"


async def _tell(
    session: Session, case: Followed, found: Sequence[Difference], *, side: str, advice: str
) -> None:
    look, export, now = case.look, case.export, case.look.kit.now()
    mark = drift.fingerprint(found)
    if not await drifts.note(session, export, drift.with_told(export, side, mark)):
        return
    facts = cards.common_facts(export, look.connection, look.kit.links) | {
        "side": side,
        "differences": [[each.name, each.was, each.now] for each in found],
        "advice": advice,
        "by": "",
    }
    source = f"drifted:{export.id}:{side}:{mark}:{int(now.timestamp())}"
    news = notices.News(NoticeKind.INVOICE_DRIFTED, source, facts, export, export.total)
    await notices.announce(session, look.connection, news, now)
    deed = Deed(
        "drifted" if found else "drift_ended",
        now,
        export_id=export.id,
        before={each.name: each.was for each in found},
        after={each.name: each.now for each in found} | {"side": side},
    )
    acts.note(session, look.connection, deed)
