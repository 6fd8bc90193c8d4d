"""What people change by hand on exported invoices: edits on either side, deletions in Paymo.

Each is notified once, and nothing moves. Xero's list of changes shows its edits. Paymo takes one
call a sweep: a list of a hundred invoices, hinted ones first (by a webhook, or by the copied list),
then those checked longest ago. A list may leave things out, so whatever it shows changed is read
singly, at most fifty in one sweep.
"""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from services import compare
from services.clients.paymo import Invoice
from services.clients.xero import XeroInvoice
from services.compare import Comparison, Difference, Snapshot, Standing
from services.errors import Lost, NotFound, Rejected, ServiceError, Unavailable
from services.lifecycle import invoice as lifecycle
from services.lifecycle import payment
from services.model.invoice import InvoiceState, PaymentState
from services.model.notice import NoticeKind
from services.store import exports, matches, mirror, payments, schedules
from services.store.engine import Session
from services.store.tables import Export, Payment
from services.sync.run import ExportedInvoice, SweepRun

_AT_ONCE = 100  # in one list
_MOST_READ = 50  # singly, in one sweep
_READ_WITHOUT_LIST = 10
_IN_XERO = (
    "Changes in Xero don't go to Paymo. Change it back in Xero, or make the same change in Paymo."
)


async def note_in_xero(run: SweepRun, known: Iterable[tuple[Export, XeroInvoice]]) -> None:
    """Notify what somebody changed in Xero, once for each state of it."""
    for export, stated in known:
        if export.invoice_state is InvoiceState.LIVE and export.state in exports.DONE:
            await _Watched(run, export).note_in_xero(stated)


async def check_next(run: SweepRun) -> None:
    """Check the invoices in Paymo whose turn it is: by one list, and singly where that differs."""
    turn = await _Turn.begin(run)
    for export in await turn.differing() if turn.found else ():
        with contextlib.suppress(Lost):
            await _Watched(run, export).check_in_paymo()


@dataclass(frozen=True, slots=True)
class _Turn:
    """The invoices whose turn it is; `hinted` are the ids of those that may have changed."""

    run: SweepRun
    found: Sequence[Export]
    hinted: Sequence[int]
    rows: Mapping[int, Sequence[Payment]]

    @classmethod
    async def begin(cls, run: SweepRun) -> Self:
        """Choose them, and note it before Paymo is asked: a hint that comes meanwhile counts.

        Payments are read before, too: what is recorded by then must stand in Paymo's answer.
        """
        async with run.database.sessions() as session:
            new = await exports.list_unchecked(session, run.connection, _AT_ONCE)
            left = _AT_ONCE - len(new)
            old = await exports.list_longest_checked(session, run.connection, left)
            found = [*new, *old]
            rows = payments.by_export(await payments.list_of(session, _ids(found)))
        if new:
            async with run.database.sessions.begin() as session:
                await exports.mark_checked(session, _ids(new), run.now(), is_hinted=True)
        return cls(run, found, _ids(new), rows)

    async def differing(self) -> Sequence[Export]:
        """Return those that must be read singly. What the list shows as it was is checked."""
        read, shown = self.found, None
        again: Sequence[int] = self.hinted
        try:
            shown = await self._shown()
            if shown is not None:
                read = [each for each in self.found if not self._is_same(each, shown)]
                again = _ids(read)
        finally:
            await self._write_down(again, is_read=shown is not None)
        least = _READ_WITHOUT_LIST if shown is None else 0
        return read[: max(least, min(len(again), _MOST_READ))]

    async def _shown(self) -> Mapping[int, Invoice] | None:
        try:
            listed = await self.run.paymo.glance([each.paymo_invoice_id for each in self.found])
        except (Rejected, Unavailable):
            return None
        return {each.id: each for each in listed}

    def _is_same(self, export: Export, shown: Mapping[int, Invoice]) -> bool:
        invoice = shown.get(export.paymo_invoice_id)
        rows = self.rows.get(export.id, ())
        return invoice is not None and _Watched(self.run, export).is_as_known(rows, invoice)

    async def _write_down(self, again: Sequence[int], *, is_read: bool) -> None:
        """Have some checked again, and note the others; also where this is cut off."""
        done = set(_ids(self.found)) - set(again) if is_read else set()
        async with self.run.database.sessions.begin() as session:
            if done:
                await exports.mark_checked(session, done, self.run.now(), is_hinted=False)
            if again:
                await exports.uncheck(session, again)


def _ids(some: Sequence[Export]) -> list[int]:
    return [each.id for each in some]


@dataclass(frozen=True, slots=True)
class _Side:
    """What is told of one side; `is_shared` says that both have the same change."""

    name: str
    found: tuple[Difference, ...]
    is_shared: bool


@dataclass(frozen=True, slots=True)
class _Watched(ExportedInvoice):
    """One invoice that is compared with what it was."""

    # ---- in Paymo

    async def check_in_paymo(self) -> None:
        """Ask Paymo about it. Raises `Lost` where it became something else meanwhile."""
        run = self.run
        # Noted before Paymo is asked: a hint that comes while it answers has it asked again.
        # Payments are read before, too: what is recorded by then must stand in Paymo's answer.
        async with run.database.sessions.begin() as session:
            await lifecycle.mark_checked(session, self.export, run.now())
            rows = await payments.list_of(session, [self.export.id])
        try:
            invoice = await self.in_paymo()
            deleted = await self._deleted(rows, invoice) if invoice is not None else ()
        except Rejected as refusal:
            # What is the matter with one invoice must not keep all others waiting.
            run.problems.append(f"Invoice {self.export.number} can't be compared: {refusal}")
        except ServiceError:
            async with run.database.sessions.begin() as session:
                await exports.uncheck(session, [self.export.id])
            raise
        else:
            if invoice is None:
                # The key may open another company by now than the one it was exported from.
                if (await run.paymo.company()).id == run.connection.paymo_company_id:
                    await self._note_gone()
                return
            await self._note_removed(deleted)
            seen = await self._with_paymo(compare.compared_of(self.export), invoice)
            async with run.database.sessions.begin() as session:
                await self._settle(session, seen)

    def is_as_known(self, rows: Sequence[Payment], invoice: Invoice) -> bool:
        """Say whether the invoice in Paymo is unchanged, with every copy of a payment."""
        export = self.export
        if export.client_id not in (None, invoice.client_id) or _removed(rows, invoice):
            return False
        known = compare.compared_of(export)
        seen = compare.checked(export, known, invoice=invoice, contact_id=export.contact_id)
        return seen == known and not self._untold(seen)

    async def _note_gone(self) -> None:
        """Notify once that the invoice was deleted in Paymo and stays in Xero."""
        async with self.run.database.sessions.begin() as session:
            await lifecycle.mark_gone(session, self.export)
            await self.tell_ended(session, NoticeKind.INVOICE_DELETED, in_paymo="gone_in_paymo")

    async def _deleted(self, rows: Sequence[Payment], invoice: Invoice) -> Sequence[Payment]:
        """Return those whose copies are gone: an answer may leave payments out that are there."""
        paymo = self.run.paymo
        missing = [(each, each.paymo_payment_id) for each in _removed(rows, invoice)]
        return [row for row, copy in missing if not (copy and await paymo.has_payment(copy))]

    async def _note_removed(self, rows: Sequence[Payment]) -> None:
        """Leave a tombstone for every copy that a person deleted, so that it does not come back."""
        for row in rows:
            with contextlib.suppress(Lost):
                async with self.run.database.sessions.begin() as session:
                    await payment.mark_deleted_by_person(session, row)
                    await self.tell_removed(session, row, by_person=True)

    async def _with_paymo(self, known: Comparison, invoice: Invoice) -> Comparison:
        export = self.export
        contact_id = export.contact_id
        if export.client_id not in (None, invoice.client_id):
            async with self.run.database.sessions() as session:
                contact_id = await matches.contact_of(
                    session, self.run.connection, invoice.client_id
                )
        return compare.checked(export, known, invoice=invoice, contact_id=contact_id)

    # ---- in Xero

    async def note_in_xero(self, invoice: XeroInvoice) -> None:
        """Tell what somebody changed in Xero, unless Paymo shows the same change."""
        export, shown = self.export, compare.in_xero(invoice)
        known = compare.compared_of(export)
        seen = compare.checked(export, known, stated=shown)
        if seen == known:
            return
        if seen.changed is not None and await self._was_merged(shown):
            shown = replace(shown, contact_id=export.contact_id)
            seen = compare.checked(export, known, stated=shown)
        if compare.standing(export, seen).in_xero:
            seen = await self._with_both(seen)
        async with self.run.database.sessions.begin() as session:
            if not await schedules.is_our_change(session, export.id, invoice.updated_at):
                await self._settle(session, seen)

    async def _with_both(self, seen: Comparison) -> Comparison:
        """Read Paymo's invoice, too: the same change there makes it no difference."""
        try:
            invoice = await self.run.paymo.invoice(self.export.paymo_invoice_id)
        except ServiceError:
            return seen  # what is the matter in Paymo is told where it is checked there
        return await self._with_paymo(seen, invoice)

    async def _was_merged(self, shown: Snapshot) -> bool:
        """Say whether the contact was archived, as by a merge: then Xero moved the invoice."""
        export = self.export
        if shown.contact_id in {"", export.contact_id}:
            return False
        async with self.run.database.sessions() as session:
            contact = await mirror.find_contact(session, export.connection_id, export.contact_id)
        if contact is not None and not contact.is_active:
            return True
        try:
            stated = await self.run.xero.contact(export.contact_id)
        except NotFound:
            return True
        except Rejected:
            return False  # while it cannot be read, only that the contact is another one is sure
        return stated.contact_status != "ACTIVE"

    # ---- both

    async def _settle(self, session: Session, seen: Comparison) -> None:
        """Write down what was seen, and tell of each side what hasn't been notified yet."""
        export, untold = self.export, self._untold(seen)
        if not untold and seen == compare.compared_of(export):
            return
        marks = export.drift
        for each in untold:
            marks = compare.with_told(marks, each.name, compare.fingerprint(each.found))
        if not await exports.note_compared(session, export, marks, seen.as_json()):
            return
        if all(each.is_shared for each in untold):
            untold = untold[:1]  # that both say the same is one thing to tell
        for each in untold:
            await self._tell_side(session, each)

    def _untold(self, seen: Comparison) -> "list[_Side]":
        return [
            each
            for each in _sides(compare.standing(self.export, seen))
            if compare.fingerprint(each.found) != compare.told(self.export, each.name)
        ]

    async def _tell_side(self, session: Session, side: _Side) -> None:
        facts = {
            "side": side.name,
            **compare.facts_of(side.found),
            "is_shared": side.is_shared,
            "advice": self._advice(side),
            "by": "",
        }
        mark = f"{compare.fingerprint(side.found)}:{int(self.run.now().timestamp())}"
        source = f"drifted:{self.export.id}:{side.name}:{mark}"
        await self.tell(session, NoticeKind.INVOICE_DRIFTED, source, facts, self.export.total)
        before, after = compare.values_of(side.found)
        what = "drifted" if side.found else "drift_ended"
        self.note(session, what, before=before, after=after | {"side": side.name})

    def _advice(self, side: _Side) -> str:
        if all(each.part is compare.Part.ROUNDING for each in side.found):
            return ""  # nothing differs, or nothing that anybody has to do something about
        if side.name == compare.XERO:
            return _IN_XERO
        return compare.why_not_updated(self.export, self.run.connection, side.found)


def _removed(rows: Sequence[Payment], invoice: Invoice) -> Sequence[Payment]:
    """Return the recorded copies that Paymo no longer has."""
    standing = {each.id for each in invoice.payments}
    return [
        each
        for each in rows
        if each.state is PaymentState.RECORDED and each.paymo_payment_id not in standing
    ]


def _sides(now: Standing) -> tuple[_Side, _Side]:
    return (
        _Side(compare.PAYMO, now.in_paymo, is_shared=now.is_edited and not now.in_paymo),
        _Side(compare.XERO, now.in_xero, is_shared=now.is_changed and not now.in_xero),
    )
