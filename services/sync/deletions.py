"""Invoices deleted or voided in Xero, and how Paymo follows.

Xero is asked twice, the second time by id, in the same organisation. A copy of Paymo's invoice is
kept. Payments that didn't come with this export belong to people, so a person is asked first.

Time and expenses belong to an invoice's lines, and the invoice to its project. A restored invoice
has new lines, so whatever is still free is linked again, read back and compared.
"""

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import zip_longest
from typing import NamedTuple

import msgspec

from services.clients.paymo import Invoice, Item, PaymoClient
from services.errors import NotFound, ServiceError
from services.jobs import policy
from services.jobs.policy import Wait
from services.jobs.runner import Step, Turn
from services.lifecycle import invoice as lifecycle
from services.lifecycle.invoice import DELETED, VOIDED
from services.model.invoice import Decision, InvoiceState
from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.model.wording import counted, listed
from services.store import connections, exports, leases, notices, payments
from services.store.engine import Session
from services.store.tables import Export
from services.sync.payments import key_of
from services.sync.run import MOST_AT_ONCE, ExportedInvoice, SweepRun

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
        if new:
            await connections.wait_for_turn(session, connection)
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
        """Show on the sweep what needs somebody."""
        self.sweep.note_wait(wait, f"Invoice {turn.row.number} stays in Paymo: {wait.why}")
        return {}

    async def give_up(self, turn: Turn[Export], refusal: ServiceError) -> None:
        """Let a person decide, once nothing can arrive any more."""
        await _Following(self.sweep, turn.row).give_up()


@dataclass(frozen=True, slots=True)
class _Following(ExportedInvoice):
    """How Paymo follows one invoice that Xero reports deleted or void."""

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
        invoice = await self.in_paymo(with_time=True)
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
        """Return why a person must decide; "" if nobody must."""
        if policy.DELETION.is_over(self.export.tries - 1):
            return {"why": _STUCK}
        others = await self._other_payments(invoice)
        cuts = "" if self._is_kept_as_void(status) else said(invoice)
        if (others or cuts) and self.export.decision not in _OVERRULED:
            return {"hand_typed": notices.amount_text(others or None), "cuts": cuts}
        return {}

    async def _require_quiet(self) -> None:
        """Raise `StillUnderWay` while a payment may still arrive on the invoice."""
        async with self.run.database.sessions() as session:
            rows = await payments.list_of(session, [self.export.id])
        for row in rows:
            leases.require_over(row, self.run.now())

    async def _let_stand(self, status: str) -> None:
        """Forget the deletion, unless Paymo has begun to follow and Xero just can't find it."""
        if not status and self.export.snapshot is not None:
            raise NotFound("Xero doesn't find it any more.")
        async with self.run.database.sessions.begin() as session:
            await lifecycle.let_stand(session, self.export)

    async def _status_again(self) -> str:
        """Return the invoice's status, read by id. Not found doesn't mean deleted."""
        try:
            found = await self.run.xero.invoice(self.export.xero_invoice_id or "")
        except NotFound:
            return ""
        return found.status

    def _is_kept_as_void(self, status: str) -> bool:
        decision = self.export.decision
        if decision is Decision.VOID:
            return True
        wants_delete = self.run.connection.void_means == "delete" or decision is Decision.DELETE
        return status == VOIDED and not wants_delete

    async def _other_payments(self, invoice: Invoice) -> Decimal:
        """Return the payments in Paymo that aren't copies of this invoice's in Xero.

        People typed them, or they came from an invoice in another organisation.
        """
        async with self.run.database.sessions() as session:
            rows = await payments.list_of(session, [self.export.id])
        ours = {row.paymo_payment_id for row in rows}
        keys = {row.xero_payment_id for row in rows}
        others = (
            each.amount
            for each in invoice.payments
            if each.id not in ours and key_of(each) not in keys
        )
        return sum(others, Decimal(0))

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


_Standing = Mapping[int, int | None]  # which line bills each of them now


class _Why(NamedTuple):
    """Why something isn't linked again."""

    of_one: str
    of_many: str


_DELETED = _Why("It was deleted in Paymo.", "They were deleted in Paymo.")
_ELSEWHERE = _Why("Another invoice bills it now.", "Other invoices bill them now.")
_OPEN = _Why(
    "So that it isn't billed again, mark it as billed in Paymo.",
    "So that they aren't billed again, mark them as billed in Paymo.",
)


def said(invoice: Invoice) -> str:
    """Name what hangs on an invoice, as in "its project and 2 time entries", or ""."""
    return listed(parts(invoice))


def parts(invoice: Invoice) -> list[str]:
    """Return the same, part by part."""
    expenses = sum(each.expense_id is not None for each in invoice.items)
    entries = sum(len(each.entries) for each in invoice.items)
    found = ["its project"] if invoice.project_id is not None else []
    if expenses:
        found.append(counted(expenses, "expense"))
    if entries:
        found.append(f"{entries} time {'entry' if entries == 1 else 'entries'}")
    return found


async def free(paymo: PaymoClient, former: Invoice) -> Invoice:
    """The former invoice without what is gone or billed elsewhere now."""
    own = {each.id for each in former.items}
    expenses = await _standing(paymo, "expenses", _expenses(former.items))
    entries = await _standing(paymo, "entries", _entries(former.items))
    items = [
        msgspec.structs.replace(
            each,
            expense_id=each.expense_id if _is_free(each.expense_id, expenses, own) else None,
            entries=tuple(row for row in each.entries if _is_free(row.id, entries, own)),
        )
        for each in former.items
    ]
    return msgspec.structs.replace(former, items=tuple(items))


def bare(former: Invoice) -> Invoice:
    """The former invoice with nothing that hangs on it."""
    items = [msgspec.structs.replace(each, expense_id=None, entries=()) for each in former.items]
    return msgspec.structs.replace(former, items=tuple(items), project_id=None)


async def lost(paymo: PaymoClient, former: Invoice, made: Invoice) -> Sequence[str]:
    """Say what the new invoice lacks, a sentence for each line and thing."""
    missing = list(_missing(former, made))
    expenses = await _standing(
        paymo, "expenses", [found for _, _, found, _ in missing if found is not None]
    )
    entries = await _standing(paymo, "entries", [each for *_, found in missing for each in found])
    sentences = await _lost_project(paymo, former, made)
    for place, item, expense, gone in missing:
        line = f"Line {place}, {item.title}:" if item.title else f"Line {place}:"
        if expense is not None:
            why = _why(expense, expenses)
            sentences.append(f"{line} its expense isn't on it any more. {why.of_one}")
        for why, count in _counted(gone, entries):
            time = "1 time entry isn't" if count == 1 else f"{count} time entries aren't"
            because = why.of_one if count == 1 else why.of_many
            sentences.append(f"{line} {time} on it any more. {because}")
    return sentences


async def _lost_project(paymo: PaymoClient, former: Invoice, made: Invoice) -> list[str]:
    if former.project_id is None and not _linked(former):
        return []
    name = await paymo.project_name(former.project_id) if former.project_id else ""
    project = f"its project {name}".strip()
    if made.project_id != former.project_id:
        return [f"It isn't on {project} any more. Choose the project in Paymo."]
    if _linked(former) != _linked(made):
        why = f"Paymo's list of invoices doesn't show {project}."
        return [f"{why} Choose the project in Paymo, where only a person can."]
    return []


def _linked(invoice: Invoice) -> Collection[object]:
    found = (invoice.options or {}).get("linked_projects") or []
    return [each.get("project_id") for each in found if isinstance(each, dict)]


def _missing(
    former: Invoice, made: Invoice
) -> Iterator[tuple[int, Item, int | None, Sequence[int]]]:
    """Yield the lines that lack something, by their place: the expense, and the time."""
    pairs = zip_longest(former.in_order, made.in_order[: len(former.items)])
    for place, (was, now) in enumerate(pairs, start=1):
        has = {each.id for each in now.entries} if now is not None else set()
        gone = [each.id for each in was.entries if each.id not in has]
        is_same = now is not None and now.expense_id == was.expense_id
        expense = None if is_same else was.expense_id
        if gone or expense is not None:
            yield place, was, expense, gone


async def _standing(paymo: PaymoClient, kind: str, ids: Collection[int]) -> _Standing | None:
    return await paymo.billed(kind, ids) if ids else {}


def _expenses(items: Sequence[Item]) -> list[int]:
    return [each.expense_id for each in items if each.expense_id is not None]


def _entries(items: Sequence[Item]) -> list[int]:
    return [row.id for each in items for row in each.entries]


def _is_free(its_id: int | None, standing: _Standing | None, own: Collection[int]) -> bool:
    """Say whether it can be billed again; if Paymo doesn't say, Paymo decides."""
    if its_id is None or standing is None:
        return its_id is not None
    return its_id in standing and (standing[its_id] is None or standing[its_id] in own)


def _why(its_id: int, standing: _Standing | None) -> _Why:
    if standing is not None and its_id not in standing:
        return _DELETED
    if standing is not None and standing[its_id] is not None:
        return _ELSEWHERE
    return _OPEN


def _counted(gone: Sequence[int], standing: _Standing | None) -> Iterator[tuple[_Why, int]]:
    reasons = [_why(each, standing) for each in gone]
    return ((each, reasons.count(each)) for each in dict.fromkeys(reasons))
