"""Adds new payments to Paymo, for a hundred invoices at a time.

It takes rows, reads invoices, writes notes and records copies for many payments together. Odd
payments are left to `services.sync.payments`, which reads their invoices afresh, one by one.

Still, each payment reaches Paymo once:

- Rows are leased before their invoices are read. An earlier worker that sent anything has left
  `sent_at`; such a row never comes here, and is checked alone before it is sent.
- Every row is noted under its fence before the first call leaves, and a call ends by the time in
  its note. Whoever takes over from a killed process finds the note.
- Payments of one invoice go one after another. If one fails, the rest are judged again.
- A list counts for some seconds, and only if it shows every copy that we know.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

import msgspec
import structlog

from services.clients.http import Bound
from services.clients.paymo import Invoice, PaymoClient
from services.clients.paymo import Payment as Copy
from services.errors import (
    Lost,
    NotConnected,
    NotFound,
    Rejected,
    ServiceError,
    Throttled,
    Unavailable,
)
from services.jobs.runner import Turn
from services.lifecycle import payment
from services.model.invoice import PaymentState
from services.store import audit, leases, notices, payments
from services.store.tables import Payment
from services.sync.payments import Copying, PaymentStep, notes_of
from services.sync.run import ExportedInvoice, SweepRun

log = structlog.get_logger(__name__)

_LATE = timedelta(minutes=30)  # after which a payment that waits is told
_INVOICES = 100  # in one list
_PAYMENTS = 1000  # of one batch
_TOGETHER = 75  # payments noted, and recorded, at once
_BELIEVED = 15  # seconds that a list counts
_NOTED = 5  # seconds after its note that a call may begin


async def run_due(run: SweepRun) -> Counter[PaymentState]:
    """Bring every due payment one step on, and count the outcomes.

    Removals go first, so that sums never overshoot. Raises `NotConnected`.
    """
    step = PaymentStep(run)
    async with run.database.sessions() as session:
        due = await payments.list_due(session, run.connection.id, run.now())
        new: Sequence[Sequence[int]] = ()
        if len(due) > 1:
            new = await payments.list_new(session, run.connection.id, run.now())
    if len(new) == 1:
        new = ()  # reading its invoice is as fast as a list
    plain = {each for ids in new for each in ids}
    await run.bring_on(step, [each for each in due if each not in plain])
    for some in _batches(new):
        additions = _Additions(step, run.paymo.queued())
        ids = [each for ids in some for each in ids]
        wait = await run.runner.run_many(step, ids, additions.bring_on)
        if run.broken:
            raise run.broken[0]
        if wait is not None:
            async with run.database.sessions.begin() as session:
                await payments.postpone_new(session, run.connection.id, wait.until, run.now())
            break
        await run.bring_on(step, additions.odd)
    if run.problems:
        await _warn_of_late(run)
    return step.outcomes


async def _warn_of_late(run: SweepRun) -> None:
    """Say once of what Paymo hasn't taken for long that it may remind the client meanwhile."""
    async with run.database.sessions() as session:
        late = await payments.list_late(session, run.connection.id, run.now() - _LATE)
    if not late:
        return
    company = None
    with contextlib.suppress(ServiceError):  # where Paymo can't be asked, it may remind them
        company = await run.paymo.company()
    async with run.database.sessions.begin() as session:
        for row, export in late:
            told = ExportedInvoice(run, export)
            if told.may_remind(company):
                await told.tell_waiting(session, row, company)
        await payments.mark_late(session, [row for row, _ in late])


@dataclass(slots=True)
class _Additions:
    """The additions to at most a hundred invoices."""

    step: PaymentStep
    paymo: PaymoClient
    odd: Sequence[int] = ()  # to be brought on one by one
    copies: Mapping[int, set[int]] = field(default_factory=dict)
    refusal: ServiceError | None = None  # of every call that would follow

    @property
    def run(self) -> SweepRun:
        """The sweep."""
        return self.step.sweep

    async def bring_on(self, turns: Sequence[Turn[Payment]]) -> None:
        """Add them, some at a time. Raises what would stop all others, too."""
        left = await self._by_invoice([each.row for each in turns])
        shown: Mapping[int, Invoice] = {}
        good_until = _now()
        while left:
            if _now() >= good_until:
                good_until = _now() + _BELIEVED
                shown = await self._read(left)
            count = _as_many(left)
            plans = [self._plan(each, shown) for each in left[:count]]
            await self._add([each for each in plans if each is not None])
            left = left[count:]
        self.odd = [each.row.id for each in turns if each.row.leased_until is not None]

    async def _by_invoice(self, rows: Sequence[Payment]) -> Sequence[Sequence[Copying]]:
        lanes = payments.by_export(rows)
        async with self.run.database.sessions() as session:
            found = await payments.exports_of(session, lanes)
            self.copies = await payments.list_copies(session, lanes)
        return [[Copying(self.run, found[key], row) for row in its] for key, its in lanes.items()]

    async def _read(self, lanes: Sequence[Sequence[Copying]]) -> Mapping[int, Invoice]:
        """Return the invoices that Paymo's list shows with all their payments, by id.

        None of them where Paymo gives no list, but answers when asked about one alone.
        """
        ids = [lane[0].export.paymo_invoice_id for lane in lanes]
        try:
            return await self.paymo.paid(ids)
        except Rejected:
            return {}
        except Unavailable:
            with contextlib.suppress(NotFound, Rejected):
                await self.paymo.invoice(ids[0])
            return {}

    def _plan(self, lane: Sequence[Copying], shown: Mapping[int, Invoice]) -> "_Plan | None":
        """Return what to record of each payment; None if one of them is odd."""
        export, amounts = lane[0].export, []
        invoice = shown.get(export.paymo_invoice_id)
        if invoice is None or invoice.status == "paid":
            return None
        if not self.copies.get(export.id, set()) <= {each.id for each in invoice.payments}:
            return None
        left = invoice
        for each in lane:
            amount = each.plain_amount(left)
            if amount is None:
                return None
            left = _with(left, each.payment, amount)
            amounts.append(amount)
        return _Plan(invoice, lane, amounts)

    async def _add(self, plans: Sequence["_Plan"]) -> None:
        """Note that these leave, add them, and record the outcome."""
        run, leaving = self.run, _Leaving(self.paymo.api.bound("POST"), _now() + _NOTED)
        rows = {each.payment: run.now() for plan in plans for each in plan.lane}
        async with run.database.sessions.begin() as session:
            held = set(await payment.mark_all_sent(session, rows))
        sending = [
            self._send(plan, leaving)
            for plan in plans
            if all(each.payment in held for each in plan.lane)
        ]
        try:
            ended = await asyncio.gather(*sending, return_exceptions=True)
        finally:
            for row in held - leaving.begun:
                leases.settle(row)
            if leaving.added:
                await self._record(leaving.added)
        for each in ended:
            if each is not None:
                raise each
        if self.refusal is not None:
            raise self.refusal

    async def _send(self, plan: "_Plan", leaving: "_Leaving") -> None:
        """Add the payments of one invoice, up to the first that fails."""
        is_draft = plan.invoice.status == "draft"
        for copying, amount in zip(plan.lane, plan.amounts, strict=True):
            if self.refusal is not None:
                return
            try:
                if _now() > leaving.good_until:
                    # It waited long for its turn: somebody else may have it.
                    leaving = replace(leaving, bounded=self.paymo.api.bound("POST"))
                    await copying.leave_again()
                leaving.begun.add(copying.payment)
                with leases.answered(copying.payment):
                    async with leaving.bounded():
                        if is_draft:
                            await self.paymo.set_status(plan.invoice.id, "sent")
                        copy = await copying.add_to(self.paymo, amount)
            except Lost:
                await copying.leave_alone()
                return
            except ServiceError as refusal:
                await self._refused(copying, refusal)
                return
            leaving.added.append((copying, copy))
            is_draft = False

    async def _refused(self, copying: Copying, refusal: ServiceError) -> None:
        """Follow the refusal of one payment; keep one that would stop all others."""
        if isinstance(refusal, Throttled | NotConnected):
            self.refusal = self.refusal or refusal
        elif isinstance(refusal, Rejected):
            try:
                await copying.end_refused(refusal)
            except Lost:
                await copying.leave_alone()
        elif not isinstance(refusal, NotFound):  # its invoice is gone, and is read alone
            await self.run.runner.settle(self.step, Turn(copying.payment), refusal)

    async def _record(self, added: Sequence[tuple[Copying, Copy]]) -> None:
        """Note the copies, and notify each payment in order, with what was left then."""
        run = self.run
        copies = {each.payment: (copy.id, copy.amount) for each, copy in added}
        async with run.database.sessions.begin() as session:
            written = set(await payment.mark_all_recorded(session, copies))
            done = sorted((each for each in added if each[0].payment in written), key=_order)
            rows = await payments.list_amounts(session, {each.export.id for each, _ in done})
            later, news = {each.payment.id for each, _ in done}, []
            for each, copy in done:
                later.discard(each.payment.id)
                its = [row for row in rows[each.export.id] if row.id not in later]
                news.append(each.received(each.payment, its, each.facts_of(copy)))
            if news:
                told, entries = zip(*news, strict=True)
                await notices.enqueue_all(session, run.connection, told, run.now())
                await audit.record_all(session, run.connection, entries)
        # One line for all: a line for each would take longer than the rest.
        log.info("payments_added", copies=[copy.id for _, copy in added], recorded=len(done))
        self.step.outcomes[PaymentState.RECORDED] += len(done)
        for each, _ in added:
            if each.payment not in written:
                await each.leave_alone()


@dataclass(frozen=True, slots=True)
class _Plan:
    """The payments of one invoice, in order, and what to record of each."""

    invoice: Invoice
    lane: Sequence[Copying]
    amounts: Sequence[Decimal]


@dataclass(frozen=True, slots=True)
class _Leaving:
    """Noted payments; their calls begin while the note is new, and end together."""

    bounded: Bound
    good_until: float
    begun: set[Payment] = field(default_factory=set)
    added: list[tuple[Copying, Copy]] = field(default_factory=list)


def _batches(new: Sequence[Sequence[int]]) -> Iterator[Sequence[Sequence[int]]]:
    """Split them so that a list fits the invoices, and a statement the payments."""
    some: list[Sequence[int]] = []
    count = 0
    for ids in new:
        if some and (len(some) == _INVOICES or count + len(ids) > _PAYMENTS):
            yield some
            some, count = [], 0
        some.append(ids)
        count += len(ids)
    if some:
        yield some


def _now() -> float:
    return asyncio.get_running_loop().time()


def _as_many(lanes: Sequence[Sequence[Copying]]) -> int:
    """Return how many of these invoices together have about `_TOGETHER` payments."""
    count = 0
    for at, lane in enumerate(lanes, start=1):
        count += len(lane)
        if count >= _TOGETHER:
            return at
    return len(lanes)


def _with(invoice: Invoice, row: Payment, amount: Decimal) -> Invoice:
    """The invoice after this payment."""
    copy = Copy(id=0, amount=amount, paid_on=row.paid_on, notes=notes_of(row))
    return msgspec.structs.replace(invoice, payments=(*invoice.payments, copy))


def _order(added: tuple[Copying, Copy]) -> int:
    return added[0].payment.id
