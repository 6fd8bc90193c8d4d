"""Export forms on people's screens: what they chose, and the job that reads for them."""

import itertools
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Protocol

from services import money
from services.clients.paymo import PaymoClients
from services.clients.xero import Addition
from services.errors import Lost, NotFound, ServiceError
from services.export import claims, forms
from services.export.claims import WIDEST
from services.export.existing import Contacts
from services.export.forms import ExportForm
from services.export.ledger_settings import Mirror
from services.export.recording import Recorder
from services.jobs import policy
from services.jobs.runner import Step, Turn, Work
from services.mapping.case import ExportChoice, adding_of
from services.matching import suggestions
from services.mirror.lists import client_row
from services.model.actions import Action
from services.model.connection import ConnectionState
from services.model.invoice import Links
from services.model.jobs import Job
from services.model.people import Option, OptionGroup, Person, ReplyTarget, Role
from services.model.wording import Command, Typed
from services.store import connections, drafts, exports, mirror, notices, numbered, payments, people
from services.store.engine import Database, Session
from services.store.tables import Client, Connection, Draft

_MOST = 60
_FRESH_ENOUGH = timedelta(minutes=10)
_RECENT = timedelta(seconds=20)
CLOSED = f"This form was open for too long. Type {Typed(Command.EXPORT)} again."


class FormScreen(Protocol):
    """Where the person who exports has the form open."""

    async def show_form(
        self, reply_to: ReplyTarget, form: ExportForm, drawn: str = ""
    ) -> str | None:
        """Draw the open form again, and return what to know that by; None where it wasn't drawn.

        Nothing happens when the person closed it, or anything came since it was `drawn` last.
        """


@dataclass(frozen=True, slots=True)
class ExportForms:
    """What people do in the form reads and writes rows only; the job reads the invoice."""

    database: Database
    work: Work
    links: Links
    now: Callable[[], datetime]

    async def open(self, person: Person, number: str = "") -> ExportForm:
        """Start a form, for the invoice with this number if one is given; return its draft."""
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
            draft, _ = await draft_of(session, draft_id, person)
            is_reading = bool(draft.asked_number or draft.invoice_id)
            if is_reading:
                await drafts.attach_view(session, draft, view_id, self.now())
            else:
                draft.view_id = view_id
        if is_reading:
            await self.work.nudge(Job.PREVIEW, draft_id)

    async def form(self, draft_id: int, person: Person) -> ExportForm:
        """Return the form as it is now."""
        async with self.database.sessions() as session:
            draft, connection = await draft_of(session, draft_id, person)
            return await forms.form_of(session, connection, draft)

    async def unsent(self, draft_id: int, person: Person) -> ExportForm | None:
        """Return the form as it is now; None once it was sent."""
        async with self.database.sessions() as session:
            draft, connection = await draft_of(session, draft_id, person)
            return await forms.form_of(session, connection, draft) if draft.view_id else None

    async def choose(self, draft_id: int, person: Person, choice: ExportChoice) -> ExportForm:
        """Keep what was chosen. Another invoice is read first, with fresh suggestions."""
        async with self.database.sessions.begin() as session:
            draft, connection = await draft_of(session, draft_id, person)
            is_other = choice.invoice_id is not None and choice.invoice_id != draft.invoice_id
            card = None
            # What was not drawn, while the invoice was being read, stays as it was chosen.
            draft.xero_status = choice.xero_status or draft.xero_status
            if is_other:
                draft.contact_id = draft.account_id = draft.asked_number = draft.reason = ""
                draft.tax_type = draft.untaxed_type = draft.due_rule = ""
                draft.override_tax, draft.issue_on = False, None
                await drafts.choose_invoice(session, draft, choice.invoice_id, self.now())
                card = await forms.card_of(
                    session, connection, choice.invoice_id, self.links, self.now()
                )
                if card is not None:
                    draft.due_at = None  # there is nothing to read
            else:
                account_id = choice.account_id or draft.account_id
                if draft.account_id != account_id:
                    draft.override_tax = False  # it was given for the figures of that account
                draft.contact_id = choice.contact_id or draft.contact_id
                draft.account_id = account_id
                draft.tax_type, draft.untaxed_type = choice.tax_type, choice.untaxed_type
            form = replace(await forms.form_of(session, connection, draft), card=card)
        if is_other and card is None:
            await self.work.nudge(Job.PREVIEW, draft_id)
        return form

    async def choose_day(
        self, draft_id: int, person: Person, *, is_due: bool, day: date | None
    ) -> ExportForm:
        """Take the date or due date chosen for Xero; None means Paymo's."""
        async with self.database.sessions.begin() as session:
            draft, connection = await draft_of(session, draft_id, person)
            if is_due:
                draft.due_rule = day.isoformat() if day else ""
            else:
                draft.issue_on = day
            return await forms.form_of(session, connection, draft)

    async def refresh(self, draft_id: int, person: Person) -> ExportForm:
        """Read Xero's lists and the invoice again, then draw the form with what is true now."""
        async with self.database.sessions.begin() as session:
            draft, connection = await draft_of(session, draft_id, person)
            await drafts.want_refresh(session, draft, self.now())
            form = await forms.form_of(session, connection, draft)
        await self.work.nudge(Job.PREVIEW, draft_id)
        return replace(form, is_reading=True)

    async def invoice_options(self, person: Person, query: str) -> tuple[OptionGroup, ...]:
        """Return Paymo's invoices that fit, the newest first, under what was searched for."""
        async with self.database.sessions() as session:
            connection = await connections.get_for_exporter(session, person)
            rows = await numbered.search(session, connection, query, _MOST)
            ids = [header.invoice_id for header, _ in rows]
            taken = await exports.list_taken_ids(session, connection, ids)
        found = tuple(
            Option(
                str(header.invoice_id),
                forms.invoice_text(
                    header.number,
                    client,
                    money.format_amount(header.total, header.currency, connection.country),
                ),
                f"{money.format_day(header.issued_on, self.now().date(), connection.country)} · "
                + (f"{header.status} in Paymo" if header.invoice_id not in taken else "exported"),
            )
            for header, client in rows
        )
        label = f"Number, client or amount like “{query}”" if query else "Newest invoices"
        return (OptionGroup(label, found),)

    async def is_number(self, person: Person, typed: str) -> bool:
        """Say whether an invoice has this very number, however many words it has."""
        async with self.database.sessions() as session:
            connection = await connections.get_for(session, person, Role.VIEWER)
            return await numbered.is_known(session, connection, typed)

    async def mentioned(self, person: Person, text: str) -> list[str]:
        """Return the numbers of the invoices that a message names."""
        async with self.database.sessions() as session:
            connection = await connections.get_for_exporter(session, person)
            return await numbered.mentioned(session, connection, text)

    async def shared(self, person: Person, urls: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the cards of shared links, where the channel is told of these invoices anyway."""
        cards: dict[str, dict[str, Any]] = {}
        named = [(url, self.links.read(url)) for url in urls]
        async with self.database.sessions() as session:
            open_here = await connections.list_open(session, person)
            for (url, ids), connection in itertools.product(named, open_here):
                found = await exports.find_linked(session, connection, *ids)
                if found is None or not await forms.is_told(session, found, person.channel_id):
                    continue
                rows = await payments.list_of(session, [found.id])
                cards[url] = notices.card_facts(found, connection, self.links, rows, self.now())
        return cards

    async def card(self, person: Person, number: str) -> tuple[dict[str, Any], Role] | None:
        """Return how an exported invoice stands on both sides, and the role of who asks.

        None while it is not in Xero: then an exporter may look at it in the form. Viewers are told.
        """
        async with self.database.sessions() as session:
            connection = await connections.get_for(session, person, Role.VIEWER)
            number = await numbered.meant(session, connection, number, person)
            export = await numbered.find_export(session, connection, number)
            if export is None or export.xero_invoice_id is None:
                await forms.require(session, connection, person, number)
                return None
            role = await people.require_sight(session, connection, person, export.client_id)
            facts = await forms.facts_of(session, export, connection, self.links, self.now())
            return facts, role

    async def exported(self, person: Person, number: str) -> tuple[dict[str, Any], Role] | None:
        """Return the card of an invoice that can't be exported again, and the exporter's role."""
        async with self.database.sessions() as session:
            connection = await connections.get_for_exporter(session, person)
            number = await numbered.meant(session, connection, number)
            export = await numbered.find_export(session, connection, number)
            if export is None:
                return None
            card = await forms.card_of(
                session, connection, export.paymo_invoice_id, self.links, self.now()
            )
            return (card, await people.role_of(session, connection, person)) if card else None

    async def contact_options(
        self, person: Person, draft_id: int, query: str
    ) -> tuple[OptionGroup, ...]:
        """Return the contact menu for the client of the form's invoice."""
        async with self.database.sessions() as session:
            draft, connection = await draft_of(session, draft_id, person)
            at = draft.invoice_id or 0
            head = forms.kept(draft) or await mirror.find_header(session, connection.id, at)
            client = await mirror.find_client(session, connection.id, head.client_id if head else 0)
            return await suggestions.contact_groups(session, connection, query, client)

    async def act(self, draft_id: int, person: Person, pressed: Action) -> ExportForm:
        """Change in the form what this button changes, for the invoice that it shows."""
        async with self.database.sessions.begin() as session:
            draft, connection = await draft_of(session, draft_id, person)
            invoice = forms.kept(draft)
            adding = adding_of(invoice) if invoice is not None else Addition()
            press = claims.Press(pressed, person, self.now(), adding)
            for name, value in (await claims.decided_by(session, connection, press)).items():
                setattr(draft, name, value)
            return await forms.form_of(session, connection, draft)

    async def reopen(self, person: Person, export_id: int) -> ExportForm:
        """Start a form for the invoice of an export that was refused, read anew."""
        async with self.database.sessions.begin() as session:
            export, connection = await exports.get_here(session, person, export_id)
            draft = forms.new_draft(connection, person, self.now())
            draft.invoice_id, draft.xero_status = export.paymo_invoice_id, export.xero_status
            draft.due_at, draft.batch_id = self.now(), (export.reply_to or {}).get("batch_id")
            session.add(draft)
            await session.flush()
            return await forms.form_of(session, connection, draft)


async def draft_of(session: Session, draft_id: int, person: Person) -> tuple[Draft, Connection]:
    """Return this person's own draft."""
    draft = await drafts.find(session, draft_id)
    if draft is None or draft.user_id != person.user_id:
        raise ServiceError(CLOSED)
    return draft, await connections.get_here(session, person, draft.connection_id)


@dataclass(frozen=True, slots=True)
class PreviewStep(Step[Draft]):
    """Reads what a form waits for, proposes contact and account, and draws the form again."""

    database: Database
    paymo: PaymoClients
    mirror: Mirror
    contacts: Contacts
    screen: FormScreen
    recorder: Recorder
    now: Callable[[], datetime]

    job = Job.PREVIEW
    table = Draft
    policy = policy.PREVIEW

    async def run(self, turn: Turn[Draft]) -> None:
        """Read it, and draw the form."""
        connection = await connections.load(self.database, turn.row.connection_id)
        await self._read(connection, turn.row)
        await self._close(turn, "")

    async def give_up(self, turn: Turn[Draft], refusal: ServiceError) -> None:
        """Draw the form with the problem."""
        await self._close(turn, str(refusal))

    async def _close(self, turn: Turn[Draft], problem: str) -> None:
        async with self.database.sessions.begin() as session:
            row = await drafts.find(session, turn.row.id)
            if row is None or not await drafts.end_reading(session, row, turn.row.fence, problem):
                raise Lost
            connection = await connections.get(session, row.connection_id)
            form = await self._form(session, connection, row)
        reply_to = ReplyTarget(row.workspace_id, row.user_id, row.channel_id, row.view_id)
        turn.then(partial(self._draw, connection, reply_to, form))
        if forms.kept(row) is not None and form.card is None:
            turn.then(partial(self._look_ahead, connection, row.contact_id))

    async def _form(self, session: Session, connection: Connection, draft: Draft) -> ExportForm:
        links = self.recorder.links
        card = await forms.card_of(session, connection, draft.invoice_id, links, self.now())
        return replace(await forms.form_of(session, connection, draft), card=card)

    async def _draw(self, connection: Connection, reply_to: ReplyTarget, form: ExportForm) -> None:
        """Draw it, and again if somebody chose or sent it meanwhile: that may have come first."""
        drawn = await self.screen.show_form(reply_to, form)
        while drawn is not None:
            async with self.database.sessions() as session:
                row = await drafts.find(session, form.draft_id)
                now = await self._form(session, connection, row) if row else form
                failed = await forms.failed(session, connection, row, reply_to.view_id)
            if failed is not None:
                await self.recorder.show(connection, failed, over=drawn)
            if now == form or failed is not None:
                return
            form, drawn = now, await self.screen.show_form(reply_to, now, drawn)

    async def _look_ahead(self, connection: Connection, contact_id: str) -> None:
        """Ask Xero while the form is open, so that the press needn't wait for it."""
        with suppress(ServiceError):  # then the press asks
            if await self.contacts.look_ahead(connection, contact_id):
                await self.mirror.refresh_ledger(connection, at_most_old=_RECENT)

    async def _read(self, connection: Connection, draft: Draft) -> None:
        if connection.state is not ConnectionState.ACTIVE:
            raise ServiceError(f"The connection doesn't work. Type {Typed(Command.CONNECT)}.")
        if draft.is_refreshing or not await self._has_contacts(connection):
            await self.mirror.refresh_contacts(connection)
        oldest = timedelta(0) if draft.is_refreshing else _FRESH_ENOUGH
        await self.mirror.refresh_ledger(connection, at_most_old=oldest)
        invoice_id = draft.invoice_id or await self._find_asked(connection, draft)
        if invoice_id is None:
            return
        try:
            paymo = self.paymo.client(connection.paymo_api_key)
            invoice = await paymo.invoice_with_terms(invoice_id)
        except NotFound:
            raise ServiceError("This invoice is no longer in Paymo. Choose another.") from None
        async with self.database.sessions.begin() as session:
            row = await drafts.find(session, draft.id)
            if row is None or row.fence != draft.fence:
                return
            if invoice.client is not None:
                # The menus know this client at once, however old the mirror's list is.
                rows = [client_row(invoice.client)]
                await mirror.put(session, connection.id, Client, rows)
            is_new = row.invoice is None or row.invoice["id"] != invoice.id
            row.invoice_id, row.invoice = invoice.id, invoice.as_json()
            if is_new or not (row.contact_id or row.account_id):
                await forms.propose(session, connection, row, invoice)

    async def _has_contacts(self, connection: Connection) -> bool:
        """Say whether contacts were copied yet; just after connecting they were not."""
        async with self.database.sessions() as session:
            return await mirror.has_contacts(session, connection.id)

    async def _find_asked(self, connection: Connection, draft: Draft) -> int | None:
        """Find the invoice that was asked for by its number."""
        if not draft.asked_number:
            return None
        for is_second_try in (False, True):
            if is_second_try:
                await self.mirror.refresh_invoices(connection)
            async with self.database.sessions() as session:
                number = draft.asked_number
                if is_second_try:
                    number = await forms.meant(session, connection, number)
                header = await mirror.find_header_by_number(session, connection.id, number)
            if header is not None:
                return header.invoice_id
        raise ServiceError(
            f"{connection.paymo_company_name or 'Paymo'} has no invoice with the number "
            f"{draft.asked_number}. Choose one above."
        )
