"""Restoring an invoice in Paymo that was deleted there because Xero had deleted it.

It is made from the copy kept before the deletion. Paymo has no idempotency key, but a number is
unique in a company: an invoice that a lost answer left is found by its number and adopted.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services import money
from services.clients.paymo import Invoice, Payment, PaymoClient, PaymoClients
from services.errors import (
    AlreadyRequested,
    NotFound,
    Rejected,
    Unavailable,
    Unreadable,
)
from services.export.one_off import Assignment, ExportTaskStep
from services.export.refusals import Refused
from services.jobs.runner import Work
from services.lifecycle import task as lifecycle
from services.model.days import CLOCKS_DIFFER
from services.model.invoice import InvoiceState
from services.model.jobs import Job, TaskState
from services.model.notice import NoticeKind
from services.model.people import Person, ReplyTarget, Said
from services.model.wording import Command, Typed, counted, listed
from services.store import (
    audit,
    connections,
    exports,
    leases,
    mirror,
    notices,
    numbered,
    schedules,
)
from services.store.audit import AuditNote
from services.store.engine import Database
from services.store.tables import Task
from services.sync import deletions

_MADE = "paymo_invoice_id"  # in `Task.data`: the invoice that was made


@dataclass(frozen=True, slots=True)
class RestoreService:
    """A press leaves a task for `RestoreStep`."""

    database: Database
    work: Work
    now: Callable[[], datetime]

    async def restore_number(self, person: Person, number: str, reply_to: ReplyTarget) -> str:
        """Restore the invoice with this number; return a sentence to show at once."""
        async with self.database.sessions() as session:
            connection = await connections.get_for_exporter(session, person)
            number = await numbered.meant(session, connection, number)
            export = await exports.find_deleted(session, connection, number)
        if export is None:
            raise NotFound(
                f"paymo-xero hasn't deleted an invoice {number} in Paymo, so there's nothing to "
                "restore."
            )
        return await self.restore(person, export.id, reply_to)

    async def restore(self, person: Person, export_id: int, reply_to: ReplyTarget) -> str:
        """Have an invoice made again in Paymo; return a sentence to show at once."""
        now = self.now()
        async with self.database.sessions.begin() as session:
            export, connection = await exports.get_here(
                session, person, export_id, called="invoice"
            )
            if export.invoice_state is not InvoiceState.DELETED or export.snapshot is None:
                raise AlreadyRequested(
                    f"paymo-xero hasn't deleted invoice {export.number} in Paymo, so there's "
                    "nothing to restore."
                )
            if await schedules.is_task_done(session, Job.RESTORE, export.id):
                by = await audit.last_deed(session, export.id, "restored")
                raise AlreadyRequested(f"Invoice {export.number} is already restored. {by}".strip())
            asked = lifecycle.TaskRequest(
                Job.RESTORE, str(export.id), now, person.user_id, reply_to, export_id=export.id
            )
            task = await lifecycle.ask(session, connection, asked)
            if task is None:
                by = await schedules.said_of_open(session, Job.RESTORE, export.id)
                raise AlreadyRequested(f"Invoice {export.number} is already being restored. {by}")
            task_id, number = task.id, export.number
        await self.work.nudge(Job.RESTORE, task_id)
        return f"Invoice {number} is being restored in Paymo."


@dataclass(frozen=True, slots=True)
class RestoreStep(ExportTaskStep):
    """Makes the invoice again from the snapshot that was kept before the deletion."""

    paymo: PaymoClients

    job = Job.RESTORE
    system = "Paymo"

    async def go_on(self, about: Assignment) -> None:
        """Bring one task a step on, however far it had come."""
        try:
            await self._run(about)
        except (Rejected, Refused) as refusal:
            number = about.export.number
            again = Typed(Command.RESTORE, number)
            why = f"Invoice {number} wasn't restored. {refusal} To try again: {again}"
            await self.refuse(about, why)

    async def said(self, task: Task, text: str, *, is_well: bool) -> Said:
        """Return it with a link to the invoice that was made."""
        is_made = task.state is TaskState.DONE
        paymo_url = self.links.paymo(task.data[_MADE]) if is_made else ""
        return Said(text, is_well=is_well, paymo_url=paymo_url)

    def _paymo(self, about: Assignment) -> PaymoClient:
        return self.paymo.client(about.connection.paymo_api_key)

    async def note(self, about: Assignment, **data: Any) -> None:
        """Write down how far it has come."""
        async with self.database.sessions.begin() as session:
            await lifecycle.note(session, about.task, **data)

    async def _run(self, about: Assignment) -> None:
        made, former = await self._made(about), _former(about)
        wanted = "sent" if former.status in {"viewed", "paid"} else former.status
        if made.status == "draft" and wanted not in {"draft", "void"}:
            await self._set_status(about, made, wanted)
        for payment in _missing(former, made):
            await self.leave(about)
            with leases.answered(about.task):
                await self._paymo(about).add_payment(
                    made.id,
                    amount=payment.amount,
                    paid_on=payment.paid_on,
                    notes=payment.notes or "",
                )
        if wanted == "void" and made.status != "void":
            await self._set_status(about, made, wanted)
        await self._succeed(about, await self._paymo(about).invoice_with_time(made.id))

    async def _set_status(self, about: Assignment, made: Invoice, status: str) -> None:
        await self.leave(about)
        with leases.answered(about.task):
            await self._paymo(about).set_status(made.id, status)

    async def _made(self, about: Assignment) -> Invoice:
        """Return the invoice, made now or by an earlier try whose answer got lost."""
        former = _former(about)
        known = about.task.data.get(_MADE)
        if known is None and about.task.data.get("is_sent"):
            paymo = self._paymo(about)
            found = await paymo.headers(updated_since=await self._before(about))
            if paymo.left_out:  # one that cannot be read might be what is looked for
                raise Unavailable(f"Part of {paymo.left_out[0]} can't be read. Check it there.")
            known = next(
                (
                    each.id
                    for each in found
                    if each.number == former.number
                    and each.client_id == former.client_id
                    and each.total == former.total
                ),
                None,
            )
        if known is None:
            wanted = await deletions.free(self._paymo(about), former)
            known = (await self._create(about, wanted)).id
        elif about.task.data.get(_MADE) is None:
            leases.settle(about.task)
        await self.note(about, **{_MADE: known})
        return await self._paymo(about).invoice(known)

    async def _before(self, about: Assignment) -> datetime | None:
        """Return a time before it was asked for, by Paymo's clock too: ours may be far ahead."""
        async with self.database.sessions() as session:
            newest = await mirror.newest_header(session, about.connection.id)
        return min(about.task.asked_at, newest) - CLOCKS_DIFFER if newest is not None else None

    async def _create(self, about: Assignment, former: Invoice) -> Invoice:
        """Make it with what hung on it; without, where Paymo refuses that, which made nothing."""
        try:
            return await self._send(about, former)
        except Rejected:
            bare = deletions.bare(former)
            if bare == former:
                raise
            return await self._send(about, bare)

    async def _send(self, about: Assignment, former: Invoice) -> Invoice:
        await self.leave(about, is_sent=True)
        try:
            with leases.answered(about.task):
                return await self._paymo(about).create_invoice(former)
        except Unreadable as refusal:  # it was made, and is looked for before it is made once more
            raise Unavailable(str(refusal)) from refusal

    async def _succeed(self, about: Assignment, made: Invoice) -> None:
        export, now = about.export, self.now()
        kept, former = _kept(made), _former(about)
        lost = [*await deletions.lost(self._paymo(about), former, made)]
        if made.total != former.total:
            total, was = (
                money.format_amount(each.total, export.currency, about.connection.country)
                for each in (made, former)
            )
            lost.append(f"Its total is {total} now. It was {was}.")
        async with self.database.sessions.begin() as session:
            await lifecycle.finish(session, about.task, {_MADE: made.id})
            facts = notices.common_facts(export, about.connection, self.links)
            facts |= {
                "by": about.task.asked_by,
                "kept": kept,
                "lost": "\n".join(lost),
                "paymo_url": self.links.paymo(made.id),
            }
            notification = notices.Notification(
                NoticeKind.INVOICE_RESTORED,
                f"restored:{about.task.id}",
                facts,
                export,
                export.total,
            )
            await notices.enqueue(session, about.connection, notification, now)
            before, after = {_MADE: export.paymo_invoice_id}, {_MADE: made.id}
            entry = AuditNote("restored", now, about.task.asked_by, export.id, before, after)
            audit.record(session, about.connection, entry)
            # So that the menus know it at once.
            await schedules.want(session, [about.connection.id], [Job.MIRROR], now)
        about.turn.nudge(Job.NOTICES, about.connection.workspace_id)
        said = "\n".join([said_of(export.number, kept), *(f"• {each}" for each in lost)])
        self.tell(about.turn, said)


def _former(about: Assignment) -> Invoice:
    """Return the invoice as it was before it was deleted."""
    return Invoice.from_json(about.export.snapshot or {})


def _missing(former: Invoice, made: Invoice) -> list[Payment]:
    """Return the payments that do not stand there yet; an earlier try may have added some."""
    there = Counter((each.amount, each.paid_on, each.notes or "") for each in made.payments)
    missing = []
    for each in former.payments:
        name = (each.amount, each.paid_on, each.notes or "")
        if there[name]:
            there[name] -= 1
        else:
            missing.append(each)
    return missing


def _kept(made: Invoice) -> str:
    """Name what came back, as in "its lines, 2 payments and its project"."""
    parts = ("its lines", "taxes" if made.tax_amount or made.tax2_amount else "")
    paid = counted(len(made.payments), "payment") if made.payments else ""
    return listed([each for each in (*parts, paid, *deletions.parts(made)) if each])


def said_of(number: str, kept: str) -> str:
    """Say what came back with the invoice."""
    return f"Invoice {number} is back in Paymo with {kept}. You can export it again."
