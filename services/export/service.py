"""Exporting: a form on somebody's screen, a press, an invoice in Xero."""

from dataclasses import dataclass, replace
from typing import Any

from services import money
from services.clients.xero import Addition
from services.errors import NotFound
from services.export import actions, forms
from services.export.claims import WIDEST
from services.export.requests import Requests, draft_of
from services.export.shapes import ExportForm
from services.mapping.case import ExportChoice, adding_of
from services.model import days
from services.model.actions import Action
from services.model.jobs import Job
from services.model.people import Option, Person, Role
from services.model.wording import Command, Typed
from services.store import connections, drafts, exports, mirror, notices, numbered, payments, roles
from services.store.engine import Session
from services.store.tables import Connection

_MOST = 60


@dataclass(frozen=True, slots=True)
class ExportService(Requests):
    """What people do in Slack reads and writes rows only; the jobs do the rest."""

    async def open(self, person: Person, number: str = "") -> ExportForm:
        """Start a form, for the invoice with this number if one is given."""
        async with self.database.sessions.begin() as session:
            connection = await connections.get_for_exporter(session, person)
            draft = forms.new_draft(connection, person, self.now())
            draft.asked_number = number.strip()[:WIDEST]
            if draft.asked_number:
                header = await mirror.find_header_by_number(session, connection.id, number)
                if header is None:
                    # Several that fit are asked about at once; one that fits, after Paymo was read.
                    await numbered.meant(session, connection, number)
                draft.invoice_id = header.invoice_id if header else None
                draft.due_at = self.now()
            session.add(draft)
            await session.flush()
            await connections.want_fresh_lists(session, connection, self.now())
            form = await forms.form_of(session, connection, draft)
        await self.work.nudge(Job.MIRROR, connection.id)
        return form

    async def attach_view(self, person: Person, draft_id: int, view_id: str) -> None:
        """Say which modal shows this draft; only then can what it waits for be drawn."""
        async with self.database.sessions.begin() as session:
            draft = await draft_of(session, draft_id, person)
            draft.view_id = view_id
            is_reading = bool(draft.asked_number or draft.invoice_id)
            if is_reading:
                # It may have been read already, with no view to draw it in.
                draft.due_at = self.now()
        if is_reading:
            await self.work.nudge(Job.PREVIEW, draft_id)

    async def form(self, draft_id: int, person: Person) -> ExportForm:
        """Return the form as it is now."""
        async with self.database.sessions() as session:
            return await self._form(session, draft_id, person)

    async def choose(self, draft_id: int, person: Person, choice: ExportChoice) -> ExportForm:
        """Take over what was chosen; another invoice is read first, with fresh proposals."""
        async with self.database.sessions.begin() as session:
            draft = await draft_of(session, draft_id, person)
            is_other = choice.invoice_id is not None and choice.invoice_id != draft.invoice_id
            draft.xero_status = choice.xero_status
            if is_other:
                draft.contact_id = draft.account_id = draft.asked_number = draft.reason = ""
                draft.tax_type = draft.untaxed_type = draft.due_rule = ""
                draft.override_tax, draft.issue_on = False, None
                await drafts.change(session, draft, invoice_id=choice.invoice_id, due_at=self.now())
            else:
                # A field that was not drawn, while the invoice was being read, says nothing.
                account_id = choice.account_id or draft.account_id
                if draft.account_id != account_id:
                    draft.override_tax = False  # it was given for the figures of that account
                draft.contact_id = choice.contact_id or draft.contact_id
                draft.account_id = account_id
                draft.tax_type, draft.untaxed_type = choice.tax_type, choice.untaxed_type
            form = await self._form(session, draft_id, person)
        if is_other:
            await self.work.nudge(Job.PREVIEW, draft_id)
        return form

    async def recheck(self, draft_id: int, person: Person) -> ExportForm:
        """Read Xero's lists and the invoice again, then draw the form with what is true now."""
        async with self.database.sessions.begin() as session:
            draft = await draft_of(session, draft_id, person)
            await drafts.change(session, draft, is_refreshing=True, due_at=self.now())
            form = await self._form(session, draft_id, person)
        await self.work.nudge(Job.PREVIEW, draft_id)
        return replace(form, is_reading=True)

    async def invoice_options(self, person: Person, query: str) -> tuple[Option, ...]:
        """Return Paymo's invoices by number or client, newest first; exported ones say so."""
        async with self.database.sessions() as session:
            connection = await connections.get_for_exporter(session, person)
            rows = await numbered.search(session, connection, query, _MOST)
            ids = [header.invoice_id for header, _ in rows]
            taken = await exports.list_taken_ids(session, connection, ids)
        return tuple(
            Option(
                str(header.invoice_id),
                f"{header.number} · {client} · "
                + money.format_amount(header.total, header.currency),
                f"{header.issued_on:%d %b %Y} · "
                + (f"{header.status} in Paymo" if header.invoice_id not in taken else "exported"),
            )
            for header, client in rows
        )

    async def is_number(self, person: Person, typed: str) -> bool:
        """Say whether an invoice has this very number, however many words it has."""
        async with self.database.sessions() as session:
            connection = await connections.get_for(session, person, Role.VIEWER)
            return await numbered.is_known(session, connection, typed)

    async def card(self, person: Person, number: str) -> tuple[dict[str, Any], Role] | None:
        """Return how an exported invoice stands on both sides, and the role of who asks.

        None while it is not in Xero: then an exporter may look at it in the form. Viewers are told.
        """
        async with self.database.sessions() as session:
            connection = await connections.get_for(session, person, Role.VIEWER)
            number = await numbered.meant(session, connection, number, person)
            export = await numbered.find_export(session, connection, number)
            if export is None or export.xero_invoice_id is None:
                await _require_form(session, connection, person, number)
                return None
            role = await roles.require_sight(session, connection, person, export.client_id)
            rows = await payments.list_of(session, [export.id])
            return notices.card_facts(export, connection, self.links, rows), role

    async def client_of(self, person: Person, draft_id: int) -> int | None:
        """Return the Paymo client of the invoice in this person's form."""
        async with self.database.sessions() as session:
            draft = await draft_of(session, draft_id, person)
            if draft.invoice_id is None:
                return None
            invoice = forms.kept(draft)
            if invoice is not None:
                return invoice.client_id
            header = await mirror.find_header(session, draft.connection_id, draft.invoice_id)
            return header.client_id if header else None

    async def cure_form(self, draft_id: int, person: Person, pressed: Action) -> ExportForm:
        """Change in the form what this button changes, for the invoice that it shows."""
        async with self.database.sessions.begin() as session:
            draft = await draft_of(session, draft_id, person)
            connection = await connections.get(session, draft.connection_id)
            invoice = forms.kept(draft)
            adding = adding_of(invoice) if invoice is not None else Addition()
            press = actions.Press(
                pressed, person, adding, days.day_in(connection.time_zone, self.now())
            )
            for name, value in (await actions.values_of(session, connection, press)).items():
                setattr(draft, name, value)
            return await self._form(session, draft_id, person)

    async def look_again(self, person: Person, export_id: int) -> ExportForm:
        """Start a form for the invoice of an export that was refused, read anew."""
        async with self.database.sessions.begin() as session:
            export, connection = await exports.get_here(session, person, export_id)
            draft = forms.new_draft(connection, person, self.now())
            draft.invoice_id, draft.xero_status = export.paymo_invoice_id, export.xero_status
            draft.due_at = self.now()
            session.add(draft)
            await session.flush()
            return await forms.form_of(session, connection, draft)

    async def _form(self, session: Session, draft_id: int, person: Person) -> ExportForm:
        draft = await draft_of(session, draft_id, person)
        connection = await connections.get(session, draft.connection_id)
        return await forms.form_of(session, connection, draft)


async def _require_form(
    session: Session, connection: Connection, person: Person, number: str
) -> None:
    """Tell a viewer that the invoice isn't in Xero; an exporter is shown the form instead."""
    if await roles.role_of(session, connection, person) < Role.EXPORTER:
        raise NotFound(
            f"Invoice {number.strip()} isn't in Xero. Type {Typed(Command.WHY, number.strip())} to "
            "see what stands in its way."
        )
