"""Reading an invoice for the export form, while the person looks at it."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from services.errors import Lost, NotFound, ServiceError, SeveralFit
from services.export import forms
from services.export.kit import Kit
from services.export.preparing import read_invoice
from services.jobs import policy
from services.jobs.runner import Step, Turn
from services.mirror.lists import client_row
from services.model.connection import ConnectionState
from services.model.jobs import Job
from services.model.people import ReplyTarget
from services.model.wording import Command, Typed, some_of
from services.store import connections, drafts, mirror, numbered, tables
from services.store.engine import Session
from services.store.leases import fenced
from services.store.tables import Connection, Draft

_FRESH_ENOUGH = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class PreviewStep(Step[Draft]):
    """Reads what a form waits for, proposes contact and account, and draws the form again."""

    job = Job.PREVIEW
    table = Draft
    policy = policy.PREVIEW

    kit: Kit

    async def run(self, turn: Turn[Draft]) -> None:
        """Read it, and draw the form."""
        draft = turn.row
        async with self.kit.database.sessions() as session:
            connection = await connections.get(session, draft.connection_id)
        await _read(self.kit, connection, draft)
        await self._close(turn, "")

    async def give_up(self, turn: Turn[Draft], refusal: ServiceError) -> None:
        """Draw the form with what is the matter."""
        await self._close(turn, str(refusal))

    async def _close(self, turn: Turn[Draft], problem: str) -> None:
        async with self.kit.database.sessions.begin() as session:
            row = await drafts.find(session, turn.row.id)
            if row is None or not await fenced(
                session, row, turn.row.fence, due_at=None, is_refreshing=False, reason=problem
            ):
                raise Lost
            connection = await connections.get(session, row.connection_id)
            form = await forms.form_of(session, connection, row)
        reply_to = ReplyTarget(
            workspace_id=row.workspace_id,
            user_id=row.user_id,
            channel_id=row.channel_id,
            view_id=row.view_id,
        )
        turn.then(partial(self.kit.screen.show_form, reply_to, form))


async def _read(kit: Kit, connection: Connection, draft: Draft) -> None:
    if connection.state is not ConnectionState.ACTIVE:
        raise ServiceError(f"The connection does not work now. Run {Typed(Command.CONNECT)}.")
    if draft.is_refreshing or not await _has_contacts(kit, connection):
        await kit.mirror.refresh_contacts(connection)
    oldest = timedelta(0) if draft.is_refreshing else _FRESH_ENOUGH
    await kit.mirror.refresh_books(connection, at_most_old=oldest)
    invoice_id = draft.invoice_id or await _look_for(kit, connection, draft)
    if invoice_id is None:
        return
    try:
        paymo = kit.paymo.client(connection.paymo_api_key)
        invoice = await read_invoice(paymo, invoice_id)
    except NotFound:
        raise ServiceError("This invoice is not in Paymo any more. Choose another one.") from None
    async with kit.database.sessions.begin() as session:
        row = await drafts.find(session, draft.id)
        if row is None or row.fence != draft.fence:
            return
        if invoice.client is not None:
            # The menus know this client at once, however old the mirror's list is.
            rows = [client_row(invoice.client)]
            await mirror.put(session, connection.id, tables.Client, rows)
        is_new = row.invoice is None or row.invoice["id"] != invoice.id
        row.invoice_id, row.invoice = invoice.id, invoice.as_json()
        if is_new:
            await forms.propose(session, connection, row, invoice)


async def _has_contacts(kit: Kit, connection: Connection) -> bool:
    """Say whether contacts were copied yet; just after connecting they were not."""
    async with kit.database.sessions() as session:
        return bool(await mirror.search_contacts(session, connection.id, "", 1))


async def _look_for(kit: Kit, connection: Connection, draft: Draft) -> int | None:
    """Find the invoice that was asked for by its number."""
    if not draft.asked_number:
        return None
    for is_second_try in (False, True):
        if is_second_try:
            await kit.mirror.refresh_invoices(connection)
        async with kit.database.sessions() as session:
            number = draft.asked_number
            if is_second_try:
                number = await _meant(session, connection, number)
            header = await mirror.find_header_by_number(session, connection.id, number)
        if header is not None:
            return header.invoice_id
    raise ServiceError(
        f"{connection.paymo_company_name or 'Paymo'} has no invoice with the number "
        f"{draft.asked_number}. Choose one below."
    )


async def _meant(session: Session, connection: Connection, number: str) -> str:
    try:
        return await numbered.meant(session, connection, number)
    except SeveralFit as several:
        fitting = some_of([each.number for each in several.found])
        raise ServiceError(f"Several invoices fit {number}: {fitting}. Choose one below.") from None
