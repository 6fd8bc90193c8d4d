"""One sweep of one organisation: what its steps share, and the notifications it sends."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

from services import compare, money
from services.clients.paymo import Company, Invoice, PaymoClient, PaymoClients
from services.clients.xero import XeroClient, XeroClients
from services.errors import (
    Lost,
    NotConnected,
    NotFound,
    Rejected,
    ServiceError,
    StillUnderWay,
    Unavailable,
)
from services.jobs.policy import Wait
from services.jobs.runner import Runner, Step, Turn
from services.model import days
from services.model.invoice import Links, PaymentState
from services.model.notice import NoticeKind
from services.model.people import ReplyTarget
from services.store import audit, connections, exports, leases, notices, payments, settled
from services.store.audit import AuditNote
from services.store.engine import Database, Session
from services.store.notices import Notification
from services.store.settled import PAYMENTS, Settled, settle
from services.store.tables import Connection, Export, Payment, Schedule

MOST_AT_ONCE = 3  # are followed without asking a person
_MOST_NUMBERS = 10
_BURST = 10  # more than these at once are also told in one line
_RECEIVED: dict[str, Any] = {"changed_from": "", "short_by": "", "gone": False, "asked": ""}


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep found and did."""

    organisation: str
    payments: int = 0
    removals: int = 0
    deletions: int = 0
    held: int = 0
    problem: str = ""


class SyncScreen(Protocol):
    """Where the person who typed `sync` sees the outcome."""

    async def show_swept(self, reply_to: ReplyTarget, swept: Swept) -> None:
        """Say it to that person alone."""


@dataclass(frozen=True, slots=True)
class SweepRun:
    """A sweep under way, under the fence that it was taken with."""

    database: Database
    paymos: PaymoClients
    xeros: XeroClients
    links: Links
    runner: Runner
    now: Callable[[], datetime]
    connection: Connection
    turn: Turn[Schedule]
    problems: list[str] = field(default_factory=list)  # what a person should know of
    broken: list[NotConnected] = field(default_factory=list)  # then the sweep ends here

    async def hold(self, session: Session) -> None:
        """Keep the sweep for another lease. In a transaction that writes, this is the fence.

        Raises `Lost` when somebody else sweeps this organisation by now.
        """
        if not await leases.renew(session, self.turn.row, self.now()):
            raise Lost

    async def bring_on(self, step: Step[Any], keys: Sequence[int]) -> None:
        """Run a step for each of these rows. Raises `NotConnected`."""
        for key in keys:
            await self.runner.run(step, key)
            if self.broken:
                raise self.broken[0]

    def note_wait(self, wait: Wait, what: str) -> None:
        """Keep why a row waits, for whoever reads of the sweep; without a connection it ends."""
        if isinstance(wait.problem, NotConnected):
            self.broken.append(wait.problem)
        elif wait.is_try:
            self.problems.append(what)

    @property
    def xero(self) -> XeroClient:
        """Calls to the organisation."""
        return self.xeros.of(self.connection)

    @property
    def paymo(self) -> PaymoClient:
        """Calls to the company."""
        return self.paymos.client(self.connection.paymo_api_key)

    async def require_sight(self) -> None:
        """Raise `Unavailable` where Paymo shows no invoice, though many were exported.

        Whoever has the API key may see them no longer, and then none of them is gone.
        """
        async with self.database.sessions() as session:
            if await exports.count_watched(session, self.connection) <= MOST_AT_ONCE:
                return
        try:
            is_blind = not await self.paymo.try_invoices()
        except (Rejected, Unavailable):
            return  # a list that can't be had says nothing
        if is_blind:
            raise Unavailable(
                "Paymo shows no invoices any more. Check that the API key's owner can still see "
                "them there."
            )

    @property
    def today(self) -> date:
        """Today's date in the organisation's time zone."""
        return days.day_in(self.connection.time_zone, self.now())

    async def tell_held(self, session: Session, held: Sequence[Export]) -> None:
        """Ask a person before many invoices are deleted or voided in Paymo at once.

        The question stays one message, which counts those that come while it is open.
        """
        facts = held_facts(held)
        kind, now = NoticeKind.SYNC_PAUSED, self.now()
        asked = await settled.renew(session, self.connection, kind, facts, now)
        source = f"paused:{self.connection.id}:{max(each.id for each in held)}:{len(held)}"
        await self._tell(session, kind, asked or source, facts)

    async def tell_former(self, session: Session, count: int) -> None:
        """Tell the owner once that a lost database can be found again."""
        connection = self.connection
        facts = connections.common_facts(connection) | {
            "problem": f"We found earlier exports that we have no record of: {count}. Their "
            "payments don't reach Paymo. Link them here, or ask whoever runs paymo-xero to run "
            f"“paymo-xero relink --workspace {connection.workspace_id}”.",
            "former": True,
        }
        source, also = f"former:{connection.id}", (connection.owner_id,)
        notification = Notification(NoticeKind.HEALTH, source, facts, also=also)
        await notices.enqueue(session, connection, notification, self.now())

    async def tell_failing(self, session: Session, since: datetime, problem: str) -> None:
        """Say once that Xero can't be read, so that nobody waits for its payments."""
        facts = {"since": since.isoformat(), "problem": problem}
        source = f"failing:{self.connection.id}:{since:%Y%m%d%H%M%S}"
        await self._tell(session, NoticeKind.SYNC_FAILING, source, facts)

    async def tell_caught_up(self, session: Session, counts: Mapping[str, int]) -> None:
        """Sum up a busy sweep in one line, besides each event's own notification."""
        if sum(counts.values()) > _BURST:
            source = f"caught_up:{self.connection.id}:{self.turn.row.fence}"
            await self._tell(session, NoticeKind.CAUGHT_UP, source, counts)

    async def _tell(
        self, session: Session, kind: NoticeKind, source: str, more: Mapping[str, object]
    ) -> None:
        """Tell the channels; the owner as well of what somebody has to see to."""
        facts = {**connections.common_facts(self.connection), **more}
        also = () if kind is NoticeKind.CAUGHT_UP else (self.connection.owner_id,)
        notification = Notification(kind, source, facts, also=also)
        await notices.enqueue(session, self.connection, notification, self.now())


def held_facts(held: Sequence[Export]) -> dict[str, Any]:
    """Return what the question about these says; its buttons decide about these alone."""
    return {
        "count": len(held),
        "numbers": [each.number for each in held[:_MOST_NUMBERS]],
        "kind": f"deleted or voided{' at once' if len(held) > MOST_AT_ONCE else ''}",
        "export_ids": [each.id for each in held],
    }


@dataclass(frozen=True, slots=True)
class ExportedInvoice:
    """One exported invoice during a sweep, and what is told of it and its payments."""

    run: SweepRun
    export: Export

    async def in_paymo(self, *, with_time: bool = False) -> Invoice | None:
        """Return the invoice as Paymo has it; None where it is gone. Raises `Unavailable`."""
        paymo = self.run.paymo
        read = paymo.invoice_with_time if with_time else paymo.invoice
        try:
            return await read(self.export.paymo_invoice_id)
        except NotFound:
            await self.run.require_sight()
            return None

    async def require_room(self, missing: Decimal) -> None:
        """Raise `StillUnderWay` if room is missing and another payment is to go from Paymo."""
        if missing <= 0:
            return
        async with self.run.database.sessions() as session:
            until = await payments.find_leaving(session, self.export.id)
        if until is not None:
            raise StillUnderWay(until=max(until, self.run.now()))

    def why_other_currency(self, invoice: Invoice) -> str:
        """Say that Xero's amounts are in another currency than Paymo's by now, or ""."""
        changed = compare.compared_of(self.export).changed if self.export.drift else None
        stated = changed.currency if changed is not None else ""
        in_xero = stated if money.is_currency(stated) else self.export.currency
        in_paymo = compare.code_of(invoice.currency)
        if in_paymo == in_xero:
            return ""
        return f"The invoice is in {in_paymo} in Paymo and in {in_xero} in Xero."

    async def tell_received(self, session: Session, payment: Payment, **more: Any) -> None:
        """Tell a payment, or why it was not recorded; an edited one once, as a change."""
        facts = _RECEIVED | more
        is_told = facts.pop("was_brought_back", False)
        if payment.replaces_id is not None and not is_told:
            former = await payments.get(session, payment.replaces_id)
            # One that Paymo didn't record says that the former is gone from Paymo: it must be.
            is_recorded = payment.state is PaymentState.RECORDED
            is_leaving = is_recorded and former.state is PaymentState.REMOVING
            if is_leaving or former.state is PaymentState.REMOVED:
                facts["changed_from"] = notices.amount_text(_recorded(former))
                facts["dated_before"] = former.paid_on.isoformat()
        await self._tell_payment(session, NoticeKind.PAYMENT_RECEIVED, payment, facts)

    async def tell_waiting(
        self, session: Session, payment: Payment, company: Company | None
    ) -> None:
        """Warn once that Paymo has not taken it for long, and may remind the client meanwhile."""
        more = {**_RECEIVED, "waits": True, **self._reminder(company, is_owed=True)}
        rows = await payments.list_of(session, [self.export.id])
        told, _ = self._payment_news(NoticeKind.PAYMENT_RECEIVED, payment, rows, more)
        once = replace(told, source=f"payment:{payment.id}:waiting")
        await notices.enqueue(session, self.run.connection, once, self.run.now())

    async def reminder(self) -> dict[str, object]:
        """Say whether and when Paymo may remind the client of what is paid, and when that was due.

        Where Paymo can't be asked, it may.
        """
        company: Company | None = None
        is_owed = True
        with contextlib.suppress(ServiceError):
            company = await self.run.paymo.company()
            if self.may_remind(company):
                is_owed = await self._is_owed()
        return self._reminder(company, is_owed=is_owed)

    async def _is_owed(self) -> bool:
        try:
            invoice = await self.run.paymo.invoice(self.export.paymo_invoice_id)
        except NotFound:
            return False
        return invoice.left > 0 and invoice.status not in {"draft", "void"}

    def may_remind(self, company: Company | None) -> bool:
        """Say whether Paymo may remind the client; a company that isn't known may."""
        return company is None or company.may_remind(self.export.due_on, self.run.today)

    def _reminder(self, company: Company | None, *, is_owed: bool) -> dict[str, object]:
        due_on, next_on = self.export.due_on, None
        if company is not None:
            next_on = company.next_reminder(due_on, self.run.today)
        return {
            "may_remind": is_owed and self.may_remind(company),
            "due_on": due_on.isoformat() if due_on else "",
            "reminds_on": next_on.isoformat() if next_on else "",
        }

    async def tell_removed(
        self, session: Session, payment: Payment, *, by_person: bool, is_stuck: bool = False
    ) -> None:
        """Tell that a payment is gone, from Xero or by a person in Paymo, or stuck in Paymo."""
        facts = {"by_person_in_paymo": by_person, "is_stuck": is_stuck}
        await self._tell_payment(session, NoticeKind.PAYMENT_REMOVED, payment, facts)

    async def settle_payment(self, session: Session, payment: Payment) -> None:
        """Ask nobody any more about a payment that is deleted in Xero."""
        over = Settled(PAYMENTS, "", "found it deleted in Xero", self.export.id, payment.id)
        await settle(session, self.run.connection, over, self.run.now())

    async def _tell_payment(
        self, session: Session, kind: NoticeKind, payment: Payment, more: Mapping[str, object]
    ) -> None:
        rows = await payments.list_of(session, [self.export.id])
        notification, entry = self._payment_news(kind, payment, rows, more)
        await notices.enqueue(session, self.run.connection, notification, self.run.now())
        audit.record(session, self.run.connection, entry)

    def received(
        self, payment: Payment, rows: Sequence[payments.Amounts], more: Mapping[str, object]
    ) -> tuple[Notification, AuditNote]:
        """Return what `tell_received` queues for a plain payment, given its invoice's rows."""
        return self._payment_news(NoticeKind.PAYMENT_RECEIVED, payment, rows, {**_RECEIVED, **more})

    def _payment_news(
        self,
        kind: NoticeKind,
        payment: Payment,
        rows: Sequence[Payment | payments.Amounts],
        more: Mapping[str, object],
    ) -> tuple[Notification, AuditNote]:
        paid = notices.paid_of(rows)
        left = (self.export.total or Decimal(0)) - paid
        amount = notices.amount_text(_recorded(payment))
        facts = {
            "payment_id": payment.id,
            "amount": amount,
            "paid_on": payment.paid_on.isoformat(),
            "kind": payment.kind.value,
            "label": payment.label,
            "paid": notices.amount_text(paid),
            "left": notices.amount_text(left),
            "is_paid": left <= 0,
            **more,
        }
        source = f"payment:{payment.id}:{kind.value}:{payment.fence}"
        after = {
            "xero_payment_id": payment.xero_payment_id,
            "amount": amount,
            "state": payment.state.value,
        }
        entry = AuditNote(kind.value, self.run.now(), "", self.export.id, {}, after)
        return self._news(kind, source, facts, payment.amount), entry

    async def tell_ended(
        self, session: Session, kind: NoticeKind, *, in_paymo: str, **more: str
    ) -> None:
        """Tell what became of an invoice that is deleted or void in Xero, or deleted in Paymo.

        `why`, `hand_typed` and `cuts` say why a person is asked first.
        """
        facts = {"in_paymo": in_paymo, "hand_typed": "", "cuts": "", "why": "", **more}
        source = f"ended:{self.export.id}:{kind.value}:{in_paymo}"
        if facts["why"]:
            # A person may have it tried again, and it may fail again.
            source += f":{self.run.now():%Y%m%d}"
        await self.tell(session, kind, source, facts)
        before = self.export.snapshot or {}
        self.note(session, kind.value, before=before, after={"in_paymo": in_paymo})

    async def tell(
        self,
        session: Session,
        kind: NoticeKind,
        source: str,
        more: Mapping[str, object],
        amount: Decimal | None = None,
    ) -> None:
        """Tell the channels, with what every notice of an invoice says."""
        notification = self._news(kind, source, more, amount)
        await notices.enqueue(session, self.run.connection, notification, self.run.now())

    def _news(
        self, kind: NoticeKind, source: str, more: Mapping[str, object], amount: Decimal | None
    ) -> Notification:
        run, export = self.run, self.export
        facts = {**notices.common_facts(export, run.connection, run.links), **more}
        return Notification(kind, source, facts, export, amount)

    def note(
        self,
        session: Session,
        what: str,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any],
    ) -> None:
        """Record in the audit log what the app did."""
        entry = AuditNote(what, self.run.now(), "", self.export.id, dict(before or {}), dict(after))
        audit.record(session, self.run.connection, entry)


def _recorded(payment: Payment) -> Decimal:
    return payment.recorded_amount or payment.amount
