"""What is known of one invoice, each with what it rests on: rows only, nothing is asked for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services import compare
from services.model.connection import ConnectionState
from services.model.export import Colour, ExportState
from services.model.invoice import InvoiceState
from services.model.jobs import TaskState
from services.model.payment import PaymentKind, PaymentState
from services.model.wording import Amount, Command, Day, Typed
from services.store import exports
from services.store.tables import Connection, Export, InvoiceHeader, Payment, Schedule, Task

_WAITING = {
    ExportState.QUEUED: "It waits to be sent",
    ExportState.SENDING: "It is being sent",
    ExportState.UNKNOWN: "No answer came from Xero, so it is looked up there before anything is "
    "sent again",
}
LIVES = {
    InvoiceState.LIVE: "",
    InvoiceState.DELETE_SEEN: "It was deleted in Xero, and Paymo follows with the next look.",
    InvoiceState.VOID_SEEN: "It was voided in Xero, and Paymo follows with the next look.",
    InvoiceState.HELD: "It was deleted or voided in Xero together with many others, so Paymo "
    "waits until somebody decides.",
    InvoiceState.ASKED: "It was deleted or voided in Xero, and somebody must decide whether Paymo "
    "follows.",
    InvoiceState.DELETED: "It was deleted in Xero, and then in Paymo.",
    InvoiceState.VOIDED: "It was voided in Xero, and is void in Paymo.",
    InvoiceState.KEPT: "It was deleted or voided in Xero, and somebody decided that Paymo keeps "
    "it.",
    InvoiceState.GONE: "Somebody deleted it in Paymo, and Xero still has it.",
    InvoiceState.UNDOING: "The export is being taken back.",
    InvoiceState.UNDONE: "The export was taken back, and Paymo keeps the invoice.",
}
_NOTEWORTHY = (
    InvoiceState.DELETE_SEEN,
    InvoiceState.VOID_SEEN,
    InvoiceState.HELD,
    InvoiceState.ASKED,
    InvoiceState.GONE,
    InvoiceState.UNDOING,
)
PAYMENTS = {
    PaymentState.ADDING: "is on its way to Paymo",
    PaymentState.RECORDED: "is recorded in Paymo",
    PaymentState.CHECKING: "is missing from its invoice, so Xero is asked whether it was deleted",
    PaymentState.REMOVING: "was deleted in Xero, and its copy is being deleted in Paymo",
    PaymentState.REMOVED: "was deleted in Xero, and its copy in Paymo with it",
    PaymentState.TOMBSTONE: "was deleted in Paymo by somebody, so it is not brought back by itself",
    PaymentState.ASKED: "waits for somebody to decide",
    PaymentState.PARKED: "is left as it is in Paymo",
}
_SETTLED = (PaymentState.RECORDED, PaymentState.REMOVED)
_KINDS = {
    PaymentKind.PAYMENT: "A payment",
    PaymentKind.CREDIT_NOTE: "A credit note",
    PaymentKind.OVERPAYMENT: "An overpayment",
    PaymentKind.PREPAYMENT: "A prepayment",
}
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
    """How the invoice stands in Paymo, by the list that was last copied."""
    copied = _times(("list copied", connection.paymo_mirrored_at))
    company = connection.paymo_company_name or "Paymo"
    if header is None:
        text = f"{company} does not list it any more."
        return Finding("In Paymo", text, Colour.AMBER, copied)
    total = Amount(header.total, header.currency)
    text = (
        f"{header.status} in {company}, {total}, dated {Day(header.issued_on)}, ID "
        f"{header.invoice_id}."
    )
    return Finding("In Paymo", text, times=_times(("changed", header.updated_on)) + copied)


def exported(export: Export | None, generations: int, connection: Connection) -> Finding:
    """How far the export has come, who asked for it, and what became of it."""
    organisation = connection.organisation_name or "Xero"
    if export is None:
        return Finding("Export", f"It was never exported to {organisation}.", Colour.AMBER)
    people, asked = (("asked by", export.requested_by),), _times(("asked", export.requested_at))
    if export.state in _WAITING:
        text = f"{_WAITING[export.state]}. {export.reason}".strip()
        times = asked + _times(("next try", export.due_at))
        return Finding("Export", text, Colour.AMBER, times, people)
    if export.state is ExportState.FAILED:
        text = f"It was refused: {export.reason or ','.join(export.refusals)}"
        return Finding("Export", text, Colour.RED, asked, people)
    return _done(export, generations, organisation)


def _done(export: Export, generations: int, organisation: str) -> Finding:
    way = "It was linked in" if export.is_linked else "It was exported to"
    number = export.xero_number or "without a number"
    said = f"{way} {organisation}: {number} there, ID {export.xero_invoice_id}."
    parts = [said, LIVES[export.invoice_state]]
    is_different = export.state is ExportState.DIFFERENT
    if is_different and export.total is not None and export.xero_total is not None:
        here = Amount(export.total, export.currency)
        there = Amount(export.xero_total, export.currency)
        parts.append(f"Paymo states {here}, Xero states {there}.")
    if export.accepted_difference:
        parts.append("Somebody accepted that the totals differ.")
    if generations > 1:
        parts.append(f"It is export {export.generation} of this invoice.")
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
    """What the last sweep saw in Xero, and when the next one comes."""
    times = _times(
        ("looked at", connection.swept_at),
        ("next look", sweep.due_at if sweep is not None else None),
        ("all read again", connection.reread_at),
    )
    if trouble:
        return Finding("Look at Xero", trouble, Colour.AMBER, times)
    if export is None or export.state not in exports.DONE:
        return Finding("Look at Xero", "Nothing of it is in Xero that we know of.", times=times)
    left = export.xero_due
    text = f"Last seen there as {export.xero_seen_status or export.xero_status}"
    if left is not None:
        text += f", {Amount(left, export.currency)} left to pay"
    return Finding("Look at Xero", f"{text}.", times=times)


def paid(rows: Sequence[Payment], export: Export | None) -> Iterable[Finding]:
    """Each payment and credit, and how far it has come."""
    currency = export.currency if export else ""
    for row in rows[-_MOST_PAYMENTS:]:
        amount = Amount(row.amount, currency)
        kind = _KINDS[row.kind] + (f" ({row.label})" if row.label else "")
        text = f"{kind} of {amount} on {Day(row.paid_on)} {PAYMENTS[row.state]}. {row.reason}"
        colour = Colour.GREEN if row.state in _SETTLED else Colour.AMBER
        times = _times(("seen", row.seen_at), ("next try", row.due_at))
        yield Finding("Payment", text.strip(), colour, times)
    if not rows and export is not None and export.state in exports.DONE:
        yield Finding("Payments", "No payment or credit was seen in Xero.")


def wanted(tasks: Sequence[Task]) -> Iterable[Finding]:
    """What else runs, or was refused last, about this invoice."""
    seen = set()
    for row in tasks:
        is_newest = row.job not in seen
        seen.add(row.job)
        if not is_newest or row.state is TaskState.DONE:
            continue
        state = "waits" if row.state is TaskState.WAITING else "was refused"
        text = f"“{row.job.value}” {state}. {row.reason}".strip()
        times = _times(("asked", row.asked_at), ("next try", row.due_at))
        people = (("asked by", row.asked_by),) if row.asked_by else ()
        yield Finding("Also", text, Colour.AMBER, times, people)


def connected(connection: Connection) -> Iterable[Finding]:
    """Whether the connection works, who may export, and what else holds things up."""
    pair = f"{connection.paymo_company_name or 'Paymo'} with {connection.organisation_name}"
    owner = (("connected by", connection.owner_id),)
    if connection.state is ConnectionState.ACTIVE:
        yield Finding("Connection", f"{pair} works.", people=owner)
    elif connection.state is ConnectionState.BROKEN:
        text = (
            f"{connection.broken_side} no longer accepts us, so {pair} stands still. Whoever "
            f"connected them can run {Typed(Command.CONNECT)}."
        )
        yield Finding("Connection", text, Colour.RED, people=owner)
    else:
        yield Finding("Connection", f"{pair} is being ended.", Colour.RED, people=owner)
    allowed = dict.fromkeys([connection.owner_id, *connection.exporters])
    text = "You may export it." if len(allowed) > 1 else "You alone may export it."
    yield Finding("Who may", text, people=tuple(("", each) for each in allowed))
    if connection.is_paused:
        text = "Deletions are paused: too many went at once, and somebody has to decide."
        yield Finding("Breaker", text, Colour.AMBER)
    left = connection.day_calls_left
    if left is not None:
        colour = Colour.GREEN if left else Colour.RED
        yield Finding("Xero’s limit", f"{left} more calls are allowed today.", colour)


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
