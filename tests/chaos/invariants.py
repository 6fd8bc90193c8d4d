"""What must hold after each fault, whatever it was; and what must hold soon."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import ColumnElement, func, literal, select
from sqlalchemy.exc import DBAPIError

from services.model.connection import ConnectionState
from services.model.export import BatchState, ExportState
from services.model.invoice import InvoiceState, PaymentState
from services.model.jobs import Job, TaskState
from services.model.notice import NoticeKind
from services.store.engine import Database, Session
from services.store.tables import (
    AuditEntry,
    Batch,
    Connection,
    Export,
    Notice,
    Payment,
    Schedule,
    Task,
)
from tests.chaos.stage import ROOM, Stage
from tests.databases import KEY

Problem = tuple[str, str]  # the invariant, and what is wrong

ONE_INVOICE = "one invoice in Xero for each export"
ONCE_IN_PAYMO = "each payment in Xero exactly once in Paymo"
READ_TWICE = "nothing deleted without a second read"
TOLD_ONCE = "each notification once"
TRUTH = "both sides as the truth table has them"
NOTED = "the audit log complete"
STUCK = "nothing stuck"
IN_TIME = "recovered within 30 seconds"
ALL = (ONE_INVOICE, ONCE_IN_PAYMO, READ_TWICE, TOLD_ONCE, TRUTH, NOTED, STUCK, IN_TIME)

_ALSO_NOTED = ("payment_received", "payment_removed", "invoice_voided", "invoice_deleted")
_TASKS = (Job.UNDO, Job.UPDATE, Job.RESTORE)
_UNDER_WAY = (InvoiceState.DELETE_SEEN, InvoiceState.VOID_SEEN, InvoiceState.UNDOING)
_SETTLED = (PaymentState.RECORDED, PaymentState.REMOVED)
_QUIET = (ConnectionState.ACTIVE, ConnectionState.ENDED)
_UNFINISHED: tuple[tuple[str, ColumnElement[bool]], ...] = (
    ("exports", Export.state.not_in([ExportState.EXPORTED]) | Export.invoice_state.in_(_UNDER_WAY)),
    ("payments", Payment.state.not_in(_SETTLED)),
    ("notifications", Notice.due_at.is_not(None)),
    ("tasks", Task.job.in_(_TASKS) & (Task.state != TaskState.DONE)),
    ("batches", Batch.state == BatchState.RUNNING),
    ("syncs", (Schedule.job == Job.SWEEP) & (Schedule.problem != "")),
    ("connections", Connection.state.not_in(_QUIET)),
)


def never(stage: Stage) -> Iterator[Problem]:
    """Return what has happened that must not happen even for a moment."""
    for fate in stage.fates:
        if len(stage.in_xero(fate)) > fate.copies:
            yield ONE_INVOICE, f"{fate.number} is in Xero {len(stage.in_xero(fate))} times"
        notes = Counter(each.notes for each in stage.company.payments_of(fate.paymo_ids[-1]))
        yield from (
            (ONCE_IN_PAYMO, f"{fate.number} has {count} copies of {key}")
            for key, count in notes.items()
            if count > 1
        )
    yield from _unread(stage)
    extra = said(stage) - wanted(stage)
    if extra.total() > stage.repeats_allowed:
        kinds = {kind for kind, _ in extra}
        texts = [
            f"{room.name}: {each.text[:120]}"
            for room in stage.slack.state.channels.values()
            for each in room.messages
            if (each.metadata or {}).get("event_type") in kinds
        ]
        yield TOLD_ONCE, f"too often: {extra}, {stage.repeats_allowed} allowed: {texts[-6:]}"


def _unread(stage: Stage) -> Iterator[Problem]:
    """Return what was deleted in Paymo and not in Xero, or without asking Xero once more."""
    asked = [
        (place, f"{seen.path}?{seen.query.get('IDs', '')}")
        for place, seen in enumerate(stage.xero.requests)
        if seen.method == "GET" and "/api.xro/" in seen.path
    ]
    for place, seen in enumerate(stage.xero.requests):
        if seen.method != "DELETE" or not seen.path.startswith("/api/invoice"):
            continue
        key, since = stage.deleted.get(seen.path, ("?", 0))
        if not any(since <= when < place and key in words for when, words in asked):
            yield READ_TWICE, f"{seen.method} {seen.path} for {key}"


def said(stage: Stage) -> Counter[tuple[str, Any]]:
    """Count the notifications in all channels by kind and invoice, but for warnings."""
    found: Counter[tuple[str, Any]] = Counter()
    for room in stage.slack.state.channels.values():
        here: Counter[tuple[str, Any]] = Counter()
        for about in filter(None, (each.metadata for each in room.messages)):
            here[about["event_type"], about.get("event_payload", {}).get("paymo_invoice_id")] += 1
        for key in [each for each in here if each[0] == NoticeKind.HEALTH]:
            del here[key]
        for key, count in here.items():  # each channel that needs it has a card of its own
            is_card = key[0] == "invoice_exported"
            found[key] = max(found[key], count) if is_card else found[key] + count
    return found


def wanted(stage: Stage) -> Counter[tuple[str, Any]]:
    """Return the notifications that must be there."""
    due: Counter[tuple[str, Any]] = Counter(
        {(kind, None): count for kind, count in stage.told.items()}
    )
    for fate in stage.fates:
        for kind, count in fate.told.items():
            due[kind, fate.paymo_ids[0]] = count
        if fate.told.total():  # an invoice of a batch gets its card with the first event
            due["invoice_exported", fate.paymo_ids[0]] = 1
    return due


async def soon(stage: Stage) -> list[Problem]:
    """Return what is not yet as it must be soon after the last fault."""
    problems = list(_missing(stage))
    untold = wanted(stage) - said(stage)
    heard = _heard(stage)
    for fate in stage.fates:  # one of a batch has no card where all was told to the owner instead
        if not fate.told["invoice_exported"] and fate.paymo_ids[0] not in heard:
            del untold["invoice_exported", fate.paymo_ids[0]]
    if untold:
        problems.append((TOLD_ONCE, f"not told: {untold}"))
    if problems:
        return problems
    try:
        async with _session(stage) as session:
            return [*await _unfinished(session), *await _unnoted(stage, session)]
    except (DBAPIError, OSError) as error:
        return [(STUCK, f"the database: {type(error).__name__}")]


def _heard(stage: Stage) -> set[int | None]:
    """Return the invoices of which the channel heard."""
    abouts = filter(None, (each.metadata for each in stage.slack.messages(ROOM)))
    return {each.get("event_payload", {}).get("paymo_invoice_id") for each in abouts}


@asynccontextmanager
async def _session(stage: Stage) -> AsyncIterator[Session]:
    database = Database.open(stage.host.database_url, [KEY])
    try:
        async with database.sessions() as session:
            yield session
    finally:
        await database.close()


def _missing(stage: Stage) -> Iterator[Problem]:
    for fate in stage.fates:
        found = stage.in_xero(fate)
        if len(found) < fate.copies:
            yield STUCK, f"{fate.number} is not in Xero"
            continue
        theirs = stage.in_paymo(fate)
        is_here = theirs.status if theirs else None
        if found[-1].status != fate.xero or is_here not in (fate.paymo or {None}):
            states = f"{found[-1].status} and {is_here}, not {fate.xero} and {set(fate.paymo)}"
            yield TRUTH, f"{fate.number}: {states}"
        if found[-1].total != fate.total or (theirs and theirs.total != fate.total):
            yield TRUTH, f"{fate.number}: {found[-1].total} for {fate.total}"
        copies = stage.company.payments_of(fate.paymo_ids[-1])
        amounts = sorted(each.amount for each in copies)
        if amounts != sorted(fate.payments.values()):
            yield ONCE_IN_PAYMO, f"{fate.number}: {amounts} for {sorted(fate.payments.values())}"


async def _unfinished(session: Session) -> list[Problem]:
    counts = [
        (name, await session.scalar(select(func.count(literal(1))).where(which)) or 0)
        for name, which in _UNFINISHED
    ]
    return [(STUCK, f"{count} {name}") for name, count in counts if count]


async def _unnoted(stage: Stage, session: Session) -> list[Problem]:
    rows = await session.execute(
        select(Export.paymo_invoice_id, AuditEntry.what, func.count())
        .join(Export, Export.id == AuditEntry.export_id)
        .group_by(Export.paymo_invoice_id, AuditEntry.what)
    )
    noted = {(invoice_id, what): count for invoice_id, what, count in rows}
    wanted = {
        (fate.paymo_ids[0], what): count
        for fate in stage.fates
        for what, count in {
            **fate.noted,
            **{each: fate.told[each] for each in _ALSO_NOTED},
        }.items()
    }
    return [
        (NOTED, f"{what} of {invoice_id}: {noted.get((invoice_id, what), 0)} for {count}")
        for (invoice_id, what), count in wanted.items()
        if noted.get((invoice_id, what), 0) != count
    ]
