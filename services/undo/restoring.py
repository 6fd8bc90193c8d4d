"""Making an invoice again in Paymo that was deleted there because Xero had deleted it.

It is made from the snapshot that was kept before the deletion. Paymo has no idempotency key: a
number is unique in a company, so what a lost answer has left is found by its number and adopted.
"""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from services.clients.paymo import Invoice, Payment, PaymoClient
from services.errors import (
    AlreadyRequested,
    Lost,
    NotFound,
    Rejected,
    ServiceError,
    Unavailable,
    Unreadable,
)
from services.export.underway import postpone, take_about
from services.jobs.backoff import TASK
from services.lifecycle import task as lifecycle
from services.model.invoice import InvoiceState
from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.model.people import Person, ReplyTarget, Said
from services.model.wording import Command, Typed, listed
from services.store import (
    audit,
    cards,
    connections,
    exports,
    leaving,
    notices,
    numbered,
    schedules,
    tasks,
)
from services.store.audit import AuditNote
from services.store.tables import Connection, Export, Task
from services.sync import ties
from services.sync.kit import Kit

_CLOCKS_DIFFER = timedelta(minutes=10)  # between Paymo and us
_MADE = "paymo_invoice_id"  # in `Task.data`: the invoice that was made


@dataclass(frozen=True, slots=True)
class _Case:
    kit: Kit
    connection: Connection
    export: Export
    task: Task
    former: Invoice

    @property
    def paymo(self) -> PaymoClient:
        """Calls to the company."""
        return self.kit.paymo.client(self.connection.paymo_api_key)

    async def leave(self, **data: Any) -> None:
        """Write down what is sent to Paymo now. Raises `StillUnderWay`, `Rejected` or `Lost`."""
        leaving.require_over(self.task, self.kit.now())
        if TASK.is_over(self.task.tries - 1):
            raise Rejected("Paymo failed every time for over an hour. Try again later.")
        async with self.kit.database.sessions.begin() as session:
            await lifecycle.leave(session, self.task, self.kit.now(), **data)

    async def note(self, **data: Any) -> None:
        """Write down how far it has come."""
        async with self.kit.database.sessions.begin() as session:
            await lifecycle.note(session, self.task, **data)


@dataclass(frozen=True, slots=True)
class RestoreService(Kit):
    """A press leaves a task; `run_restore` is a job."""

    async def restore_number(self, person: Person, number: str, reply_to: ReplyTarget) -> str:
        """Restore the invoice with this number; return a sentence to show at once."""
        async with self.database.sessions() as session:
            connection = await connections.get_for_exporter(session, person)
            number = await numbered.meant(session, connection, number)
            export = await exports.find_deleted(session, connection, number)
        if export is None:
            raise NotFound(
                f"No invoice with the number {number} was deleted in Paymo by the app, so there is "
                "nothing to restore."
            )
        return await self.restore(person, export.id, reply_to)

    async def restore(self, person: Person, export_id: int, reply_to: ReplyTarget) -> str:
        """Have an invoice made again in Paymo; return a sentence to show at once."""
        now = self.now()
        async with self.database.sessions.begin() as session:
            export = await exports.find(session, export_id)
            if export is None:
                raise NotFound("This invoice is not known any more.")
            found = await connections.get_here(session, person, export.connection_id)
            connection = connections.require_ready(found)
            if export.invoice_state is not InvoiceState.DELETED or export.snapshot is None:
                raise AlreadyRequested(
                    f"Invoice {export.number} was not deleted in Paymo by the app, so there is "
                    "nothing to restore."
                )
            if await tasks.is_done(session, Job.RESTORE, export.id):
                raise AlreadyRequested(f"Invoice {export.number} is restored already.")
            asked = lifecycle.Asked(
                Job.RESTORE, str(export.id), now, person.user_id, reply_to, export_id=export.id
            )
            task = await lifecycle.ask(session, connection, asked)
            if task is None:
                raise AlreadyRequested(f"Invoice {export.number} is being restored already.")
            task_id, number = task.id, export.number
        await self.work.nudge(Job.RESTORE, task_id)
        return f"Invoice {number} is being made again in Paymo."

    async def run_restore(self, task_id: int) -> None:
        """Bring one task a step on, however far it had come."""
        async with self.database.sessions.begin() as session:
            taken = await take_about(session, task_id, self.now())
        if taken is None:
            return
        former = Invoice.from_json(taken.export.snapshot or {})
        case = _Case(self, taken.connection, taken.export, taken.task, former)
        with suppress(Lost):
            try:
                await _run(case)
            except Rejected as refusal:
                await _refuse(case, str(refusal))
            except Lost:
                raise
            except ServiceError as refusal:
                async with self.database.sessions.begin() as session:
                    said = await postpone(session, taken, refusal, self.now())
                if said:
                    await _say(case, said, is_well=False)


async def _run(case: _Case) -> None:
    made = await _made(case)
    wanted = "sent" if case.former.status in {"viewed", "paid"} else case.former.status
    if made.status == "draft" and wanted not in {"draft", "void"}:
        await _set_status(case, made, wanted)
    for payment in _missing(case.former, made):
        await case.leave()
        with leaving.answered(case.task):
            await case.paymo.add_payment(
                made.id,
                amount=payment.amount,
                paid_on=payment.paid_on,
                notes=payment.notes or "",
            )
    if wanted == "void" and made.status != "void":
        await _set_status(case, made, wanted)
    await _succeed(case, await case.paymo.invoice_with_time(made.id))


async def _set_status(case: _Case, made: Invoice, status: str) -> None:
    await case.leave()
    with leaving.answered(case.task):
        await case.paymo.set_status(made.id, status)


async def _made(case: _Case) -> Invoice:
    """Return the invoice, made now or by an earlier try whose answer got lost."""
    known = case.task.data.get(_MADE)
    if known is None and case.task.data.get("is_sent"):
        paymo = case.paymo
        found = await paymo.headers(updated_since=case.task.asked_at - _CLOCKS_DIFFER)
        if paymo.left_out:  # one that cannot be read might be what is looked for
            raise Unavailable(f"Part of {paymo.left_out[0]} can't be read. Check it there.")
        known = next(
            (
                each.id
                for each in found
                if each.number == case.former.number
                and each.client_id == case.former.client_id
                and each.total == case.former.total
            ),
            None,
        )
    if known is None:
        former = await ties.free(case.paymo, case.former)
        known = (await _create(case, former)).id
    elif case.task.data.get(_MADE) is None:
        leaving.settle(case.task)
    await case.note(**{_MADE: known})
    return await case.paymo.invoice(known)


async def _create(case: _Case, former: Invoice) -> Invoice:
    """Make it with what hung on it; without, where Paymo says no to that, which made nothing."""
    try:
        return await _send(case, former)
    except Rejected:
        bare = ties.bare(former)
        if bare == former:
            raise
        return await _send(case, bare)


async def _send(case: _Case, former: Invoice) -> Invoice:
    await case.leave(is_sent=True)
    try:
        with leaving.answered(case.task):
            return await case.paymo.create_invoice(former)
    except Unreadable as refusal:  # it was made, and is looked for before it is made once more
        raise Unavailable(str(refusal)) from refusal


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


async def _succeed(case: _Case, made: Invoice) -> None:
    kit, export, now = case.kit, case.export, case.kit.now()
    kept = ties.said(made)
    lost = [*await ties.lost(case.paymo, case.former, made)]
    if made.total != case.former.total:
        lost.append(f"Its total is {made.total:f} now, where it was {case.former.total:f}.")
    async with kit.database.sessions.begin() as session:
        await lifecycle.finish(session, case.task, {_MADE: made.id})
        facts = cards.common_facts(export, case.connection, kit.links)
        facts |= {
            "by": case.task.asked_by,
            "kept": kept,
            "lost": "\n".join(lost),
            "paymo_url": kit.links.paymo(made.id),
        }
        notification = notices.Notification(
            NoticeKind.INVOICE_RESTORED, f"restored:{case.task.id}", facts, export, export.total
        )
        await notices.tell_restored(session, export.id, case.task.asked_by, now)
        await notices.enqueue(session, case.connection, notification, now)
        before, after = {_MADE: export.paymo_invoice_id}, {_MADE: made.id}
        entry = AuditNote("restored", now, case.task.asked_by, export.id, before, after)
        audit.record(session, case.connection, entry)
        # So that the menus know it at once.
        await schedules.want(session, [case.connection.id], [Job.MIRROR], now)
    await kit.work.nudge(Job.NOTICES, case.connection.workspace_id)
    await _say(
        case,
        "\n".join([said_of(export.number, kept), *(f"• {each}" for each in lost)]),
        paymo_url=kit.links.paymo(made.id),
    )


def said_of(number: str, kept: str) -> str:
    """Say what came back with the invoice."""
    parts = ["its lines", "taxes", "payments", *([kept] if kept else [])]
    return f"Invoice {number} is back in Paymo with {listed(parts)}. You can export it again."


async def _refuse(case: _Case, why: str) -> None:
    number = case.export.number
    said = (
        f"Invoice {number} was not restored. {why} To try again: {Typed(Command.RESTORE, number)}"
    )
    async with case.kit.database.sessions.begin() as session:
        await lifecycle.refuse(session, case.task, said)
        entry = AuditNote(
            "restore_refused",
            case.kit.now(),
            case.task.asked_by,
            case.export.id,
            after={"reason": said},
        )
        audit.record(session, case.connection, entry)
    await _say(case, said, is_well=False)


async def _say(case: _Case, text: str, *, is_well: bool = True, paymo_url: str = "") -> None:
    if case.task.reply_to is not None:
        said = Said(text, is_well=is_well, paymo_url=paymo_url)
        await case.kit.screen.say(ReplyTarget(**case.task.reply_to), said)
