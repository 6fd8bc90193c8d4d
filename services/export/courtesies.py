"""What is done for an export besides: a note in Xero's own history, and Paymo's PDF beside it.

Both are courtesies: when they fail, or the day's calls run short, the export is as good without
them. Neither is done twice; what may have arrived is not sent again.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from services.clients.tokens import ATTACHMENTS
from services.clients.xero.invoices import add_note, attach_pdf
from services.errors import ServiceError, Throttled
from services.export.kit import Kit
from services.jobs.backoff import COURTESY
from services.model import Job, ReplyTarget, Said, TaskState
from services.store import grants, tasks
from services.store.engine import Session
from services.store.tables import Connection, Export
from services.store.tasks import Asked, Taken

log = structlog.get_logger(__name__)

_NOT_IN_A_NAME = re.compile(r"[^\w.-]+")


async def ask(
    session: Session, connection: Connection, export: Export, kit: Kit
) -> list[tuple[Job, int]]:
    """Leave the tasks in the transaction that records an export; return what to nudge for."""
    wanted = []
    # Somebody else's invoice has its own history, and a batch writes its notes when it is over.
    if not export.is_linked and export.batch_id is None:
        wanted.append(Job.ANNOTATE)
    if connection.attach_pdf and await _may_attach(session, connection):
        wanted.append(Job.ATTACH)
    asked = []
    for job in wanted:
        task = await tasks.ask(
            session, connection, Asked(job, str(export.id), kit.now(), export_id=export.id)
        )
        if task is not None:
            asked.append((job, task.id))
    return asked


async def _may_attach(session: Session, connection: Connection) -> bool:
    if connection.grant_id is None:
        return False
    grant = await grants.get(session, connection.grant_id)
    return ATTACHMENTS in grant.scopes.split()


@dataclass(frozen=True, slots=True)
class CourtesyService(Kit):
    """`run_annotate` and `run_attach` are jobs; nobody waits for them."""

    async def run_annotate(self, task_id: int) -> None:
        """Write the note into Xero's history; a refusal is let go without a word."""
        taken = await self._begin(task_id)
        if taken is not None:
            await self._end(taken, await self._tried(taken, self._annotate))

    async def run_attach(self, task_id: int) -> None:
        """Attach Paymo's PDF; that it was refused is told to whoever exported, once."""
        taken = await self._begin(task_id)
        if taken is None:
            return
        why = await self._tried(taken, self._attach)
        if await self._end(taken, why) and why and taken.export.reply_to:
            text = (
                f"Invoice {taken.export.number} is in Xero; only its PDF could not be attached. "
                f"{why}"
            )
            reply_to = ReplyTarget(**taken.export.reply_to | {"view_id": ""})
            await self.screen.say(reply_to, Said(text, is_well=False))

    async def _begin(self, task_id: int) -> Taken | None:
        """Take the task, and write down that it may be done from here on."""
        async with self.database.sessions.begin() as session:
            taken = await tasks.take_about(session, task_id, self.now())
            if taken is None:
                return None
            if taken.task.data.get("is_sent"):
                await _finish(session, taken, "It may have been done already.")
                return None
            await tasks.note(session, taken.task, is_sent=True)
            return taken

    async def _tried(self, taken: Taken, call: Callable[[Taken], Awaitable[None]]) -> str | None:
        """Return why it was refused, "" when it was done, or None when it comes later."""
        xero = self.xero.client(taken.connection.tenant_id, taken.connection.grant_id)
        if xero.allowance.is_short:
            return "The day's calls are kept for exports."
        try:
            await call(taken)
        except Throttled as refusal:
            if COURTESY.is_over(taken.task.tries):
                return str(refusal)
            # Refused at the door: nothing was done, so it may be tried again.
            async with self.database.sessions.begin() as session:
                await tasks.note(session, taken.task, is_sent=False)
                await tasks.postpone(session, taken, refusal, self.now())
            return None
        except ServiceError as refusal:
            log.info("courtesy_let_go", export=taken.export.id, refusal=refusal)
            return str(refusal)
        return ""

    async def _end(self, taken: Taken, why: str | None) -> bool:
        if why is None:
            return False
        async with self.database.sessions.begin() as session:
            return await _finish(session, taken, why)

    async def _annotate(self, taken: Taken) -> None:
        export = taken.export
        xero = self.xero.client(taken.connection.tenant_id, taken.connection.grant_id)
        key = f"note-{export.tenant_id}-{export.id}"
        text = note_text(taken.connection, export)
        await add_note(xero, export.xero_invoice_id or "", text, key=key)

    async def _attach(self, taken: Taken) -> None:
        export = taken.export
        content = await self.paymo.client(taken.connection.paymo_api_key).pdf(
            export.paymo_invoice_id
        )
        xero = self.xero.client(taken.connection.tenant_id, taken.connection.grant_id)
        name = _NOT_IN_A_NAME.sub("-", export.number).strip("-.") or str(export.paymo_invoice_id)
        await attach_pdf(xero, export.xero_invoice_id or "", f"{name}.pdf", content)


async def _finish(session: Session, taken: Taken, why: str) -> bool:
    state = TaskState.REFUSED if why else TaskState.DONE
    return await tasks.finish(session, taken.task, state, reason=why)


def note_text(connection: Connection, export: Export) -> str:
    """Return what Xero's history says of an export."""
    by = f"Slack user {export.requested_by}" if export.requested_by else "the app itself"
    company = connection.paymo_company_name or "Paymo"
    return (
        f"Exported from Paymo ({company}, invoice {export.number}, id {export.paymo_invoice_id}) "
        f"by {by} via Slack."
    )
