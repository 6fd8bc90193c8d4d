"""Taking an export back, and accepting one that differs: what people ask for.

While an export is taken back the invoice's life is `UNDOING`, so that a look at Xero never takes
our own doing for a deletion.
"""

from dataclasses import dataclass
from decimal import Decimal

from services import money
from services.errors import AlreadyRequested, NotFound
from services.export.kit import Kit
from services.export.underway import take_about
from services.lifecycle import invoice as invoices
from services.lifecycle.export import accept_difference
from services.lifecycle.task import Asked, ask
from services.model.invoice import InvoiceState
from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.model.people import Person, ReplyTarget
from services.store import audit, cards, connections, exports, notices, numbered
from services.store.audit import AuditNote
from services.store.engine import Session
from services.store.tables import Connection, Export
from services.undo import takeback


@dataclass(frozen=True, slots=True)
class Takeable:
    """An export that can be taken back once somebody says so."""

    export_id: int
    number: str
    client_name: str
    organisation: str
    connection_id: int


@dataclass(frozen=True, slots=True)
class UndoService(Kit):
    """A press claims the invoice's life and leaves a task; `run_undo` is a job."""

    async def find(self, person: Person, number: str) -> Takeable:
        """Return the export to take back by its invoice's number, to ask the person about it."""
        async with self.database.sessions() as session:
            connection = await connections.get_for_exporter(session, person)
            number = await numbered.meant(session, connection, number)
            export = await numbered.find_export(session, connection, number)
        if export is None:
            raise NotFound(
                f"No invoice with the number {number} was exported, so nothing is undone."
            )
        if why := _why_not_ours(export, connection):
            raise AlreadyRequested(why)
        name = connection.organisation_name
        return Takeable(export.id, export.number, export.client_name, name, connection.id)

    async def undo(self, person: Person, export_id: int, reply_to: ReplyTarget) -> str:
        """Have an export taken back; return a sentence to show at once."""
        now = self.now()
        async with self.database.sessions.begin() as session:
            export, connection = await self._own(session, person, export_id)
            if why := _why_not_ours(export, connection):
                raise AlreadyRequested(why)
            asked = Asked(
                Job.UNDO, str(export.id), now, person.user_id, reply_to, export_id=export.id
            )
            is_taken = await invoices.begin_undo(session, export)
            task = await ask(session, connection, asked) if is_taken else None
            if task is None:
                raise AlreadyRequested(f"Invoice {export.number} is being taken back already.")
            task_id, number = task.id, export.number
        await self.work.nudge(Job.UNDO, task_id)
        return f"Invoice {number} is being taken back from {connection.organisation_name}."

    async def accept(self, person: Person, export_id: int) -> str:
        """Take an invoice that Xero states otherwise than Paymo for a good one."""
        now = self.now()
        async with self.database.sessions.begin() as session:
            export, connection = await self._own(session, person, export_id)
            difference = (export.xero_total or Decimal(0)) - (export.total or Decimal(0))
            difference -= export.xero_rounding or Decimal(0)
            before = {
                "paymo": _text(export.total, export),
                "xero": _text(export.xero_total, export),
            }
            if not await accept_difference(session, export, difference):
                raise AlreadyRequested(f"Invoice {export.number} has no difference to accept.")
            after = {"difference": _text(difference, export)}
            entry = AuditNote("difference_accepted", now, person.user_id, export.id, before, after)
            audit.record(session, connection, entry)
            facts = cards.card_facts(export, connection, self.links, ())
            notification = notices.Notification(
                NoticeKind.INVOICE_EXPORTED, f"accepted:{export.id}", facts, export, export.total
            )
            await notices.enqueue(session, connection, notification, now)
        await self.work.nudge(Job.NOTICES, connection.workspace_id)
        return (
            f"The difference of {after['difference']} on invoice {export.number} is accepted. "
            "Payments are recorded as if both sides stated the same."
        )

    async def run_undo(self, task_id: int) -> None:
        """Bring one task a step on, however far it had come."""
        async with self.database.sessions.begin() as session:
            taken = await take_about(session, task_id, self.now())
        if taken is not None:
            await takeback.run(self, taken)

    async def _own(
        self, session: Session, person: Person, export_id: int
    ) -> tuple[Export, Connection]:
        export = await exports.find(session, export_id)
        if export is None:
            raise NotFound("This export is not known any more.")
        found = await connections.get_here(session, person, export.connection_id)
        return export, connections.require_ready(found)


def _text(amount: Decimal | None, export: Export) -> str:
    return money.format_amount(amount or Decimal(0), export.currency)


def _why_not_ours(export: Export, connection: Connection) -> str:
    """Say why there is nothing to take back, or ""."""
    if export.state not in exports.DONE or export.xero_invoice_id is None:
        return f"Invoice {export.number} is not in Xero, so there is nothing to undo."
    if export.tenant_id != connection.tenant_id:
        return (
            f"Invoice {export.number} lives in another Xero organisation than "
            f"{connection.organisation_name}, so it is not touched."
        )
    if export.is_linked:
        return (
            f"Invoice {export.number} was in Xero before and was only linked, so the app takes "
            "nothing back. Change it in Xero."
        )
    if export.invoice_state is InvoiceState.UNDOING:
        return f"Invoice {export.number} is being taken back already."
    if export.invoice_state is not InvoiceState.LIVE:
        return f"Invoice {export.number} is gone from Xero already, so there is nothing to undo."
    return ""
