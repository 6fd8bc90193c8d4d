"""Bringing an exported invoice in Xero after Paymo's, when a person asks for it.

Take, call, record: what will be sent is written down first. An update whose answer was lost is
looked for in Xero before anything is sent again.
"""

from contextlib import suppress
from dataclasses import dataclass

from services import compare
from services.errors import AlreadyRequested, Lost, NotFound, ServiceError
from services.export.kit import Kit
from services.export.refusals import Refused
from services.export.underway import Taken, Underway, postpone, take_about
from services.lifecycle import task as lifecycle
from services.model.invoice import InvoiceState
from services.model.jobs import Job
from services.model.people import Person, ReplyTarget
from services.store import audit, connections, exports
from services.store.audit import AuditNote
from services.store.tables import Connection, Export
from services.update import rewriting


@dataclass(frozen=True, slots=True)
class UpdateService(Kit):
    """`ask` writes a row and nudges; `run_update` is a job."""

    async def ask(self, person: Person, export_id: int, reply_to: ReplyTarget) -> str:
        """Have the invoice in Xero made as it is in Paymo now; return a sentence to show."""
        async with self.database.sessions.begin() as session:
            export = await exports.find(session, export_id)
            if export is None:
                raise NotFound("This export is not known any more.")
            found = await connections.get_here(session, person, export.connection_id)
            connection = connections.require_ready(found)
            _require_ours(export, connection)
            asked = lifecycle.Asked(
                Job.UPDATE,
                str(export.id),
                self.now(),
                by=person.user_id,
                reply_to=reply_to,
                export_id=export.id,
                data={"told": compare.told(export, compare.PAYMO)},
            )
            task = await lifecycle.ask(session, connection, asked)
            if task is None:
                raise AlreadyRequested(f"Invoice {export.number} is being updated already.")
            task_id = task.id
        await self.work.nudge(Job.UPDATE, task_id)
        return f"Invoice {export.number} is being updated in {connection.organisation_name}."

    async def run_update(self, task_id: int) -> None:
        """Bring one update a step on, however far it had come."""
        async with self.database.sessions.begin() as session:
            taken = await take_about(session, task_id, self.now())
        if taken is None:
            return
        case = Underway(self, taken.connection, taken.export, taken.task)
        with suppress(Lost):
            try:
                said = await rewriting.run(case)
            except Refused as refusal:
                await self._refuse(case, str(refusal))
            except Lost:
                raise
            except ServiceError as refusal:
                await self._later(case, taken, refusal)
            else:
                await case.say(said)

    async def _later(self, case: Underway, taken: Taken, refusal: ServiceError) -> None:
        """Try again when the refusal may have passed, and say so once."""
        async with self.database.sessions.begin() as session:
            said = await postpone(session, taken, refusal, self.now())
        await case.say(said, is_well=False)
        due_at = case.task.due_at
        if case.task.tries == 1 and due_at is not None:
            when = f"{due_at:%H:%M} UTC on {due_at:%d %b}"
            await case.say(f"{refusal} It goes on by itself at {when}.", is_well=False)

    async def _refuse(self, case: Underway, why: str) -> None:
        export = case.export
        async with self.database.sessions.begin() as session:
            await lifecycle.refuse(session, case.task, why)
            entry = AuditNote(
                "update_refused",
                self.now(),
                case.task.asked_by,
                export_id=export.id,
                after={"reason": why},
            )
            audit.record(session, case.connection, entry)
        await case.say(f"Invoice {export.number} was not updated. {why}", is_well=False)


def _require_ours(export: Export, connection: Connection) -> None:
    """Refuse what is not in Xero by our hand any more, or in another organisation."""
    number = export.number
    if export.state not in exports.DONE or export.invoice_state is not InvoiceState.LIVE:
        raise ServiceError(f"Invoice {number} is not in Xero any more, so there is no update.")
    if export.tenant_id != connection.tenant_id:
        raise ServiceError(
            f"Invoice {number} lives in another Xero organisation than "
            f"{connection.organisation_name}, so it is not touched."
        )
    if export.is_linked:
        raise ServiceError(
            f"Invoice {number} was in Xero before and is only linked. Change it there by hand."
        )
