"""The database as a whole: its version, its single process on SQLite, and what is deleted when.

A lease keeps two processes from doing the same thing. If the only process restarts, its old leases
are released at once instead of expiring. What an earlier process has sent may still take effect,
and its clock may have been wrong, so a start counts it as sent just now.
"""

import contextlib
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.fernet import InvalidToken
from sqlalchemy import (
    ColumnElement,
    Table,
    and_,
    delete,
    false,
    func,
    inspect,
    or_,
    select,
    text,
    update,
)
from sqlalchemy import Connection as SyncConnection
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import load_only

from services.model.connection import ConnectionState
from services.model.days import CLOCKS_DIFFER
from services.model.export import ExportState
from services.model.jobs import Job
from services.store import batches, leases, links
from services.store.engine import Session, Sessions
from services.store.sqlite import file_of, keep_private
from services.store.tables import (
    AuditEntry,
    Base,
    Connection,
    Draft,
    Export,
    Grant,
    InvoiceHeader,
    Match,
    Notice,
    Payment,
    Schedule,
    SlackState,
    Subscription,
    Task,
    Workspace,
)
from services.store.types import Leased, Secret, Sends

HEAD = "0001"  # the newest migration, told without Alembic
_OF_THE_FIRST = "errands"  # a table of 0.1 alone, whose migrations had the numbers of today's
# Slack closes a forgotten modal within a day.
_DRAFTS_LIVE = timedelta(days=2)
# A consent for several organisations waits ten minutes for a choice.
_CHOICES_LIVE = timedelta(hours=1)


# What of a connection shows how it is; its secrets would have to be decrypted.
_SHOWING = (
    Connection.organisation_name,
    Connection.created_at,
    Connection.cursor,
    Connection.day_calls_left,
    Connection.day_calls_kept,
    Connection.paymo_hooks_checked_at,
    Connection.xero_hooked_at,
    Connection.paymo_hooked_at,
    Connection.warned,
)


# The last write shows what the clock said: in a table's newest row, or a column's latest time.
_NEWEST: Sequence[tuple[Any, Any]] = (
    (Notice, Notice.created_at),
    (AuditEntry, AuditEntry.at),
    (Export, Export.requested_at),
    (Task, Task.asked_at),
)
_LATEST: Sequence[Any] = (
    Connection.swept_at,
    Connection.xero_mirrored_at,
    Connection.paymo_mirrored_at,
)


@dataclass(frozen=True, slots=True)
class Vitals:
    """What shows how a connection is, beside its own row."""

    connection: Connection
    token_expires_at: datetime | None
    sweep_due_at: datetime | None
    newest_in_paymo: datetime | None  # when an invoice changed there last, as far as it is copied


async def list_vitals(session: Session) -> Sequence[Vitals]:
    """Return the vitals of every working connection."""
    newest = (
        select(func.max(InvoiceHeader.updated_on))
        .where(InvoiceHeader.connection_id == Connection.id)
        .scalar_subquery()
    )
    found = await session.execute(
        select(Connection, Grant.expires_at, Schedule.due_at, newest)
        .join(Workspace, Workspace.id == Connection.workspace_id)
        .outerjoin(Grant, Grant.id == Connection.grant_id)
        .outerjoin(
            Schedule, (Schedule.connection_id == Connection.id) & (Schedule.job == Job.SWEEP)
        )
        .where(Workspace.is_installed, Connection.state == ConnectionState.ACTIVE)
        .order_by(Connection.id)
        .options(load_only(*_SHOWING, raiseload=True))
    )
    return [Vitals(*row) for row in found]


async def find_revision(session: Session) -> str | None:
    """Return the revision of the database, or None before its first migration."""
    try:
        found: str | None = await session.scalar(text("SELECT version_num FROM alembic_version"))
    except DBAPIError:
        return None
    return found


class Outgrown(Exception):
    """Tables of an earlier version, from before the first migration that is kept."""

    said = "an earlier version of paymo-xero made these tables, and they can't be migrated"
    cure = "Start with an empty database, connect again, then run paymo-xero relink."

    def __init__(self) -> None:
        """Say so, and what to do."""
        super().__init__(f"{self.said[0].upper()}{self.said[1:]}. {self.cure}")


def require_kept(connection: SyncConnection) -> None:
    """Raise `Outgrown` for tables that no migration of ours leads to, whatever their number."""
    seen = inspect(connection)
    if seen.has_table(_OF_THE_FIRST):
        raise Outgrown
    if not seen.has_table("alembic_version"):
        return
    if connection.scalar(text("SELECT version_num FROM alembic_version")) == HEAD:
        there = seen.get_multi_columns(filter_names=list(Base.metadata.tables))
        by_name = {name: columns for (_, name), columns in there.items()}
        if not all(
            _fits(each, by_name.get(name, [])) for name, each in Base.metadata.tables.items()
        ):
            raise Outgrown


def _fits(table: Table, there: Sequence[ReflectedColumn]) -> bool:
    """Say whether rows can be read and added: nothing is missing, nothing else must be given."""
    given = {each["name"] for each in there if each["nullable"] or each["default"] is not None}
    ours, every = set(table.columns.keys()), {each["name"] for each in there}
    return ours <= every <= ours | given


async def is_current(session: Session) -> bool:
    """Say whether the database has the tables that this code expects."""
    return await find_revision(session) == HEAD


async def can_read_secrets(session: Session) -> bool:
    """Say whether the keys open every secret that is stored."""
    try:
        for table in Base.metadata.sorted_tables:
            for column in table.columns:
                if isinstance(column.type, Secret):
                    (await session.scalars(select(column))).all()
    except InvalidToken:
        return False
    return True


def hold(url: str) -> sqlite3.Connection | None:
    """Hold the file beside the database until this is closed, or the process dies.

    None when another process holds it, or when there is no file: then nothing is known.
    """
    file = file_of(url)
    if file is None:
        return None
    with contextlib.suppress(sqlite3.OperationalError), contextlib.ExitStack() as undo:
        held = sqlite3.connect(f"{file}-alone", timeout=0, isolation_level=None)
        undo.callback(held.close)
        keep_private(url)
        held.execute("BEGIN EXCLUSIVE")
        undo.pop_all()
        return held
    return None


async def release(session: Session, now: datetime) -> None:
    """Let go of everything that is leased."""
    for table in Leased.__subclasses__():
        await session.execute(
            update(table)
            .where(table.leased_until.is_not(None), table.due_at.is_not(None))
            .values(due_at=now, leased_until=None)
        )
    await session.execute(update(Grant).values(lease_until=None))


async def count_as_sent_now(session: Session, now: datetime) -> None:
    """Give every call that has no answer its whole time from `now` on, when a process starts.

    The clock that told when it was sent may have been slow, and right again by now: then the call
    seems over, and would be sent again while it is under way.
    """
    for sends in Sends.__subclasses__():
        unanswered: ColumnElement[bool] = sends.sent_at.is_not(None)
        if sends is Export:
            # An earlier request's call is looked for from that time on, so that time stays. What
            # failed becomes one when it's asked for again, and isn't sent before.
            is_former = (Export.state == ExportState.FAILED) | and_(
                Export.sent_at < Export.requested_at, Export.sent_at <= now - CLOCKS_DIFFER
            )
            was_missed = func.coalesce(Export.missed_at >= Export.sent_at, false())
            unanswered &= ~is_former & ~was_missed
        await _send_at(session, sends, unanswered, now)


async def find_lead(session: Session, now: datetime) -> timedelta:
    """Return how far the clock was ahead of `now` when somebody wrote last, as far as that shows.

    Nothing was told, noted, asked for or read in the future, and no lease ends later than one that
    begins now.
    """
    latest = now + leases.LEASE
    moments = [
        await session.scalar(select(at).order_by(table.id.desc()).limit(1)) for table, at in _NEWEST
    ]
    moments += (await session.execute(select(*map(func.max, _LATEST)))).one()
    for table in Leased.__subclasses__():
        held = select(func.max(table.leased_until)).where(
            table.due_at > latest, table.leased_until > latest
        )
        until = await session.scalar(held)
        moments.append(until and until - leases.LEASE)
    return max([each - now for each in moments if each is not None], default=timedelta(0))


async def set_back(session: Session, now: datetime, by: timedelta) -> None:
    """Go on where the machine's clock was set back `by` so much.

    What was written before waits that much too long. Some of it was written before the clock went
    wrong, and comes too early now, which harms nothing.
    """
    latest = now + leases.LEASE
    for table in Leased.__subclasses__():
        held = update(table).where(table.leased_until > latest)
        await session.execute(held.values(due_at=latest, leased_until=latest))
        await _sooner(session, table, table.due_at, now, by)
    await _sooner(session, Schedule, Schedule.held_until, now, by)
    for past in (Export, Payment, Task, Match, Connection):
        columns: Mapping[str, Any] = inspect(past).columns  # type: ignore[attr-defined]
        for name, column in columns.items():
            if name.endswith(("_at", "_since")) and name != "due_at":
                await session.execute(update(past).where(column > now).values({name: now}))
    await session.execute(
        update(Grant).where(Grant.lease_until > latest).values(lease_until=latest)
    )
    today = now.date()
    told = update(Subscription).where(Subscription.digest_from > today + timedelta(days=1))
    await session.execute(told.values(digest_from=today))  # else no digest comes until then


async def set_ahead(session: Session, now: datetime, by: timedelta) -> None:
    """Go on where the machine's clock jumped ahead `by` so much, to `now`.

    What was under way until then gets its whole time once more.
    """
    before, until = now - by, now + leases.LEASE
    for table in Leased.__subclasses__():
        held = update(table).where(table.leased_until > before, table.leased_until < until)
        await session.execute(held.values(leased_until=until))
    for sends in Sends.__subclasses__():
        await _send_at(session, sends, ~leases.has_ended(sends, before), now)
    refreshed = update(Grant).where(Grant.lease_until > before, Grant.lease_until < until)
    await session.execute(refreshed.values(lease_until=until))


async def _send_at(session: Session, table: Any, calls: ColumnElement[bool], at: datetime) -> None:
    """Count these calls as sent `at` that time; rows are locked in the order of their ids."""
    key = inspect(table).primary_key[0]
    own = key.in_(select(key).where(calls).order_by(key).with_for_update())
    await session.write(update(table).where(own).values(sent_at=at))


async def _sooner(session: Session, table: Any, column: Any, now: datetime, by: timedelta) -> None:
    free = or_(table.leased_until.is_(None), table.leased_until <= now)
    times = await session.scalars(
        select(column).where(column > now, free).distinct().order_by(column)
    )
    for at in times.all():
        moved = update(table).where(column == at, free).values({column: max(now, at - by)})
        await session.write(moved)


async def purge(session: Session, now: datetime) -> None:
    """Remove old drafts, and what expired: links, states, consents nobody used."""
    in_use = select(Connection.id).where(Connection.grant_id == Grant.id)
    unused = Grant.expires_at < now - _CHOICES_LIVE
    await session.execute(delete(Grant).where(unused, ~in_use.exists()))
    await session.execute(delete(Draft).where(Draft.created_at < now - _DRAFTS_LIVE))
    await session.execute(delete(SlackState).where(SlackState.expire_at <= now))
    await batches.purge(session, now - _DRAFTS_LIVE)
    await links.purge(session, now)


async def rotate(sessions: Sessions) -> int:
    """Encrypt every secret again with the first key; return how many there were.

    Rows are locked while they are read, so that a token refreshed meanwhile is not undone.
    """
    count = 0
    async with sessions.begin() as session:
        for table in Base.metadata.sorted_tables:
            keys = list(inspect(table).primary_key)
            for column in table.columns:
                if not isinstance(column.type, Secret):
                    continue
                found = await session.execute(
                    select(column, *keys).where(column.is_not(None)).with_for_update()
                )
                for value, *key in found.all():
                    same = [part == each for part, each in zip(keys, key, strict=True)]
                    await session.execute(update(table).where(*same).values({column: value}))
                    count += 1
    return count
