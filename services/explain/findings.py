"""Findings about one invoice, each with its source; from rows, without calls."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services import compare
from services.model.connection import ConnectionState, few_calls
from services.model.export import Colour, ExportState
from services.model.invoice import (
    ENDED_IN_XERO,
    STATUS_NAMES,
    InvoiceState,
    PaymentKind,
    PaymentState,
)
from services.model.jobs import Job, TaskState
from services.model.wording import Amount, Command, Day, Member, Typed, listed
from services.store import exports
from services.store.tables import Connection, Export, InvoiceHeader, Payment, Schedule, Task

_WAITING = {
    ExportState.AWAITING: "Waiting for approval.",
    ExportState.QUEUED: "Waiting to be sent.",
    ExportState.SENDING: "Being sent to Xero.",
    ExportState.UNKNOWN: "Xero didn't answer. We'll check there before we send it again.",
}
LIVES = {
    InvoiceState.LIVE: "",
    InvoiceState.DELETE_SEEN: "Deleted in Xero. Paymo follows with the next sync.",
    InvoiceState.VOID_SEEN: "Voided in Xero. Paymo follows with the next sync.",
    InvoiceState.HELD: "Deleted or voided in Xero with many others. Somebody needs to decide.",
    InvoiceState.ASKED: "Deleted or voided in Xero. Somebody needs to decide about Paymo.",
    InvoiceState.DELETED: "Deleted in Xero, then in Paymo.",
    InvoiceState.VOIDED: "Voided in Xero, then in Paymo.",
    InvoiceState.KEPT: "Deleted or voided in Xero, and kept in Paymo on purpose.",
    InvoiceState.GONE: "Deleted in Paymo. It's still in Xero.",
    InvoiceState.UNDOING: "The export is being undone.",
    InvoiceState.UNDONE: "The export was undone. The invoice stays in Paymo.",
}
_NOTEWORTHY = (*ENDED_IN_XERO, InvoiceState.GONE, InvoiceState.UNDOING)
PAYMENTS = {
    PaymentState.ADDING: "is on its way to Paymo",
    PaymentState.RECORDED: "is in Paymo",
    PaymentState.CHECKING: "is missing from the invoice in Xero, so we're asking Xero about it",
    PaymentState.REMOVING: "was deleted in Xero, and is being deleted in Paymo",
    PaymentState.REMOVED: "was deleted in Xero and in Paymo",
    PaymentState.TOMBSTONE: "was deleted in Paymo. It stays in Xero",
    PaymentState.ASKED: "needs a decision",
    PaymentState.PARKED: "is left as it is in Paymo",
}
_SETTLED = (PaymentState.RECORDED, PaymentState.REMOVED)
_KINDS = {
    PaymentKind.PAYMENT: "A payment",
    PaymentKind.CREDIT_NOTE: "A credit note",
    PaymentKind.OVERPAYMENT: "An overpayment",
    PaymentKind.PREPAYMENT: "A prepayment",
}
_TASKS = {Job.UNDO: "Undo", Job.RESTORE: "Restore", Job.UPDATE: "Update in Xero"}
_REFUSED = "The export didn't work. Export it again to see why."
_MOST_PAYMENTS = 20
_MOST_EDITS = 6


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked: what was found, and the people and times it rests on."""

    name: str
    text: str
    colour: Colour = Colour.GREEN
    times: tuple[tuple[str, datetime], ...] = ()
    people: tuple[tuple[str, str], ...] = ()  # a word, and an id of Slack's


def in_paymo(header: InvoiceHeader | None, connection: Connection) -> Finding:
    """Find the invoice's status in Paymo, by the list last copied."""
    copied = _times(("read", connection.paymo_mirrored_at))
    company = connection.paymo_company_name or "Paymo"
    if header is None:
        text = f"{company} doesn't list this invoice any more."
        return Finding("In Paymo", text, Colour.AMBER, copied)
    status, total = header.status.capitalize(), Amount(header.total, header.currency)
    text = f"{status}, {total}, dated {Day(header.issued_on)}."
    return Finding("In Paymo", text, times=copied)


def exported(export: Export | None, generations: int, connection: Connection) -> Finding:
    """How far the export has come, who asked for it, and what became of it."""
    organisation = connection.organisation_name or "Xero"
    if export is None:
        return Finding("Export", f"Not exported to {organisation} yet.", Colour.AMBER)
    people, asked = (("asked by", export.requested_by),), _times(("asked", export.requested_at))
    if export.state in _WAITING:
        text = f"{_WAITING[export.state]} {export.reason}".strip()
        times = asked + _times(("next try", export.due_at))
        return Finding("Export", text, Colour.AMBER, times, people)
    if export.state is ExportState.FAILED:
        return Finding("Export", export.reason or _REFUSED, Colour.RED, asked, people)
    return _done(export, generations, organisation)


def _done(export: Export, generations: int, organisation: str) -> Finding:
    way = "Linked to" if export.is_linked else "Exported to"
    number = f" as {export.xero_number}" if export.xero_number not in {"", export.number} else ""
    parts = [f"{way} {organisation}{number}.", LIVES[export.invoice_state]]
    is_different = export.state is ExportState.DIFFERENT
    if is_different and export.total is not None and export.xero_total is not None:
        here = Amount(export.total, export.currency)
        there = Amount(export.xero_total, export.currency)
        parts.append(f"Totals differ: {here} in Paymo, {there} in Xero.")
    if export.accepted_difference:
        parts.append("Somebody accepted that the totals differ.")
    if generations > 1:
        parts.append(f"This is export {export.generation} of this invoice.")
    is_calm = export.invoice_state not in _NOTEWORTHY and not is_different
    return Finding(
        "Export",
        " ".join(part for part in parts if part),
        Colour.GREEN if is_calm else Colour.AMBER,
        _times(("exported", export.exported_at)),
        (("by", export.requested_by),),
    )


def in_xero(
    export: Export | None, connection: Connection, sweep: Schedule | None, trouble: str
) -> Finding:
    """What the last sync saw in Xero, and when the next one comes."""
    times = _times(
        ("last sync", connection.swept_at),
        ("next sync", sweep.due_at if sweep is not None else None),
    )
    if trouble:
        return Finding("In Xero", trouble, Colour.AMBER, times)
    if export is None or export.state not in exports.DONE:
        return Finding("In Xero", "Not there.", times=times)
    left = export.xero_due
    text = STATUS_NAMES.get(export.xero_seen_status or export.xero_status, "In Xero")
    if left is not None:
        text += f", {Amount(left, export.currency)} left to pay"
    return Finding("In Xero", f"{text}.", times=times)


def paid(rows: Sequence[Payment], export: Export | None) -> Iterable[Finding]:
    """Each payment and credit, and how far it has come."""
    currency = export.currency if export else ""
    for row in rows[-_MOST_PAYMENTS:]:
        amount = Amount(row.amount, currency)
        kind = _KINDS[row.kind] + (f" ({row.label})" if row.label else "")
        text = f"{kind} of {amount}, dated {Day(row.paid_on)}, {PAYMENTS[row.state]}. {row.reason}"
        colour = Colour.GREEN if row.state in _SETTLED else Colour.AMBER
        times = _times(("seen", row.seen_at), ("next try", row.due_at))
        yield Finding("Payment", text.strip(), colour, times)
    if not rows and export is not None and export.state in exports.DONE:
        yield Finding("Payments", "None in Xero yet.")


def wanted(tasks: Sequence[Task]) -> Iterable[Finding]:
    """What else runs, or was refused last, about this invoice."""
    seen = set()
    for row in tasks:
        is_newest = row.job not in seen
        seen.add(row.job)
        if not is_newest or row.state is TaskState.DONE:
            continue
        title = _TASKS.get(row.job, row.job.value.replace("_", " ").capitalize())
        state = "is on its way." if row.state is TaskState.WAITING else "didn't work."
        times = _times(("asked", row.asked_at), ("next try", row.due_at))
        people = (("asked by", row.asked_by),) if row.asked_by else ()
        yield Finding(title, f"{title} {state} {row.reason}".strip(), Colour.AMBER, times, people)


def connected(connection: Connection) -> Iterable[Finding]:
    """Whether the connection works, who may export, and what else holds things up."""
    pair = f"{connection.paymo_company_name or 'Paymo'} with {connection.organisation_name}"
    owner = (("owner", connection.owner_id),)
    if connection.state is ConnectionState.ACTIVE:
        yield Finding("Connection", f"{pair}.", people=owner)
    elif connection.state is ConnectionState.BROKEN:
        text = (
            f"{connection.broken_side} no longer accepts our connection ({pair}). The owner can "
            f"type {Typed(Command.CONNECT)}."
        )
        yield Finding("Connection", text, Colour.RED, people=owner)
    else:
        yield Finding("Connection", f"{pair} is being disconnected.", Colour.RED, people=owner)
    allowed = dict.fromkeys([connection.owner_id, *connection.exporters])
    yield Finding("Exporters", listed([str(Member(each)) for each in allowed]))
    if connection.is_paused:
        text = (
            "Paused: many invoices were deleted or voided at once. Decide if Paymo should follow."
        )
        yield Finding("Deletions", text, Colour.AMBER)
    if connection.is_short_of_calls:
        left = connection.day_calls_left or 0
        yield Finding("Xero’s limit", few_calls(left), Colour.AMBER if left else Colour.RED)


def drifted(export: Export | None) -> Iterable[Finding]:
    """What was found to differ since the export."""
    if export is None or not export.drift:
        return
    now = compare.standing(export, compare.compared_of(export))
    for name, found in (("Edited in Paymo", now.in_paymo), ("Changed in Xero", now.in_xero)):
        said = [f"{each.name} {each.was or 'none'} → {each.now or 'none'}" for each in found]
        if said:
            more = f"; and {len(said) - _MOST_EDITS} more" if len(said) > _MOST_EDITS else ""
            yield Finding(name, f"{'; '.join(said[:_MOST_EDITS])}{more}.", Colour.AMBER)


def _times(*pairs: tuple[str, datetime | None]) -> tuple[tuple[str, datetime], ...]:
    return tuple((word, at) for word, at in pairs if at is not None)
