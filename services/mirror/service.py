"""Copies both systems' lists into the local mirror, which menus and checks read."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from services.clients.paymo import PaymoClient, PaymoClients
from services.clients.paymo import wire as paymo_wire
from services.clients.paymo.transport import Progress
from services.clients.rows import texts_of
from services.clients.xero import XeroClients
from services.errors import (
    Lost,
    NotConnected,
    ServiceError,
    StillUnderWay,
    Throttled,
    Unavailable,
)
from services.jobs import policy
from services.jobs.policy import HOOK
from services.jobs.runner import ScheduledStep, Turn
from services.lifecycle.connection import mark_broken
from services.lifecycle.task import TaskRequest, ask
from services.mirror import lists
from services.mirror.hooks import Hooks
from services.mirror.lists import client_row
from services.model import chunks
from services.model.invoice import ISSUED_IN_PAYMO
from services.model.jobs import Job
from services.store import batches, connections, exports, mirror, people, schedules, tables
from services.store.engine import Database, Session
from services.store.tables import Connection, Schedule

log = structlog.get_logger(__name__)

_EVERY = timedelta(minutes=5)
_XERO_EVERY = timedelta(hours=1)
_PAYMO_IN_FULL_EVERY = timedelta(hours=1)
_AFTER_TROUBLE = timedelta(minutes=1)
_SOON = timedelta(seconds=10)
_PATIENCE = timedelta(minutes=1)  # for Paymo's limit, in one go at the copying
_INVOICES = "invoices in Paymo"
_OVERLAP = timedelta(minutes=5)
_AT_ONCE = 500  # invoices in one statement
_DRAFT = "draft"


@dataclass(frozen=True, slots=True)
class MirrorService(ScheduledStep):
    """Keeps the mirror fresh: by the clock, and out of turn when somebody needs it now.

    `ledger_read_at` and `progress` are what this process knows of its own reading, by connection.
    `read_names` has the contacts' names read by whoever recognises clients by them.
    `webhook_address` is where Paymo's webhooks are received, "" where Paymo cannot reach us.
    """

    job = Job.MIRROR
    policy = policy.MIRROR

    database: Database
    paymo: PaymoClients
    xero: XeroClients
    read_names: Callable[[Session, int], Awaitable[object]]
    now: Callable[[], datetime]
    ledger_read_at: dict[tuple[int, bool], datetime] = field(default_factory=dict)
    progress: dict[int, tuple[datetime, Progress]] = field(default_factory=dict)
    webhook_address: str = ""
    hooks_waits: dict[int, "_Wait"] = field(default_factory=dict)

    async def run(self, turn: Turn[Schedule]) -> None:
        """Copy what is due of both sides, and say when the next copy is due."""
        connection = await connections.load(self.database, turn.row.connection_id)
        outcome = _Outcome(pause=_EVERY)
        for copy in (self._copy_xero, self._copy_paymo, self._keep_hooks):
            await self._tried(connection, outcome, copy)
        async with self.database.sessions.begin() as session:
            if not await schedules.conclude(
                session,
                turn.row,
                self.now() + outcome.pause,
                problem=" ".join(outcome.problems),
                is_held=outcome.is_limited,
            ):
                raise Lost
            row = await connections.get(session, connection.id)
            for name, value in outcome.done.items():
                setattr(row, name, value)

    async def _tried(self, connection: Connection, outcome: "_Outcome", copy: "_Copy") -> None:
        """Copy one side; its failure doesn't affect the other."""
        try:
            outcome.done |= await copy(connection)
        except Throttled as refusal:
            outcome.put_off(max(refusal.retry_after, _SOON), str(refusal))
            outcome.is_limited = True
        except NotConnected as refusal:
            async with self.database.sessions.begin() as session:
                is_broken = await mark_broken(session, connection.id, refusal, self.now())
            outcome.put_off(_XERO_EVERY if is_broken else _SOON, str(refusal))
        except _Waits as refusal:
            outcome.wait_for(refusal.until - self.now(), str(refusal))
        except ServiceError as refusal:
            outcome.put_off(_AFTER_TROUBLE, str(refusal))
            log.warning("mirror_failed", connection=connection.id, refusal=refusal)

    async def _keep_hooks(self, connection: Connection) -> dict[str, Any]:
        """Keep Paymo's webhooks; what does not pass is tried less often, and still said."""
        wait = self.hooks_waits.get(connection.id, _Wait(self.now()))
        if self.now() < wait.until:
            raise _Waits(wait)
        try:
            await Hooks(self.database, self.paymo, self.webhook_address, self.now).keep(connection)
        except (StillUnderWay, Unavailable) as refusal:
            tries = wait.tries + 1
            until = self.now() + HOOK.pause_after(tries)
            if isinstance(refusal, StillUnderWay):
                until = refusal.until
            self.hooks_waits[connection.id] = wait = _Wait(until, tries, str(refusal))
            log.warning("mirror_failed", connection=connection.id, refusal=refusal)
            raise _Waits(wait) from refusal
        self.hooks_waits.pop(connection.id, None)
        return {}

    async def refresh_ledger(
        self, connection: Connection, *, at_most_old: timedelta, of_copied: bool = False
    ) -> None:
        """Copy accounts, tax rates, currencies and lock dates that are older than this.

        Where only invoices matter whose heads are copied, their currencies are mostly known: Xero
        is asked for its list only if one isn't, for somebody may just have enabled it.
        """
        now = self.now()
        read_at = self.ledger_read_at.get((connection.id, of_copied))
        if read_at is not None and read_at <= now < read_at + at_most_old:
            return
        async with self.database.sessions() as session:
            is_whole = not of_copied or await batches.lacks_currency(session, connection.id)
        xero = self.xero.of(connection)
        await lists.copy_settings(self.database, xero, connection.id, now, is_whole=is_whole)
        self.ledger_read_at[connection.id, True] = now
        if is_whole:
            self.ledger_read_at[connection.id, False] = now

    async def refresh_contacts(self, connection: Connection) -> None:
        """Copy what changed of Xero's contacts now, or all of them after a night."""
        xero = self.xero.of(connection)
        await lists.copy_contacts(self.database, xero, connection.id, self.now())
        # Whoever asks about a client next should not wait until all names are read.
        async with self.database.sessions() as session:
            await self.read_names(session, connection.id)

    async def refresh_invoices(self, connection: Connection) -> None:
        """Copy the heads of Paymo's invoices that changed since the last time."""
        async with self.database.sessions() as session:
            newest = await mirror.newest_header(session, connection.id)
        since = newest - _OVERLAP if newest is not None else None
        paymo = self.paymo.client(connection.paymo_api_key)
        rows = [_header_row(each) for each in await paymo.headers(updated_since=since)]
        async with self.database.sessions.begin() as session:
            row = await connections.get(session, connection.id)
            read = {str(each["invoice_id"]) for each in rows}
            mirror.merge_left_out(row, _INVOICES, texts_of(paymo.left_out), read)
            await self._note_news(session, row, rows, is_whole=False)
            if await mirror.put_changed_headers(session, connection.id, rows):
                await people.outdate(session, row, self.now())

    async def _copy_xero(self, connection: Connection) -> dict[str, Any]:
        copied = connection.xero_mirrored_at
        now = self.now()
        if not connection.tenant_id or connection.grant_id is None:
            return {}
        if copied is not None and now - copied < _XERO_EVERY:
            return {}
        xero = self.xero.of(connection)
        if xero.allowance.is_short and connection.contacts_whole_at is not None:
            return {}  # what is left of the day's calls is kept for exports
        await self.refresh_ledger(connection, at_most_old=timedelta(0))
        await self.refresh_contacts(connection)
        return {"xero_mirrored_at": now}

    async def _copy_paymo(self, connection: Connection) -> dict[str, Any]:
        if connection.paymo_api_key is None:
            return {}
        now = self.now()
        paymo = self.paymo.client(connection.paymo_api_key, patience=_PATIENCE)
        async with self.database.sessions() as session:
            known = await mirror.list_ids(session, connection.id, tables.Client)
        clients = [client_row(each) for each in await paymo.clients(known)]
        async with self.database.sessions.begin() as session:
            row = await connections.get(session, connection.id)
            odd = texts_of(paymo.left_out)
            mirror.note_left_out(row, "clients in Paymo", odd)
            gone = lists.expected(known, odd)
            await mirror.replace(session, connection.id, tables.Client, clients, gone)
        copied = connection.paymo_mirrored_at
        if copied is None or now - copied >= _PAYMO_IN_FULL_EVERY:
            await self._copy_headers(connection, paymo)
            return {"paymo_mirrored_at": now}
        await self.refresh_invoices(connection)
        return {}

    async def _copy_headers(self, connection: Connection, paymo: PaymoClient) -> None:
        """Copy the heads of all invoices; where Paymo makes us wait, what was read is kept."""
        progress = self._progress_of(connection)
        async with self.database.sessions() as session:
            progress.known = await mirror.list_ids(session, connection.id, tables.InvoiceHeader)
        try:
            found = await paymo.headers(progress=progress)
        except (Throttled, Unavailable) as refusal:
            rows = [_header_row(each) for each in progress.found.values()]
            async with self.database.sessions.begin() as session:
                row = await connections.get(session, connection.id)
                await self._note_news(session, row, rows, is_whole=False)
                await mirror.put(session, connection.id, tables.InvoiceHeader, rows)
            raise _slowed(refusal, len(rows)) from refusal
        del self.progress[connection.id]
        rows = [_header_row(each) for each in found]
        async with self.database.sessions.begin() as session:
            row = await connections.get(session, connection.id)
            odd = texts_of(progress.left_out)
            mirror.note_left_out(row, _INVOICES, odd)
            await self._note_news(session, row, rows, is_whole=True)
            gone = lists.expected(progress.known, odd)
            if await mirror.replace(session, connection.id, tables.InvoiceHeader, rows, gone):
                await people.outdate(session, row, self.now())

    async def _note_news(
        self,
        session: Session,
        connection: Connection,
        rows: Sequence[dict[str, Any]],
        *,
        is_whole: bool,
    ) -> None:
        """Note what became sent, and what was edited, before these heads are put in their place."""
        await _note_sent(session, connection, rows, self.now())
        await _note_edited(session, connection, rows, is_whole=is_whole)

    def _progress_of(self, connection: Connection) -> Progress:
        """How far this process had read, unless that is too long ago to go on with."""
        key, now = connection.id, self.now()
        begun_at, progress = self.progress.get(key, (now, Progress()))
        if now - begun_at > _PAYMO_IN_FULL_EVERY:
            begun_at, progress = now, Progress()
        self.progress[key] = begun_at, progress
        return progress


@dataclass(frozen=True, slots=True)
class _Wait:
    """Until when something isn't tried again, how often it was, and why."""

    until: datetime
    tries: int = 0
    reason: str = ""


class _Waits(ServiceError):
    """A side's own pause between tries: it is shown, and lengthens no other pause."""

    def __init__(self, wait: _Wait) -> None:
        """Keep until when it waits."""
        super().__init__(wait.reason)
        self.until = wait.until


@dataclass(slots=True)
class _Outcome:
    """How the copying went, both sides together."""

    pause: timedelta
    done: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    is_limited: bool = False  # then nobody shortens the pause

    def put_off(self, pause: timedelta, why: str) -> None:
        """Come again after this long; of two pauses the longer one counts, as a limit's must."""
        self.pause = max(self.pause, pause) if self.problems else pause
        self.problems.append(why)

    def wait_for(self, pause: timedelta, why: str) -> None:
        """Come again that soon, unless something else asked for a pause."""
        self.pause = self.pause if self.problems else min(self.pause, pause)
        self.problems.append(why)


_Copy = Callable[[Connection], Awaitable[dict[str, Any]]]


def _slowed(refusal: Throttled | Unavailable, count: int) -> ServiceError:
    """The refusal that says how far the copying has come."""
    said = f"Copied {count} of Paymo's invoices so far; the rest follows. {refusal}"
    if isinstance(refusal, Throttled):
        return Throttled(said, retry_after=refusal.retry_after, problem=refusal.problem)
    return Unavailable(said, has_answered=refusal.has_answered)


def _header_row(header: paymo_wire.Header) -> dict[str, Any]:
    return {
        "invoice_id": header.id,
        "number": header.number,
        "client_id": header.client_id,
        "status": header.status,
        "currency": header.currency,
        "issued_on": header.issued_on,
        "total": header.total,
        "updated_on": header.updated_on,
    }


async def _note_edited(
    session: Session, connection: Connection, rows: Sequence[dict[str, Any]], *, is_whole: bool
) -> None:
    """Have exported invoices checked next that changed, or that the list no longer holds.

    Nothing is read for it: the list is copied all the same. What the list cannot tell, such as the
    copy of a payment that somebody deleted, is found when the invoice's turn comes.
    """
    fresh = {row["invoice_id"]: row["updated_on"] for row in rows}
    for part in [None] if is_whole else chunks(list(fresh), _AT_ONCE):
        copied = await exports.list_copied(session, connection, part)
        due = [export_id for export_id, invoice_id, at in copied if fresh.get(invoice_id) != at]
        for some in chunks(due, _AT_ONCE):
            await exports.uncheck(session, some)


async def _note_sent(
    session: Session, connection: Connection, rows: Sequence[dict[str, Any]], now: datetime
) -> None:
    """Have those exported that became sent, where automatic export is on.

    One that is paid by now went out as well. Nothing that was sent before it was switched on
    counts, nor what an empty mirror cannot tell. When that was by Paymo's clock nobody knows; with
    the first copy after it, Paymo's own times begin to count.
    """
    since = connection.auto_export_from or connection.auto_export_since
    if not connection.auto_export or since is None:
        return
    newest = await mirror.newest_header(session, connection.id)
    if newest is None:
        return
    if connection.auto_export_from is None:
        connection.auto_export_from = max([newest, *(row["updated_on"] for row in rows)])
    sent = [row for row in rows if row["status"] in ISSUED_IN_PAYMO and row["updated_on"] >= since]
    ids = [row["invoice_id"] for row in sent]
    known = await mirror.statuses(session, connection.id, ids)
    for invoice_id in ids:
        if known.get(invoice_id, _DRAFT) == _DRAFT:
            await ask(session, connection, TaskRequest(Job.AUTO, str(invoice_id), now))
