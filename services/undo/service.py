"""Undoing an export, and accepting a difference: what people press, and the job.

While an export is being undone the invoice's state is `UNDOING`, so that a sweep never takes our
own deletion for somebody's.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from services import money
from services.clients.xero import XeroInvoice
from services.errors import AlreadyRequested, NotFound, Rejected, ServiceError, Unavailable
from services.export.one_off import Assignment, XeroTaskStep
from services.export.refusals import Refused
from services.jobs.runner import Work
from services.lifecycle import invoice as invoices
from services.lifecycle import payment
from services.lifecycle import task as lifecycle
from services.lifecycle.export import accept_difference
from services.lifecycle.task import TaskRequest, ask
from services.model.export import RefusalCode
from services.model.invoice import InvoiceState, Links
from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.model.people import Person, ReplyTarget
from services.model.wording import Day
from services.store import audit, connections, exports, notices, numbered, schedules
from services.store.audit import AuditNote
from services.store.engine import Database, Session
from services.store.tables import Connection, Export, Task

_End = Callable[[Session, Export], Awaitable[bool]]
_ENDED: Mapping[str, _End] = {
    invoices.DELETED: invoices.mark_deleted_amid_undo,
    invoices.VOIDED: invoices.mark_voided_amid_undo,
}
_LONGEST = 255  # characters of an invoice's number


@dataclass(frozen=True, slots=True)
class Undoable:
    """An export that can be undone once somebody confirms it."""

    export_id: int
    number: str
    client_name: str
    connection_id: int


@dataclass(frozen=True, slots=True)
class UndoService:
    """A press claims the invoice's state and leaves a task for `UndoStep`."""

    database: Database
    work: Work
    links: Links
    now: Callable[[], datetime]

    async def find(self, person: Person, number: str) -> Undoable:
        """Return the export with this invoice number, to ask before it is undone."""
        async with self.database.sessions() as session:
            connection = await connections.get_for_exporter(session, person)
            number = await numbered.meant(session, connection, number)
            export = await numbered.find_export(session, connection, number)
            if export is None:
                raise NotFound(
                    f"No invoice with the number {number} was exported, so there is nothing to "
                    "undo."
                )
            if why := await _why_not(session, export, connection):
                raise AlreadyRequested(why)
        return Undoable(export.id, export.number, export.client_name, connection.id)

    async def undo(self, person: Person, export_id: int, reply_to: ReplyTarget) -> str:
        """Queue the undoing of an export; return a sentence to show at once."""
        now = self.now()
        async with self.database.sessions.begin() as session:
            export, connection = await exports.get_here(session, person, export_id)
            if why := await _why_not(session, export, connection):
                raise AlreadyRequested(why)
            asked = TaskRequest(
                Job.UNDO, str(export.id), now, person.user_id, reply_to, export_id=export.id
            )
            is_taken = await invoices.begin_undo(session, export)
            task = await ask(session, connection, asked) if is_taken else None
            if task is None:
                raise AlreadyRequested(f"Invoice {export.number} is already being undone.")
            task_id, number = task.id, export.number
        await self.work.nudge(Job.UNDO, task_id)
        return f"Invoice {number} is being removed from {connection.organisation_name}."

    async def accept(self, person: Person, export_id: int) -> str:
        """Accept that Xero's total differs from Paymo's; return a sentence."""
        now = self.now()
        async with self.database.sessions.begin() as session:
            export, connection = await exports.get_here(session, person, export_id)
            difference = (export.xero_total or Decimal(0)) - (export.total or Decimal(0))
            difference -= export.xero_rounding or Decimal(0)
            before = {
                "paymo": _text(export.total, export, connection.country),
                "xero": _text(export.xero_total, export, connection.country),
            }
            if not await accept_difference(session, export, difference):
                why = f"Invoice {export.number} has no difference to accept."
                made = await audit.last_deed(session, export.id, "difference_accepted")
                raise AlreadyRequested(f"{why} {made}".strip())
            after = {"difference": _text(difference, export, connection.country)}
            entry = AuditNote("difference_accepted", now, person.user_id, export.id, before, after)
            audit.record(session, connection, entry)
            facts = notices.card_facts(export, connection, self.links, (), now)
            notification = notices.Notification(
                NoticeKind.INVOICE_EXPORTED, f"accepted:{export.id}", facts, export, export.total
            )
            await notices.enqueue(session, connection, notification, now)
        await self.work.nudge(Job.NOTICES, connection.workspace_id)
        return (
            f"The difference of {after['difference']} on invoice {export.number} is accepted. "
            "Payments are recorded as if both totals were the same."
        )


def _text(amount: Decimal | None, export: Export, country: str) -> str:
    return money.format_amount(amount or Decimal(0), export.currency, country)


async def _why_not(session: Session, export: Export, connection: Connection) -> str:
    """Say why there is nothing to undo, and who has undone it or is about to; else ""."""
    why, by = _why_not_ours(export, connection), ""
    if export.invoice_state is InvoiceState.UNDOING:
        by = await schedules.said_of_open(session, Job.UNDO, export.id)
    if export.invoice_state is InvoiceState.UNDONE:
        by = await audit.last_deed(session, export.id, "undone")
    return f"{why} {by}".strip()


def _why_not_ours(export: Export, connection: Connection) -> str:
    """Say why there is nothing to undo, or ""."""
    if export.state not in exports.DONE or export.xero_invoice_id is None:
        return f"Invoice {export.number} isn't in Xero, so there is nothing to undo."
    if export.tenant_id != connection.tenant_id:
        return (
            f"Invoice {export.number} belongs to a Xero organisation other than "
            f"{connection.organisation_name}, so we leave it alone."
        )
    if export.is_linked:
        return f"Invoice {export.number} was in Xero before and is only linked. Change it in Xero."
    if export.invoice_state is InvoiceState.UNDOING:
        return f"Invoice {export.number} is already being undone."
    if export.invoice_state is not InvoiceState.LIVE:
        return f"Invoice {export.number} is no longer in Xero, so there is nothing to undo."
    return ""


@dataclass(frozen=True, slots=True)
class UndoStep(XeroTaskStep):
    """Undoes an export as far as Xero allows; Paymo keeps its invoice.

    A draft is deleted. An approved invoice without payments is renamed, so that its number is free
    again, and then voided. Anything else is refused, and nothing is changed.
    """

    job = Job.UNDO

    async def go_on(self, about: Assignment) -> None:
        """Bring it a step on; what may be done already is read before anything is sent."""
        try:
            await self._run(about)
        except Refused as refusal:
            await self._refuse(about, f"{refusal} {await self._named_back(about)}".strip())

    async def _run(self, about: Assignment) -> None:
        xero = self.xero.of(about.connection)
        try:
            invoice = await xero.invoice(about.export.xero_invoice_id or "")
        except NotFound:
            raise Refused(
                f"Xero can't find invoice {about.export.number}, so nothing was changed.",
                RefusalCode.GONE,
            ) from None
        sent = str(about.task.data.get("sent", ""))
        if invoice.status in _ENDED:
            if sent in _ENDED:
                await self._succeed(about, invoice)
            else:
                why = (
                    f"Somebody already {invoice.status.lower()} invoice {about.export.number} in "
                    "Xero, so Paymo follows as usual."
                )
                await self._refuse(about, why, end=_ENDED[invoice.status])
            return
        self.require_over(about)
        await self._check(about, invoice)
        try:
            await self._end(about, invoice)
        except Rejected as refusal:
            raise Refused(
                f"Invoice {about.export.number} wasn't undone. {refusal}", RefusalCode.REJECTED
            ) from refusal

    async def _check(self, about: Assignment, invoice: XeroInvoice) -> None:
        """Raise `Refused` where Xero doesn't allow it, or a person should check first."""
        number, organisation = about.export.number, about.connection.organisation_name
        settled = [
            *invoice.payments,
            *invoice.credit_notes,
            *invoice.overpayments,
            *invoice.prepayments,
        ]
        if settled or invoice.status == "PAID":
            raise Refused(
                f"Invoice {number} has payments or credits in {organisation}, so it can't be "
                "undone. Remove them in Xero first (a batch or reconciled payment in its bank "
                "account), then undo again.",
            )
        locked, country = about.connection.locked_until, about.connection.country
        day = invoice.issued_on
        is_approved = invoice.status == "AUTHORISED"
        if is_approved and locked is not None and day is not None and day <= locked:
            raise Refused(
                f"Invoice {number} is dated {Day(day, country)} and {organisation} is locked up to "
                f"{Day(locked, country)}, so it can't be undone. Move the lock date in Xero "
                "first, or add a credit note there.",
                RefusalCode.LOCKED,
            )

    async def _end(self, about: Assignment, invoice: XeroInvoice) -> None:
        key = f"undo-{about.export.tenant_id}-{about.task.id}-{about.task.tries}"
        if invoice.status == "AUTHORISED":
            free = _freed(about.export, about.task)
            if invoice.invoice_number != free:
                await self.leave(about, sent="rename")
                await self.change(about, {"InvoiceNumber": free}, key=f"{key}-rename")
            end = "VOIDED"
        else:
            end = "DELETED"
        await self.leave(about, sent=end)
        ended = await self.change(about, {"Status": end}, key=f"{key}-end")
        if ended.status != end:
            raise Unavailable(
                f"Xero didn't confirm that invoice {about.export.number} is {end.lower()}."
            )
        await self._succeed(about, ended)

    async def _named_back(self, about: Assignment) -> str:
        """Give a refused invoice its number back; return a sentence if Xero refuses that."""
        if about.task.data.get("sent") not in {"rename", "VOIDED"}:
            return ""
        number, free = about.export.xero_number, _freed(about.export, about.task)
        key = f"undo-{about.export.tenant_id}-{about.task.id}-{about.task.tries}-back"
        xero = self.xero.of(about.connection)
        try:
            stated = await xero.invoice(about.export.xero_invoice_id or "")
            if money.folded(stated.invoice_number) != money.folded(free):
                return ""
            await self.leave_anyway(about)
            await self.change(about, {"InvoiceNumber": number}, key=key)
        except ServiceError:
            return f"In Xero its number may be {free} now. Change it back to {number}."
        return ""

    async def _succeed(self, about: Assignment, invoice: XeroInvoice) -> None:
        export, now = about.export, self.now()
        how = "deleted" if invoice.status == "DELETED" else "voided"
        async with self.database.sessions.begin() as session:
            await lifecycle.finish(session, about.task, {"how": how})
            # No sweep follows it from here on, and it had no payment left when it ended. A sweep
            # locks payments before their invoices, too, so that neither waits for the other.
            await payment.check_all(session, export, now)
            await invoices.mark_undone(session, export, invoice.status)
            facts = notices.common_facts(export, about.connection, self.links)
            facts |= {"by": about.task.asked_by, "how": how}
            notification = notices.Notification(
                NoticeKind.INVOICE_UNDONE, f"undone:{about.task.id}", facts, export, export.total
            )
            await notices.enqueue(session, about.connection, notification, now)
            before = {"xero_invoice_id": export.xero_invoice_id, "xero_number": export.xero_number}
            entry = AuditNote("undone", now, about.task.asked_by, export.id, before, {"how": how})
            audit.record(session, about.connection, entry)
        about.turn.nudge(Job.NOTICES, about.connection.workspace_id)
        organisation = about.connection.organisation_name
        self.tell(
            about.turn,
            f"Invoice {export.number} was {how} in {organisation}. It stays in Paymo and can be "
            "exported again.",
        )

    async def _refuse(self, about: Assignment, why: str, *, end: _End = invoices.stop_undo) -> None:
        async with self.database.sessions.begin() as session:
            await self.record_refusal(session, about, why)
            await end(session, about.export)
        self.tell(about.turn, why, is_well=False)


def _freed(export: Export, task: Task) -> str:
    """Return the name that a void invoice keeps, so that its number can be used again."""
    suffix = f" undone {task.id}"
    return f"{export.xero_number[: _LONGEST - len(suffix)]}{suffix}"
