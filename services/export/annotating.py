"""A note in the history that Xero keeps of an invoice: who exported it, and from where.

It is a courtesy to whoever reads the books: when Xero refuses it, or the day's calls run short, it
is let go without a word, and the export is as good without it.
"""

from dataclasses import dataclass

import structlog

from services.clients.xero.invoices import add_note
from services.errors import ServiceError, Throttled, Unavailable
from services.export.kit import Kit
from services.model import ErrandState, Job
from services.store import errands
from services.store.engine import Session
from services.store.errands import Asked, Taken
from services.store.tables import Connection, Export

log = structlog.get_logger(__name__)

_MOST_TRIES = 5


async def ask(session: Session, connection: Connection, export: Export, at: Kit) -> int | None:
    """Leave the errand in the transaction that records an export; return its id."""
    if export.is_linked or export.batch_id is not None:
        return None  # somebody else's has its own history, and a batch may not cost a call each
    asked = Asked(Job.ANNOTATE, str(export.id), at.now(), export_id=export.id)
    errand = await errands.ask(session, connection, asked)
    return errand.id if errand is not None else None


@dataclass(frozen=True, slots=True)
class AnnotateService(Kit):
    """`run_annotate` is a job; nobody waits for it."""

    async def run_annotate(self, errand_id: int) -> None:
        """Write the note, once; a note that may be there is not written again."""
        async with self.database.sessions.begin() as session:
            taken = await errands.take_about(session, errand_id, self.now())
            if taken is None:
                return
            if taken.errand.data.get("is_sent"):
                await _finish(session, taken, "It may be there already.")
                return
        xero = self.xero.client(taken.connection.tenant_id, taken.connection.grant_id)
        if xero.allowance.is_short:
            async with self.database.sessions.begin() as session:
                await _finish(session, taken, "The day's calls are kept for exports.")
            return
        async with self.database.sessions.begin() as session:
            if not await errands.note(session, taken.errand, is_sent=True):
                return
        await self._write(taken)

    async def _write(self, taken: Taken) -> None:
        export = taken.export
        xero = self.xero.client(taken.connection.tenant_id, taken.connection.grant_id)
        why = ""
        try:
            key = f"note-{export.tenant_id}-{export.id}"
            await add_note(xero, export.xero_invoice_id or "", _text(taken), key=key)
        except Throttled as refusal:
            if taken.errand.tries < _MOST_TRIES:
                # Refused at the door: nothing was written, so it may be tried again.
                async with self.database.sessions.begin() as session:
                    await errands.note(session, taken.errand, is_sent=False)
                    await errands.postpone(session, taken, refusal, self.now())
                return
            why = str(refusal)
        except (Unavailable, ServiceError) as refusal:
            why = str(refusal)
        if why:
            log.info("note_let_go", export=export.id, reason=why)
        async with self.database.sessions.begin() as session:
            await _finish(session, taken, why)


async def _finish(session: Session, taken: Taken, why: str) -> None:
    state = ErrandState.REFUSED if why else ErrandState.DONE
    await errands.finish(session, taken.errand, state, reason=why)


def _text(taken: Taken) -> str:
    export = taken.export
    by = f"Slack user {export.requested_by}" if export.requested_by else "the app itself"
    company = taken.connection.paymo_company_name or "Paymo"
    return (
        f"Exported from Paymo ({company}, invoice {export.number}, id {export.paymo_invoice_id}) "
        f"by {by} via Slack."
    )
