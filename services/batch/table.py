"""What a person sees of a batch: the table, the progress, the report."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from services import money
from services.errors import NotAccepted
from services.export.approvals import missed_in
from services.matching.suggestions import tax_option
from services.model.export import BY_CLIENT, SELECTABLE, BatchState, ExportState, Verdict
from services.model.notice import NoticeKind
from services.model.people import Option, ReplyTarget
from services.model.wording import Day, situated
from services.store import audit, batches, connections, exports, matches, mirror, notices
from services.store.audit import AuditNote
from services.store.engine import Session
from services.store.notices import Notification
from services.store.tables import Batch, BatchRow, Connection, Export

_MOST_NAMED = 3
_NOTHING = "No invoice is ready to export."
_UNSELECTED = "Select the invoices to export."
_FAILED_FIRST = (
    ExportState.FAILED,
    ExportState.DIFFERENT,
    ExportState.AWAITING,
    ExportState.UNKNOWN,
    ExportState.SENDING,
    ExportState.QUEUED,
    ExportState.EXPORTED,
)


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One invoice of a batch; texts as they came from outside."""

    number: str
    client_name: str
    total: str
    reason: str
    cure: str  # what to do about it, where that is known
    state: ExportState | None = None  # None while no export carries it
    invoice_id: int = 0  # Paymo's
    is_selected: bool = False
    more: str = ""  # of the reason, after the cure


@dataclass(frozen=True, slots=True)
class BatchGroup:
    """The invoices with one verdict, and their sum in each currency."""

    verdict: Verdict
    lines: tuple[BatchLine, ...]
    totals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """A client that holds up invoices until somebody says where it goes."""

    client_id: int
    name: str
    what: str  # "contact" or "account"
    count: int


@dataclass(frozen=True, slots=True)
class BatchForm:
    """A batch as it is to be drawn now.

    `groups` stand by verdict, "ready" first; `sent` are the invoices that an export carries, those
    that failed first.
    """

    batch_id: int
    view_id: str
    channel_id: str
    state: BatchState
    organisation: str
    company: str
    is_demo: bool
    is_all: bool
    problem: str  # why it waits, as a sentence
    unknown: tuple[str, ...]  # numbers that Paymo does not have
    groups: tuple[BatchGroup, ...]
    missing: tuple[Missing, ...]
    sent: tuple[BatchLine, ...]
    untaxed_options: tuple[Option, ...] = ()  # to choose from for lines without tax
    connection_id: int = 0
    drafts: int = 0  # in Paymo, and so left out where all invoices are listed
    since: str = ""  # a day, as a sentence; older invoices are left out
    page: int | None = 0  # of the table that is shown; None for the overview
    revision: int = 0  # of the boxes
    selected: int = 0  # how many
    selected_totals: tuple[str, ...] = ()
    missed: str = ""  # who can't be asked to approve what waits for it, as a sentence

    @property
    def total(self) -> int:
        """How many invoices the table holds."""
        return sum(len(each.lines) for each in self.groups)

    @property
    def selectable(self) -> int:
        """How many of them can be selected."""
        return sum(map(self.count, SELECTABLE))

    def count(self, verdict: str) -> int:
        """Say how many invoices have this verdict."""
        return sum(len(each.lines) for each in self.groups if each.verdict == verdict)

    def sent_as(self, *states: ExportState) -> tuple[BatchLine, ...]:
        """Return the invoices whose exports are in one of these states."""
        return tuple(each for each in self.sent if each.state in states)


class BatchScreen(Protocol):
    """Where the person who asked for a batch sees it."""

    async def show_batch(self, reply_to: ReplyTarget, form: BatchForm) -> None:
        """Draw the open view again; nothing happens when the person closed it."""

    async def show_ended(self, reply_to: ReplyTarget, form: BatchForm) -> None:
        """Show the end in the open view, or to the person alone when it was closed."""


async def form_of(session: Session, batch: Batch) -> BatchForm:
    """Return the batch as it is to be drawn now."""
    connection = await connections.get(session, batch.connection_id)
    rows = await batches.list_rows(session, batch.id)
    carried = await batches.list_exports(session, batch.id)
    sent = sorted(carried, key=lambda each: _FAILED_FIRST.index(each.state))
    reply_to = ReplyTarget(**batch.reply_to)
    awaiting = sum(each.state is ExportState.AWAITING for each in carried)
    chosen = [row for row in rows if row.is_selected and row.verdict in SELECTABLE]
    return BatchForm(
        batch_id=batch.id,
        view_id=reply_to.view_id,
        channel_id=reply_to.channel_id,
        state=batch.state,
        organisation=connection.organisation_name,
        company=connection.paymo_company_name,
        is_demo=connection.is_demo,
        is_all=not batch.asked_numbers,
        problem=batch.problem,
        unknown=_unknown(batch, rows),
        groups=_groups([row for row in rows if row.export_id is None], connection.country),
        missing=_missing(rows),
        sent=tuple(_line(each, connection.country) for each in sent),
        untaxed_options=await _untaxed(session, connection, rows),
        connection_id=connection.id,
        drafts=await _drafts(session, connection, batch),
        since=situated(str(Day(batch.since)), connection.country) if batch.since else "",
        page=batch.page,
        revision=batch.revision,
        selected=len(chosen),
        selected_totals=_totals(chosen, connection.country),
        missed=await missed_in(session, batch.id, awaiting),
    )


async def _drafts(session: Session, connection: Connection, batch: Batch) -> int:
    if batch.asked_numbers:
        return 0
    return await batches.count_drafts(session, connection, batch.since)


async def _untaxed(
    session: Session, connection: Connection, rows: Sequence[BatchRow]
) -> tuple[Option, ...]:
    """Return the rates to choose from, where invoices wait for somebody to choose."""
    if not any(row.verdict == Verdict.UNTAXED and row.export_id is None for row in rows):
        return ()
    return tuple(
        tax_option(each, connection.country)
        for each in await matches.list_zero_rates(session, connection)
    )


def _unknown(batch: Batch, rows: Iterable[BatchRow]) -> tuple[str, ...]:
    known = {mirror.folded(row.number) for row in rows}
    return tuple(each for each in batch.asked_numbers if mirror.folded(each) not in known)


def _groups(rows: Sequence[BatchRow], country: str) -> tuple[BatchGroup, ...]:
    found = ((word, [row for row in rows if row.verdict == word]) for word in Verdict)
    return tuple(
        BatchGroup(word, tuple(_line(row, country) for row in some), _totals(some, country))
        for word, some in found
        if some
    )


def _line(of: BatchRow | Export, country: str) -> BatchLine:
    said = of.reason, of.cure, ""
    if isinstance(of, Export) and of.cure:  # its reason holds the cure
        said = of.reason.partition(of.cure)
    reason, cure, more = (situated(each.strip(), country) for each in said)
    return BatchLine(
        number=of.number,
        client_name=of.client_name,
        total=money.format_amount(of.total, of.currency, country) if of.total is not None else "",
        reason=reason,
        cure=cure,
        more=more,
        state=of.state if isinstance(of, Export) else None,
        invoice_id=of.paymo_invoice_id,
        is_selected=isinstance(of, BatchRow) and of.is_selected,
    )


def _totals(rows: Iterable[BatchRow], country: str) -> tuple[str, ...]:
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[row.currency] = sums.get(row.currency, Decimal(0)) + (row.total or 0)
    return tuple(money.format_amount(sums[each], each, country) for each in sorted(sums))


def _missing(rows: Iterable[BatchRow]) -> tuple[Missing, ...]:
    """Return each client once, the one that holds up most invoices first."""
    found: dict[int, Missing] = {}
    for row in rows:
        if row.verdict in BY_CLIENT and row.export_id is None and row.client_id:
            before = found.get(row.client_id)
            count = before.count + 1 if before else 1
            what = before.what if before else row.verdict
            found[row.client_id] = Missing(row.client_id, row.client_name, what, count)
    return tuple(sorted(found.values(), key=lambda each: (-each.count, each.name)))


async def take_selected(session: Session, batch: Batch) -> None:
    """Keep only selected rows as ready. Raises `NotAccepted` if none is selected."""
    ready, undone, skipped = Verdict.READY, Verdict.UNDONE, Verdict.SKIPPED
    await batches.change_verdict(session, batch.id, ready, skipped, is_selected=False)
    await batches.change_verdict(session, batch.id, undone, ready, is_selected=True)
    if await batches.list_unclaimed(session, batch.id, ready, limit=1):
        return
    for left in (skipped, undone):
        if await batches.list_unclaimed(session, batch.id, left, limit=1):
            raise NotAccepted({"selected": _UNSELECTED})
    raise NotAccepted({"table": _NOTHING})


async def tell_ended(session: Session, connection: Connection, batch: Batch, now: datetime) -> None:
    """Record a batch's outcome in the audit log, and notify the channels once."""
    found = await batches.list_exports(session, batch.id)
    done = [each for each in found if each.state in exports.DONE]
    failed = sum(each.state is ExportState.FAILED for each in found)
    after = {"exported": len(done), "failed": failed}
    entry = AuditNote("batch_exported", now, batch.asked_by, after=after)
    audit.record(session, connection, entry)
    if not done:
        return
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for each in done:
        sums[each.currency] += each.total or Decimal(0)
    facts = connections.common_facts(connection) | {
        "country": connection.country,
        "batch_id": batch.id,
        "by": batch.asked_by,
        "count": len(done),
        "sums": {name: notices.amount_text(total) for name, total in sorted(sums.items())},
        "numbers": [each.number for each in done[:_MOST_NAMED]],
        "failed": failed,
    }
    notification = Notification(NoticeKind.BATCH_EXPORTED, f"batch:{batch.id}", facts)
    await notices.enqueue(session, connection, notification, now)
