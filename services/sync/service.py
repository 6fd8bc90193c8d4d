"""What triggers a sweep, and what people decide about payments and deletions: rows, no calls.

Webhooks are verified, and are hints only: nothing but ids is read from them, since a replay looks
the same. Our own writes come back as hints, too; the sweep that they cause finds nothing to do.
"""

import hmac
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from services.clients.paymo.transport import PAYMO
from services.clients.rows import Kind
from services.clients.typed import decoded
from services.errors import NotFound, ServiceError, Unavailable
from services.jobs.runner import Work
from services.lifecycle import invoice
from services.lifecycle import payment as lifecycle
from services.model.connection import ConnectionState
from services.model.invoice import PaymentState
from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.model.people import Person, ReplyTarget
from services.model.wording import counted, some_of
from services.store import (
    audit,
    connections,
    exports,
    hooks,
    mirror,
    payments,
    schedules,
    settled,
)
from services.store.audit import AuditNote
from services.store.engine import Database, Session
from services.store.settled import DELETIONS, PAYMENTS, Settled, settle
from services.store.tables import Connection, Export, Payment
from services.sync.run import held_facts

_Choose = Callable[[Session, Export], Awaitable[bool]]
_FRESH = timedelta(minutes=1)  # a sweep costs calls
_MERGED = timedelta(seconds=2)
_FIRST = timedelta(milliseconds=200)  # where nothing was swept just now
_MARGIN = timedelta(milliseconds=10)
_BROUGHT_BACK = "payment_brought_back"


@dataclass(frozen=True, slots=True)
class Released:
    """What a press decided about the invoices that the breaker holds."""

    said: str
    is_over: bool  # none is held any more


@dataclass(frozen=True, slots=True)
class Asked:
    """The answer to a request for a sweep: new, under way, just done or held."""

    organisation: str
    is_fresh: bool = False
    is_under_way: bool = False
    held_until: datetime | None = None  # a limit's pause, which nobody shortens


class Named(msgspec.Struct, frozen=True):
    """The ids in a body: an invoice's or a payment's own, and a payment's invoice."""

    id: int
    invoice_id: int | None = None
    created_on: str | None = None  # only what was deleted has no more than its id

    @property
    def ids(self) -> list[int]:
        """All ids together: a sweep too many does no harm."""
        return [self.id] if self.invoice_id is None else [self.id, self.invoice_id]


NAMED = Kind(Named, "webhook's body", PAYMO)


@dataclass(frozen=True, slots=True)
class SyncService:
    """Turns what people do in Slack into rows and nudges; calls no remote system."""

    database: Database
    work: Work
    now: Callable[[], datetime]

    async def request(self, person: Person, reply_to: ReplyTarget) -> Asked:
        """Have the organisation swept now, unless that is under way or was just done."""
        now = self.now()
        async with self.database.sessions.begin() as session:
            connection = await connections.get_for_exporter(session, person)
            name = connection.organisation_name
            if connection.swept_at is not None and now - connection.swept_at < _FRESH:
                return Asked(name, is_fresh=True)
            connection_id = connection.id
            sweep = await schedules.find(session, connection_id, Job.SWEEP)
            if sweep is not None and sweep.reply_to is not None:
                return Asked(name, is_under_way=True)
            connection.xero_mirrored_at = None
            await schedules.want(session, [connection_id], [Job.SWEEP, Job.MIRROR], now)
            await schedules.expect(session, connection_id, Job.SWEEP, reply_to)
            held_until = sweep.held_until if sweep is not None else None
            if held_until is not None and held_until <= now:
                held_until = None
        await self.work.nudge(Job.SWEEP, connection_id)
        await self.work.nudge(Job.MIRROR, connection_id)
        return Asked(name, held_until=held_until)

    async def apply_breaker(
        self, person: Person, connection_id: int, shown: Collection[int] | None = None
    ) -> Released:
        """Follow Xero for those held exports that the person was shown.

        Without `shown`, the button is from before buttons named them.
        """
        return await self._release(person, connection_id, shown, is_applied=True)

    async def keep_breaker(
        self, person: Person, connection_id: int, shown: Collection[int] | None = None
    ) -> Released:
        """Keep those in Paymo, likewise."""
        return await self._release(person, connection_id, shown, is_applied=False)

    async def _release(
        self,
        person: Person,
        connection_id: int,
        shown: Collection[int] | None,
        *,
        is_applied: bool,
    ) -> Released:
        async with self.database.sessions.begin() as session:
            connection = await self._own(session, person, connection_id)
            await connections.wait_for_turn(session, connection)
            held = await exports.list_held(session, connection_id)
            if shown is None:
                shown = await _list_shown(session, connection, held)
            decided = [
                each
                for each in held
                if each.id in shown and await _decide(session, each, is_applied=is_applied)
            ]
            rest = [each for each in held if each.id not in shown]
            connection.is_paused = bool(rest)
            what = "breaker_applied" if is_applied else "breaker_kept"
            await self._note(session, connection, decided, person, what)
            done = _done_text(len(decided) if rest else 0, is_applied=is_applied)
            over = Settled((NoticeKind.SYNC_PAUSED,), person.user_id, done)
            await self._redraw(session, connection, over, rest, is_in_part=bool(decided))
        await self.work.nudge(Job.SWEEP, connection_id)
        if not decided and not rest:
            return Released(await self._who_decided(connection), is_over=True)
        numbers = ", ".join(each.number for each in decided)
        said = (
            f"Paymo now follows Xero for {numbers}." if is_applied else f"Kept in Paymo: {numbers}."
        )
        if rest:
            said = f"{said if decided else 'Nothing decided.'} {_left_text(rest)}"
        return Released(said, is_over=not rest)

    async def _redraw(
        self,
        session: Session,
        connection: Connection,
        over: Settled,
        rest: Sequence[Export],
        *,
        is_in_part: bool,
    ) -> None:
        """End the question, or have it ask about the rest and say what was decided."""
        now = self.now()
        if not rest:
            await settle(session, connection, over, now)
            return
        facts = held_facts(rest)
        if is_in_part:
            facts["earlier"] = {"by": over.by, "what": over.what, "at": now.isoformat()}
        await settled.renew(session, connection, NoticeKind.SYNC_PAUSED, facts, now)

    async def _who_decided(self, connection: Connection) -> str:
        async with self.database.sessions() as session:
            deeds = [
                await audit.find_last(session, connection, each)
                for each in ("breaker_applied", "breaker_kept")
            ]
        made = sorted((each for each in deeds if each), key=lambda each: each.id)
        return audit.said_of(made) or "Somebody already decided."

    async def bring_back(self, person: Person, payment_id: int) -> str:
        """Record in Paymo a payment that is left out: deleted there, or asked about."""
        async with self.database.sessions.begin() as session:
            payment = await payments.find(session, payment_id)
            if payment is None:
                raise NotFound("We no longer know this payment.")
            connection = await self._own(session, person, payment.connection_id)
            if payment.state is PaymentState.REMOVED:
                raise ServiceError("Nothing to do: this payment is deleted in Xero, too.")
            if not await lifecycle.bring_back(session, payment, self.now()):
                raise ServiceError(await _why_not_brought_back(session, payment))
            export = await exports.get(session, payment.export_id)
            about = {"payment_id": payment_id}
            await self._note(session, connection, [export], person, _BROUGHT_BACK, **about)
            said = Settled(PAYMENTS, person.user_id, "brought it back", export.id, payment_id)
            await settle(session, connection, said, self.now())
        await self.work.nudge(Job.SWEEP, connection.id)
        return f"The payment on invoice {export.number} is on its way to Paymo."

    async def delete_in_paymo(self, person: Person, export_id: int) -> str:
        """Delete in Paymo an invoice that is deleted or void in Xero, whatever stands there."""
        number = await self._choose(
            person, export_id, invoice.choose_deletion, "deletion_confirmed"
        )
        return f"Invoice {number} will be deleted in Paymo."

    async def void_in_paymo(self, person: Person, export_id: int) -> str:
        """Void in Paymo an invoice that is deleted or void in Xero, so that it keeps its ties."""
        number = await self._choose(person, export_id, invoice.choose_voiding, "void_chosen")
        return f"Invoice {number} will be voided in Paymo."

    async def _choose(self, person: Person, export_id: int, choose: _Choose, what: str) -> str:
        """Note what a person has chosen, and return the invoice's number."""
        async with self.database.sessions.begin() as session:
            export, connection = await exports.get_here(
                session, person, export_id, called="invoice"
            )
            if not await choose(session, export):
                why = f"Nothing to do: invoice {export.number} is already settled."
                kinds = ("deletion_confirmed", "void_chosen", "restored")
                raise ServiceError(await audit.last_deed(session, export.id, *kinds) or why)
            await self._note(session, connection, [export], person, what)
            done = "voided it in Paymo" if what == "void_chosen" else "deleted it in Paymo"
            said = Settled(DELETIONS, person.user_id, done, export.id)
            await settle(session, connection, said, self.now())
        await self.work.nudge(Job.SWEEP, connection.id)
        return export.number

    async def _own(self, session: Session, person: Person, connection_id: int) -> Connection:
        found = await connections.get_here(session, person, connection_id)
        return connections.require_ready(found)

    async def _note(
        self,
        session: Session,
        connection: Connection,
        decided: Sequence[Export],
        person: Person,
        what: str,
        **about: int,
    ) -> None:
        """Note who decided what, and have the next sweep follow it."""
        for export in decided:
            entry = AuditNote(what, self.now(), person.user_id, export.id, after=about)
            audit.record(session, connection, entry)
        await schedules.want(session, [connection.id], [Job.SWEEP], self.now())


async def _why_not_brought_back(session: Session, payment: Payment) -> str:
    """Say who brought this payment back before, and when, where somebody did."""
    deeds = [
        each
        for each in await audit.list_of(session, payment.export_id)
        if each.what == _BROUGHT_BACK and each.after.get("payment_id") == payment.id
    ]
    return audit.said_of(deeds) or "Nothing to do: the payment is already where it belongs."


async def _list_shown(
    session: Session, connection: Connection, held: Sequence[Export]
) -> Sequence[int]:
    """Return what a button without ids was drawn for: nothing if its message was drawn since."""
    asked = await settled.list_asked(session, connection, NoticeKind.SYNC_PAUSED)
    is_drawn_since = any("export_ids" in each.facts for each in asked)
    return [] if is_drawn_since else [each.id for each in held]


def _done_text(count: int, *, is_applied: bool) -> str:
    """Say what was decided: about so many of the invoices, or, with 0, about all of them."""
    some = counted(count, "invoice") if count else ""
    if is_applied:
        return f"followed Xero for {some}" if some else "followed Xero"
    return f"kept {some or 'them'} in Paymo"


def _left_text(rest: Sequence[Export]) -> str:
    """Say what a press left alone, since its button wasn't drawn for that."""
    numbers, wait = some_of([each.number for each in rest]), "waits" if len(rest) == 1 else "wait"
    return f"This button didn't cover {numbers}, which still {wait} for a decision."


async def _decide(session: Session, export: Export, *, is_applied: bool) -> bool:
    """Say whether this press decided; of two people, one does."""
    if not is_applied:
        return await invoice.keep(session, export)
    if export.xero_seen_status == invoice.VOIDED:
        return await invoice.apply_voiding(session, export)
    return await invoice.apply_deletion(session, export)


@dataclass(frozen=True, slots=True)
class HintService:
    """Queues sweeps and copies; nothing is believed that a hint says.

    `wake` has a row looked at after a while; without it, the clock finds what is due.
    """

    database: Database
    now: Callable[[], datetime]
    wake: Callable[[Job, int, timedelta], None] | None = None

    async def from_xero(self, named: Mapping[str, Collection[str]]) -> None:
        """Queue a sweep where Xero tells of something that is known, by tenant and Xero's ids.

        Hints that come close together are one sweep, and many sweeps are two seconds apart. A
        payment that is new comes with its invoice.
        """
        now, wanted = self.now(), dict[int, datetime]()
        async with self.database.sessions.begin() as session:
            found = await connections.list_by_tenants(session, list(named))
            ids = [each.id for each in found]
            await hooks.note_heard(session, Connection.xero_hooked_at, ids, now)
            for each in found:
                if await payments.are_any_known(session, each, named[each.tenant_id]):
                    wanted[each.id] = _soon_after(each.swept_at, now)
            for connection_id, at in sorted(wanted.items()):
                await schedules.want(session, [connection_id], [Job.SWEEP], at)
        for connection_id, at in wanted.items():
            if self.wake is not None:
                self.wake(Job.SWEEP, connection_id, at - now + _MARGIN)

    async def from_paymo(self, token: str, signature: str, body: bytes) -> bool:
        """Queue what a webhook of Paymo's names; False when it is not Paymo's."""
        async with self.database.sessions() as session:
            # Whoever is not Paymo costs one read, and waits for nobody who writes.
            connection = await hooks.find(session, token)
        if not _is_signed(connection, token, signature, body) or connection is None:
            return False
        named = _read(body)
        if named is not None and connection.state is ConnectionState.ACTIVE:
            async with self.database.sessions.begin() as session:
                await self._queue(session, connection, named)
        return True

    async def _queue(self, session: Session, connection: Connection, named: Named) -> None:
        """Ask Xero only where an exported invoice is concerned: its calls are counted."""
        watched = await exports.list_watched_ids(session, connection, named.ids)
        listed = await mirror.find_header(session, connection.id, named.id)
        is_gone = named.created_on is None and listed is not None
        heard = [connection.id]
        await hooks.note_heard(session, Connection.paymo_hooked_at, heard, self.now())
        # The connection is written first, as everywhere, so that two never wait for one another.
        await hooks.queue(
            session, connection, self.now() + _MERGED, sweep=bool(watched), in_full=is_gone
        )
        await exports.uncheck(session, watched)


def _soon_after(swept_at: datetime | None, now: datetime) -> datetime:
    earliest = now + _FIRST
    return earliest if swept_at is None else min(max(earliest, swept_at + _MERGED), now + _MERGED)


def _is_signed(connection: Connection | None, token: str, signature: str, body: bytes) -> bool:
    """Compare in the same time whether the token is known or not, and where they differ."""
    secret = connection.paymo_hook_secret if connection is not None else None
    made = hmac.digest((secret or token).encode(), body, "sha1").hex()
    is_same = hmac.compare_digest(f"sha1={made}".encode(), signature.encode())
    return is_same and secret is not None


def _read(body: bytes) -> Named | None:
    try:
        found = decoded(body, PAYMO)
    except Unavailable:
        return None
    # Paymo writes the id of what was deleted as a number or as text.
    named = NAMED.row(found) if isinstance(found, dict) else None
    return named if isinstance(named, Named) else None
