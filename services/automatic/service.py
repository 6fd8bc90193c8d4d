"""Exporting without a press what is certain, on the owner's order, and asking about the rest."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from services.clients.paymo import Invoice
from services.errors import (
    AlreadyRequested,
    Lost,
    NotConnected,
    NotFound,
    ServiceError,
    Throttled,
    Unavailable,
)
from services.export import claims
from services.export.former import said_of_former
from services.export.kit import Kit
from services.export.shapes import ExportChoice
from services.jobs.backoff import AUTO
from services.lifecycle import task as lifecycle
from services.mapping import books
from services.mapping.case import Case
from services.mapping.checks import examine
from services.model.connection import ConnectionState
from services.model.export import NEW_CONTACT, Colour
from services.model.invoice import ISSUED_IN_PAYMO, SENT_IN_PAYMO
from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.model.people import Person, ReplyTarget
from services.store import audit, cards, connections, exports, matches, mirror, notices, tasks
from services.store.audit import AuditNote
from services.store.engine import Session
from services.store.tables import Connection, Task

_FRESH = timedelta(minutes=1)
_WAITS = timedelta(minutes=5)
_NOBODY = Person("", "", "")
_UNASKED = "Paymo or Xero didn’t answer for a day, so it wasn’t checked. Export it by hand."
_AGAIN = "somebody has to decide whether it goes there again."


@dataclass(frozen=True, slots=True)
class AutoExportService:
    """Looks at one invoice that became sent: a task whose subject is its id in Paymo."""

    kit: Kit

    async def run_auto(self, task_id: int) -> None:
        """Export the invoice if everything is certain, or ask, or wait."""
        with suppress(Lost):
            await self._run(task_id)

    async def _run(self, task_id: int) -> None:
        async with self.kit.database.sessions.begin() as session:
            task = await tasks.take(session, task_id, self.kit.now())
            if task is None:
                return
            connection = await connections.get(session, task.connection_id)
            if await self._is_stopped(session, connection, task):
                return
        try:
            export_id = await self._consider(connection, task)
        except Throttled as refusal:
            pause = max(refusal.retry_after, _WAITS)
            await self._later(task, pause, refusal, is_try=False)
        except Unavailable as refusal:
            await self._try_again(connection, task, refusal)
        except NotConnected as refusal:
            await self._broken(connection, task, refusal)
        else:
            job, key = Job.NOTICES, connection.workspace_id
            if export_id is not None:
                job, key = Job.EXPORT, export_id
            await self.kit.work.nudge(job, key)

    async def _is_stopped(self, session: Session, connection: Connection, task: Task) -> bool:
        if not connection.auto_export:
            reason = "Automatic export is switched off."
            await lifecycle.refuse(session, task, reason)
            return True
        if connection.state is ConnectionState.ACTIVE and not connection.is_paused:
            return False
        reason = "The connection does not work now, or waits for somebody's decision."
        due_at = self.kit.now() + _WAITS
        await lifecycle.put_off(session, task, due_at, reason, is_try=False)
        return True

    async def _consider(self, connection: Connection, task: Task) -> int | None:
        """Return the export that was claimed, if any."""
        invoice_id = int(task.subject)
        try:
            invoice = await self.kit.paymo.client(connection.paymo_api_key).invoice(invoice_id)
        except NotFound:
            invoice = None
        await self.kit.mirror.refresh_books(connection, at_most_old=_FRESH)
        async with self.kit.database.sessions.begin() as session:
            row = await connections.get(session, connection.id)
            if await self._is_stopped(session, row, task):
                return None
            doubt, export_id = "", None
            if invoice is not None and invoice.status in ISSUED_IN_PAYMO:
                doubt, export_id = await self._decide(session, row, invoice)
            if doubt:
                await lifecycle.refuse(session, task, doubt)
            else:
                await lifecycle.finish(session, task)
        return export_id

    async def _decide(
        self, session: Session, connection: Connection, invoice: Invoice
    ) -> tuple[str, int | None]:
        """Claim what is certain, or ask; return why it was not certain, and the export.

        What anybody has ever asked for is left alone, unless Xero has let go of it since.
        """
        latest = await exports.find_latest(session, connection, invoice.id)
        former = await said_of_former(session, connection, invoice, latest)
        if latest is not None and not former:
            return "", None
        choice = await _choice(session, connection, invoice)
        doubt = f"{former}; {_AGAIN}" if former else _paid(invoice)
        doubt = doubt or await _doubt(session, connection, invoice, choice)
        if doubt:
            source = f"export_asked:{connection.id}:{invoice.id}"
            if latest is not None:
                source = f"{source}:{latest.id}"  # once for each time that it was in Xero
            if not await notices.is_known(session, source):
                subject = claims.Subject.seen(invoice)
                await self._ask(session, connection, subject, source, doubt)
            return doubt, None
        reply_to = ReplyTarget(connection.workspace_id, "")
        asked = claims.Request(_NOBODY, reply_to, self.kit.now(), choice)
        subject = claims.Subject.seen(invoice)
        row = claims.new_row(connection, subject, asked)
        try:
            export = await claims.claim(session, connection, subject, row)
        except AlreadyRequested:
            return "", None  # somebody was faster, and is answered there
        return "", export.id

    async def _try_again(self, connection: Connection, task: Task, refusal: Unavailable) -> None:
        """Wait, or leave it to people where one side could not be asked for a day."""
        if not AUTO.is_over(task.tries):
            await self._later(task, AUTO.pause_after(task.tries), refusal)
            return
        async with self.kit.database.sessions.begin() as session:
            await lifecycle.refuse(session, task, _UNASKED)
            header = await mirror.find_header(session, connection.id, int(task.subject))
            if header is None:
                return
            client = await mirror.find_client(session, connection.id, header.client_id)
            subject = claims.Subject.unseen(header, client.name if client else "")
            source = f"export_asked:{connection.id}:{header.invoice_id}:{task.id}"
            await self._ask(session, connection, subject, source, _UNASKED)

    async def _ask(
        self,
        session: Session,
        connection: Connection,
        invoice: claims.Subject,
        source: str,
        doubt: str,
    ) -> None:
        """Say why this invoice did not go by itself: in channels, or to the owner."""
        facts = {
            "number": invoice.number,
            "client": invoice.client_name,
            "total": cards.amount_text(invoice.total),
            "currency": invoice.currency,
            "reason": doubt,
            "paymo_url": self.kit.links.paymo(invoice.id),
        }
        notification = notices.Notification(
            kind=NoticeKind.EXPORT_ASKED,
            source=source,
            facts=connections.common_facts(connection) | facts,
        )
        if not await notices.enqueue(session, connection, notification, self.kit.now()):
            nobody_hears = notices.Notification(
                notification.kind,
                notification.source,
                notification.facts,
                also=[connection.owner_id],
            )
            await notices.enqueue(session, connection, nobody_hears, self.kit.now())
        told = {"paymo_invoice_id": invoice.id, "number": invoice.number, "reason": doubt}
        audit.record(
            session, connection, AuditNote("auto_export_asked", self.kit.now(), after=told)
        )

    async def _later(
        self, task: Task, pause: timedelta, refusal: ServiceError, *, is_try: bool = True
    ) -> None:
        due_at = self.kit.now() + pause
        async with self.kit.database.sessions.begin() as session:
            await lifecycle.put_off(session, task, due_at, str(refusal), is_try=is_try)

    async def _broken(self, connection: Connection, task: Task, refusal: NotConnected) -> None:
        async with self.kit.database.sessions.begin() as session:
            await connections.mark_broken(
                session, connection.id, refusal.system, reason=str(refusal), now=self.kit.now()
            )
        await self._later(task, _WAITS, refusal, is_try=False)


def _paid(invoice: Invoice) -> str:
    """Say that it was paid before the app could export it: Xero will not hear of that payment."""
    if invoice.status in SENT_IN_PAYMO:
        return ""
    return (
        "It was paid in Paymo before the app had seen that it was sent. Payments made in Paymo do "
        "not go to Xero, so there it will stand unpaid until somebody pays it there, too."
    )


async def _choice(session: Session, connection: Connection, invoice: Invoice) -> ExportChoice:
    known = await matches.find(session, connection.id, connection.tenant_id, invoice.client_id)
    return ExportChoice(
        invoice_id=invoice.id,
        contact_id=known.contact_id if known else "",
        account_id=known.account_id if known else "",
        xero_status=connection.xero_status,
    )


async def _doubt(
    session: Session, connection: Connection, invoice: Invoice, choice: ExportChoice
) -> str:
    """Say what is not certain, or "": only what is remembered and green goes by itself."""
    if choice.contact_id in {"", NEW_CONTACT} or not choice.account_id:
        name = invoice.client_name or "This client"
        return f"{name} has no contact and account in Xero that somebody has chosen before."
    known = await books.load(session, connection, choice.contact_id)
    checks = examine(Case(invoice, choice, known))
    return next((each.text for each in checks if each.colour is not Colour.GREEN), "")
