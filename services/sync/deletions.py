"""Invoices that were deleted or voided in Xero: followed in Paymo, never in a hurry.

What Xero said once is asked for again by id, from the same organisation; Paymo's invoice is kept
as it was; payments that people typed in Paymo are theirs, so a person is asked first.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from services.clients.paymo import Invoice
from services.errors import NotFound, ServiceError
from services.jobs import policy
from services.jobs.policy import Wait
from services.jobs.runner import Step, Turn
from services.lifecycle import invoice as lifecycle
from services.lifecycle.invoice import DELETED, VOIDED
from services.model.invoice import Decision, InvoiceState
from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.store import connections, exports, leases, notices, payments
from services.store.engine import Session
from services.store.tables import Export
from services.sync import ties
from services.sync.payments import is_ours
from services.sync.run import ExportedInvoice, SweepRun

MOST_AT_ONCE = 3
_OVERRULED = frozenset({Decision.DELETE, Decision.VOID})
_STUCK = "Paymo didn’t follow for a day."


async def run_unsettled(run: SweepRun) -> int:
    """Follow what was deleted or voided, unless it is too much; return how often Paymo followed."""
    step = DeletionStep(run)
    await run.bring_on(step, await _list_due(run))
    return len(step.followed)


async def _list_due(run: SweepRun) -> Sequence[int]:
    """Stop, and ask, when more were deleted or voided than a person does in one go."""
    async with run.database.sessions.begin() as session:
        found = await exports.list_unsettled(session, run.connection)
        new = [each for each in found if each.decision is None]
        connection = await connections.get(session, run.connection.id)
        if len(new) > MOST_AT_ONCE or (connection.is_paused and new):
            for export in new:
                await lifecycle.hold(session, export)
            connection.is_paused = True
            await run.tell_held(session, await exports.list_held(session, connection.id))
            found = [each for each in found if each not in new]
        for export in found:
            if export.due_at is None:
                export.due_at, export.tries = run.now(), 0
        return [each.id for each in found]


@dataclass(frozen=True, slots=True)
class DeletionStep(Step[Export]):
    """Has Paymo follow one deletion or voiding, within a sweep."""

    job = Job.SWEEP
    table = Export
    policy = policy.DELETION

    sweep: SweepRun
    followed: list[int] = field(default_factory=list)

    async def run(self, turn: Turn[Export]) -> None:
        """Ask both sides again, then delete it, void it or ask a person."""
        if await _Following(self.sweep, turn.row).go_on():
            self.followed.append(turn.row.id)

    async def put_off(
        self, session: Session, turn: Turn[Export], wait: Wait
    ) -> Mapping[str, object]:
        """Show on the sweep what does not pass by itself."""
        self.sweep.note_wait(wait, f"Invoice {turn.row.number} stays in Paymo: {wait.why}")
        return {}

    async def give_up(self, turn: Turn[Export], refusal: ServiceError) -> None:
        """Let a person decide, once nothing can arrive any more."""
        await _Following(self.sweep, turn.row).give_up()


@dataclass(frozen=True, slots=True)
class _Following(ExportedInvoice):
    """What is done in Paymo about one invoice that Xero calls deleted or void."""

    async def give_up(self) -> None:
        """Ask a person; a deletion that may still arrive is waited for."""
        if leases.is_under_way(self.export, self.run.now()):
            async with self.run.database.sessions.begin() as session:
                over_at = leases.over_at(self.export, self.run.now())
                await leases.let_go(session, self.export, over_at)
            return
        is_void = self.export.invoice_state is InvoiceState.VOID_SEEN
        await self._ask(VOIDED if is_void else DELETED, why=_STUCK)

    async def go_on(self) -> bool:
        """Say whether Paymo has followed. Raises `Lost` where somebody decided meanwhile."""
        await self._require_quiet()
        status = await self._status_again()
        if status not in {DELETED, VOIDED}:
            await self._let_stand(status)
            return False
        invoice = await self._in_paymo()
        if invoice is None:
            return await self._record_gone(status)
        leases.require_over(self.export, self.run.now())
        if why := await self._why_asked(status, invoice):
            await self._ask(status, **why)
            return False
        await self._keep_snapshot(invoice)
        if self._is_kept_as_void(status):
            with leases.answered(self.export):
                await self.run.paymo.set_status(invoice.id, "void")
            await self._end(status, in_paymo="void")
            return True
        with contextlib.suppress(NotFound), leases.answered(self.export):
            await self.run.paymo.delete_invoice(invoice.id)
        await self._end(status, in_paymo="deleted")
        return True

    async def _why_asked(self, status: str, invoice: Invoice) -> dict[str, str]:
        """Why a person must decide, or nothing."""
        if policy.DELETION.is_over(self.export.tries - 1):
            return {"why": _STUCK}
        hand_typed = await self._hand_typed(invoice)
        cuts = "" if self._is_kept_as_void(status) else ties.said(invoice)
        if (hand_typed or cuts) and self.export.decision not in _OVERRULED:
            return {"hand_typed": notices.amount_text(hand_typed or None), "cuts": cuts}
        return {}

    async def _require_quiet(self) -> None:
        """Raise `StillUnderWay` while a payment may still arrive on the invoice."""
        async with self.run.database.sessions() as session:
            rows = await payments.list_of(session, [self.export.id])
        for row in rows:
            leases.require_over(row, self.run.now())

    async def _let_stand(self, status: str) -> None:
        """Forget the deletion, unless Paymo's side was begun and Xero just does not find it."""
        if not status and self.export.snapshot is not None:
            raise NotFound("Xero doesn't find it any more.")
        async with self.run.database.sessions.begin() as session:
            await lifecycle.let_stand(session, self.export)

    async def _status_again(self) -> str:
        """Ask for the invoice by id; one that cannot be found says nothing about deletion."""
        try:
            found = await self.run.xero.invoice(self.export.xero_invoice_id or "")
        except NotFound:
            return ""
        return found.status

    async def _in_paymo(self) -> Invoice | None:
        try:
            return await self.run.paymo.invoice_with_time(self.export.paymo_invoice_id)
        except NotFound:
            return None

    def _is_kept_as_void(self, status: str) -> bool:
        decision = self.export.decision
        if decision is Decision.VOID:
            return True
        wants_delete = self.run.connection.void_means == "delete" or decision is Decision.DELETE
        return status == VOIDED and not wants_delete

    async def _hand_typed(self, invoice: Invoice) -> Decimal:
        """What people typed in Paymo: everything that is not a copy of ours."""
        async with self.run.database.sessions() as session:
            rows = await payments.list_of(session, [self.export.id])
        ours = {row.paymo_payment_id for row in rows}
        return sum(
            (each.amount for each in invoice.payments if each.id not in ours and not is_ours(each)),
            Decimal(0),
        )

    async def _record_gone(self, status: str) -> bool:
        """Settle what is not in Paymo any more: by our own hand before a crash, or a person's."""
        if self.export.snapshot is not None:
            await self._end(status, in_paymo="deleted")
            return True
        async with self.run.database.sessions.begin() as session:
            await lifecycle.mark_deleted(session, self.export)
        return False

    async def _ask(self, status: str, **facts: str) -> None:
        async with self.run.database.sessions.begin() as session:
            await lifecycle.ask(session, self.export)
            await self.tell_ended(session, _kind(status), in_paymo="asked", **facts)

    async def _end(self, status: str, *, in_paymo: str) -> None:
        mark = lifecycle.mark_voided if in_paymo == "void" else lifecycle.mark_deleted
        async with self.run.database.sessions.begin() as session:
            await mark(session, self.export)
            await self.tell_ended(session, _kind(status), in_paymo=in_paymo)

    async def _keep_snapshot(self, invoice: Invoice) -> None:
        """Keep the invoice as it was before we touched it, also when that is done a second time.

        The write about it leaves then.
        """
        is_touched = self.export.snapshot is not None and invoice.status == "void"
        snapshot = self.export.snapshot if is_touched else invoice.as_json()
        async with self.run.database.sessions.begin() as session:
            await lifecycle.mark_sent(session, self.export, snapshot, self.run.now())


def _kind(status: str) -> NoticeKind:
    return NoticeKind.INVOICE_VOIDED if status == VOIDED else NoticeKind.INVOICE_DELETED
