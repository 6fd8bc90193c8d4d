"""Automatic export, if the owner turned it on: export what is certain, ask about the rest."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.clients.paymo import Invoice, PaymoClients
from services.errors import (
    AlreadyRequested,
    NotFound,
    ServiceError,
)
from services.export import claims, ledger_settings
from services.export.claims import said_of_former
from services.export.ledger_settings import Mirror
from services.export.one_off import OneOffStep
from services.jobs import policy
from services.jobs.runner import Turn
from services.lifecycle import task as lifecycle
from services.mapping.case import Case, ExportChoice
from services.mapping.checks import examine
from services.model.connection import ConnectionState
from services.model.export import NEW_CONTACT, Colour
from services.model.invoice import ISSUED_IN_PAYMO, SENT_IN_PAYMO, Links
from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.model.people import ReplyTarget
from services.store import audit, connections, exports, matches, mirror, notices, settled
from services.store.audit import AuditNote
from services.store.engine import Database, Session
from services.store.tables import Connection, InvoiceHeader, Task

_FRESH = timedelta(minutes=1)
_WAITS = timedelta(minutes=5)
_UNASKED = "Paymo or Xero didn’t answer for a day, so it wasn’t checked. Export it by hand."
_AGAIN = "somebody needs to decide whether to export it again."


@dataclass(frozen=True, slots=True)
class AutoStep(OneOffStep):
    """Judges one invoice that became sent: a task whose subject is its id in Paymo."""

    database: Database
    paymo: PaymoClients
    mirror: Mirror
    links: Links
    now: Callable[[], datetime]

    job = Job.AUTO
    policy = policy.AUTO

    async def run(self, turn: Turn[Task]) -> None:
        """Export the invoice if everything is certain, or ask, or wait."""
        async with self.database.sessions.begin() as session:
            connection = await connections.get(session, turn.row.connection_id)
            if await self._is_stopped(session, connection, turn.row):
                return
        export_id = await self._consider(connection, turn.row)
        if export_id is None:
            turn.nudge(Job.NOTICES, connection.workspace_id)
        else:
            turn.nudge(Job.EXPORT, export_id)

    async def give_up(self, turn: Turn[Task], refusal: ServiceError) -> None:
        """Leave it to people, where one side could not be asked for a day."""
        task = turn.row
        async with self.database.sessions.begin() as session:
            await lifecycle.refuse(session, task, _UNASKED)
            connection = await connections.get(session, task.connection_id)
            header = await mirror.find_header(session, connection.id, int(task.subject))
            if header is None:
                return
            client = await mirror.find_client(session, connection.id, header.client_id)
            source = f"{settled.asked_source(connection.id, header.invoice_id)}:{task.id}"
            facts = _facts(header, client.name if client else "", _UNASKED)
            await self._ask(session, connection, header.invoice_id, source, facts)

    async def _is_stopped(self, session: Session, connection: Connection, task: Task) -> bool:
        if not connection.auto_export:
            await lifecycle.refuse(session, task, "Automatic export is off.")
            return True
        if connection.state is ConnectionState.ACTIVE and not connection.is_paused:
            return False
        reason = "The connection doesn't work, or its deletions are paused until somebody decides."
        await lifecycle.put_off(session, task, self.now() + _WAITS, reason, is_try=False)
        return True

    async def _consider(self, connection: Connection, task: Task) -> int | None:
        """Return the export that was claimed, if any."""
        invoice_id = int(task.subject)
        try:
            invoice = await self.paymo.client(connection.paymo_api_key).invoice(invoice_id)
        except NotFound:
            invoice = None
        await self.mirror.refresh_ledger(connection, at_most_old=_FRESH)
        async with self.database.sessions.begin() as session:
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
        """Claim the export if it is certain; return the doubt, if any, and the export.

        Invoices that somebody exported are left alone, unless that copy has ended in Xero.
        """
        latest = await exports.find_latest(session, connection, invoice.id)
        former = await said_of_former(session, connection, invoice, latest)
        if latest is not None and not former:
            return "", None
        choice = await _choice(session, connection, invoice)
        doubt = f"{former}; {_AGAIN}" if former else _paid(invoice)
        doubt = doubt or await _doubt(session, connection, invoice, choice)
        if doubt:
            # Once for each time that it was in Xero.
            source = settled.asked_source(connection.id, invoice.id)
            source = f"{source}:{latest.id}" if latest is not None else source
            if not await settled.is_known(session, source):
                facts = _facts(invoice, invoice.client_name, doubt)
                await self._ask(session, connection, invoice.id, source, facts)
            return doubt, None
        reply_to = ReplyTarget(connection.workspace_id, "")
        columns = claims.columns_of(invoice)
        columns["ordered_by"] = connection.auto_export_by
        asked = claims.Request("", reply_to, self.now(), choice, columns)
        try:
            export = await claims.claim(session, connection, asked)
        except AlreadyRequested:
            return "", None  # somebody was faster, and is answered there
        return "", export.id

    async def _ask(
        self,
        session: Session,
        connection: Connection,
        invoice_id: int,
        source: str,
        facts: dict[str, str],
    ) -> None:
        """Notify channels, or the owner, why this invoice wasn't exported automatically."""
        notification = notices.Notification(
            kind=NoticeKind.EXPORT_ASKED,
            source=source,
            facts=connections.common_facts(connection)
            | facts
            | {"country": connection.country, "paymo_url": self.links.paymo(invoice_id)},
        )
        if not await notices.enqueue(session, connection, notification, self.now()):
            to_owner = replace(notification, also=[connection.owner_id])
            await notices.enqueue(session, connection, to_owner, self.now())
        told = {
            "paymo_invoice_id": invoice_id,
            "number": facts["number"],
            "reason": facts["reason"],
        }
        audit.record(session, connection, AuditNote("auto_export_asked", self.now(), after=told))


def _facts(of: Invoice | InvoiceHeader, client_name: str, doubt: str) -> dict[str, str]:
    return {
        "number": of.number,
        "client": client_name,
        "total": notices.amount_text(of.total),
        "currency": of.currency,
        "reason": doubt,
    }


def _paid(invoice: Invoice) -> str:
    """Say that it was paid before the app could export it; Xero won't get that payment."""
    if invoice.status in SENT_IN_PAYMO:
        return ""
    return (
        "It was paid in Paymo before paymo-xero saw that it was sent. Payments made in Paymo don't "
        "go to Xero, so add this one in Xero by hand."
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
    """Return the doubt about an invoice; "" if its match is known and every check is green."""
    if choice.contact_id in {"", NEW_CONTACT} or not choice.account_id:
        name = invoice.client_name or "This client"
        return f"{name} needs a contact and an account in Xero. Choose them in the form once."
    ledger = await ledger_settings.load(session, connection, choice.contact_id)
    checks = examine(Case(invoice, choice, ledger))
    return next((each.text for each in checks if each.colour is not Colour.GREEN), "")
