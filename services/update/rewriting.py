"""One update of an invoice in Xero: read both sides, look at everything, send, record."""

from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

import msgspec

from services import compare, money
from services.clients.paymo import Invoice
from services.clients.xero import NewLine, XeroInvoice
from services.compare import Difference, Part, Standing
from services.errors import Lost, NotFound, Rejected
from services.export import contacts, preparing, recording
from services.export.claims import WIDEST
from services.export.figures import new_invoice
from services.export.reading import read_invoice
from services.export.refusals import Refused
from services.export.underway import Underway
from services.lifecycle import export as lifecycle
from services.lifecycle import task as task_lifecycle
from services.mapping import books
from services.mapping.case import Case
from services.mapping.checks import DRAFT, codes_of, examine, reds
from services.model.export import RefusalCode
from services.model.invoice import InvoiceState
from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.model.wording import Command, Typed
from services.store import audit, cards, connections, drifts, matches, notices
from services.store.audit import AuditNote
from services.store.engine import Session
from services.store.tables import Export

_FRESH = timedelta(minutes=1)
_CHANGED = ("Date", "DueDate", "InvoiceNumber", "Reference", "LineAmountTypes")
_NO_CONTACT = (
    "Its client in Paymo is another one now, and nobody has said which contact in Xero that is. "
    f"Match it with {Typed(Command.MATCH)}, then press again."
)


@dataclass(frozen=True, slots=True)
class _Both:
    """The invoice as both sides state it now, and where its client goes in Xero."""

    invoice: Invoice
    stated: XeroInvoice
    contact_id: str


async def run(case: Underway) -> str:
    """Update it; return a sentence for the person who asked. Raises `Refused`."""
    if case.export.invoice_state is not InvoiceState.LIVE:
        case.require_over()
        raise Refused("It is not in Xero any more, or is being taken back.", RefusalCode.GONE)
    stated = await _in_xero(case)
    kept = case.task.data.get("invoice")
    if kept is not None and _has_arrived(case, stated):
        return await _record(case, Invoice.from_json(kept), stated)
    case.require_over()
    await case.kit.mirror.refresh_books(case.connection, at_most_old=_FRESH)
    invoice = await _in_paymo(case)
    both = _Both(invoice, stated, await _contact_of(case, invoice))
    now = compare.standing_now(case.export, invoice, both.contact_id, stated)
    if not now.in_paymo:
        return await _agree(case)
    body = await _checked(case, both, now)
    former = str((case.export.sent or {}).get("Reference", ""))
    await case.leave(
        body=body,
        invoice=invoice.as_json(),
        before=stated.updated,
        attempt=case.task.data.get("attempt", 0) + 1,
    )
    try:
        updated = await case.change(_fields(body, stated, former), key=_key(case, body))
    except Rejected as refusal:
        raise Refused(str(refusal), RefusalCode.REJECTED) from refusal
    return await _record(case, invoice, updated)


async def _in_xero(case: Underway) -> XeroInvoice:
    try:
        return await case.xero.invoice(case.export.xero_invoice_id or "")
    except NotFound:
        raise Refused("Xero does not find it, so nothing was changed.", RefusalCode.GONE) from None


async def _in_paymo(case: Underway) -> Invoice:
    paymo = case.kit.paymo.client(case.connection.paymo_api_key)
    try:
        return await read_invoice(paymo, case.export.paymo_invoice_id)
    except NotFound:
        raise Refused("It is not in Paymo any more.", RefusalCode.GONE) from None


async def _contact_of(case: Underway, invoice: Invoice) -> str:
    """Return the contact in Xero; one that was merged is followed, and is no change."""
    export = case.export
    if export.client_id in (None, invoice.client_id):
        await contacts.find(case.kit, case.connection, export, invoice)
        return export.contact_id
    async with case.kit.database.sessions() as session:
        return await matches.contact_of(session, case.connection, invoice.client_id)


def _has_arrived(case: Underway, stated: XeroInvoice) -> bool:
    """Say whether Xero holds what was sent before, though no answer was heard."""
    data = case.task.data
    if stated.updated == data["before"]:
        return False
    sent, invoice = data["body"], Invoice.from_json(data["invoice"])
    texts = {"Reference": stated.reference, "InvoiceNumber": stated.invoice_number}
    said = {
        name: when.isoformat() if when is not None else ""
        for name, when in (("Date", stated.issued_on), ("DueDate", stated.due_on))
    }
    lines = compare.in_xero(stated).lines
    return (
        stated.total == invoice.total
        and stated.contact.contact_id == sent["Contact"]["ContactID"]
        and lines in ("", compare.digest_of_body(sent))
        and all(sent[name] == each for name, each in said.items() if name in sent)
        and all(
            money.folded(sent.get(name, each)) == money.folded(each) for name, each in texts.items()
        )
    )


async def _checked(case: Underway, both: _Both, now: Standing) -> dict[str, Any]:
    """Look at everything that an export looks at, and at what Xero's invoice still allows."""
    told = case.task.data.get("told", "")
    if told and told != compare.fingerprint(now.in_paymo):
        raise Refused(
            "It was edited in Paymo again after that message. Look at the newest one, then press "
            "there.",
            RefusalCode.CHANGED,
        )
    names = [each.name for each in now.in_xero if each.part is not Part.ROUNDING] + (
        ["lines"] if now.has_own_lines else []
    )
    if names:
        raise Refused(
            f"Somebody changed it in Xero as well ({', '.join(names)}), so nothing is written "
            "over. Bring both together by hand.",
        )
    async with case.kit.database.sessions() as session:
        connection = await connections.get(session, case.connection.id)
        known = await books.load(session, connection, both.contact_id)
    seen = _as_stated(case.export, both.stated)
    if why := compare.why_not_updated(seen, connection, now.in_paymo):
        raise Refused(why)
    if not both.contact_id:
        raise Refused(_NO_CONTACT, RefusalCode.CONTACT)
    return _body(case.export, both, known)


def _as_stated(export: Export, stated: XeroInvoice) -> Export:
    """Return what the judgement needs of the row, as Xero states it now."""
    return Export(
        number=export.number,
        sent=export.sent,
        is_linked=export.is_linked,
        drift="",
        xero_total=stated.total,
        xero_due=stated.amount_due,
        xero_seen_status=stated.status,
    )


def _body(export: Export, both: _Both, known: books.Books) -> dict[str, Any]:
    """Return the whole invoice as an export would send it now; a draft stays one."""
    status = DRAFT if both.stated.status == DRAFT else "AUTHORISED"
    choice = replace(preparing.choice_of(export), xero_status=status, contact_id=both.contact_id)
    checked = Case(both.invoice, choice, known)
    if wrong := reds(examine(checked)):
        raise Refused(" ".join(each.text for each in wrong), *codes_of(wrong))
    leaves_out = export.leave_out_number
    target = preparing.target_of(checked, contact_id=both.contact_id, leave_out_number=leaves_out)
    body: dict[str, Any] = msgspec.to_builtins(new_invoice(both.invoice, target).body())
    return body


def _fields(body: dict[str, Any], stated: XeroInvoice, former: str) -> dict[str, object]:
    """Return what is sent of it: lines without ids take the place of those that are there."""
    fields = {name: body[name] for name in _CHANGED if name in body}
    if money.folded(stated.reference) == money.folded(former) != "":
        fields.setdefault("Reference", "")  # the number stands in its own place now
    if body["Contact"]["ContactID"] != stated.contact.contact_id:
        fields["Contact"] = body["Contact"]
    return {**fields, "LineItems": msgspec.convert(body["LineItems"], list[NewLine])}


def _key(case: Underway, body: dict[str, Any]) -> str:
    """Return another key for every attempt: Xero would answer an old one with the old failure."""
    whole = msgspec.json.encode(body, order="sorted").decode()
    parts = (case.export.tenant_id, str(case.task.id), str(case.task.data["attempt"]), whole)
    return sha256("|".join(parts).encode()).hexdigest()


async def _agree(case: Underway) -> str:
    """End it where Paymo's invoice is as it was exported by now."""
    async with case.kit.database.sessions.begin() as session:
        await task_lifecycle.finish(session, case.task)
    return f"Invoice {case.export.number} is the same in Paymo and in Xero, so nothing was sent."


async def _record(case: Underway, invoice: Invoice, stated: XeroInvoice) -> str:
    """Take over what Xero states now, compare its totals, and tell the channels."""
    kit, export = case.kit, case.export
    found = compare.edits_in_paymo(export, compare.compared_of(export).former, invoice)
    async with kit.database.sessions.begin() as session:
        stated_at = {"stated_at": stated.updated_at.isoformat()}
        await task_lifecycle.finish(session, case.task, stated_at)
        if not await _write(session, case, invoice, stated):
            raise Lost
        await _tell(session, case, found)
    await kit.work.nudge(Job.NOTICES, case.connection.workspace_id)
    total = money.format_amount(stated.total, export.currency)
    return f"Invoice {export.number} was updated in Xero; its total is {total}. {export.reason}"


async def _write(session: Session, case: Underway, invoice: Invoice, stated: XeroInvoice) -> bool:
    export = case.export
    values: dict[str, Any] = {
        "sent": case.task.data["body"],
        "number": invoice.number[:WIDEST],
        "client_id": invoice.client_id,
        "client_name": invoice.client_name[:WIDEST],
        "contact_id": stated.contact.contact_id or export.contact_id,
        "contact_name": stated.contact.name[:WIDEST] or export.contact_name,
        "compared": compare.agreed(invoice, stated).as_json(),
        "total": invoice.total,
        "xero_number": stated.invoice_number,
        "xero_total": stated.total,
        "xero_due": stated.amount_due,
        "xero_rounding": stated.rounding_amount or None,
        "xero_seen_status": stated.status,
        "accepted_difference": None,
        "drift": "",
    }
    if not await drifts.rewrite(session, export, **values):
        return False
    differs = recording.difference(export, stated)
    if differs:
        await lifecycle.mark_updated_differently(session, export, differs)
    else:
        await lifecycle.mark_updated(session, export)
    return True


async def _tell(session: Session, case: Underway, found: tuple[Difference, ...]) -> None:
    export, connection, now = case.export, case.connection, case.kit.now()
    by = case.task.asked_by
    facts = cards.common_facts(export, connection, case.kit.links) | {
        "side": compare.PAYMO,
        **compare.facts_of(found),
        "advice": "",
        "by": by,
    }
    source = f"updated:{case.task.id}"
    notification = notices.Notification(
        NoticeKind.INVOICE_DRIFTED, source, facts, export, export.total
    )
    await notices.enqueue(session, connection, notification, now)
    before, after = compare.values_of(found)
    entry = AuditNote("updated_in_xero", now, by, export_id=export.id, before=before, after=after)
    audit.record(session, connection, entry)
