"""One sweep of one organisation: read what changed, note it, and make Paymo follow.

If nothing happened it takes one call to Xero. The cursor moves only after everything that was read
is recorded; rows that pages list twice count once.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from services.clients.paymo import PaymoClients
from services.clients.rows import texts_of
from services.clients.xero import XeroClients, XeroInvoice, settlements_of
from services.errors import NotConnected, ServiceError
from services.jobs import policy
from services.jobs.policy import SILENT, Policy, Wait
from services.jobs.runner import Runner, ScheduledStep, Turn
from services.lifecycle import invoice as lifecycle
from services.lifecycle import payment
from services.model import chunks
from services.model.connection import few_calls
from services.model.days import CLOCKS_DIFFER
from services.model.invoice import InvoiceState, Links, PaymentKind, PaymentState, Settlement
from services.model.jobs import Job
from services.model.people import ReplyTarget
from services.store import connections, exports, mirror, payments, schedules, settled
from services.store.engine import Database, Session
from services.store.settled import PAYMENTS, Settled, settle
from services.store.tables import Export, Payment, Schedule
from services.sync import drifting
from services.sync.additions import run_due
from services.sync.deletions import run_unsettled
from services.sync.run import SweepRun, Swept, SyncScreen

_OVERLAP = timedelta(minutes=5)
_REREAD = timedelta(hours=24)
_WHEN_SHORT = timedelta(hours=1)
_NOTED_AT_ONCE = 500  # invoices: a statement holds only so many, and others wait for the write
_SEEN = {
    lifecycle.DELETED: lifecycle.mark_deletion_seen,
    lifecycle.VOIDED: lifecycle.mark_voiding_seen,
}
_JUDGED = (PaymentState.ADDING, PaymentState.RECORDED, PaymentState.ASKED)


@dataclass(frozen=True, slots=True)
class SweepStep(ScheduledStep):
    """Sweeps one organisation; `interval` is the usual time between two sweeps."""

    job = Job.SWEEP

    database: Database
    paymo: PaymoClients
    xero: XeroClients
    screen: SyncScreen
    links: Links
    runner: Runner
    interval: timedelta
    now: Callable[[], datetime]

    def policy_for(self, row: Schedule) -> Policy:
        """Try again with the next sweep, if that comes sooner."""
        pauses = [min(usual, self.interval.seconds) for usual in policy.SWEEP.pauses]
        return replace(policy.SWEEP, pauses=pauses)

    async def run(self, turn: Turn[Schedule]) -> None:
        """Read what changed, and have Paymo follow."""
        connection = await connections.load(self.database, turn.row.connection_id)
        run = SweepRun(
            database=self.database,
            paymos=self.paymo,
            xeros=self.xero,
            links=self.links,
            runner=self.runner,
            now=self.now,
            connection=connection,
            turn=turn,
        )
        sweep = _Sweep(run, self.screen, self.interval)
        try:
            await sweep.go()
        except ServiceError as refusal:
            sweep.trouble, sweep.refusal = str(refusal), refusal
            await sweep.write_down()
            raise
        await sweep.write_down()

    async def put_off(
        self, session: Session, turn: Turn[Schedule], wait: Wait
    ) -> Mapping[str, object]:
        """Say why, and shorten no limit's pause."""
        return schedules.columns(wait.until, problem=wait.why, is_held=wait.is_limit)


@dataclass(slots=True)
class _Sweep:
    """How one sweep goes, for the row and for who asked."""

    run: SweepRun
    screen: SyncScreen
    pause: timedelta
    cursor: datetime | None = None
    reread_at: datetime | None = None
    outcomes: Counter[PaymentState] = field(default_factory=Counter)
    deletions: int = 0
    trouble: str = ""
    refusal: ServiceError | None = None  # what cut it short
    is_limited: bool = False  # then nobody shortens the pause
    read: set[str] = field(default_factory=set)
    left_out: dict[str, str] = field(default_factory=dict)
    former: int = 0  # invoices that a lost database knew

    async def go(self) -> None:
        """Read everything that changed, then do what it asks for."""
        run = self.run
        if run.connection.swept_at is None:
            self.former = await self._count_former()
        await self._read()
        self.outcomes = await run_due(run)
        self.deletions = await run_unsettled(run)
        await drifting.check_next(run)
        self.trouble = " ".join(run.problems)
        allowance = run.xero.allowance
        if allowance.is_short:
            self.pause = max(self.pause, _WHEN_SHORT)
            self.is_limited = True
            self.trouble = few_calls(allowance.day_left or 0)

    async def _count_former(self) -> int:
        """Return how many invoices of ours are in Xero that no database knows."""
        run = self.run
        own = await run.xero.own_invoices()
        ids = {
            each.invoice_id for each in own if Links.paymo_id(each.url) and each.status not in _SEEN
        }
        async with run.database.sessions() as session:
            known = await exports.list_known_ids(session, run.connection.tenant_id)
        return len(ids - known)

    async def _read(self) -> None:
        """Note everything that Xero says has changed, then move the cursor."""
        run, connection, now = self.run, self.run.connection, self.run.now()
        # The cursor is a time of Xero's own; before the first one there is only our clock.
        newest = connection.cursor
        since = newest - _OVERLAP if newest else connection.created_at - CLOCKS_DIFFER
        xero = run.xero
        async for page in xero.invoices_since(since):
            await self._note(page)
            # A time that lies ahead must not make us pass over what comes before it.
            seen = [min(each.updated_at, now) for each in page]
            newest = max([*seen, *([newest] if newest is not None else [])], default=None)
            self.read |= {each.invoice_id for each in page}
        read_before = connection.reread_at
        is_nightly = read_before is not None and now - read_before >= _REREAD
        async with run.database.sessions() as session:
            not_of = "" if is_nightly else run.xeros.app
            ids = await exports.list_followed_ids(session, connection, not_of=not_of)
        if ids:
            listed = await xero.invoices_by_id(ids)
            for some in chunks(listed, _NOTED_AT_ONCE):
                await self._note(some)
            self.read |= {each.invoice_id for each in listed}
        self.left_out = texts_of(xero.left_out)
        self.cursor = newest
        self.reread_at = now if is_nightly or read_before is None else read_before

    async def _note(self, invoices: Sequence[XeroInvoice]) -> None:
        if not invoices:
            return
        run = self.run
        async with run.database.sessions.begin() as session:
            await run.hold(session)
            known = await observe(session, run, invoices)
        await drifting.note_in_xero(run, known)

    async def write_down(self) -> None:
        """Write down how far it came; where it was cut short, the runner says when it goes on."""
        run, now = self.run, self.run.now()
        reply_to = run.turn.row.reply_to
        async with run.database.sessions.begin() as session:
            await run.hold(session)
            row = await connections.get(session, run.connection.id)
            if reply_to is not None:
                # Whoever asks meanwhile is answered by the next sweep.
                await schedules.answer(session, run.turn.row)
            if self.reread_at is not None:
                row.cursor, row.reread_at, row.swept_at = self.cursor, self.reread_at, now
            if not isinstance(self.refusal, NotConnected):
                allowance = run.xero.allowance
                row.day_calls_left = allowance.day_left
                row.day_calls_kept = allowance.kept_for_exports
            mirror.merge_left_out(row, "invoices in Xero", self.left_out, self.read)
            await run.tell_caught_up(session, self._counts)
            await self._tell_silence(session)
            if self.former:
                await run.tell_former(session, self.former)
            # One that was cut short may not have come to what waits, and would begin again at once.
            if self.refusal is None:
                await self._finish(session)
        run.turn.nudge(Job.NOTICES, run.connection.workspace_id)
        if reply_to is not None:
            run.turn.then(partial(self._show, ReplyTarget(**reply_to)))

    async def _finish(self, session: Session) -> None:
        run, now = self.run, self.run.now()
        waiting = await payments.list_next_due(session, run.connection.id)
        due_at = max(min([now + self.pause, *waiting]), now)
        await schedules.conclude(
            session, run.turn.row, due_at, problem=self.trouble, is_held=self.is_limited
        )

    async def _tell_silence(self, session: Session) -> None:
        """Notify once that Xero couldn't be read for long; broken connections have their own."""
        run = self.run
        since = run.connection.swept_at or run.connection.created_at
        is_silent = self.reread_at is None and not isinstance(self.refusal, NotConnected)
        if is_silent and run.now() - since >= SILENT:
            await run.tell_failing(session, since, self.trouble)

    @property
    def _counts(self) -> dict[str, int]:
        return {
            "payments": self.outcomes[PaymentState.RECORDED],
            "removals": self.outcomes[PaymentState.REMOVED],
            "deletions": self.deletions,
        }

    async def _show(self, reply_to: ReplyTarget) -> None:
        run = self.run
        async with run.database.sessions() as session:
            held = await exports.list_held(session, run.connection.id)
            said = mirror.left_out_of(await connections.get(session, run.connection.id))
        swept = Swept(
            organisation=run.connection.organisation_name or "Xero",
            **self._counts,
            held=len(held),
            problem=" ".join(each for each in (self.trouble, said) if each),
        )
        await self.screen.show_swept(reply_to, swept)


# ---- what Xero states is compared with what is recorded: rows are written, and nothing is called


async def observe(
    session: Session, run: SweepRun, invoices: Iterable[XeroInvoice]
) -> Sequence[tuple[Export, XeroInvoice]]:
    """Note what changed on these invoices, and return those that were ever exported."""
    stated, now = {each.invoice_id: each for each in invoices}, run.now()
    known = await exports.list_by_xero_ids(session, run.connection, list(stated))
    held = await payments.hold(session, [each.id for each in known.values()])
    rows = payments.by_export(held)
    outdated: list[int] = []
    new: list[dict[str, Any]] = []
    for xero_id, export in known.items():
        invoice, its = stated[xero_id], rows.get(export.id, [])
        if _note_head(export, invoice):
            outdated.append(export.id)
        if export.invoice_state is InvoiceState.LIVE and invoice.status in _SEEN:
            await _SEEN[invoice.status](session, export)
        found = {each.key: each for each in settlements_of(invoice, run.today)}
        for row in its if export.invoice_state in exports.FOLLOWED else ():
            await _compare(session, run, row, found.get(row.xero_payment_id))
        # Of one that is gone from Paymo, that its client paid is told all the same.
        if export.invoice_state in {*exports.FOLLOWED, InvoiceState.GONE}:
            new += _new(export, found, its, now)
    if outdated:
        await settled.outdate_cards(session, outdated, now)
    await payments.add_all(session, new)
    return [(export, stated[xero_id]) for xero_id, export in known.items()]


def _note_head(export: Export, invoice: XeroInvoice) -> bool:
    """Update what the invoice's cards show, and say whether it changed."""
    export.xero_due = invoice.amount_due
    export.xero_rounding = invoice.rounding_amount or None
    if (export.xero_seen_status, export.due_on) == (invoice.status, invoice.due_on):
        return False
    export.xero_seen_status, export.due_on = invoice.status, invoice.due_on
    return True


async def _compare(
    session: Session, run: SweepRun, row: Payment, listed: Settlement | None
) -> None:
    now = run.now()
    if listed is None:
        if row.state in payment.STANDING:
            await payment.check(session, row, now)
        elif row.state is PaymentState.TOMBSTONE and row.due_at is None:
            await payment.look_for(session, row, now)
        return
    if row.state is PaymentState.REMOVED:
        await payment.check_again(session, row, listed, now)
        return
    is_only_told = row.state is PaymentState.PARKED and row.is_only_told
    if not (row.state in _JUDGED or is_only_told) or row.amount == listed.amount:
        return
    # Only a credit can be applied to another amount under its old id.
    is_asked = row.state is PaymentState.ASKED
    is_recorded = row.state is PaymentState.RECORDED or row.sent_at is not None
    change = payment.replace if is_recorded else payment.restart
    if await change(session, row, listed, now) and is_asked:
        over = Settled(PAYMENTS, "", "found another amount in Xero", row.export_id, row.id)
        await settle(session, run.connection, over, now)


def _new(
    export: Export,
    found: Mapping[str, Settlement],
    rows: Sequence[Payment],
    now: datetime,
) -> Iterator[dict[str, Any]]:
    """Yield a row for each unknown payment."""
    known = {row.xero_payment_id for row in rows}
    gone = [row for row in rows if row.xero_payment_id not in found and _is_wanted_gone(row)]
    for key, settlement in found.items():
        if key not in known:
            replaced = _replaced_by(settlement, gone)
            if replaced is not None:
                gone.remove(replaced)
            yield payment.begin(export, settlement, replaced, now)


def _is_wanted_gone(row: Payment) -> bool:
    return row.kind is PaymentKind.PAYMENT and row.state is PaymentState.CHECKING


def _replaced_by(settlement: Settlement, gone: Sequence[Payment]) -> Payment | None:
    """Return the payment that this one replaces: Xero edits by deleting and adding."""
    if settlement.kind is not PaymentKind.PAYMENT or len(gone) != 1:
        return None
    return gone[0]
