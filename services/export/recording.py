"""Records the outcome of an export, and notifies people of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from services import compare, money
from services.clients.xero import NewLine, XeroClients, XeroInvoice, settlements_of
from services.errors import Lost, Unavailable
from services.export import approvals, checking, courtesies
from services.export.checking import Recheck
from services.export.claims import WIDEST
from services.export.refusals import Refused
from services.jobs.runner import Work
from services.lifecycle import export as lifecycle
from services.lifecycle import payment
from services.lifecycle.export import ExportColumns
from services.mapping.case import DRAFT
from services.model import days
from services.model.actions import Action, after_a_refusal, settled_by
from services.model.export import ExportState, RefusalCode, Wish
from services.model.invoice import Links, Settlement
from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.model.people import ReplyTarget
from services.model.wording import Amount, situated
from services.store import audit, connections, exports, notices, schedules, worklists
from services.store.audit import AuditNote
from services.store.engine import Database, Session
from services.store.tables import Connection, Export

_STOPPED = (
    "Automatic export was turned off before this invoice was sent. Export it by hand, or press "
    "*Try Again*."
)


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What came of an export, for the person who asked."""

    export_id: int
    state: ExportState
    organisation: str
    number: str  # as Paymo has it
    xero_number: str  # as Xero has it; "" before the export
    is_number_left_out: bool
    client_name: str
    total: Decimal | None
    currency: str
    country: str  # of the organisation
    xero_total: Decimal | None
    xero_status: str
    xero_invoice_id: str
    xero_url: str
    paymo_url: str
    reason: str
    actions: tuple[Action, ...]
    ask: str = ""  # who may override a tax that differs, where the reader may not
    rival_url: str = ""  # the invoice in Xero that has the number
    alike: tuple[str, ...] = ()  # numbers of others that wait for the same decision
    requested_by: str = ""
    approved_by: str = ""  # the second person, if there was one
    approved_at: datetime | None = None
    is_linked: bool = False  # to an invoice that Xero had


class ResultScreen(Protocol):
    """Where the person who exports sees the outcome."""

    async def show_result(self, reply_to: ReplyTarget, result: ExportResult) -> None:
        """Show the outcome in the open view, or to the person alone when it was closed.

        With a `view_hash`, show it in the view known by that, or nowhere.
        """


@dataclass(frozen=True, slots=True)
class Recorder:
    """Records the outcome of an export, and tells the person and the channels."""

    database: Database
    xero: XeroClients
    work: Work
    screen: ResultScreen
    links: Links
    now: Callable[[], datetime]

    async def succeed(
        self,
        connection: Connection,
        export: Export,
        created: XeroInvoice,
        *,
        is_linked: bool = False,
    ) -> None:
        """Record the invoice, with any difference between its totals and Paymo's.

        Raises `Lost` where somebody else has the export by now.
        """
        if not await self.succeed_all(connection, [(export, created)], is_linked=is_linked):
            raise Lost

    async def succeed_all(
        self,
        connection: Connection,
        made: Sequence[tuple[Export, XeroInvoice]],
        *,
        is_linked: bool = False,
    ) -> list[Export]:
        """Record invoices together, except those that somebody else has taken.

        The person sees it before any follow-up begins.
        """
        xero = self.xero.of(connection)
        whole = [(export, await xero.read_whole(created)) for export, created in made]
        async with self.database.sessions.begin() as session:
            done = await self._mark(session, whole, is_linked=is_linked)
            if not done:
                return done
            for export in done if is_linked else ():
                await payment.hand_over_all(session, export, self.now())
            listed = self._listed(connection, [each for each in whole if each[0] in done])
            is_paid = await payment.begin_all(session, listed, self.now())
            await self._tell_exported(session, connection, done)
            besides = await courtesies.ask(session, connection, done, self.now())
            for export in done:
                await self._pause_automatic(session, export)
            await self._recheck_others(session, connection, done)
        for export in done:
            await self.show(connection, export)
        await self.work.nudge(Job.NOTICES, connection.workspace_id)
        if is_paid:  # on its own: a sweep locks its schedule before any payment
            async with self.database.sessions.begin() as session:
                await schedules.want(session, [connection.id], [Job.SWEEP], self.now())
            await self.work.nudge(Job.SWEEP, connection.id)
        for job, task_id in besides:
            await self.work.nudge(job, task_id)
        return done

    def _listed(
        self, connection: Connection, made: Sequence[tuple[Export, XeroInvoice]]
    ) -> list[tuple[Export, Settlement]]:
        """Return what is paid on these already: most were made just now, but some are found."""
        today = days.day_in(connection.time_zone, self.now())
        return [(export, each) for export, found in made for each in settlements_of(found, today)]

    async def _mark(
        self, session: Session, made: Sequence[tuple[Export, XeroInvoice]], *, is_linked: bool
    ) -> list[Export]:
        """Write down what Xero states; return the exports that nobody else has taken."""
        same: dict[Export, ExportColumns] = {}
        different: dict[Export, tuple[ExportColumns, str]] = {}
        for export, created in made:
            found = _found(export, created)
            found |= {"is_linked": is_linked, "made_by": "" if is_linked else self.xero.app}
            found["exported_at"] = self.now()
            if differs := difference(export, created):
                different[export] = found, differs
            else:
                same[export] = found
        marked = {*await lifecycle.mark_exported(session, same)}
        marked |= {*await lifecycle.mark_different(session, different)}
        return [export for export, _ in made if export in marked]

    async def fail(self, connection: Connection, export: Export, refusal: Refused) -> None:
        """Record the refusal, and tell it with what helps."""
        codes = refusal.codes
        async with self.database.sessions.begin() as session:
            grounds = await Recheck(session, connection, export).grounds_for(codes)
            said = str(refusal), refusal.cure
            await lifecycle.mark_refused(session, export, codes, said, grounds)
            if RefusalCode.CANCELLED not in codes:
                await self._tell_failed(session, connection, export)
                await self._pause_automatic(session, export)
        await self.work.nudge(Job.NOTICES, connection.workspace_id)
        await self.show(connection, export)

    async def tell_awaiting(self, connection: Connection, export: Export) -> None:
        """Tell those who may approve it, and whoever asked for it."""
        await self.work.nudge(Job.NOTICES, connection.workspace_id)
        await self.show(connection, export)

    async def lose(
        self, connection: Connection, export: Export, refusal: Unavailable, pause: timedelta
    ) -> None:
        """Record that no answer was heard; it is looked up before anything is sent again."""
        async with self.database.sessions.begin() as session:
            renewed = checking.next_attempt(export) if refusal.has_answered else {}
            due_at = self.now() + pause
            await lifecycle.mark_unknown(session, export, str(refusal), due_at, renewed)
        if export.tries == 1:
            await self.show(connection, export)

    async def show(
        self, connection: Connection, export: Export, *actions: Action, over: str = ""
    ) -> None:
        """Show who asked where their export stands; a batch speaks for all of its own."""
        if export.batch_id is not None or not export.requested_by:  # nobody waits for that one
            return
        result = _result_of(export, connection, self.links)
        alike = await self._alike(connection, export, result.actions)
        reply_to = replace(ReplyTarget(**export.reply_to), view_hash=over)
        result = replace(result, actions=actions or result.actions, alike=alike)
        await self.screen.show_result(reply_to, result)

    async def _alike(
        self, connection: Connection, export: Export, actions: tuple[Action, ...]
    ) -> tuple[str, ...]:
        """Return the numbers of the others that a decision about this one lets go as well."""
        settled = settled_by(actions, export.refusals)
        if not settled:
            return ()
        async with self.database.sessions() as session:
            refused = await exports.list_refused(session, connection)
        alike = [each for each in refused if set(each.refusals) <= set(settled)]
        return tuple(each.number for each in alike if each.id != export.id)

    async def _tell_exported(
        self, session: Session, connection: Connection, done: Sequence[Export]
    ) -> None:
        """Queue the cards for every subscribed channel, and note who did it."""
        cards = [
            notices.Notification(
                NoticeKind.INVOICE_EXPORTED,
                f"exported:{export.id}",
                notices.card_facts(export, connection, self.links, (), self.now()),
                export,
                export.total,
                in_batch=export.batch_id is not None,
            )
            for export in done
        ]
        await notices.enqueue_all(session, connection, cards, self.now())
        entries = [self._exported(connection, export) for export in done]
        await audit.record_all(session, connection, entries)

    def _exported(self, connection: Connection, export: Export) -> AuditNote:
        after = {
            "xero_invoice_id": export.xero_invoice_id,
            "xero_number": export.xero_number,
            "status": export.xero_status,
            "total": money.format_amount(export.total, export.currency, connection.country)
            if export.total
            else "",
            **notices.order_of(export),
            **({"is_linked": True} if export.is_linked else {}),
            **({"approved_by": export.approved_by} if export.approved_by else {}),
        }
        return AuditNote("exported", self.now(), export.requested_by, export.id, after=after)

    async def _tell_failed(self, session: Session, connection: Connection, export: Export) -> None:
        """Owe every subscribed channel the reason, once for each time somebody asked."""
        order = notices.order_of(export)
        facts = notices.common_facts(export, connection, self.links) | {
            "rival_url": _result_of(export, connection, self.links).rival_url,
            "reason": situated(export.reason, connection.country),
            "by": export.requested_by,
            "cures": list(actions_of(export)),
            **order,
        }
        source = f"failed:{export.id}:{export.fence}"
        notification = notices.Notification(NoticeKind.EXPORT_FAILED, source, facts, export)
        await notices.enqueue(session, connection, notification, self.now())
        after = {"problem": ",".join(export.refusals), **order}
        entry = AuditNote("export_failed", self.now(), export.requested_by, export.id, after=after)
        audit.record(session, connection, entry)

    async def _recheck_others(
        self, session: Session, connection: Connection, done: Sequence[Export]
    ) -> None:
        """Have the checks decide about others: a contact or an account may serve them, too."""
        refused = await exports.list_refused(session, connection)
        if refused:
            await exports.nudge_refused(session, connection, self.now())
        # Nobody knows how many the plan lets through, so each lets the next one try.
        left = sum(each.xero_status != DRAFT and not each.is_linked for each in done)
        passed = [RefusalCode.PLAN_LIMIT]
        for each in refused if left else ():
            if RefusalCode.PLAN_LIMIT not in each.refusals or each.xero_status == DRAFT:
                continue
            left -= await Recheck(session, connection, each).requeue(self.now(), {}, passed)
            if not left:
                return

    async def _pause_automatic(self, session: Session, export: Export) -> None:
        """Switch it off after a run of failures, and say so, if this was an automatic export."""
        if export.requested_by:
            return
        connection = await connections.get(session, export.connection_id)
        since = connection.auto_export_since
        if not connection.auto_export or since is None:
            return
        if not (numbers := await worklists.list_failed_run(session, connection)):
            return
        await approvals.stop_automatic(session, connection, _STOPPED, "", self.now())
        facts = {"numbers": numbers, "owner": connection.owner_id}
        notification = notices.Notification(
            NoticeKind.AUTO_EXPORT_PAUSED,
            f"auto_paused:{connection.id}:{since:%Y%m%d%H%M%S}",
            connections.common_facts(connection) | facts,
            also=[connection.owner_id],
        )
        await notices.enqueue(session, connection, notification, self.now())
        entry = AuditNote("auto_export_paused", self.now(), after={"numbers": numbers})
        audit.record(session, connection, entry)


def _result_of(export: Export, connection: Connection, links: Links) -> ExportResult:
    """Return the outcome as it stands in the row."""
    is_done = export.xero_invoice_id is not None
    found = actions_of(export)
    is_owner = export.requested_by == connection.owner_id
    is_taken = Action.WITHOUT_NUMBER in found
    return ExportResult(
        export_id=export.id,
        state=export.state,
        organisation=connection.organisation_name,
        number=export.number,
        xero_number=export.xero_number,
        is_number_left_out=is_done and export.xero_number != export.number,
        client_name=export.client_name,
        total=export.total,
        currency=export.currency,
        country=connection.country,
        xero_total=export.xero_total,
        xero_status=export.xero_status,
        xero_invoice_id=export.xero_invoice_id or "",
        xero_url=links.xero(connection.short_code, export.xero_invoice_id),
        paymo_url=links.paymo(export.paymo_invoice_id),
        reason=situated(export.reason, connection.country),
        actions=tuple(each for each in found if is_owner or each != Action.OVERRIDE_TAX),
        ask="" if is_owner or Action.OVERRIDE_TAX not in found else connection.owner_id,
        rival_url=links.xero(connection.short_code, export.rival_id) if is_taken else "",
        requested_by=export.requested_by,
        approved_by=export.approved_by,
        approved_at=export.approved_at,
        is_linked=export.is_linked,
    )


def actions_of(export: Export) -> tuple[Action, ...]:
    """Return what helps where the export stands now."""
    is_unknown = export.state is ExportState.UNKNOWN and export.wish is not Wish.CANCEL
    if is_unknown or export.state is ExportState.AWAITING:
        return (Action.CANCEL,)
    if export.state is not ExportState.FAILED:
        return ()
    return after_a_refusal(export.refusals)


def _found(export: Export, created: XeroInvoice) -> ExportColumns:
    """Return what Xero states, and what later sweeps compare with: Paymo's side, and Xero's."""
    known = compare.compared_of(export)
    return {
        "xero_invoice_id": created.invoice_id,
        "xero_number": created.invoice_number,
        "xero_total": None if created.lacks else created.total,
        "xero_status": created.status or export.xero_status,
        "xero_seen_status": created.status,
        "xero_due": None if created.lacks else created.amount_due,
        "due_on": created.due_on,
        "contact_name": created.contact.name[:WIDEST] or export.contact_name,
        "xero_rounding": created.rounding_amount or None,
        "compared": replace(known, xero=compare.in_xero(created)).as_json(),
    }


def difference(export: Export, created: XeroInvoice) -> str:
    """Say how Xero's totals differ from Paymo's, or ""."""
    if created.lacks:
        return f"Xero's figures can't be read ({', '.join(created.lacks[:3])}). Check them there."
    total = export.total or Decimal(0)
    wanted = {"total": total}
    stated = {"total": created.total}
    if created.total - created.rounding_amount == total:
        stated["total"] = total  # what somebody rounded in Xero is no difference
    if export.sent:
        lines = checking.body_of(export)["LineItems"]
        tax = _tax(lines)
        wanted |= {"tax": tax, "subtotal": total - tax}
        stated |= {"tax": created.total_tax, "subtotal": created.sub_total}
    wrong = [
        f"{name} {Amount(stated[name], export.currency)} in Xero and "
        f"{Amount(wanted[name], export.currency)} in Paymo"
        for name in wanted
        if stated[name] != wanted[name]
    ]
    return f"The figures differ: {'; '.join(wrong)}." if wrong else ""


def _tax(lines: object) -> Decimal:
    each_line = lines if isinstance(lines, list) else []
    return sum(
        (each.tax_amount for each in each_line if isinstance(each, NewLine)), start=Decimal(0)
    )
