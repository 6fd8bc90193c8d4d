"""An export's row before the checks: what would be sent, what stops it, and for how long.

A refused export is checked again with the same invoice, and is queued again once nothing stops it.
Paymo's invoice is read again before it is sent; one that changed since waits for a person.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec

from services import compare, money
from services.clients.paymo import Header, Invoice
from services.clients.xero import NewContact, NewLine, is_email, name_in_xero
from services.clients.xero.invoices import idempotency_key
from services.export import ledger_settings
from services.export.claims import WIDEST, chosen_in, columns_of
from services.export.refusals import Refused
from services.lifecycle import export as lifecycle
from services.lifecycle.export import ExportColumns
from services.mapping import taxes
from services.mapping.case import (
    Case,
    ExportChoice,
    LedgerSettings,
    Target,
    adding_of,
    email_of,
    new_invoice,
)
from services.mapping.checks import codes_of, examine, grounds_of, reds
from services.model.export import NEW_CONTACT, RefusalCode
from services.model.invoice import ISSUED_IN_PAYMO
from services.model.wording import Amount
from services.store import audit, exports, matches
from services.store.audit import AuditNote
from services.store.engine import Session
from services.store.tables import Connection, Export

_OF_CONTACT = {RefusalCode.CONTACT, RefusalCode.CONTACT_TAKEN}
_OF_ACCOUNT = {RefusalCode.ACCOUNT, RefusalCode.TAX, RefusalCode.TAX_RATE}
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


def checked(
    export: Export, invoice: Invoice, known: LedgerSettings, contact_id: str, url: str
) -> dict[str, object]:
    """Check everything once more, and return what will be sent.

    Raises `Refused` with everything that is wrong at once. Without a `contact_id` Xero does not
    know the one that was chosen.
    """
    chosen = choice_of(export)
    case = Case(invoice, replace(chosen, contact_id=contact_id or chosen.contact_id), known)
    require_sendable(case)
    return sent_of(case, contact_id, url)


def require_sendable(case: Case) -> None:
    """Raise `Refused` with everything that is red."""
    if wrong := reds(examine(case)):
        first, *others = wrong
        more = " ".join(each.text for each in others)
        raise Refused(first.fact, *codes_of(wrong), cure=first.cure, more=more)


def written(
    export: Export, invoice: Invoice, contact_name: str, sent: dict[str, object]
) -> ExportColumns:
    """Return the columns to write before the request leaves: the body and its key."""
    return {
        **columns_of(invoice),
        "sent": sent,
        "idempotency_key": key_of(export, export.attempt, sent),
        "reason": "",
        "contact_name": contact_name[:WIDEST],
        "compared": compare.Comparison(compare.as_exported(invoice)).as_json(),
    }


def require_same_organisation(connection: Connection, export: Export) -> None:
    """Refuse an export meant for the organisation that was connected before."""
    if export.tenant_id != connection.tenant_id:
        raise Refused(
            f"Invoice {export.number} was meant for a Xero organisation other than "
            f"{connection.organisation_name}, so it wasn't sent.",
            RefusalCode.OTHER_ORGANISATION,
        )


def choice_of(export: Export) -> ExportChoice:
    """Return what was chosen for this export."""
    chosen = chosen_in(export, export.paymo_invoice_id)
    return replace(chosen, leave_out_number=export.leave_out_number)


def sent_of(case: Case, contact_id: str, url: str = "") -> dict[str, object]:
    """Return what Xero is sent, with the tax and the dates that were decided on."""
    account = case.account
    if account is None:
        raise Refused("Choose the account for this invoice.", RefusalCode.ACCOUNT)
    target = Target(
        contact_id=contact_id,
        account=account,
        xero_status=case.choice.xero_status,
        leave_out_number=case.choice.leave_out_number,
        tax_type=taxes.tax_type_of(case),
        untaxed_type=taxes.untaxed_type_of(case),
        issued_on=case.issued_on,
        due_on=case.due_on,
        url=url,
    )
    body: dict[str, object] = msgspec.to_builtins(new_invoice(case.invoice, target).body())
    return body


def body_of(export: Export) -> dict[str, object]:
    """Return the stored body, its amounts as numbers again."""
    sent = export.sent or {}
    return {**sent, "LineItems": msgspec.convert(sent["LineItems"], list[NewLine])}


def without_url(export: Export) -> ExportColumns:
    """Return what is sent without the link to Paymo, under a new key; nothing if it went so."""
    sent = {name: value for name, value in (export.sent or {}).items() if name != "Url"}
    if sent == export.sent:
        return {}
    return {"sent": sent, "idempotency_key": key_of(export, export.attempt, sent)}


def next_attempt(export: Export) -> ExportColumns:
    """Return the next attempt's key: Xero answers an old key with its old failure."""
    attempt = export.attempt + 1
    return {"attempt": attempt, "idempotency_key": key_of(export, attempt, export.sent or {})}


def gone(export: Export) -> Refused:
    """Return the refusal of an invoice that Paymo does not have any more."""
    text = f"Invoice {export.number} is no longer in Paymo, so it wasn't exported."
    return Refused(text, RefusalCode.GONE)


def changed(export: Export, invoice: Invoice | Header) -> Refused:
    """Return the refusal of an invoice that changed after the person saw it."""
    total = Amount(invoice.total, invoice.currency)
    is_same = (export.total, export.currency) == (
        invoice.total,
        money.currency_code(invoice.currency),
    )
    said = "Its total is the same." if is_same else f"Its total is now {total}."
    return Refused(
        f"Invoice {export.number} was changed in Paymo after it was shown. {said}",
        RefusalCode.CHANGED,
        cure="Review it before you export it.",
    )


def key_of(export: Export, attempt: int, sent: dict[str, object]) -> str:
    """Make the key under which Xero takes this body once."""
    about = f"invoice:{export.paymo_invoice_id}:{export.generation}"
    return idempotency_key(tenant_id=export.tenant_id, about=about, attempt=attempt, body=sent)


def new_contact(invoice: Invoice) -> NewContact:
    """Return the client as we'd send it to Xero. Raises `Refused`."""
    client = invoice.client
    if client is None or not name_in_xero(client.name):
        raise Refused("The client has no name in Paymo, and Xero needs one.", RefusalCode.CONTACT)
    address = {
        "AddressLine1": (client.address or "")[:500],
        "City": (client.city or "")[:255],
        "Region": (client.state or "")[:255],
        "PostalCode": (client.postal_code or "")[:50],
        "Country": (client.country or "")[:50],
    }
    email = email_of(invoice)
    return NewContact(
        name=name_in_xero(client.name),
        number=adding_of(invoice).number,
        email=email if is_email(email) else "",
        tax_number=(client.fiscal_information or "").strip()[:50],
        address={name: text for name, text in address.items() if text},
        phone=(client.phone or "").strip()[:50],
    )


@dataclass(frozen=True, slots=True)
class Recheck:
    """One export that was refused, before the checks again."""

    session: Session
    connection: Connection
    export: Export

    async def grounds_for(self, refusals: Collection[RefusalCode]) -> dict[str, str]:
        """Return, by refusal, what Xero's refusal was based on.

        Until this changes, Xero isn't asked again.
        """
        case = await self._case({})
        if case is None:
            return {}
        red = codes_of(reds(examine(case)))
        return {
            code: ground
            for code, ground in grounds_of(case).items()
            if code in refusals and (code not in red or code is RefusalCode.CONTACT_TAKEN)
        }

    async def requeue(
        self, now: datetime, decided: ExportColumns, settled: Collection[RefusalCode] = ()
    ) -> bool:
        """Queue it again if nothing stops it any more, and say whether it goes.

        While some reasons are left, it keeps only those and stays refused.
        `decided` is what somebody chose for it; `settled` are reasons that are known to be over.
        """
        case = await self._case(decided)
        if case is None:
            return False
        chosen = await self._chosen_since(case)
        wanted: ExportColumns = {**decided, **chosen}
        if chosen:
            case = await self._case(wanted) or case
        left = [each for each in self._left(case) if each not in settled]
        if left:
            if left != self.export.refusals or wanted:
                kept: ExportColumns = {**wanted, "refusals": left}
                await lifecycle.keep_refused(self.session, self.export, kept)
            return False
        before = {"problem": ",".join(self.export.refusals)}
        # A batch has ended its report by then, so this one speaks for itself.
        asked: ExportColumns = {**wanted, "due_at": now, "batch_id": None}
        if not await lifecycle.requeue(self.session, self.export, asked):
            return False
        entry = AuditNote("released", now, export_id=self.export.id, before=before)
        audit.record(self.session, self.connection, entry)
        return True

    def _left(self, case: Case) -> list[RefusalCode]:
        """Return what still stops it: what is red, and what Xero refused while all was the same."""
        red, now, then = codes_of(reds(examine(case))), grounds_of(case), self.export.grounds or {}
        return [
            each
            for each in self.export.refusals
            if each in red or each not in now or then.get(each) == now[each]
        ]

    async def _case(self, wanted: ExportColumns) -> Case | None:
        export = self.export
        if export.invoice is None:
            return None
        invoice = Invoice.from_json(export.invoice)
        choice = replace(
            choice_of(export),
            contact_id=wanted.get("contact_id", export.contact_id),
            account_id=wanted.get("account_id", export.account_id),
            xero_status=wanted.get("xero_status", export.xero_status),
            override_tax=wanted.get("override_tax", export.override_tax),
            issue_on=wanted.get("issue_on", export.issue_on),
            due_rule=wanted.get("due_rule", export.due_rule),
        )
        known = await ledger_settings.load(
            self.session, self.connection, choice.contact_id, adding_of(invoice)
        )
        return Case(invoice, choice, known)

    async def _chosen_since(self, case: Case) -> ExportColumns:
        """Return the contact and the account that serve by now: matched, or restored in Xero."""
        export, refused, namesake = self.export, set(self.export.refusals), case.ledger.namesake
        found: ExportColumns = {}
        if export.client_id is None or not refused & (_OF_CONTACT | _OF_ACCOUNT):
            return found
        match = await matches.find(
            self.session, self.connection.id, self.connection.tenant_id, export.client_id
        )
        was_archived = (export.grounds or {}).get(RefusalCode.CONTACT_TAKEN, "")
        if refused & _OF_CONTACT:
            if match is not None and match.contact_id not in {"", NEW_CONTACT, export.contact_id}:
                found |= {"contact_id": match.contact_id, "changed_by": match.set_by}
            elif namesake and namesake.is_active and namesake.contact_id in was_archived:
                found["contact_id"] = namesake.contact_id
        if refused & _OF_ACCOUNT and match is not None and match.account_id:
            other: ExportColumns = {"account_id": match.account_id, "changed_by": match.set_by}
            moved = await self._case(other)
            if moved is not None and not _OF_ACCOUNT & set(codes_of(reds(examine(moved)))):
                found |= other
        return found


async def requeue_due(session: Session, connection: Connection, now: datetime) -> None:
    """Queue again at once whatever nothing stops any more, ahead of its job."""
    for export in await exports.list_refused(session, connection):
        if export.due_at is not None and export.due_at <= now:
            await Recheck(session, connection, export).requeue(now, {})


def overridden(export: Export, case: Case, at: datetime) -> AuditNote:
    """Return what the history says of a tax that somebody let through."""
    account = case.account
    carried = case.ledger.rate_of(account) if account is not None else None
    return AuditNote(
        "tax_overridden",
        at,
        export.requested_by,
        export_id=export.id,
        before={
            "account": account.title if account is not None else "",
            "xero": case.ledger.written(carried) if carried is not None else "",
        },
        after={"paymo": case.ledger.written(case.invoice.rate)},
    )


def is_other(export: Export, invoice: Invoice) -> bool:
    """Say whether Paymo's invoice was changed since the person saw it.

    Sending it, or a client who opens it, touches it too, and that changes nothing for Xero.
    """
    if export.seen_updated_on is None or invoice.updated_on == export.seen_updated_on:
        return False
    return export.invoice is None or not is_same(Invoice.from_json(export.invoice), invoice)


def is_same(shown: Invoice, now: Invoice) -> bool:
    """Say whether Xero would get the same body; Paymo's status isn't part of it."""
    if shown.status != now.status and (
        now.status not in ISSUED_IN_PAYMO or shown.status not in {"draft", *ISSUED_IN_PAYMO}
    ):
        return False
    return _printed(shown) == _printed(now)


def _printed(invoice: Invoice) -> Invoice:
    return msgspec.structs.replace(
        invoice, status="", updated_on=_ANY_TIME, payments=(), client=None, notes=None
    )
