"""Our rows for a comparison of both systems, whose digest is due, and what it counts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import ColumnElement, String, cast, exists, select, update
from sqlalchemy.orm import aliased

from services.model import chunks, days
from services.model.connection import ConnectionState
from services.model.export import ExportState, RefusalCode
from services.model.invoice import InvoiceState, PaymentKind, PaymentState
from services.model.jobs import Job, TaskState
from services.store import batches, exports, payments, worklists
from services.store.engine import Session
from services.store.tables import (
    Client,
    Connection,
    Contact,
    Export,
    Match,
    Payment,
    Subscription,
    Task,
    Workspace,
)

_AT_ONCE = 500  # ids in one statement
_SUBJECT = "digest:"
_WEEKS = 8  # of cash received, in a digest
_TAKEN_BACK = (PaymentState.REMOVING, PaymentState.REMOVED)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is recorded of some invoices: the newest export of each, and what hangs on it."""

    exports: dict[int, Export] = field(default_factory=dict)  # by Paymo's id
    payments: dict[int, list[Payment]] = field(default_factory=dict)  # by the export's id
    clients: dict[int, str] = field(default_factory=dict)  # names, by Paymo's id
    matches: dict[int, str] = field(default_factory=dict)  # contacts, by the client's id
    left_contacts: frozenset[str] = frozenset()  # archived, or merged into another


async def load(
    session: Session,
    connection: Connection,
    *,
    paymo_ids: Collection[int],
    xero_ids: Collection[str],
) -> Recorded:
    """What is recorded of the invoices with these ids on either side."""
    wanted = set(paymo_ids)
    for some in chunks(sorted(xero_ids), _AT_ONCE):
        wanted.update(
            await session.scalars(
                select(Export.paymo_invoice_id).where(
                    exports.of_pair(connection), Export.xero_invoice_id.in_(some)
                )
            )
        )
    known = Recorded(
        clients=await _clients(session, connection),
        matches=await _matches(session, connection),
        left_contacts=await _left_contacts(session, connection),
    )
    found = await batches.list_latest(session, connection, sorted(wanted))
    # An invoice made again in Paymo may be linked to the one in Xero that its former one was.
    by_age = sorted(found.values(), key=lambda each: each.id)
    linked = {each.xero_invoice_id: each.id for each in by_age}
    for paymo_id, each in found.items():
        if each.xero_invoice_id is None or linked[each.xero_invoice_id] == each.id:
            known.exports[paymo_id] = each
    await _add_payments(session, known)
    return known


async def load_all(
    session: Session, connection: Connection, paymo_ids: Collection[int]
) -> Recorded:
    """What is recorded of these invoices, and of everything that was ever exported."""
    ever = await session.scalars(select(Export.paymo_invoice_id).where(exports.of_pair(connection)))
    return await load(session, connection, paymo_ids={*paymo_ids, *ever}, xero_ids=())


async def _add_payments(session: Session, known: Recorded) -> None:
    for some in chunks([each.id for each in known.exports.values()], _AT_ONCE):
        known.payments.update(payments.by_export(await payments.list_of(session, some)))


async def _clients(session: Session, connection: Connection) -> dict[int, str]:
    rows = await session.execute(
        select(Client.client_id, Client.name).where(Client.connection_id == connection.id)
    )
    return {row[0]: row[1] for row in rows}


async def _matches(session: Session, connection: Connection) -> dict[int, str]:
    rows = await session.execute(
        select(Match.client_id, Match.contact_id).where(
            Match.connection_id == connection.id, Match.tenant_id == connection.tenant_id
        )
    )
    return {row[0]: row[1] for row in rows}


async def _left_contacts(session: Session, connection: Connection) -> frozenset[str]:
    found = await session.scalars(
        select(Contact.contact_id).where(Contact.connection_id == connection.id, ~Contact.is_active)
    )
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Period:
    """What one digest of a channel tells: the days from `first` on, and no longer `after`."""

    subscription_id: int
    first: date
    after: date

    @property
    def subject(self) -> str:
        """Name the channel's digests, of which one waits at a time."""
        return f"{_SUBJECT}{self.subscription_id}"

    @property
    def source(self) -> str:
        """Name it, so that it is told once."""
        return f"{self.subject}:{self.first}:{self.after}"

    @property
    def last(self) -> date:
        """The last day of it."""
        return self.after - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a digest counts; what the channel's filters leave out is not in it."""

    received: Sequence[tuple[Payment, Export]]  # cash that the sync found on these days
    exported: Sequence[Export]
    failed: Sequence[Export]  # until today, and waiting for somebody
    open: Sequence[Export]  # as of today, the longest due first
    recent: Sequence[tuple[Payment, Export]]  # cash of the last weeks, by its own day


async def take_owed_digests(session: Session, now: datetime) -> Sequence[tuple[Connection, Period]]:
    """Whose digest is owed: it is their hour, and days ended that none has told yet.

    However many were missed, it is one. Of several processes one moves `digest_from`, and has it.
    While a digest of that channel still waits for Xero or Paymo there is no second one.
    """
    owed = []
    for connection, heard in await _listening(session):
        first = heard.digest_from
        zone = days.zone_named(heard.digest_zone, connection.time_zone)
        after = heard.rhythm.ended(first, now, zone) if first else None
        if first is None or after is None:
            continue
        if await _move(session, heard.id, first, after):
            owed.append((connection, Period(heard.id, first, after)))
    return owed


async def _listening(session: Session) -> Sequence[tuple[Connection, Subscription]]:
    """Return the channels that want digests, and none of which still waits."""
    waits = exists().where(
        Task.connection_id == Connection.id,
        Task.job == Job.RECONCILE,
        Task.state == TaskState.WAITING,
        Task.subject == _SUBJECT + cast(Subscription.id, String),
    )
    rows = await session.execute(
        select(Connection, Subscription)
        .join(Workspace, Workspace.id == Connection.workspace_id)
        .join(Subscription, Subscription.connection_id == Connection.id)
        .where(
            Workspace.is_installed,
            Connection.state == ConnectionState.ACTIVE,
            Subscription.paused_because == "",
            Subscription.digest_from.is_not(None),
            ~waits,
        )
        .order_by(Subscription.id)
    )
    return [(row[0], row[1]) for row in rows]


async def _move(session: Session, subscription_id: int, first: date, after: date) -> bool:
    return await session.write(
        update(Subscription)
        .where(Subscription.id == subscription_id, Subscription.digest_from == first)
        .values(digest_from=after)
    )


async def find_reader(session: Session, period: Period) -> Subscription | None:
    """Return the channel that a digest is for, while it still wants any."""
    found = await session.get(Subscription, period.subscription_id, populate_existing=True)
    is_wanted = found is not None and found.digest_from is not None and not found.paused_because
    return found if is_wanted else None


async def load_figures(
    session: Session, connection: Connection, heard: Subscription, period: Period
) -> Figures:
    """Read what a digest counts, from what the last sync has read."""
    zone = days.zone_named(heard.digest_zone, connection.time_zone)
    since, until = (days.begin_of(zone, each) for each in (period.first, period.after))
    exported = await session.scalars(
        select(Export)
        .where(exports.of_pair(connection), Export.exported_at >= since, Export.exported_at < until)
        .where(Export.invoice_state != InvoiceState.UNDONE)
        .order_by(Export.exported_at, Export.id)
    )
    needing = await worklists.list_needing(session, connection)
    seen = (Payment.seen_at >= since, Payment.seen_at < until, _is_new(since))
    dated = (Payment.paid_on >= weeks_of(period)[0], Payment.paid_on < period.after)
    return Figures(
        received=await _cash(session, connection, heard, seen),
        exported=[each for each in exported if _is_wanted(heard, each, each.total)],
        failed=[
            each
            for each in needing
            if each.state is ExportState.FAILED
            and RefusalCode.CANCELLED not in each.refusals
            and _is_wanted(heard, each)
        ],
        open=[
            each
            for each in await worklists.list_of(
                session, connection, heard.client_id, worklists.IS_OPEN
            )
            if worklists.left_of(each) > 0 and _is_wanted(heard, each, each.total)
        ],
        recent=await _cash(session, connection, heard, dated),
    )


def weeks_of(period: Period) -> list[date]:
    """Return the Mondays of the last weeks, up to the one that the period ends in."""
    monday = period.last - timedelta(days=period.last.weekday())
    return [monday - timedelta(weeks=back) for back in reversed(range(_WEEKS))]


async def _cash(
    session: Session,
    connection: Connection,
    heard: Subscription,
    which: Sequence[ColumnElement[bool]],
) -> Sequence[tuple[Payment, Export]]:
    found = await session.execute(
        select(Payment, Export)
        .join(Export, Export.id == Payment.export_id)
        .where(exports.of_pair(connection), *which)
        .where(Payment.kind != PaymentKind.CREDIT_NOTE, Payment.state.not_in(_TAKEN_BACK))
        .order_by(Payment.paid_on, Payment.id)
    )
    return [(row[0], row[1]) for row in found if _is_wanted(heard, row[1], row[0].amount)]


def _is_new(since: datetime) -> ColumnElement[bool]:
    """Leave out what was told before: Xero makes a new payment of one that somebody edits."""
    former = aliased(Payment)
    was_told = exists().where(former.id == Payment.replaces_id, former.seen_at < since)
    return ~was_told


def _is_wanted(heard: Subscription, export: Export, amount: Decimal | None = None) -> bool:
    """Say whether the channel's filters let it through; without an amount, its client alone."""
    if heard.client_id not in {None, export.client_id}:
        return False
    return amount is None or amount >= (heard.minimum or 0)
