"""Updating an exported invoice in Xero to match Paymo, when a person asks for it.

Take, call, record: what will be sent is written down first. An update whose answer was lost is
looked for in Xero before anything is sent again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from services import compare, money
from services.clients.paymo import Invoice, PaymoClients
from services.clients.xero import NewLine, XeroInvoice
from services.clients.xero.invoices import idempotency_key
from services.compare import Difference, Part, Standing
from services.errors import AlreadyRequested, NotFound, Rejected, ServiceError
from services.export import checking, ledger_settings, recording
from services.export.claims import WIDEST
from services.export.existing import Contacts
from services.export.ledger_settings import Mirror
from services.export.one_off import Assignment, OneOffStep, XeroTaskStep
from services.export.refusals import Refused
from services.jobs.policy import Wait
from services.jobs.runner import Turn, Work
from services.lifecycle import export as lifecycle
from services.lifecycle import task as task_lifecycle
from services.mapping.case import Case, LedgerSettings
from services.mapping.checks import DRAFT
from services.model.export import RefusalCode
from services.model.invoice import InvoiceState
from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.model.people import Person, ReplyTarget
from services.model.wording import Amount, Command, Typed
from services.store import audit, connections, exports, matches, notices, schedules
from services.store.audit import AuditNote
from services.store.engine import Database, Session
from services.store.tables import Connection, Export, Task

_FRESH = timedelta(minutes=1)
_CHANGED = ("Date", "DueDate", "InvoiceNumber", "Reference", "LineAmountTypes")
_NO_CONTACT = (
    "It has another client in Paymo now, and that client has no contact in Xero yet. "
    f"Match the client with {Typed(Command.MATCH)}, then press again."
)


@dataclass(frozen=True, slots=True)
class _Both:
    """The invoice as both sides state it now, and where its client goes in Xero."""

    invoice: Invoice
    stated: XeroInvoice
    contact_id: str


@dataclass(frozen=True, slots=True)
class UpdateService:
    """A press leaves a task for `UpdateStep`."""

    database: Database
    work: Work
    now: Callable[[], datetime]

    async def ask(self, person: Person, export_id: int, reply_to: ReplyTarget) -> str:
        """Queue an update of Xero's invoice to match Paymo; return a sentence to show."""
        async with self.database.sessions.begin() as session:
            export, connection = await exports.get_here(session, person, export_id)
            _require_ours(export, connection)
            asked = task_lifecycle.TaskRequest(
                Job.UPDATE,
                str(export.id),
                self.now(),
                by=person.user_id,
                reply_to=reply_to,
                export_id=export.id,
                data={"told": compare.told(export, compare.PAYMO)},
            )
            task = await task_lifecycle.ask(session, connection, asked)
            if task is None:
                by = await schedules.said_of_open(session, Job.UPDATE, export.id)
                raise AlreadyRequested(f"Invoice {export.number} is already being updated. {by}")
            task_id = task.id
        await self.work.nudge(Job.UPDATE, task_id)
        return f"Invoice {export.number} is being updated in {connection.organisation_name}."


def _require_ours(export: Export, connection: Connection) -> None:
    """Refuse an export that is no longer in Xero, or belongs to another organisation."""
    number = export.number
    if export.state not in exports.DONE or export.invoice_state is not InvoiceState.LIVE:
        raise ServiceError(f"Invoice {number} is no longer in Xero, so it can't be updated.")
    if export.tenant_id != connection.tenant_id:
        raise ServiceError(
            f"Invoice {number} belongs to a Xero organisation other than "
            f"{connection.organisation_name}, so we leave it alone."
        )
    if export.is_linked:
        raise ServiceError(
            f"Invoice {number} was in Xero before and is only linked. Change it there by hand."
        )


@dataclass(frozen=True, slots=True)
class UpdateStep(XeroTaskStep):
    """Reads both sides, checks everything, sends, and records."""

    paymo: PaymoClients
    mirror: Mirror
    contacts: Contacts

    job = Job.UPDATE

    async def go_on(self, about: Assignment) -> None:
        """Bring one update a step on, however far it had come."""
        try:
            self.tell(about.turn, await self._update(about))
        except Refused as refusal:
            said = f"Invoice {about.export.number} wasn't updated. {refusal}"
            await self.refuse(
                about, str(refusal), f"{said} {_where(about.export, refusal)}".strip()
            )

    async def put_off(self, session: Session, turn: Turn[Task], wait: Wait) -> Mapping[str, object]:
        """Say once that it waits."""
        if wait.is_try and turn.row.tries == 1:
            self.tell(turn, wait.sentence(), is_well=False)
        return await OneOffStep.put_off(self, session, turn, wait)

    async def _update(self, about: Assignment) -> str:
        """Update it; return a sentence for the person who asked. Raises `Refused`."""
        if about.export.invoice_state is not InvoiceState.LIVE:
            self.require_over(about)
            raise Refused(
                "It's no longer in Xero, or somebody is undoing the export.", RefusalCode.GONE
            )
        stated = await self._in_xero(about)
        kept = about.task.data.get("invoice")
        if kept is not None and self._has_arrived(about, stated):
            return await self._record(about, Invoice.from_json(kept), stated)
        self.require_over(about)
        await self.mirror.refresh_ledger(about.connection, at_most_old=_FRESH)
        invoice = await self._in_paymo(about)
        both = _Both(invoice, stated, await self._contact_of(about, invoice))
        now = compare.standing_now(about.export, invoice, both.contact_id, stated)
        if not now.in_paymo:
            async with self.database.sessions.begin() as session:
                await task_lifecycle.finish(session, about.task)
                by = await audit.last_deed(session, about.export.id, "updated_in_xero")
            return (
                f"Invoice {about.export.number} is the same in Paymo and in Xero, so nothing was "
                f"sent. {by}"
            ).strip()
        body = await self._checked(about, both, now)
        former = str((about.export.sent or {}).get("Reference", ""))
        await self.leave(
            about,
            body=body,
            invoice=invoice.as_json(),
            before=stated.updated,
            attempt=about.task.data.get("attempt", 0) + 1,
        )
        # Another key for every attempt: Xero would answer an old one as it did then.
        key = idempotency_key(
            tenant_id=about.export.tenant_id,
            about=f"update:{about.task.id}",
            attempt=about.task.data["attempt"],
            body=body,
        )
        try:
            updated = await self.change(about, _fields(body, stated, former), key=key)
        except Rejected as refusal:
            raise Refused(str(refusal), RefusalCode.REJECTED) from refusal
        return await self._record(about, invoice, updated)

    async def _in_xero(self, about: Assignment) -> XeroInvoice:
        try:
            return await self.xero.of(about.connection).invoice(about.export.xero_invoice_id or "")
        except NotFound:
            raise Refused(
                f"Xero can't find it in {about.connection.organisation_name}, so nothing "
                "changed. Look for it there: resetting a demo company deletes its invoices.",
                RefusalCode.GONE,
            ) from None

    async def _in_paymo(self, about: Assignment) -> Invoice:
        paymo = self.paymo.client(about.connection.paymo_api_key)
        try:
            return await paymo.invoice_with_terms(about.export.paymo_invoice_id)
        except NotFound:
            raise Refused("It's no longer in Paymo.", RefusalCode.GONE) from None

    async def _contact_of(self, about: Assignment, invoice: Invoice) -> str:
        """Return the contact in Xero; one that was merged is followed, and is no change."""
        export = about.export
        if export.client_id in (None, invoice.client_id):
            await self.contacts.find_chosen(about.connection, export)
            return export.contact_id
        async with self.database.sessions() as session:
            return await matches.contact_of(session, about.connection, invoice.client_id)

    def _has_arrived(self, about: Assignment, stated: XeroInvoice) -> bool:
        """Say whether Xero has what an earlier try sent, although its answer was lost."""
        data = about.task.data
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
                money.folded(sent.get(name, each)) == money.folded(each)
                for name, each in texts.items()
            )
        )

    async def _checked(self, about: Assignment, both: _Both, now: Standing) -> dict[str, Any]:
        """Check everything that an export checks, and what Xero's invoice still allows."""
        told = about.task.data.get("told", "")
        if told and told != compare.fingerprint(now.in_paymo):
            raise Refused(
                "It was edited in Paymo again after that message. Press the button in the newest "
                "one.",
                RefusalCode.CHANGED,
            )
        names = [each.name for each in now.in_xero if each.part is not Part.ROUNDING] + (
            ["lines"] if now.has_own_lines else []
        )
        if names:
            raise Refused(
                f"Somebody changed it in Xero as well ({', '.join(names)}), so we overwrite "
                "nothing. Make both the same by hand.",
            )
        async with self.database.sessions() as session:
            connection = await connections.get(session, about.connection.id)
            ledger = await ledger_settings.load(session, connection, both.contact_id)
        currency = money.currency_code(both.invoice.currency)
        if connection.needs_approval(both.invoice.total, currency):
            raise Refused(
                "A second person approves invoices of this amount, so nothing was changed. Undo "
                f"the export with {Typed(Command.UNDO, about.export.number)}, then export it again."
            )
        seen = _as_stated(about.export, both.stated)
        if why := compare.why_not_updated(seen, connection, now.in_paymo):
            raise Refused(why)
        if not both.contact_id:
            raise Refused(_NO_CONTACT, RefusalCode.CONTACT)
        return _body(about.export, both, ledger)

    async def _record(self, about: Assignment, invoice: Invoice, stated: XeroInvoice) -> str:
        """Record what Xero has now, compare the totals, and notify the channels."""
        export = about.export
        found = compare.edits_in_paymo(export, compare.compared_of(export).former, invoice)
        async with self.database.sessions.begin() as session:
            stated_at = {"stated_at": stated.updated_at.isoformat()}
            await task_lifecycle.finish(session, about.task, stated_at)
            await self._write(session, about, invoice, stated)
            await self._tell(session, about, found)
        about.turn.nudge(Job.NOTICES, about.connection.workspace_id)
        total = Amount(stated.total, export.currency, about.connection.country)
        return f"Invoice {export.number} was updated in Xero; its total is {total}. {export.reason}"

    async def _write(
        self, session: Session, about: Assignment, invoice: Invoice, stated: XeroInvoice
    ) -> None:
        export = about.export
        columns: lifecycle.ExportColumns = {
            "sent": about.task.data["body"],
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
            "due_on": stated.due_on,
            "xero_rounding": stated.rounding_amount or None,
            "xero_seen_status": stated.status,
            "accepted_difference": None,
            "drift": "",
        }
        await lifecycle.note_update(session, export, columns)
        differs = recording.difference(export, stated)
        if differs:
            await lifecycle.mark_updated_differently(session, export, differs)
        else:
            await lifecycle.mark_updated(session, export)

    async def _tell(
        self, session: Session, about: Assignment, found: tuple[Difference, ...]
    ) -> None:
        export, connection, now = about.export, about.connection, self.now()
        by = about.task.asked_by
        facts = notices.common_facts(export, connection, self.links) | {
            "side": compare.PAYMO,
            **compare.facts_of(found),
            "advice": "",
            "by": by,
        }
        notification = notices.Notification(
            NoticeKind.INVOICE_DRIFTED, f"updated:{about.task.id}", facts, export, export.total
        )
        await notices.enqueue(session, connection, notification, now)
        before, after = compare.values_of(found)
        entry = AuditNote("updated_in_xero", now, by, export.id, before, after)
        audit.record(session, connection, entry)


def _where(export: Export, refusal: Refused) -> str:
    """Say where to choose what a form offers and an update doesn't, or ""."""
    if RefusalCode.TAX in refusal.codes:
        undo = Typed(Command.UNDO, export.number)
        return (
            f"You can't choose one in an update: undo the export with {undo}, then export it again."
        )
    if RefusalCode.UNTAXED_CHOICE in refusal.codes:
        return f"The owner chooses it in {Typed(Command.SETTINGS)}."
    return ""


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


def _body(export: Export, both: _Both, ledger: LedgerSettings) -> dict[str, Any]:
    """Return the whole invoice as an export would send it now; a draft stays one."""
    status = DRAFT if both.stated.status == DRAFT else "AUTHORISED"
    choice = replace(checking.choice_of(export), xero_status=status, contact_id=both.contact_id)
    case, due_on = Case(both.invoice, choice, ledger), both.stated.due_on
    if due_on is not None and not case.is_due_known:
        # Paymo has none that fits: Xero keeps its own.
        case = replace(case, choice=replace(choice, due_rule=due_on.isoformat()))
    checking.require_sendable(case)
    return checking.sent_of(case, both.contact_id)


def _fields(body: dict[str, Any], stated: XeroInvoice, former: str) -> dict[str, object]:
    """Return what is sent of it: lines without ids take the place of those that are there."""
    fields = {name: body[name] for name in _CHANGED if name in body}
    if money.folded(stated.reference) == money.folded(former) != "":
        fields.setdefault("Reference", "")  # the number stands in its own place now
    if body["Contact"]["ContactID"] != stated.contact.contact_id:
        fields["Contact"] = body["Contact"]
    return {**fields, "LineItems": msgspec.convert(body["LineItems"], list[NewLine])}
