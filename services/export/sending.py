"""The job that sends one invoice: call Xero with the row's key, record the answer.

A crash between any two lines leaves a row that is picked up again. What may have been sent is
looked up before anything is sent again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from services.clients.paymo import Invoice, PaymoClients
from services.clients.xero import XeroClients, XeroInvoice
from services.errors import (
    Lost,
    NotConnected,
    NotFound,
    Rejected,
    ServiceError,
    StillUnderWay,
    Throttled,
    Unavailable,
)
from services.export import approvals, checking, claims, ledger_settings, refusals
from services.export.approvals import Shown, Telling
from services.export.checking import Recheck
from services.export.existing import Contacts, ExistingInvoices, Found, may_be_unseen
from services.export.ledger_settings import Mirror
from services.export.recording import Recorder
from services.export.refusals import Refused, from_xero, is_taken, is_url_refused
from services.jobs import policy
from services.jobs.policy import PARKED, Wait
from services.jobs.runner import Step, Turn, both
from services.lifecycle import export as lifecycle
from services.lifecycle.export import ExportColumns
from services.mapping import taxes
from services.mapping.case import Case, LedgerSettings
from services.model.actions import Action
from services.model.connection import ConnectionState
from services.model.export import NEW_CONTACT, ExportState, RefusalCode, Wish
from services.model.invoice import Links
from services.model.jobs import Job
from services.store import audit, connections, exports, leases
from services.store.engine import Database, Session
from services.store.tables import Connection, Export

_FRESH = timedelta(minutes=1)
_AS_IN_FORM = timedelta(minutes=10)  # if the contact has changed since, Xero says so
_LONG = timedelta(minutes=1)  # a wait that a person is told of


@dataclass(frozen=True, slots=True)
class Preparer:
    """Makes of a claimed row the invoice as it will be sent, written down before it is sent."""

    database: Database
    paymo: PaymoClients
    mirror: Mirror
    contacts: Contacts
    links: Links
    now: Callable[[], datetime]

    async def prepare(self, connection: Connection, export: Export) -> bool:
        """Read, check and write down what will be sent, under which key. Raises `Refused`.

        Everything is checked before anything is written to Xero, a new contact included. What a
        second person has to approve is left awaiting that. Returns whether it is noted that it
        leaves, which is so if nothing is asked before it does.
        """
        invoice, known = await both(
            self._invoice(connection, export), self._known(connection, export)
        )
        if known is None:
            found = await self.contacts.find_new(connection, export, invoice)
            known = found, await self._ledger(connection, found)
        found, ledger = known
        sent = await self._judged(export, invoice, found, ledger)
        shown, is_added = Shown(invoice, sent), found.contact_id == NEW_CONTACT
        if is_added:
            added = await self._added(connection, export, shown)
            if added is None:
                return False
            found, ledger = added, await self._ledger(connection, added)
            sent = await self._judged(export, invoice, found, ledger)
        values = checking.written(export, invoice, found.name, sent)
        values["remark"] = _remark(found)
        leaves = export.sent_at is None and not may_be_unseen(connection, sent)
        if leaves:
            values["sent_at"] = self.now()
        case = Case(invoice, checking.choice_of(export), ledger)
        is_new = values["idempotency_key"] != export.idempotency_key
        async with self.database.sessions.begin() as session:
            # What adds a contact was let through before that.
            if not is_added and not await self._let_through(session, connection, export, shown):
                return False
            await lifecycle.mark_sending(session, export, values)
            if is_new and taxes.is_overridden(case):
                audit.record(session, connection, checking.overridden(export, case, self.now()))
        return leaves

    async def _added(self, connection: Connection, export: Export, shown: Shown) -> Found | None:
        """Add the client to Xero as a contact, unless that needs a second person first."""
        async with self.database.sessions.begin() as session:
            if not await self._let_through(session, connection, export, shown):
                return None
        return await self.contacts.add_client(connection, export, shown.invoice)

    async def may_link(self, connection: Connection, export: Export, found: XeroInvoice) -> bool:
        """Say whether it may be linked to what Xero has, or awaits a second person."""
        if connection.approve_above is None:
            return True
        invoice = await self._invoice(connection, export)
        body = {"InvoiceID": found.invoice_id, "Total": str(found.total)}
        async with self.database.sessions.begin() as session:
            return await self._let_through(session, connection, export, Shown(invoice, body))

    async def leave_out_url(self, export: Export) -> bool:
        """Write down that it goes without the link to Paymo; False if it did."""
        if changed := checking.without_url(export):
            async with self.database.sessions.begin() as session:
                await lifecycle.note(session, export, changed)
        return bool(changed)

    async def _invoice(self, connection: Connection, export: Export) -> Invoice:
        paymo = self.paymo.client(connection.paymo_api_key)
        try:
            invoice = await paymo.invoice_with_terms(export.paymo_invoice_id)
        except NotFound:
            raise checking.gone(export) from None
        # What a second person was shown is known by more than the time of its last change.
        if not export.approval_key and checking.is_other(export, invoice):
            raise checking.changed(export, invoice)
        return invoice

    async def _let_through(
        self, session: Session, connection: Connection, export: Export, shown: Shown
    ) -> bool:
        """Say whether it goes now; what a second person was shown and is another by now fails."""
        is_as_shown = export.approval_key in {"", shown.key_for(export)}
        if not is_as_shown and checking.is_other(export, shown.invoice):
            raise checking.changed(export, shown.invoice)
        at = Telling(self.now(), self.links)
        if await approvals.let_through(session, connection, export, shown, at):
            return True
        if export.state is not ExportState.AWAITING:
            raise Lost
        return False

    async def _known(
        self, connection: Connection, export: Export
    ) -> tuple[Found, LedgerSettings] | None:
        """Return the chosen contact, and what checks need; only the invoice names a new contact."""
        async with self.database.sessions.begin() as session:
            await claims.follow_up(session, connection, export, self.now())
        await self.mirror.refresh_ledger(connection, at_most_old=_FRESH)
        await self.contacts.xero.look_ahead(connection.grant_id)
        if export.contact_id == NEW_CONTACT:
            return None
        # Nobody is asked to approve what Xero would refuse.
        at_most_old = _AS_IN_FORM if connection.approve_above is None else timedelta(0)
        found = await self.contacts.find_chosen(connection, export, at_most_old)
        return found, await self._ledger(connection, found)

    async def _ledger(self, connection: Connection, found: Found) -> LedgerSettings:
        async with self.database.sessions() as session:
            ledger = await ledger_settings.load(session, connection, found.contact_id)
        return replace(ledger, merged_from=found.merged_from, namesake=found.namesake)

    async def _judged(
        self, export: Export, invoice: Invoice, found: Found, ledger: LedgerSettings
    ) -> dict[str, object]:
        """Return what would be sent. Raises `Refused`."""
        url = self.links.paymo_for_xero(invoice.id)
        try:
            return checking.checked(export, invoice, ledger, found.contact_id, url)
        except Refused:
            async with self.database.sessions.begin() as session:
                await lifecycle.note(session, export, claims.seen_columns(invoice))
            raise


@dataclass(frozen=True, slots=True)
class ExportStep(Step[Export]):
    """Brings one export a step on, however far it had come."""

    database: Database
    xero: XeroClients
    mirror: Mirror
    preparer: Preparer
    existing: ExistingInvoices
    recorder: Recorder
    now: Callable[[], datetime]

    job = Job.EXPORT
    table = Export
    policy = policy.EXPORT

    async def take(self, session: Session, key: int, now: datetime) -> Export | None:
        """Take an export that waits to be sent, or to be looked up."""
        return await exports.take(session, key, now)

    async def run(self, turn: Turn[Export]) -> None:
        """Send it; while its connection does not work it is parked without a word."""
        export = turn.row
        connection = await connections.load(self.database, export.connection_id)
        has_ended = connection.state is ConnectionState.ENDED
        if has_ended and export.state is not ExportState.FAILED:
            raise refusals.disconnected(export)
        if connection.state is not ConnectionState.ACTIVE:
            due_at = None if has_ended else self.now() + PARKED
            await self._note(export, {"due_at": due_at, "tries": export.tries - 1})
            return
        if export.state is ExportState.FAILED:
            await self._recheck(turn, connection)
            return
        try:
            checking.require_same_organisation(connection, export)
            if export.wish is Wish.LINK_EXISTING and export.state is ExportState.QUEUED:
                await self._link(connection, export)
            else:
                await self._send(connection, export)
        except (Refused, StillUnderWay, Throttled, NotConnected, Unavailable):
            raise
        except ServiceError as refusal:
            if export.state is ExportState.QUEUED:
                raise Refused(str(refusal), RefusalCode.REJECTED) from refusal
            # Something may have left, so an odd answer settles nothing.
            raise Unavailable(str(refusal)) from refusal

    async def put_off(
        self, session: Session, turn: Turn[Export], wait: Wait
    ) -> Mapping[str, object]:
        """Say why it waits where the person sees it, and tell them where that takes long."""
        export, problem = turn.row, wait.problem
        if isinstance(problem, StillUnderWay):
            return {}
        connection = await connections.get(session, export.connection_id)
        show = partial(self.recorder.show, connection, export)
        if isinstance(problem, NotConnected):
            turn.then(partial(show, Action.RECONNECT))
            return {"reason": wait.why}
        is_long = isinstance(problem, ServiceError) and wait.until - self.now() >= _LONG
        if is_long and export.tries == 1:
            turn.then(show)
        return {"reason": wait.sentence() if is_long else wait.why}

    async def give_up(self, turn: Turn[Export], refusal: ServiceError) -> None:
        """Fail it with what is known of it."""
        export = turn.row
        why = refusal if isinstance(refusal, Refused) else refusals.no_answer(export)
        await self.recorder.fail(
            await connections.load(self.database, export.connection_id), export, why
        )

    async def _note(self, export: Export, found: ExportColumns) -> None:
        async with self.database.sessions.begin() as session:
            await lifecycle.note(session, export, found)

    async def _recheck(self, turn: Turn[Export], connection: Connection) -> None:
        """Decide anew what was refused: something that the checks read changed since."""
        export = turn.row
        async with self.database.sessions.begin() as session:
            if await Recheck(session, connection, export).requeue(self.now(), {}):
                turn.nudge(Job.EXPORT, export.id)
            else:
                await lifecycle.note(session, export, {"due_at": None})

    async def _send(self, connection: Connection, export: Export) -> None:
        if await self._has_arrived(connection, export):
            return
        is_first, has_left = export.state is ExportState.QUEUED, False
        if is_first:
            has_left = await self.preparer.prepare(connection, export)
            if await self._is_settled(connection, export):
                return
        created = await self._sent(connection, export, is_first=is_first, has_left=has_left)
        if created is not None:
            await self.recorder.succeed(connection, export, created)

    async def _sent(
        self, connection: Connection, export: Export, *, is_first: bool, has_left: bool
    ) -> XeroInvoice | None:
        """Send it; None if its outcome is unknown, or somebody else has it."""
        try:
            return await self._create(connection, export, has_left=has_left)
        except NotFound as refusal:
            raise refusals.not_found(connection.organisation_name) from refusal
        except Rejected as refusal:
            if await self._is_moved(connection, export, refusal):
                await self._send(connection, export)
                return None
            return await self._after_refusal(connection, export, refusal)
        except Unavailable as refusal:
            pause = policy.SENDING.pause_after(export.tries)
            await self.recorder.lose(connection, export, refusal, pause)
            return None
        except (Throttled, NotConnected):
            if is_first:
                async with self.database.sessions.begin() as session:
                    await lifecycle.put_back(session, export)
            raise

    async def _is_settled(self, connection: Connection, export: Export) -> bool:
        """Say whether nothing is to be sent: it awaits a second person, or is there already."""
        if export.state is ExportState.AWAITING:
            await self.recorder.tell_awaiting(connection, export)
            return True
        former = await self.existing.find_former(connection, export)
        if former is not None:
            await self.recorder.succeed(connection, export, former)
        return former is not None

    async def _link(self, connection: Connection, export: Export) -> None:
        found = await self.existing.find_same_number(connection, export)
        if await self.preparer.may_link(connection, export, found):
            await self.recorder.succeed(connection, export, found, is_linked=True)
        else:
            await self.recorder.tell_awaiting(connection, export)

    async def _has_arrived(self, connection: Connection, export: Export) -> bool:
        """Look for what an earlier request has left in Xero, whoever gave up on it, and record it.

        Raises `StillUnderWay` where nothing is there yet.
        """
        if export.state is ExportState.QUEUED and (export.sent is None or export.sent_at is None):
            return False
        try:
            sent = await self.existing.find_earlier(connection, export)
        except Refused:
            leases.require_over(export, self.now())
            leases.settle(export)  # a person was asked to look
            raise
        if sent is not None:
            await self.recorder.succeed(connection, export, sent)
            return True
        leases.require_over(export, self.now())
        await self._note(export, {"missed_at": self.now()})
        if export.wish is Wish.CANCEL:
            raise Refused(refusals.cancelled(export), RefusalCode.CANCELLED)
        if policy.SENDING.is_over(export.tries - 1):
            raise refusals.no_answer(export)
        return False

    async def _after_refusal(
        self, connection: Connection, export: Export, refusal: Rejected
    ) -> XeroInvoice:
        """Return what Xero has from a former try, whose number is taken. Raises `Refused`."""
        if is_taken(refusal):
            return await self.existing.holder_of_number(connection, export)
        # What the copies say is old, and the actions are made of it.
        await self.mirror.refresh_ledger(connection, at_most_old=timedelta(0))
        raise from_xero(refusal) from refusal

    async def _is_moved(self, connection: Connection, export: Export, refusal: Rejected) -> bool:
        """Say whether the contact was merged since we asked; then everything starts over."""
        if is_taken(refusal) or RefusalCode.CONTACT not in from_xero(refusal).codes:
            return False
        contact = await self.preparer.contacts.check(connection, export.contact_id)
        if contact is None or not contact.merged_to or export.state is not ExportState.SENDING:
            return False
        async with self.database.sessions.begin() as session:
            await lifecycle.put_back(session, export)
        return True

    async def _create(
        self, connection: Connection, export: Export, *, has_left: bool
    ) -> XeroInvoice:
        try:
            return await self._create_once(connection, export, has_left=has_left)
        except Rejected as refusal:
            if not is_url_refused(refusal) or not await self.preparer.leave_out_url(export):
                raise
        return await self._create_once(connection, export, has_left=False)

    async def _create_once(
        self, connection: Connection, export: Export, *, has_left: bool
    ) -> XeroInvoice:
        xero = self.xero.of(connection)
        earlier = None if has_left else export.sent_at
        if not has_left:
            async with self.database.sessions.begin() as session:
                await lifecycle.leave(session, export, self.now())
        with leases.answered(export, earlier):
            body = checking.body_of(export)
            return await xero.create_invoice(body, key=export.idempotency_key)


def _remark(contact: Found) -> str:
    """Return what is told with the outcome: whom it went to, or what was left out of a contact."""
    if contact.merged_from:
        return (
            f"{contact.merged_from} was merged into {contact.name} in Xero, so it went to "
            f"{contact.name}."
        )
    return contact.said
