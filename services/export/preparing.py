"""From a claimed row to the invoice as it will be sent, written down before it is sent."""

from dataclasses import replace
from datetime import datetime, timedelta

import msgspec

from services import compare, money
from services.clients.paymo import Header, Invoice, PaymoClient
from services.clients.xero import NewLine
from services.clients.xero.invoices import idempotency_key
from services.errors import NotFound
from services.export import books, contacts
from services.export.claims import WIDEST
from services.export.contacts import Found
from services.export.kit import Kit
from services.export.refusals import Refused
from services.lifecycle import export as lifecycle
from services.lifecycle.export import ExportColumns
from services.mapping import taxes
from services.mapping.case import Case, ExportChoice, LedgerSettings
from services.mapping.checks import codes_of, examine, reds
from services.mapping.figures import Target, new_invoice
from services.model.export import NEW_CONTACT, RefusalCode
from services.model.wording import Amount
from services.store import audit
from services.store.audit import AuditNote
from services.store.tables import Connection, Export

_FRESH = timedelta(minutes=1)


async def prepare(kit: Kit, connection: Connection, export: Export) -> None:
    """Read, check and write down what will be sent, under which key. Raises `Refused`.

    Everything is looked at before anything is written to Xero, a new contact included.
    """
    invoice = await _invoice(kit, connection, export)
    await kit.mirror.refresh_books(connection, at_most_old=_FRESH)
    found = await contacts.find(kit, connection, export, invoice)
    async with kit.database.sessions() as session:
        known = await books.load(session, connection, found.contact_id)
    known = replace(known, merged_from=found.merged_from, namesake=found.namesake)
    try:
        sent = checked(export, invoice, known, found.contact_id, _url(kit, invoice))
    except Refused:
        await _note_seen(kit, export, invoice)
        raise
    if found.contact_id == NEW_CONTACT:
        found = await contacts.add(kit, connection, export, invoice)
        async with kit.database.sessions() as session:
            known = await books.load(session, connection, found.contact_id)
        sent = checked(export, invoice, known, found.contact_id, _url(kit, invoice))
    values = written(export, invoice, found.name, sent)
    values["remark"] = _remark(found)
    case = Case(invoice, choice_of(export), known)
    is_new = values["idempotency_key"] != export.idempotency_key
    async with kit.database.sessions.begin() as session:
        await lifecycle.mark_sending(session, export, values)
        if is_new and taxes.is_overridden(case):
            audit.record(session, connection, _overridden(export, case, kit.now()))


def _url(kit: Kit, invoice: Invoice) -> str:
    return kit.links.paymo_for_xero(invoice.id)


async def _note_seen(kit: Kit, export: Export, invoice: Invoice) -> None:
    """Keep what was refused, so that it goes on by itself only while it is the same."""
    seen: ExportColumns = {"seen_updated_on": invoice.updated_on, "invoice": invoice.as_json()}
    seen["tax_rate"] = money.plain(invoice.rate)
    async with kit.database.sessions.begin() as session:
        await lifecycle.note(session, export, seen)


def checked(
    export: Export, invoice: Invoice, known: LedgerSettings, contact_id: str, url: str
) -> dict[str, object]:
    """Look at everything once more, and return what will be sent.

    Raises `Refused` with everything that is wrong at once. Without a `contact_id` Xero does not
    know the one that was chosen.
    """
    chosen = choice_of(export)
    case = Case(invoice, replace(chosen, contact_id=contact_id or chosen.contact_id), known)
    if wrong := reds(examine(case)):
        raise Refused(" ".join(each.text for each in wrong), *codes_of(wrong))
    leaves_out = export.leave_out_number
    target = target_of(case, contact_id=contact_id, leave_out_number=leaves_out)
    target = replace(target, url=url)
    body: dict[str, object] = msgspec.to_builtins(new_invoice(invoice, target).body())
    return body


def written(
    export: Export, invoice: Invoice, contact_name: str, sent: dict[str, object]
) -> ExportColumns:
    """Return what the row says before the request leaves: what goes out, under which key."""
    return {
        "sent": sent,
        "idempotency_key": _key(export, export.attempt, sent),
        "reason": "",
        "number": invoice.number[:WIDEST],
        # Xero may refuse it, too; it goes on by itself only while it is the same.
        "seen_updated_on": invoice.updated_on,
        "invoice": invoice.as_json(),
        "tax_rate": money.plain(invoice.rate),
        "client_id": invoice.client_id,
        "client_name": invoice.client_name[:WIDEST],
        "contact_name": contact_name[:WIDEST],
        "currency": money.currency_code(invoice.currency),
        "total": invoice.total,
        "compared": compare.Comparison(compare.as_exported(invoice)).as_json(),
    }


def require_same_organisation(connection: Connection, export: Export) -> None:
    """Refuse what was asked for before the connection led to another organisation."""
    if export.tenant_id != connection.tenant_id:
        raise Refused(
            f"Invoice {export.number} was asked for in another Xero organisation than "
            f"{connection.organisation_name}, so it was not sent.",
            RefusalCode.OTHER_ORGANISATION,
        )


def choice_of(export: Export) -> ExportChoice:
    """Return what was chosen for this export."""
    return ExportChoice(
        invoice_id=export.paymo_invoice_id,
        contact_id=export.contact_id,
        account_id=export.account_id,
        tax_type=export.tax_type,
        xero_status=export.xero_status,
        override_tax=export.override_tax,
        issue_on=export.issue_on,
        due_rule=export.due_rule,
    )


def target_of(case: Case, *, contact_id: str, leave_out_number: bool) -> Target:
    """Return where the invoice goes, with the tax and the dates that were decided on."""
    account = case.account
    if account is None:
        raise Refused("Choose the Xero account for all items.", RefusalCode.ACCOUNT)
    return Target(
        contact_id=contact_id,
        account=account,
        xero_status=case.choice.xero_status,
        leave_out_number=leave_out_number,
        tax_type=taxes.tax_type_of(case),
        untaxed_type=taxes.untaxed_type_of(case),
        issued_on=case.issued_on,
        due_on=case.due_on,
    )


def body_of(export: Export) -> dict[str, object]:
    """Return the invoice exactly as it was written down, amounts as numbers again."""
    sent = export.sent or {}
    return {**sent, "LineItems": msgspec.convert(sent["LineItems"], list[NewLine])}


def next_attempt(export: Export) -> ExportColumns:
    """Return another key: Xero would answer the old one with the old failure."""
    attempt = export.attempt + 1
    return {"attempt": attempt, "idempotency_key": _key(export, attempt, export.sent or {})}


async def leave_out_url(kit: Kit, export: Export) -> bool:
    """Write down that it goes without the link to Paymo, under a new key; False if it did."""
    sent = {name: value for name, value in (export.sent or {}).items() if name != "Url"}
    if sent == export.sent:
        return False
    key = _key(export, export.attempt, sent)
    async with kit.database.sessions.begin() as session:
        await lifecycle.note(session, export, {"sent": sent, "idempotency_key": key})
    return True


async def _invoice(kit: Kit, connection: Connection, export: Export) -> Invoice:
    paymo = kit.paymo.client(connection.paymo_api_key)
    try:
        invoice = await read_invoice(paymo, export.paymo_invoice_id)
    except NotFound:
        raise gone(export) from None
    if export.seen_updated_on is not None and invoice.updated_on != export.seen_updated_on:
        raise changed(export, invoice)
    return invoice


def gone(export: Export) -> Refused:
    """Return the refusal of an invoice that Paymo does not have any more."""
    text = f"Invoice {export.number} is not in Paymo any more, so it was not exported."
    return Refused(text, RefusalCode.GONE)


def changed(export: Export, invoice: Invoice | Header) -> Refused:
    """Return the refusal of an invoice that is not what the person saw."""
    total = Amount(invoice.total, invoice.currency)
    return Refused(
        f"Invoice {export.number} was changed in Paymo after it was shown; its total is "
        f"{total} now. Look at it again before you export it as it is now.",
        RefusalCode.CHANGED,
    )


def _remark(contact: Found) -> str:
    """Return what is told with the outcome: whom it went to, or what was left out of a contact."""
    if contact.merged_from:
        return (
            f"{contact.merged_from} was merged into {contact.name} in Xero, so it went to "
            f"{contact.name}."
        )
    return contact.said


def _overridden(export: Export, case: Case, at: datetime) -> AuditNote:
    account = case.account
    carried = case.ledger.rate_of(account) if account is not None else None
    return AuditNote(
        "tax_overridden",
        at,
        export.requested_by,
        export_id=export.id,
        before={
            "account": account.title if account is not None else "",
            "xero": money.percent(carried) if carried is not None else "",
        },
        after={"paymo": money.percent(case.invoice.rate)},
    )


def _key(export: Export, attempt: int, sent: dict[str, object]) -> str:
    about = f"invoice:{export.paymo_invoice_id}:{export.generation}"
    return idempotency_key(tenant_id=export.tenant_id, about=about, attempt=attempt, body=sent)


async def read_invoice(paymo: PaymoClient, invoice_id: int) -> Invoice:
    """Return the invoice; one without a usable due date with the days its client has to pay.

    What a client does not have of its own, Paymo takes from the company.
    """
    invoice = await paymo.invoice(invoice_id)
    is_due = invoice.due_on is not None and invoice.due_on >= invoice.issued_on
    if is_due or invoice.client is None or invoice.terms is not None:
        return invoice
    company = await paymo.company()
    client = msgspec.structs.replace(invoice.client, due_interval=company.due_interval)
    return msgspec.structs.replace(invoice, client=client)
